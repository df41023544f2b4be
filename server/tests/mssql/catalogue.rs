//! The catalogue and the look at values.

use tidegate_schema::model::CatalogueTable;
use tidegate_server::drivers::Driver;

use crate::{
    connected,
    said::Request,
    stand_in::{Answer, StandIn},
    tokens::{kind, value},
};

fn id(number: i32) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

fn name(text: &str) -> Vec<u8> {
    value::nvarchar(Some(text))
}

fn nothing() -> Vec<u8> {
    value::nvarchar(None)
}

fn text(name: &'static str) -> (&'static str, Vec<u8>) {
    (name, kind::nvarchar(8_000))
}

fn int(name: &'static str) -> (&'static str, Vec<u8>) {
    (name, kind::INT.to_vec())
}

fn tables() -> Answer {
    let columns = [
        int("object_id"),
        text("schema"),
        text("name"),
        ("is_view", kind::BIT_OR_NULL.to_vec()),
        text("comment"),
        ("rows", kind::int_or_null(8)),
        text("own"),
        ("readable", kind::int_or_null(4)),
    ];
    let table = |number, schema, table, is_view: u8, comment, rows: i64, readable| {
        vec![
            id(number),
            name(schema),
            name(table),
            value::short(&[is_view]),
            value::nvarchar(comment),
            value::short(&rows.to_le_bytes()),
            name("dbo"),
            value::int_or_null(Some(readable)),
        ]
    };
    let rows = [
        table(1, "dbo", "people", 0, Some("Who buys"), 12, 1),
        table(2, "dbo", "salaries", 0, None, 5, 0),
        table(3, "sales", "orders", 0, None, 40, 1),
        table(4, "sales", "recent", 1, None, 0, 1),
        table(5, "dbo", "secrets", 0, None, 1, 0),
    ];
    Answer::rows(&columns, &rows)
}

fn columns() -> Answer {
    let columns = [
        int("object_id"),
        text("name"),
        text("type"),
        ("max_length", kind::SMALL_INT.to_vec()),
        ("precision", kind::TINY_INT.to_vec()),
        ("scale", kind::TINY_INT.to_vec()),
        ("is_nullable", kind::BIT_OR_NULL.to_vec()),
        text("definition"),
        text("comment"),
        int("column_id"),
    ];
    let column = |table, nth, column, data_type, length: i16, nullable: u8, default, comment| {
        vec![
            id(table),
            name(column),
            name(data_type),
            length.to_le_bytes().to_vec(),
            vec![19],
            vec![4],
            value::short(&[nullable]),
            value::nvarchar(default),
            value::nvarchar(comment),
            id(nth),
        ]
    };
    let rows = [
        column(1, 1, "id", "int", 4, 0, None, None),
        column(
            1,
            2,
            "city",
            "nvarchar",
            40,
            1,
            Some("(N'here')"),
            Some("Where to"),
        ),
        column(2, 1, "person", "int", 4, 0, None, None),
        column(2, 2, "amount", "money", 8, 0, None, None),
        column(3, 1, "id", "bigint", 8, 0, None, None),
        column(3, 2, "person", "int", 4, 0, None, None),
        column(3, 3, "price", "decimal", 9, 0, None, None),
        column(4, 1, "shape", "geometry", -1, 1, None, None),
        column(5, 1, "code", "int", 4, 0, None, None),
    ];
    Answer::rows(&columns, &rows)
}

fn keys() -> Answer {
    let rows = [
        vec![id(1), name("id")],
        vec![id(3), name("id")],
        vec![id(3), name("person")],
    ];
    Answer::rows(&[int("object_id"), text("name")], &rows)
}

fn foreign_keys() -> Answer {
    let columns = [
        int("key"),
        int("table"),
        int("target"),
        text("column"),
        text("referenced"),
    ];
    let key = |key, table, target, column, referenced| {
        vec![
            id(key),
            id(table),
            id(target),
            name(column),
            name(referenced),
        ]
    };
    let rows = [
        key(7, 2, 1, "person", "id"),
        key(8, 3, 1, "person", "id"),
        key(8, 3, 1, "id", "city"),
        key(9, 3, 5, "id", "code"),
    ];
    Answer::rows(&columns, &rows)
}

fn described(request: &Request) -> Option<Answer> {
    let text = request.text.as_str();
    let asks = |part: &str| text.contains(part);
    if asks("CHECKSUM_AGG") {
        let row = vec![name("9:-123:7")];
        return Some(Answer::rows(&[self::text("")], &[row]));
    }
    if asks("'COLUMN') = 1") {
        let row = vec![id(2), id(1)];
        return Some(Answer::rows(&[int("object_id"), int("column_id")], &[row]));
    }
    if asks("sys.default_constraints") {
        return Some(columns());
    }
    if asks("sys.key_constraints") {
        return Some(keys());
    }
    if asks("sys.foreign_keys") {
        return Some(foreign_keys());
    }
    asks("sys.partitions").then(tables)
}

fn names(tables: &[CatalogueTable]) -> Vec<String> {
    tables.iter().map(CatalogueTable::full_name).collect()
}

#[tokio::test]
async fn tables_columns_keys_and_comments_are_read() {
    let server = StandIn::start(described).await;
    let driver = connected(&server).await;
    let before = server.heard().texts.len();
    let tables = driver.introspect().await.expect("reads").tables;
    assert!(server.heard().texts.len() - before <= 6);
    // What may not be read is not there; what may be read in part is there in part.
    assert_eq!(
        names(&tables),
        ["people", "salaries", "sales.orders", "sales.recent"]
    );
    let people = &tables[0];
    assert_eq!(people.comment.as_deref(), Some("Who buys"));
    assert_eq!(people.row_estimate, Some(12));
    assert_eq!(people.primary_key, ["id"]);
    let city = &people.columns[1];
    assert_eq!(city.data_type, "nvarchar(20)");
    assert!(city.nullable);
    assert_eq!(city.default.as_deref(), Some("(N'here')"));
    assert_eq!(city.comment.as_deref(), Some("Where to"));
    let salaries = &tables[1];
    assert_eq!(salaries.columns.len(), 1);
    assert_eq!(salaries.columns[0].name, "person");
    let orders = &tables[2];
    assert_eq!(orders.primary_key, ["id", "person"]);
    assert_eq!(orders.columns[2].data_type, "decimal(19,4)");
    assert_eq!(orders.foreign_keys.len(), 1);
    let key = &orders.foreign_keys[0];
    assert_eq!(key.columns, ["person", "id"]);
    assert_eq!(key.references_table, "people");
    assert_eq!(key.references_schema, None);
    assert_eq!(key.references_columns, ["id", "city"]);
    let recent = &tables[3];
    assert!(recent.is_view && recent.row_estimate.is_none());
    assert_eq!(recent.columns[0].data_type, "geometry");
}

#[tokio::test]
async fn the_fingerprint_is_what_the_server_counts() {
    let server = StandIn::start(described).await;
    let driver = connected(&server).await;
    let fingerprint = driver.fingerprint().await.expect("reads");
    assert_eq!(fingerprint.as_deref(), Some("9:-123:7"));
}

#[tokio::test]
async fn values_of_short_text_are_sampled() {
    let server = StandIn::start(|request: &Request| {
        if !request.text.contains("SELECT DISTINCT TOP") {
            return described(request);
        }
        assert!(request.text.contains("[dbo].[people]"), "{}", request.text);
        let columns = [int("nth"), text("v"), ("n", kind::int_or_null(8))];
        let row = |value, count: i64| vec![id(0), value, value::short(&count.to_le_bytes())];
        let rows = [
            row(name("Oslo"), 0),
            row(name("Bern"), 0),
            row(nothing(), 2),
        ];
        Some(Answer::rows(&columns, &rows))
    })
    .await;
    let driver = connected(&server).await;
    let tables = driver.introspect().await.expect("reads").tables;
    let tables = driver.sample(tables).await.expect("looks");
    let city = &tables[0].columns[1];
    assert_eq!(city.values, ["Bern", "Oslo"]);
    assert!(city.values_complete);
    assert_eq!(tables[0].row_estimate, Some(2));
    let last = server.heard().texts.last().cloned().expect("a text");
    assert!(last.contains("READ COMMITTED"), "{last}");
}

#[tokio::test]
async fn a_look_that_is_refused_leaves_the_tables_as_they_are() {
    let server = StandIn::start(|request: &Request| {
        if request.text.contains("SELECT DISTINCT TOP") {
            let words = "The SELECT permission was denied on the object 'people'.";
            return Some(Answer::failed(229, words));
        }
        described(request)
    })
    .await;
    let driver = connected(&server).await;
    let tables = driver.introspect().await.expect("reads").tables;
    let sampled = driver.sample(tables.clone()).await.expect("looks");
    assert_eq!(sampled, tables);
}
