SELECT * FROM customers INTO OUTFILE '/tmp/x'
---
SELECT name INTO DUMPFILE '/tmp/x' FROM customers
---
SELECT name FROM customers LIMIT 1 INTO @x
---
SELECT 1 INTO @x
---
SELECT @x := 1
---
SELECT @x
---
SELECT @`x`
---
SELECT @@global.version
---
SELECT @@secure_file_priv
---
SELECT @@datadir
---
SELECT LOAD_FILE('/etc/passwd')
---
SELECT load_file(0x2f6574632f706173737764)
---
SELECT SLEEP(10)
---
SELECT `sleep`(10)
---
SELECT * FROM customers WHERE id = 1 OR SLEEP(5)
---
SELECT BENCHMARK(1000000, MD5('x'))
---
SELECT GET_LOCK('a', 10)
---
SELECT RELEASE_ALL_LOCKS()
---
SELECT MASTER_POS_WAIT('x', 1)
---
SELECT LAST_INSERT_ID(5)
---
SELECT * FROM customers LOCK IN SHARE MODE
---
SELECT * FROM customers FOR UPDATE SKIP LOCKED
---
SELECT * FROM customers FOR SHARE NOWAIT
---
SELECT /*! SLEEP(10), */ 1
---
SELECT 1 /*!50000 UNION SELECT authentication_string FROM mysql.user */
---
SELECT 1 /*M!100100 , SLEEP(10) */
---
SELECT /*+ SET_VAR(sql_mode = 'ANSI_QUOTES') */ 1
---
SELECT 1 /* a /* ' */ , SLEEP(1) -- '
---
SELECT 1 --' , SLEEP(10) -- '
---
SELECT 1#'
, SLEEP(10) #'
---
SELECT 1 -- x
, SLEEP(10)
---
SELECT '\' , SLEEP(10) -- ' , LOAD_FILE('/x')
---
SELECT $$ ' $$ , SLEEP(1) -- '
---
SELECT $t$ ' $t$ , SLEEP(1) -- '
---
SELECT @/* ' */ , SLEEP(1) -- '
---
SELECT @@'a', SLEEP(1), 'b'
---
SELECT x'\' , SLEEP(1) -- '
---
SELECT {fn SLEEP(10)}
---
SELECT * FROM mysql.user
---
SELECT * FROM MySQL.`user`
---
SELECT host, authentication_string FROM `mysql`.global_priv
---
SELECT * FROM performance_schema.threads
---
SELECT * FROM sys.session
---
SELECT * FROM information_schema.processlist
---
SELECT * FROM INFORMATION_SCHEMA.USER_PRIVILEGES
---
SELECT routine_definition FROM information_schema.routines
---
SELECT variable_value FROM information_schema.global_variables
---
SELECT (SELECT authentication_string FROM mysql.user LIMIT 1)
---
WITH x AS (SELECT * FROM mysql.user) SELECT * FROM x
---
SELECT 1 UNION TABLE mysql.user
---
TABLE mysql.user
---
SELECT * FROM "customers"
---
SELECT * FROM 'customers'
---
SELECT * FROM other.shop.customers
---
SHOW GRANTS
---
SHOW GRANTS FOR root
---
SHOW PROCESSLIST
---
SHOW FULL PROCESSLIST
---
SHOW VARIABLES
---
SHOW VARIABLES LIKE '%pass%'
---
SHOW VARIABLES WHERE SLEEP(10)
---
SHOW GLOBAL STATUS
---
SHOW MASTER STATUS
---
SHOW REPLICA STATUS
---
SHOW BINARY LOGS
---
SHOW BINLOG EVENTS
---
SHOW ENGINE INNODB STATUS
---
SHOW CREATE USER root
---
SHOW CREATE PROCEDURE wipe
---
SHOW CREATE TABLE mysql.user
---
SHOW TABLES WHERE SLEEP(10)
---
SHOW COLUMNS FROM mysql.user
---
SHOW COLUMNS FROM user FROM mysql
---
SHOW INDEX FROM customers; DROP TABLE customers
---
DESCRIBE mysql.user
---
EXPLAIN FOR CONNECTION 5
---
EXPLAIN ANALYZE SELECT * FROM customers
---
EXPLAIN FORMAT=JSON INTO @x SELECT 1
---
EXPLAIN SELECT SLEEP(10)
---
EXPLAIN FORMAT=TREE DELETE FROM orders
---
ANALYZE SELECT * FROM customers
---
ANALYZE FORMAT=JSON SELECT 1
---
HANDLER customers OPEN
---
DO SLEEP(10)
---
LOAD DATA INFILE '/etc/passwd' INTO TABLE customers
---
LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE customers
---
LOAD XML INFILE '/x' INTO TABLE customers
---
EXECUTE IMMEDIATE 'DROP TABLE customers'
---
PREPARE s FROM 'DROP TABLE customers'
---
SET GLOBAL general_log = 1
---
SET @x = 1
---
SET SESSION TRANSACTION READ WRITE
---
SET STATEMENT max_statement_time = 0 FOR SELECT 1
---
START TRANSACTION READ WRITE
---
XA START 'x'
---
FLUSH PRIVILEGES
---
KILL QUERY 5
---
LOCK TABLES customers WRITE
---
UNLOCK TABLES
---
RENAME TABLE customers TO gone
---
OPTIMIZE TABLE customers
---
REPAIR TABLE customers
---
PURGE BINARY LOGS TO 'x'
---
CHANGE MASTER TO MASTER_HOST = 'evil'
---
INSTALL PLUGIN x SONAME 'x.so'
---
INSTALL SONAME 'x'
---
CREATE USER evil IDENTIFIED BY 'x'
---
CREATE FUNCTION sys_exec RETURNS int SONAME 'udf.so'
---
ALTER USER root IDENTIFIED BY 'x'
---
UPDATE customers c JOIN orders o ON o.customer_id = c.id SET c.name = 'x'
---
DELETE c FROM customers c JOIN orders o ON o.customer_id = c.id
---
INSERT INTO customers (id) VALUES (1) ON DUPLICATE KEY UPDATE name = 'x'
---
INSERT IGNORE INTO customers SET id = 1
---
REPLACE INTO customers SET id = 1
---
REPLACE DELAYED INTO customers VALUES (1)
---
SELECT * FROM customers PROCEDURE ANALYSE()
---
SELECT NEXTVAL(numbers)
---
SELECT SETVAL(numbers, 5)
---
SELECT NEXT VALUE FOR numbers
---
SELECT shop.wipe()
---
SELECT sys_exec('id')
---
SELECT total(price) FROM products
---
SELECT REPEAT('x', 1000000000)
---
SELECT SPACE(1000000000)
---
SELECT RPAD('x', id, 'y') FROM customers
---
SELECT 1 ; SELECT 2
---
SIGNAL SQLSTATE '45000'
---
BINLOG 'x'
---
USE mysql
---
SHUTDOWN
---
EXPLAIN INTO customers
---
DESCRIBE INTO customers
---
DESCRIBE OUTFILE customers
---
SELECT 1 /*T! , SLEEP(10) */
---
SELECT 1 /*T![auto_rand] , SLEEP(10) */
---
SELECT id FROM customers UNION DISTINCT TABLE orders; SHUTDOWN
---
SELECT id FROM customers WHERE id IN (TABLE orders FOR UPDATE)
---
SELECT * FROM FILES('path' = 's3://x', 'format' = 'parquet')
---
SELECT * FROM LOCAL('file_path' = 'x', 'backend_id' = '1')
---
SELECT * FROM backends()
---
SELECT * FROM oceanbase.__all_user
---
SELECT * FROM __internal_schema.audit_log
---
SELECT * FROM INFORMATION_SCHEMA.INNODB_TRX
---
SELECT * FROM information_schema.plugins
---
SELECT 'a' INTO @`x`
---
SELECT name FROM customers INTO DUMPFILE 0x2f746d702f78
---
EXPLAIN SELECT 1 INTO OUTFILE '/tmp/x'
---
DESC customers INTO
---
SHOW COLUMNS FROM INTO
---
SHOW TABLES FROM OUTFILE
---
SHOW CREATE TABLE @x
---
SELECT j.a FROM JSON_TABLE(LOAD_FILE('/etc/passwd'), '$' COLUMNS (a TEXT PATH '$')) AS j
---
SELECT RELEASE_LOCK('a')
---
SELECT WAIT_FOR_EXECUTED_GTID_SET('x', 10)
---
SELECT * FROM customers, LATERAL (SELECT SLEEP(customers.id)) AS s
---
WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE SLEEP(1) = 0) SELECT i FROM n
---
SELECT PREVIOUS VALUE FOR numbers
---
SELECT LASTVAL(numbers)
---
CLONE LOCAL DATA DIRECTORY = '/tmp/x'
---
IMPORT TABLE FROM '/tmp/x.sdi'
---
RESET BINARY LOGS AND GTIDS
---
ADMIN SET FRONTEND CONFIG ('x' = 'y')
---
SELECT "a\" , SLEEP(10) , "b"
---
SELECT GROUP_CONCAT(name ORDER BY SLEEP(1) SEPARATOR ',') FROM customers
---
SELECT CASE city WHEN 'Oslo' THEN SLEEP(1) END FROM customers
---
SELECT * FROM customers USE INDEX (PRIMARY) WHERE id = LOAD_FILE('/x') FOR SHARE OF customers
---
SELECT * FROM customers. LATERAL read_csv(SEND,name)
---
SELECT pg::_catalog.set_config('transaction_read_only', 'off', true)
