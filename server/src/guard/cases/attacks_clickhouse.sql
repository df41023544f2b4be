SELECT * FROM url('http://evil/x', CSV, 'a String')
---
SELECT * FROM file('/etc/passwd', LineAsString)
---
SELECT file('/etc/passwd')
---
SELECT * FROM s3('https://x', 'CSV')
---
SELECT * FROM remote('evil:9000', system.users)
---
SELECT * FROM remoteSecure('evil:9440', 'shop', 'orders')
---
SELECT * FROM mysql('evil:3306', 'db', 't', 'u', 'p')
---
SELECT * FROM postgresql('evil:5432', 'db', 't', 'u', 'p')
---
SELECT * FROM mongodb('evil:27017', 'db', 't', 'u', 'p', 'a String')
---
SELECT * FROM jdbc('x', 'y', 'z')
---
SELECT * FROM odbc('x', 'y', 'z')
---
SELECT * FROM executable('id', LineAsString, 'a String')
---
SELECT * FROM executable('id', TSV, 'a String', SETTINGS send_chunk_header = 1)
---
SELECT * FROM input('a String')
---
SELECT * FROM cluster('c', system.one)
---
SELECT * FROM clusterAllReplicas('c', system.one)
---
SELECT * FROM merge('shop', '.*')
---
SELECT * FROM hdfs('hdfs://x')
---
SELECT * FROM sqlite('x.db', 't')
---
SELECT * FROM dictionary('regions')
---
SELECT * FROM view(SELECT * FROM system.users)
---
SELECT * FROM loop(orders)
---
SELECT * FROM generateRandom('a String')
---
SELECT * FROM numbers(10000000000000)
---
SELECT * FROM numbers((SELECT count() FROM system.users))
---
SELECT * FROM numbers()
---
SELECT * FROM orders INTO OUTFILE 'x' FORMAT CSV
---
SELECT * FROM orders FORMAT Null
---
SELECT * FROM orders SETTINGS max_execution_time = 0
---
SELECT * FROM (SELECT * FROM orders SETTINGS readonly = 0) AS t
---
SELECT sleep(3)
---
SELECT sleepEachRow(1) FROM orders
---
SELECT getSetting('max_threads')
---
SELECT getMacro('x')
---
SELECT catboostEvaluate('/x', 1)
---
SELECT modelEvaluate('x', 1)
---
SELECT hostName()
---
SELECT fqdn()
---
SELECT filesystemAvailable()
---
SELECT throwIf(1, 'x')
---
SELECT * FROM system.users
---
SELECT * FROM system.query_log
---
SELECT * FROM system.processes
---
SELECT * FROM system.settings
---
SELECT create_table_query FROM system.tables
---
SELECT * FROM system.zookeeper WHERE path = '/'
---
SELECT * FROM `system`.`users`
---
SELECT * FROM System.users
---
SELECT (SELECT count() FROM system.users)
---
WITH x AS (SELECT * FROM system.users) SELECT * FROM x
---
SELECT id FROM customers WHERE id IN secrets
---
SELECT id FROM customers WHERE id IN (secrets)
---
SELECT id FROM customers WHERE id NOT IN shop.secrets
---
SELECT id FROM customers WHERE id IN ((secrets))
---
SELECT in(id, secrets) FROM customers
---
SELECT id FROM customers WHERE id IN numbers(5)
---
SELECT joinGet('shop.j', 'v', 1)
---
SELECT arrayMap(x -> sleep(x), [1, 2])
---
SELECT * FROM customers ARRAY JOIN file('/x') AS f
---
SELECT quantile(sleep(3))(id) FROM customers
---
SELECT fileIf('/x', 1)
---
SHOW PROCESSLIST
---
SHOW CREATE TABLE orders
---
SHOW GRANTS
---
SHOW USERS
---
SHOW ACCESS
---
SHOW SETTINGS LIKE 'x'
---
EXPLAIN AST DROP TABLE orders
---
EXPLAIN INSERT INTO orders VALUES (1)
---
EXPLAIN SELECT sleep(3)
---
EXPLAIN SELECT 1 FORMAT Null
---
DESCRIBE TABLE system.users
---
DESCRIBE TABLE url('http://x')
---
EXISTS TABLE system.users
---
INSERT INTO orders FORMAT CSV 1,2
---
INSERT INTO FUNCTION url('http://x') SELECT 1
---
INSERT INTO orders SELECT * FROM orders
---
ALTER TABLE orders DELETE WHERE 1
---
ALTER TABLE orders UPDATE price = 0 WHERE 1
---
DELETE FROM orders WHERE id = 1
---
OPTIMIZE TABLE orders FINAL
---
SYSTEM SHUTDOWN
---
SYSTEM FLUSH LOGS
---
KILL QUERY WHERE 1
---
EXCHANGE TABLES a AND b
---
RENAME TABLE orders TO gone
---
DETACH TABLE orders
---
ATTACH TABLE orders
---
UNDROP TABLE orders
---
CREATE DICTIONARY d (a UInt8) PRIMARY KEY a
---
CREATE FUNCTION f AS x -> x
---
WATCH v
---
SET readonly = 0
---
USE system
---
BACKUP TABLE orders TO Disk('x', 'y')
---
SELECT 1 # '
, sleep(3) -- '
---
SELECT ‘ , sleep(3) , ’
---
SELECT `a\`` , sleep(3) AS `b`
---
SELECT $x$ ' $x$, sleep(3) -- '
---
SELECT /* a /* b */ ' */ , sleep(3) -- '
---
SELECT 1 -- a
, sleep(3)
---
SELECT repeat('x', 1000000000)
---
SELECT range(1000000000)
---
SELECT leftPad(name, id) FROM customers
---
SELECT * FROM a.b.c
---
SELECT evalMLMethod(1)
---
SELECT shop.f(1)
---
TRUNCATE TABLE orders
---
SELECT * FROM FROM url('http://x', CSV)
---
DESCRIBE INTO
---
EXISTS TABLE INTO
---
SELECT COLUMNS('id') APPLY(sleep) FROM orders
---
SELECT COLUMNS('id') APPLY sleepEachRow FROM orders
---
SELECT * APPLY(x -> sleep(x)) FROM orders
---
SELECT 1 FROM orders PARALLEL WITH DROP TABLE orders
---
SELECT * FROM azureBlobStorage('x', 'y', 'z')
---
SELECT * FROM deltaLake('s3://x')
---
SELECT * FROM fileCluster('c', '/etc/passwd')
---
SELECT * FROM redis('evil:6379', 'k', 'k String')
---
SELECT * FROM mergeTreeIndex('shop', 'orders')
---
SELECT * FROM format(LineAsString, file('/etc/passwd'))
---
FROM file('/etc/passwd', LineAsString) SELECT *
---
SELECT id FROM customers WHERE id GLOBAL IN secrets
---
SELECT id FROM customers WHERE (id, 1) IN (secrets)
---
SELECT id FROM customers WHERE id IN (`shop`.`secrets`)
---
SELECT id FROM customers WHERE id NOT IN "secrets"
---
SELECT globalIn(id, secrets) FROM customers
---
SELECT id FROM customers WHERE id IN (TABLE secrets FINAL SAMPLE)
---
SELECT hasColumnInTable('system', 'users', 'name')
---
SELECT * FROM numbers(10) SETTINGS max_memory_usage = 0
---
SELECT id FROM orders UNION ALL SELECT id FROM orders SETTINGS readonly = 2
---
SELECT transform(sleep(1), [0], [1], 2)
---
WITH sleep(3) AS s SELECT s
---
WITH (SELECT count() FROM system.users) AS n SELECT n
---
SELECT id FROM orders ORDER BY id WITH FILL FROM sleep(3) TO 10
---
SELECT id FROM orders ORDER BY id WITH FILL INTERPOLATE (total AS sleep(3))
---
SELECT * FROM orders LIMIT 1 BY sleep(3)
---
SELECT * FROM orders SAMPLE sleep(3)
---
SELECT id FROM orders ARRAY JOIN SELECT file('/etc/passwd')
---
DESCRIBE TABLE OUTFILE
---
SHOW COLUMNS FROM INFILE
---
SHOW MERGES
---
EXPLAIN TABLE OVERRIDE mysql('h', 'd', 't', 'u', 'p') x
---
GRANT CURRENT GRANTS ON *.* TO evil
---
SELECT getServerPort('tcp_port')
---
SELECT addressToSymbol(1)
---
SELECT * FROM system.named_collections
---
SELECT arraySort(x -> file(x), ['/etc/passwd'])
---
SELECT pg::_catalog.set_config('transaction_read_only', 'off', true)
---
SELECT pg::_catalog.set_config()
---
SELECT CAST(1 AS Array(a.url()))
---
SELECT CAST(1 AS Array(url()))
---
SELECT CAST(1 AS Array(url(customers)))
---
SELECT pg::_catalog.set_config(,)
