-- psycopg 3 and the libraries above it.
-- rows: 0
BEGIN;
-- rows: 1
SELECT pg_catalog.version();
-- rows: 1
select current_schema();
-- rows: 1
show standard_conforming_strings;
-- rows: 1
SHOW TRANSACTION ISOLATION LEVEL;
-- rows: 1
SELECT typname AS name, oid, typarray AS array_oid, oid::regtype::text AS regtype, typdelim AS delimiter
 FROM pg_type t WHERE t.oid = to_regtype('int8') ORDER BY t.oid;
-- rows: 13
SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace
 ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
 WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p']) AND
 pg_catalog.pg_class.relpersistence != 't' AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid)
 AND pg_catalog.pg_namespace.nspname != 'pg_catalog';
-- rows: 0
COMMIT;
-- rows: 0
SET application_name = 'python';
-- rows: 0
SET extra_float_digits = 3;
-- rows: 0
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;
-- rows: 0
SET TIME ZONE 'UTC';
