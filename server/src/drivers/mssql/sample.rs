//! A bounded look at the values of short text columns.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use tiberius::{Client, Row, error::Error as Said};
use tidegate_schema::{Result, model::CatalogueTable};

use super::{
    introspect::DEFAULT_SCHEMA,
    pool::{self, Pool},
    wire::Wire,
};
use crate::drivers::values::{self, MAX_VALUE_CHARS, MAX_VALUES, ROWS_LOOKED_AT};

/// For all tables together.
const SAMPLING_TIME: Duration = Duration::from_secs(1);
/// For one query.
const QUERY_TIME: Duration = Duration::from_millis(400);
/// Columns looked at in one query.
const COLUMNS_PER_QUERY: usize = 24;
/// The server sorts the rows it looks at, so fewer than elsewhere.
const ROWS: usize = ROWS_LOOKED_AT / 2;

/// Looking takes no locks that a writer would wait for, and does not wait for a writer's.
const MANNERS: &str = "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; SET LOCK_TIMEOUT 50";
const MANNERS_OVER: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCK_TIMEOUT 5000";

/// The tables with what could be read of their values in time.
pub(super) async fn sample(
    pool: &Arc<Pool>,
    mut tables: Vec<CatalogueTable>,
) -> Result<Vec<CatalogueTable>> {
    let end = Instant::now() + SAMPLING_TIME;
    let texts = texts(&tables);
    for chunk in texts.chunks(COLUMNS_PER_QUERY) {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let sql = look(&tables, chunk);
        let mut loan = Pool::borrow(pool, left).await?;
        let looked = rows(loan.client(), &sql);
        match pool
            .within(QUERY_TIME.min(left), "looking at values", looked)
            .await
        {
            Ok(rows) => {
                loan.give_back();
                keep(&mut tables, chunk, &rows).map_err(|error| pool.error(&error))?;
            }
            Err(error) => {
                tracing::debug!(%error, "no values were sampled");
                loan.abandon().await;
            }
        }
    }
    Ok(tables)
}

async fn rows(client: &mut Client<Wire>, sql: &str) -> Result<Vec<Row>, Said> {
    pool::batch(client, MANNERS).await?;
    let rows = client.simple_query(sql).await?.into_first_result().await?;
    pool::batch(client, MANNERS_OVER).await?;
    Ok(rows)
}

/// Columns of text with a bound, by table and column.
fn texts(tables: &[CatalogueTable]) -> Vec<(usize, usize)> {
    let mut texts = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        for (nth, column) in table.columns.iter().enumerate() {
            if !table.is_view && is_short_text(&column.data_type) {
                texts.push((at, nth));
            }
        }
    }
    texts
}

fn is_short_text(data_type: &str) -> bool {
    let name = data_type.split('(').next().unwrap_or_default();
    matches!(name, "char" | "varchar" | "nchar" | "nvarchar") && !data_type.ends_with("(max)")
}

/// One query for many columns: for each its distinct values, and a row of NULL with the rows looked at.
fn look(tables: &[CatalogueTable], chunk: &[(usize, usize)]) -> String {
    let mut parts = Vec::with_capacity(chunk.len() * 2);
    for (nth, &(table, column)) in chunk.iter().enumerate() {
        let table = &tables[table];
        let schema = table.schema.as_deref().unwrap_or(DEFAULT_SCHEMA);
        let from = format!("{}.{}", quoted(schema), quoted(&table.name));
        let column = quoted(&table.columns[column].name);
        let (kept, chars) = (MAX_VALUES + 1, MAX_VALUE_CHARS + 1);
        parts.push(format!(
            "SELECT DISTINCT TOP ({kept}) CAST({nth} AS int), \
             RTRIM(CAST(r.v AS nvarchar({chars}))) COLLATE DATABASE_DEFAULT, CAST(0 AS bigint) \
             FROM (SELECT TOP ({ROWS}) {column} AS v FROM {from}) AS r WHERE r.v IS NOT NULL"
        ));
        parts.push(format!(
            "SELECT CAST({nth} AS int), CAST(NULL AS nvarchar({chars})) COLLATE DATABASE_DEFAULT, COUNT_BIG(*) \
             FROM (SELECT TOP ({}) 1 AS one FROM {from}) AS r",
            ROWS + 1
        ));
    }
    parts.join(" UNION ALL ")
}

fn keep(tables: &mut [CatalogueTable], chunk: &[(usize, usize)], rows: &[Row]) -> Result<(), Said> {
    let mut values: Vec<BTreeSet<String>> = vec![BTreeSet::new(); chunk.len()];
    let mut counts = vec![i64::MAX; chunk.len()];
    for row in rows {
        let nth = row.try_get::<i32, _>(0)?.unwrap_or_default() as usize;
        let (Some(values), Some(count)) = (values.get_mut(nth), counts.get_mut(nth)) else {
            continue;
        };
        match row.try_get::<&str, _>(1)? {
            Some(value) => drop(values.insert(value.to_owned())),
            None => *count = row.try_get::<i64, _>(2)?.unwrap_or(i64::MAX),
        }
    }
    for ((&(table, column), values), count) in chunk.iter().zip(values).zip(counts) {
        let whole = count <= ROWS as i64;
        if whole {
            tables[table].row_estimate = Some(count.unsigned_abs());
        }
        values::keep(&mut tables[table].columns[column], values, whole);
    }
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

#[cfg(test)]
mod tests {
    use tiberius::{ColumnData, ColumnType};
    use tidegate_schema::model::CatalogueColumn;

    use super::*;

    fn tables() -> Vec<CatalogueTable> {
        let column = |name: &str, data_type: &str| CatalogueColumn {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            ..CatalogueColumn::default()
        };
        vec![CatalogueTable {
            schema: Some("sa]les".into()),
            name: "orders".into(),
            columns: vec![
                column("id", "int"),
                column("state", "varchar(20)"),
                column("note", "nvarchar(max)"),
                column("country", "nchar(2)"),
            ],
            ..CatalogueTable::default()
        }]
    }

    fn row(nth: i32, value: Option<&'static str>, count: i64) -> Row {
        Row::builder()
            .column("nth", ColumnType::Int4, ColumnData::I32(Some(nth)))
            .column(
                "v",
                ColumnType::NVarchar,
                ColumnData::String(value.map(Into::into)),
            )
            .column("n", ColumnType::Int8, ColumnData::I64(Some(count)))
            .build()
    }

    #[test]
    fn only_bounded_text_is_looked_at_and_names_are_quoted() {
        let tables = tables();
        let texts = texts(&tables);
        assert_eq!(texts, [(0, 1), (0, 3)]);
        let sql = look(&tables, &texts);
        assert!(
            sql.contains("[state] AS v FROM [sa]]les].[orders]"),
            "{sql}"
        );
    }

    #[test]
    fn values_are_kept_when_they_are_few_and_short() {
        let mut tables = tables();
        let long = "x".repeat(MAX_VALUE_CHARS + 1);
        let long: &'static str = Box::leak(long.into_boxed_str());
        let rows = [
            row(0, Some("sent"), 0),
            row(0, Some("open"), 0),
            row(0, None, 7),
            row(1, Some(long), 0),
            row(1, None, 7),
        ];
        keep(&mut tables, &[(0, 1), (0, 3)], &rows).expect("reads");
        let columns = &tables[0].columns;
        assert_eq!(columns[1].values, ["open", "sent"]);
        assert!(columns[1].values_complete);
        assert!(columns[3].values.is_empty() && !columns[3].values_complete);
        assert_eq!(tables[0].row_estimate, Some(7));
    }
}
