//! A bounded look at the values of text columns.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use tidegate_schema::{
    Result,
    model::{CatalogueColumn, CatalogueTable, Cell, RowSet},
};

use super::{
    ClickHouse,
    types::{Shape, Type},
};
use crate::drivers::{
    Limits,
    values::{MAX_VALUE_CHARS, MAX_VALUES, ROWS_LOOKED_AT},
};

/// For all tables together.
const SAMPLING_TIME: Duration = Duration::from_secs(5);
/// For one query.
const QUERY_TIME: Duration = Duration::from_secs(2);
/// More than so many bytes of distinct values are prose.
const MAX_BYTES: usize = 1 << 20;

const ENGINES: &str = "SELECT name, engine FROM system.tables WHERE database = currentDatabase()";

/// The tables with what was seen in the time there is.
pub(super) async fn sample(
    database: &ClickHouse,
    mut tables: Vec<CatalogueTable>,
) -> Result<Vec<CatalogueTable>> {
    let end = Instant::now() + SAMPLING_TIME;
    let engines: HashMap<String, String> = database
        .catalogue_rows(ENGINES)
        .await?
        .into_iter()
        .filter_map(|row| Some((row.first()?.to_text()?, row.get(1)?.to_text()?)))
        .collect();
    for table in &mut tables {
        if Instant::now() >= end {
            break;
        }
        let engine = engines.get(&table.name).map_or("", String::as_str);
        if table.is_view || !may_be_looked_at(engine) {
            continue;
        }
        if let Err(error) = sample_table(database, table, end).await {
            tracing::debug!(table = table.name, %error, "no values were sampled");
        }
    }
    Ok(tables)
}

/// Tables that keep rows themselves, or on servers of their own kind. Reading from a queue would use it up, and a
/// table of another database or of files may be far away.
fn may_be_looked_at(engine: &str) -> bool {
    engine.ends_with("MergeTree")
        || ["Log", "TinyLog", "StripeLog", "Memory", "Distributed"].contains(&engine)
}

async fn sample_table(
    database: &ClickHouse,
    table: &mut CatalogueTable,
    end: Instant,
) -> Result<()> {
    let wanted: Vec<usize> = (0..table.columns.len())
        .filter(|&at| is_text(&table.columns[at]))
        .collect();
    let Some(&first) = wanted.first() else {
        return Ok(());
    };
    let from = |column: &str| {
        format!(
            "(SELECT {} AS v FROM {} LIMIT {})",
            quoted(column),
            quoted(&table.name),
            ROWS_LOOKED_AT + 1
        )
    };
    let sql = format!("SELECT count() FROM {}", from(&table.columns[first].name));
    let counted = look(database, &sql, end).await?;
    let count = match counted.rows.first().and_then(|row| row.first()) {
        Some(Cell::Int(count)) => *count as usize,
        _ => usize::MAX,
    };
    let whole = count <= ROWS_LOOKED_AT;
    let mut seen = Vec::with_capacity(wanted.len());
    for at in wanted {
        let sql = format!(
            "SELECT DISTINCT v FROM {} LIMIT {}",
            from(&table.columns[at].name),
            MAX_VALUES + 1
        );
        seen.push((at, look(database, &sql, end).await));
    }
    for (at, values) in seen {
        let column = &mut table.columns[at];
        match values {
            Ok(values) => keep(column, &values, whole),
            Err(error) => tracing::debug!(column = column.name, %error, "no values were sampled"),
        }
    }
    if whole {
        table.row_estimate = Some(count as u64);
    }
    Ok(())
}

async fn look(database: &ClickHouse, sql: &str, end: Instant) -> Result<RowSet> {
    let left = end.saturating_duration_since(Instant::now());
    let limits = Limits {
        rows: MAX_VALUES + 1,
        bytes: MAX_BYTES,
        time: left.min(QUERY_TIME),
    };
    database.ask(sql, limits).await
}

fn keep(column: &mut CatalogueColumn, seen: &RowSet, whole: bool) {
    let texts = seen.rows.iter().filter_map(|row| match row.first() {
        Some(Cell::Text(text)) => Some(text.clone()),
        _ => None,
    });
    let values: BTreeSet<String> = texts.collect();
    let is_long =
        |value: &String| value.len() > MAX_VALUE_CHARS && value.chars().count() > MAX_VALUE_CHARS;
    // Cut by bytes or holding something long, it is prose: not worth keeping.
    let cut_by_bytes = seen.cut_at.is_some_and(|rows| rows <= MAX_VALUES);
    if cut_by_bytes || values.iter().any(is_long) {
        return;
    }
    column.values_complete = whole && seen.rows.len() <= MAX_VALUES;
    column.values = values.into_iter().take(MAX_VALUES).collect();
}

/// Columns of text whose values are not known from their type.
fn is_text(column: &CatalogueColumn) -> bool {
    !column.values_complete
        && matches!(
            Type::parse(&column.data_type).shape,
            Shape::Text | Shape::FixedText
        )
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(values: &[&str], cut_at: Option<usize>) -> RowSet {
        RowSet {
            rows: values
                .iter()
                .map(|value| vec![Cell::Text((*value).into())])
                .collect(),
            cut_at,
            ..RowSet::default()
        }
    }

    #[test]
    fn short_values_are_kept_and_prose_is_not() {
        let mut column = CatalogueColumn::default();
        keep(&mut column, &seen(&["b", "a"], None), true);
        assert_eq!(column.values, ["a", "b"]);
        assert!(column.values_complete);
        let mut column = CatalogueColumn::default();
        keep(&mut column, &seen(&["a"], None), false);
        assert!(!column.values_complete && column.values == ["a"]);
        for prose in [seen(&["a", &"x".repeat(81)], None), seen(&["a"], Some(1))] {
            let mut column = CatalogueColumn::default();
            keep(&mut column, &prose, true);
            assert!(column.values.is_empty() && !column.values_complete);
        }
        let many: Vec<String> = (0..=MAX_VALUES).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut column = CatalogueColumn::default();
        keep(&mut column, &seen(&many, None), true);
        assert!(!column.values_complete && column.values.len() == MAX_VALUES);
    }

    #[test]
    fn queues_are_not_looked_at() {
        for engine in [
            "MergeTree",
            "ReplicatedReplacingMergeTree",
            "Memory",
            "Distributed",
        ] {
            assert!(may_be_looked_at(engine), "{engine}");
        }
        for engine in [
            "Kafka", "RabbitMQ", "S3Queue", "MySQL", "URL", "File", "View", "",
        ] {
            assert!(!may_be_looked_at(engine), "{engine}");
        }
    }

    #[test]
    fn odd_names_are_quoted() {
        assert_eq!(quoted(r"a`b\c"), r"`a\`b\\c`");
    }
}
