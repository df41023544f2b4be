SELECT TOP 10 * FROM customers
---
SELECT TOP (5) name FROM dbo.customers ORDER BY name
---
SELECT TOP 10 PERCENT WITH TIES name FROM customers ORDER BY city
---
SELECT [name], [city] FROM [dbo].[customers]
---
SELECT [a]]b] FROM [odd table]
---
SELECT "name" FROM "customers"
---
SELECT N'日本語', N'it''s', 'DROP TABLE customers'
---
SELECT name FROM customers ORDER BY id OFFSET 10 ROWS FETCH NEXT 5 ROWS ONLY
---
SELECT GETDATE(), SYSDATETIME(), CURRENT_TIMESTAMP
---
SELECT DATEADD(day, -30, GETDATE()), DATEDIFF(month, order_date, GETDATE()), DATEPART(year, order_date) FROM orders
---
SELECT YEAR(order_date), COUNT(*) FROM orders GROUP BY YEAR(order_date)
---
SELECT EOMONTH(order_date), DATEFROMPARTS(2024, 2, 29), FORMAT(order_date, 'yyyy-MM') FROM orders
---
SELECT CONVERT(varchar(10), order_date, 120), TRY_CONVERT(int, status), CAST(id AS nvarchar(20)), TRY_CAST(status AS int) FROM orders
---
SELECT ISNULL(name, ''), COALESCE(name, city), IIF(id > 5, 'a', 'b'), CHOOSE(1, 'a', 'b') FROM customers
---
SELECT LEN(name), CHARINDEX('a', name), PATINDEX('%a%', name), STUFF(name, 1, 1, 'x'), LEFT(name, 2), RIGHT(name, 2) FROM customers
---
SELECT STRING_AGG(name, ', ') WITHIN GROUP (ORDER BY name) FROM customers
---
SELECT value FROM STRING_SPLIT('a,b', ',')
---
SELECT c.name, o.total FROM customers c CROSS APPLY (SELECT SUM(total_amount) AS total FROM orders o WHERE o.customer_id = c.id) o
---
SELECT c.name, o.id FROM customers c OUTER APPLY (SELECT TOP 1 id FROM orders o WHERE o.customer_id = c.id ORDER BY id DESC) o
---
WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT SUM(i) FROM n
---
WITH a AS (SELECT id FROM customers), b AS (SELECT id FROM a WHERE id < 10) SELECT COUNT(*) FROM b
---
;WITH a AS (SELECT 1 AS x) SELECT x FROM a;
---
SELECT * FROM customers WITH (NOLOCK)
---
SELECT c.name FROM customers AS c WITH (NOLOCK, READPAST) JOIN orders o WITH (NOLOCK) ON o.customer_id = c.id
---
SELECT * FROM orders FOR SYSTEM_TIME AS OF '2024-01-01'
---
SELECT name FROM customers FOR JSON PATH
---
SELECT name FROM customers FOR XML PATH('c'), ROOT('customers')
---
SELECT * FROM (SELECT city, segment FROM customers) s PIVOT (COUNT(segment) FOR segment IN ([a], [b])) p
---
SELECT ROW_NUMBER() OVER (ORDER BY id), LAG(total_amount) OVER (PARTITION BY customer_id ORDER BY id) FROM orders
---
SELECT SUM(total_amount) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM orders
---
SELECT name AS 'Kunde', total = id FROM customers
---
SELECT JSON_VALUE(data, '$.a'), ISJSON(data) FROM documents
---
SELECT j.id FROM documents d CROSS APPLY OPENJSON(d.data) WITH (id int '$.id') j
---
SELECT table_name FROM INFORMATION_SCHEMA.TABLES
---
SELECT name FROM sys.tables
---
SELECT t.name, c.name FROM sys.tables t JOIN sys.columns c ON c.object_id = t.object_id
---
SELECT @@VERSION, @@LANGUAGE
---
SELECT name + ' ' + city FROM customers
---
SELECT /* outer /* inner */ DROP TABLE customers */ 1
---
SELECT 1 -- a comment; DROP TABLE customers
---
SELECT id FROM customers EXCEPT SELECT customer_id FROM orders
---
SELECT id FROM customers INTERSECT SELECT customer_id FROM orders
---
SELECT city, COUNT(*) FROM customers GROUP BY ROLLUP (city)
---
SELECT DISTINCT city FROM customers WHERE name LIKE N'M%' AND city NOT IN ('Oslo')
---
SELECT COUNT_BIG(*), STDEV(total_amount), VAR(total_amount) FROM orders
---
SELECT * FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)
---
SELECT CASE WHEN id > 5 THEN 'a' ELSE 'b' END FROM customers
---
SELECT REPLICATE('*', 5), SPACE(3), QUOTENAME(name) FROM customers
---
SELECT DB_NAME(), OBJECT_ID('dbo.customers')
---
SELECT order_date AT TIME ZONE 'UTC' FROM orders
---
SELECT 0x4142, CAST(0x41 AS varbinary(8))
---
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(id, name)
---
SELECT 名称 FROM 客户
---
SELECT [Größe] FROM dbo.[Städte]
---
SELECT name FROM customers ORDER BY CASE WHEN city IS NULL THEN 1 ELSE 0 END, name
---
SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY total_amount) OVER (PARTITION BY status) FROM orders
---
SELECT value FROM GENERATE_SERIES(1, 10)
---
SELECT HASHBYTES('SHA2_256', name), NEWID(), CHECKSUM(name) FROM customers
---
SELECT o.id FROM orders o FULL OUTER JOIN customers c ON c.id = o.customer_id
---
SELECT t.id FROM (SELECT id FROM customers) AS t WHERE t.id BETWEEN 1 AND 5
---
SELECT DATETRUNC(month, order_date) AS m, SUM(total_amount) FROM orders GROUP BY DATETRUNC(month, order_date)
---
SELECT LAST_VALUE(total_amount) OVER (PARTITION BY customer_id ORDER BY order_date ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM orders
---
SELECT ISNULL(NULLIF(city, N''), N'unknown') AS place FROM customers
---
SELECT TOP (3) WITH TIES name FROM products ORDER BY price DESC
---
SELECT c.name, d.n FROM customers c CROSS APPLY (VALUES (c.id), (c.id + 1)) AS d(n)
---
SELECT DATENAME(weekday, order_date), FORMAT(order_date, 'dd MMM yyyy', 'en-GB'), ISDATE('2024-02-30') FROM orders
---
SELECT CONVERT(date, order_date), CONVERT(nvarchar(30), total_amount, 1), CAST(total_amount AS decimal(18, 2)) FROM orders
---
SELECT o.[total amount] AS [Sum [EUR]]] FROM dbo.[order lines] o
---
WITH tree AS (SELECT id, customer_id, 0 AS depth FROM orders WHERE id = 1 UNION ALL SELECT o.id, o.customer_id, t.depth + 1 FROM orders o JOIN tree t ON o.customer_id = t.id) SELECT MAX(depth) FROM tree
---
SELECT name FROM customers WHERE name LIKE '[A-M]%' AND name NOT LIKE '%[0-9]%'
---
SELECT DATEDIFF_BIG(second, '2024-01-01', SYSUTCDATETIME()), SWITCHOFFSET(SYSDATETIMEOFFSET(), '+02:00')
---
SELECT a.id FROM orders a LEFT JOIN orders b WITH (NOLOCK) ON b.id = a.id - 1 WHERE b.id IS NULL
---
SELECT id, name FROM customers UNION ALL SELECT id, name FROM products ORDER BY name OFFSET 0 ROWS FETCH FIRST 10 ROWS ONLY
---
SELECT {ts '2024-01-01 10:00:00'} AS begun
---
SELECT COUNT(*) OVER () AS everything, ROW_NUMBER() OVER (ORDER BY (SELECT NULL)) AS nth FROM customers
---
SELECT name FROM customers ORDER BY name COLLATE Latin1_General_CS_AS
---
/* outer /* ; DROP TABLE customers */ outer */ SELECT 1 AS one -- the end
---
SELECT JSON_QUERY(data, '$.items'), JSON_VALUE(data, 'lax $.a') FROM documents WHERE ISJSON(data) = 1
