"""The statements of `bench query` in DuckDB: over the Parquet file, and over a table of its own.

Arguments: the file of statements, the Parquet file, the database to make. Prints medians in ms.
"""

import json
import sys
import time

import duckdb


def medians(connection, asked):
    answer = {}
    for name, kind in asked.items():
        times = []
        for statement in kind["statements"]:
            begun = time.perf_counter()
            rows = connection.execute(statement)
            rows.fetchone()
            times.append((time.perf_counter() - begun) * 1e3)
        times.sort()
        answer[name] = times[len(times) // 2]
    return answer


with open(sys.argv[1]) as file:
    asked = json.load(file)
parquet, database = sys.argv[2], sys.argv[3]
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
connection.execute(f"CREATE VIEW samples AS SELECT * FROM read_parquet('{parquet}')")
of_file = medians(connection, asked)
connection.close()

connection = duckdb.connect(database)
connection.execute("SET TimeZone = 'UTC'")
begun = time.perf_counter()
connection.execute(f"CREATE TABLE samples AS SELECT * FROM read_parquet('{parquet}')")
connection.execute("CHECKPOINT")
loading = time.perf_counter() - begun
of_table = medians(connection, asked)
print(json.dumps({"parquet": of_file, "table": of_table, "loading": loading}))
