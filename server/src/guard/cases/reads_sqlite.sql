SELECT strftime('%Y-%m', order_date), SUM(total_amount) FROM orders GROUP BY strftime('%Y-%m', order_date)
---
SELECT strftime('%Y', order_date) AS year, COUNT(*) FROM orders GROUP BY year
---
SELECT date('2024-02-29', '+1 day'), datetime('now'), julianday('now'), unixepoch('now')
---
SELECT julianday(shipped_date) - julianday(order_date) FROM orders LIMIT 5
---
SELECT IFNULL(shipped_date, 'never') FROM orders LIMIT 5
---
SELECT IIF(stock > 0, 'yes', 'no') FROM products LIMIT 5
---
SELECT GROUP_CONCAT(DISTINCT city) FROM customers
---
SELECT group_concat(name, '; ') FROM products WHERE category = 'Toys'
---
SELECT total(price), typeof(price), printf('%.2f', price) FROM products LIMIT 5
---
SELECT instr(name, 'a'), hex(name), quote(name), unicode(name), char(65, 66) FROM customers LIMIT 5
---
SELECT json_extract('{"a": [1, 2]}', '$.a[1]')
---
SELECT '{"a": 1}' -> 'a', '{"a": 1}' ->> 'a'
---
SELECT value FROM json_each('[1, 2, 3]')
---
SELECT c.name, j.value FROM customers c, json_each('[1, 2]') j LIMIT 5
---
SELECT json_group_array(name) FROM products WHERE category = 'Books'
---
SELECT json_object('name', name, 'price', price) FROM products LIMIT 5
---
SELECT name FROM sqlite_schema WHERE type = 'table'
---
SELECT name FROM sqlite_master
---
SELECT * FROM main.customers LIMIT 5
---
SELECT [name], `city` FROM [customers] LIMIT 5
---
SELECT name FROM customers WHERE name GLOB 'Ma*'
---
SELECT * FROM customers LIMIT 5, 10
---
SELECT id, rowid FROM customers LIMIT 5
---
EXPLAIN QUERY PLAN SELECT * FROM orders WHERE customer_id = 1
---
SELECT name COLLATE NOCASE FROM customers ORDER BY name COLLATE NOCASE LIMIT 5
---
SELECT CAST(strftime('%m', order_date) AS INTEGER) AS month, AVG(total_amount) FROM orders GROUP BY month
---
SELECT max(price, 10), min(price, 10) FROM products LIMIT 5
---
SELECT x'00ff'
---
SELECT 1 == 1, 1 <> 2, 1 IS NOT NULL
---
SELECT * FROM orders WHERE order_date BETWEEN date('2024-01-01') AND date('2024-01-01', '+1 month', '-1 day')
---
SELECT TRIM(name, 'ab'), LTRIM(name, '0'), RTRIM(name, ' .') FROM customers LIMIT 5
---
SELECT instr(price, '.'), replace(price, '.', ','), replace(name, 'a', ''), instr(x'0102', x'02') FROM products LIMIT 5
---
WITH a AS (SELECT id FROM customers), b AS (SELECT id FROM a UNION SELECT id FROM a), c AS (SELECT x.id FROM b x JOIN b y ON y.id = x.id) SELECT COUNT(*) FROM c x JOIN c y ON x.id = y.id
---
SELECT format('%-10s|%05d', name, id) FROM customers LIMIT 5
---
SELECT date(order_date, 'start of month', '+1 month', '-1 day') AS month_end, COUNT(*) FROM orders GROUP BY month_end
---
SELECT CAST(julianday('now') - julianday(order_date) AS INTEGER) AS age_in_days FROM orders LIMIT 5
---
SELECT name, first_value(name) OVER (PARTITION BY category ORDER BY price DESC ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM products LIMIT 5
---
SELECT SUM(total_amount) FILTER (WHERE strftime('%w', order_date) IN ('0', '6')) AS at_weekends FROM orders
---
SELECT strftime('%Y-W%W', order_date) AS wk, total(total_amount) FROM orders GROUP BY wk HAVING wk > '2024-W10'
---
SELECT iif(price > 100, 'dear', iif(price > 20, 'fair', 'cheap')) AS how, count(*) FROM products GROUP BY how
---
SELECT json_extract(value, '$.name') AS name FROM json_each('[{"name": "a"}, {"name": "b"}]')
---
WITH RECURSIVE calendar(d) AS (SELECT date('2024-01-01') UNION ALL SELECT date(d, '+1 day') FROM calendar WHERE d < '2024-01-31') SELECT d, (SELECT COUNT(*) FROM orders WHERE order_date = d) AS n FROM calendar
---
SELECT name, price - lag(price, 1, 0) OVER (ORDER BY price) AS more FROM products LIMIT 5
---
SELECT 0x1F, 1e3, .5, -7 % 3
