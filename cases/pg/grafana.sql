-- Grafana's PostgreSQL data source: its test, its lists, and what its macros become.
-- rows: 1
SELECT 1;
-- rows: 1
SELECT current_setting('server_version_num')::int/100 as version;
-- rows: 0
SELECT extversion FROM pg_extension WHERE extname = 'timescaledb';
-- rows: 13
SELECT quote_ident(table_name) AS "table" FROM information_schema.tables
 WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog', '_timescaledb_cache',
  '_timescaledb_catalog', '_timescaledb_internal', '_timescaledb_config', 'timescaledb_information',
  'timescaledb_experimental')
 AND quote_ident(table_schema) IN (
  SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
  FROM generate_series(array_lower(string_to_array(current_setting('search_path'),','),1),
   array_upper(string_to_array(current_setting('search_path'),','),1)) as i,
  string_to_array(current_setting('search_path'),',') s);
-- rows: 15
SELECT quote_ident(column_name) AS "column", data_type AS "type" FROM information_schema.columns
 WHERE quote_ident(table_name) = 'samples';
-- rows: 4
SELECT floor(extract(epoch from time)/60)*60 AS "time", avg(value) AS value FROM samples
 WHERE time BETWEEN '2026-11-01T00:00:00Z' AND '2026-11-01T00:03:59.999Z'
 AND device = 'boiler' AND tag = 'temperature' GROUP BY 1 ORDER BY 1;
-- rows: 2
SELECT time_bucket('60.000s', time) AS "time", device AS metric, max(value) AS value FROM samples
 WHERE time BETWEEN '2026-11-01T00:00:00Z' AND '2026-11-01T00:01:59Z' AND tag = 'temperature'
 GROUP BY 1, 2 ORDER BY 1, 2;
-- rows: 11
SELECT extract(epoch from time) AS "time", value FROM samples WHERE tag = 'temperature'
 AND extract(epoch from time) >= 1793491200 AND extract(epoch from time) <= 1793491210 ORDER BY 1;
-- rows: 10
SELECT "time", temperature FROM boiler WHERE time >= to_timestamp(1793491200)
 AND time < to_timestamp(1793491210) LIMIT 50;
-- rows: 6
SELECT time_bucket_gapfill('60.000s', time) AS "time", locf(avg(value)) AS value FROM samples
 WHERE time BETWEEN '2026-11-01T00:07:00Z' AND '2026-11-01T00:12:59.999Z'
 AND device = 'boiler' AND tag = 'temperature' GROUP BY 1 ORDER BY 1;
