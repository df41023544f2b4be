//! A bounded look at the values of short text columns: many columns in one query, the first rows of each table.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use mysql_async::{Row, prelude::Queryable};
use tidegate_schema::{Result, model::CatalogueTable};
use tokio::time::Instant;

use super::{
    cells,
    failure::{Failed, Line},
    pool::{Loan, Pool},
    rows::{begin, finish, part},
    session::{Access, Flavour},
    spelling::quoted,
};
use crate::drivers::values::{self, MAX_VALUE_CHARS, MAX_VALUES, ROWS_LOOKED_AT};

/// For looking at values, all tables together.
const SAMPLING_TIME: Duration = Duration::from_secs(1);
/// For one query of the look.
const SAMPLING_QUERY: Duration = Duration::from_millis(300);
/// Columns looked at in one query.
const COLUMNS_PER_QUERY: usize = 12;
/// Rows looked at; the server sorts them, so fewer than elsewhere.
const ROWS: usize = ROWS_LOOKED_AT / 2;

/// A text column, by the places of table and column.
type Place = (usize, usize);

/// The tables with the values that could be read in time.
pub(super) async fn values(
    pool: &Arc<Pool>,
    mut tables: Vec<CatalogueTable>,
) -> Result<Vec<CatalogueTable>> {
    let texts = text_columns(&tables);
    if texts.is_empty() {
        return Ok(tables);
    }
    let end = Instant::now() + SAMPLING_TIME;
    let mut loan = Pool::borrow(pool, SAMPLING_TIME).await?;
    for chunk in texts.chunks(COLUMNS_PER_QUERY) {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let sql = look(&tables, chunk, pool.flavour());
        match ask(pool, &mut loan, sql, left.min(SAMPLING_QUERY)).await {
            Ok(rows) => keep(&mut tables, chunk, rows),
            // A table that takes too long or may not be read is passed over.
            Err(failed) if failed.line == Line::Whole => {
                tracing::debug!(error = %failed.error, "no values were sampled");
            }
            Err(failed) => {
                let error = part(pool, loan, None, failed).await;
                tracing::debug!(%error, "no further values were sampled");
                return Ok(tables);
            }
        }
    }
    finish(pool, loan, None).await;
    Ok(tables)
}

/// Columns whose values may be words: text that is no list of labels already.
fn text_columns(tables: &[CatalogueTable]) -> Vec<Place> {
    let mut found = Vec::new();
    for (table, one) in tables.iter().enumerate().filter(|(_, one)| !one.is_view) {
        for (column, text) in one.columns.iter().enumerate() {
            let data_type = text.data_type.to_ascii_lowercase();
            let is_text = [
                "char",
                "varchar",
                "tinytext",
                "text",
                "mediumtext",
                "longtext",
                "string",
            ]
            .iter()
            .any(|start| data_type.starts_with(start));
            if is_text && !text.values_complete {
                found.push((table, column));
            }
        }
    }
    found
}

async fn ask(
    pool: &Pool,
    loan: &mut Loan,
    sql: String,
    time: Duration,
) -> Result<Vec<Row>, Failed> {
    begin(pool, loan, Access::Read, time).await?;
    // The server's clock goes first: one that is slow to look at it is not waited for.
    let asking = async { loan.conn()?.query::<Row, _>(sql).await };
    pool.within(time * 2, "sampling values", asking).await
}

/// One query for many columns: for each its distinct values, and for each table a row of NULL with the rows that
/// were looked at.
fn look(tables: &[CatalogueTable], chunk: &[Place], flavour: Flavour) -> String {
    let mut parts = Vec::with_capacity(chunk.len() * 2);
    let mut before = None;
    for (nth, &(table, column)) in chunk.iter().enumerate() {
        let CatalogueTable { schema, name, .. } = &tables[table];
        let from = match schema {
            Some(schema) => format!("{}.{}", quoted(schema), quoted(name)),
            None => quoted(name),
        };
        let column = quoted(&tables[table].columns[column].name);
        let (chars, kept) = (MAX_VALUE_CHARS + 1, MAX_VALUES + 1);
        // Values that differ in case only are two; Doris compares so by itself.
        let (text, exact) = if flavour == Flavour::Doris {
            (column, "r.c")
        } else {
            (
                format!("CONVERT({column} USING utf8mb4)"),
                "r.c COLLATE utf8mb4_bin",
            )
        };
        parts.push(format!(
            "(SELECT {nth}, d.v, 0 FROM (SELECT DISTINCT {exact} AS v FROM \
             (SELECT LEFT({text}, {chars}) AS c FROM {from} LIMIT {ROWS}) AS r) AS d \
             WHERE d.v IS NOT NULL LIMIT {kept})"
        ));
        if before != Some(table) {
            before = Some(table);
            parts.push(format!(
                "(SELECT {nth}, NULL, COUNT(*) FROM (SELECT 1 AS one FROM {from} LIMIT {}) AS r)",
                ROWS + 1
            ));
        }
    }
    parts.join(" UNION ALL ")
}

/// Puts the values found into their columns.
fn keep(tables: &mut [CatalogueTable], chunk: &[Place], rows: Vec<Row>) {
    let found = rows.into_iter().map(|row| {
        let mut cells = cells::texts(row).into_iter();
        let mut next = || cells.next().flatten();
        (next(), next(), next())
    });
    keep_texts(tables, chunk, found);
}

/// As [`keep`], of rows read: number of the column, value, rows counted.
fn keep_texts(
    tables: &mut [CatalogueTable],
    chunk: &[Place],
    rows: impl Iterator<Item = (Option<String>, Option<String>, Option<String>)>,
) {
    let mut values: Vec<BTreeSet<String>> = vec![BTreeSet::new(); chunk.len()];
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for (nth, value, count) in rows {
        let Some(nth) = nth.and_then(|nth| nth.parse::<usize>().ok()) else {
            continue;
        };
        let Some(&(table, _)) = chunk.get(nth) else {
            continue;
        };
        if let Some(value) = value {
            values[nth].insert(value);
        } else {
            let count = count.and_then(|count| count.parse().ok());
            counts.insert(table, count.unwrap_or(usize::MAX));
        }
    }
    for (&(table, column), values) in chunk.iter().zip(values) {
        let count = counts.get(&table).copied().unwrap_or(usize::MAX);
        let whole = count <= ROWS;
        if whole {
            tables[table].row_estimate = Some(count as u64);
        }
        values::keep(&mut tables[table].columns[column], values, whole);
    }
}

#[cfg(test)]
mod tests {
    use tidegate_schema::model::CatalogueColumn;

    use super::*;

    fn table(columns: &[(&str, &str)]) -> CatalogueTable {
        let column = |&(name, data_type): &(&str, &str)| CatalogueColumn {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            ..CatalogueColumn::default()
        };
        CatalogueTable {
            name: "a`b".to_owned(),
            columns: columns.iter().map(column).collect(),
            ..CatalogueTable::default()
        }
    }

    #[test]
    fn only_text_without_labels_is_looked_at() {
        let mut one = table(&[
            ("id", "bigint(20)"),
            ("city", "varchar(40)"),
            ("note", "TEXT"),
            ("kind", "enum('a')"),
            ("document", "json"),
            ("raw", "varbinary(10)"),
        ]);
        one.columns[3].values_complete = true;
        assert_eq!(text_columns(&[one.clone()]), [(0, 1), (0, 2)]);
        one.is_view = true;
        assert!(text_columns(&[one]).is_empty());
    }

    #[test]
    fn a_table_is_counted_once_and_its_name_stays_a_name() {
        let tables = [table(&[("city", "char(1)"), ("o`r", "char(1)")])];
        let sql = look(&tables, &[(0, 0), (0, 1)], Flavour::MariaDb);
        assert_eq!(sql.matches("COUNT(*)").count(), 1, "{sql}");
        assert!(sql.contains("CONVERT(`o``r` USING utf8mb4)"), "{sql}");
        assert!(sql.contains("FROM `a``b` LIMIT"), "{sql}");
    }

    #[test]
    fn values_are_complete_where_all_rows_were_seen() {
        let mut tables = vec![table(&[("city", "char(9)"), ("note", "text")])];
        let row = |nth: &str, value: Option<&str>, count: &str| {
            let owned = |text: &str| Some(text.to_owned());
            (owned(nth), value.map(str::to_owned), owned(count))
        };
        let prose = "x".repeat(MAX_VALUE_CHARS + 1);
        let rows = [
            row("0", Some("Oslo"), "0"),
            row("0", Some("Bonn"), "0"),
            row("0", None, "3"),
            row("1", Some(&prose), "0"),
            row("9", Some("x"), "0"),
        ];
        keep_texts(&mut tables, &[(0, 0), (0, 1)], rows.into_iter());
        assert_eq!(tables[0].row_estimate, Some(3));
        assert_eq!(tables[0].columns[0].values, ["Bonn", "Oslo"]);
        assert!(tables[0].columns[0].values_complete);
        assert!(tables[0].columns[1].values.is_empty());
        assert!(!tables[0].columns[1].values_complete);
        let rows = [
            row("0", Some("Oslo"), "0"),
            row("0", None, &(ROWS + 1).to_string()),
        ];
        keep_texts(&mut tables, &[(0, 0)], rows.into_iter());
        assert!(!tables[0].columns[0].values_complete);
        assert_eq!(tables[0].row_estimate, Some(3));
    }
}
