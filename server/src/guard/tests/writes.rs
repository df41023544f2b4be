//! The writable path: one change of rows of one table, for those who may.

use super::*;

const WITH_CHANGES: [Dialect; 5] = [
    Dialect::Sqlite,
    Dialect::Postgres,
    Dialect::MySql,
    Dialect::DuckDb,
    Dialect::TransactSql,
];

fn writable(tables: Option<&[&str]>) -> GuardOptions {
    let options = tables.map_or_else(GuardOptions::default, granted);
    GuardOptions {
        writable: true,
        ..options
    }
}

#[test]
fn one_change_of_rows_is_allowed_where_the_caller_may_write() {
    for dialect in WITH_CHANGES {
        for (sql, kind) in [
            (
                "INSERT INTO orders (id, status) VALUES (1, 'new'), (2, 'new')",
                "insert",
            ),
            (
                "INSERT INTO orders (id, status) SELECT id, upper(name) FROM customers WHERE id > 5",
                "insert",
            ),
            (
                "UPDATE orders SET status = 'done', total_amount = total_amount + 1 WHERE id = 5",
                "update",
            ),
            (
                "UPDATE orders SET status = 'done' WHERE id IN (SELECT id FROM customers)",
                "update",
            ),
            ("DELETE FROM orders WHERE id = 5;", "delete"),
            (
                "DELETE FROM orders WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = 1)",
                "delete",
            ),
        ] {
            let verdict = Guard::judge(sql, dialect, &writable(None));
            assert!(verdict.allowed, "{dialect:?}: {sql}: {}", verdict.reason);
            assert!(verdict.writes, "{dialect:?}: {sql}");
            assert_eq!(verdict.statement, kind, "{dialect:?}: {sql}");
            assert_eq!(verdict.statements, [kind], "{dialect:?}: {sql}");
            assert!(
                verdict.tables.contains(&"orders".to_owned()),
                "{dialect:?}: {sql}: {:?}",
                verdict.tables
            );
            let refused = Guard::judge(sql, dialect, &GuardOptions::default());
            assert!(!refused.allowed && refused.writes, "{dialect:?}: {sql}");
            assert!(
                refused
                    .reason
                    .ends_with("an administrator can mark the grant as writable"),
                "{dialect:?}: {sql}: {}",
                refused.reason
            );
        }
    }
}

#[test]
fn each_dialect_has_changes_of_its_own() {
    for (dialect, sql, kind) in [
        (
            Dialect::Sqlite,
            "INSERT OR REPLACE INTO orders (id) VALUES (1)",
            "insert",
        ),
        (
            Dialect::Sqlite,
            "INSERT INTO orders (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET status = 'x'",
            "insert",
        ),
        (
            Dialect::Postgres,
            "INSERT INTO orders (id) VALUES (1) ON CONFLICT (id) DO NOTHING",
            "insert",
        ),
        (
            Dialect::Postgres,
            "UPDATE orders SET status = c.name FROM customers c WHERE c.id = orders.customer_id",
            "update",
        ),
        (
            Dialect::Postgres,
            "DELETE FROM orders USING customers c WHERE c.id = orders.customer_id",
            "delete",
        ),
        (
            Dialect::Postgres,
            "MERGE INTO orders o USING customers c ON o.customer_id = c.id WHEN MATCHED THEN UPDATE SET status = 'x' \
             WHEN NOT MATCHED THEN INSERT (id) VALUES (1)",
            "merge",
        ),
        (
            Dialect::Postgres,
            "WITH late AS (SELECT id FROM customers) DELETE FROM orders WHERE id IN (SELECT id FROM late)",
            "delete",
        ),
        (
            Dialect::MySql,
            "INSERT INTO orders SET id = 1 ON DUPLICATE KEY UPDATE status = 'x'",
            "insert",
        ),
        (
            Dialect::MySql,
            "REPLACE INTO orders (id) VALUES (1)",
            "replace",
        ),
        (
            Dialect::MySql,
            "UPDATE orders SET status = 'x' WHERE id > 5 ORDER BY id LIMIT 3",
            "update",
        ),
        (
            Dialect::TransactSql,
            "MERGE INTO orders AS o USING customers AS c ON o.customer_id = c.id \
             WHEN MATCHED THEN UPDATE SET status = 'x';",
            "merge",
        ),
        (
            Dialect::ClickHouse,
            "INSERT INTO orders (id) VALUES (1)",
            "insert",
        ),
        (
            Dialect::ClickHouse,
            "DELETE FROM orders WHERE id = 1",
            "delete",
        ),
    ] {
        let verdict = Guard::judge(sql, dialect, &writable(None));
        assert!(verdict.allowed, "{dialect:?}: {sql}: {}", verdict.reason);
        assert_eq!(verdict.statement, kind, "{sql}");
        assert!(verdict.writes, "{sql}");
    }
}

#[test]
fn a_change_of_every_row_or_of_more_tables_is_refused() {
    for dialect in WITH_CHANGES {
        for (sql, part) in [
            ("DELETE FROM orders", "add WHERE"),
            ("DELETE FROM orders WHERE 1 = 1", "add WHERE"),
            ("UPDATE orders SET status = 'x'", "add WHERE"),
            ("UPDATE orders SET status = 'x' WHERE 1 < 2", "add WHERE"),
            (
                "DELETE FROM orders WHERE id = wipe_it(1)",
                "the function wipe_it",
            ),
            (
                "UPDATE orders SET status = wipe_it(1) WHERE id = 1",
                "the function wipe_it",
            ),
            (
                "INSERT INTO orders (id) SELECT wipe_it(1)",
                "the function wipe_it",
            ),
            (
                "INSERT INTO orders (id) VALUES (wipe_it(1))",
                "the function wipe_it",
            ),
        ] {
            let verdict = Guard::judge(sql, dialect, &writable(None));
            assert!(!verdict.allowed, "{dialect:?}: {sql}");
            assert!(
                verdict.reason.contains(part),
                "{dialect:?}: {sql}: {}",
                verdict.reason
            );
        }
        for sql in [
            "DROP TABLE orders",
            "TRUNCATE TABLE orders",
            "ALTER TABLE orders ADD COLUMN x int",
            "CREATE TABLE t AS SELECT * FROM orders",
            "DELETE FROM orders WHERE id = 1; DELETE FROM orders WHERE id = 2",
            "DELETE FROM orders WHERE id = 1; DROP TABLE orders",
            "WITH x AS (DELETE FROM orders WHERE id = 1 RETURNING id) SELECT * FROM x",
            "EXPLAIN DELETE FROM orders WHERE id = 1",
            "GRANT ALL ON orders TO public",
            "SELECT * INTO stolen FROM orders",
            "SELECT * FROM orders FOR UPDATE",
            "COMMIT",
        ] {
            let verdict = Guard::judge(sql, dialect, &writable(None));
            assert!(!verdict.allowed, "{dialect:?}: {sql}");
        }
    }
    for (dialect, sql) in [
        (
            Dialect::Postgres,
            "DELETE FROM orders WHERE id = 1 RETURNING id",
        ),
        (
            Dialect::Sqlite,
            "INSERT INTO orders (id) VALUES (1) RETURNING id",
        ),
        (
            Dialect::TransactSql,
            "UPDATE orders SET status = 'x' OUTPUT inserted.id WHERE id = 1",
        ),
        (
            Dialect::TransactSql,
            "WITH c AS (SELECT * FROM orders) DELETE FROM c WHERE id = 1",
        ),
        (
            Dialect::TransactSql,
            "WITH [c ] AS (SELECT * FROM orders) DELETE FROM c WHERE id = 1",
        ),
        (
            Dialect::TransactSql,
            "DELETE FROM orders WHERE id = 1 DROP TABLE orders",
        ),
        (
            Dialect::Postgres,
            "INSERT INTO orders TABLE customers; COMMIT",
        ),
        (
            Dialect::Postgres,
            "INSERT INTO orders TABLE customers RETURNING id",
        ),
        (
            Dialect::TransactSql,
            "UPDATE orders SET status = 'x' WHERE id = 1 DELETE FROM customers WHERE id = 2",
        ),
        (
            Dialect::TransactSql,
            "INSERT INTO orders SELECT 1 EXEC wipe",
        ),
        (
            Dialect::TransactSql,
            "MERGE INTO orders AS o USING customers AS c ON o.customer_id = c.id WHEN MATCHED THEN DELETE;",
        ),
        (
            Dialect::MySql,
            "UPDATE orders o JOIN customers c ON c.id = o.customer_id SET o.status = 'x' WHERE o.id = 1",
        ),
        (
            Dialect::MySql,
            "DELETE o FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.id = 1",
        ),
        (Dialect::MySql, "INSERT INTO orders (id) VALUES (@x := 1)"),
        (Dialect::MySql, "INSERT INTO mysql.user (user) VALUES ('x')"),
        (
            Dialect::Postgres,
            "UPDATE pg_class SET relname = 'x' WHERE oid = 1",
        ),
        (
            Dialect::Postgres,
            "UPDATE ONLY orders SET status = 'x' WHERE id = 1",
        ),
        (
            Dialect::ClickHouse,
            "INSERT INTO FUNCTION url('http://x') VALUES (1)",
        ),
        (Dialect::ClickHouse, "INSERT INTO orders FORMAT CSV 1"),
        (
            Dialect::ClickHouse,
            "UPDATE orders SET status = 'x' WHERE id = 1",
        ),
        (
            Dialect::DuckDb,
            "INSERT INTO orders SELECT * FROM read_csv('x')",
        ),
    ] {
        let verdict = Guard::judge(sql, dialect, &writable(None));
        assert!(!verdict.allowed, "{dialect:?}: {sql}");
        assert!(!verdict.reason.is_empty(), "{dialect:?}: {sql}");
    }
}

#[test]
fn a_change_stays_within_the_granted_tables() {
    for dialect in WITH_CHANGES {
        for (sql, expected) in [
            ("UPDATE orders SET status = 'x' WHERE id = 1", true),
            ("UPDATE customers SET name = 'x' WHERE id = 1", false),
            ("DELETE FROM customers WHERE id = 1", false),
            ("INSERT INTO customers (id) VALUES (1)", false),
            (
                "INSERT INTO orders (id) SELECT id FROM customers WHERE id > 1",
                false,
            ),
            (
                "DELETE FROM orders WHERE id IN (SELECT id FROM customers)",
                false,
            ),
        ] {
            let verdict = Guard::judge(sql, dialect, &writable(Some(&["orders"])));
            assert_eq!(
                verdict.allowed, expected,
                "{dialect:?}: {sql}: {}",
                verdict.reason
            );
        }
    }
}

#[test]
fn every_attack_but_a_change_of_rows_is_refused_to_those_who_may_write_too() {
    let options = writable(None);
    let wrong: Vec<String> = cases(&ATTACKS)
        .into_iter()
        .map(|(sql, dialect)| (sql, dialect, Guard::judge(sql, dialect, &options)))
        .filter(|(_, _, verdict)| verdict.allowed && !verdict.writes)
        .map(|(sql, dialect, _)| format!("{dialect:?}: {sql}"))
        .collect();
    assert!(wrong.is_empty(), "allowed:\n{}", wrong.join("\n"));
}

#[test]
fn reads_stay_allowed_to_those_who_may_write() {
    let options = writable(None);
    let wrong: Vec<String> = cases(&READS)
        .into_iter()
        .map(|(sql, dialect)| (sql, dialect, Guard::judge(sql, dialect, &options)))
        .filter(|(_, _, verdict)| !verdict.allowed || verdict.writes)
        .map(|(sql, dialect, verdict)| format!("{dialect:?}: {sql}\n    {}", verdict.reason))
        .collect();
    assert!(wrong.is_empty(), "refused:\n{}", wrong.join("\n"));
}
