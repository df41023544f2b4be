-- What was last read of a datasource's tables; it goes with its datasource.
CREATE TABLE catalogues (
    datasource_id BIGINT NOT NULL PRIMARY KEY REFERENCES datasources (id) ON DELETE CASCADE,
    -- When the datasource was last changed: what was read over another connection says nothing.
    datasource_modified_at TIMESTAMP NOT NULL,
    -- Which form the document has; another one is read anew.
    form INTEGER NOT NULL,
    -- What the database said of its structure; NULL where it has no such word.
    fingerprint TEXT,
    -- A JSON document.
    document TEXT NOT NULL,
    read_at TIMESTAMP NOT NULL,
    -- When values were looked at; NULL if they were not, or not to the end.
    sampled_at TIMESTAMP
);

-- What a sentence encoder made of a table's description, by the hash of that text.
CREATE TABLE table_vectors (
    datasource_id BIGINT NOT NULL REFERENCES datasources (id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    hash TEXT NOT NULL,
    -- Four bytes a number, little end first.
    vector BYTEA NOT NULL,
    PRIMARY KEY (datasource_id, model, hash)
);
