-- Which process offers which model, as controllers keep count of it. Several controllers share the rows.
CREATE TABLE model_instances (
    -- The model's name and what it is for, as name@type.
    model_name TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    weight DOUBLE NOT NULL,
    -- Whether it is lost when it is not heard of.
    check_healthy BOOLEAN NOT NULL,
    healthy BOOLEAN NOT NULL,
    enabled BOOLEAN NOT NULL,
    prompt_template TEXT,
    -- Answers under way there, where it tells.
    open_calls INTEGER,
    last_heartbeat TIMESTAMP NOT NULL,
    PRIMARY KEY (model_name, host, port)
);

CREATE INDEX model_instances_by_heartbeat ON model_instances (last_heartbeat);
