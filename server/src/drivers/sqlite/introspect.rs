//! The catalogue of a SQLite file in four queries, a word for its structure, and a bounded look at the values.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use rusqlite::{Connection, Result, types::ValueRef};
use sha2::{Digest as _, Sha256};
use tidegate_schema::model::{Catalogue, CatalogueColumn, CatalogueTable, CellKind, ForeignKey};

use super::rows::kind;
use crate::drivers::{
    lexis::quoted,
    values::{MAX_VALUE_CHARS, MAX_VALUES, ROWS_LOOKED_AT},
};

/// For looking at values, all tables together.
const SAMPLING_TIME: Duration = Duration::from_millis(200);
/// For one table of many, at least.
const SAMPLING_SLICE: Duration = Duration::from_millis(10);
/// Rows between two looks at the clock.
const ROWS_PER_LOOK: usize = 256;

/// Columns of everything of one kind. `hidden = 1` marks a virtual table's arguments, which are no columns.
const COLUMNS: &str = "
    SELECT m.name, p.name, p.type, p.\"notnull\", p.dflt_value, p.pk
    FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) p
    WHERE m.type = ?1 AND (?2 IS NULL OR m.name = ?2) AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND p.hidden <> 1
    ORDER BY m.name, p.cid";

const FOREIGN_KEYS: &str = "
    SELECT m.name, f.id, f.\"table\", f.\"from\", f.\"to\"
    FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f
    WHERE m.type = 'table'
    ORDER BY m.name, f.id, f.seq";

/// Tables that keep a virtual table's insides, such as those of a full-text index.
const SHADOWS: &str =
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'";

/// What the file says of its own structure; everything there is to know of it follows from this.
const DEFINITIONS: &str =
    "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name, tbl_name";

/// Tables and columns, without values.
pub(super) fn catalogue(connection: &Connection) -> Result<Catalogue> {
    let mut tables = all_of(connection, "table")?;
    let shadows: BTreeSet<String> = strings(connection, SHADOWS)?.into_iter().collect();
    tables.retain(|table| !shadows.contains(&table.name));
    tables.extend(all_of(connection, "view")?);
    foreign_keys(connection, &mut tables)?;
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Catalogue { tables })
}

/// A hash of all definitions: exact, and a file of thousands of tables has some megabytes of them at most.
pub(super) fn fingerprint(connection: &Connection) -> Result<String> {
    let mut hash = Sha256::new();
    let mut statement = connection.prepare(DEFINITIONS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for part in 0..4 {
            if let ValueRef::Text(text) = row.get_ref(part)? {
                hash.update(text);
            }
            // No text holds it, so no two lists of parts read the same.
            hash.update([0xff]);
        }
    }
    Ok(hex::encode(hash.finalize()))
}

fn columns_of(
    connection: &Connection,
    kind: &str,
    only: Option<&str>,
) -> Result<Vec<CatalogueTable>> {
    let mut statement = connection.prepare(COLUMNS)?;
    let mut rows = statement.query((kind, only))?;
    let mut tables: Vec<CatalogueTable> = Vec::new();
    let mut keys: Vec<(i64, String)> = Vec::new();
    while let Some(row) = rows.next()? {
        let table: String = row.get(0)?;
        if tables.last().is_none_or(|last| last.name != table) {
            finish_key(tables.last_mut(), &mut keys);
            let is_view = kind == "view";
            tables.push(CatalogueTable {
                name: table,
                is_view,
                ..CatalogueTable::default()
            });
        }
        let (name, not_null, key): (String, bool, i64) = (row.get(1)?, row.get(3)?, row.get(5)?);
        if key > 0 {
            keys.push((key, name.clone()));
        }
        let column = CatalogueColumn {
            name,
            data_type: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
            nullable: !not_null && key == 0,
            default: row.get(4)?,
            ..CatalogueColumn::default()
        };
        tables
            .last_mut()
            .expect("a table was pushed above")
            .columns
            .push(column);
    }
    finish_key(tables.last_mut(), &mut keys);
    Ok(tables)
}

/// Key columns come in column order with their place in the key beside them.
fn finish_key(table: Option<&mut CatalogueTable>, keys: &mut Vec<(i64, String)>) {
    keys.sort();
    let names = keys.drain(..).map(|(_, name)| name);
    if let Some(table) = table {
        table.primary_key.extend(names);
    }
}

/// One view over a missing table, or one table of a missing module, fails the query for all; then each is asked
/// for alone and the bad ones are left out.
fn all_of(connection: &Connection, kind: &str) -> Result<Vec<CatalogueTable>> {
    if let Ok(found) = columns_of(connection, kind, None) {
        return Ok(found);
    }
    let sql = format!("SELECT name FROM sqlite_schema WHERE type = '{kind}' ORDER BY name");
    let mut found = Vec::new();
    for name in strings(connection, &sql)? {
        match columns_of(connection, kind, Some(&name)) {
            Ok(one) => found.extend(one),
            Err(error) => tracing::debug!(table = name, %error, "left out of the catalogue"),
        }
    }
    Ok(found)
}

fn foreign_keys(connection: &Connection, tables: &mut [CatalogueTable]) -> Result<()> {
    let place: HashMap<String, usize> = tables
        .iter()
        .enumerate()
        .map(|(index, table)| (table.name.to_lowercase(), index))
        .collect();
    let mut statement = connection.prepare(FOREIGN_KEYS)?;
    let mut rows = statement.query([])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let (table, id, target): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (from, to): (String, Option<String>) = (row.get(3)?, row.get(4)?);
        let Some(&index) = place.get(&table.to_lowercase()) else {
            continue;
        };
        // The name as the table itself is spelled; a key to a table that is not there is none.
        let Some(&target) = place.get(&target.to_lowercase()) else {
            continue;
        };
        let references_table = tables[target].name.clone();
        if last.as_ref() != Some(&(index, id)) {
            last = Some((index, id));
            tables[index].foreign_keys.push(ForeignKey {
                columns: Vec::new(),
                references_schema: None,
                references_table,
                references_columns: Vec::new(),
            });
        }
        let nth = tables[index]
            .foreign_keys
            .last()
            .map_or(0, |key| key.columns.len());
        // `REFERENCES t` without columns means the primary key of t.
        let to = to.or_else(|| tables[target].primary_key.get(nth).cloned());
        if let Some(key) = tables[index].foreign_keys.last_mut() {
            key.columns.push(from);
            key.references_columns.extend(to);
        }
    }
    for table in tables {
        table
            .foreign_keys
            .retain(|key| key.columns.len() == key.references_columns.len());
    }
    Ok(())
}

/// Distinct values of short text columns, from the first rows of each table, for as long as there is time.
pub(super) fn sample(connection: &Connection, tables: &mut [CatalogueTable]) {
    let end = Instant::now() + SAMPLING_TIME;
    let mut left = tables.len();
    for table in tables {
        let now = Instant::now();
        if now >= end {
            return;
        }
        let slice = ((end - now) / left.max(1) as u32).max(SAMPLING_SLICE);
        left -= 1;
        if let Err(error) = sample_table(connection, table, (now + slice * 4).min(end)) {
            tracing::debug!(table = table.name, %error, "no values were sampled");
        }
    }
}

fn sample_table(connection: &Connection, table: &mut CatalogueTable, end: Instant) -> Result<()> {
    let wanted: Vec<usize> = (0..table.columns.len())
        .filter(|&at| is_text(&table.columns[at]))
        .collect();
    if wanted.is_empty() || table.is_view {
        return Ok(());
    }
    let names: Vec<String> = wanted
        .iter()
        .map(|&at| quoted(&table.columns[at].name))
        .collect();
    let sql = format!(
        "SELECT {} FROM {} LIMIT {}",
        names.join(", "),
        quoted(&table.name),
        ROWS_LOOKED_AT + 1
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut seen: Vec<Seen> = wanted.iter().map(|_| Seen::default()).collect();
    let mut count = 0;
    let mut complete = true;
    while let Some(row) = rows.next()? {
        count += 1;
        if count > ROWS_LOOKED_AT || (count % ROWS_PER_LOOK == 0 && Instant::now() >= end) {
            complete = false;
            break;
        }
        for (index, seen) in seen.iter_mut().enumerate() {
            seen.add(row.get_ref(index)?);
        }
    }
    if complete {
        table.row_estimate = Some(count as u64);
    }
    for (at, seen) in wanted.into_iter().zip(seen) {
        let column = &mut table.columns[at];
        column.values_complete = complete && seen.fits && !seen.is_long;
        column.values = if seen.is_long {
            Vec::new()
        } else {
            seen.values.into_iter().collect()
        };
    }
    Ok(())
}

/// What was seen in one column.
struct Seen {
    values: BTreeSet<String>,
    /// No value was left out for want of room.
    fits: bool,
    /// Prose rather than names: not worth keeping.
    is_long: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            values: BTreeSet::new(),
            fits: true,
            is_long: false,
        }
    }
}

impl Seen {
    fn add(&mut self, value: ValueRef<'_>) {
        let ValueRef::Text(bytes) = value else { return };
        if self.is_long || !self.fits {
            return;
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        if text.len() > MAX_VALUE_CHARS * 4 || text.chars().count() > MAX_VALUE_CHARS {
            self.is_long = true;
        } else if !self.values.contains(text) {
            self.fits = self.values.len() < MAX_VALUES;
            if self.fits {
                self.values.insert(text.to_owned());
            }
        }
    }
}

/// Text by declaration, or without one: an undeclared column may hold anything.
fn is_text(column: &CatalogueColumn) -> bool {
    kind(&column.data_type) == CellKind::Text || column.data_type.is_empty()
}

fn strings(connection: &Connection, sql: &str) -> Result<Vec<String>> {
    connection
        .prepare(sql)?
        .query_map([], |row| row.get(0))?
        .collect()
}
