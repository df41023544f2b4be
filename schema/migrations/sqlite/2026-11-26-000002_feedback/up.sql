-- The title that a person gave; empty for none, and then the latest question is the title.
ALTER TABLE conversations ADD COLUMN given_title TEXT NOT NULL DEFAULT '';

-- What is old enough to go is looked for once an hour.
CREATE INDEX conversations_by_change ON conversations (modified_at, id);

-- What somebody thinks of an answer, one opinion a round; it goes with its conversation.
CREATE TABLE feedback (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    round INTEGER NOT NULL,
    -- NULL where neither was said.
    liked BOOLEAN,
    -- A JSON list of names.
    complaints TEXT NOT NULL,
    score INTEGER,
    topic TEXT,
    question TEXT,
    asked_of TEXT,
    remark TEXT,
    user_name TEXT,
    created_at TIMESTAMP NOT NULL,
    modified_at TIMESTAMP NOT NULL,
    UNIQUE (conversation_id, round)
);
