//! What introspection found in a database.

/// Tables and views of a database, in name order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Tables and views.
    pub tables: Vec<TableInfo>,
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
