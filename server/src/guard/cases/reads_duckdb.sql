FROM customers
---
FROM customers SELECT name LIMIT 5
---
SELECT * EXCLUDE (email) FROM customers
---
SELECT * REPLACE (upper(name) AS name) FROM customers
---
SELECT COLUMNS('.*_id') FROM orders
---
SELECT city, count(*) FROM customers GROUP BY ALL ORDER BY ALL
---
SELECT name FROM customers QUALIFY row_number() OVER (PARTITION BY city ORDER BY id) = 1
---
SELECT * FROM range(10)
---
SELECT * FROM generate_series(1, 10) AS t(i)
---
SELECT * FROM generate_series(DATE '2024-01-01', DATE '2024-12-31', INTERVAL 1 DAY) AS t(day)
---
SELECT unnest([1, 2, 3])
---
SELECT unnest(range(5))
---
SELECT {'a': 1, 'b': 'x'} AS s, MAP {'k': 1} AS m
---
SELECT struct_pack(a := 1, b := 'x')
---
SELECT list_transform([1, 2], x -> x + 1)
---
SELECT list_filter([1, 2, 3], lambda x : x > 1)
---
SELECT date_trunc('month', order_date) AS m, sum(total_amount) FROM orders GROUP BY m
---
SELECT order_date::DATE, 5 // 2, TRY_CAST(status AS INTEGER) FROM orders
---
SELECT strftime(order_date, '%Y-%m'), date_diff('day', order_date, today()) FROM orders
---
SELECT epoch(now()), current_date - INTERVAL 30 DAY
---
SELECT time_bucket(INTERVAL '1 week', order_date), count(*) FROM orders GROUP BY 1
---
SELECT age(order_date), isodow(order_date), dayname(order_date) FROM orders
---
SELECT regexp_matches(name, '^M'), name ILIKE 'm%', string_split(name, ' ') FROM customers
---
SELECT list(name), string_agg(name, ', ' ORDER BY name) FROM customers
---
SELECT quantile_cont(total_amount, 0.5), median(total_amount), mode(status), arg_max(id, total_amount) FROM orders
---
SELECT count(*) FILTER (WHERE status = 'completed') FROM orders
---
WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT sum(i) FROM n
---
WITH big AS (SELECT * FROM orders WHERE total_amount > 500) SELECT count(*) FROM big
---
SELECT c.name, x.total FROM customers c, LATERAL (SELECT sum(total_amount) AS total FROM orders o WHERE o.customer_id = c.id) x
---
SELECT id FROM customers UNION BY NAME SELECT id, name FROM products
---
SELECT id FROM customers EXCEPT SELECT customer_id FROM orders
---
SELECT * FROM main.customers LIMIT 5
---
SELECT table_name FROM information_schema.tables
---
SELECT table_name FROM duckdb_tables()
---
SELECT table_name, column_name FROM duckdb_columns
---
SELECT name FROM sqlite_master
---
SHOW TABLES
---
SHOW ALL TABLES
---
SHOW customers
---
DESCRIBE customers
---
DESCRIBE SELECT * FROM customers
---
SUMMARIZE orders
---
SUMMARIZE SELECT total_amount FROM orders
---
EXPLAIN SELECT * FROM customers
---
EXPLAIN (FORMAT json) SELECT 1
---
SELECT $$dollar; DROP TABLE customers$$
---
SELECT $tag$ it's $$ nested $$ $tag$
---
SELECT 'it''s; DROP TABLE customers', "name" FROM customers
---
SELECT data->'$.a', data->>'$.b', json_extract(data, '$.c') FROM documents
---
SELECT [1, 2, 3][1], [1, 2, 3][1:2]
---
SELECT printf('%05d', id), format('{:,}', id) FROM customers
---
SELECT rpad(name, 20, ' '), repeat('=', 10) FROM customers
---
SELECT * FROM customers PIVOT (count(*) FOR city IN ('Oslo', 'Bergen'))
---
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(id, name)
---
VALUES (1), (2)
---
SELECT a.name FROM customers a SEMI JOIN orders o ON o.customer_id = a.id
---
SELECT * FROM customers LIMIT 10 OFFSET 5
---
TABLE customers
---
SELECT 1_000_000, 5 % 2, 2 ^ 3
---
SELECT DISTINCT ON (city) city, name FROM customers ORDER BY city, name
---
SELECT country, city, count(*) FROM customers GROUP BY GROUPING SETS ((country), (country, city), ())
---
SELECT 名称 FROM 客户
---
SELECT row_number() OVER w, sum(total_amount) OVER w FROM orders WINDOW w AS (ORDER BY id)
---
SELECT CASE WHEN total_amount > 10 THEN 'a' ELSE 'b' END, coalesce(shipped_date, order_date) FROM orders
---
SELECT * FROM orders WHERE order_date BETWEEN DATE '2024-01-01' AND DATE '2024-03-31' + INTERVAL 1 MONTH
---
SELECT order_date, sum(total_amount) OVER (ORDER BY order_date RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND CURRENT ROW) FROM orders
---
WITH RECURSIVE r(id, names) AS (SELECT id, [name] FROM customers WHERE id = 1 UNION ALL SELECT c.id, list_append(r.names, c.name) FROM customers c JOIN r ON c.id = r.id + 1 WHERE c.id < 5) SELECT len(names) FROM r
---
SELECT list_sort([3, 1, 2]), list_aggregate([1, 2], 'sum'), array_length([1, 2])
---
SELECT s.a, s['b'] FROM (SELECT {'a': 1, 'b': 2} AS s) t
---
SELECT count(DISTINCT city), approx_count_distinct(name), histogram(segment) FROM customers
---
SELECT strptime('2024-02-29', '%Y-%m-%d')::DATE, make_date(2024, 2, 29), last_day(DATE '2024-02-01'), date_part('isodow', today())
---
SELECT id FROM customers INTERSECT ALL SELECT customer_id FROM orders
---
SELECT unnest([{'a': 1}, {'a': 2}], recursive := true)
---
SELECT * EXCLUDE (email, city) REPLACE (lower(name) AS name) FROM customers
---
FROM orders SELECT status, sum(total_amount) AS total GROUP BY status HAVING total > 100 ORDER BY total DESC LIMIT 3
---
SELECT "a ""quoted"" name" FROM (SELECT 1 AS "a ""quoted"" name") t -- ; COMMIT
---
SHOW TABLES FROM main
---
DESCRIBE main.orders
---
DESC SELECT name, city FROM customers WHERE id > 5
---
EXPLAIN FROM customers SELECT name
