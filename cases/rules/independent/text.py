"""The format of cases: reading, and writing what is expected. README.md describes it."""

import json
import re
from dataclasses import dataclass, field

SECOND = 1_000_000_000
# 2026-01-01T00:00:00Z
BASE = 1_767_225_600 * SECOND
TYPES = ("int64", "uint64", "float64", "bool", "text", "bytes")
UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
UNITS["d"] = 24 * UNITS["h"]


class Time(int):
    """Nanoseconds since 1970, as a value."""


@dataclass
class Table:
    name: str
    template: bool
    columns: dict


@dataclass
class Sample:
    """Of one column; a bad one has no value."""

    value: object
    bad: bool
    source: int | None


@dataclass
class Row:
    table: str
    device: str
    time: int
    samples: dict


@dataclass
class Tick:
    time: int


@dataclass
class Lookup:
    """Rows of a lookup table, from here on."""

    table: str
    rows: list


@dataclass
class Case:
    name: str
    line: int
    lateness: int = 0
    unordered: bool = False
    oracle: bool = True
    tables: dict = field(default_factory=dict)
    # Columns of each lookup table, and its rows at the beginning.
    lookups: dict = field(default_factory=dict)
    sql: list = field(default_factory=list)
    steps: list = field(default_factory=list)
    finding: str | None = None
    rows: list = field(default_factory=list)
    late: int = 0
    errors: int = 0
    # Where in the file the lines of what is expected stand.
    gives: tuple | None = None


def duration(text):
    found = re.fullmatch(r"(\d+)(ns|us|ms|s|m|h|d)", text.strip())
    if not found:
        raise ValueError(f"`{text}` is no duration")
    return int(found[1]) * UNITS[found[2]]


def instant(text):
    """Seconds since the first of January 2026, to the nanosecond."""
    found = re.fullmatch(r"(-?)(\d+)(?:\.(\d{1,9}))?", text)
    if not found:
        raise ValueError(f"`{text}` is no time")
    nanoseconds = int(found[2]) * SECOND + int((found[3] or "").ljust(9, "0"))
    return BASE + (-nanoseconds if found[1] else nanoseconds)


def instant_text(time):
    away = abs(time - BASE)
    whole, rest = divmod(away, SECOND)
    decimals = f".{rest:09}".rstrip("0") if rest else ""
    return ("-" if time < BASE else "") + str(whole) + decimals


def words(line):
    """Parts between spaces; a text in quotes may have spaces within."""
    found = re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^\s"])+', line)
    if "".join(found) != re.sub(r'"(?:[^"\\]|\\.)*"|\s', lambda m: m[0].strip(), line):
        raise ValueError(f"open quotes in `{line}`")
    return found


def value(text):
    """A value that is expected."""
    if text == "null":
        return None
    if text in ("true", "false"):
        return text == "true"
    if text.startswith('"'):
        return json.loads(text)
    if text.startswith("0x"):
        return bytes.fromhex(text[2:])
    if text.startswith("t"):
        return Time(instant(text[1:]))
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return float(text)


def value_text(given):
    match given:
        case None:
            return "null"
        case bool():
            return "true" if given else "false"
        case Time():
            return "t" + instant_text(given)
        case str():
            return json.dumps(given, ensure_ascii=False)
        case bytes():
            return "0x" + given.hex()
        case int():
            return str(given)
        case float():
            return repr(given)
    raise ValueError(f"no value: {given!r}")


def typed(text, kind):
    """A value of a column of this type."""
    given = float(text) if kind == "float64" else value(text)
    kinds = {"int64": int, "uint64": int, "float64": float, "bool": bool, "text": str}
    if type(given) is not kinds.get(kind, bytes):
        raise ValueError(f"`{text}` is no {kind}")
    return given


def looked_up(columns, line):
    """A row of a lookup table: all of its columns."""
    values = words(line)[1:]
    if len(values) != len(columns):
        raise ValueError(f"`{line}` has not as many values as the table columns")
    return [None if text == "null" else value(text) if kind == "time" else typed(text, kind)
            for text, kind in zip(values, columns.values())]


def read_step(case, line):
    head, at, *rest = words(line)
    if head == "lookup":
        return Lookup(at, [])
    if head == "tick":
        return Tick(instant(at))
    name, _, device = head.partition("/")
    table = case.tables[name]
    if table.template != bool(device):
        raise ValueError(f"`{head}`: a template's row names its device, another's none")
    samples = {}
    for part in rest:
        column, _, text = part.partition("=")
        column, _, source = column.partition("@")
        bad = text == "bad"
        given = None if bad else typed(text, table.columns[column])
        samples[column] = Sample(given, bad, instant(source) if source else None)
    return Row(name, device or name, instant(at), samples)


def read_head(case, line):
    match words(line):
        case ["lateness", text]:
            case.lateness = duration(text)
        case ["unordered"]:
            case.unordered = True
        case ["no-oracle"]:
            case.oracle = False
        case ["lookup", *_]:
            name, _, columns = line.partition(" ")[2].partition(":")
            columns = dict(part.split() for part in columns.split(",") if part.strip())
            if not set(columns.values()) <= {*TYPES, "time"}:
                raise ValueError(f"types are {', '.join(TYPES)} and time")
            case.lookups[name] = Lookup(columns, [])
        case ["|", *_]:
            last = list(case.lookups.values())[-1]
            last.rows.append(looked_up(last.table, line))
        case [("table" | "template") as kind, *_]:
            name, _, columns = line.partition(" ")[2].partition(":")
            columns = dict(part.split() for part in columns.split(",") if part.strip())
            if not set(columns.values()) <= set(TYPES):
                raise ValueError(f"types are {', '.join(TYPES)}")
            case.tables[name] = Table(name, kind == "template", columns)
        case _:
            raise ValueError(f"`{line}` means nothing here")


def read_result(case, line):
    match words(line):
        case ["late", count]:
            case.late = int(count)
        case ["errors", count]:
            case.errors = int(count)
        case [at, *values]:
            case.rows.append((instant(at), [value(text) for text in values]))


def read(text):
    cases, case, part = [], None, None
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.startswith("== "):
                case, part = Case(line[3:].strip(), number), "head"
                cases.append(case)
            elif line in ("sql", "rows", "gives"):
                part = line
                if line == "gives":
                    case.gives = (number, number)
            elif line.startswith("finding ") and part != "head":
                case.finding, part = line[8:], "end"
            elif part == "sql":
                case.sql.append(line)
            elif not line.strip() or line.startswith("#"):
                continue
            elif part == "head":
                read_head(case, line)
            elif part == "rows" and line.startswith("| "):
                last = case.steps[-1]
                last.rows.append(looked_up(case.lookups[last.table].table, line))
            elif part == "rows":
                case.steps.append(read_step(case, line))
            elif part == "gives":
                read_result(case, line)
                case.gives = (case.gives[0], number)
            else:
                raise ValueError(f"`{line}` stands outside a case")
        except (KeyError, ValueError) as problem:
            raise ValueError(f"line {number}: {problem}") from problem
    return cases


def result_lines(rows, late, errors):
    lines = [" ".join([instant_text(at), *map(value_text, values)]) for at, values in rows]
    lines += [f"late {late}"] if late else []
    return lines + ([f"errors {errors}"] if errors else [])


def write(text, results):
    """`text` with what each case of `results` (by the line it begins on) is found to give."""
    lines = text.splitlines()
    for case in reversed(read(text)):
        if case.line in results and case.gives:
            begin, end = case.gives
            kept = [line for line in lines[begin:end] if line.startswith("#")]
            lines[begin:end] = kept + result_lines(*results[case.line])
    return "\n".join(lines) + "\n"
