//! Databases to ask: the sample, made once per build, those of the question table, and the one behind the
//! recorded exchanges.

use std::{fs::File, path::Path, time::UNIX_EPOCH};

use anyhow::{Context as _, Result};
use rusqlite::Connection;

use crate::paths;

/// Makes a SQLite database from SQL, in one transaction.
pub fn make(path: &Path, sql: &str) -> Result<()> {
    let connection = Connection::open(path).with_context(|| path.display().to_string())?;
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; BEGIN; {sql}; COMMIT;"
        ))
        .with_context(|| format!("making {}", path.display()))?;
    Ok(())
}

/// Puts the sample database at `path`. It is made once per build of the calling program and linked afterwards.
pub fn place_sample(path: &Path) -> Result<()> {
    let program = std::env::current_exe()?;
    let built = program
        .metadata()?
        .modified()?
        .duration_since(UNIX_EPOCH)?
        .as_millis();
    let cache = paths::cache();
    let made = cache.join(format!("shop-{built}.db"));
    // One process makes it, the others wait.
    let lock = File::create(cache.join("shop.lock"))?;
    lock.lock()?;
    if !made.exists() {
        remove_older(&cache)?;
        let fresh = cache.join("shop-new.db");
        let _ = std::fs::remove_file(&fresh);
        tidegate_server::sample::create(&fresh)?;
        std::fs::rename(&fresh, &made)?;
    }
    lock.unlock()?;
    // The server only reads it; a link that crosses file systems becomes a copy.
    if std::fs::hard_link(&made, path).is_err() {
        std::fs::copy(&made, path)?;
    }
    Ok(())
}

fn remove_older(cache: &Path) -> Result<()> {
    for entry in std::fs::read_dir(cache)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("shop-") && name.ends_with(".db") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// One result of a statement run without any of our code between: rows as [`crate::rows::Value`]s.
pub fn query(path: &Path, sql: &str) -> Result<Vec<Vec<crate::rows::Value>>> {
    use rusqlite::types::ValueRef;

    use crate::rows::Value;

    let connection = Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection.prepare(sql).with_context(|| sql.to_owned())?;
    let width = statement.column_count();
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = (0..width)
            .map(|i| {
                Ok(match row.get_ref(i)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(n) => Value::Number(n as f64),
                    ValueRef::Real(x) => Value::Number(x),
                    ValueRef::Text(text) => Value::text(&String::from_utf8_lossy(text)),
                    ValueRef::Blob(bytes) => Value::Text(format!("{bytes:02x?}")),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        found.push(cells);
    }
    Ok(found)
}

/// Months of the database behind the recorded exchanges: year and month, orders, revenue in cents.
const MONTHS: &str = "\
2021-01 286 5446141|2021-02 385 9531088|2021-03 489 10858435|2021-04 521 12334210|2021-05 627 15417123|\
2021-06 697 15352842|2021-07 748 18319520|2021-08 754 17432417|2021-09 747 16765481|2021-10 827 18593476|\
2021-11 824 19881012|2021-12 907 20496431|2022-01 950 21068455|2022-02 835 19519826|2022-03 901 20876505|\
2022-04 913 19565489|2022-05 927 19923345|2022-06 1026 23163318|2022-07 1030 23781087|2022-08 1055 22132073|\
2022-09 1048 23675530|2022-10 1113 23778297|2022-11 1067 25631066|2022-12 1092 25828803|2023-01 1147 27388412|\
2023-02 983 22171774|2023-03 1165 26618804|2023-04 1188 26982860|2023-05 1168 26077455|2023-06 1174 28078684|\
2023-07 1266 28299327|2023-08 1212 27474532|2023-09 1161 26316568|2023-10 1310 30283905|2023-11 1247 28686376|\
2023-12 1347 31032737|2024-01 1360 32370360|2024-02 1159 25814590|2024-03 1317 30581136|2024-04 1247 30517709|\
2024-05 1315 27942953|2024-06 1303 29841303|2024-07 1323 30198139|2024-08 1412 32867286|2024-09 1301 28000747|\
2024-10 1431 32452107|2024-11 1331 31212282|2024-12 1364 31399399";

/// Its statuses: name, orders, revenue in cents.
const STATUSES: [(&str, usize, i64); 5] = [
    ("delivered", 37_176, 844_818_960),
    ("shipped", 4_425, 103_418_751),
    ("cancelled", 3_474, 78_619_074),
    ("processing", 2_896, 67_158_592),
    ("returned", 2_029, 47_966_038),
];

/// Its first five orders: customer, cents.
const FIRST: [(i64, i64); 5] = [
    (316, 3_475),
    (4_564, 6_789),
    (2_899, 11_004),
    (3_903, 17_543),
    (1_617, 21_839),
];

/// Makes a database with the tables of the one behind the recorded exchanges, and with rows that give the recorded
/// answers: counts and sums per month and per status, the first five orders, the customers of Berlin, and so on.
/// The recorded rows themselves are not at hand; these are others with the same totals.
pub fn make_recorded_shop(path: &Path) -> Result<()> {
    make(path, &paths::text("fixtures/upstream/shop.sql"))?;
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "MEMORY")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare(
            "INSERT INTO orders (order_id, customer_id, order_date, status, payment_method, total_amount) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for (i, order) in orders()?.into_iter().enumerate() {
            let customer = FIRST
                .get(i)
                .map_or(1 + (i as i64 * 7) % 5_000, |first| first.0);
            let clock = match i {
                0 => "06:19:00",
                1 => "22:12:00",
                _ => "12:00:00",
            };
            let paid = (i % 10 != 9).then_some("card");
            let date = format!("{}-{:02} {clock}", order.month, 1 + i % 28);
            insert.execute((
                i as i64 + 1,
                customer,
                date,
                order.status,
                paid,
                order.cents as f64 / 100.0,
            ))?;
        }
    }
    transaction.commit()?;
    connection.execute_batch("ANALYZE")?;
    Ok(())
}

struct Order {
    month: &'static str,
    status: &'static str,
    cents: i64,
}

/// 50,000 orders whose counts and sums agree with both tables above. Statuses are spread evenly over the months;
/// a month's money goes to the first status that is still owed some, in one order.
fn orders() -> Result<Vec<Order>> {
    let mut owed: Vec<i64> = STATUSES.iter().map(|status| status.2).collect();
    let mut given = [0; STATUSES.len()];
    let mut orders: Vec<Order> = Vec::new();
    for line in MONTHS.split('|') {
        let mut parts = line.split(' ');
        let month = parts.next().context("a month")?;
        let count: usize = parts.next().context("a count")?.parse()?;
        let mut cents: i64 = parts.next().context("a sum")?.parse()?;
        let end = orders.len() + count;
        for (k, &(status, total, _)) in STATUSES.iter().enumerate() {
            let last = k + 1 == STATUSES.len();
            let share = if last {
                end - orders.len()
            } else {
                total * end / 50_000 - given[k]
            };
            let mut sum = cents.min(owed[k]);
            anyhow::ensure!(
                share > 0 || sum == 0,
                "{month} has no '{status}' to put money on"
            );
            given[k] += share;
            owed[k] -= sum;
            cents -= sum;
            for n in 0..share {
                let fixed = FIRST.get(orders.len()).map(|first| first.1);
                let amount = fixed.unwrap_or(if n + 1 == share { sum } else { 0 });
                sum -= amount;
                orders.push(Order {
                    month,
                    status,
                    cents: amount,
                });
            }
        }
        anyhow::ensure!(cents == 0, "{month}: {cents} cents could not be placed");
    }
    Ok(orders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorded_totals_come_out() {
        let orders = orders().expect("the totals agree");
        assert_eq!(orders.len(), 50_000);
        for (name, count, cents) in STATUSES {
            let of: Vec<&Order> = orders.iter().filter(|o| o.status == name).collect();
            assert_eq!(
                (of.len(), of.iter().map(|o| o.cents).sum::<i64>()),
                (count, cents),
                "{name}"
            );
        }
        for month in MONTHS.split('|') {
            let name = &month[..7];
            let of: Vec<&Order> = orders.iter().filter(|o| o.month == name).collect();
            let line = format!(
                "{name} {} {}",
                of.len(),
                of.iter().map(|o| o.cents).sum::<i64>()
            );
            assert_eq!(line, month);
        }
        assert!(orders[..5].iter().all(|o| o.status == "delivered"));
    }
}
