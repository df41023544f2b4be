-- What a key may use; NULL for no limit.
ALTER TABLE api_keys ADD COLUMN requests_per_minute BIGINT;
ALTER TABLE api_keys ADD COLUMN tokens_per_minute BIGINT;
ALTER TABLE api_keys ADD COLUMN token_budget BIGINT;
-- Days that the budget is for, counted back from now; NULL for all there are.
ALTER TABLE api_keys ADD COLUMN budget_days BIGINT;

-- One row for each call of a model. The key may be gone by now: nothing refers to it.
CREATE TABLE usage_entries (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at TIMESTAMP NOT NULL,
    -- Both empty where no key was used.
    key_id TEXT NOT NULL,
    key_name TEXT NOT NULL,
    -- The model asked for, and the one that answered; the latter is empty where none did.
    model TEXT NOT NULL,
    served_by TEXT NOT NULL,
    operation TEXT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    -- How it ended; the kind of error where it failed, else empty.
    status TEXT NOT NULL,
    error TEXT NOT NULL,
    first_token_ms BIGINT,
    duration_ms BIGINT NOT NULL,
    streamed BOOLEAN NOT NULL
);
CREATE INDEX usage_entries_by_key ON usage_entries (key_id, at);
CREATE INDEX usage_entries_by_time ON usage_entries (at);
