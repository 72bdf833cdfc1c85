#!/usr/bin/env python3
"""What the cases of rules' SQL must give, computed independently of the engine, with DuckDB.

    oracle.py check [FILE…]    says where a case's `gives` is not what comes out here
    oracle.py write [FILE…]    writes what comes out here into the cases; read it then
    oracle.py random SEED N    prints N random cases with what they give
"""

import glob
import math
import os
import sys
import traceback

from independent import text
from independent.run import Run


def close(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return math.isnan(a) and math.isnan(b) or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return type(a) is type(b) and a == b


def equal(a, b):
    return a[0] == b[0] and len(a[1]) == len(b[1]) and all(map(close, a[1], b[1]))


def agree(case, rows, late, errors):
    order = (lambda rows: sorted(rows, key=repr)) if case.unordered else list
    want, got = order(case.rows), order(rows)
    numbers = (len(want), case.late, case.errors) == (len(got), late, errors)
    return numbers and all(map(equal, want, got))


def compute(path, case):
    """None where the case is not for DuckDB; -1 errors where this here fails."""
    if case.finding is not None or not case.oracle:
        return None
    try:
        return Run(case).run()
    except Exception as problem:
        print(f"{path}:{case.line}: {case.name}: {type(problem).__name__}: {problem}")
        if os.environ.get("TRACE"):
            traceback.print_exc()
        return [], 0, -1


def show(*found):
    print("\n".join("    " + line for line in text.result_lines(*found)))


def check(path, source):
    wrong = 0
    for case in text.read(source):
        found = compute(path, case)
        if found is None or agree(case, *found):
            continue
        wrong += 1
        if found[2] < 0:
            continue
        print(f"{path}:{case.line}: {case.name}: the case says")
        show(case.rows, case.late, case.errors)
        print("  and DuckDB")
        show(*found)
    return wrong


def main(verb, *args):
    if verb == "random":
        from independent.generate import cases

        return print("\n".join(cases(int(args[0]), int(args[1]))))
    folder = os.path.dirname(os.path.abspath(__file__))
    wrong = 0
    for path in args or sorted(glob.glob(os.path.join(folder, "*.case"))):
        with open(path, encoding="utf-8") as file:
            source = file.read()
        name = os.path.basename(path)
        if verb == "check":
            wrong += check(name, source)
        elif verb == "write":
            results = {case.line: compute(name, case) for case in text.read(source)}
            results = {line: found for line, found in results.items() if found and found[2] >= 0}
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.write(source, results))
    return sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
