"""Random cases: rows in disorder, a window of any kind, simple aggregates. Numbers are quarters, so
that sums do not hang on the order of adding."""

import random

from . import text
from .run import Run

TABLES = ("table boiler: temperature float64, pressure float64, running bool, parts int64",
          "template pumps: temperature float64, pressure float64, running bool, parts int64")
STATES = ("running", "temperature > 5", "parts % 2", "parts")
CONDITIONS = ("running", "NOT running", "temperature > 3", "parts < 5", "pressure IS NOT NULL",
              "had_changed(running)", "temperature > lag(temperature)", "parts % 3 = 0")
AGGREGATES = ("count(*)", "count(temperature)", "sum(temperature)", "min(temperature)",
              "max(temperature)", "avg(pressure)", "sum(parts)", "min(parts)", "max(parts)",
              "count(DISTINCT parts)",
              "bool_or(running)", "max(time)", "min(temperature_source_time)",
              "sum(temperature) FILTER (WHERE running)", "max(parts) - min(parts)",
              "first_value(parts ORDER BY time, parts, temperature, pressure)",
              "max(lag(temperature))", "sum(latest(parts))", "max(running_count(parts))")
COLUMNS = ("temperature", "parts", "pressure * 2", "temperature > 4", "running", "time",
           "temperature_quality", "coalesce(parts, -1)", "lag(temperature)", "lag(parts, 2, -7)",
           "latest(temperature)", "latest(parts, 0)", "had_changed(running)",
           "changed_value(parts)", "running_sum(parts)", "running_min(temperature)",
           "running_max(temperature)",
           "running_count(pressure)", "running_sum(temperature) FILTER (WHERE running)",
           "lag(parts) FILTER (WHERE parts > 3)", "rate_of(temperature)",
           "CASE WHEN running THEN temperature END")


def seconds(rng, low, high):
    """A duration on a quarter of a second."""
    quarters = rng.randint(low, high)
    return f"'{quarters // 4}s'" if quarters % 4 == 0 else f"'{quarters * 250}ms'"


def window(rng, template):
    kind = rng.choice(("tumbling", "hopping", "sliding", "session", "count", "state"))
    named = rng.random() < 0.2
    size = seconds(rng, 2, 40)
    match kind:
        case "tumbling":
            args = [size]
        case "hopping":
            size = rng.randint(2, 40)
            hop = rng.randint(max(1, size // 5), size)
            args = [f"'{size * 250}ms'", f"'{hop * 250}ms'"]
        case "sliding":
            args = [size] + ([seconds(rng, 1, 16)] if rng.random() < 0.4 else [])
            args += [f"trigger => {rng.choice(CONDITIONS)}"] if rng.random() < 0.4 else []
        case "session":
            args = [seconds(rng, 1, 10)] + ([seconds(rng, 4, 30)] if rng.random() < 0.4 else [])
        case "count":
            args = [str(rng.randint(1, 6))]
            args += [str(rng.randint(1, 7))] if rng.random() < 0.5 else []
        case "state":
            two = rng.random() < 0.5
            args = rng.sample(CONDITIONS, 2) if two else [rng.choice(STATES)]
    args += ["time => temperature_source_time"] if named else []
    call = f"{kind}_window({', '.join(args)})"
    call += f" FILTER (WHERE {rng.choice(CONDITIONS)})" if rng.random() < 0.3 else ""
    partition = " OVER (PARTITION BY device)" if template and rng.random() < 0.5 else ""
    return call + partition, bool(partition)


def looked_up(rng, table):
    """A lookup table, and a part of a statement that joins it; a key may be there twice or not at all."""
    keys = [rng.choice((*range(9), "null")) for _ in range(rng.randint(0, 12))]
    rows = [f"| {key} {place / 4} \"n{place}\"" for place, key in enumerate(keys)]
    kind = rng.choice(("JOIN", "LEFT JOIN"))
    on = rng.choice(("k.code = parts", "k.code = parts AND k.factor < temperature",
                     "k.factor >= temperature"))
    return rows, f"{table} {kind} codes k ON {on}"


def joined(rng, table, template):
    """A statement over a stream and a lookup table, with a window or without one. In a window it is
    one that does not hang on the order of partners."""
    rows, source = looked_up(rng, table)
    if rng.random() < 0.5:
        texts = ["k.factor", "k.name", "parts", "temperature", "parts + k.factor",
                 "k.name IS NULL", "(SELECT max(factor) FROM codes)"]
        # The engine has a place for it beside a plain join only.
        if source.endswith(" JOIN codes k ON k.code = parts") and "LEFT" not in source:
            texts.append("parts IN (SELECT code FROM codes WHERE code IS NOT NULL)")
        chosen = rng.sample(texts, 3)
        columns = [f"{text} AS c{place}" for place, text in enumerate(chosen)]
        where = f"\nWHERE {rng.choice(CONDITIONS[:5])}" if rng.random() < 0.4 else ""
        return f"SELECT {', '.join(columns)}\nFROM {source}{where}", True, rows
    call, _ = window(rng, template)
    chosen = rng.sample(("count(*)", "count(k.factor)", "sum(k.factor)", "max(k.name)",
                         "sum(temperature)", "min(k.code)"), 3)
    columns = [f"{text} AS c{place}" for place, text in enumerate(chosen)]
    return f"SELECT {', '.join(columns)}\nFROM {source}\nGROUP BY {call}", True, rows


def windowed(rng, table, template):
    """A statement, and whether the order of what it gives is open."""
    call, partition = window(rng, template)
    chosen = rng.sample(AGGREGATES, rng.randint(1, 4))
    columns = [f"{text} AS c{place}" for place, text in enumerate(chosen)]
    keys, tail = [], ""
    if rng.random() < 0.3:
        key = "device" if template else "running"
        columns, keys, tail = [key, *columns], [key], f"\nORDER BY {key} NULLS LAST"
    lines = f"SELECT {', '.join(columns)}\nFROM {table}"
    if rng.random() < 0.25:
        lines += f"\nWHERE {rng.choice(CONDITIONS)}"
    lines += f"\nGROUP BY {', '.join([*keys, call])}"
    if rng.random() < 0.2:
        lines += "\nHAVING count(*) > 1"
    return lines + tail, partition


def plain(rng, table, template):
    over = " OVER (PARTITION BY device)" if template and rng.random() < 0.5 else ""
    functions = ("lag(", "latest(", "had_changed(", "changed_value(", "running_", "rate_of(")
    chosen = [text + over if text.startswith(functions) else text
              for text in rng.sample(COLUMNS, rng.randint(1, 5))]
    columns = [f"{text} AS c{place}" for place, text in enumerate(chosen)]
    where = f"\nWHERE {rng.choice(CONDITIONS)}" if rng.random() < 0.4 else ""
    return f"SELECT {', '.join(columns)}\nFROM {table}{where}", False


def sample(rng, column, at, timed):
    source = ""
    if timed:
        source = "@" + text.instant_text(at - rng.randint(0, 8) * text.SECOND // 4)
    if rng.random() < 0.08:
        return f"{column}{source}=bad"
    values = {"running": rng.choice(("true", "false")), "parts": str(rng.randint(0, 9))}
    return f"{column}{source}={values.get(column, rng.randint(-8, 40) / 4)}"


def rows(rng, template):
    at = text.BASE + rng.randint(0, 400) * text.SECOND // 4
    for _ in range(rng.randint(3, 30)):
        at += rng.choice((0, 0, 1, 1, 2, 2, 3, 5, 8, 30)) * text.SECOND // 4
        if rng.random() < 0.12:
            yield f"tick {text.instant_text(at)}"
            continue
        back = rng.choice((0, 0, 0, 1, 2, 4, 9, -4)) * text.SECOND // 4
        read = [column for column in ("temperature", "pressure", "running", "parts")
                if rng.random() < 0.7]
        head = f"pumps/p{rng.randint(1, 3)}" if template else "boiler"
        # A device gives times with its samples, or does not.
        timed = rng.random() < 0.6
        samples = [sample(rng, column, at - back, timed) for column in read]
        yield " ".join([head, text.instant_text(at - back), *samples])
    if rng.random() < 0.7:
        yield f"tick {text.instant_text(at + rng.randint(0, 120) * text.SECOND // 4)}"


def case(rng, name):
    template = rng.random() < 0.4
    table = "pumps" if template else "boiler"
    kind = rng.random()
    lookup = ()
    if kind < 0.2:
        sql, is_open, rows_of_lookup = joined(rng, table, template)
        lookup = ("lookup codes: code int64, factor float64, name text", *rows_of_lookup)
    else:
        sql, is_open = (plain if kind < 0.36 else windowed)(rng, table, template)
    lateness = rng.choice(("0s", "0s", "250ms", "1s", "2500ms"))
    head = [f"== {name}", f"lateness {lateness}", *(["unordered"] if is_open else []),
            TABLES[template], *lookup, "sql", sql, "rows", *rows(rng, template), "gives"]
    found = Run(text.read("\n".join(head))[0]).run()
    return [*head, *text.result_lines(*found), ""]


def cases(seed, count):
    rng = random.Random(seed)
    return [line for number in range(count) for line in case(rng, f"random {seed}.{number}")]
