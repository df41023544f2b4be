-- Whether statements that change rows may run at all; each still needs a grant and a confirmation.
ALTER TABLE datasources ADD COLUMN writable BOOLEAN NOT NULL DEFAULT 0;

-- What a key is granted stays in api_keys.datasources, a JSON list whose entries are a datasource's name or
-- {"datasource", "tables", "write"}. Lists written before hold names alone.

-- Entries written before were reads that had ended.
ALTER TABLE audit_entries ADD COLUMN writes BOOLEAN NOT NULL DEFAULT 0;
ALTER TABLE audit_entries ADD COLUMN confirmed BOOLEAN NOT NULL DEFAULT 0;
-- False for a write that was begun, until its end is known.
ALTER TABLE audit_entries ADD COLUMN ended BOOLEAN NOT NULL DEFAULT 1;
