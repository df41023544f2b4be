//! Rows of a SQLite statement, typed by what the columns were declared to be.

use rusqlite::{Connection, Statement};
use tidegate_schema::{
    Error, Result,
    model::{CellKind, ResultColumn},
};

use super::{
    BUSY, Loan, Pool,
    parcel::{self, Stored},
    session::Watch,
};
use crate::drivers::{
    Limits, RowStream,
    clock::Clock as _,
    threaded::{self, Reader},
};

/// Values up to so many bytes are copied and weighed with their row: a row of them is a few megabytes at most.
const LARGE: usize = 4 << 10;

/// Prepares on a blocking thread, answers with the columns, then sends rows until a cap, an error or the end.
pub(super) async fn stream(loan: Loan, sql: String, limits: Limits) -> Result<RowStream> {
    let pool = loan.pool.clone();
    let watch = Watch::new(limits.time);
    let clock = watch.clone();
    threaded::stream(
        watch,
        limits,
        move || pool.stopped(),
        move |reader| {
            let mut loan = loan;
            loan.open()?;
            let connection = loan.connection();
            clock.install(connection, BUSY.min(limits.time));
            let done = rows(connection, &loan.pool, &sql, reader);
            Watch::remove(connection);
            done.map_err(|error| clock.explain(error))
        },
    )
    .await
}

/// The engine's plan, as an indented list.
pub(super) fn plan(connection: &Connection, sql: &str) -> rusqlite::Result<String> {
    let statement = connection.prepare(sql)?;
    if statement.is_explain() != 0 {
        return Ok(String::new());
    }
    drop(statement);
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let mut rows = statement.query([])?;
    let mut depths = vec![(0_i64, 0_usize)];
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, parent, detail): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
        let depth = depths
            .iter()
            .find(|(known, _)| *known == parent)
            .map_or(0, |(_, depth)| *depth);
        depths.push((id, depth + 1));
        lines.push(format!("{}{detail}", "  ".repeat(depth)));
    }
    Ok(lines.join("\n"))
}

/// Runs the statement on its blocking thread.
///
/// Values travel as SQLite keeps them and become cells where they are read: made here, each would be allocated on this
/// thread and freed on another, which alone took a third of an export's time.
fn rows(
    connection: &Connection,
    pool: &Pool,
    sql: &str,
    reader: &mut Reader<Watch, Stored>,
) -> Result<()> {
    let failed = |error: rusqlite::Error| pool.error(&error);
    let mut statement = connection.prepare(sql).map_err(failed)?;
    if !statement.readonly() {
        return Err(Error::Forbidden {
            reason: "the statement would change the database".into(),
        });
    }
    if statement.column_count() == 0 {
        return Err(Error::invalid("sql", "is no query: it returns no columns"));
    }
    if statement.parameter_count() > 0 {
        return Err(Error::invalid(
            "sql",
            "has parameters (?); write the values into the query",
        ));
    }
    let columns = columns(&statement);
    let kinds: Vec<CellKind> = columns.iter().map(|column| column.kind).collect();
    reader.columns(columns);
    let mut rows = statement.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let mut weight = 0_usize;
        for (index, kind) in kinds.iter().enumerate() {
            let value = row.get_ref(index).map_err(failed)?;
            // Counted before it is copied: a row of many large values may be larger than our memory.
            let bytes = parcel::weight(*kind, value);
            weight = weight.saturating_add(bytes);
            if bytes > LARGE && !reader.has_room(weight) {
                return reader.cut();
            }
            reader.parcel().push(value);
        }
        if !reader.row_with(weight, Stored::end_row)? {
            return Ok(());
        }
    }
    reader.rest()
}

fn columns(statement: &Statement<'_>) -> Vec<ResultColumn> {
    let described = statement.columns();
    let column = |column: &rusqlite::Column<'_>| {
        let data_type = column.decl_type().unwrap_or_default().to_owned();
        ResultColumn {
            name: column.name().to_owned(),
            kind: kind(&data_type),
            data_type,
        }
    };
    described.iter().map(column).collect()
}

/// What a declared type says about its cells. SQLite itself only keeps the affinity.
pub(super) fn kind(declared: &str) -> CellKind {
    let upper = declared.to_ascii_uppercase();
    let bare = upper.split('(').next().unwrap_or_default().trim();
    match bare {
        "" => return CellKind::Unknown,
        "DATE" => return CellKind::Date,
        "TIME" => return CellKind::Time,
        "JSON" | "JSONB" => return CellKind::Json,
        "NUMERIC" | "DECIMAL" | "NUMBER" | "MONEY" => return CellKind::Decimal,
        _ => {}
    }
    let has = |parts: &[&str]| parts.iter().any(|part| bare.contains(part));
    if bare.starts_with("DATETIME") || bare.starts_with("TIMESTAMP") {
        CellKind::Timestamp
    } else if has(&["BOOL"]) {
        CellKind::Bool
    } else if has(&["INT", "SERIAL"]) {
        CellKind::Int
    } else if has(&["CHAR", "CLOB", "TEXT", "STRING", "UUID"]) {
        CellKind::Text
    } else if has(&["BLOB", "BINARY", "BYTEA"]) {
        CellKind::Bytes
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        CellKind::Float
    } else if has(&["DECIMAL", "NUMERIC"]) {
        CellKind::Decimal
    } else {
        CellKind::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_say_what_the_cells_are() {
        for (declared, expected) in [
            ("INTEGER", CellKind::Int),
            ("BIGINT UNSIGNED", CellKind::Int),
            ("VARCHAR(20)", CellKind::Text),
            ("DECIMAL(10,2)", CellKind::Decimal),
            ("datetime", CellKind::Timestamp),
            ("TIMESTAMP WITH TIME ZONE", CellKind::Timestamp),
            ("BOOLEAN", CellKind::Bool),
            ("DOUBLE PRECISION", CellKind::Float),
            ("GEOMETRY", CellKind::Unknown),
            ("", CellKind::Unknown),
        ] {
            assert_eq!(kind(declared), expected, "{declared}");
        }
    }
}
