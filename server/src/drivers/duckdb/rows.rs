//! One run: the query described for its columns, then run for its rows, a chunk at a time.
//!
//! `DESCRIBE` takes a query and nothing else, so that DuckDB itself confirms that a text is one before it is run.
//! It also names the types, of which Arrow tells less than DuckDB knows.

use std::sync::{Arc, OnceLock};

use duckdb::{Connection, arrow::array::Array as _};
use futures::{StreamExt, stream};
use tidegate_schema::{
    Error, Result,
    model::{Cell, ResultColumn},
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::spawn_blocking,
};

use super::{
    Source,
    cells::{self, Column},
    file::Loan,
    statement::{self, Reading},
    types::Type,
    watch::{Ending, Watch},
};
use crate::drivers::{Batch, Limits, ROWS_PER_BATCH, RowStream, cell_bytes};

/// Batches on their way while the reader is busy.
const BATCHES_AHEAD: usize = 4;

type ColumnsSender = oneshot::Sender<Result<Vec<ResultColumn>>>;

/// Describes on a blocking thread, answers with the columns, then sends rows until a cap, an error or the end.
pub(super) async fn stream(
    loan: Loan,
    source: Source,
    sql: String,
    limits: Limits,
) -> Result<RowStream> {
    let watch = Watch::start(limits.time);
    // Dropped with the stream, or with this future while the query is still being described.
    let leash = watch.leash();
    // How the run ended; empty for as long as it has not, and for ever if its thread panicked.
    let outcome = Arc::new(OnceLock::new());
    let (columns_in, columns_out) = oneshot::channel();
    let (batches_in, batches_out) = mpsc::channel(BATCHES_AHEAD);
    let runner = Runner {
        watch: watch.clone(),
        source: source.clone(),
        limits,
        batches: batches_in,
        runtime: Handle::current(),
    };
    let (ended, ending) = (outcome.clone(), watch.ending());
    spawn_blocking(move || {
        let mut columns_in = Some(columns_in);
        match (runner.run(loan, ending, &sql, &mut columns_in), columns_in) {
            (Err(error), Some(columns)) => drop(columns.send(Err(error))),
            (done, _) => drop(ended.set(done)),
        }
    });
    let columns = watch.wait(columns_out).await?;
    let columns = columns.map_err(|_| source.stopped())??;
    let batches = stream::unfold(Some((batches_out, leash)), move |state| {
        let (outcome, source, watch) = (outcome.clone(), source.clone(), watch.clone());
        async move {
            let (mut batches, leash) = state?;
            match watch.wait(batches.recv()).await {
                Ok(Some(batch)) => return Some((Ok(batch), Some((batches, leash)))),
                Ok(None) => {}
                Err(error) => return Some((Err(error), None)),
            }
            match outcome.get() {
                Some(Ok(())) => None,
                Some(Err(error)) => Some((Err(Error::clone(error)), None)),
                None => Some((Err(source.stopped()), None)),
            }
        }
    });
    Ok(RowStream {
        columns,
        batches: batches.boxed(),
    })
}

/// The plan of a query; empty for what is no query (`SHOW`, `EXPLAIN`).
pub(super) fn plan(connection: &Connection, source: &Source, sql: &str) -> Result<String> {
    let failed = |error: duckdb::Error| source.error(&error);
    let sql = statement::one(sql)?;
    match statement::reading(sql)? {
        Reading::Query => {
            describe(connection, sql).map_err(failed)?;
            explain(connection, sql).map_err(failed)
        }
        Reading::Explain(query) => {
            describe(connection, query).map_err(failed)?;
            Ok(String::new())
        }
        Reading::About => {
            connection.prepare(sql).map_err(failed)?;
            Ok(String::new())
        }
    }
}

fn explain(connection: &Connection, sql: &str) -> duckdb::Result<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN {sql}"))?;
    let mut rows = statement.query([])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        parts.push(row.get::<_, String>(1)?);
    }
    Ok(parts.join("\n"))
}

/// Names and types of a query's columns; an error for everything that is no query, without running it.
fn describe(connection: &Connection, sql: &str) -> duckdb::Result<Vec<(String, String)>> {
    described(connection, sql).map_err(|error| {
        // Without the word before it, what is wrong is found where it stands.
        connection.prepare(sql).err().unwrap_or(error)
    })
}

fn described(connection: &Connection, sql: &str) -> duckdb::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare(&format!("DESCRIBE {sql}"))?;
    let mut rows = statement.query([])?;
    let mut columns = Vec::new();
    while let Some(row) = rows.next()? {
        columns.push((row.get(0)?, row.get(1)?));
    }
    Ok(columns)
}

/// The query with those of its columns as text that DuckDB has to write, or as it is if there are none.
fn with_texts(sql: &str, types: &[Type]) -> String {
    if !types.iter().any(Type::is_fetched_as_text) {
        return sql.to_owned();
    }
    let names: Vec<String> = (0..types.len()).map(|nth| format!("c{nth}")).collect();
    let columns: Vec<String> = names
        .iter()
        .zip(types)
        .map(|(name, kind)| {
            if kind.is_fetched_as_text() {
                format!("CAST({name} AS VARCHAR)")
            } else {
                name.clone()
            }
        })
        .collect();
    format!(
        "SELECT {} FROM (\n{sql}\n) AS q({})",
        columns.join(", "),
        names.join(", ")
    )
}

/// What is run, and how its columns are read.
struct Query {
    sql: String,
    /// Empty where the result itself has to tell.
    types: Vec<Type>,
    columns: Option<Vec<ResultColumn>>,
}

impl Query {
    fn read(connection: &Connection, sql: &str) -> Result<duckdb::Result<Self>> {
        let sql = statement::one(sql)?;
        let proof = match statement::reading(sql)? {
            Reading::Query => {
                return Ok(describe(connection, sql).map(|columns| Self::described(sql, columns)));
            }
            Reading::Explain(query) => describe(connection, query).map(drop),
            Reading::About => Ok(()),
        };
        Ok(proof.map(|()| Self {
            sql: sql.to_owned(),
            types: Vec::new(),
            columns: None,
        }))
    }

    fn described(sql: &str, columns: Vec<(String, String)>) -> Self {
        let types: Vec<Type> = columns.iter().map(|(_, name)| Type::parse(name)).collect();
        let columns = columns.into_iter().zip(&types);
        let columns = columns.map(|((name, data_type), kind)| ResultColumn {
            name,
            kind: kind.kind(),
            // The labels of an enumeration may be many.
            data_type: match kind {
                Type::Enum(_) => "ENUM".into(),
                _ => data_type,
            },
        });
        Self {
            columns: Some(columns.collect()),
            sql: with_texts(sql, &types),
            types: types.into_iter().map(Type::fetched).collect(),
        }
    }
}

/// One run on its blocking thread.
struct Runner {
    watch: Watch,
    source: Source,
    limits: Limits,
    batches: mpsc::Sender<Batch>,
    runtime: Handle,
}

impl Runner {
    fn run(
        &self,
        loan: Loan,
        ending: Ending,
        sql: &str,
        columns: &mut Option<ColumnsSender>,
    ) -> Result<()> {
        // Dropped in the reverse order: the clock lets go of the connection before it is lent again.
        let mut loan = loan;
        let _ending = ending;
        let connection = loan.open()?;
        self.watch.attach(connection);
        self.rows(connection, sql, columns)
            .map_err(|error| self.watch.explain(error))
    }

    fn rows(
        &self,
        connection: &Connection,
        sql: &str,
        columns_in: &mut Option<ColumnsSender>,
    ) -> Result<()> {
        let failed = |error: duckdb::Error| self.source.error(&error);
        let Query {
            sql,
            mut types,
            columns,
        } = Query::read(connection, sql)?.map_err(failed)?;
        let mut tell = |columns| {
            if let Some(columns_in) = columns_in.take() {
                drop(columns_in.send(Ok(columns)));
            }
        };
        let is_told = columns.is_some();
        columns.into_iter().for_each(&mut tell);
        self.watch.check()?;
        let mut statement = connection.prepare(&sql).map_err(failed)?;
        let schema = statement.stream_arrow([]).map_err(failed)?.get_schema();
        if !is_told {
            let fields = schema.fields().iter();
            let columns = fields.map(|field| ResultColumn {
                name: field.name().clone(),
                kind: cells::kind(field.data_type()),
                data_type: String::new(),
            });
            tell(columns.collect());
        }
        types.resize(schema.fields().len(), Type::Other);
        let mut sent = Sent::default();
        while let Some(chunk) = statement.step().map_err(failed)? {
            self.watch.check()?;
            let columns = chunk.columns().iter().zip(&types);
            let columns: Vec<Column<'_>> = columns
                .map(|(array, kind)| Column::new(array.as_ref(), kind))
                .collect();
            if !self.chunk(&columns, chunk.len(), &mut sent)? {
                return Ok(());
            }
        }
        self.send(Batch::Rows(sent.batch))
    }

    /// Sends the rows of a chunk but for the last few. Whether there is room for more.
    fn chunk(&self, columns: &[Column<'_>], rows: usize, sent: &mut Sent) -> Result<bool> {
        for row in 0..rows {
            // Weighed before it is copied: a row of many large values may be larger than our memory.
            let weight = columns.iter().fold(0_usize, |sum, column| {
                sum.saturating_add(column.weight(row))
            });
            let fits = sent.bytes.saturating_add(weight) <= self.limits.bytes;
            if fits && sent.rows < self.limits.rows {
                let cells: Vec<Cell> = columns.iter().map(|column| column.cell(row)).collect();
                sent.bytes += cells.iter().map(cell_bytes).sum::<usize>();
                if sent.bytes <= self.limits.bytes {
                    sent.rows += 1;
                    sent.batch.push(cells);
                    // The first row goes out at once, so that whoever waits sees something.
                    if sent.batch.len() >= ROWS_PER_BATCH || sent.rows == 1 {
                        self.send(Batch::Rows(std::mem::take(&mut sent.batch)))?;
                    }
                    continue;
                }
            }
            self.send(Batch::Rows(std::mem::take(&mut sent.batch)))?;
            self.send(Batch::Cut(sent.rows))?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Waits for room, but not longer than the run may take: a reader that went to sleep holds a connection.
    fn send(&self, batch: Batch) -> Result<()> {
        if matches!(&batch, Batch::Rows(rows) if rows.is_empty()) {
            return Ok(());
        }
        let batch = match self.batches.try_send(batch) {
            Ok(()) => return Ok(()),
            Err(
                mpsc::error::TrySendError::Full(batch) | mpsc::error::TrySendError::Closed(batch),
            ) => batch,
        };
        let waiting =
            async { tokio::time::timeout(self.watch.left(), self.batches.send(batch)).await };
        match self.runtime.block_on(waiting) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Error::Conflict {
                reason: "the reader has left".into(),
            }),
            Err(_) => Err(self.watch.timeout()),
        }
    }
}

/// How far a run has come.
#[derive(Default)]
struct Sent {
    /// Rows sent and rows of the batch.
    rows: usize,
    bytes: usize,
    batch: Vec<Vec<Cell>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_to_be_written_is_asked_for_as_text() {
        assert_eq!(with_texts("SELECT 1", &[Type::Int]), "SELECT 1");
        assert_eq!(
            with_texts("SELECT 1, b'1' -- bits", &[Type::Int, Type::Written]),
            "SELECT c0, CAST(c1 AS VARCHAR) FROM (\nSELECT 1, b'1' -- bits\n) AS q(c0, c1)"
        );
    }
}
