SELECT 1
---
select count(*) from customers;
---
  SELECT name FROM customers WHERE city = 'Oslo' ;
---
SELECT * FROM customers
---
SELECT c.* FROM customers c
---
SELECT DISTINCT city FROM customers ORDER BY city
---
SELECT COUNT(DISTINCT city) FROM customers
---
SELECT city, COUNT(*) AS n FROM customers GROUP BY city HAVING COUNT(*) > 10 ORDER BY n DESC LIMIT 5
---
SELECT city, COUNT(*) FROM customers GROUP BY 1 ORDER BY 2 DESC LIMIT 5 OFFSET 2
---
SELECT c.city, COUNT(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.order_date >= '2024-01-01' AND o.order_date < '2025-01-01' GROUP BY c.city ORDER BY COUNT(*) DESC LIMIT 5
---
SELECT c.name FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE o.id IS NULL
---
SELECT c.name FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)
---
SELECT name FROM products WHERE price > (SELECT AVG(price) FROM products)
---
SELECT name FROM customers WHERE city IN ('Oslo', 'Bergen')
---
SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE total_amount > 1000)
---
SELECT name FROM customers WHERE name LIKE 'Ma%'
---
SELECT name FROM customers WHERE name NOT LIKE '%son' AND country <> 'Norway'
---
SELECT name FROM customers WHERE name LIKE '50!%' ESCAPE '!'
---
SELECT COUNT(*) FROM products WHERE price BETWEEN 20 AND 40
---
SELECT COUNT(*) FROM orders WHERE shipped_date IS NULL
---
SELECT COUNT(*) FROM orders WHERE status = 'cancelled' OR status = 'returned'
---
SELECT MIN(price), MAX(price), AVG(price), SUM(stock) FROM products
---
SELECT p.category, SUM(oi.quantity * oi.unit_price) AS revenue FROM order_items oi JOIN products p ON p.id = oi.product_id GROUP BY p.category ORDER BY revenue DESC
---
SELECT p.category, c.country, SUM(oi.quantity) FROM order_items oi JOIN products p ON p.id = oi.product_id JOIN orders o ON o.id = oi.order_id JOIN customers c ON c.id = o.customer_id GROUP BY p.category, c.country
---
SELECT id FROM customers UNION SELECT id FROM products
---
SELECT id FROM customers UNION ALL SELECT id FROM products ORDER BY 1 LIMIT 3
---
SELECT id FROM customers INTERSECT SELECT customer_id FROM orders
---
SELECT id FROM customers EXCEPT SELECT customer_id FROM orders
---
WITH big AS (SELECT * FROM orders WHERE total_amount > 500) SELECT COUNT(*) FROM big
---
WITH a AS (SELECT id FROM customers), b AS (SELECT id FROM a WHERE id < 10) SELECT COUNT(*) FROM b
---
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT SUM(i) FROM n
---
VALUES (1, 'a'), (2, 'b')
---
SELECT CASE WHEN price < 20 THEN 'cheap' WHEN price < 100 THEN 'fair' ELSE 'dear' END AS band, COUNT(*) FROM products GROUP BY band
---
SELECT COALESCE(shipped_date, order_date) FROM orders LIMIT 5
---
SELECT NULLIF(stock, 0) FROM products LIMIT 5
---
SELECT CAST(price AS INTEGER) FROM products LIMIT 5
---
SELECT UPPER(name), LOWER(email), LENGTH(city) FROM customers LIMIT 5
---
SELECT name || ' <' || email || '>' FROM customers LIMIT 5
---
SELECT SUBSTR(name, 1, 3) FROM customers LIMIT 5
---
SELECT SUBSTRING(name, 1, 3) FROM customers LIMIT 5
---
SELECT TRIM(name), REPLACE(name, 'a', 'b') FROM customers LIMIT 5
---
SELECT ROUND(price), ABS(price), CEIL(price), FLOOR(price) FROM products LIMIT 5
---
SELECT ROW_NUMBER() OVER (ORDER BY price DESC) AS place, name FROM products LIMIT 5
---
SELECT name, RANK() OVER (PARTITION BY category ORDER BY price DESC) FROM products LIMIT 5
---
SELECT order_date, SUM(total_amount) OVER (ORDER BY order_date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) FROM orders LIMIT 5
---
SELECT order_date, LAG(total_amount) OVER w, LEAD(total_amount) OVER w FROM orders WINDOW w AS (ORDER BY id) LIMIT 5
---
SELECT NTILE(4) OVER (ORDER BY price), FIRST_VALUE(name) OVER (ORDER BY price) FROM products LIMIT 5
---
SELECT COUNT(*) FILTER (WHERE status = 'completed') FROM orders
---
SELECT a.name, b.name FROM customers a, customers b WHERE a.city = b.city AND a.id < b.id LIMIT 5
---
SELECT * FROM customers CROSS JOIN (SELECT 1 AS one) x LIMIT 5
---
SELECT * FROM customers NATURAL JOIN (SELECT 1 AS id) x
---
SELECT * FROM orders JOIN customers USING (id) LIMIT 1
---
SELECT * FROM (customers c JOIN orders o ON o.customer_id = c.id) LIMIT 1
---
SELECT "name", "city" FROM "customers" LIMIT 5
---
SELECT 'it''s; DROP TABLE customers' AS quoted
---
SELECT '-- no comment' AS dashes, '/* nor this */' AS stars
---
SELECT 1 -- a comment with DROP TABLE
---
SELECT /* DROP TABLE customers */ 1
---
SELECT 1 AS "drop", 2 AS "delete"
---
SELECT -1, +1, 2 * 3 + 4, 7 / 2, 7 % 2
---
SELECT 1 WHERE NOT (1 = 2) AND (3 > 2 OR 4 < 3)
---
SELECT MAX(o.total_amount) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.country = 'Spain'
---
SELECT name FROM products WHERE NOT discontinued AND stock < 20
---
SELECT COUNT(*) FROM products WHERE discontinued
---
SELECT (SELECT COUNT(*) FROM orders o WHERE o.customer_id = c.id) AS n, c.name FROM customers c ORDER BY n DESC LIMIT 3
---
SELECT EXISTS (SELECT 1 FROM customers WHERE city = 'Atlantis')
---
SELECT category FROM products GROUP BY category ORDER BY MAX(price) DESC
---
SELECT * FROM orders WHERE order_date = '2024-02-29'
---
SELECT CURRENT_DATE
---
SELECT CURRENT_TIMESTAMP
---
EXPLAIN SELECT * FROM customers
---
SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT 1 AS x) a) b) c
---
SELECT 1;
---
SELECT 'ＤＲＯＰ', 'Ünïcödé', '日本語'
---
SELECT c.name AS "Kundenname", COUNT(o.id) AS "Anzahl" FROM customers AS c INNER JOIN orders AS o ON c.id = o.customer_id GROUP BY c.id, c.name ORDER BY "Anzahl" DESC, c.name ASC LIMIT 10
---
SELECT order_date, AVG(total_amount) OVER (PARTITION BY customer_id ORDER BY order_date RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM orders LIMIT 5
---
SELECT name, SUM(stock) OVER (ORDER BY id GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM products LIMIT 5
---
WITH RECURSIVE chain(id, customer, depth) AS (SELECT id, customer_id, 0 FROM orders WHERE id = 1 UNION ALL SELECT o.id, o.customer_id, c.depth + 1 FROM orders o JOIN chain c ON o.customer_id = c.id WHERE c.depth < 2) SELECT depth, COUNT(*) FROM chain GROUP BY depth
---
SELECT CASE city WHEN 'Oslo' THEN 'capital' WHEN 'Bergen' THEN 'coast' END AS kind, COUNT(*) FROM customers GROUP BY 1
---
SELECT name FROM products WHERE (category, price) IN (SELECT category, MAX(price) FROM products GROUP BY category)
---
SELECT name /* of whom? */ FROM customers -- the end
---
SELECT 'a' || 'b' AS joined, 'O''Brien' AS quoted, ';' AS semicolon, '/*' AS opened, '*/' AS closed
---
SELECT "order"."total amount" FROM (SELECT total_amount AS "total amount" FROM orders) AS "order" LIMIT 5
---
SELECT COUNT(*) AS n, COUNT(shipped_date) AS shipped, COUNT(*) - COUNT(shipped_date) AS waiting FROM orders
---
SELECT name FROM customers WHERE email LIKE '%\_%' ESCAPE '\'
---
SELECT c.name FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id GROUP BY o.customer_id HAVING COUNT(*) > 2) ORDER BY c.name LIMIT 5
