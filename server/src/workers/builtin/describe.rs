//! From the catalogue that introspection made to the model's view of a schema.

use tidegate_schema::model::{Catalogue, CatalogueColumn, CatalogueTable, Dialect, Engine};
use tidegate_sqlmodel::schema::{
    Booleans, ColumnDescription, ForeignKeyDescription, Schema, TableDescription, describe,
};

/// The model's view of a catalogue.
pub(super) fn schema(catalogue: &Catalogue, engine: Engine) -> Schema {
    let dialect = engine.dialect();
    let tables: Vec<TableDescription> = catalogue
        .tables
        .iter()
        .map(|table| self::table(table, dialect))
        .collect();
    let booleans = match dialect {
        Dialect::Postgres | Dialect::DuckDb => Booleans::Native,
        Dialect::Sqlite | Dialect::MySql | Dialect::ClickHouse | Dialect::TransactSql => {
            Booleans::Numeric
        }
    };
    describe(&tables, booleans)
}

fn table(table: &CatalogueTable, dialect: Dialect) -> TableDescription {
    TableDescription {
        name: table.name.clone(),
        namespace: table.schema.clone(),
        comment: table.comment.clone(),
        columns: table
            .columns
            .iter()
            .map(|column| self::column(column, table, dialect))
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

fn column(column: &CatalogueColumn, table: &CatalogueTable, dialect: Dialect) -> ColumnDescription {
    let primary = table.primary_key.contains(&column.name);
    ColumnDescription {
        name: column.name.clone(),
        declared: declared(&column.data_type, dialect).to_owned(),
        nullable: column.nullable,
        primary,
        unique: primary && table.primary_key.len() == 1,
        comment: column.comment.clone(),
        samples: column.values.clone(),
        samples_complete: column.values_complete,
    }
}

/// A declared type in the words of SQLite and PostgreSQL, by which kinds are judged, where an engine has its own.
fn declared(data_type: &str, dialect: Dialect) -> &str {
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => data_type,
        Dialect::MySql => of_mysql(data_type),
        Dialect::DuckDb => of_duckdb(data_type),
        Dialect::ClickHouse => of_clickhouse(data_type),
        // It is no time there but a row's version, in bytes.
        Dialect::TransactSql if data_type.eq_ignore_ascii_case("timestamp") => "blob",
        Dialect::TransactSql => data_type,
    }
}

fn of_mysql(data_type: &str) -> &str {
    let lower = data_type.to_ascii_lowercase();
    match lower.as_str() {
        // What BOOLEAN is short for.
        "tinyint(1)" => "boolean",
        "bit" | "bit(1)" => "bit",
        bits if bits.starts_with("bit(") => "integer",
        year if year.starts_with("year") => "integer",
        "multipoint" => "text",
        // Doris has a second version of each.
        time if time.starts_with("datetime") => "datetime",
        "datev2" => "date",
        _ => data_type,
    }
}

fn of_duckdb(data_type: &str) -> &str {
    let lower = data_type.to_ascii_lowercase();
    if lower.ends_with(']') {
        "text"
    } else if lower.starts_with("timestamp") {
        "timestamp"
    } else {
        data_type
    }
}

fn of_clickhouse(data_type: &str) -> &str {
    let mut inner = data_type.trim();
    while let Some(wrapped) = ["Nullable(", "LowCardinality("]
        .iter()
        .find_map(|wrapper| inner.strip_prefix(wrapper))
        .and_then(|rest| rest.strip_suffix(')'))
    {
        inner = wrapped.trim();
    }
    match inner.split('(').next().unwrap_or_default() {
        "Date" | "Date32" => "date",
        base if base.starts_with("DateTime") => "timestamp",
        base if base.starts_with("Interval") => "text",
        _ => inner,
    }
}

#[cfg(test)]
mod tests {
    use tidegate_sqlmodel::schema::Kind;

    use super::*;

    /// The kind of a column of a declared type that nothing else tells of.
    fn kind(data_type: &str, engine: Engine) -> Kind {
        let column = CatalogueColumn {
            name: "x".to_owned(),
            data_type: data_type.to_owned(),
            ..CatalogueColumn::default()
        };
        let table = CatalogueTable {
            name: "t".to_owned(),
            columns: vec![column],
            ..CatalogueTable::default()
        };
        let catalogue = Catalogue {
            tables: vec![table],
        };
        schema(&catalogue, engine).columns[0].kind
    }

    #[test]
    fn columns_hold_what_their_engine_says_they_do() {
        for (engine, data_type, expected) in [
            (Engine::MySql, "tinyint(1)", Kind::Flag),
            (Engine::MySql, "tinyint(4)", Kind::Number),
            (Engine::MySql, "bit(8)", Kind::Number),
            (Engine::MySql, "year(4)", Kind::Number),
            (Engine::MySql, "datetime(6)", Kind::Date),
            (Engine::MySql, "enum('a','b')", Kind::Text),
            (Engine::Doris, "datetimev2(0)", Kind::Date),
            (Engine::DuckDb, "TIMESTAMP_NS", Kind::Date),
            (Engine::DuckDb, "TIMESTAMP WITH TIME ZONE", Kind::Date),
            (Engine::DuckDb, "INTEGER[]", Kind::Text),
            (Engine::DuckDb, "HUGEINT", Kind::Number),
            (Engine::ClickHouse, "Nullable(Float64)", Kind::Number),
            (
                Engine::ClickHouse,
                "LowCardinality(Nullable(String))",
                Kind::Text,
            ),
            (
                Engine::ClickHouse,
                "Nullable(DateTime64(3, 'UTC'))",
                Kind::Date,
            ),
            (Engine::ClickHouse, "Date32", Kind::Date),
            (Engine::ClickHouse, "Array(Int32)", Kind::Text),
            (Engine::ClickHouse, "IntervalDay", Kind::Text),
            (Engine::SqlServer, "datetime2(7)", Kind::Date),
            (Engine::SqlServer, "timestamp", Kind::Text),
            (Engine::SqlServer, "bit", Kind::Flag),
            (Engine::Sqlite, "tinyint(1)", Kind::Number),
        ] {
            assert_eq!(kind(data_type, engine), expected, "{engine:?} {data_type}");
        }
    }
}
