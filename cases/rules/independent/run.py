"""Runs a case: order of time, lateness, windows and functions over a stream in plain Python,
expressions and the statement of each window in DuckDB."""

import heapq
import math
import re
from decimal import Decimal
from functools import cache

import duckdb

from . import statement, text
from .windows import KINDS

TYPES = {"int64": "BIGINT", "uint64": "UBIGINT", "float64": "DOUBLE", "bool": "BOOLEAN",
         "text": "VARCHAR", "bytes": "BLOB", "time": "TIMESTAMP_NS"}
SAMPLES = {"time": "time", "device": "text", "tag": "text", "value": "float64", "quality": "text",
           "source_time": "time", "value_f64": "float64", "value_i64": "int64",
           "value_u64": "uint64", "value_bool": "bool", "value_text": "text",
           "value_bytes": "bytes", "type": "text"}
OF_TYPE = {"float64": "value_f64", "int64": "value_i64", "uint64": "value_u64",
           "bool": "value_bool", "text": "value_text", "bytes": "value_bytes"}


def columns(table):
    """Of the table that SQL sees, and their types."""
    found = {"time": "time"} | ({"device": "text"} if table.template else {})
    for name, kind in table.columns.items():
        found |= {name: kind, f"{name}_quality": "text", f"{name}_source_time": "time"}
    return found


def literal(value, kind):
    if value is None:
        return f"CAST(NULL AS {TYPES[kind]})"
    match kind:
        case "time":
            return f"make_timestamp_ns({int(value)})"
        case "text":
            return "'" + value.replace("'", "''") + "'"
        case "bytes":
            return f"from_hex('{value.hex()}')"
        case _:
            return f"CAST('{value}' AS {TYPES[kind]})"


def dialect(sql):
    """Names that DuckDB has for the same."""
    return re.sub(r"\b(first|last)_value\s*(\((?:[^()]|\([^()]*\))*\))(?!\s*OVER)", r"\1\2", sql,
                  flags=re.I)


def plain(value, kind):
    """What DuckDB gives, as a value of a case."""
    if value is None:
        return None
    if "TIMESTAMP" in kind:
        return text.Time(value)
    if isinstance(value, Decimal):
        return float(value)
    return bytes(value) if isinstance(value, (bytes, bytearray)) else value


@cache
def connection():
    duck = duckdb.connect()
    duck.execute("SET TimeZone = 'UTC'")
    duck.execute("SET threads = 1")
    return duck


class Rows:
    """The rows taken so far, by number, in tables of DuckDB."""

    def __init__(self, case, parsed):
        self.duck = connection()
        self.parsed = parsed
        self.types = {name: columns(table) for name, table in case.tables.items()}
        self.types["samples"] = dict(SAMPLES)
        self.values = []
        self.lookups = case.lookups
        for name, lookup in case.lookups.items():
            self.look_up(name, lookup.rows)

    def look_up(self, name, rows):
        """From here on the lookup table has these rows."""
        kinds = self.lookups[name].table
        select = ["SELECT " + ", ".join(f'{literal(value, kind)} AS "{column}"'
                                        for value, (column, kind) in zip(row, kinds.items()))
                  for row in rows or [[None] * len(kinds)]]
        source = " UNION ALL ".join(select) + ("" if rows else " LIMIT 0")
        self.duck.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {source}")

    def row_select(self, table, values):
        kinds = self.types[table]
        return ", ".join(f'{literal(values.get(name), kind)} AS "{name}"'
                         for name, kind in kinds.items())

    def ask(self, table, values, expressions):
        """Values of expressions over one row."""
        alias = self.parsed.streams.get(table, [table])[0]
        asked = ", ".join(dialect(expression) for expression in expressions)
        row = f"(SELECT {self.row_select(table, values)}) AS {alias}"
        return self.fetch(f"SELECT {asked} FROM {row}")

    def fetch(self, sql):
        asked = self.duck.execute(sql)
        self.names = kinds = [(name, str(kind)) for name, kind, *_ in asked.description]
        rows = asked.fetchall()
        if any("TIMESTAMP" in kind for _, kind in kinds):
            # Python's times have no nanoseconds.
            self.duck.execute(f"CREATE OR REPLACE TEMP TABLE given AS {sql}")
            columns = [f'epoch_ns("{name}"::TIMESTAMP_NS)' if "TIMESTAMP" in kind else f'"{name}"'
                       for name, kind in kinds]
            rows = self.duck.execute(f"SELECT {', '.join(columns)} FROM given").fetchall()
        return [[plain(value, kind) for value, (_, kind) in zip(row, kinds)] for row in rows]

    def one(self, table, values, expression):
        return self.ask(table, values, [expression])[0][0]

    def of_type(self, table, values, expression):
        """A value, and its type as DuckDB has it."""
        value = self.one(table, values, expression)
        kind = self.names[0][1]
        kinds = {TYPES[name]: name for name in TYPES} | {"TIMESTAMP": "time", "INTEGER": "int64",
                                                         "HUGEINT": "int64"}
        return value, kinds.get(kind, "float64")

    def query(self, rows, start, end):
        """The statement over these rows: what its columns are and what it gives."""
        for table in self.parsed.streams:
            selects = [f"SELECT {self.row_select(table, values)}"
                       for of, values in rows if of == table]
            empty = f"SELECT {self.row_select(table, {})}"
            source = " UNION ALL ".join(selects) if selects else f"{empty} LIMIT 0"
            self.duck.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {source}")
        sql = dialect(self.parsed.sql)
        for name, bound in (("start", start), ("end", end)):
            sql = re.sub(rf"\bwindow_{name}\s*\(\s*\)", f"make_timestamp_ns({bound})", sql,
                         flags=re.I)
        return self.fetch(sql.rstrip().rstrip(";"))


class Functions:
    """Functions over a stream, each with the rows of each of its partitions so far."""

    def __init__(self, rows):
        self.rows = rows
        self.state = {}

    def compute(self, table, values, time):
        for column, call, of in self.rows.parsed.functions:
            if (of or table) != table:
                continue
            kind = self.one(column, call, table, values, time)
            self.rows.types[table].setdefault(column, kind)

    def one(self, column, call, table, values, time):
        rows = self.rows
        x, kind = rows.of_type(table, values, call.args[0])
        key = tuple(rows.ask(table, values, call.partition)[0]) if call.partition else ()
        extra = [rows.one(table, values, arg) for arg in call.args[1:]]
        passes = not call.filter or rows.one(table, values, call.filter) is True
        # (value, time) of the rows that the filter lets pass, this one not yet.
        before = self.state.setdefault((column, key), [])
        values[column] = getattr(self, call.name)(before, x, time, passes, extra)
        if passes:
            before.append((x, time))
        fixed = {"had_changed": "bool", "running_count": "int64", "running_avg": "float64",
                 "rate_of": "float64"}
        return fixed.get(call.name, kind)

    def lag(self, before, x, time, passes, extra):
        back, default = (extra + [1, None])[:2] if len(extra) == 0 else (extra + [None])[:2]
        return before[-back][0] if back <= len(before) else default

    def latest(self, before, x, time, passes, extra):
        known = [value for value, _ in before] + ([x] if passes else [])
        known = [value for value in known if value is not None]
        return known[-1] if known else (extra + [None])[0]

    def had_changed(self, before, x, time, passes, extra):
        return passes and (not before or not same(before[-1][0], x))

    def changed_value(self, before, x, time, passes, extra):
        return x if self.had_changed(before, x, time, passes, extra) else None

    def known(self, before, x, passes):
        values = [value for value, _ in before] + ([x] if passes else [])
        return [value for value in values if value is not None]

    def running_sum(self, before, x, time, passes, extra):
        known = self.known(before, x, passes)
        return sum(known) if known else None

    def running_min(self, before, x, time, passes, extra):
        return min(self.known(before, x, passes), default=None)

    def running_max(self, before, x, time, passes, extra):
        return max(self.known(before, x, passes), default=None)

    def running_avg(self, before, x, time, passes, extra):
        known = self.known(before, x, passes)
        return sum(known) / len(known) if known else None

    def running_count(self, before, x, time, passes, extra):
        return len(self.known(before, x, passes))

    def rate_of(self, before, x, time, passes, extra):
        known = [(value, at) for value, at in before if value is not None]
        if x is None or not passes or not known or known[-1][1] == time:
            return None
        return float(x - known[-1][0]) / ((time - known[-1][1]) / text.SECOND)


def same(a, b):
    both = isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b)
    return both or (a is None) == (b is None) and a == b


def table_rows(case, step, streams):
    """The rows of the statement's tables that a read gives."""
    table, base = case.tables[step.table], {"time": step.time}
    if step.table in streams:
        values = base | ({"device": step.device} if table.template else {})
        for name, sample in step.samples.items():
            values |= {name: sample.value, f"{name}_source_time": sample.source,
                       f"{name}_quality": "bad" if sample.bad else "good"}
        yield step.table, values
    if "samples" in streams:
        for name, sample in step.samples.items():
            kind, given = table.columns[name], sample.value
            number = float(given) if kind not in ("text", "bytes") and given is not None else None
            yield "samples", base | {"device": step.device, "tag": name, OF_TYPE[kind]: given,
                                     "quality": "bad" if sample.bad else "good", "type": kind,
                                     "value": number, "source_time": sample.source}


class Run:
    def __init__(self, case):
        tables = [*case.tables, "samples"]
        self.case, self.parsed = case, statement.parse("\n".join(case.sql), tables)
        self.rows = Rows(case, self.parsed)
        self.functions = Functions(self.rows)
        self.given, self.late = [], 0
        self.held, self.arrived = [], 0
        self.newest = self.position = -(1 << 62)
        # Event time of the newest row, and by how much it is ahead of the edge's.
        self.newest_row, self.ahead = -(1 << 62), 0
        call = self.parsed.window
        self.event_time = call.named.get("time") if call else None
        self.windows = KINDS[call.name](self, call) if call else None

    def run(self):
        for step in self.case.steps:
            if isinstance(step, text.Lookup):
                self.rows.look_up(step.table, step.rows)
                continue
            if isinstance(step, text.Tick):
                if self.windows:
                    self.reach(step.time + self.ahead)
                continue
            for table, values in table_rows(self.case, step, self.parsed.streams):
                self.arrive(table, values)
        return self.given, self.late, 0

    def arrive(self, table, values):
        time = values["time"]
        if self.event_time:
            time = self.rows.one(table, values, self.event_time)
        if time is None:
            return
        if not self.windows:
            # Row by row there is nothing to wait for.
            self.take(time, 0, table, values)
            return
        if time < self.position:
            self.late += 1
            return
        self.arrived += 1
        if time > self.newest_row:
            self.newest_row, self.ahead = time, time - values["time"]
        heapq.heappush(self.held, (time, self.arrived, table, values))
        self.reach(time)

    def reach(self, time):
        """Takes rows and ends windows up to `lateness` behind the newest time, in order."""
        self.newest = max(self.newest, time)
        mark = self.newest - self.case.lateness
        while True:
            row = self.held[0][0] if self.held else mark + 1
            due = self.windows.due() if self.windows else None
            if due is not None and due <= min(row, mark):
                self.position = max(self.position, due)
                self.windows.end(due)
            elif row <= mark:
                self.take(*heapq.heappop(self.held))
            else:
                return

    def take(self, time, _, table, values):
        self.position = max(self.position, time)
        self.functions.compute(table, values, time)
        if not self.windows:
            return self.give([(table, values)], time, 0, 0)
        call = self.parsed.window
        if call.filter and self.rows.one(table, values, call.filter) is not True:
            return None
        key = tuple(self.rows.ask(table, values, call.partition)[0]) if call.partition else ()
        return self.windows.take(time, key, table, values)

    def give(self, rows, time, start, end):
        for values in self.rows.query(rows, start, end):
            at, kept = time, []
            for value, (name, _) in zip(values, self.rows.names):
                if name == "time" and isinstance(value, text.Time):
                    at = int(value)
                else:
                    kept.append(value)
            self.given.append((at, kept))
