//! The migrations of both backends and `tables.rs` say the same.

use diesel::{QueryableByName, sql_types::Text};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use tidegate_schema::store::print_tables;

use crate::place::Place;

const TABLES: &str = include_str!("../../src/tables.rs");

#[test]
fn tables_are_what_the_sqlite_migrations_make() {
    assert_eq!(print_tables().unwrap(), TABLES, "run `cargo xtask codegen`");
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    data_type: String,
    #[diesel(sql_type = Text)]
    is_nullable: String,
}

/// `table.column -> Type` of every column in `tables.rs`, in its order.
fn declared() -> Vec<String> {
    let mut table = "";
    let mut columns = Vec::new();
    for line in TABLES.lines().map(str::trim) {
        if let Some((name, _)) = line
            .strip_suffix(") {")
            .and_then(|line| line.split_once(" ("))
        {
            table = name;
        } else if let Some((name, kind)) = line
            .strip_suffix(',')
            .and_then(|line| line.split_once(" -> "))
        {
            columns.push(format!("{table}.{name} -> {kind}"));
        }
    }
    columns
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_what_the_postgres_migrations_make() {
    let place = Place::postgres().await;
    drop(place.open().await);
    let mut conn = AsyncPgConnection::establish(&place.address())
        .await
        .unwrap();
    let columns: Vec<Column> = diesel::sql_query(
        "SELECT table_name::text, column_name::text AS name, data_type::text, is_nullable::text \
         FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%' \
         ORDER BY table_name COLLATE \"C\", ordinal_position",
    )
    .load(&mut conn)
    .await
    .unwrap();
    let made: Vec<String> = columns
        .iter()
        .map(|column| {
            let kind = match column.data_type.as_str() {
                "text" => "Text",
                "bigint" => "BigInt",
                "integer" => "Integer",
                "boolean" => "Bool",
                "double precision" => "Double",
                "timestamp without time zone" => "Timestamp",
                "bytea" => "Binary",
                other => other,
            };
            let kind = if column.is_nullable == "YES" {
                format!("Nullable<{kind}>")
            } else {
                kind.to_owned()
            };
            format!("{}.{} -> {kind}", column.table_name, column.name)
        })
        .collect();
    assert!(made.len() > 50);
    assert_eq!(made, declared());
}
