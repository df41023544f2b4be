SELECT `name`, `city` FROM `customers` LIMIT 5
---
SELECT * FROM customers LIMIT 5, 10
---
SELECT "it's a string" AS quoted, 'say "hi"' AS other, 'it''s' AS twice
---
SELECT 'it\'s', 'a\\b', '50\% off'
---
SELECT name # a comment with DROP TABLE
FROM customers
---
SELECT name -- a comment; DELETE FROM orders
FROM customers
---
SELECT /* DROP TABLE customers */ 1
---
SELECT _utf8mb4'abc', N'abc', x'4142', 0x4142, b'01'
---
SELECT DATE_FORMAT(order_date, '%Y-%m') AS month, SUM(total_amount) FROM orders GROUP BY month ORDER BY month
---
SELECT YEAR(order_date), MONTH(order_date), COUNT(*) FROM orders GROUP BY YEAR(order_date), MONTH(order_date)
---
SELECT * FROM orders WHERE order_date >= DATE_SUB(CURDATE(), INTERVAL 30 DAY)
---
SELECT DATE_ADD('2024-01-31', INTERVAL 1 MONTH), order_date + INTERVAL 1 DAY FROM orders LIMIT 1
---
SELECT DATEDIFF(shipped_date, order_date), TIMESTAMPDIFF(HOUR, order_date, shipped_date) FROM orders LIMIT 5
---
SELECT DATE '2024-01-01', TIMESTAMP '2024-01-01 10:00:00', STR_TO_DATE('2024', '%Y'), LAST_DAY('2024-02-01')
---
SELECT IFNULL(shipped_date, 'never'), IF(total_amount > 100, 'big', 'small') FROM orders LIMIT 5
---
SELECT GROUP_CONCAT(DISTINCT city ORDER BY city SEPARATOR ', ') FROM customers
---
SELECT CONCAT_WS(' ', name, city), SUBSTRING_INDEX(name, ' ', 1), LEFT(name, 2), LPAD(id, 6, '0') FROM customers LIMIT 5
---
SELECT name FROM customers WHERE name REGEXP '^M' AND name NOT RLIKE 'n$'
---
SELECT city, COUNT(*) FROM customers GROUP BY city WITH ROLLUP
---
SELECT 7 DIV 2, 7 % 2, 1 <=> NULL, 1 XOR 0, 6 & 3, 6 | 1, 1 << 2
---
SELECT 1 && 0, NOT 1, 5 - 1
---
SELECT CAST(id AS CHAR), CAST('5' AS SIGNED), CONVERT('5', UNSIGNED), CONVERT(name USING utf8mb4) FROM customers LIMIT 1
---
SELECT data->'$.a', data->>'$.b', JSON_EXTRACT(data, '$.c') FROM documents
---
SELECT JSON_OBJECT('name', name), JSON_ARRAYAGG(city) FROM customers GROUP BY name
---
SELECT j.id FROM documents, JSON_TABLE(data, '$[*]' COLUMNS (id INT PATH '$.id')) AS j
---
WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT SUM(i) FROM n
---
WITH big AS (SELECT * FROM orders WHERE total_amount > 500), few AS (SELECT * FROM big LIMIT 5) SELECT COUNT(*) FROM few
---
SELECT c.name, x.total FROM customers c, LATERAL (SELECT SUM(total_amount) AS total FROM orders o WHERE o.customer_id = c.id) x LIMIT 5
---
SELECT name, ROW_NUMBER() OVER (PARTITION BY city ORDER BY id) FROM customers LIMIT 5
---
SELECT order_date, LAG(total_amount) OVER w, LEAD(total_amount) OVER w FROM orders WINDOW w AS (ORDER BY id) LIMIT 5
---
SELECT SUM(total_amount) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM orders
---
SELECT * FROM customers USE INDEX (PRIMARY) WHERE id = 1
---
SELECT STRAIGHT_JOIN c.name FROM customers c JOIN orders o ON o.customer_id = c.id LIMIT 1
---
SELECT SQL_NO_CACHE DISTINCT city FROM customers
---
SELECT id FROM customers UNION ALL SELECT id FROM products ORDER BY 1 LIMIT 3
---
SELECT id FROM customers EXCEPT SELECT customer_id FROM orders
---
SELECT name FROM products WHERE MATCH (name) AGAINST ('lamp' IN BOOLEAN MODE)
---
SELECT COUNT(DISTINCT city, name) FROM customers
---
SELECT 1 FROM DUAL
---
SELECT @@version, @@sql_mode
---
SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()
---
SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES
---
SELECT * FROM shop.orders LIMIT 5
---
SELECT TRIM(LEADING '0' FROM name), SUBSTRING(name FROM 2 FOR 3), EXTRACT(YEAR FROM '2024-02-29'), POSITION('a' IN name) FROM customers
---
SELECT BINARY 'a' = 'A', name COLLATE utf8mb4_bin FROM customers ORDER BY name COLLATE utf8mb4_bin
---
SELECT 1 AS `select`, 2 AS `drop table`
---
SELECT 名称 FROM 客户 LIMIT 5
---
SELECT city, JSON_VALUE('{"a": 1}', '$.a'), GREATEST(1, 2), TRUNCATE(1.25, 1), MD5('x') FROM customers GROUP BY city
---
SELECT REPEAT('=', 10), SPACE(3), RPAD(name, 20, '.') FROM customers
---
SELECT FOUND_ROWS(), CONNECTION_ID(), CURRENT_USER(), VERSION()
---
SELECT o.id FROM orders o WHERE (o.customer_id, o.id) IN (SELECT c.id, 1 FROM customers c)
---
SELECT name FROM customers ORDER BY FIELD(city, 'Oslo', 'Bergen'), RAND()
---
VALUES ROW(1, 'a'), ROW(2, 'b')
---
TABLE customers
---
SHOW TABLES
---
SHOW FULL TABLES LIKE 'c%'
---
SHOW TABLES FROM shop
---
SHOW TABLE STATUS LIKE 'orders'
---
SHOW COLUMNS FROM customers
---
SHOW FULL COLUMNS FROM orders FROM shop LIKE 'id'
---
SHOW CREATE TABLE `customers`
---
SHOW CREATE VIEW best_customers
---
SHOW INDEX FROM customers
---
SHOW DATABASES
---
SHOW CHARACTER SET
---
SHOW COLLATION LIKE 'utf8%'
---
SHOW VARIABLES LIKE 'version'
---
DESCRIBE customers
---
DESC customers name
---
DESCRIBE SELECT 1
---
EXPLAIN customers
---
EXPLAIN SELECT * FROM customers
---
EXPLAIN FORMAT=JSON SELECT * FROM customers WHERE id = 1;
---
EXPLAIN EXTENDED SELECT * FROM orders
---
SELECT DATE_FORMAT(order_date, '%x-W%v') AS wk, COUNT(*) FROM orders WHERE order_date BETWEEN '2024-01-01' AND LAST_DAY('2024-12-01') GROUP BY wk
---
SELECT * FROM orders WHERE order_date >= CURDATE() - INTERVAL 1 YEAR AND order_date < CURDATE()
---
SELECT TIMESTAMPADD(MINUTE, 90, '2024-01-01 10:00:00'), MAKEDATE(2024, 60), SEC_TO_TIME(3661), ADDTIME('10:00:00', '01:30:00')
---
SELECT CONVERT_TZ(order_date, 'UTC', 'Europe/Oslo') FROM orders LIMIT 1
---
WITH RECURSIVE calendar (d) AS (SELECT DATE '2024-01-01' UNION ALL SELECT d + INTERVAL 1 DAY FROM calendar WHERE d < '2024-01-31') SELECT COUNT(*) FROM calendar
---
SELECT name, NTH_VALUE(name, 2) OVER (PARTITION BY city ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM customers
---
SELECT c.id, x.n FROM customers AS c JOIN LATERAL (SELECT COUNT(*) AS n FROM orders AS o WHERE o.customer_id = c.id) AS x ON TRUE
---
SELECT /* a note -- with dashes # and a hash */ name FROM customers WHERE id = 1 -- the end
---
SELECT 'tab\there', 'quote \"', "it\'s", 'percent \%', '\\'
---
SELECT _latin1'abc' COLLATE latin1_german1_ci AS word
---
SELECT JSON_OBJECTAGG(name, price), JSON_CONTAINS(JSON_ARRAY(1, 2), '1') FROM products
---
SELECT IFNULL(NULLIF(city, ''), 'unknown') AS place, COUNT(*) FROM customers GROUP BY place ORDER BY COUNT(*) DESC LIMIT 5 OFFSET 5
---
SELECT {d '2024-02-29'} AS leap_day
---
SHOW INDEXES FROM orders FROM shop
---
SHOW FULL COLUMNS IN customers IN shop
---
SHOW FIELDS FROM products LIKE 'p%'
---
EXPLAIN FORMAT=TREE WITH big AS (SELECT id FROM orders) SELECT COUNT(*) FROM big
---
DESCRIBE shop.orders 'total%'
