//! What one statement is to DuckDB, and what is refused.

use super::*;

#[test]
fn one_statement_is_told_from_several() {
    for (text, expected) in [
        ("SELECT 1", "SELECT 1"),
        (
            " ;; SELECT 1 ; -- done;\n /* a; /* b; */ c */ ;",
            "SELECT 1",
        ),
        (
            "SELECT ';' , \"a;b\", 'it''s;'",
            "SELECT ';' , \"a;b\", 'it''s;'",
        ),
        (
            "SELECT $$a;b$$, $x$ ; $$ ; $x$, a$b",
            "SELECT $$a;b$$, $x$ ; $$ ; $x$, a$b",
        ),
        ("SELECT e'\\';', 'é;'", "SELECT e'\\';', 'é;'"),
        ("SELECT $1", "SELECT $1"),
        ("SELECT '\\'", "SELECT '\\'"),
    ] {
        assert_eq!(one(text).expect(text), expected);
    }
    for text in [
        "SELECT 1; DELETE FROM t",
        "SELECT '\\'; DELETE FROM t; --'",
        "SELECT 1 /* /* */ */; DROP TABLE t",
        "SELECT $1;$1",
        "SELECT a$x$; SELECT 1; $x$",
        "SELECT 1;;SELECT 2",
        "SELECT 1 -- a\r; SET VARIABLE a = 1; SELECT 2\n, 3",
        "SELECT e'a'\n'\\''; SET VARIABLE a = 1; SELECT 'x'",
        "SELECT E'a' -- b\r'\\''; DROP TABLE t; SELECT 'x'",
    ] {
        assert!(
            matches!(one(text), Err(Error::Forbidden { .. })),
            "{text}: {:?}",
            one(text)
        );
    }
    for text in ["", " ; ", "-- nothing", "/* open", "$"] {
        let read = one(text);
        assert_eq!(read.is_ok(), text == "$", "{text}: {read:?}");
    }
}

#[test]
fn calls_that_act_are_no_reads() {
    for text in [
        "FROM enable_profiling(save_location := 'x')",
        "SELECT * FROM \"Enable_Logging\" /* a */ ()",
        "FROM system.main.force_checkpoint ()",
        "FROM U&\"\\0065nable_logging\"()",
        "SELECT * FROM query\u{a0}('FROM enable_logging()')",
        "INSERT INTO t SELECT write_log('x')",
    ] {
        let read = one(text);
        assert!(
            matches!(read, Err(Error::Forbidden { .. })),
            "{text}: {read:?}"
        );
    }
    for text in [
        "SELECT query, (1) FROM enable_logging",
        "SELECT 'enable_logging(' -- checkpoint()\n, \"a\u{a0}b\", '\u{a0}'",
        "SELECT e'a'\n'\\'', ';' -- x\r, 'b'",
        "SELECT a & lower(b), json_query(c)",
    ] {
        assert_eq!(one(text).expect(text), text);
    }
}

#[test]
fn only_what_reads_is_read() {
    for sql in [
        "select 1",
        "(SELECT 1)",
        "FROM t",
        "values (1)",
        "WITH a AS (SELECT 1) FROM a",
    ] {
        assert_eq!(reading(sql).expect(sql), Reading::Query);
    }
    for sql in ["SHOW TABLES", "describe t", "SUMMARIZE t"] {
        assert_eq!(reading(sql).expect(sql), Reading::About);
    }
    for (sql, query) in [
        ("EXPLAIN SELECT 1", "SELECT 1"),
        ("explain analyze FROM t", "FROM t"),
        (
            "EXPLAIN (SELECT 1) UNION SELECT 2",
            "(SELECT 1) UNION SELECT 2",
        ),
        ("EXPLAIN (FORMAT json, ANALYZE) SELECT (1)", "SELECT (1)"),
        ("EXPLAIN ((SELECT 1))", "((SELECT 1))"),
    ] {
        assert_eq!(reading(sql).expect(sql), Reading::Explain(query));
    }
    for sql in [
        "INSERT INTO t VALUES (1)",
        "CREATE TEMP TABLE t (a INT)",
        "COPY t TO 'x'",
        "SET threads = 1",
        "EXPLAIN DELETE FROM t",
        "EXPLAIN ANALYZE INSERT INTO t VALUES (1)",
        "EXPLAIN (ANALYZE) UPDATE t SET a = 1",
        "EXPLAIN",
        "EXPLAIN (",
        "PRAGMA version",
        "\"SELECT\" 1",
    ] {
        assert!(
            matches!(reading(sql), Err(Error::Forbidden { .. })),
            "{sql}"
        );
    }
    assert!(changes_rows("insert into t values (1)"));
    assert!(!changes_rows("DROP TABLE t") && !changes_rows("COMMIT"));
}
