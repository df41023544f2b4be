//! From the catalogue that introspection made to the model's view of a schema.

use tidegate_schema::model::{Catalogue, CatalogueColumn, CatalogueTable, Engine};
use tidegate_sqlmodel::schema::{
    Booleans, ColumnDescription, ForeignKeyDescription, Schema, TableDescription, describe,
};

/// The model's view of a catalogue.
pub(super) fn schema(catalogue: &Catalogue, engine: Engine) -> Schema {
    let tables: Vec<TableDescription> = catalogue.tables.iter().map(table).collect();
    let booleans = match engine {
        Engine::Sqlite => Booleans::Numeric,
        Engine::Postgres => Booleans::Native,
    };
    describe(&tables, booleans)
}

fn table(table: &CatalogueTable) -> TableDescription {
    TableDescription {
        name: table.name.clone(),
        namespace: table.schema.clone(),
        comment: table.comment.clone(),
        columns: table
            .columns
            .iter()
            .map(|column| self::column(column, table))
            .collect(),
        foreign_keys: table
            .foreign_keys
            .iter()
            .map(|key| ForeignKeyDescription {
                columns: key.columns.clone(),
                table: key.references_table.clone(),
                references: key.references_columns.clone(),
            })
            .collect(),
    }
}

fn column(column: &CatalogueColumn, table: &CatalogueTable) -> ColumnDescription {
    let primary = table.primary_key.contains(&column.name);
    ColumnDescription {
        name: column.name.clone(),
        declared: column.data_type.clone(),
        nullable: column.nullable,
        primary,
        unique: primary && table.primary_key.len() == 1,
        comment: column.comment.clone(),
        samples: column.values.clone(),
        samples_complete: column.values_complete,
    }
}
