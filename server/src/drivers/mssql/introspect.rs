//! The catalogue of a SQL Server database: five catalogue queries, however many tables there are.
//!
//! The server lists to a login only what it has some right on; what it may not select from is left out here.

use std::collections::{HashMap, HashSet};

use tiberius::{Client, Row, error::Error};
use tidegate_schema::model::{Catalogue, CatalogueColumn, CatalogueTable, ForeignKey};

use super::wire::Wire;

/// Where a name without a schema is looked up, after the login's own default schema.
pub(super) const DEFAULT_SCHEMA: &str = "dbo";

/// One row per table and view. The last column says whether all of it may be read.
const TABLES: &str = "
    SELECT o.object_id, s.name, o.name, CAST(CASE o.type WHEN 'V' THEN 1 ELSE 0 END AS bit),
           CAST(p.value AS nvarchar(4000)),
           (SELECT SUM(r.rows) FROM sys.partitions r WHERE r.object_id = o.object_id AND r.index_id IN (0, 1)),
           SCHEMA_NAME(), HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', 'SELECT')
    FROM sys.objects o
    JOIN sys.schemas s ON s.schema_id = o.schema_id
    LEFT JOIN sys.extended_properties p
        ON p.class = 1 AND p.major_id = o.object_id AND p.minor_id = 0 AND p.name = N'MS_Description'
    WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
    ORDER BY s.name, o.name";

/// One row per column. A type made from another is shown as that other; one made in .NET has no other.
const COLUMNS: &str = "
    SELECT c.object_id, c.name, COALESCE(b.name, t.name), c.max_length, c.precision, c.scale, c.is_nullable,
           d.definition, CAST(p.value AS nvarchar(4000)), c.column_id
    FROM sys.columns c
    JOIN sys.objects o ON o.object_id = c.object_id
    JOIN sys.types t ON t.user_type_id = c.user_type_id
    LEFT JOIN sys.types b ON b.user_type_id = c.system_type_id
    LEFT JOIN sys.default_constraints d ON d.object_id = c.default_object_id
    LEFT JOIN sys.extended_properties p
        ON p.class = 1 AND p.major_id = c.object_id AND p.minor_id = c.column_id AND p.name = N'MS_Description'
    WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
    ORDER BY c.object_id, c.column_id";

/// Columns of tables that may be read in part only.
const PARTLY: &str = "
    SELECT c.object_id, c.column_id
    FROM sys.objects o
    JOIN sys.schemas s ON s.schema_id = o.schema_id
    JOIN sys.columns c ON c.object_id = o.object_id
    WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
        AND HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', 'SELECT') = 0
        AND HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', 'SELECT', c.name, 'COLUMN') = 1";

/// One row per column of a primary key.
const PRIMARY_KEYS: &str = "
    SELECT k.parent_object_id, c.name
    FROM sys.key_constraints k
    JOIN sys.index_columns i ON i.object_id = k.parent_object_id AND i.index_id = k.unique_index_id
    JOIN sys.columns c ON c.object_id = i.object_id AND c.column_id = i.column_id
    WHERE k.type = 'PK' AND i.key_ordinal > 0
    ORDER BY k.parent_object_id, i.key_ordinal";

/// One row per column of a foreign key.
const FOREIGN_KEYS: &str = "
    SELECT f.object_id, f.parent_object_id, f.referenced_object_id, c.name, r.name
    FROM sys.foreign_keys f
    JOIN sys.foreign_key_columns k ON k.constraint_object_id = f.object_id
    JOIN sys.columns c ON c.object_id = k.parent_object_id AND c.column_id = k.parent_column_id
    JOIN sys.columns r ON r.object_id = k.referenced_object_id AND r.column_id = k.referenced_column_id
    ORDER BY f.parent_object_id, f.name, k.constraint_column_id";

/// Changes with every column and comment; the tables' dates stand for keys.
const FINGERPRINT: &str = "
    SELECT CONCAT(COUNT_BIG(*), N':', CHECKSUM_AGG(BINARY_CHECKSUM(
               o.object_id, o.schema_id, o.name, o.modify_date, c.column_id, c.name, c.user_type_id, c.max_length,
               c.precision, c.scale, c.is_nullable)), N':',
           (SELECT CHECKSUM_AGG(BINARY_CHECKSUM(p.major_id, p.minor_id, CAST(p.value AS nvarchar(4000))))
            FROM sys.extended_properties p WHERE p.class = 1 AND p.name = N'MS_Description'))
    FROM sys.objects o
    JOIN sys.columns c ON c.object_id = o.object_id
    WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0";

/// Reads the catalogue.
pub(super) async fn catalogue(client: &mut Client<Wire>) -> Result<Catalogue, Error> {
    let mut found = Found::default();
    for row in rows(client, TABLES).await? {
        found.table(&row)?;
    }
    if !found.partly.is_empty() {
        for row in rows(client, PARTLY).await? {
            found.readable.insert((number(&row, 0)?, number(&row, 1)?));
        }
    }
    for row in rows(client, COLUMNS).await? {
        found.column(&row)?;
    }
    for row in rows(client, PRIMARY_KEYS).await? {
        found.primary_key(&row)?;
    }
    let mut last = None;
    for row in rows(client, FOREIGN_KEYS).await? {
        found.foreign_key(&row, &mut last)?;
    }
    Ok(found.done())
}

/// A short text that changes when the tables or columns do.
pub(super) async fn fingerprint(client: &mut Client<Wire>) -> Result<Option<String>, Error> {
    let rows = rows(client, FINGERPRINT).await?;
    rows.first().map_or(Ok(None), |row| text(row, 0))
}

async fn rows(client: &mut Client<Wire>, sql: &str) -> Result<Vec<Row>, Error> {
    client.simple_query(sql).await?.into_first_result().await
}

#[derive(Default)]
struct Found {
    tables: Vec<CatalogueTable>,
    /// Tables by the server's number for them.
    place: HashMap<i32, usize>,
    /// The login's own default schema.
    own_schema: String,
    /// Tables of which only some columns may be read.
    partly: HashSet<i32>,
    /// Those columns, by table and column.
    readable: HashSet<(i32, i32)>,
}

impl Found {
    fn table(&mut self, row: &Row) -> Result<(), Error> {
        let id = number(row, 0)?;
        let rows: Option<i64> = row.try_get(5)?;
        let is_view = flag(row, 3)?;
        if row.try_get::<i32, _>(7)? != Some(1) {
            self.partly.insert(id);
        }
        self.own_schema = text(row, 6)?.unwrap_or_default();
        self.place.insert(id, self.tables.len());
        self.tables.push(CatalogueTable {
            schema: text(row, 1)?,
            name: text(row, 2)?.unwrap_or_default(),
            is_view,
            comment: comment(row, 4)?,
            row_estimate: rows.filter(|_| !is_view).map(i64::unsigned_abs),
            ..CatalogueTable::default()
        });
        Ok(())
    }

    fn column(&mut self, row: &Row) -> Result<(), Error> {
        let id = number(row, 0)?;
        if self.partly.contains(&id) && !self.readable.contains(&(id, number(row, 9)?)) {
            return Ok(());
        }
        let Some(&at) = self.place.get(&id) else {
            return Ok(());
        };
        let length: Option<i16> = row.try_get(3)?;
        let precision: Option<u8> = row.try_get(4)?;
        let scale: Option<u8> = row.try_get(5)?;
        let data_type = data_type(
            &text(row, 2)?.unwrap_or_default(),
            length.unwrap_or_default(),
            precision.unwrap_or_default(),
            scale.unwrap_or_default(),
        );
        self.tables[at].columns.push(CatalogueColumn {
            name: text(row, 1)?.unwrap_or_default(),
            data_type,
            nullable: flag(row, 6)?,
            default: text(row, 7)?,
            comment: comment(row, 8)?,
            ..CatalogueColumn::default()
        });
        Ok(())
    }

    fn primary_key(&mut self, row: &Row) -> Result<(), Error> {
        if let Some(&at) = self.place.get(&number(row, 0)?) {
            self.tables[at].primary_key.extend(text(row, 1)?);
        }
        Ok(())
    }

    /// `last` is the key of the row before, as a key comes column by column.
    fn foreign_key(&mut self, row: &Row, last: &mut Option<i32>) -> Result<(), Error> {
        let key = number(row, 0)?;
        let places = (
            self.place.get(&number(row, 1)?),
            self.place.get(&number(row, 2)?),
        );
        let (Some(&at), Some(&target)) = places else {
            return Ok(());
        };
        if *last != Some(key) {
            *last = Some(key);
            let target = &self.tables[target];
            let key = ForeignKey {
                columns: Vec::new(),
                references_schema: target.schema.clone(),
                references_table: target.name.clone(),
                references_columns: Vec::new(),
            };
            self.tables[at].foreign_keys.push(key);
        }
        if let Some(key) = self.tables[at].foreign_keys.last_mut() {
            key.columns.extend(text(row, 3)?);
            key.references_columns.extend(text(row, 4)?);
        }
        Ok(())
    }

    fn done(mut self) -> Catalogue {
        self.leave_out_what_may_not_be_read();
        self.leave_out_the_default_schema();
        Catalogue {
            tables: self.tables,
        }
    }

    fn leave_out_what_may_not_be_read(&mut self) {
        let full = |table: &CatalogueTable| (table.schema.clone(), table.name.clone());
        let hidden: HashSet<_> = self
            .tables
            .iter()
            .filter(|table| table.columns.is_empty())
            .map(full)
            .collect();
        self.tables.retain(|table| !table.columns.is_empty());
        for table in &mut self.tables {
            // A key to a table the login may not read is of no use to it.
            table.foreign_keys.retain(|key| {
                let target = (key.references_schema.clone(), key.references_table.clone());
                !hidden.contains(&target)
            });
        }
    }

    /// A table of `dbo` goes by its bare name, unless that would find one in the login's own default schema.
    fn leave_out_the_default_schema(&mut self) {
        let own = Some(self.own_schema.as_str()).filter(|own| *own != DEFAULT_SCHEMA);
        let hiding: HashSet<String> = self
            .tables
            .iter()
            .filter(|table| own.is_some() && table.schema.as_deref() == own)
            .map(|table| table.name.to_lowercase())
            .collect();
        let shorten = |schema: &mut Option<String>, name: &str| {
            if schema.as_deref() == Some(DEFAULT_SCHEMA) && !hiding.contains(&name.to_lowercase()) {
                *schema = None;
            }
        };
        for table in &mut self.tables {
            shorten(&mut table.schema, &table.name);
            for key in &mut table.foreign_keys {
                shorten(&mut key.references_schema, &key.references_table);
            }
        }
    }
}

/// The type with what its length, precision and scale say.
fn data_type(name: &str, length: i16, precision: u8, scale: u8) -> String {
    match name {
        "char" | "varchar" | "binary" | "varbinary" | "nchar" | "nvarchar" if length < 0 => {
            format!("{name}(max)")
        }
        "char" | "varchar" | "binary" | "varbinary" => format!("{name}({length})"),
        // Two bytes a character.
        "nchar" | "nvarchar" => format!("{name}({})", length / 2),
        "decimal" | "numeric" => format!("{name}({precision},{scale})"),
        "time" | "datetime2" | "datetimeoffset" => format!("{name}({scale})"),
        _ => name.to_owned(),
    }
}

fn text(row: &Row, at: usize) -> Result<Option<String>, Error> {
    Ok(row.try_get::<&str, _>(at)?.map(str::to_owned))
}

fn comment(row: &Row, at: usize) -> Result<Option<String>, Error> {
    Ok(text(row, at)?.filter(|text| !text.trim().is_empty()))
}

fn number(row: &Row, at: usize) -> Result<i32, Error> {
    Ok(row.try_get(at)?.unwrap_or_default())
}

fn flag(row: &Row, at: usize) -> Result<bool, Error> {
    Ok(row.try_get(at)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_as_they_are_declared() {
        for (name, length, precision, scale, expected) in [
            ("int", 4, 10, 0, "int"),
            ("varchar", 20, 0, 0, "varchar(20)"),
            ("nvarchar", 40, 0, 0, "nvarchar(20)"),
            ("nvarchar", -1, 0, 0, "nvarchar(max)"),
            ("varbinary", -1, 0, 0, "varbinary(max)"),
            ("decimal", 9, 18, 4, "decimal(18,4)"),
            ("datetime2", 8, 27, 7, "datetime2(7)"),
            ("datetime", 8, 23, 3, "datetime"),
            ("geometry", -1, 0, 0, "geometry"),
        ] {
            assert_eq!(data_type(name, length, precision, scale), expected);
        }
    }

    fn table(schema: &str, name: &str, columns: usize) -> CatalogueTable {
        CatalogueTable {
            schema: Some(schema.to_owned()),
            name: name.to_owned(),
            columns: vec![CatalogueColumn::default(); columns],
            ..CatalogueTable::default()
        }
    }

    #[test]
    fn tables_of_dbo_go_by_their_bare_names_where_that_finds_them() {
        let tables = vec![
            table("dbo", "orders", 1),
            table("dbo", "people", 1),
            table("sales", "Orders", 1),
            table("other", "people", 1),
        ];
        let found = Found {
            tables,
            own_schema: "sales".into(),
            ..Found::default()
        };
        let schemas: Vec<_> = found
            .done()
            .tables
            .into_iter()
            .map(|table| table.schema)
            .collect();
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(
            schemas,
            [named("dbo"), None, named("sales"), named("other")]
        );
    }

    #[test]
    fn keys_to_tables_that_may_not_be_read_are_left_out() {
        let mut orders = table("dbo", "orders", 1);
        for target in ["people", "secrets"] {
            orders.foreign_keys.push(ForeignKey {
                columns: vec!["x".into()],
                references_schema: Some("dbo".into()),
                references_table: target.into(),
                references_columns: vec!["id".into()],
            });
        }
        let found = Found {
            tables: vec![
                orders,
                table("dbo", "people", 2),
                table("dbo", "secrets", 0),
            ],
            own_schema: "dbo".into(),
            ..Found::default()
        };
        let tables = found.done().tables;
        assert_eq!(tables.len(), 2);
        assert_eq!(tables[0].foreign_keys.len(), 1);
        assert_eq!(tables[0].foreign_keys[0].references_table, "people");
        assert_eq!(tables[0].foreign_keys[0].references_schema, None);
    }
}
