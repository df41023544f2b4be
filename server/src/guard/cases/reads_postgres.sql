SELECT to_char(order_date, 'YYYY-MM') AS month, SUM(total_amount) FROM orders GROUP BY 1 ORDER BY 1
---
SELECT date_trunc('month', order_date), COUNT(*) FROM orders GROUP BY 1
---
SELECT EXTRACT(YEAR FROM order_date), COUNT(*) FROM orders GROUP BY 1
---
SELECT date_part('dow', order_date), COUNT(*) FROM orders GROUP BY 1
---
SELECT * FROM orders WHERE order_date >= CURRENT_DATE - INTERVAL '30 days'
---
SELECT * FROM orders WHERE order_date >= DATE '2024-01-01' LIMIT 5
---
SELECT order_date::text, total_amount::numeric(10, 2), id::bigint FROM orders LIMIT 5
---
SELECT age(shipped_date, order_date) FROM orders LIMIT 5
---
SELECT now(), localtimestamp, current_user, current_database(), version()
---
SELECT name FROM customers WHERE name ILIKE 'ma%'
---
SELECT name FROM customers WHERE name ~ '^Ma' AND name !~* 'son$'
---
SELECT name FROM customers WHERE name SIMILAR TO 'Ma%'
---
SELECT DISTINCT ON (city) city, name FROM customers ORDER BY city, name
---
SELECT string_agg(DISTINCT city, ', ' ORDER BY city) FROM customers
---
SELECT array_agg(name ORDER BY name) FROM products WHERE category = 'Toys'
---
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total_amount) FROM orders
---
SELECT mode() WITHIN GROUP (ORDER BY city) FROM customers
---
SELECT stddev(total_amount), variance(total_amount), corr(total_amount, id) FROM orders
---
SELECT bool_and(discontinued), bool_or(discontinued), every(stock >= 0) FROM products
---
SELECT generate_series(1, 5)
---
SELECT d::date FROM generate_series('2024-01-01'::date, '2024-01-07'::date, '1 day') AS d
---
SELECT d.day, COUNT(o.id) FROM generate_series('2024-01-01'::date, '2024-01-31'::date, interval '1 day') AS d(day) LEFT JOIN orders o ON o.order_date = d.day::date GROUP BY d.day
---
SELECT c.name, x.total FROM customers c CROSS JOIN LATERAL (SELECT SUM(total_amount) AS total FROM orders o WHERE o.customer_id = c.id) x LIMIT 5
---
SELECT unnest(ARRAY[1, 2, 3])
---
SELECT * FROM unnest(ARRAY['a', 'b']) WITH ORDINALITY AS t(x, n)
---
SELECT name FROM customers WHERE city = ANY (ARRAY['Oslo', 'Bergen'])
---
SELECT '{"a": {"b": 1}}'::jsonb -> 'a' ->> 'b', '{"a": 1}'::jsonb @> '{"a": 1}'
---
SELECT jsonb_build_object('name', name, 'price', price) FROM products LIMIT 5
---
SELECT json_agg(row_to_json(t)) FROM (SELECT id, name FROM products LIMIT 3) t
---
SELECT key, value FROM jsonb_each('{"a": 1}')
---
SELECT * FROM jsonb_to_recordset('[{"a": 1}]') AS t(a int)
---
SELECT GREATEST(1, 2), LEAST(1, 2), width_bucket(5, 0, 10, 5)
---
SELECT split_part(email, '@', 2), regexp_replace(name, '\s', '_'), initcap(name), left(name, 2) FROM customers LIMIT 5
---
SELECT POSITION('a' IN name), OVERLAY(name PLACING 'x' FROM 1 FOR 1), TRIM(BOTH 'a' FROM name) FROM customers LIMIT 5
---
SELECT lpad(id::text, 6, '0'), repeat('*', 3) FROM customers LIMIT 5
---
SELECT $$dollar quoted; DROP TABLE customers$$
---
SELECT $tag$ it's $$ nested $$ $tag$
---
SELECT E'tab\there'
---
SELECT /* nested /* comment */ */ 1
---
SELECT * FROM public.customers LIMIT 5
---
SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'
---
SELECT relname, reltuples FROM pg_class WHERE relkind = 'r'
---
SELECT tablename FROM pg_catalog.pg_tables
---
SELECT pg_size_pretty(pg_total_relation_size('customers'))
---
SHOW server_version
---
SHOW timezone
---
SHOW TIME ZONE
---
SHOW search_path
---
EXPLAIN (COSTS off, FORMAT json) SELECT * FROM customers
---
EXPLAIN VERBOSE SELECT * FROM customers
---
SELECT * FROM customers UNION TABLE customers
---
SELECT country, city, COUNT(*) FROM customers GROUP BY GROUPING SETS ((country), (country, city), ())
---
SELECT country, city, COUNT(*) FROM customers GROUP BY ROLLUP (country, city)
---
SELECT country, segment, COUNT(*), GROUPING(country) FROM customers GROUP BY CUBE (country, segment)
---
SELECT * FROM customers ORDER BY name NULLS LAST FETCH FIRST 5 ROWS ONLY
---
SELECT * FROM customers TABLESAMPLE SYSTEM (10)
---
WITH m AS MATERIALIZED (SELECT * FROM customers) SELECT COUNT(*) FROM m
---
SELECT TIMESTAMP '2024-01-01 12:00' AT TIME ZONE 'Europe/Oslo'
---
SELECT pg_catalog.upper('x'), 1 OPERATOR(pg_catalog.+) 2
---
SELECT to_tsvector('english', name) @@ plainto_tsquery('english', 'lamp') FROM products LIMIT 5
---
SELECT INTERVAL '1 day' * 3, make_date(2024, 2, 29), to_date('2024', 'YYYY'), to_timestamp(0)
---
SELECT COUNT(*) FILTER (WHERE stock = 0) * 100.0 / COUNT(*) FROM products
---
SELECT (ARRAY[1, 2, 3])[2], ARRAY[1, 2] || 3, ARRAY(SELECT id FROM customers ORDER BY id LIMIT 2)
---
SELECT ROW(1, 'a'), (1, 2) < (1, 3), 5 IS DISTINCT FROM NULL
---
SELECT md5('x'), encode('\x00ff'::bytea, 'hex'), gen_random_uuid()
---
((SELECT 1))
---
SELECT box '(1,1),(0,0)' && box '(2,2),(1,1)', box '(1,1),(0,0)' <@ box '(2,2),(0,0)'
---
SELECT 6 | 1, 6 & 3, 6 # 3, 6 % 4 -- a comment
---
SELECT 1 /* a */ + /* b */ 2, '{"a": 1}'::jsonb ? 'a'
---
SELECT E'it\'s', 'a' || E'\n' || 'b'
---
SELECT o.customer_id, (c).name FROM orders o JOIN customers c ON c.id = o.customer_id LIMIT 5
---
SELECT format('%s lives in %I, 100%%', name, city) FROM customers LIMIT 5
---
SELECT name FROM customers WHERE name LIKE 'only%' LIMIT 5
---
SELECT table_name FROM information_schema.tables LIMIT 5;
---
/* how many? */ SELECT COUNT(*) FROM customers; -- all
---
-- which version
SHOW server_version
---
/* a /* nested */ plan */ EXPLAIN SELECT * FROM customers
---
SELECT date_trunc('quarter', order_date)::date AS q, SUM(total_amount) FROM orders WHERE order_date >= now() - interval '1 year' GROUP BY 1 ORDER BY 1
---
SELECT o.id, l.name FROM orders o LEFT JOIN LATERAL (SELECT name FROM customers c WHERE c.id = o.customer_id LIMIT 1) l ON true LIMIT 5
---
SELECT id, percent_rank() OVER w, cume_dist() OVER w FROM orders WINDOW w AS (PARTITION BY status ORDER BY total_amount) LIMIT 5
---
SELECT order_date, avg(total_amount) OVER (ORDER BY order_date RANGE BETWEEN interval '6 days' PRECEDING AND CURRENT ROW) FROM orders LIMIT 5
---
SELECT $q$it's a "quoted" ; text$q$ AS t, 'plain ''quotes''' AS u
---
SELECT U&'d\0061ta' AS word
---
SELECT order_date + 7, order_date - DATE '2024-01-01', EXTRACT(EPOCH FROM now()) FROM orders LIMIT 1
---
SELECT name FROM customers WHERE (city, country) = ('Oslo', 'Norway') LIMIT 5
---
SELECT c.name, array_agg(o.id ORDER BY o.order_date DESC) FILTER (WHERE o.status = 'completed') FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.name LIMIT 5
---
(SELECT id FROM customers ORDER BY id LIMIT 1) UNION ALL (SELECT id FROM products ORDER BY id LIMIT 1)
---
EXPLAIN (VERBOSE, SETTINGS, FORMAT yaml) SELECT count(*) FROM orders
---
SHOW default_transaction_isolation
---
SELECT to_char(now(), 'FMMonth DD, YYYY "at" HH24:MI'), to_char(total_amount, 'FM999G999D00') FROM orders LIMIT 1
---
SELECT name COLLATE "C" FROM customers ORDER BY name COLLATE "C" DESC NULLS FIRST LIMIT 3
---
SELECT 1 -- ; DROP TABLE customers
  + 2 /* ; COMMIT */ AS three
---
SELECT * FROM (VALUES (1, 'one'), (2, 'two')) AS t(id, word) WHERE id % 2 = 0
---
WITH RECURSIVE t(n) AS (VALUES (1) UNION SELECT n + 1 FROM t WHERE n < 10) SELECT n FROM t
---
SELECT id::pg_catalog.varchar(10), total_amount::pg_catalog.numeric(10, 2) FROM orders AS o(id, customer)
---
SELECT name FROM customers c(id, name)
---
WITH query (a) AS (SELECT 1) SELECT a FROM query
