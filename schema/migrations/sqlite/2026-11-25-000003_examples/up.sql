-- Questions with the queries that answer them; they go with their datasource.
CREATE TABLE examples (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    datasource_id BIGINT NOT NULL REFERENCES datasources (id) ON DELETE CASCADE,
    question TEXT NOT NULL,
    -- Of the question without its case and blanks: the same question is kept once.
    question_hash TEXT NOT NULL,
    sql TEXT NOT NULL,
    -- A JSON list of names.
    tables TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    used BIGINT NOT NULL,
    -- The encoder that made the vector; NULL for both if none did.
    model TEXT,
    -- Four bytes a number, little end first.
    vector BLOB,
    UNIQUE (datasource_id, question_hash)
);

CREATE INDEX examples_by_time ON examples (datasource_id, created_at);
