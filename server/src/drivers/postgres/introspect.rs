//! The catalogue of a PostgreSQL database: four catalogue queries, whatever the number of tables, and a word for its
//! structure in one.
//!
//! Only what the role may read is listed. Partitions are left out: their parent stands for them. Everything is joined
//! as sets or looked up here: a subquery per row takes seconds where there are tens of thousands of columns.

mod values;

use std::collections::HashMap;

use tidegate_schema::model::{Catalogue, CatalogueColumn, CatalogueTable, ForeignKey};
use tokio_postgres::{Client, Error, Row};

pub(super) use self::values::sample;

/// The server's version from which on a table says itself that it is a partition.
const PARTITIONS_SINCE: i32 = 100_000;

/// Tables, views and materialised views of the user's schemas. `{PARTITION}` is replaced.
const USER_TABLES: &str = "
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT {PARTITION}
      AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
      AND has_schema_privilege(n.oid, 'USAGE')";

/// One row per table.
const TABLES: &str = "
    SELECT t.oid, t.namespace, t.name, t.is_view, t.rows, d.description, t.is_default
    FROM (
        SELECT c.oid, n.nspname::text AS namespace, c.relname::text AS name, c.relkind IN ('v', 'm') AS is_view,
               c.reltuples::float8 AS rows, n.nspname = current_schema() AS is_default
        {USER_TABLES}
    ) t
    LEFT JOIN pg_description d
      ON d.objoid = t.oid AND d.classoid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0
    ORDER BY t.namespace COLLATE \"C\", t.name COLLATE \"C\"";

/// One row per column. The table's own privilege is asked for once: it covers all columns, and mostly is there.
const COLUMNS: &str = "
    SELECT a.attrelid, a.attnum, a.attname::text, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
           pg_get_expr(d.adbin, d.adrelid), s.description, a.atttypid
    FROM (SELECT c.oid, has_table_privilege(c.oid, 'SELECT') AS whole {USER_TABLES} OFFSET 0) t
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_description s
      ON s.objoid = a.attrelid AND s.classoid = 'pg_catalog.pg_class'::regclass AND s.objsubid = a.attnum
    WHERE t.whole OR has_column_privilege(a.attrelid, a.attnum, 'SELECT')
    ORDER BY a.attrelid, a.attnum";

/// Primary and foreign keys by their columns' numbers, in key order.
const KEYS: &str = "
    SELECT k.conrelid, k.contype = 'p', k.conkey, k.confrelid, k.confkey
    FROM pg_constraint k
    WHERE k.contype IN ('p', 'f') AND k.conrelid <> 0
    ORDER BY k.conrelid, k.conname";

/// Enumerated types with their labels in order.
const ENUMS: &str = "
    SELECT e.enumtypid, array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e GROUP BY e.enumtypid";

/// A change replaces rows of the catalogue by rows of newer transactions, so that their number and the sum and the
/// greatest of their transactions tell whether anything changed. Statistics are written in place and do not count.
const FINGERPRINT: &str = "
    WITH t AS (
        SELECT c.oid, c.xmin::text::bigint AS x FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    )
    SELECT md5(concat_ws(' ', current_database()::text, current_user::text, current_schema()::text,
        (SELECT concat_ws(',', count(*), sum(x), max(x)) FROM t),
        (SELECT concat_ws(',', count(*), sum(a.xmin::text::bigint), max(a.xmin::text::bigint))
         FROM pg_attribute a JOIN t ON t.oid = a.attrelid WHERE a.attnum > 0),
        (SELECT concat_ws(',', count(*), sum(k.xmin::text::bigint), max(k.xmin::text::bigint))
         FROM pg_constraint k JOIN t ON t.oid = k.conrelid),
        (SELECT concat_ws(',', count(*), sum(d.xmin::text::bigint), max(d.xmin::text::bigint))
         FROM pg_attrdef d JOIN t ON t.oid = d.adrelid),
        (SELECT concat_ws(',', count(*), sum(s.xmin::text::bigint), max(s.xmin::text::bigint))
         FROM pg_description s JOIN t ON t.oid = s.objoid WHERE s.classoid = 'pg_catalog.pg_class'::regclass),
        (SELECT concat_ws(',', count(*), sum(e.xmin::text::bigint), max(e.xmin::text::bigint)) FROM pg_enum e),
        (SELECT concat_ws(',', count(*), sum(n.xmin::text::bigint), max(n.xmin::text::bigint))
         FROM pg_namespace n WHERE n.nspname !~ '^pg_(toast_)?temp_')))";

/// Tables, columns, keys and comments, and the labels of enumerated types as values.
pub(super) async fn catalogue(client: &Client) -> Result<Catalogue, Error> {
    let version: i32 = client
        .query_one("SELECT current_setting('server_version_num')::int4", &[])
        .await?
        .get(0);
    let mut found = Found::default();
    for row in client
        .query(&over_user_tables(TABLES, version), &[])
        .await?
    {
        found.table(&row);
    }
    let labels: HashMap<u32, Vec<String>> = client
        .query(ENUMS, &[])
        .await?
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    for row in client
        .query(&over_user_tables(COLUMNS, version), &[])
        .await?
    {
        found.column(&row, &labels);
    }
    found.drop_unreadable();
    for row in client.query(KEYS, &[]).await? {
        found.key(&row);
    }
    Ok(Catalogue {
        tables: found.tables.into_iter().map(|read| read.table).collect(),
    })
}

/// A word that changes when the structure does.
pub(super) async fn fingerprint(client: &Client) -> Result<String, Error> {
    Ok(client.query_one(FINGERPRINT, &[]).await?.get(0))
}

fn over_user_tables(query: &str, version: i32) -> String {
    let partition = if version >= PARTITIONS_SINCE {
        "c.relispartition"
    } else {
        "EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = c.oid)"
    };
    query
        .replace("{USER_TABLES}", USER_TABLES)
        .replace("{PARTITION}", partition)
}

/// A table with what the catalogue knows it and its columns by.
struct Read {
    oid: u32,
    table: CatalogueTable,
    /// Numbers of the columns, as long as they are.
    numbers: Vec<i16>,
}

impl Read {
    /// Names of columns by their numbers; `None` if one of them may not be read.
    fn names(&self, numbers: &[i16]) -> Option<Vec<String>> {
        numbers
            .iter()
            .map(|number| {
                let at = self.numbers.binary_search(number).ok()?;
                Some(self.table.columns[at].name.clone())
            })
            .collect()
    }
}

#[derive(Default)]
struct Found {
    tables: Vec<Read>,
    /// Tables by their numbers.
    place: HashMap<u32, usize>,
}

impl Found {
    fn table(&mut self, row: &Row) {
        let (oid, namespace): (u32, String) = (row.get(0), row.get(1));
        let rows: f64 = row.get(4);
        let is_default = row.get::<_, Option<bool>>(6).unwrap_or(false);
        self.place.insert(oid, self.tables.len());
        self.tables.push(Read {
            oid,
            table: CatalogueTable {
                schema: (!is_default).then_some(namespace),
                name: row.get(2),
                is_view: row.get(3),
                comment: row.get(5),
                // -1 is the server's word for "never analysed".
                row_estimate: (rows >= 0.0).then_some(rows as u64),
                ..CatalogueTable::default()
            },
            numbers: Vec::new(),
        });
    }

    fn column(&mut self, row: &Row, labels: &HashMap<u32, Vec<String>>) {
        // A table made since the tables were read has no place.
        let Some(&at) = self.place.get(&row.get::<_, u32>(0)) else {
            return;
        };
        let read = &mut self.tables[at];
        let labels = labels.get(&row.get::<_, u32>(7));
        read.numbers.push(row.get(1));
        read.table.columns.push(CatalogueColumn {
            name: row.get(2),
            data_type: row.get(3),
            nullable: row.get(4),
            default: row.get(5),
            comment: row.get(6),
            values_complete: labels.is_some(),
            values: labels.cloned().unwrap_or_default(),
        });
    }

    /// A table without a column that the role may read is none to it.
    fn drop_unreadable(&mut self) {
        self.tables.retain(|read| !read.table.columns.is_empty());
        self.place = self
            .tables
            .iter()
            .enumerate()
            .map(|(at, read)| (read.oid, at))
            .collect();
    }

    fn key(&mut self, row: &Row) {
        let Some(&at) = self.place.get(&row.get::<_, u32>(0)) else {
            return;
        };
        let numbers: Vec<i16> = row.get::<_, Option<_>>(2).unwrap_or_default();
        let Some(columns) = self.tables[at].names(&numbers) else {
            return;
        };
        if row.get(1) {
            self.tables[at].table.primary_key = columns;
            return;
        }
        // A key to what the role may not read is of no use to it.
        let Some(&target) = self.place.get(&row.get::<_, u32>(3)) else {
            return;
        };
        let target = &self.tables[target];
        let numbers: Vec<i16> = row.get::<_, Option<_>>(4).unwrap_or_default();
        let Some(references_columns) = target.names(&numbers) else {
            return;
        };
        let key = ForeignKey {
            columns,
            references_schema: target.table.schema.clone(),
            references_table: target.table.name.clone(),
            references_columns,
        };
        self.tables[at].table.foreign_keys.push(key);
    }
}
