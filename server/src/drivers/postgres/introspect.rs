//! The catalogue of a PostgreSQL database: three catalogue queries, then a bounded look at the values.
//!
//! Only what the role may read is listed. Partitions are left out: their parent stands for them.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use tidegate_schema::model::{Catalogue, CatalogueColumn, CatalogueTable, ForeignKey};
use tokio_postgres::{Client, Error, Row};

use crate::drivers::values::{MAX_VALUE_CHARS, MAX_VALUES, ROWS_LOOKED_AT};

/// For looking at values, all tables together.
const SAMPLING_TIME: Duration = Duration::from_secs(1);
/// For one query of the look, in milliseconds.
const SAMPLING_QUERY_MS: u32 = 300;
/// Columns looked at in one query.
const COLUMNS_PER_QUERY: usize = 24;
/// Rows looked at when the planner's statistics know no better; the server sorts them, so fewer than elsewhere.
const ROWS: usize = ROWS_LOOKED_AT / 2;

/// One row per column of every table, view and materialised view of the user's schemas.
const COLUMNS: &str = "
    SELECT n.nspname::text, c.relname::text, c.relkind IN ('v', 'm'), c.reltuples::float8,
           obj_description(c.oid, 'pg_class'), a.attname::text, format_type(a.atttypid, a.atttypmod),
           NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum),
           n.nspname = current_schema(),
           (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e
            WHERE e.enumtypid = a.atttypid),
           t.typcategory = 'S' AND c.relkind <> 'f'
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
      AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
      AND has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
    ORDER BY n.nspname, c.relname, a.attnum";

/// Primary and foreign keys with their columns in key order.
const KEYS: &str = "
    SELECT n.nspname::text, c.relname::text, k.contype = 'p',
           (SELECT array_agg(a.attname::text ORDER BY o.nth) FROM unnest(k.conkey) WITH ORDINALITY o(num, nth)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = o.num),
           fn.nspname::text, f.relname::text,
           (SELECT array_agg(a.attname::text ORDER BY o.nth) FROM unnest(k.confkey) WITH ORDINALITY o(num, nth)
            JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = o.num)
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_class f ON f.oid = k.confrelid
    LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
    WHERE k.contype IN ('p', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    ORDER BY n.nspname, c.relname, k.conname";

/// What the planner remembers of columns with few values. Rows hidden by a policy are hidden here too.
const STATISTICS: &str = "
    SELECT schemaname::text, tablename::text, attname::text, most_common_vals::text::text[]
    FROM pg_stats
    WHERE schemaname <> 'information_schema' AND schemaname !~ '^pg_'
      AND most_common_vals IS NOT NULL AND n_distinct > 0 AND avg_width <= $1";

pub(super) async fn catalogue(client: &Client) -> Result<Catalogue, Error> {
    let mut found = Found::default();
    for row in client.query(COLUMNS, &[]).await? {
        found.column(&row);
    }
    for row in client.query(KEYS, &[]).await? {
        found.key(&row);
    }
    for row in client
        .query(STATISTICS, &[&(MAX_VALUE_CHARS as i32)])
        .await?
    {
        found.statistics(&row);
    }
    found.sample(client).await;
    Ok(Catalogue {
        tables: found.tables,
    })
}

#[derive(Default)]
struct Found {
    tables: Vec<CatalogueTable>,
    /// Tables by their full names.
    place: HashMap<(String, String), usize>,
    /// Full name of each table, for the look at its values.
    names: Vec<(String, String)>,
    /// Text columns, by table and column.
    texts: Vec<(usize, usize)>,
}

impl Found {
    fn column(&mut self, row: &Row) {
        let full: (String, String) = (row.get(0), row.get(1));
        let at = *self.place.entry(full.clone()).or_insert_with(|| {
            let rows: f64 = row.get(3);
            self.names.push(full.clone());
            self.tables.push(CatalogueTable {
                schema: (!row.get::<_, Option<bool>>(10).unwrap_or(false)).then(|| full.0.clone()),
                name: full.1.clone(),
                is_view: row.get(2),
                comment: row.get(4),
                // -1 is the server's word for "never analysed".
                row_estimate: (rows >= 0.0).then_some(rows as u64),
                ..CatalogueTable::default()
            });
            self.tables.len() - 1
        });
        let labels: Option<Vec<String>> = row.get(11);
        if row.get(12) && !self.tables[at].is_view {
            self.texts.push((at, self.tables[at].columns.len()));
        }
        self.tables[at].columns.push(CatalogueColumn {
            name: row.get(5),
            data_type: row.get(6),
            nullable: row.get(7),
            default: row.get(8),
            comment: row.get(9),
            values_complete: labels.is_some(),
            values: labels.unwrap_or_default(),
        });
    }

    fn key(&mut self, row: &Row) {
        let Some(&at) = self.place.get(&(row.get(0), row.get(1))) else {
            return;
        };
        let columns: Vec<String> = row.get::<_, Option<_>>(3).unwrap_or_default();
        if row.get(2) {
            self.tables[at].primary_key = columns;
            return;
        }
        let (Some(schema), Some(table)) = (
            row.get::<_, Option<String>>(4),
            row.get::<_, Option<String>>(5),
        ) else {
            return;
        };
        // A key to a table the role may not read is of no use to it.
        let Some(&target) = self.place.get(&(schema, table)) else {
            return;
        };
        let key = ForeignKey {
            columns,
            references_schema: self.tables[target].schema.clone(),
            references_table: self.tables[target].name.clone(),
            references_columns: row.get::<_, Option<_>>(6).unwrap_or_default(),
        };
        self.tables[at].foreign_keys.push(key);
    }

    fn statistics(&mut self, row: &Row) {
        let Some(&at) = self.place.get(&(row.get(0), row.get(1))) else {
            return;
        };
        let name: String = row.get(2);
        let column = self.tables[at]
            .columns
            .iter_mut()
            .enumerate()
            .find(|(_, c)| c.name == name);
        let Some((nth, column)) = column else { return };
        if column.values_complete || !self.texts.contains(&(at, nth)) {
            return;
        }
        let values: Vec<String> = row.get::<_, Option<_>>(3).unwrap_or_default();
        let short = |value: &String| value.chars().count() <= MAX_VALUE_CHARS;
        column.values = values
            .into_iter()
            .filter(short)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
    }

    /// Looks at the first rows themselves, while there is time; the statistics stay where there is none.
    async fn sample(&mut self, client: &Client) {
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
            match client.query(&self.look(chunk), &[]).await {
                Ok(rows) => self.keep(chunk, &rows),
                Err(error) => tracing::debug!(%error, "no values were sampled"),
            }
            if client.batch_execute("ROLLBACK TO look").await.is_err() {
                return;
            }
        }
    }

    /// One query for many columns: for each its distinct values, and a row of NULL with the rows looked at.
    fn look(&self, chunk: &[(usize, usize)]) -> String {
        let mut parts = Vec::with_capacity(chunk.len() * 2);
        for (nth, &(table, column)) in chunk.iter().enumerate() {
            let (schema, name) = &self.names[table];
            let from = format!("{}.{}", quoted(schema), quoted(name));
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

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
