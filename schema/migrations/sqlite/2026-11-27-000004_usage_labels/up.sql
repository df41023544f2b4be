-- What thousands of calls have in common: who asked what of which model, and how it ended.
CREATE TABLE usage_labels (
    -- Made from what the label says: whoever stores calls need not ask for it.
    id INTEGER NOT NULL PRIMARY KEY,
    -- Both empty where no key was used. The key may be gone by now: nothing refers to it.
    key_id TEXT NOT NULL,
    key_name TEXT NOT NULL,
    -- The model asked for, and the one that answered; the latter is empty where none did.
    model TEXT NOT NULL,
    served_by TEXT NOT NULL,
    operation TEXT NOT NULL,
    -- How it ended; the kind of error where it failed, else empty.
    status TEXT NOT NULL,
    error TEXT NOT NULL,
    streamed BOOLEAN NOT NULL
);
CREATE INDEX usage_labels_by_key ON usage_labels (key_id);

-- One row for each call of a model: numbers, and the label they are for.
CREATE TABLE usage_calls (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    label_id BIGINT NOT NULL REFERENCES usage_labels (id),
    -- Microseconds since 1970, UTC.
    at_us BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    first_token_ms BIGINT,
    duration_ms BIGINT NOT NULL
);
CREATE INDEX usage_calls_by_label ON usage_calls (label_id, at_us);

INSERT INTO usage_labels
SELECT min(id), key_id, key_name, model, served_by, operation, status, error, streamed
FROM usage_entries
GROUP BY key_id, key_name, model, served_by, operation, status, error, streamed;
INSERT INTO usage_calls
    (label_id, at_us, prompt_tokens, completion_tokens, cached_tokens, first_token_ms, duration_ms)
SELECT
    label.id,
    unixepoch(substr(entry.at, 1, 19)) * 1000000 + CAST(substr(substr(entry.at, 21) || '000000', 1, 6) AS INTEGER),
    entry.prompt_tokens,
    entry.completion_tokens,
    entry.cached_tokens,
    entry.first_token_ms,
    entry.duration_ms
FROM usage_entries entry
JOIN usage_labels label USING (key_id, key_name, model, served_by, operation, status, error, streamed)
ORDER BY entry.id;
DROP TABLE usage_entries;
