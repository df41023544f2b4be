//! The catalogue of a MySQL database: three queries, however many tables there are.
//!
//! Only what the user may read is listed, as the server lists no more. The three views are asked one by one: joined
//! with each other they are filled again for every row in older servers.

use std::{collections::HashMap, time::Duration};

use mysql_async::{Conn, Row, prelude::Queryable};
use tidegate_schema::{
    Result,
    model::{Catalogue, CatalogueColumn, CatalogueTable, ForeignKey},
};

use super::{
    cells,
    failure::{Failed, Line},
    pool::{Loan, Pool},
    rows::begin,
    session::{Access, Flavour},
    spelling::{default_sql, labels, literal},
};

/// The products' own databases.
const SYSTEM: &str = "'mysql', 'information_schema', 'performance_schema', 'sys', 'metrics_schema', \
    'inspection_schema', 'oceanbase', 'lbacsys', 'oraauditor', '__recyclebin', '__public', '__internal_schema', \
    '_statistics_'";

/// Whose tables are listed.
pub(super) enum Scope {
    /// One database, whose tables need no name before theirs.
    Database(String),
    /// All the user's databases, as none was named.
    Everything,
}

impl Scope {
    pub(super) fn of(database: &str) -> Self {
        match database.trim() {
            "" => Self::Everything,
            name => Self::Database(name.to_owned()),
        }
    }

    /// The condition on a view's `TABLE_SCHEMA`; a constant, so that the server opens no other database.
    fn condition(&self) -> String {
        match self {
            Self::Database(name) => format!("TABLE_SCHEMA = {}", literal(name)),
            Self::Everything => format!("LOWER(TABLE_SCHEMA) NOT IN ({SYSTEM})"),
        }
    }
}

/// Tables, columns, keys and comments.
pub(super) async fn catalogue(
    pool: &Pool,
    loan: &mut Loan,
    scope: &Scope,
    time: Duration,
) -> Result<Catalogue, Failed> {
    begin(pool, loan, Access::Read, time).await?;
    let flavour = pool.flavour();
    let reading = async { read(loan.conn()?, scope, flavour).await };
    pool.within(time, "reading the catalogue", reading).await
}

/// Sums over the columns, tables and foreign keys; `None` from a server that cannot add them up.
pub(super) async fn fingerprint(
    pool: &Pool,
    loan: &mut Loan,
    scope: &Scope,
    time: Duration,
) -> Result<Option<String>, Failed> {
    begin(pool, loan, Access::Read, time).await?;
    let sql = sums(scope);
    let summing = async { loan.conn()?.query_first::<Row, _>(sql).await };
    match pool
        .within(time, "reading the catalogue's sums", summing)
        .await
    {
        Ok(row) => Ok(row.and_then(|row| cells::texts(row).into_iter().next().flatten())),
        Err(failed) if failed.line == Line::Whole && failed.code != 0 => {
            tracing::debug!(error = %failed.error, "the catalogue has no fingerprint");
            Ok(None)
        }
        Err(failed) => Err(failed),
    }
}

/// Two sums each: the first alone would not see two equal changes, the second not an exchange.
fn sums(scope: &Scope) -> String {
    let condition = scope.condition();
    let sum = |view: &str, parts: &str, condition: &str| {
        format!(
            "(SELECT CONCAT_WS(':', COUNT(*), BIT_XOR(s.h), SUM(s.h)) FROM \
             (SELECT CRC32(CONCAT_WS('|', TABLE_SCHEMA, TABLE_NAME, {parts})) AS h \
             FROM information_schema.{view} WHERE {condition}) AS s)"
        )
    };
    let columns = sum(
        "COLUMNS",
        "COLUMN_NAME, ORDINAL_POSITION, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, COLUMN_COMMENT, COLUMN_KEY",
        &condition,
    );
    let tables = sum("TABLES", "TABLE_TYPE, TABLE_COMMENT", &condition);
    let keys = sum(
        "KEY_COLUMN_USAGE",
        "CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME",
        &format!("{condition} AND REFERENCED_TABLE_NAME IS NOT NULL"),
    );
    format!("SELECT CONCAT_WS('-', {columns}, {tables}, {keys})")
}

async fn read(conn: &mut Conn, scope: &Scope, flavour: Flavour) -> mysql_async::Result<Catalogue> {
    let condition = scope.condition();
    let mut found = Found {
        named: matches!(scope, Scope::Everything),
        flavour,
        ..Found::default()
    };
    let tables = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_ROWS, TABLE_COMMENT FROM information_schema.TABLES \
         WHERE {condition}"
    );
    for row in conn.query::<Row, _>(tables).await? {
        found.table(row);
    }
    let columns = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, IS_NULLABLE, COLUMN_DEFAULT, \
         COLUMN_COMMENT, COLUMN_KEY, EXTRA FROM information_schema.COLUMNS WHERE {condition} \
         ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
    );
    for row in conn.query::<Row, _>(columns).await? {
        found.column(row);
    }
    let keys = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, \
         REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE \
         WHERE {condition} AND (CONSTRAINT_NAME = 'PRIMARY' OR REFERENCED_TABLE_NAME IS NOT NULL) \
         ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION"
    );
    match conn.query::<Row, _>(keys).await {
        Ok(rows) => rows.into_iter().for_each(|row| found.key(row)),
        // It has no keys to tell of.
        Err(mysql_async::Error::Server(error)) if flavour == Flavour::Doris => {
            tracing::debug!(%error, "the catalogue has no keys");
        }
        Err(error) => return Err(error),
    }
    Ok(found.finish())
}

#[derive(Default)]
struct Found {
    tables: Vec<CatalogueTable>,
    /// Tables by database and name.
    place: HashMap<(String, String), usize>,
    /// The primary keys in their own order.
    primary: HashMap<usize, Vec<String>>,
    /// The foreign key whose columns come next, by table and name.
    open: Option<(usize, String)>,
    /// Tables bear their database's name.
    named: bool,
    flavour: Flavour,
}

impl Found {
    fn table(&mut self, row: Row) {
        let mut cells = cells::texts(row).into_iter();
        let mut next = || cells.next().flatten();
        let (Some(schema), Some(name)) = (next(), next()) else {
            return;
        };
        let kind = next().unwrap_or_default().to_ascii_uppercase();
        let (rows, comment) = (next(), next());
        // MariaDB lists sequences among the tables.
        if kind == "SEQUENCE" {
            return;
        }
        let is_view = kind.contains("VIEW");
        self.place
            .insert((schema.clone(), name.clone()), self.tables.len());
        self.tables.push(CatalogueTable {
            schema: self.named.then_some(schema),
            name,
            is_view,
            // A view's says "VIEW", or what is wrong with it.
            comment: comment.filter(|text| !is_view && !text.is_empty()),
            row_estimate: rows.filter(|_| !is_view).and_then(|rows| rows.parse().ok()),
            ..CatalogueTable::default()
        });
    }

    fn column(&mut self, row: Row) {
        let mut cells = cells::texts(row).into_iter();
        let mut next = || cells.next().flatten();
        let (Some(schema), Some(table), Some(name)) = (next(), next(), next()) else {
            return;
        };
        let Some(&at) = self.place.get(&(schema, table)) else {
            return;
        };
        let data_type = next().unwrap_or_default();
        let kind = next().unwrap_or_default();
        let nullable = next().is_some_and(|text| text.eq_ignore_ascii_case("yes"));
        let default = next();
        let comment = next().filter(|text| !text.is_empty());
        let in_primary = next().is_some_and(|text| text == "PRI");
        let extra = next().unwrap_or_default();
        let values = labels(&data_type);
        let table = &mut self.tables[at];
        if in_primary {
            table.primary_key.push(name.clone());
        }
        table.columns.push(CatalogueColumn {
            name,
            nullable,
            default: default.and_then(|text| default_sql(self.flavour, &kind, &extra, text)),
            comment,
            values_complete: values.is_some(),
            values: values.unwrap_or_default(),
            data_type,
        });
    }

    fn key(&mut self, row: Row) {
        let mut cells = cells::texts(row).into_iter();
        let mut next = || cells.next().flatten();
        let (Some(schema), Some(table), Some(name), Some(column)) =
            (next(), next(), next(), next())
        else {
            return;
        };
        let Some(&at) = self.place.get(&(schema, table)) else {
            return;
        };
        let (Some(schema), Some(table), Some(target)) = (next(), next(), next()) else {
            self.primary.entry(at).or_default().push(column);
            return;
        };
        let this = (at, name);
        if self.open.as_ref() != Some(&this) {
            // A key to a table the user may not read is of no use.
            let Some(&referred) = self.place.get(&(schema, table)) else {
                self.open = None;
                return;
            };
            let key = ForeignKey {
                columns: Vec::new(),
                references_schema: self.tables[referred].schema.clone(),
                references_table: self.tables[referred].name.clone(),
                references_columns: Vec::new(),
            };
            self.tables[at].foreign_keys.push(key);
            self.open = Some(this);
        }
        if let Some(key) = self.tables[at].foreign_keys.last_mut() {
            key.columns.push(column);
            key.references_columns.push(target);
        }
    }

    fn finish(mut self) -> Catalogue {
        for (at, columns) in self.primary {
            self.tables[at].primary_key = columns;
        }
        // A broken view has no columns, nor has a table of which the user may read none.
        self.tables.retain(|table| !table.columns.is_empty());
        self.tables
            .sort_by(|one, other| (&one.schema, &one.name).cmp(&(&other.schema, &other.name)));
        Catalogue {
            tables: self.tables,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_databases_name_cannot_end_its_quotes() {
        let condition = Scope::of(" o'x\\ ").condition();
        assert_eq!(condition, "TABLE_SCHEMA = 'o''x\\\\'");
        assert!(matches!(Scope::of(" "), Scope::Everything));
    }
}
