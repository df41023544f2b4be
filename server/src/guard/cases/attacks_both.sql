DROP TABLE customers
---
drop table if exists customers
---
DrOp/**/TaBlE customers
---
/* SELECT 1 */ DROP TABLE customers
---
-- SELECT 1
DROP TABLE customers
---
SELECT 1; DROP TABLE customers
---
SELECT 1;DROP TABLE customers;--
---
SELECT 1; SELECT 2
---
; DROP TABLE customers
---
;; SELECT 1; DELETE FROM orders
---
DELETE FROM orders
---
DELETE FROM orders WHERE 1 = 1 RETURNING *
---
UPDATE products SET price = 0
---
UPDATE products SET price = 0 RETURNING id
---
INSERT INTO customers SELECT * FROM customers
---
INSERT INTO customers VALUES (1) RETURNING id
---
WITH x AS (DELETE FROM orders RETURNING id) SELECT * FROM x
---
WITH x AS (UPDATE products SET price = 0 RETURNING id) SELECT count(*) FROM x
---
WITH x AS (INSERT INTO customers (id) VALUES (9999) RETURNING id) SELECT * FROM x
---
WITH x AS (SELECT 1) DELETE FROM orders
---
WITH x AS (SELECT 1) UPDATE products SET price = 0
---
WITH x AS (SELECT 1 AS id) INSERT INTO customers SELECT * FROM x
---
WITH a AS (WITH b AS (DELETE FROM orders RETURNING id) SELECT * FROM b) SELECT * FROM a
---
SELECT * FROM (WITH b AS (DELETE FROM orders RETURNING id) SELECT * FROM b) AS s
---
SELECT (WITH b AS (UPDATE products SET stock = 0 RETURNING id) SELECT count(*) FROM b)
---
CREATE TABLE stolen AS SELECT * FROM customers
---
CREATE TEMP TABLE stolen AS SELECT * FROM customers
---
CREATE VIEW v AS SELECT 1
---
CREATE INDEX i ON customers (name)
---
CREATE TRIGGER t AFTER INSERT ON customers BEGIN DELETE FROM orders; END
---
ALTER TABLE customers ADD COLUMN hacked TEXT
---
ALTER TABLE customers RENAME TO gone
---
TRUNCATE customers
---
TRUNCATE TABLE orders CASCADE
---
REPLACE INTO customers (id) VALUES (1)
---
MERGE INTO products p USING orders o ON p.id = o.id WHEN MATCHED THEN DELETE
---
BEGIN
---
BEGIN IMMEDIATE
---
COMMIT
---
END
---
ROLLBACK
---
SAVEPOINT a
---
RELEASE a
---
PRAGMA writable_schema = 1
---
PRAGMA journal_mode
---
PRAGMA table_info(customers)
---
pragma user_version = 7
---
ATTACH DATABASE '/tmp/evil.db' AS evil
---
ATTACH 'file:evil?mode=rwc' AS evil
---
DETACH DATABASE main
---
VACUUM
---
VACUUM INTO '/tmp/copy.db'
---
REINDEX
---
ANALYZE
---
SET search_path = public
---
RESET ALL
---
CALL do_it()
---
EXPLAIN DELETE FROM orders
---
EXPLAIN INSERT INTO customers (id) VALUES (1)
---
EXPLAIN UPDATE products SET price = 0
---
EXPLAIN ANALYZE DELETE FROM orders
---
EXPLAIN EXPLAIN SELECT 1
---
DESCRIBE customers
---
DESC customers
---
SELECT load_extension('/tmp/evil.so')
---
SELECT "load_extension"('/tmp/evil.so')
---
SELECT readfile('/etc/passwd')
---
SELECT writefile('/tmp/x', 'y')
---
SELECT count(*) FROM customers WHERE readfile('/etc/passwd') IS NOT NULL
---
SELECT * FROM customers ORDER BY load_extension('x')
---
SELECT * FROM customers GROUP BY id HAVING writefile('/tmp/x', name) > 0
---
SELECT CASE WHEN 1 = 1 THEN load_extension('x') END
---
SELECT * FROM customers LIMIT readfile('/etc/passwd')
---
SELECT sum(load_extension('x')) OVER (PARTITION BY id) FROM customers
---
SELECT count(*) FILTER (WHERE load_extension('x') = 1) FROM customers
---
SELECT * FROM customers c JOIN orders o ON load_extension('x') = 1
---
SELECT id FROM customers UNION SELECT load_extension('x')
---
VALUES (load_extension('x'))
---
SELECT * FROM (SELECT * FROM (SELECT load_extension('x')) AS a) AS b
---
SELECT EXISTS (SELECT load_extension('x'))
---
SELECT 1 WHERE 1 IN (SELECT load_extension('x'))
---
WITH x AS (SELECT load_extension('x') AS y) SELECT y FROM x
---
SELECT unknown_function(1)
---
SELECT evil.count(id) FROM customers
---
SELECT a.b.c(1)
---
SELECT ＤＲＯＰ(1)
---
ＤＲＯＰ TABLE customers
---
SELECT 1 /* unterminated
---
SELECT 'unterminated
---
SELECT * FROM
---
SELEC * FROM customers
---
SELECT * FROM customers WHERE id = ?
---
GRANT ALL ON customers TO public
---
REVOKE ALL ON customers FROM public
---
SELECT * FROM customers FOR UPDATE
---
SELECT * FROM (SELECT * FROM customers FOR UPDATE) AS c
---
LOCK TABLE customers
---
DO $$ BEGIN DELETE FROM orders; END $$
---
EXECUTE stmt
---
PREPARE s AS DELETE FROM orders
---
DECLARE c CURSOR FOR SELECT 1
---
SHOW TABLES
---
USE otherdb
---
KILL 1
---
SELECT 1 INTO OUTFILE '/tmp/x'
---
SELECT * INTO stolen FROM customers
---
SELECT * FROM customers |> DROP name
---
FROM customers DELETE
---
IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z
---
LOAD 'evil'
---
INSTALL httpfs
---
COPY customers TO '/tmp/x'
---
EXPORT DATABASE '/tmp/x'
---
﻿DROP TABLE customers
---
SELECT 1;

DROP TABLE customers
---
SELECT $1
---

---
   ;  ;
---
-- nothing but a comment
---
/* nothing but a comment */
---
SELECT * FROM FROM orders('x')
---
SELECT * FROM customers EXISTS (SELECT load_extension('x'))
---
SELECT name FROM customers ordered (SELECT pg_sleep(5))
---
SELECT * FROM SELECT sys_exec('id')
---
SELECT 1 END; DROP TABLE customers
---
SELECT * FROM customers END DROP TABLE customers
---
SELECT 'b' END FROM pg_read_file('x')
---
SELECT id FROM customers UNION TABLE customers; COMMIT
---
((SELECT 1) UNION (TABLE orders FOR UPDATE))
---
SELECT INTO stolen FROM customers
---
SELECT name FROM customers WHERE id = 1 UNION SELECT name INTO stolen FROM products
---
SELECT * FROM WHERE load_extension('x')
---
SELECT count(*) OVER (ORDER BY id ROWS BETWEEN load_extension('x') PRECEDING AND CURRENT ROW) FROM customers
---
SELECT name FROM customers LIMIT 5 OFFSET (SELECT load_extension('x'))
---
SELECT name FROM products WINDOW w AS (PARTITION BY load_extension('x'))
---
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT load_extension('x') FROM r) SELECT n FROM r
---
SELECT name::_catalog.set_config('transaction_read_only', 'off', true) FROM customers
---
SELECT CAST(name AS pg_catalog.set_config('transaction_read_only', 'off', true)) FROM customers
---
SELECT * FROM customers. LATERAL read_csv(SEND, name)
