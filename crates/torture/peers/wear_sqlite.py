"""Rows of tag, time and value in SQLite, committed as often as a class of durability syncs. Says `ready`,
waits for `go`, writes, and says how many samples; then waits until it is killed. WAL and synchronous=FULL:
a commit is on disk; a table without an index is the least that SQLite can write."""

import argparse
import os
import random
import sqlite3
import sys
import time

GROUP = 100
# Seconds between commits; strict commits every group.
EVERY = {"strict": 0.0, "normal": 0.15, "relaxed": 4.5}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, required=True)
    parser.add_argument("--class", dest="durability", choices=EVERY, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("folder")
    arguments = parser.parse_args()
    os.makedirs(arguments.folder)
    database = sqlite3.connect(os.path.join(arguments.folder, "samples.db"), isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE samples (tag INTEGER, time INTEGER, value REAL)")
    groups = arguments.rate // GROUP
    walk = [2000] * arguments.rate
    chance = random.Random(1)
    print("ready", flush=True)
    sys.stdin.readline()
    every, open_since, samples = EVERY[arguments.durability], None, 0
    begun = time.monotonic()
    for second in range(arguments.seconds):
        for group in range(groups):
            due = begun + second + group / groups
            if open_since is not None and due >= open_since + every:
                sleep_until(open_since + every)
                database.execute("COMMIT")
                open_since = None
            sleep_until(due)
            if open_since is None:
                database.execute("BEGIN")
                open_since = time.monotonic()
            now = time.time_ns()
            rows = []
            for tag in range(group * GROUP, (group + 1) * GROUP):
                walk[tag] += chance.randrange(7) - 3
                rows.append((tag, now, walk[tag] / 100))
            database.executemany("INSERT INTO samples VALUES (?, ?, ?)", rows)
            samples += GROUP
            if every == 0.0:
                database.execute("COMMIT")
                open_since = None
    if open_since is not None:
        database.execute("COMMIT")
    sleep_until(begun + arguments.seconds)
    print("samples", samples, flush=True)
    sys.stdin.readline()


def sleep_until(moment):
    time.sleep(max(0.0, moment - time.monotonic()))


main()
