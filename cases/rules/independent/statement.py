"""What of a statement is ours (windows, functions over a stream), found by its tokens, and the
rest of it as text for DuckDB."""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(r"""\s+|--[^\n]*|'(?:[^']|'')*'|"(?:[^"]|"")*"|[A-Za-z_][A-Za-z_0-9]*|
    \d+(?:\.\d+)?(?:[eE][-+]?\d+)?|=>|<>|<=|>=|!=|\|\||::|.""", re.X | re.S)
WINDOWS = ("tumbling_window", "hopping_window", "sliding_window", "session_window", "count_window",
           "state_window")
OVER_STREAM = ("lag", "latest", "had_changed", "changed_value", "running_sum", "running_min",
               "running_max", "running_avg", "running_count", "rate_of")
NO_ALIAS = {"where", "group", "order", "join", "on", "left", "right", "full", "inner", "cross",
            "having", "limit", "union", "using", "as", "except", "intersect", "offset", "natural"}


@dataclass
class Call:
    name: str
    args: list
    named: dict
    filter: str | None
    partition: list
    # Where it stands among the tokens.
    span: tuple


@dataclass
class Statement:
    # With `__f0` and so on for the calls of functions over a stream.
    sql: str
    window: Call | None
    # (column, call, table, alias) in the order in which they can be computed
    functions: list = field(default_factory=list)
    # Table to the alias under which its columns are known.
    streams: dict = field(default_factory=dict)


def tokens(sql):
    return TOKEN.findall(sql)


def blank(token):
    return token.isspace() or token.startswith("--")


def following(parts, at):
    """Place of the next token that says something."""
    at += 1
    while at < len(parts) and blank(parts[at]):
        at += 1
    return at


def word(parts, at):
    return parts[at].lower() if at < len(parts) else ""


def closing(parts, at):
    depth = 0
    for place in range(at, len(parts)):
        depth += {"(": 1, ")": -1}.get(parts[place], 0)
        if depth == 0:
            return place
    raise ValueError("brackets do not match")


def listed(parts):
    """Texts between commas outside brackets."""
    texts, depth, begun = [], 0, 0
    for place, token in enumerate([*parts, ","]):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if token == "," and depth == 0:
            texts.append("".join(parts[begun:place]).strip())
            begun = place + 1
    return [text for text in texts if text]


def call_at(parts, at):
    """The call of a function whose name stands at `at`, with what is behind it; None for SQL's own
    window functions, which have an order."""
    opened = following(parts, at)
    if word(parts, opened) != "(":
        return None
    closed = closing(parts, opened)
    call = Call(word(parts, at), [], {}, None, [], (at, closed + 1))
    for text in listed(parts[opened + 1:closed]):
        name = re.match(r"(\w+)\s*=>", text)
        if name:
            call.named[name[1].lower()] = text[name.end():].strip()
        else:
            call.args.append(text)
    for keyword in ("filter", "over"):
        at = following(parts, closed)
        opened = following(parts, at)
        if word(parts, at) != keyword or word(parts, opened) != "(":
            continue
        closed = closing(parts, opened)
        inside = [part for part in parts[opened + 1:closed]]
        first = following(inside, -1)
        if keyword == "filter":
            call.filter = "".join(inside[first + 1:]).strip()
        elif word(inside, first) == "partition":
            if any(part.lower() == "order" for part in inside):
                return None
            call.partition = listed(inside[following(inside, first) + 1:])
        else:
            return None
        call.span = (call.span[0], closed + 1)
    return call


def replace_functions(parts, found):
    """Innermost first: a call within a call is replaced before the outer one is read."""
    for at in range(len(parts) - 1, -1, -1):
        if word(parts, at) not in OVER_STREAM:
            continue
        call = call_at(parts, at)
        if call is None:
            continue
        column = f"__f{len(found)}"
        text = " ".join([*call.args, *call.named.values(), call.filter or "", *call.partition])
        qualifier = re.search(r"\b([A-Za-z_]\w*)\s*\.", text)
        found.append((column, call, qualifier and qualifier[1].lower()))
        begin, end = call.span
        parts[begin:end] = [qualifier[1], ".", column] if qualifier else [column]


def take_window(parts):
    """Takes the window's calls out of GROUP BY; what they are."""
    window = None
    at = 0
    while at < len(parts):
        if word(parts, at) not in WINDOWS:
            at += 1
            continue
        window = call_at(parts, at)
        begin, end = window.span
        before = max(place for place in range(begin) if not blank(parts[place]))
        after = following(parts, end - 1)
        if parts[before] == ",":
            begin = before
        elif word(parts, after) == ",":
            end = after + 1
        else:
            group = max(place for place in range(before) if not blank(parts[place]))
            assert (word(parts, group), word(parts, before)) == ("group", "by"), parts[group]
            begin = group
        parts[begin:end] = [" "]
        at = begin
    return window


def streams(parts, tables):
    """Tables that are read, and under which name."""
    found = {}
    said = [place for place in range(len(parts)) if not blank(parts[place])]
    for index, place in enumerate(said[1:], 1):
        name, before = word(parts, place).strip('"'), word(parts, said[index - 1])
        if name not in tables or before not in ("from", "join", ","):
            continue
        after = [word(parts, place) for place in said[index + 1:index + 3]] + ["", ""]
        alias = after[1] if after[0] == "as" else after[0]
        plain = re.fullmatch(r"[a-z_]\w*", alias) and alias not in NO_ALIAS
        if before == "," and not plain and after[0] not in ("where", "group", "", ")"):
            continue
        found.setdefault(name, []).append(alias if plain else name)
    return found


def parse(sql, tables):
    parts = tokens(sql)
    found = []
    replace_functions(parts, found)
    window = take_window(parts)
    read = streams(parts, tables)
    functions = []
    for column, call, qualifier in found:
        of = [name for name, aliases in read.items() if qualifier in aliases]
        functions.append((column, call, of[0] if of else None))
    return Statement("".join(parts), window, functions, read)
