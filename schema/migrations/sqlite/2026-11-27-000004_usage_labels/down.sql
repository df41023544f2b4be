CREATE TABLE usage_entries (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at TIMESTAMP NOT NULL,
    key_id TEXT NOT NULL,
    key_name TEXT NOT NULL,
    model TEXT NOT NULL,
    served_by TEXT NOT NULL,
    operation TEXT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    status TEXT NOT NULL,
    error TEXT NOT NULL,
    first_token_ms BIGINT,
    duration_ms BIGINT NOT NULL,
    streamed BOOLEAN NOT NULL
);
INSERT INTO usage_entries (
    at, key_id, key_name, model, served_by, operation, prompt_tokens, completion_tokens, cached_tokens,
    status, error, first_token_ms, duration_ms, streamed
)
SELECT
    datetime(call.at_us / 1000000, 'unixepoch') || printf('.%06d', call.at_us % 1000000),
    label.key_id,
    label.key_name,
    label.model,
    label.served_by,
    label.operation,
    call.prompt_tokens,
    call.completion_tokens,
    call.cached_tokens,
    label.status,
    label.error,
    call.first_token_ms,
    call.duration_ms,
    label.streamed
FROM usage_calls call
JOIN usage_labels label ON label.id = call.label_id
ORDER BY call.id;
DROP TABLE usage_calls;
DROP TABLE usage_labels;
CREATE INDEX usage_entries_by_key ON usage_entries (key_id, at);
CREATE INDEX usage_entries_by_time ON usage_entries (at);
