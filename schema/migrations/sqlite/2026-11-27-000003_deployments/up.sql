-- Models that were started by a request, so that they are started again with their server. A definition belongs to the
-- address of the server that made it: several may share the store.
CREATE TABLE deployments (
    model TEXT NOT NULL,
    -- `llm`, `embedding` or `reranker`.
    kind TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    -- Sealed: a JSON document with keys of upstreams in it.
    params BLOB NOT NULL,
    -- Whether it is started with its server; one that was stopped is not.
    running BOOLEAN NOT NULL,
    user_name TEXT,
    sys_code TEXT,
    created_at TIMESTAMP NOT NULL,
    modified_at TIMESTAMP NOT NULL,
    PRIMARY KEY (model, kind, host, port)
);
