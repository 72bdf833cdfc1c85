// What every function finds: the language without clocks, chance, text as code and shared memory. All of
// it is frozen, so that no call can leave anything for the next.
(function () {
  "use strict";
  const world = globalThis;
  const apply = Reflect.apply;
  const refuse = (what, why) =>
    function () {
      throw new Error(`${what} is not there: ${why}`);
    };
  const same = "a function gives the same for the same values; pass it as an argument";
  const hide = (object, name, value) =>
    Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });

  // Text as code.
  const code = refuse("code from text", "write it into the function");
  code.prototype = Function.prototype;
  const kinds = [function () {}, function* () {}, async function () {}, async function* () {}];
  for (const kind of kinds) {
    Object.defineProperty(Object.getPrototypeOf(kind), "constructor", { value: code });
  }
  hide(world, "Function", code);
  hide(world, "eval", code);

  // Chance and clocks.
  hide(Math, "random", refuse("Math.random", same));
  const Clock = Date;
  const proto = Clock.prototype;
  const now = refuse("the clock", same);
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$|^[+-]?\d{4,6}(?:-\d\d){0,2}$/;
  const parse = (text) => {
    if (!zoned.test(text)) throw new Error(`the time ${text} has no zone: write Z or an offset behind it`);
    return Clock.parse(text);
  };
  function UtcDate(...parts) {
    if (new.target === undefined || parts.length === 0) now();
    let time = parts.length > 1 ? Clock.UTC(...parts) : parts[0];
    time = typeof time === "string" ? parse(time) : Number(time);
    return Reflect.construct(Clock, [time], new.target);
  }
  UtcDate.prototype = proto;
  hide(UtcDate, "name", "Date");
  hide(UtcDate, "UTC", Clock.UTC);
  hide(UtcDate, "parse", (text) => parse(String(text)));
  hide(UtcDate, "now", now);
  hide(proto, "constructor", UtcDate);
  hide(world, "Date", UtcDate);
  for (const part of ["Date", "Day", "FullYear", "Hours", "Milliseconds", "Minutes", "Month", "Seconds"]) {
    hide(proto, "get" + part, proto["getUTC" + part]);
    if (part !== "Day") hide(proto, "set" + part, proto["setUTC" + part]);
  }
  const local = ["toString", "toDateString", "toTimeString"];
  for (const name of [...local, "toLocaleString", "toLocaleDateString", "toLocaleTimeString"]) {
    hide(proto, name, proto.toUTCString);
  }
  hide(proto, "getTimezoneOffset", () => 0);

  const gone = ["Promise", "queueMicrotask", "Atomics", "SharedArrayBuffer", "WeakRef", "performance"];
  for (const name of [...gone, "FinalizationRegistry", "Proxy", "gc"]) delete world[name];
  for (const name of ["prepareStackTrace", "stackTraceLimit"]) delete Error[name];

  // What is built in goes over holes without looking at the time.
  const MOST = 1000000;
  const sized = (list) => {
    if (Array.isArray(list) && list.length > MOST) {
      throw new RangeError(`an array of ${list.length} elements is too long; ${MOST} at most`);
    }
  };
  for (const name of Reflect.ownKeys(Array.prototype)) {
    const method = Array.prototype[name];
    if (typeof method !== "function" || ["constructor", "push", "pop", "at"].includes(name)) continue;
    hide(Array.prototype, name, {
      [name](...given) {
        if (!Array.isArray(this)) throw new TypeError("this takes arrays; make one by Array.from");
        sized(this);
        for (let i = 0; i < given.length; i++) sized(given[i]);
        return apply(method, this, given);
      },
    }[name]);
  }
  const stringify = JSON.stringify;
  hide(JSON, "stringify", (value, replacer, space) => {
    sized(replacer);
    return stringify(value, replacer, space);
  });

  // What is frozen in a prototype could not be set in an object either.
  const settable = (object) => {
    for (const name of Reflect.ownKeys(object)) {
      const own = Object.getOwnPropertyDescriptor(object, name);
      if (!("value" in own) || !own.configurable) continue;
      Object.defineProperty(object, name, {
        get: () => own.value,
        set(value) {
          if (this === object) throw new TypeError("what is built in cannot be changed");
          Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true });
        },
        configurable: true,
        enumerable: own.enumerable,
      });
    }
  };
  settable(Object.prototype);
  for (const name of Object.getOwnPropertyNames(world)) {
    const known = world[name];
    if (typeof known === "function" && (known === Error || Object.getPrototypeOf(known) === Error)) {
      settable(known.prototype);
    }
  }

  const seen = new Set([world]);
  const freeze = (thing) => {
    if (thing === null || (typeof thing !== "object" && typeof thing !== "function")) return;
    if (seen.has(thing)) return;
    seen.add(thing);
    Object.freeze(thing);
    for (const name of Reflect.ownKeys(thing)) {
      const own = Object.getOwnPropertyDescriptor(thing, name);
      freeze(own.value);
      freeze(own.get);
      freeze(own.set);
    }
    freeze(Object.getPrototypeOf(thing));
  };
  for (const name of Reflect.ownKeys(world)) freeze(Object.getOwnPropertyDescriptor(world, name).value);
  for (const kind of kinds) {
    freeze(Object.getPrototypeOf(kind));
    freeze(kind.prototype && Object.getPrototypeOf(kind.prototype));
  }
  const iterated = [[], "", new Map(), new Set()];
  for (const thing of iterated) freeze(Object.getPrototypeOf(thing[Symbol.iterator]()));
  freeze(Object.getPrototypeOf("".matchAll(/x/g)));
  freeze(Object.getPrototypeOf([].values().map((x) => x)));
  freeze(Object.getPrototypeOf(Iterator.from({ next() {} })));
})();
