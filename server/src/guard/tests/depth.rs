//! Statements that are deep or long, and calls in every corner of a query, in all dialects.

use super::*;

#[test]
fn bombs_are_refused_in_every_dialect() {
    let nested = format!("SELECT {}1{}", "(".repeat(40_000), ")".repeat(40_000));
    let subqueries = format!(
        "{}SELECT 1{}",
        "SELECT * FROM (".repeat(3_000),
        ") t".repeat(3_000)
    );
    let calls = format!("SELECT {}1{}", "abs(".repeat(3_000), ")".repeat(3_000));
    let comments = format!("SELECT 1 {}", "/*".repeat(40_000));
    for sql in [&nested, &subqueries, &calls, &comments] {
        for dialect in Dialect::ALL {
            assert!(!judge(sql, dialect).allowed, "{dialect:?}: {}", &sql[..40]);
        }
    }
    for dialect in [
        Dialect::MySql,
        Dialect::DuckDb,
        Dialect::ClickHouse,
        Dialect::TransactSql,
    ] {
        for sql in &chains(16)[..2] {
            let verdict = judge(sql, dialect);
            assert!(
                verdict.reason.contains("spelled out"),
                "{dialect:?}: {verdict:?}"
            );
        }
        for sql in &chains(4)[..2] {
            let verdict = judge(sql, dialect);
            assert!(verdict.allowed, "{dialect:?}: {}", verdict.reason);
        }
    }
}

#[test]
fn long_but_flat_statements_pass_in_every_dialect() {
    let sum = format!("SELECT {}1", "1 + ".repeat(9_000));
    let list: Vec<String> = (0..9_000).map(|n| n.to_string()).collect();
    let among = format!("SELECT * FROM orders WHERE id IN ({})", list.join(", "));
    for sql in [&sum, &among] {
        for dialect in Dialect::ALL {
            let verdict = judge(sql, dialect);
            assert!(verdict.allowed, "{dialect:?}: {}", verdict.reason);
        }
    }
}

#[test]
fn calls_are_looked_for_in_every_corner_of_a_query() {
    let corners = [
        "SELECT {f}",
        "SELECT a FROM t WHERE {f} = 1",
        "SELECT a FROM t GROUP BY a HAVING {f} = 1",
        "SELECT a FROM t ORDER BY {f}",
        "SELECT a FROM t JOIN u ON {f} = 1",
        "SELECT CASE WHEN {f} = 1 THEN 1 END",
        "SELECT sum(a) OVER (PARTITION BY {f}) FROM t",
        "SELECT sum(a) OVER (ORDER BY {f}) FROM t",
        "SELECT a FROM (SELECT {f} AS a) x",
        "SELECT a FROM t WHERE a IN (1, {f})",
        "SELECT a FROM t WHERE a BETWEEN 1 AND {f}",
        "SELECT a FROM t WHERE a LIKE {f}",
        "SELECT a FROM t WHERE EXISTS (SELECT {f})",
        "WITH x AS (SELECT {f} AS a) SELECT a FROM x",
        "SELECT 1 UNION ALL SELECT {f}",
        "SELECT CAST({f} AS char(5))",
        "SELECT -{f}",
        "SELECT coalesce(NULL, {f})",
        "SELECT count(DISTINCT {f}) FROM t",
    ];
    for dialect in Dialect::ALL {
        for corner in corners {
            let bad = corner.replace("{f}", "wipe_it(1)");
            let verdict = judge(&bad, dialect);
            assert!(!verdict.allowed, "{dialect:?}: {bad}");
            assert!(
                verdict.reason.contains("wipe_it"),
                "{dialect:?}: {bad}: {}",
                verdict.reason
            );
            let good = corner.replace("{f}", "abs(1)");
            let verdict = judge(&good, dialect);
            assert!(verdict.allowed, "{dialect:?}: {good}: {}", verdict.reason);
        }
    }
}
