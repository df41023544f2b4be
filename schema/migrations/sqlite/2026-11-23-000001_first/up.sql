-- Declared types are the names the printer of tables.rs knows. Times are UTC text with up to six decimals.

CREATE TABLE store_facts (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
);

CREATE TABLE datasources (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    engine TEXT NOT NULL,
    path TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    -- Sealed; NULL for no password.
    password BLOB,
    database_name TEXT NOT NULL,
    comment TEXT NOT NULL,
    owner TEXT,
    created_at TIMESTAMP NOT NULL,
    modified_at TIMESTAMP NOT NULL
);

CREATE TABLE conversations (
    id TEXT NOT NULL PRIMARY KEY,
    mode TEXT NOT NULL,
    title TEXT NOT NULL,
    select_param TEXT,
    model TEXT,
    app_code TEXT,
    user_name TEXT,
    sys_code TEXT,
    -- Counters of the next message and round; counting rows would let two writers take the same number.
    next_position INTEGER NOT NULL,
    next_round INTEGER NOT NULL,
    created_at TIMESTAMP NOT NULL,
    modified_at TIMESTAMP NOT NULL
);

CREATE INDEX conversations_by_time ON conversations (created_at, id);
CREATE INDEX conversations_by_user ON conversations (user_name, created_at, id);
CREATE INDEX conversations_by_mode ON conversations (mode, created_at, id);
CREATE INDEX conversations_by_sys_code ON conversations (sys_code, created_at, id);

CREATE TABLE messages (
    id TEXT NOT NULL PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    round INTEGER NOT NULL,
    role TEXT NOT NULL,
    content TEXT NOT NULL,
    select_param TEXT,
    model TEXT,
    cut BOOLEAN NOT NULL,
    -- A JSON document, carried as it was written.
    evidence TEXT,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (conversation_id, position)
);

CREATE INDEX messages_by_round ON messages (conversation_id, round, role);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    admin BOOLEAN NOT NULL,
    -- A JSON list of names; NULL for all.
    datasources TEXT,
    created_at TIMESTAMP NOT NULL,
    revoked_at TIMESTAMP
);

CREATE TABLE audit_entries (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at TIMESTAMP NOT NULL,
    caller TEXT NOT NULL,
    datasource TEXT NOT NULL,
    sql TEXT NOT NULL,
    allowed BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    rows_read BIGINT NOT NULL,
    elapsed_ms BIGINT NOT NULL
);

CREATE INDEX audit_entries_by_time ON audit_entries (at, id);
CREATE INDEX audit_entries_by_datasource ON audit_entries (datasource, at, id);
