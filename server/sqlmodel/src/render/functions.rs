//! What engines call the functions that queries use. A date cut to a calendar unit reads the same whoever cut it.

use super::Dialect;
use crate::query::Bucket;

/// A date cut to a calendar unit: text, and for weekdays a number. Nothing for no date.
pub(super) fn bucket(bucket: Bucket, d: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite => sqlite(bucket, d),
        Dialect::Postgres => postgres(bucket, d),
        Dialect::MySql => mysql(bucket, d),
        Dialect::DuckDb => duckdb(bucket, d),
        Dialect::ClickHouse => clickhouse(bucket, d),
        Dialect::TransactSql => transact_sql(bucket, d),
    }
}

fn sqlite(bucket: Bucket, d: &str) -> String {
    match bucket {
        Bucket::Year => format!("strftime('%Y', {d})"),
        Bucket::Month => format!("strftime('%Y-%m', {d})"),
        Bucket::Day => format!("date({d})"),
        Bucket::Weekday => format!("CAST(strftime('%w', {d}) AS INTEGER)"),
        Bucket::Quarter => {
            format!("strftime('%Y', {d}) || '-Q' || ((strftime('%m', {d}) + 2) / 3)")
        }
    }
}

fn postgres(bucket: Bucket, d: &str) -> String {
    match bucket {
        Bucket::Year => format!("to_char({d}, 'YYYY')"),
        Bucket::Month => format!("to_char({d}, 'YYYY-MM')"),
        Bucket::Day => format!("to_char({d}, 'YYYY-MM-DD')"),
        Bucket::Weekday => format!("CAST(EXTRACT(DOW FROM {d}) AS integer)"),
        Bucket::Quarter => format!("to_char({d}, 'YYYY-\"Q\"Q')"),
    }
}

fn mysql(bucket: Bucket, d: &str) -> String {
    match bucket {
        Bucket::Year => format!("DATE_FORMAT({d}, '%Y')"),
        Bucket::Month => format!("DATE_FORMAT({d}, '%Y-%m')"),
        Bucket::Day => format!("DATE_FORMAT({d}, '%Y-%m-%d')"),
        // From 1 for Sunday.
        Bucket::Weekday => format!("DAYOFWEEK({d}) - 1"),
        Bucket::Quarter => format!("CONCAT(YEAR({d}), '-Q', QUARTER({d}))"),
    }
}

fn duckdb(bucket: Bucket, d: &str) -> String {
    match bucket {
        Bucket::Year => format!("strftime({d}, '%Y')"),
        Bucket::Month => format!("strftime({d}, '%Y-%m')"),
        Bucket::Day => format!("strftime({d}, '%Y-%m-%d')"),
        Bucket::Weekday => format!("EXTRACT(DOW FROM {d})"),
        // Not concat, which passes over a missing date.
        Bucket::Quarter => {
            format!("strftime({d}, '%Y') || '-Q' || CAST(EXTRACT(QUARTER FROM {d}) AS varchar)")
        }
    }
}

fn clickhouse(bucket: Bucket, d: &str) -> String {
    match bucket {
        Bucket::Year => format!("formatDateTime({d}, '%Y')"),
        Bucket::Month => format!("formatDateTime({d}, '%Y-%m')"),
        Bucket::Day => format!("formatDateTime({d}, '%Y-%m-%d')"),
        // From 1 for Monday.
        Bucket::Weekday => format!("toDayOfWeek({d}) % 7"),
        Bucket::Quarter => format!("formatDateTime({d}, '%Y-Q%Q')"),
    }
}

/// FORMAT would go by the culture of the session, and be many times as slow.
fn transact_sql(bucket: Bucket, d: &str) -> String {
    match bucket {
        // Style 23 is 2024-03-05.
        Bucket::Year => format!("CONVERT(char(4), {d}, 23)"),
        Bucket::Month => format!("CONVERT(char(7), {d}, 23)"),
        Bucket::Day => format!("CONVERT(char(10), {d}, 23)"),
        // Days since a Sunday: DATEPART would go by the session's first day of the week.
        Bucket::Weekday => format!("DATEDIFF(day, '17530107', CAST({d} AS date)) % 7"),
        // Not CONCAT, which passes over a missing date.
        Bucket::Quarter => {
            format!("CONVERT(char(4), {d}, 23) + '-Q' + CAST(DATEPART(quarter, {d}) AS char(1))")
        }
    }
}

/// A text without its case.
pub(super) fn lower(text: &str, dialect: Dialect) -> String {
    if dialect == Dialect::ClickHouse {
        // Its `lower` knows ASCII alone.
        format!("lowerUTF8({text})")
    } else {
        format!("LOWER({text})")
    }
}

/// Any value as text.
pub(super) fn as_text(value: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite | Dialect::Postgres | Dialect::DuckDb => format!("CAST({value} AS text)"),
        Dialect::MySql => format!("CAST({value} AS char)"),
        Dialect::ClickHouse => format!("toString({value})"),
        Dialect::TransactSql => format!("CAST({value} AS nvarchar(4000))"),
    }
}

/// The mean of numbers.
pub(super) fn average(number: &str, dialect: Dialect) -> String {
    if dialect == Dialect::TransactSql {
        // The mean of whole numbers is a whole number there, the rest cut off.
        format!("AVG(1.0 * {number})")
    } else {
        format!("AVG({number})")
    }
}

/// How many different rows there are by the columns of a key.
pub(super) fn count_keys(keys: &[String], dialect: Dialect) -> String {
    if let [key] = keys {
        return format!("COUNT(DISTINCT {key})");
    }
    match dialect {
        Dialect::Sqlite => format!("COUNT(DISTINCT {})", keys.join(" || '/' || ")),
        Dialect::Postgres | Dialect::DuckDb | Dialect::ClickHouse => {
            format!("COUNT(DISTINCT ({}))", keys.join(", "))
        }
        // Both pass over a missing value, which a list of columns in MySQL's COUNT would not count.
        Dialect::MySql => format!("COUNT(DISTINCT CONCAT_WS('/', {}))", keys.join(", ")),
        Dialect::TransactSql => format!("COUNT(DISTINCT CONCAT({}))", keys.join(", '/', ")),
    }
}
