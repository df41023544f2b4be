//! What is particular to a dialect: spellings, names of tables, grants, verdicts.

use super::*;

fn allowed(sql: &str, dialect: Dialect, options: &GuardOptions) -> bool {
    Guard::judge(sql, dialect, options).allowed
}

#[test]
fn grants_go_by_the_names_of_the_catalogue() {
    let options = granted(&["orders", "sales.invoices"]);
    for dialect in [
        Dialect::MySql,
        Dialect::DuckDb,
        Dialect::ClickHouse,
        Dialect::TransactSql,
    ] {
        for (sql, expected) in [
            ("SELECT * FROM orders", true),
            ("SELECT * FROM sales.invoices", true),
            ("WITH x AS (SELECT * FROM orders) SELECT * FROM x", true),
            ("SELECT * FROM customers", false),
            ("SELECT * FROM invoices", false),
            ("SELECT * FROM sales.orders", false),
            (
                "SELECT * FROM orders WHERE id IN (SELECT id FROM customers)",
                false,
            ),
            ("SELECT (SELECT max(id) FROM customers) FROM orders", false),
            ("SELECT 1 UNION SELECT id FROM customers", false),
            // Nothing sees a name of WITH that comes later, nor itself, unless it is a recursive union.
            (
                "WITH x AS (SELECT * FROM y), y AS (SELECT 1 AS a) SELECT * FROM x",
                false,
            ),
            (
                "WITH customers AS (SELECT * FROM customers) SELECT * FROM customers",
                false,
            ),
            (
                "WITH RECURSIVE x AS (SELECT * FROM customers), customers AS (SELECT 1 AS a) SELECT * FROM x",
                false,
            ),
            (
                "WITH RECURSIVE customers AS (SELECT * FROM customers) SELECT * FROM customers",
                false,
            ),
            ("SELECT * FROM information_schema.tables", false),
        ] {
            let verdict = Guard::judge(sql, dialect, &options);
            assert_eq!(
                verdict.allowed, expected,
                "{dialect:?}: {sql}: {}",
                verdict.reason
            );
        }
    }
}

#[test]
fn the_case_of_a_table_counts_where_the_engine_may_mind_it() {
    let options = granted(&["orders"]);
    for (dialect, expected) in [
        (Dialect::MySql, false),
        (Dialect::ClickHouse, false),
        (Dialect::DuckDb, true),
        (Dialect::TransactSql, true),
    ] {
        let sql = "SELECT * FROM Orders";
        assert_eq!(allowed(sql, dialect, &options), expected, "{dialect:?}");
        // A name of WITH is only known as it was written, where the engine may take the other for a table.
        let sql = "WITH customers AS (SELECT 1 AS a) SELECT * FROM CUSTOMERS";
        assert_eq!(
            allowed(sql, dialect, &options),
            dialect == Dialect::DuckDb,
            "{dialect:?}"
        );
    }
}

#[test]
fn the_own_database_may_stand_before_a_table() {
    let limited = GuardOptions {
        database: Some("shop".into()),
        ..granted(&["orders"])
    };
    for (dialect, sql, expected) in [
        (Dialect::MySql, "SELECT * FROM shop.orders", true),
        (Dialect::MySql, "SELECT * FROM `shop`.`orders`", true),
        (Dialect::MySql, "SELECT * FROM shop.customers", false),
        (Dialect::MySql, "SELECT * FROM other.orders", false),
        (Dialect::ClickHouse, "SELECT * FROM shop.orders", true),
        (Dialect::ClickHouse, "SELECT * FROM other.orders", false),
        (Dialect::TransactSql, "SELECT * FROM shop.dbo.orders", true),
        (Dialect::TransactSql, "SELECT * FROM shop..orders", true),
        (Dialect::TransactSql, "SELECT * FROM dbo.orders", true),
        (
            Dialect::TransactSql,
            "SELECT * FROM other.dbo.orders",
            false,
        ),
        (
            Dialect::TransactSql,
            "SELECT * FROM server.shop.dbo.orders",
            false,
        ),
        (Dialect::DuckDb, "SELECT * FROM shop.main.orders", true),
        (Dialect::DuckDb, "SELECT * FROM shop.orders", true),
        (Dialect::DuckDb, "SELECT * FROM main.orders", true),
        (Dialect::DuckDb, "SELECT * FROM other.main.orders", false),
    ] {
        let verdict = Guard::judge(sql, dialect, &limited);
        assert_eq!(
            verdict.allowed, expected,
            "{dialect:?}: {sql}: {}",
            verdict.reason
        );
    }
}

#[test]
fn listings_are_for_those_who_may_read_everything() {
    let options = granted(&["orders"]);
    for (dialect, sql, expected) in [
        (Dialect::MySql, "SHOW TABLES", false),
        (Dialect::MySql, "SHOW DATABASES", false),
        (Dialect::MySql, "SHOW COLUMNS FROM orders", true),
        (Dialect::MySql, "SHOW COLUMNS FROM customers", false),
        (Dialect::MySql, "SHOW CREATE TABLE customers", false),
        (Dialect::MySql, "DESCRIBE orders", true),
        (Dialect::MySql, "DESCRIBE customers", false),
        (Dialect::MySql, "EXPLAIN SELECT * FROM orders", true),
        (Dialect::MySql, "EXPLAIN SELECT * FROM customers", false),
        (Dialect::MySql, "SHOW COLLATION", true),
        (Dialect::MySql, "SELECT 1 FROM dual", true),
        (Dialect::DuckDb, "SHOW TABLES", false),
        (Dialect::DuckDb, "SUMMARIZE orders", true),
        (Dialect::DuckDb, "SUMMARIZE customers", false),
        (Dialect::DuckDb, "SELECT * FROM duckdb_tables()", false),
        (Dialect::DuckDb, "SELECT * FROM duckdb_tables", false),
        (Dialect::ClickHouse, "SHOW TABLES", false),
        (Dialect::ClickHouse, "DESCRIBE TABLE orders", true),
        (Dialect::ClickHouse, "EXISTS TABLE customers", false),
        (
            Dialect::ClickHouse,
            "SELECT dictGet('regions', 'name', id) FROM orders",
            false,
        ),
        (
            Dialect::ClickHouse,
            "SELECT t FROM orders ARRAY JOIN tags AS t",
            true,
        ),
        (Dialect::TransactSql, "SELECT * FROM sys.tables", false),
        (Dialect::TransactSql, "SELECT OBJECT_NAME(5)", false),
        (Dialect::TransactSql, "SELECT DB_NAME()", true),
        (Dialect::Postgres, "SELECT pg_get_viewdef(16384)", false),
        (
            Dialect::Postgres,
            "SELECT (16384::oid).pg_get_viewdef",
            false,
        ),
        (
            Dialect::Postgres,
            "SELECT i::regclass FROM generate_series(16384, 20000) AS i",
            false,
        ),
        (
            Dialect::Postgres,
            "SELECT CAST('{16384}' AS _regclass)",
            false,
        ),
        (Dialect::Postgres, "SELECT id::text FROM orders", true),
    ] {
        let verdict = Guard::judge(sql, dialect, &options);
        assert_eq!(
            verdict.allowed, expected,
            "{dialect:?}: {sql}: {}",
            verdict.reason
        );
    }
}

#[test]
fn a_verdict_tells_what_a_statement_is_and_touches() {
    for (dialect, sql, statement, tables, functions) in [
        (
            Dialect::MySql,
            "SHOW COLUMNS FROM orders FROM shop",
            "show",
            vec!["shop.orders"],
            vec![],
        ),
        (
            Dialect::MySql,
            "EXPLAIN FORMAT=TREE SELECT COUNT(*) FROM `orders`",
            "explain",
            vec!["`orders`"],
            vec!["count"],
        ),
        (
            Dialect::DuckDb,
            "SUMMARIZE SELECT upper(name) FROM customers",
            "describe",
            vec!["customers"],
            vec!["upper"],
        ),
        (
            Dialect::ClickHouse,
            "SELECT sumIf(x, y) FROM shop.t ARRAY JOIN tags AS tag",
            "select",
            vec!["shop.t"],
            vec!["sumif"],
        ),
        (
            Dialect::TransactSql,
            ";WITH a AS (SELECT 1 AS x) SELECT LEN(name) FROM [dbo].[customers], a",
            "select",
            vec!["[dbo].[customers]"],
            vec!["len"],
        ),
    ] {
        let verdict = judge(sql, dialect);
        assert!(verdict.allowed, "{sql}: {}", verdict.reason);
        assert_eq!(verdict.statement, statement, "{sql}");
        assert_eq!(verdict.statements, [statement], "{sql}");
        assert_eq!(verdict.tables, tables, "{sql}");
        assert_eq!(verdict.functions, functions, "{sql}");
        assert!(!verdict.writes, "{sql}");
    }
}

#[test]
fn all_the_statements_of_a_refused_text_are_named() {
    for (dialect, sql, statements, writes) in [
        (
            Dialect::MySql,
            "SELECT 1; SELECT 2",
            vec!["select", "select"],
            false,
        ),
        (
            Dialect::Postgres,
            "SELECT 1; DELETE FROM orders",
            vec!["select", "delete"],
            true,
        ),
        (
            Dialect::Sqlite,
            "DELETE FROM orders; SELECT 1",
            vec!["delete", "select"],
            true,
        ),
        (
            Dialect::DuckDb,
            "DROP TABLE a; WITH x AS (SELECT 1) SELECT 2",
            vec!["drop", "select"],
            false,
        ),
    ] {
        let verdict = judge(sql, dialect);
        assert!(!verdict.allowed, "{sql}");
        assert_eq!(verdict.statements, statements, "{sql}");
        assert_eq!(verdict.writes, writes, "{sql}");
    }
}

#[test]
fn refusals_name_the_cause_and_the_remedy() {
    for (dialect, sql, part) in [
        (
            Dialect::MySql,
            "SELECT /*! SLEEP(1), */ 1",
            "the database executes comments",
        ),
        (
            Dialect::MySql,
            "SELECT @x := 1",
            "not among those that may be read",
        ),
        (
            Dialect::MySql,
            "DELETE FROM orders WHERE id = 1",
            "an administrator can mark the grant as writable",
        ),
        (
            Dialect::MySql,
            "SHOW COLUMNS FROM INTO",
            "INTO writes; only reading is allowed, so leave INTO out",
        ),
        (
            Dialect::Postgres,
            "SELECT id FROM orders UNION TABLE orders; COMMIT",
            "several statements; send one query at a time",
        ),
        (
            Dialect::Postgres,
            "SELECT INTO x FROM orders",
            "INTO writes",
        ),
        (
            Dialect::MySql,
            "SHOW GRANTS",
            "use SHOW TABLES or information_schema",
        ),
        (
            Dialect::TransactSql,
            "SELECT 1 DROP TABLE orders",
            "DROP has no place in a query",
        ),
        (
            Dialect::TransactSql,
            "SELECT * FROM other.shop.dbo.orders",
            "as a datasource of its own",
        ),
        (
            Dialect::DuckDb,
            "SELECT * FROM 'x.csv'",
            "no plain name of a table",
        ),
        (
            Dialect::DuckDb,
            "SELECT * FROM \"x.csv\"",
            "add the file as a datasource",
        ),
        (
            Dialect::DuckDb,
            "SELECT * FROM read_csv('x')",
            "reaches the server's files",
        ),
        (
            Dialect::ClickHouse,
            "SELECT * FROM url('http://x')",
            "reaches other servers",
        ),
        (
            Dialect::ClickHouse,
            "SELECT a FROM t SETTINGS max_threads = 1",
            "SETTINGS may lift the limits",
        ),
        (
            Dialect::ClickHouse,
            "SELECT id FROM a WHERE id IN b",
            "write IN (SELECT … FROM table)",
        ),
    ] {
        let verdict = judge(sql, dialect);
        assert!(!verdict.allowed, "{sql}");
        assert!(verdict.reason.contains(part), "{sql}: {}", verdict.reason);
    }
}

#[test]
fn a_carriage_return_ends_a_comment_where_the_engine_lets_it() {
    let options = GuardOptions::default();
    let hidden = "SELECT 1 -- x\r; DROP TABLE customers";
    assert!(!allowed(hidden, Dialect::Postgres, &options));
    let function = "-- x\rSELECT pg_sleep(9)";
    assert!(!allowed(function, Dialect::Postgres, &options));
    let windows = "-- how many\r\nSELECT count(*) FROM customers -- all\r\n";
    for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql] {
        assert!(allowed(windows, dialect, &options), "{dialect:?}");
    }
}
