use crate::{Fault, FaultKind, Script, Signature};
use proptest::prelude::*;
use tagwerk_env::Env;
use tagwerk_model::{DataType, Value, ValueRef};

fn script(arguments: &[DataType], returns: DataType, source: &str) -> Result<Script, Fault> {
    let signature = Signature { arguments: arguments.to_vec(), returns };
    Script::compile(Env::system().clock, "f", source, signature)
}

fn run(returns: DataType, source: &str) -> Result<Option<Value>, Fault> {
    script(&[], returns, source)?.call(&[])
}

#[track_caller]
fn check(returns: DataType, body: &str, gives: Value) {
    let made = run(returns, &format!("function f() {{ {body} }}"));
    assert_eq!(made, Ok(Some(gives)), "{body}");
}

#[track_caller]
fn check_fault(source: &str, kind: FaultKind, says: &str, line: Option<u32>) {
    let fault = run(DataType::Float64, source).expect_err(source);
    assert_eq!(fault.kind, kind, "{source}: {fault:?}");
    assert!(fault.message.contains(says), "{source}: {fault:?}");
    if let Some(line) = line {
        assert_eq!(fault.place.map(|place| place.0), Some(line), "{source}: {fault:?}");
    }
}

#[test]
fn numbers_texts_and_bytes_come_back() {
    use DataType::*;
    let echo = |of, value: ValueRef<'_>| {
        let made = script(&[of], of, "function f(x) { return x }").unwrap();
        made.call(&[Some(value)]).unwrap().unwrap()
    };
    for number in [i64::MIN, -1, 0, 9_007_199_254_740_993, i64::MAX] {
        assert_eq!(echo(Int64, ValueRef::I64(number)), Value::I64(number));
    }
    for number in [0, u64::MAX, 1 << 63, (1 << 53) + 1] {
        assert_eq!(echo(Uint64, ValueRef::U64(number)), Value::U64(number));
    }
    assert_eq!(echo(Bool, ValueRef::Bool(true)), Value::Bool(true));
    for text in ["", "grün 🏭 \0 end", "a\u{301}"] {
        assert_eq!(echo(Text, ValueRef::Text(text)), Value::Text(text.into()));
    }
    assert_eq!(echo(Bytes, ValueRef::Bytes(&[0, 255, 7])), Value::Bytes([0, 255, 7].into()));
}

#[test]
fn types_are_kept_exactly() {
    check(DataType::Int64, "return 2n ** 53n + 1n", Value::I64(9_007_199_254_740_993));
    check(DataType::Int64, "return 7", Value::I64(7));
    check(DataType::Uint64, "return 2n ** 64n - 1n", Value::U64(u64::MAX));
    check(DataType::Float64, "return 3n", Value::F64(3.0));
    check(DataType::Bytes, "return new Uint8Array([1, 2])", Value::Bytes([1, 2].into()));
    for (returns, given) in [
        (DataType::Int64, "2n ** 63n"),
        (DataType::Int64, "2 ** 60"),
        (DataType::Int64, "1.5"),
        (DataType::Uint64, "-1n"),
        (DataType::Uint64, "2n ** 64n"),
        (DataType::Float64, "2n ** 53n + 1n"),
        (DataType::Float64, "1 / 0"),
        (DataType::Float64, "'1'"),
        (DataType::Float64, "[1]"),
        (DataType::Bool, "1"),
        (DataType::Text, "'\\ud800'"),
        (DataType::Text, "'x'.repeat(65537)"),
        (DataType::Bytes, "'x'"),
    ] {
        let made = run(returns, &format!("function f() {{ return {given} }}"));
        let fault = made.expect_err(given);
        assert_eq!(fault.kind, FaultKind::Value, "{given}: {fault:?}");
    }
    for nothing in ["return null", "return undefined", "return NaN", ""] {
        let made = run(DataType::Float64, &format!("function f() {{ {nothing} }}"));
        assert_eq!(made, Ok(None), "{nothing}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    check_fault("function f() {\n  return 1 +\n}", FaultKind::Text, "", Some(3));
    check_fault("function g() { return 1 }", FaultKind::Text, "no function f", None);
    check_fault("const f = 3", FaultKind::Text, "no function f", None);
    check_fault("function f() {}\nboom()", FaultKind::Thrown, "boom", Some(2));
    check_fault("function f() { return 1 }})(), (() => {", FaultKind::Text, "", Some(1));
    check_fault("import x from 'y'\nfunction f() { return 1 }", FaultKind::Text, "", None);
    let thrown = "function f() {\n  const x = 1\n  throw new Error('too wet')\n}";
    check_fault(thrown, FaultKind::Thrown, "too wet", Some(3));
    check_fault("function f() { throw 'plainly' }", FaultKind::Thrown, "plainly", None);
    check_fault("function f() { return x }", FaultKind::Thrown, "x is not defined", Some(1));
    check_fault("async function f() { return 1 }", FaultKind::Value, "a promise", None);
    check_fault("function f() { y = 1 }", FaultKind::Thrown, "y", Some(1));
}

#[test]
fn a_call_ends() {
    for endless in [
        "while (true) {}",
        "for (;;) { try { f.x.y } catch {} }",
        "while (true) { try { while (true) {} } finally { continue } }",
        "return /^(a+)+$/.test('a'.repeat(40) + 'b')",
        "return /(.*)*\\1x/.test('abcabcabc'.repeat(50))",
        "return [1].map(function g() { while (true) {} })",
        "return [3, 2, 1].sort(() => { for (;;) {} })",
        "function* g() { while (true) yield 1 } return Array.from(g(), () => { for (;;) {} })",
    ] {
        check_fault(&format!("function f() {{ {endless} }}"), FaultKind::Late, "100ms", None);
    }
    check_fault("while (true) {}\nfunction f() {}", FaultKind::Late, "100ms", None);
}

#[test]
fn memory_and_stack_are_bounded() {
    let bombs = [
        "const all = []; while (true) all.push(new Array(1000).fill(1))",
        "let s = 'x'; while (true) { s += s; s.codePointAt(s.length - 1); s = s.split('').join('') }",
        "return new Uint8Array(1 << 30).length",
        "return 'x'.repeat(1 << 29).length",
    ];
    for bomb in bombs {
        let made = run(DataType::Float64, &format!("function f() {{ {bomb} }}"));
        let fault = made.expect_err(bomb);
        let known = matches!(fault.kind, FaultKind::Memory | FaultKind::Late);
        assert!(known, "{bomb}: {fault:?}");
    }
    check_fault("function f() { return f() }", FaultKind::Thrown, "stack", None);
    check_fault(
        "function f() { return JSON.parse('['.repeat(1000000)) }",
        FaultKind::Thrown,
        "",
        None,
    );
    for holes in
        ["new Array(4294967295).indexOf(1)", "Array.prototype.indexOf.call({length: 2**53 - 1}, 1)"]
    {
        check_fault(
            &format!("function f() {{ return {holes} }}"),
            FaultKind::Thrown,
            "array",
            None,
        );
    }
}

#[test]
fn an_engine_goes_on_after_a_fault() {
    let made = script(
        &[DataType::Float64],
        DataType::Float64,
        "function f(x) { if (x === 1) while (true) {}\n if (x === 2) { const a = []; for (;;) a.push('x'.repeat(100) + a.length) }\n return x }",
    )
    .unwrap();
    let call = |x| made.call(&[Some(ValueRef::F64(x))]);
    assert_eq!(call(0.5), Ok(Some(Value::F64(0.5))));
    assert_eq!(call(1.0).unwrap_err().kind, FaultKind::Late);
    assert_eq!(call(3.0), Ok(Some(Value::F64(3.0))));
    assert!(matches!(call(2.0).unwrap_err().kind, FaultKind::Memory | FaultKind::Late));
    assert_eq!(call(4.0), Ok(Some(Value::F64(4.0))));
}

#[test]
fn nothing_is_remembered_and_nothing_is_outside() {
    let made = script(
        &[],
        DataType::Float64,
        "let count = 0; const seen = []; function f() { seen.push(1); return ++count + seen.length }",
    )
    .unwrap();
    for _ in 0..3 {
        assert_eq!(made.call(&[]), Ok(Some(Value::F64(2.0))));
    }
    for change in [
        "globalThis.x = 1",
        "Array.prototype.x = 1",
        "Object.prototype.x = 1",
        "Math.x = 1",
        "Error.stackTraceLimit = 3",
        "Object.getPrototypeOf((function* () {})()).next = 1",
        "Object.getPrototypeOf([].values()).next = 1",
        "Object.prototype.toString = 1",
        "Map.prototype.get = 1",
    ] {
        check_fault(&format!("function f() {{ {change}; return 1 }}"), FaultKind::Thrown, "", None);
    }
    for (what, says) in [
        ("Math.random()", "Math.random is not there"),
        ("Date.now()", "the clock is not there"),
        ("new Date()", "the clock is not there"),
        ("Date()", "the clock is not there"),
        ("new Date('2026-01-01T00:00')", "no zone"),
        ("eval('1')", "code from text is not there"),
        ("new Function('return 1')()", "code from text is not there"),
        ("(() => {}).constructor('return 1')()", "code from text is not there"),
        ("(function* () {}).constructor('return 1')()", "code from text is not there"),
        ("Promise.resolve(1)", "not defined"),
        ("performance.now()", "not defined"),
        ("new WeakRef({})", "not defined"),
        ("require('fs')", "not defined"),
        ("console.log(1)", "not defined"),
    ] {
        check_fault(&format!("function f() {{ return {what} }}"), FaultKind::Thrown, says, None);
    }
    check_fault(
        "function f() { import('x'); return 1 }",
        FaultKind::Value,
        "promises are not kept",
        None,
    );
}

#[test]
fn ordinary_javascript_works() {
    check(
        DataType::Text,
        "class Wet extends Error { constructor(m) { super(m); this.name = 'Wet' } }
         try { throw new Wet('x') } catch (e) { return `${e}` }",
        Value::Text("Wet: x".into()),
    );
    check(
        DataType::Text,
        "const o = {}; o.toString = () => 'own'; return `${o}`",
        Value::Text("own".into()),
    );
    check(
        DataType::Float64,
        "return [3, 1, 2].sort().map(x => x * 2).reduce((a, b) => a + b)",
        Value::F64(12.0),
    );
    check(
        DataType::Float64,
        "const [a, ...b] = [1, 2, 3]; return a + Math.max(...b)",
        Value::F64(4.0),
    );
    check(
        DataType::Text,
        "return new Date(0).toISOString()",
        Value::Text("1970-01-01T00:00:00.000Z".into()),
    );
    check(
        DataType::Float64,
        "return new Date(2026, 0, 1).getTime()",
        Value::F64(1_767_225_600_000.0),
    );
    check(
        DataType::Float64,
        "return new Date('2026-01-01T05:00:00+01:00').getHours()",
        Value::F64(4.0),
    );
    check(
        DataType::Text,
        "return JSON.stringify({ a: [1, 'x'] })",
        Value::Text("{\"a\":[1,\"x\"]}".into()),
    );
    check(DataType::Float64, "return JSON.parse('{\"a\": 2}').a", Value::F64(2.0));
    check(DataType::Text, "return 'a-b'.replace(/(\\w)-(\\w)/, '$2$1')", Value::Text("ba".into()));
    check(
        DataType::Float64,
        "return new Map([[1, 2]]).get(1) + [...new Set([1, 1])].length",
        Value::F64(3.0),
    );
    check(
        DataType::Float64,
        "return new DataView(new Uint8Array([63, 128, 0, 0]).buffer).getFloat32(0)",
        Value::F64(1.0),
    );
    let arrow =
        script(&[DataType::Float64], DataType::Float64, "const f = (x) => x + 1 // end").unwrap();
    assert_eq!(arrow.call(&[Some(ValueRef::F64(1.0))]), Ok(Some(Value::F64(2.0))));
}

#[test]
fn threads_call_at_once() {
    let made =
        script(&[DataType::Int64], DataType::Int64, "function f(x) { return x * 2n }").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_i64 {
            let made = made.clone();
            scope.spawn(move || {
                for n in 0..200 {
                    let given = made.call(&[Some(ValueRef::I64(thread * 1000 + n))]);
                    assert_eq!(given, Ok(Some(Value::I64((thread * 1000 + n) * 2))));
                }
            });
        }
    });
}

proptest! {
    #[test]
    fn every_number_comes_back(whole: i64, unsigned: u64, bits: u64) {
        thread_local! {
            static ECHOES: [Script; 3] = [DataType::Int64, DataType::Uint64, DataType::Float64]
                .map(|of| script(&[of], of, "function f(x) { return x }").unwrap());
        }
        let number = f64::from_bits(bits);
        ECHOES.with(|[i, u, f]| {
            prop_assert_eq!(i.call(&[Some(ValueRef::I64(whole))]), Ok(Some(Value::I64(whole))));
            prop_assert_eq!(u.call(&[Some(ValueRef::U64(unsigned))]), Ok(Some(Value::U64(unsigned))));
            let made = f.call(&[Some(ValueRef::F64(number))]);
            if number.is_finite() {
                let Ok(Some(Value::F64(back))) = made else { panic!("{made:?}") };
                prop_assert_eq!(back.to_bits(), number.to_bits());
            }
            Ok(())
        })?;
    }

    #[test]
    fn any_text_is_read_or_refused(source in ".{0,200}") {
        // A fault is an answer too.
        if let Ok(made) = script(&[], DataType::Float64, &source) {
            let _ = made.call(&[]);
        }
    }
}

/// What is built in and looks at the time seldom, or not at all while it works: nobody waits for it.
#[test]
fn a_call_that_does_not_stop_is_given_up() {
    for endless in [
        // One step that takes long.
        "return 'a'.repeat(4e6).indexOf('a'.repeat(2e6) + 'b')",
        "return 'a'.repeat(4e6).split('a'.repeat(2e6) + 'b').length",
        "return 'a'.repeat(4e6).replaceAll('a'.repeat(2e6) + 'b', 'c').length",
        "const a = [], it = a.values(); a.length = 2 ** 32 - 1; it.drop(2 ** 32 - 2).next()",
        "const s = 'x'.repeat(1e6), t = 'x'.repeat(1e6); return Array(1e5).fill(0).map((_, i) => i % 2 ? s : t).sort().length",
        // Ten thousand between two looks at the time.
        "const x = 7n ** 40000n; for (;;) x * x",
        "const s = 'x'.repeat(8e6); for (;;) s.indexOf('y')",
        "const u = new Float64Array(1.5e6); for (;;) u.reverse()",
    ] {
        check_fault(&format!("function f() {{ {endless} }}"), FaultKind::Late, "100ms", None);
    }
}

#[test]
fn while_one_that_was_given_up_is_at_work_the_function_is_not_called() {
    let source = "function f(x) { if (x === 1) return 'a'.repeat(4e6).indexOf('a'.repeat(2e6) + 'b'); return x }";
    let made = script(&[DataType::Float64], DataType::Float64, source).unwrap();
    let call = |x| made.call(&[Some(ValueRef::F64(x))]);
    assert_eq!(call(2.0), Ok(Some(Value::F64(2.0))));
    let lost = call(1.0).unwrap_err();
    assert!(lost.is_late() && lost.message.contains("given up"), "{lost:?}");
    let held = call(2.0).unwrap_err();
    assert!(held.is_late() && held.message.contains("still at work"), "{held:?}");
    // Another function is not held up by it.
    assert_eq!(run(DataType::Float64, "function f() { return 3 }"), Ok(Some(Value::F64(3.0))));
}

#[test]
fn what_was_given_up_is_called_again_when_it_has_ended() {
    // As long as it takes, and no longer.
    let source = "function f(x) { if (x === 1) return Number((3n ** 600000n) % 7n); return x }";
    let made = script(&[DataType::Float64], DataType::Float64, source).unwrap();
    let call = |x| made.call(&[Some(ValueRef::F64(x))]);
    // On a fast machine it may end in time.
    let first = call(1.0);
    assert!(first.is_ok() || first.as_ref().is_err_and(Fault::is_late), "{first:?}");
    while call(2.0) != Ok(Some(Value::F64(2.0))) {
        std::thread::yield_now();
    }
}

#[test]
fn many_rows_are_called_at_once() {
    let source = "function f(x) { if (x === 300) for (;;) {}\n return x * 2 }";
    let made = script(&[DataType::Float64], DataType::Float64, source).unwrap();
    let rows: Vec<_> = (0..1000).map(|n| vec![Some(ValueRef::F64(f64::from(n)))]).collect();
    let mut given = Vec::new();
    while given.len() < rows.len() {
        given.extend(made.call_each(&rows[given.len()..]));
    }
    assert_eq!(given.len(), 1000);
    for (row, given) in given.iter().enumerate() {
        match (row, given) {
            (300, Err(fault)) => assert!(fault.is_late(), "{fault:?}"),
            (_, given) => assert_eq!(*given, Ok(Some(Value::F64(row as f64 * 2.0))), "{row}"),
        }
    }
}
