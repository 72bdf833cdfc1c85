"""Reads Parquet files with DuckDB and prints every row as one line of JSON, all cells as texts."""

import json
import sys

import duckdb

QUERY = """
SELECT epoch_ns(time)::VARCHAR, device, tag, quality, code::VARCHAR, epoch_ns(source_time)::VARCHAR,
       value_f64::VARCHAR, value_i64::VARCHAR, value_u64::VARCHAR, value_bool::VARCHAR, value_text,
       lower(hex(value_bytes)), unit, type
FROM read_parquet($files) ORDER BY device, tag, time
"""

connection = duckdb.connect()
if sys.argv[1] == "--schema":
    for row in connection.execute(f"DESCRIBE SELECT * FROM read_parquet('{sys.argv[2]}')").fetchall():
        print(row[0], row[1])
else:
    for row in connection.execute(QUERY, {"files": sys.argv[1:]}).fetchall():
        print(json.dumps(row))
