//! One run: the query described for its columns, then run for its rows, a chunk at a time.
//!
//! `DESCRIBE` takes a query and nothing else, so that DuckDB itself confirms that a text is one before it is run.
//! It also names the types, of which Arrow tells less than DuckDB knows. What it said is remembered while the file is
//! open, so that a query that was checked is not described again for its run.

use std::{ops::Range, sync::Arc};

use duckdb::Connection;
use tidegate_schema::{Result, model::ResultColumn};

use super::{
    Source, cells,
    file::{Lent, Loan},
    memory::Names,
    parcel::{Chunk, Chunks},
    statement::{self, Reading},
    types::Type,
    watch::Watch,
};
use crate::drivers::{
    Limits, RowStream,
    clock::Clock as _,
    threaded::{self, Reader},
};

/// Describes on a blocking thread, answers with the columns, then sends rows until a cap, an error or the end.
pub(super) async fn stream(
    loan: Loan,
    source: Source,
    sql: String,
    limits: Limits,
) -> Result<RowStream> {
    let watch = Watch::start(limits.time);
    let (clock, ending, file) = (watch.clone(), watch.ending(), source.clone());
    threaded::stream(
        watch,
        limits,
        move || source.stopped(),
        move |reader| {
            // Dropped in the reverse order: the clock lets go of the connection before it is lent again.
            let mut loan = loan;
            let _ending = ending;
            let connection = loan.open()?;
            clock.attach(&connection);
            rows(&connection, &file, &clock, &sql, reader).map_err(|error| clock.explain(error))
        },
    )
    .await
}

/// The plan of a query that was planned before, if it is remembered. Does not block.
pub(super) fn known_plan(source: &Source, sql: &str) -> Option<String> {
    source.file.known_plan(statement::one(sql).ok()?)
}

/// The plan of a query; empty for what is no query (`SHOW`, `EXPLAIN`).
pub(super) fn plan(connection: &Lent<'_>, source: &Source, sql: &str) -> Result<String> {
    let failed = |error: duckdb::Error| source.error(&error);
    let (sql, reading) = read(connection, sql)?;
    match reading {
        Reading::Query => {
            columns_of(connection, sql).map_err(failed)?;
            let plan = explain(connection, sql).map_err(failed)?;
            connection.keep_plan(sql, &plan);
            Ok(plan)
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

/// The one statement of a text, and how it reads. A session that it may mark is not lent again.
fn read<'a>(connection: &Lent<'_>, text: &'a str) -> Result<(&'a str, Reading<'a>)> {
    let sql = statement::one(text)?;
    let reading = statement::reading(sql)?;
    if statement::leaves_traces(sql) {
        connection.spend();
    }
    Ok((sql, reading))
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

/// As [`describe`], from memory if it was asked before.
fn columns_of(connection: &Lent<'_>, sql: &str) -> duckdb::Result<Names> {
    if let Some(columns) = connection.known_columns(sql) {
        return Ok(columns);
    }
    let columns = describe(connection, sql)?;
    connection.keep_columns(sql, &columns);
    Ok(columns)
}

/// Names and types of a query's columns; an error for everything that is no query, without running it.
fn describe(connection: &Connection, sql: &str) -> duckdb::Result<Names> {
    described(connection, sql).map_err(|error| {
        // Without the word before it, what is wrong is found where it stands.
        connection.prepare(sql).err().unwrap_or(error)
    })
}

fn described(connection: &Connection, sql: &str) -> duckdb::Result<Names> {
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
    fn read(connection: &Lent<'_>, sql: &str) -> Result<duckdb::Result<Self>> {
        let (sql, reading) = read(connection, sql)?;
        let proof = match reading {
            Reading::Query => {
                return Ok(columns_of(connection, sql).map(|columns| Self::described(sql, columns)));
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

    fn described(sql: &str, columns: Names) -> Self {
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

/// Runs the query on its blocking thread.
///
/// Rows travel as DuckDB made them and become cells where they are read: made here, each text would be allocated on
/// this thread and freed on another, which in some processes took two thirds longer.
fn rows(
    connection: &Lent<'_>,
    source: &Source,
    watch: &Watch,
    sql: &str,
    reader: &mut Reader<Watch, Chunks>,
) -> Result<()> {
    let failed = |error: duckdb::Error| source.error(&error);
    let Query {
        sql,
        mut types,
        columns,
    } = Query::read(connection, sql)?.map_err(failed)?;
    let is_told = columns.is_some();
    if let Some(columns) = columns {
        reader.columns(columns);
    }
    watch.check()?;
    let mut statement = connection.prepare(&sql).map_err(failed)?;
    let schema = statement.stream_arrow([]).map_err(failed)?.get_schema();
    if !is_told {
        let fields = schema.fields().iter();
        let columns = fields.map(|field| ResultColumn {
            name: field.name().clone(),
            kind: cells::kind(field.data_type()),
            data_type: String::new(),
        });
        reader.columns(columns.collect());
    }
    types.resize(schema.fields().len(), Type::Other);
    let types: Arc<[Type]> = types.into();
    while let Some(rows) = statement.step().map_err(failed)? {
        watch.check()?;
        let chunk = Arc::new(Chunk::new(rows, types.clone()));
        if !rows_of(&chunk, reader)? {
            return Ok(());
        }
    }
    reader.rest()
}

/// Hands on the rows of a chunk. Whether there is room for more.
fn rows_of(chunk: &Arc<Chunk>, reader: &mut Reader<Watch, Chunks>) -> Result<bool> {
    let columns = chunk.columns();
    let at_least = |rows: Range<usize>| {
        columns.iter().fold(0_usize, |sum, column| {
            sum.saturating_add(column.weight_of(rows.clone()))
        })
    };
    // Where there is room for all of them, none is looked at before it is weighed.
    let fits = reader.has_room(at_least(0..chunk.count()));
    for row in 0..chunk.count() {
        // Some cells are made to be weighed, and a row of many large values may be larger than our memory.
        if !fits && !reader.has_room(at_least(row..row + 1)) {
            reader.cut()?;
            return Ok(false);
        }
        let weight = columns.iter().map(|column| column.weight(row)).sum();
        if !reader.row_with(weight, |rows| rows.push(chunk, row))? {
            return Ok(false);
        }
    }
    Ok(true)
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
