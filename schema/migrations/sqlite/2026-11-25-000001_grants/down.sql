ALTER TABLE audit_entries DROP COLUMN ended;
ALTER TABLE audit_entries DROP COLUMN confirmed;
ALTER TABLE audit_entries DROP COLUMN writes;
-- The older program reads names alone: one key granted more closely would keep it from reading any.
DELETE FROM api_keys WHERE datasources LIKE '%{"datasource":%';
ALTER TABLE datasources DROP COLUMN writable;
