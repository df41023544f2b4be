-- Files that were sent. Their content lies in the data directory, in a folder named after the id.
CREATE TABLE uploads (
    id TEXT NOT NULL PRIMARY KEY,
    bucket TEXT NOT NULL,
    -- As it was sent, without a path.
    name TEXT NOT NULL,
    -- In bytes.
    size BIGINT NOT NULL,
    -- No reference: a file may be sent before the conversation's first question is stored.
    conversation_id TEXT NOT NULL,
    -- A key's id, or the display name where there was no key.
    owner TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE INDEX uploads_by_conversation ON uploads (conversation_id, created_at);
