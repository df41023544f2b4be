CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TABLE people (
    id int PRIMARY KEY,
    name varchar(40) NOT NULL DEFAULT 'nobody',
    born date,
    story text,
    feels mood
);
COMMENT ON TABLE people IS 'Everybody we know';
COMMENT ON COLUMN people.name IS 'As they like to be called';
INSERT INTO people VALUES
    (1, 'Åse', '1990-02-28', repeat('Once upon a time. ', 20), 'sad'),
    (2, 'Bo', NULL, NULL, 'ok'),
    (3, 'Cy', '2001-01-01', 'Short', NULL);
CREATE VIEW elders AS SELECT name FROM people WHERE born < '2000-01-01';
CREATE MATERIALIZED VIEW moods AS SELECT feels, count(*) AS n FROM people GROUP BY feels;
CREATE SCHEMA sales;
CREATE TABLE sales.invoices (id int PRIMARY KEY, person int REFERENCES people (id), total numeric(10, 2));
CREATE TABLE parts (day date NOT NULL, n int) PARTITION BY RANGE (day);
CREATE TABLE parts_2024 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE SEQUENCE numbers;
CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM people; RETURN 1; END $$;
CREATE TABLE kinds (
    id int PRIMARY KEY, big bigint, num numeric, small real, yes boolean, words text, mood mood, day date,
    clock time, at timestamp, atz timestamptz, span interval, uid uuid, raw bytea, doc jsonb, list int[],
    span4 int4range, net cidr, dot point, cash money, plus positive, two pair, lexemes tsvector
);
SET TimeZone = 'UTC';
SET lc_monetary = 'C';
INSERT INTO kinds VALUES (
    1, 9223372036854775807, 123456789012345678901234567890.123400, 0.1, true, 'Åse', 'sad', '2024-02-29',
    '12:34:56.789', '2024-02-29 12:00', '2024-02-29 12:00+01:30', '1 year 2 months 3 days 04:05:06',
    'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '\x00ff', '{"a": [1, 2]}', '{1,2,NULL}', '[1,5)', '10.0.0.0/8',
    '(1,2)', 1.5, 7, ROW(3, 'x'), 'fat rat'
);
INSERT INTO kinds (id) VALUES (2);
INSERT INTO kinds (id, num, day) VALUES (3, 'NaN', 'infinity');
