//! The rows of a run on their way: in the server's binary form where every column has one that is read here, else
//! in its text form.

use std::{iter, pin::Pin, task::Poll};

use futures::{StreamExt, TryFutureExt, poll, stream::BoxStream};
use tidegate_schema::{Result, model::Cell};
use tokio_postgres::{
    Row, SimpleQueryMessage, SimpleQueryStream, Statement,
    types::{FromSql, Type},
};

use super::{
    GRACE,
    binary::{self, Decoder},
};
use crate::drivers::{
    Limits,
    postgres::{
        bound,
        pool::{Loan, Pool},
        text::{self, Reader},
    },
};

/// What the server sent.
pub(super) enum Sent {
    Row(Vec<Cell>),
    /// A row without its wide cells, as it is larger than the whole result may be.
    TooLarge,
    /// A row with a value that its type does not have.
    Unreadable,
    End,
}

/// A statement that runs.
pub(super) struct Wire {
    rows: Rows,
    /// Whether one more column says that the row fits.
    bounded: bool,
}

enum Rows {
    Binary(
        BoxStream<'static, Result<Row, tokio_postgres::Error>>,
        Vec<Decoder>,
    ),
    Text(Pin<Box<SimpleQueryStream>>, Vec<Reader>),
}

impl Wire {
    /// Sends the query that was prepared, without waiting for what comes of it.
    pub(super) async fn open(
        pool: &Pool,
        loan: &Loan,
        sql: &str,
        prepared: &Statement,
        limits: Limits,
    ) -> Result<Self> {
        let columns = prepared.columns().iter();
        let types: Vec<(&Type, i32)> = columns
            .map(|column| (column.type_(), column.type_modifier()))
            .collect();
        let bounded = bound::Statement::read(sql).bounded(&types, limits.bytes);
        let decoders: Option<Vec<Decoder>> = types
            .iter()
            .map(|(kind, _)| {
                // The wrapped query writes such a cell as text itself.
                if bounded.is_some() && !bound::is_narrow(kind) {
                    Some(Decoder::Text(text::reader(kind).1))
                } else {
                    binary::decoder(kind)
                }
            })
            .collect();
        let rows = if let Some(decoders) = decoders {
            let statement = match &bounded {
                Some(sql) => {
                    let preparing = loan.client().prepare(sql);
                    pool.within(limits.time + GRACE, "preparing the query", preparing)
                        .await?
                }
                None => prepared.clone(),
            };
            Rows::Binary(send(pool, loan, statement, limits).await?, decoders)
        } else {
            let sending = loan
                .client()
                .simple_query_raw(bounded.as_deref().unwrap_or(sql));
            let rows = pool
                .within(limits.time, "sending the query", sending)
                .await?;
            let readers = types.iter().map(|(kind, _)| text::reader(kind).1);
            Rows::Text(Box::pin(rows), readers.collect())
        };
        Ok(Self {
            rows,
            bounded: bounded.is_some(),
        })
    }

    /// What comes next. May be dropped while it waits: nothing is lost.
    pub(super) async fn next(&mut self) -> Result<Sent, tokio_postgres::Error> {
        match &mut self.rows {
            Rows::Binary(rows, decoders) => match rows.next().await {
                Some(row) => Ok(read(&row?, decoders, self.bounded)),
                None => Ok(Sent::End),
            },
            Rows::Text(rows, readers) => loop {
                match rows.next().await {
                    Some(Ok(SimpleQueryMessage::Row(row))) => {
                        if self.bounded && row.get(readers.len()) != Some("t") {
                            return Ok(Sent::TooLarge);
                        }
                        let cells = readers.iter().enumerate();
                        return Ok(Sent::Row(
                            cells
                                .map(|(at, reader)| row.get(at).map_or(Cell::Null, reader))
                                .collect(),
                        ));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error),
                    None => return Ok(Sent::End),
                }
            },
        }
    }

    /// Throws away what still comes.
    pub(super) async fn drain(&mut self) {
        match &mut self.rows {
            Rows::Binary(rows, _) => while let Some(Ok(_)) = rows.next().await {},
            Rows::Text(rows, _) => while let Some(Ok(_)) = rows.next().await {},
        }
    }
}

/// Runs a prepared statement.
///
/// The library answers once the server has said that it began, and the server keeps that word back until it has rows
/// to send with it. The columns are to be known before, so the word is waited for where the rows are.
async fn send(
    pool: &Pool,
    loan: &Loan,
    statement: Statement,
    limits: Limits,
) -> Result<BoxStream<'static, Result<Row, tokio_postgres::Error>>> {
    let client = loan.share();
    let mut opening = Box::pin(async move {
        let none = iter::empty::<i32>();
        client.query_raw(&statement, none).await
    });
    // Looked at once, it is sent.
    let early = poll!(opening.as_mut());
    Ok(match early {
        Poll::Ready(Ok(rows)) => rows.boxed(),
        Poll::Ready(Err(error)) => return Err(pool.error(limits.time, &error)),
        Poll::Pending => opening.try_flatten_stream().boxed(),
    })
}

fn read(row: &Row, decoders: &[Decoder], bounded: bool) -> Sent {
    if bounded && !fits(row, decoders.len()) {
        return Sent::TooLarge;
    }
    cells(row, decoders).map_or(Sent::Unreadable, Sent::Row)
}

fn fits(row: &Row, at: usize) -> bool {
    matches!(row.try_get::<_, Option<Raw<'_>>>(at), Ok(Some(Raw([1]))))
}

fn cells(row: &Row, decoders: &[Decoder]) -> Option<Vec<Cell>> {
    let mut cells = Vec::with_capacity(decoders.len());
    for (at, decoder) in decoders.iter().enumerate() {
        cells.push(match row.try_get::<_, Option<Raw<'_>>>(at).ok()? {
            Some(Raw(bytes)) => decoder.read(bytes)?,
            None => Cell::Null,
        });
    }
    Some(cells)
}

/// A cell's bytes as they came, whatever its type.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(
        _kind: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }
}
