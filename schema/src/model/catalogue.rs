//! What introspection found in a database.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};

/// Tables and views of a database, in name order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Tables and views.
    pub tables: Vec<TableInfo>,
}

impl Catalogue {
    /// What of it a grant on some tables lets through: those tables, and of their foreign keys the ones between
    /// them, since a key would name a table that is hidden. All of it where there is no such list.
    pub fn granted(&self, tables: Option<&BTreeSet<String>>) -> Self {
        let Some(granted) = tables else {
            return self.clone();
        };
        let listed = |schema: Option<&str>, name: &str| match schema {
            Some(schema) => granted.contains(&format!("{schema}.{name}")),
            None => granted.contains(name),
        };
        let between = |table: &TableInfo| {
            let mut table = table.clone();
            table
                .foreign_keys
                .retain(|key| listed(key.references_schema.as_deref(), &key.references_table));
            table
        };
        Self {
            tables: self
                .tables
                .iter()
                .filter(|table| listed(table.schema.as_deref(), &table.name))
                .map(between)
                .collect(),
        }
    }
}

/// One table or view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableInfo {
    /// Namespace (`public`), where the engine has them and it is not the default one.
    pub schema: Option<String>,
    /// Name.
    pub name: String,
    /// Whether it is a view.
    pub is_view: bool,
    /// The database's comment on it.
    pub comment: Option<String>,
    /// Columns in their order.
    pub columns: Vec<ColumnInfo>,
    /// Names of the primary-key columns.
    pub primary_key: Vec<String>,
    /// Foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// The engine's estimate of its rows, if it has one.
    pub row_estimate: Option<u64>,
}

impl TableInfo {
    /// The name as people and models are told it: with the namespace, where that has to be named (`sales.orders`).
    pub fn full_name(&self) -> String {
        self.schema.as_ref().map_or_else(
            || self.name.clone(),
            |schema| format!("{schema}.{}", self.name),
        )
    }
}

/// One column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Name.
    pub name: String,
    /// Type as the engine writes it.
    pub data_type: String,
    /// Whether NULL may occur.
    pub nullable: bool,
    /// Default, as SQL text.
    pub default: Option<String>,
    /// The database's comment on it.
    pub comment: Option<String>,
    /// Distinct values seen, for short text columns: all when `values_complete`.
    pub values: Vec<String>,
    /// Whether `values` are all there are.
    pub values_complete: bool,
}

/// One foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// Referring columns.
    pub columns: Vec<String>,
    /// Namespace of the table referred to, as in [`TableInfo::schema`].
    pub references_schema: Option<String>,
    /// Table referred to.
    pub references_table: String,
    /// Columns referred to.
    pub references_columns: Vec<String>,
}

/// A catalogue as the store keeps it, with what tells whether it still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCatalogue {
    /// What was read.
    pub catalogue: Arc<Catalogue>,
    /// When the datasource it was read from had last been changed.
    pub datasource_modified_at: DateTime<Utc>,
    /// The database's word for its structure, as it was when this was read, if it has one.
    pub fingerprint: Option<String>,
    /// When it was read.
    pub read_at: DateTime<Utc>,
    /// When its values were looked at to the end, if they were.
    pub sampled_at: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(schema: Option<&str>, table: &str) -> ForeignKey {
        ForeignKey {
            columns: vec!["x_id".to_owned()],
            references_schema: schema.map(str::to_owned),
            references_table: table.to_owned(),
            references_columns: vec!["id".to_owned()],
        }
    }

    fn table(schema: Option<&str>, name: &str, foreign_keys: Vec<ForeignKey>) -> TableInfo {
        TableInfo {
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
            foreign_keys,
            ..TableInfo::default()
        }
    }

    #[test]
    fn a_grant_on_tables_hides_the_others_and_the_keys_that_would_name_them() {
        let whole = Catalogue {
            tables: vec![
                table(
                    None,
                    "orders",
                    vec![key(None, "people"), key(Some("sales"), "items")],
                ),
                table(None, "people", Vec::new()),
                table(Some("hr"), "items", Vec::new()),
                table(
                    Some("sales"),
                    "items",
                    vec![key(None, "orders"), key(Some("hr"), "items")],
                ),
            ],
        };
        let names = BTreeSet::from(["orders".to_owned(), "sales.items".to_owned()]);
        assert_eq!(
            whole.granted(Some(&names)).tables,
            [
                table(None, "orders", vec![key(Some("sales"), "items")]),
                table(Some("sales"), "items", vec![key(None, "orders")]),
            ]
        );
        assert_eq!(whole.granted(None), whole);
        assert!(whole.granted(Some(&BTreeSet::new())).tables.is_empty());
    }
}
