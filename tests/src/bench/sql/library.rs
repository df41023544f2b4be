//! The engines' own client libraries, each used as its manual shows: a statement, its rows, every value taken out.

use std::pin::pin;

use anyhow::{Context as _, Result};
use chrono::{NaiveDate, NaiveDateTime};
use futures::TryStreamExt as _;
use mysql_async::{Conn, DriverError, Opts, OptsBuilder, SslOpts, Value, prelude::Queryable as _};
use rust_decimal::Decimal;
use tokio_postgres::{
    Client, NoTls, Row,
    types::{FromSql, Type},
};

/// What was read, so that nobody can say it was not.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) rows: usize,
    sum: u64,
}

impl Seen {
    /// Takes a value in.
    pub(super) fn value(&mut self, value: u64) {
        self.sum = self.sum.rotate_left(1) ^ value;
    }
}

/// A client with its connection open.
pub(super) enum Library {
    Sqlite(rusqlite::Connection),
    Postgres(Client),
    MariaDb(Conn),
    #[cfg(feature = "duckdb")]
    DuckDb(duckdb::Connection),
}

impl Library {
    #[expect(
        clippy::disallowed_methods,
        reason = "the wire's own loop: it ends with its client"
    )]
    pub(super) async fn postgres(url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls)
            .await
            .context("connecting to PostgreSQL")?;
        tokio::spawn(connection);
        Ok(Self::Postgres(client))
    }

    /// With TLS where the server has it, as the driver does: the same bytes for both.
    pub(super) async fn mariadb(url: &str) -> Result<Self> {
        // The address itself holds the password.
        let options = Opts::from_url(url).context("MariaDB's address")?;
        let options = OptsBuilder::from_opts(options).prefer_socket(false);
        let unproved = SslOpts::default()
            .with_danger_accept_invalid_certs(true)
            .with_danger_skip_domain_validation(true);
        let conn = match Conn::new(options.clone().ssl_opts(unproved)).await {
            Err(mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer)) => {
                Conn::new(options).await
            }
            done => done,
        };
        Ok(Self::MariaDb(conn.context("connecting to MariaDB")?))
    }

    /// Reads a query's rows to their end.
    pub(super) async fn read(&mut self, sql: &str) -> Result<Seen> {
        match self {
            Self::Sqlite(connection) => sqlite(connection, sql),
            Self::Postgres(client) => postgres(client, sql).await,
            Self::MariaDb(conn) => mariadb(conn, sql).await,
            #[cfg(feature = "duckdb")]
            Self::DuckDb(connection) => duckdb(connection, sql),
        }
    }
}

fn sqlite(connection: &rusqlite::Connection, sql: &str) -> Result<Seen> {
    use rusqlite::types::Value;

    let mut seen = Seen::default();
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        seen.rows += 1;
        for at in 0..columns {
            seen.value(match row.get::<_, Value>(at)? {
                Value::Null => 0,
                Value::Integer(value) => value as u64,
                Value::Real(value) => value.to_bits(),
                Value::Text(text) => text.len() as u64,
                Value::Blob(bytes) => bytes.len() as u64,
            });
        }
    }
    Ok(seen)
}

async fn postgres(client: &Client, sql: &str) -> Result<Seen> {
    let mut seen = Seen::default();
    let mut rows = pin!(client.query_raw(sql, Vec::<String>::new()).await?);
    while let Some(row) = rows.try_next().await? {
        seen.rows += 1;
        for (at, column) in row.columns().iter().enumerate() {
            seen.value(match *column.type_() {
                Type::INT4 => got::<i32>(&row, at, |value| value as u64)?,
                Type::INT8 => got::<i64>(&row, at, |value| value as u64)?,
                Type::FLOAT8 => got::<f64>(&row, at, f64::to_bits)?,
                Type::NUMERIC => got::<Decimal>(&row, at, |value| u64::from(value.scale()))?,
                Type::DATE => got::<NaiveDate>(&row, at, |date| date.to_epoch_days() as u64)?,
                Type::TIMESTAMP => {
                    got::<NaiveDateTime>(&row, at, |at| at.and_utc().timestamp() as u64)?
                }
                _ => got::<String>(&row, at, |text| text.len() as u64)?,
            });
        }
    }
    Ok(seen)
}

fn got<'a, T: FromSql<'a>>(row: &'a Row, at: usize, seen: impl Fn(T) -> u64) -> Result<u64> {
    Ok(row.try_get::<_, Option<T>>(at)?.map_or(0, seen))
}

async fn mariadb(conn: &mut Conn, sql: &str) -> Result<Seen> {
    let mut seen = Seen::default();
    let mut result = conn.exec_iter(sql, ()).await?;
    while let Some(row) = result.next().await? {
        seen.rows += 1;
        for value in row.unwrap() {
            seen.value(match value {
                Value::NULL => 0,
                Value::Bytes(bytes) => String::from_utf8(bytes)?.len() as u64,
                Value::Int(value) => value as u64,
                Value::UInt(value) => value,
                Value::Float(value) => u64::from(value.to_bits()),
                Value::Double(value) => value.to_bits(),
                Value::Date(year, ..) => u64::from(year),
                Value::Time(_, days, ..) => u64::from(days),
            });
        }
    }
    result.drop_result().await?;
    Ok(seen)
}

#[cfg(feature = "duckdb")]
fn duckdb(connection: &duckdb::Connection, sql: &str) -> Result<Seen> {
    use duckdb::types::Value;

    let mut seen = Seen::default();
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut columns = None;
    while let Some(row) = rows.next()? {
        seen.rows += 1;
        // Known once it has run.
        let columns = *columns.get_or_insert_with(|| row.as_ref().column_count());
        for at in 0..columns {
            seen.value(match row.get::<_, Value>(at)? {
                Value::Null => 0,
                Value::Int(value) => value as u64,
                Value::BigInt(value) => value as u64,
                Value::HugeInt(value) => value as u64,
                Value::Double(value) => value.to_bits(),
                Value::Date32(days) => days as u64,
                Value::Timestamp(_, at) => at as u64,
                Value::Text(text) => text.len() as u64,
                _ => 1,
            });
        }
    }
    Ok(seen)
}
