//! What the guard lets through and what it refuses.

use std::collections::BTreeSet;

use super::*;

mod depth;
mod dialects;
mod writes;

const BOTH: [Dialect; 2] = [Dialect::Sqlite, Dialect::Postgres];

const ATTACKS: [(&str, &[Dialect]); 7] = [
    (include_str!("cases/attacks_both.sql"), &BOTH),
    (include_str!("cases/attacks_sqlite.sql"), &[Dialect::Sqlite]),
    (
        include_str!("cases/attacks_postgres.sql"),
        &[Dialect::Postgres],
    ),
    (include_str!("cases/attacks_mysql.sql"), &[Dialect::MySql]),
    (include_str!("cases/attacks_duckdb.sql"), &[Dialect::DuckDb]),
    (
        include_str!("cases/attacks_clickhouse.sql"),
        &[Dialect::ClickHouse],
    ),
    (
        include_str!("cases/attacks_transact_sql.sql"),
        &[Dialect::TransactSql],
    ),
];
const READS: [(&str, &[Dialect]); 7] = [
    (include_str!("cases/reads_both.sql"), &BOTH),
    (include_str!("cases/reads_sqlite.sql"), &[Dialect::Sqlite]),
    (
        include_str!("cases/reads_postgres.sql"),
        &[Dialect::Postgres],
    ),
    (include_str!("cases/reads_mysql.sql"), &[Dialect::MySql]),
    (include_str!("cases/reads_duckdb.sql"), &[Dialect::DuckDb]),
    (
        include_str!("cases/reads_clickhouse.sql"),
        &[Dialect::ClickHouse],
    ),
    (
        include_str!("cases/reads_transact_sql.sql"),
        &[Dialect::TransactSql],
    ),
];

/// The statements of the case files; a line of three dashes stands between two.
fn cases(files: &[(&'static str, &'static [Dialect])]) -> Vec<(&'static str, Dialect)> {
    let each = |&(text, engines): &(&'static str, &'static [Dialect])| {
        let statements = text
            .split("\n---\n")
            .map(|one| one.strip_suffix('\n').unwrap_or(one));
        statements
            .flat_map(|sql| engines.iter().map(move |dialect| (sql, *dialect)))
            .collect::<Vec<_>>()
    };
    files.iter().flat_map(each).collect()
}

fn judge(sql: &str, dialect: Dialect) -> Verdict {
    Guard::judge(sql, dialect, &GuardOptions::default())
}

fn granted(tables: &[&str]) -> GuardOptions {
    let tables = tables.iter().map(|&table| table.to_owned()).collect();
    GuardOptions {
        allowed_tables: Some(tables),
        ..GuardOptions::default()
    }
}

#[test]
fn the_lists_are_long_in_every_dialect_and_say_nothing_twice() {
    for (what, files) in [("attacks", &ATTACKS), ("reads", &READS)] {
        let statements: Vec<&str> = files
            .iter()
            .flat_map(|(text, _)| text.split("\n---\n"))
            .map(str::trim)
            .collect();
        let different: BTreeSet<&str> = statements.iter().copied().collect();
        assert!(different.len() >= 360, "{} {what}", different.len());
        let cases = cases(files);
        for dialect in Dialect::ALL {
            let own: Vec<&str> = cases
                .iter()
                .filter(|(_, one)| *one == dialect)
                .map(|(sql, _)| *sql)
                .collect();
            let distinct: BTreeSet<&str> = own.iter().copied().collect();
            assert!(own.len() >= 40, "{dialect:?}: {} {what}", own.len());
            assert_eq!(
                own.len(),
                distinct.len(),
                "{dialect:?}: {what} stand there twice"
            );
        }
    }
}

#[test]
fn every_attack_is_refused_with_a_reason() {
    let cases = cases(&ATTACKS);
    let wrong: Vec<String> = cases
        .iter()
        .map(|&(sql, dialect)| (sql, dialect, judge(sql, dialect)))
        .filter(|(_, _, verdict)| verdict.allowed || verdict.reason.is_empty())
        .map(|(sql, dialect, verdict)| format!("{dialect:?}: {sql}\n    {verdict:?}"))
        .collect();
    assert!(wrong.is_empty(), "allowed:\n{}", wrong.join("\n"));
}

#[test]
fn every_read_is_allowed() {
    let cases = cases(&READS);
    let wrong: Vec<String> = cases
        .iter()
        .map(|&(sql, dialect)| (sql, dialect, judge(sql, dialect)))
        .filter(|(_, _, verdict)| !verdict.allowed)
        .map(|(sql, dialect, verdict)| format!("{dialect:?}: {sql}\n    {}", verdict.reason))
        .collect();
    assert!(wrong.is_empty(), "refused:\n{}", wrong.join("\n"));
}

#[test]
fn a_refusal_says_what_is_wrong_and_what_to_do() {
    let dialect = Dialect::Postgres;
    for (sql, statement, part) in [
        (
            "DROP TABLE customers",
            "drop",
            "DROP is no query; only reading is allowed",
        ),
        (
            "SELECT 1; DROP TABLE customers",
            "select",
            "2 statements; send one query at a time",
        ),
        (
            "PRAGMA journal_mode",
            "pragma",
            "PRAGMA can change the session",
        ),
        (
            "ATTACH 'x' AS y",
            "attach",
            "add the other file as a datasource",
        ),
        ("COPY t TO '/tmp/x'", "copy", "COPY is no query"),
        (
            "WITH x AS (DELETE FROM t RETURNING 1) SELECT * FROM x",
            "select",
            "changes rows",
        ),
        (
            "SELECT pg_read_file('/etc/passwd')",
            "select",
            "it reaches the server's files; write the query without it",
        ),
        ("SELECT pg_sleep(9)", "select", "keeps the database waiting"),
        ("SELECT * INTO x FROM t", "select", "leave INTO out"),
        (
            "SELECT * FROM t FOR UPDATE",
            "select",
            "lock rows; leave them out",
        ),
        (
            "SELECT * FROM pg_shadow",
            "select",
            "pg_shadow belongs to the database system",
        ),
        ("EXPLAIN ANALYZE SELECT 1", "explain", "use EXPLAIN alone"),
        ("SELEC 1", "selec", "cannot be read"),
        ("", "", "empty"),
    ] {
        let verdict = judge(sql, dialect);
        assert!(!verdict.allowed, "{sql}");
        assert!(verdict.reason.contains(part), "{sql}: {}", verdict.reason);
        assert_eq!(verdict.statement, statement, "{sql}");
    }
}

#[test]
fn the_verdict_lists_what_is_touched() {
    let sql = "WITH big AS (SELECT o.id, o.customer_id FROM public.orders o WHERE o.total_amount > 5)
               SELECT c.name, Count(*) FROM big JOIN customers c ON c.id = big.customer_id GROUP BY c.name";
    let verdict = judge(sql, Dialect::Postgres);
    assert!(verdict.allowed, "{}", verdict.reason);
    assert_eq!(verdict.statement, "select");
    assert_eq!(verdict.tables, ["customers", "public.orders"]);
    assert_eq!(verdict.functions, ["count"]);
    assert_eq!(
        verdict.columns,
        [
            "big.customer_id",
            "c.id",
            "c.name",
            "o.customer_id",
            "o.id",
            "o.total_amount"
        ]
    );
}

#[test]
fn only_granted_tables_are_read() {
    let options = granted(&["orders", "sales.invoices"]);
    for dialect in BOTH {
        for (sql, allowed) in [
            ("SELECT * FROM orders", true),
            ("SELECT * FROM Orders AS o", true),
            ("WITH x AS (SELECT * FROM orders) SELECT * FROM x", true),
            (
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT * FROM n",
                true,
            ),
            ("SELECT * FROM customers", false),
            ("SELECT * FROM orders JOIN customers USING (id)", false),
            ("SELECT (SELECT max(id) FROM customers) FROM orders", false),
            (
                "SELECT * FROM orders WHERE EXISTS (SELECT 1 FROM customers)",
                false,
            ),
            // The name is defined in one place and the real table in another.
            (
                "SELECT * FROM (WITH customers AS (SELECT 1) SELECT * FROM customers) a, customers b",
                false,
            ),
            (
                "WITH x AS (SELECT * FROM y), y AS (SELECT 1) SELECT * FROM x",
                dialect == Dialect::Sqlite,
            ),
            ("SELECT 1 UNION SELECT id FROM customers", false),
        ] {
            let verdict = Guard::judge(sql, dialect, &options);
            assert_eq!(
                verdict.allowed, allowed,
                "{dialect:?}: {sql}: {}",
                verdict.reason
            );
        }
    }
    for (sql, allowed) in [
        ("SELECT * FROM public.orders", true),
        ("SELECT * FROM sales.invoices", true),
        ("SELECT * FROM \"orders\"", true),
        ("SELECT * FROM \"Orders\"", false),
        ("SELECT * FROM invoices", false),
        ("SELECT * FROM sales.orders", false),
        ("SELECT * FROM information_schema.tables", false),
        ("SELECT * FROM pg_class", false),
        ("SELECT * FROM orders UNION TABLE orders", true),
        ("SELECT 1 UNION TABLE customers", false),
        // The parser forgets the quotes, and this may be another table.
        ("SELECT 1 UNION TABLE \"orders\"", false),
        // Inside its own definition a plain WITH name is the real table.
        (
            "WITH customers AS (SELECT * FROM customers) SELECT * FROM customers",
            false,
        ),
    ] {
        let verdict = Guard::judge(sql, Dialect::Postgres, &options);
        assert_eq!(verdict.allowed, allowed, "{sql}: {}", verdict.reason);
    }
    for (sql, allowed) in [
        ("SELECT * FROM main.orders", true),
        ("SELECT * FROM sqlite_schema", false),
        ("SELECT * FROM \"ORDERS\"", true),
    ] {
        let verdict = Guard::judge(sql, Dialect::Sqlite, &options);
        assert_eq!(verdict.allowed, allowed, "{sql}: {}", verdict.reason);
    }
}

#[test]
fn bombs_are_refused_and_not_followed() {
    let nested = format!("SELECT {}1{}", "(".repeat(40_000), ")".repeat(40_000));
    let subqueries = format!(
        "{}SELECT 1{}",
        "SELECT * FROM (".repeat(3_000),
        ") t".repeat(3_000)
    );
    let minus = format!("SELECT {}1", "- ".repeat(19_000));
    let not = format!("SELECT {}1", "NOT ".repeat(19_000));
    let case = format!(
        "SELECT {}1{}",
        "CASE WHEN 1 THEN ".repeat(3_000),
        " END".repeat(3_000)
    );
    let arrays = format!("SELECT {}1{}", "ARRAY[".repeat(9_000), "]".repeat(9_000));
    for sql in [&nested, &subqueries, &minus, &not, &case, &arrays] {
        for dialect in BOTH {
            let verdict = judge(sql, dialect);
            assert!(!verdict.allowed, "{}", &sql[..40]);
        }
    }
    for sql in chains(16) {
        let verdict = judge(&sql, Dialect::Sqlite);
        assert!(verdict.reason.contains("spelled out"), "{verdict:?}");
    }
    // What comes last is not known in time, so the third may be refused early.
    for sql in &chains(4)[..2] {
        let verdict = judge(sql, Dialect::Sqlite);
        assert!(verdict.allowed, "{}", verdict.reason);
    }
    let huge = "SELECT 1 -- ".to_owned() + &"x".repeat(50 << 20);
    let started = std::time::Instant::now();
    assert!(judge(&huge, Dialect::Sqlite).reason.contains("bytes"));
    assert!(
        started.elapsed().as_millis() < 100,
        "an oversized text is refused unread"
    );
}

/// Names in a WITH, each of which reads the one before twice: joined, in a union, and last name first.
fn chains(length: usize) -> [String; 3] {
    let chain = |read: fn(usize) -> String, reversed: bool| {
        let mut names = vec!["c0 AS (SELECT 1 AS x)".to_owned()];
        names.extend((1..=length).map(|n| format!("c{n} AS ({})", read(n - 1))));
        if reversed {
            names.reverse();
        }
        format!("WITH {} SELECT count(*) FROM c{length}", names.join(", "))
    };
    let joined = |n| format!("SELECT p.x FROM c{n} p, c{n} q");
    let united = |n| format!("SELECT x FROM c{n} UNION ALL SELECT x FROM c{n}");
    [
        chain(joined, false),
        chain(united, false),
        chain(joined, true),
    ]
}

#[test]
fn long_but_flat_statements_pass() {
    let sum = format!("SELECT {}1", "1 + ".repeat(9_000));
    let list: Vec<String> = (0..9_000).map(|n| n.to_string()).collect();
    let among = format!("SELECT * FROM orders WHERE id IN ({})", list.join(", "));
    for sql in [&sum, &among] {
        for dialect in BOTH {
            let verdict = judge(sql, dialect);
            assert!(verdict.allowed, "{}", verdict.reason);
        }
    }
}

#[test]
fn names_in_a_with_are_no_tables() {
    let sql = "WITH a AS (SELECT 1 AS x), b AS (SELECT x FROM a) SELECT * FROM b, a";
    let verdict = judge(sql, Dialect::Sqlite);
    assert_eq!(verdict.tables, Vec::<String>::new());
    assert_eq!(
        BTreeSet::from_iter(verdict.columns),
        BTreeSet::from(["x".to_owned()])
    );
}
