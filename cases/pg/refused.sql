-- Nothing but reading.
-- refused: 25006
INSERT INTO samples VALUES (1);
-- refused: 25006
UPDATE samples SET value = 1;
-- refused: 25006
DELETE FROM samples;
-- refused: 25006
CREATE TABLE x AS SELECT 1;
-- refused: 25006
CREATE EXTERNAL TABLE x (a int);
-- refused: 25006
DROP TABLE samples;
-- refused: 25006
TRUNCATE samples;
-- refused: 0A000
COPY samples TO '/tmp/rows';
-- refused: 0A000
COPY (SELECT 1) TO PROGRAM 'cat';
-- refused: 0A000
COPY samples FROM STDIN;
-- refused: 42704
SET datafusion.execution.batch_size = 1;
-- refused: 22023
SET TIME ZONE 'Europe/Berlin';
-- refused: 25006
SET ROLE admin;
-- refused: 42P01
SELECT * FROM nothing;
-- refused: 42703
SELECT nothing FROM samples;
-- refused: 42601
SELECT * FROM samples WHERE;
-- refused: 42P01
SELECT * FROM '/etc/passwd';
