SELECT city, count() FROM customers GROUP BY city
---
SELECT uniq(city), uniqExact(city), any(city), argMax(name, id) FROM customers
---
SELECT countIf(status = 'completed'), sumIf(total_amount, status = 'completed') FROM orders
---
SELECT quantile(0.9)(total_amount), quantiles(0.5, 0.9)(total_amount) FROM orders
---
SELECT avgOrNull(total_amount), sumOrNullIf(total_amount, id > 5), uniqArray([1, 2]) FROM orders
---
SELECT toStartOfMonth(order_date) AS m, sum(total_amount) FROM orders GROUP BY m ORDER BY m
---
SELECT toStartOfMonth(order_date) AS m, count() FROM orders GROUP BY m ORDER BY m WITH FILL
---
SELECT toYear(order_date), toYYYYMM(order_date), formatDateTime(order_date, '%Y-%m') FROM orders
---
SELECT * FROM orders WHERE order_date >= today() - INTERVAL 30 DAY
---
SELECT dateDiff('day', order_date, now()) FROM orders
---
SELECT arrayMap(x -> x + 1, [1, 2, 3]), arrayFilter((x, y) -> x > y, [1, 2], [2, 1])
---
SELECT arrayJoin([1, 2, 3])
---
SELECT c.name, t FROM customers c ARRAY JOIN tags AS t
---
SELECT name, tag FROM customers LEFT ARRAY JOIN tags AS tag
---
SELECT name, n FROM customers ARRAY JOIN arrayEnumerate(tags) AS n
---
SELECT * FROM orders FINAL WHERE id = 1
---
SELECT * FROM orders PREWHERE status = 'completed' WHERE total_amount > 10
---
SELECT count() FROM orders SAMPLE 0.1
---
SELECT * FROM orders LIMIT 2 BY customer_id
---
SELECT * FROM orders ORDER BY id LIMIT 5 OFFSET 10
---
SELECT * FROM orders LIMIT 5, 10
---
SELECT city, count() FROM customers GROUP BY city WITH TOTALS
---
SELECT city, count() FROM customers GROUP BY city WITH ROLLUP
---
SELECT * EXCEPT (email) FROM customers
---
SELECT * REPLACE (upper(name) AS name) FROM customers
---
SELECT COLUMNS('id') FROM orders
---
WITH big AS (SELECT * FROM orders WHERE total_amount > 500) SELECT count() FROM big
---
SELECT id FROM customers WHERE id IN (SELECT customer_id FROM orders)
---
SELECT id FROM customers WHERE city IN ('Oslo', 'Bergen') AND id NOT IN (1, 2)
---
SELECT id::String, toInt32('5'), toDecimal64('1.5', 2), CAST(id AS String) FROM customers
---
SELECT if(id > 5, 'a', 'b'), multiIf(id = 1, 'a', id = 2, 'b', 'c') FROM customers
---
SELECT splitByChar(',', name), replaceRegexpAll(name, 'a', 'b'), match(name, '^M') FROM customers
---
SELECT position(name, 'a'), lower(name), substring(name, 1, 3) FROM customers
---
SELECT JSONExtractString('{"a": "b"}', 'a')
---
SELECT dictGet('regions', 'name', toUInt64(1))
---
SELECT number FROM numbers(10)
---
SELECT * FROM shop.orders LIMIT 5
---
SELECT name, type FROM system.columns WHERE table = 'orders'
---
SELECT table_name FROM information_schema.tables
---
SHOW TABLES
---
SHOW DATABASES
---
SHOW TABLES FROM shop LIKE 'o%'
---
SHOW COLUMNS FROM orders
---
DESCRIBE TABLE orders
---
DESC orders
---
EXISTS TABLE orders
---
EXPLAIN SELECT 1
---
EXPLAIN SYNTAX SELECT * FROM orders
---
EXPLAIN PLAN indexes = 1 SELECT * FROM orders
---
EXPLAIN ESTIMATE SELECT * FROM orders
---
EXPLAIN QUERY TREE SELECT 1
---
SELECT `name`, "city" FROM customers
---
SELECT 'it\'s', 'it''s; DROP TABLE orders'
---
SELECT a.name FROM customers a GLOBAL INNER JOIN orders b ON b.customer_id = a.id
---
SELECT row_number() OVER (PARTITION BY city ORDER BY id), lagInFrame(id) OVER (ORDER BY id) FROM customers
---
SELECT sum(total_amount) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM orders
---
SELECT domain('https://a/b'), cityHash64(name), toTypeName(id) FROM customers
---
FROM customers SELECT name
---
SELECT id FROM customers UNION ALL SELECT id FROM products
---
SELECT tuple(1, 'a'), map('k', 1), [1, 2, 3][1]
---
SELECT groupArray(name), topK(3)(city), uniqIf(city, id > 5) FROM customers
---
SELECT bar(id, 0, 10, 5), formatReadableSize(1024), range(5) FROM customers
---
SELECT x, y FROM (SELECT 1 AS x, 2 AS y)
---
SELECT /* a comment */ 1 -- another; DROP TABLE orders
---
SELECT * FROM (SELECT city, count() AS n FROM customers GROUP BY city) WHERE n > 5 ORDER BY n DESC
---
SELECT toStartOfInterval(order_date, INTERVAL 15 MINUTE) AS slot, count() FROM orders GROUP BY slot
---
SELECT toDate('2024-02-29') + INTERVAL 1 MONTH, addMonths(toDate('2024-01-31'), 1), toLastDayOfMonth(today())
---
SELECT id, sum(total_amount) OVER (PARTITION BY customer_id ORDER BY order_date RANGE BETWEEN 7 PRECEDING AND CURRENT ROW) FROM orders
---
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT x, y FROM a CROSS JOIN b
---
SELECT name FROM customers WHERE name ILIKE 'm%' AND NOT empty(city)
---
SELECT groupArray(3)(name), quantileExact(0.5)(total_amount), argMin(id, order_date) FROM orders
---
SELECT arraySort(x -> -x, [3, 1, 2]), arrayReduce('max', [1, 2]), arrayZip([1], ['a'])
---
SELECT count() FROM orders WHERE order_date >= toDateTime('2024-01-01 00:00:00', 'UTC')
---
SELECT * FROM (SELECT number AS n FROM numbers(5)) AS a LEFT JOIN (SELECT number AS n FROM numbers(3)) AS b USING (n)
---
SELECT splitByString(', ', 'a, b')[1], tupleElement((1, 'a'), 2), mapKeys(map('a', 1))
---
SELECT uniqMerge(s) FROM (SELECT uniqState(city) AS s FROM customers)
---
SELECT 'it\'s -- no comment', '/* nor this */', "name", `city` FROM customers -- but this; DROP TABLE orders
---
SHOW TABLES FROM shop NOT LIKE 'tmp%'
---
SHOW INDEX FROM orders FROM shop
---
EXISTS VIEW shop.best_customers
---
DESCRIBE shop.orders
---
EXPLAIN PIPELINE graph = 1 SELECT count() FROM orders
