//! The data of the measurements, the same on every engine and on every run.

use std::fmt::Write as _;

use chrono::{Days, NaiveDate};
use tidegate_schema::model::Engine;

/// Rows that are exported.
pub(super) const EXPORTED: usize = 100_000;
/// Rows that are aggregated.
pub(super) const AGGREGATED: usize = 50_000;
/// Rows in one INSERT.
const PER_STATEMENT: usize = 1_000;

pub(super) const AGGREGATE: &str = "SELECT status, count(*) AS n, sum(quantity) AS quantity, \
    avg(ratio) AS ratio, max(amount) AS most, min(ordered_on) AS since FROM half GROUP BY status ORDER BY status";
pub(super) const EXPORT: &str = "SELECT id, customer, status, amount, quantity, ratio, ordered_on, shipped_at, note \
    FROM orders";

const STATUS: [&str; 5] = ["open", "paid", "shipped", "returned", "cancelled"];

/// The tables `orders` and `half`, empty.
pub(super) fn tables(engine: Engine) -> String {
    let (double, timestamp) = match engine {
        Engine::Postgres => ("double precision", "timestamp"),
        Engine::Sqlite | Engine::MariaDb => ("DOUBLE", "DATETIME"),
        _ => ("DOUBLE", "TIMESTAMP"),
    };
    ["orders", "half"]
        .map(|name| {
            format!(
                "CREATE TABLE {name} (id BIGINT PRIMARY KEY, customer VARCHAR(40) NOT NULL, \
                 status VARCHAR(12) NOT NULL, \
                 amount DECIMAL(12, 2) NOT NULL, quantity INTEGER NOT NULL, ratio {double} NOT NULL, \
                 ordered_on DATE NOT NULL, shipped_at {timestamp}, note VARCHAR(200));\n"
            )
        })
        .concat()
}

/// The statements that fill them.
pub(super) fn rows() -> Vec<String> {
    let mut statements = Vec::new();
    for (table, count) in [("orders", EXPORTED), ("half", AGGREGATED)] {
        for start in (0..count).step_by(PER_STATEMENT) {
            let mut sql = format!("INSERT INTO {table} VALUES ");
            for id in start..(start + PER_STATEMENT).min(count) {
                if id > start {
                    sql.push(',');
                }
                row(&mut sql, id);
            }
            sql.push_str(";\n");
            statements.push(sql);
        }
    }
    statements
}

fn row(sql: &mut String, id: usize) {
    let cents = id * 7_919 % 10_000_000;
    let day = NaiveDate::default() + Days::new((19_000 + id % 1_400) as u64);
    _ = write!(
        sql,
        "({id},'Customer {:05}','{}',{}.{:02},{},{:?},'{day}',",
        id * 7_919 % 20_000,
        STATUS[id % STATUS.len()],
        cents / 100,
        cents % 100,
        id % 17,
        (id % 1_000) as f64 / 7.0,
    );
    if id.is_multiple_of(4) {
        sql.push_str("NULL,");
    } else {
        _ = write!(
            sql,
            "'{day} {:02}:{:02}:{:02}',",
            id % 24,
            id % 60,
            id * 7 % 60
        );
    }
    if id.is_multiple_of(3) {
        sql.push_str("NULL)");
    } else {
        _ = write!(
            sql,
            "'left at the door of number {id}, as was agreed by telephone')"
        );
    }
}
