"""Which rows are in which window, and when a window ends."""

from .text import duration


def seconds(arg):
    return duration(arg.strip("'"))


class Windows:
    """`take` gets each row in order; `due` says when a window ends by time alone, `end` ends it."""

    def __init__(self, run, call):
        self.run, self.call = run, call

    def due(self):
        return None

    def ask(self, table, values, expression):
        return self.run.rows.one(table, values, expression)


class Hopping(Windows):
    def __init__(self, run, call):
        super().__init__(run, call)
        self.size = seconds(call.args[0])
        self.hop = seconds(call.args[1]) if len(call.args) > 1 else self.size
        # (end, key) to the rows
        self.open = {}

    def take(self, time, key, table, values):
        start = time - time % self.hop
        while start + self.size > time:
            self.open.setdefault((start + self.size, key), []).append((table, values))
            start -= self.hop

    def due(self):
        return min((end for end, _ in self.open), default=None)

    def end(self, due):
        for end, key in [found for found in self.open if found[0] == due]:
            self.run.give(self.open.pop((end, key)), end, end - self.size, end)


class Sliding(Windows):
    def __init__(self, run, call):
        super().__init__(run, call)
        self.size = seconds(call.args[0])
        self.delay = seconds(call.args[1]) if len(call.args) > 1 else 0
        self.taken = []
        # (time, key) of rows whose window has not ended
        self.waiting = []

    def take(self, time, key, table, values):
        self.taken.append((time, key, (table, values)))
        trigger = self.call.named.get("trigger")
        if trigger and self.ask(table, values, trigger) is not True:
            return
        if self.delay:
            self.waiting.append((time, key))
        else:
            self.give(time, key)

    def due(self):
        """Just behind the last time that is within."""
        return self.waiting[0][0] + self.delay + 1 if self.waiting else None

    def end(self, due):
        self.give(*self.waiting.pop(0))

    def give(self, time, key):
        start, end = time - self.size, time + self.delay
        rows = [row for at, of, row in self.taken if of == key and start < at <= end]
        self.run.give(rows, time, start, end)


class Ongoing(Windows):
    """Windows of which each key has one at most: rows one after the other."""

    def __init__(self, run, call):
        super().__init__(run, call)
        # Key to [(time, row)]
        self.open = {}

    def close(self, key):
        rows = self.open.pop(key, [])
        if rows:
            self.give(rows)

    def give(self, rows):
        last = rows[-1][0]
        self.run.give([row for _, row in rows], last, rows[0][0], last)


class Session(Ongoing):
    def __init__(self, run, call):
        super().__init__(run, call)
        self.gap = seconds(call.args[0])
        self.longest = seconds(call.args[1]) if len(call.args) > 1 else None

    def deadline(self, key):
        rows = self.open[key]
        ends = [rows[-1][0] + self.gap]
        return min(ends + ([rows[0][0] + self.longest] if self.longest else []))

    def take(self, time, key, table, values):
        self.open.setdefault(key, []).append((time, (table, values)))

    def due(self):
        return min(map(self.deadline, self.open), default=None)

    def end(self, due):
        self.close(next(key for key in self.open if self.deadline(key) == due))


class Count(Ongoing):
    def __init__(self, run, call):
        super().__init__(run, call)
        self.size = int(call.args[0])
        self.every = int(call.args[1]) if len(call.args) > 1 else self.size
        self.seen = {}

    def take(self, time, key, table, values):
        rows = self.open.setdefault(key, [])
        rows.append((time, (table, values)))
        del rows[:-self.size]
        self.seen[key] = self.seen.get(key, 0) + 1
        if self.seen[key] % self.every == 0:
            self.give(rows)


class State(Ongoing):
    """With one argument rows of one value, with two from an opening row to a closing one."""

    def __init__(self, run, call):
        super().__init__(run, call)
        self.value = {}

    def take(self, time, key, table, values):
        said = [self.ask(table, values, arg) for arg in self.call.args]
        if len(said) == 1:
            self.same(time, key, (table, values), said[0])
        elif key in self.open or said[0] is True:
            self.open.setdefault(key, []).append((time, (table, values)))
            if said[1] is True:
                self.close(key)

    def same(self, time, key, row, value):
        if key in self.open and (value is None or value != self.value[key]):
            self.close(key)
        if value is not None:
            self.value[key] = value
            self.open.setdefault(key, []).append((time, row))


KINDS = {"tumbling_window": Hopping, "hopping_window": Hopping, "sliding_window": Sliding,
         "session_window": Session, "count_window": Count, "state_window": State}
