SELECT * FROM 'secrets.csv'
---
SELECT * FROM "secrets.csv"
---
SELECT * FROM secrets.parquet
---
SELECT * FROM data.json
---
SELECT * FROM '/etc/passwd'
---
SELECT * FROM "/etc/passwd"
---
SELECT * FROM "https://evil/x.parquet"
---
SELECT * FROM "s3://bucket/x"
---
SELECT * FROM "*.csv"
---
FROM 'x.csv' SELECT *
---
FROM read_csv('/etc/passwd')
---
SELECT * FROM read_csv('/etc/passwd')
---
SELECT * FROM read_csv_auto('x')
---
SELECT * FROM "read_csv"('x')
---
SELECT * FROM READ_PARQUET('x')
---
SELECT * FROM read_json('x')
---
SELECT content FROM read_text('/etc/passwd')
---
SELECT * FROM read_blob('/etc/passwd')
---
SELECT * FROM parquet_scan('x')
---
SELECT * FROM parquet_metadata('x')
---
SELECT * FROM glob('/*')
---
SELECT * FROM sniff_csv('x')
---
SELECT * FROM customers, LATERAL read_csv(customers.name)
---
SELECT getenv('HOME')
---
SELECT GETENV('HOME') FROM customers
---
SELECT current_setting('access_mode')
---
SELECT getvariable('x')
---
SELECT * FROM duckdb_settings()
---
SELECT * FROM duckdb_secrets()
---
SELECT * FROM duckdb_databases()
---
SELECT * FROM duckdb_extensions()
---
SELECT * FROM duckdb_logs
---
SELECT * FROM query('DROP TABLE customers')
---
SELECT * FROM query_table('secrets')
---
SELECT * FROM json_execute_serialized_sql('x')
---
SELECT * FROM sqlite_scan('x.db', 't')
---
SELECT * FROM postgres_scan('host=x', 'public', 't')
---
SELECT * FROM mysql_query('x', 'SELECT 1')
---
COPY customers TO 'x.csv'
---
COPY (SELECT 1) TO 'x'
---
COPY customers FROM 'x.csv'
---
EXPORT DATABASE 'x'
---
IMPORT DATABASE 'x'
---
ATTACH 'x.db'
---
ATTACH 'x.db' AS other (READ_ONLY)
---
DETACH shop
---
LOAD httpfs
---
INSTALL 'x.duckdb_extension'
---
FORCE INSTALL httpfs
---
PRAGMA database_list
---
SET enable_external_access = true
---
CALL pragma_version()
---
FORCE CHECKPOINT
---
CREATE MACRO f(a) AS a
---
CREATE SECRET s (TYPE s3)
---
CREATE OR REPLACE TABLE stolen AS FROM customers
---
INSERT OR REPLACE INTO customers VALUES (1)
---
UPDATE products SET price = 0 WHERE id = 1
---
USE other
---
SELECT nextval('numbers')
---
SELECT currval('numbers')
---
SELECT * FROM pragma_table_info('customers')
---
SELECT * FROM pragma_database_list
---
SELECT * FROM other.main.customers
---
SELECT * FROM temp.secrets
---
SELECT * FROM system.secrets
---
SELECT * FROM pg_catalog.pg_settings
---
SELECT * FROM information_schema.user_privileges
---
EXPLAIN ANALYZE SELECT 1
---
EXPLAIN (ANALYZE) SELECT 1
---
EXPLAIN COPY customers TO 'x'
---
EXPLAIN SELECT getenv('HOME')
---
SUMMARIZE 'x.csv'
---
SUMMARIZE "x.csv"
---
DESCRIBE 'x.csv'
---
DESCRIBE SELECT * FROM read_csv('x')
---
SUMMARIZE SELECT getenv('HOME')
---
SUMMARIZE customers; DROP TABLE customers
---
SHOW "x.csv"
---
SELECT range(100000000000)
---
SELECT unnest(generate_series(1, id)) FROM customers
---
SELECT repeat('x', 1000000000)
---
SELECT format('{:1000000000}', 1)
---
SELECT printf('%*d', 1000000000, 1)
---
SELECT format(name, id) FROM customers
---
SELECT ('/etc/passwd').read_text()
---
SELECT list_transform(['HOME'], x -> getenv(x))
---
SELECT list_transform(['HOME'], lambda x : getenv(x))
---
SELECT [getenv(x) FOR x IN ['HOME']]
---
SELECT {'a': getenv('HOME')}
---
SELECT MAP {'a': getenv('HOME')}
---
SELECT COLUMNS(c -> getenv(c) IS NULL) FROM customers
---
SELECT * REPLACE (getenv('HOME') AS name) FROM customers
---
SELECT count(*) FILTER (WHERE getenv('HOME') IS NULL) FROM customers
---
SELECT name FROM customers QUALIFY getenv('HOME') IS NOT NULL
---
WITH x AS (SELECT getenv('HOME') AS h) SELECT h FROM x
---
VALUES (getenv('HOME'))
---
WITH RECURSIVE customers AS (SELECT * FROM customers UNION ALL SELECT * FROM orders) SELECT * FROM customers
---
SELECT main.wipe()
---
SELECT 1 //* '
*/ , getenv('HOME') -- '
---
SELECT E'\' , getenv(''HOME'') --'
---
SELECT U&"\0067etenv"('HOME')
---
SELECT `a` FROM customers
---
SELECT $1$ ' $1$ , getenv('HOME') -- '
---
SELECT 1 -- a
, getenv('HOME')
---
SELECT name FROM customers FOR UPDATE
---
SELECT 1 , 2
---
SELECT * FROM FROM read_csv_auto('x')
---
FROM SELECT SETVAL(numbers, )
---
FROM enable_profiling(save_location := 'shop.duckdb')
---
SELECT * FROM enable_logging('QueryLog', storage := 'stdout')
---
FROM force_checkpoint()
---
SELECT write_log('x')
---
SELECT * FROM read_duckdb('x.duckdb', table_name = 't')
---
SELECT id FROM customers UNION TABLE customers; CHECKPOINT
---
SELECT id FROM customers EXCEPT TABLE "orders.csv"
---
FROM customers SELECT name INTO stolen
---
SUMMARIZE into
---
SELECT * FROM "sales.gpkg"
---
FROM "map.geojson"
---
SELECT * FROM st_read('x.shp')
---
SELECT * FROM read_xlsx('x.xlsx')
---
SELECT * FROM iceberg_scan('s3://x')
---
SELECT * FROM which_secret('s3://x', 's3')
---
SELECT * FROM duckdb_temporary_files()
---
SELECT * FROM (PIVOT customers ON city USING getenv('HOME'))
---
SELECT * FROM customers UNPIVOT (v FOR n IN (name)) WHERE v = getenv('HOME')
---
EXPLAIN (FORMAT json) CREATE TABLE t AS FROM customers
---
DESCRIBE TABLE customers; DROP TABLE orders
---
SHOW ALL TABLES FROM main; VACUUM
---
SELECT a: getenv('HOME')
---
SELECT struct_pack(h := getenv('HOME'))
---
SELECT ['HOME'].list_transform(x -> getenv(x))
---
SELECT [1, 2][getenv('HOME')]
---
INSERT INTO customers BY NAME SELECT 1 AS id
---
UPDATE EXTENSIONS
---
COPY FROM DATABASE shop TO other
---
CREATE TEMP MACRO t() AS TABLE FROM read_csv('x')
---
SELECT name FROM customers WHERE name IN (FROM read_text('/etc/passwd') SELECT content)
---
SELECT $$a$$ || getenv($$HOME$$)
---
SELECT sum(id) OVER (ORDER BY id ROWS getenv('HOME') PRECEDING) FROM customers
---
SELECT pg::_catalog.set_config('transaction_read_only', 'off', true)
---
SELECT * FROM customers. LATERAL read_csv(send,name)
---
SELECT list_filter([1, 2, 3], lambda FROM getenv('x') : x > 1)
