SELECT * FROM pragma_table_info('customers')
---
SELECT * FROM pragma_writable_schema
---
SELECT * FROM pragma_database_list
---
SELECT * FROM pragma_table_list()
---
SELECT * FROM sqlite_temp_master
---
SELECT * FROM temp.sqlite_master
---
SELECT * FROM evil.customers
---
SELECT * FROM dbstat
---
SELECT * FROM sqlite_dbpage
---
SELECT fts3_tokenizer('simple')
---
SELECT zeroblob(1000000000)
---
SELECT randomblob(1000000000)
---
SELECT hex(randomblob(100000000))
---
SELECT edit('x', 'vi')
---
SELECT * FROM fsdir('/')
---
SELECT LOAD_EXTENSION('/tmp/evil.so')
---
SELECT [load_extension]('/tmp/evil.so')
---
SELECT `load_extension`('/tmp/evil.so')
---
EXPLAIN QUERY PLAN DELETE FROM orders
---
EXPLAIN PRAGMA journal_mode = WAL
---
SHOW server_version
---
INSERT OR REPLACE INTO customers (id) VALUES (1)
---
UPDATE OR IGNORE products SET price = 0
---
CREATE VIRTUAL TABLE t USING fts5(x)
---
DROP VIEW IF EXISTS v
---
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO customers (id) SELECT i FROM n LIMIT 5
---
SELECT * FROM main.sqlite_dbpage
---
SELECT * FROM customers, json_each(readfile('/etc/passwd'))
---
SELECT sqlite_compileoption_get(1)
---
SELECT * FROM sqlite_dbdata
---
SELECT x'00'' \' , zeroblob(5) , (SELECT count(*) FROM dbstat) --'
---
SELECT unhex(name, name) FROM customers
---
SELECT json_patch(name, name) FROM customers
---
SELECT jsonb_patch(name, name) FROM customers
---
SELECT trim(name, city) FROM customers
---
SELECT ltrim(name, printf('%.100000c', 'b')) FROM customers
---
SELECT rtrim(name, 'abcdefghijklmnopqrstu') FROM customers
---
SELECT * FROM bytecode('SELECT 1')
---
SELECT name FROM customers WHERE name MATCH load_extension('x')
---
WITH sqlite_dbpage AS (SELECT 1), x AS (SELECT * FROM main.sqlite_dbpage) SELECT * FROM x
---
SELECT id FROM customers WHERE id IN sqlite_dbpage
---
SELECT name FROM customers ORDER BY (SELECT count(*) FROM dbstat)
---
SELECT sqlite_log(1, 'x')
---
SELECT rtreecheck('x')
---
SELECT name FROM customers UNION SELECT sql FROM temp.sqlite_schema
---
SELECT * FROM [sqlite_dbpage] AS customers
---
SELECT * FROM customers NOT INDEXED; PRAGMA query_only = 0
---
SELECT date('now'), (SELECT edit(name) FROM products LIMIT 1)
---
SELECT value FROM json_tree((SELECT writefile('/tmp/x', '[]')))
---
SELECT * FROM(SELECT   customers) EXISTS (SELECT load_extension('x'))
---
SELECT name::text FROM customers
