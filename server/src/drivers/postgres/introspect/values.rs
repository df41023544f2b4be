//! A bounded look at the values of short text columns: what the planner remembers, then the first rows themselves.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use tidegate_schema::model::{CatalogueColumn, CatalogueTable};
use tokio_postgres::{Client, Error, Row};

use crate::drivers::{
    lexis::quoted,
    values::{MAX_VALUE_CHARS, MAX_VALUES, ROWS_LOOKED_AT},
};

/// For one look, all its tables together.
const SAMPLING_TIME: Duration = Duration::from_secs(1);
/// For one query of the look, in milliseconds.
const SAMPLING_QUERY_MS: u32 = 300;
/// Columns looked at in one query.
const COLUMNS_PER_QUERY: usize = 24;
/// Rows looked at when the planner's statistics know no better; the server sorts them, so fewer than elsewhere.
const ROWS: usize = ROWS_LOOKED_AT / 2;

/// The text columns of tables of these names. Foreign tables are left alone: another server would be asked.
const TEXTS: &str = "
    SELECT n.nspname::text, c.relname::text, a.attname::text
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE c.relname = ANY ($1::text[]::name[]) AND c.relkind IN ('r', 'p') AND t.typcategory = 'S'
      AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    ORDER BY n.nspname, c.relname, a.attnum";

/// What the planner remembers of columns with few values. Rows hidden by a policy are hidden here too.
const STATISTICS: &str = "
    SELECT schemaname::text, tablename::text, attname::text, most_common_vals::text::text[]
    FROM pg_stats
    WHERE tablename = ANY ($1::text[]::name[]) AND schemaname <> 'information_schema' AND schemaname !~ '^pg_'
      AND most_common_vals IS NOT NULL AND n_distinct > 0 AND avg_width <= $2";

/// Fills in the values of the tables' text columns, as far as there is time.
pub(in crate::drivers::postgres) async fn sample(
    client: &Client,
    tables: Vec<CatalogueTable>,
) -> Result<Vec<CatalogueTable>, Error> {
    let default: Option<String> = client
        .query_one("SELECT current_schema()::text", &[])
        .await?
        .get(0);
    let mut look = Look::of(tables, default.as_deref());
    let names: Vec<String> = look.tables.iter().map(|table| table.name.clone()).collect();
    for row in client.query(TEXTS, &[&names]).await? {
        look.text(&row);
    }
    let width = MAX_VALUE_CHARS as i32;
    for row in client.query(STATISTICS, &[&names, &width]).await? {
        look.statistics(&row);
    }
    look.run(client).await;
    Ok(look.tables)
}

struct Look {
    tables: Vec<CatalogueTable>,
    /// Namespace of each table.
    namespaces: Vec<String>,
    /// Tables by namespace and name.
    place: HashMap<(String, String), usize>,
    /// Text columns, by table and column.
    texts: Vec<(usize, usize)>,
}

impl Look {
    fn of(tables: Vec<CatalogueTable>, default: Option<&str>) -> Self {
        let namespaces: Vec<String> = tables
            .iter()
            .map(|table| {
                let named = table.schema.as_deref().or(default);
                named.unwrap_or_default().to_owned()
            })
            .collect();
        let place = tables
            .iter()
            .zip(&namespaces)
            .enumerate()
            .map(|(at, (table, namespace))| ((namespace.clone(), table.name.clone()), at))
            .collect();
        Self {
            tables,
            namespaces,
            place,
            texts: Vec::new(),
        }
    }

    /// The place of the column that a row names.
    fn column(&self, row: &Row) -> Option<(usize, usize)> {
        let at = *self.place.get(&(row.get(0), row.get(1)))?;
        let name: String = row.get(2);
        let mut columns = self.tables[at].columns.iter();
        Some((at, columns.position(|column| column.name == name)?))
    }

    fn text(&mut self, row: &Row) {
        if let Some((table, column)) = self.column(row)
            && !self.tables[table].is_view
        {
            self.texts.push((table, column));
        }
    }

    fn statistics(&mut self, row: &Row) {
        let Some((table, column)) = self.column(row) else {
            return;
        };
        let known: &mut CatalogueColumn = &mut self.tables[table].columns[column];
        if known.values_complete || !self.texts.contains(&(table, column)) {
            return;
        }
        let values: Vec<String> = row.get::<_, Option<_>>(3).unwrap_or_default();
        let short = |value: &String| value.chars().count() <= MAX_VALUE_CHARS;
        known.values = values
            .into_iter()
            .filter(short)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
    }

    /// Looks at the first rows themselves, while there is time; the statistics stay where there is none.
    async fn run(&mut self, client: &Client) {
        let end = Instant::now() + SAMPLING_TIME;
        let texts = std::mem::take(&mut self.texts);
        for chunk in texts.chunks(COLUMNS_PER_QUERY) {
            if Instant::now() >= end {
                return;
            }
            // A savepoint, so that a look that fails or takes too long does not end the transaction.
            let sql = format!(
                "SAVEPOINT look; SET LOCAL statement_timeout = {SAMPLING_QUERY_MS}; SET LOCAL lock_timeout = 50"
            );
            if client.batch_execute(&sql).await.is_err() {
                return;
            }
            match client.query(&self.query(chunk), &[]).await {
                Ok(rows) => self.keep(chunk, &rows),
                Err(error) => tracing::debug!(%error, "no values were sampled"),
            }
            if client.batch_execute("ROLLBACK TO look").await.is_err() {
                return;
            }
        }
    }

    /// One query for many columns: for each its distinct values, and a row of NULL with the rows looked at.
    fn query(&self, chunk: &[(usize, usize)]) -> String {
        let mut parts = Vec::with_capacity(chunk.len() * 2);
        for (nth, &(table, column)) in chunk.iter().enumerate() {
            let from = format!(
                "{}.{}",
                quoted(&self.namespaces[table]),
                quoted(&self.tables[table].name)
            );
            let column = quoted(&self.tables[table].columns[column].name);
            let kept = MAX_VALUES + 1;
            parts.push(format!(
                "(SELECT {nth}, v, 0::int8 FROM (SELECT DISTINCT {column}::text AS v \
                 FROM (SELECT {column} FROM {from} LIMIT {ROWS}) r) d WHERE v IS NOT NULL LIMIT {kept})"
            ));
            parts.push(format!(
                "(SELECT {nth}, NULL, count(*) FROM (SELECT 1 FROM {from} LIMIT {}) r)",
                ROWS + 1
            ));
        }
        parts.join(" UNION ALL ")
    }

    fn keep(&mut self, chunk: &[(usize, usize)], rows: &[Row]) {
        let mut values: Vec<BTreeSet<String>> = vec![BTreeSet::new(); chunk.len()];
        let mut counts = vec![i64::MAX; chunk.len()];
        for row in rows {
            let nth = row.get::<_, i32>(0) as usize;
            match row.get::<_, Option<String>>(1) {
                Some(value) => drop(values[nth].insert(value)),
                None => counts[nth] = row.get(2),
            }
        }
        for ((&(table, column), mut values), count) in chunk.iter().zip(values).zip(counts) {
            let whole = count <= ROWS as i64;
            if whole {
                self.tables[table].row_estimate = Some(count as u64);
            }
            let column = &mut self.tables[table].columns[column];
            if values
                .iter()
                .any(|value| value.chars().count() > MAX_VALUE_CHARS)
            {
                column.values.clear();
                continue;
            }
            column.values_complete = whole && values.len() <= MAX_VALUES;
            // What the statistics know may lie beyond the first rows.
            values.extend(std::mem::take(&mut column.values));
            column.values = values.into_iter().take(MAX_VALUES).collect();
        }
    }
}
