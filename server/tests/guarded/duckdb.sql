INSERT INTO customers VALUES (3, 'x', 'y') RETURNING id
---
WITH a AS (SELECT 3 AS id) INSERT INTO customers (id) SELECT id FROM a
---
UPDATE products SET price = 0
---
DELETE FROM orders
---
TRUNCATE orders
---
MERGE INTO orders USING customers USING (id) WHEN MATCHED THEN DELETE
---
DROP TABLE customers
---
ALTER TABLE customers RENAME TO gone
---
COMMENT ON TABLE customers IS 'hacked'
---
CREATE TABLE stolen AS FROM customers
---
SELECT * INTO stolen FROM customers
---
CREATE TEMP TABLE customers AS SELECT 1 AS id
---
CREATE TEMP VIEW orders AS SELECT 1 AS id
---
CREATE TEMP MACRO lower(a) AS a
---
CREATE TYPE mood AS ENUM ('sad')
---
CREATE SEQUENCE more
---
SELECT nextval('numbers')
---
COPY customers TO '{folder}/copy.csv'
---
COPY (SELECT 1) TO '{folder}/copy.parquet' (FORMAT parquet)
---
COPY customers TO '{file}' (FORMAT csv, USE_TMP_FILE false)
---
COPY customers TO '{file}.wal' (FORMAT csv, USE_TMP_FILE false)
---
COPY customers FROM '{folder}/secret.csv'
---
COPY FROM DATABASE small TO temp
---
(COPY customers TO '{folder}/copy.csv')
---
EXPLAIN ANALYZE COPY customers TO '{folder}/copy.csv'
---
EXPORT DATABASE '{folder}/out'
---
IMPORT DATABASE '{folder}/out'
---
ATTACH '{folder}/evil.duckdb' AS evil
---
ATTACH ':memory:' AS evil
---
ATTACH 'http://127.0.0.1:1/evil.duckdb' AS evil
---
DETACH small
---
USE temp
---
INSTALL httpfs
---
FORCE INSTALL httpfs FROM 'http://127.0.0.1:1'
---
INSTALL '{folder}/evil.duckdb_extension'
---
UPDATE EXTENSIONS
---
LOAD httpfs
---
LOAD '{folder}/evil.duckdb_extension'
---
SET enable_external_access = true
---
SET GLOBAL allowed_directories = ['/']
---
SET lock_configuration = false
---
RESET lock_configuration
---
SET SESSION profiling_output = '{file}'
---
SET search_path = 'temp'
---
SET schema = 'temp'
---
SET VARIABLE a = 1
---
PRAGMA enable_profiling = 'json'
---
PRAGMA profiling_output = '{file}'
---
PRAGMA memory_limit = '8GB'
---
PRAGMA force_checkpoint
---
PRAGMA enable_logging
---
PRAGMA import_database('{folder}')
---
SELECT set_config('access_mode', 'READ_WRITE', false)
---
SELECT pg_catalog.set_config('lock_configuration', 'false', false)
---
CREATE SECRET s (TYPE http, BEARER_TOKEN 'x')
---
CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x')
---
DROP SECRET s
---
CALL pragma_version()
---
CALL enable_logging()
---
CALL force_checkpoint()
---
CHECKPOINT
---
FORCE CHECKPOINT
---
VACUUM
---
ANALYZE
---
BEGIN TRANSACTION
---
COMMIT
---
PREPARE p AS SELECT 1
---
EXECUTE p
---
DEALLOCATE p
---
SELECT * FROM read_csv('{folder}/secret.csv')
---
SELECT * FROM read_csv_auto('/etc/passwd')
---
SELECT content FROM read_text('{folder}/secret.csv')
---
SELECT content FROM read_text(['{folder}/secret.csv'])
---
SELECT content FROM read_blob('{folder}/*')
---
SELECT count(*) FROM read_blob('{file}')
---
SELECT * FROM read_duckdb('{file}', table_name = 'customers')
---
SELECT * FROM read_json('{folder}/secret.csv')
---
SELECT * FROM read_parquet('{folder}/secret.csv')
---
SELECT * FROM parquet_metadata('{folder}/secret.csv')
---
SELECT * FROM sniff_csv('{folder}/secret.csv')
---
SELECT * FROM glob('{folder}/*')
---
SELECT * FROM '{folder}/secret.csv'
---
SELECT * FROM "{folder}/secret.csv"
---
FROM '{folder}/*.csv'
---
SELECT * FROM customers, LATERAL read_text('{folder}/secret.csv')
---
SELECT (SELECT content FROM read_text('{folder}/secret.csv'))
---
WITH a AS (FROM '{folder}/secret.csv') FROM a
---
SUMMARIZE '{folder}/secret.csv'
---
SUMMARIZE SELECT * FROM read_csv('{folder}/secret.csv')
---
DESCRIBE '{folder}/secret.csv'
---
DESCRIBE SELECT * FROM read_csv('{folder}/secret.csv')
---
SHOW "{folder}/secret.csv"
---
EXPLAIN SELECT * FROM read_csv('{folder}/secret.csv')
---
SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')
---
SELECT * FROM 'https://127.0.0.1:1/x.parquet'
---
SELECT * FROM read_parquet('s3://bucket/x.parquet')
---
SELECT getenv('HOME')
---
SELECT * FROM query('DROP TABLE customers')
---
SELECT * FROM query('SELECT 1; DROP TABLE customers')
---
SELECT * FROM query('FROM enable_logging()')
---
SELECT * FROM query_table('{folder}/secret.csv')
---
SELECT * FROM json_execute_serialized_sql('{}')
---
SELECT write_log('x', level := 'ERROR')
---
FROM enable_logging()
---
SELECT * FROM enable_logging('QueryLog', storage := 'stdout')
---
SELECT * FROM enable_logging(storage := 'file', storage_path := '{folder}/log.csv')
---
FROM disable_logging()
---
FROM truncate_duckdb_logs()
---
FROM enable_profiling(format := 'json', save_location := '{folder}/profile.json')
---
FROM enable_profiling(format := 'no_output')
---
FROM enable_profiling(save_location := '{file}')
---
FROM disable_profiling()
---
FROM checkpoint()
---
FROM force_checkpoint()
---
FROM ENABLE_LOGGING ()
---
FROM "enable_logging" /* a */ ()
---
FROM system.main.enable_logging -- a
()
---
FROM U&"\0065nable_logging"()
---
WITH a AS (FROM enable_logging()) FROM a
---
SELECT (SELECT count(*) FROM enable_logging())
---
EXPLAIN ANALYZE FROM enable_logging()
---
SUMMARIZE FROM enable_logging()
---
SELECT 1; DELETE FROM orders
---
SELECT ?
