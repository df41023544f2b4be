//! The guard's list of reads, run on both engines over the sample shop: what is allowed also works.

use std::time::Duration;

use futures::{SinkExt, StreamExt, TryStreamExt, stream};
use tidegate_schema::model::{Engine, Verdict};
use tidegate_server::{
    drivers::{self, Limits},
    guard::{GuardOptions, GuardedDatabase},
    sample,
};

use crate::{file, server::PostgresServer};

const TIMEOUT: Duration = Duration::from_secs(5);
const BOTH: &str = include_str!("../../src/guard/cases/reads_both.sql");
const SQLITE: &str = include_str!("../../src/guard/cases/reads_sqlite.sql");
const POSTGRES: &str = include_str!("../../src/guard/cases/reads_postgres.sql");
const ATTACKS: [&str; 2] = [
    include_str!("../../src/guard/cases/attacks_both.sql"),
    include_str!("../../src/guard/cases/attacks_postgres.sql"),
];

/// What each engine does not have, or has under other rules, and says so itself.
const NOT_SQLITE: &[&str] = &["SELECT * FROM (customers c JOIN"];
const NOT_POSTGRES: &[&str] = &["AS band, COUNT(*)"];

#[tokio::test(flavor = "multi_thread")]
async fn every_allowed_read_runs_on_both() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shop.db");
    sample::create(&path).expect("made");
    let shop = file(Engine::Sqlite, &path);
    let driver = drivers::connect("shop", &shop, TIMEOUT, &std::env::temp_dir())
        .await
        .expect("opens");
    let shop = GuardedDatabase::new("shop", driver);
    all_run(&shop, &[BOTH, SQLITE], NOT_SQLITE).await;
    the_catalogue_of_the_shop(&shop).await;

    let server = PostgresServer::start().await;
    copy(&path, &server).await;
    let driver = drivers::connect("shop", &server.connection(), TIMEOUT, &std::env::temp_dir())
        .await
        .expect("connects");
    let shop = GuardedDatabase::new("shop", driver.clone());
    all_run(&shop, &[BOTH, POSTGRES], NOT_POSTGRES).await;
    for sql in ATTACKS.iter().flat_map(|text| text.split("\n---\n")) {
        let refusal = shop
            .run(sql, &GuardOptions::default(), Limits::default())
            .await
            .expect_err(sql);
        assert!(!refusal.verdict.allowed, "{sql}");
    }
    let cheap = GuardedDatabase::new("shop", driver).with_max_cost(Some(50.0));
    cheap
        .run("SELECT 1", &GuardOptions::default(), Limits::default())
        .await
        .expect("costs nothing");
    let dear = "SELECT count(*) FROM orders a, orders b, orders c";
    let refusal = cheap
        .run(dear, &GuardOptions::default(), Limits::default())
        .await
        .expect_err("too dear");
    assert!(
        refusal.error.to_string().contains("expects a cost of"),
        "{}",
        refusal.error
    );
    assert!(refusal.verdict.plan.is_some());
}

async fn all_run(shop: &GuardedDatabase, files: &[&str], skipped: &[&str]) {
    let mut failed = Vec::new();
    for sql in files.iter().flat_map(|text| text.split("\n---\n")) {
        if skipped.iter().any(|part| sql.contains(part)) {
            continue;
        }
        let limits = Limits {
            rows: 50,
            ..Limits::default()
        };
        match shop.run(sql, &GuardOptions::default(), limits).await {
            Ok((Verdict { allowed: true, .. }, rows)) if !rows.columns.is_empty() => {}
            Ok((verdict, rows)) => {
                failed.push(format!("{sql}\n    {verdict:?} {:?}", rows.columns));
            }
            Err(refusal) => failed.push(format!("{sql}\n    {}", refusal.error)),
        }
    }
    assert!(
        failed.is_empty(),
        "{:?}: {}",
        shop.engine(),
        failed.join("\n")
    );
}

async fn the_catalogue_of_the_shop(shop: &GuardedDatabase) {
    // Sampling ends at its time budget; on a busy machine one look may not get through every column.
    let mut tables = shop
        .sample(shop.introspect().await.expect("reads").tables)
        .await
        .expect("looks");
    for _ in 0..50 {
        let unsampled = |table: usize, column: &str| {
            let found = tables[table].columns.iter().find(|one| one.name == column);
            found.is_none_or(|column| column.values.is_empty())
        };
        let wanted = [
            (0, "country"),
            (0, "segment"),
            (2, "status"),
            (3, "category"),
            (3, "name"),
        ];
        if !wanted
            .into_iter()
            .any(|(table, column)| unsampled(table, column))
        {
            break;
        }
        tables = shop
            .sample(shop.introspect().await.expect("reads").tables)
            .await
            .expect("looks");
    }
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["customers", "order_items", "orders", "products"]);
    let values = |table: usize, column: &str| {
        let column = tables[table]
            .columns
            .iter()
            .find(|one| one.name == column)
            .expect("a column");
        (column.values.len(), column.values_complete)
    };
    assert_eq!(values(0, "country"), (8, true));
    assert_eq!(values(0, "segment"), (3, true));
    assert!(
        !values(0, "name").1,
        "four thousand names are too many to keep"
    );
    assert_eq!(values(3, "category"), (8, true));
    assert_eq!(values(3, "name"), (240, true));
    assert_eq!(values(2, "status").0, 5);
    assert_eq!(tables[1].foreign_keys.len(), 2);
}

/// The shop's first three thousand orders, on PostgreSQL.
async fn copy(path: &std::path::Path, server: &PostgresServer) {
    let owner = server.owner().await;
    let tables = "
        CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text NOT NULL, city text NOT NULL,
            country text NOT NULL, segment text NOT NULL, signup_date date NOT NULL);
        CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, category text NOT NULL, brand text NOT NULL,
            price float8 NOT NULL, stock int NOT NULL, discontinued boolean NOT NULL, launched_on date NOT NULL);
        CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, order_date date NOT NULL,
            status text NOT NULL, payment_method text NOT NULL, total_amount float8 NOT NULL, shipped_date date);
        CREATE TABLE order_items (id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders,
            product_id int NOT NULL REFERENCES products, quantity int NOT NULL, unit_price float8 NOT NULL);";
    owner.batch_execute(tables).await.expect("made");
    let file = rusqlite::Connection::open(path).expect("opens");
    for (table, of) in [
        ("customers", ""),
        ("products", ""),
        ("orders", "WHERE id <= 3000"),
        ("order_items", "WHERE order_id <= 3000"),
    ] {
        let lines = lines(&file, &format!("SELECT * FROM {table} {of}"));
        let sink = owner
            .copy_in(&format!("COPY {table} FROM STDIN"))
            .await
            .expect("copies");
        let mut sink = Box::pin(sink);
        let mut lines = stream::iter(lines).map(Ok);
        sink.send_all(&mut lines).await.expect("sends");
        sink.close().await.expect("ends");
    }
    owner.batch_execute("ANALYZE").await.expect("analyses");
    let count = owner
        .query_raw::<_, i32, _>("SELECT id FROM orders", [])
        .await
        .expect("reads");
    assert_eq!(
        count.try_collect::<Vec<_>>().await.expect("reads").len(),
        3_000
    );
}

fn lines(file: &rusqlite::Connection, sql: &str) -> Vec<bytes::Bytes> {
    let mut statement = file.prepare(sql).expect("prepares");
    let width = statement.column_count();
    let line = |row: &rusqlite::Row<'_>| {
        let cells = (0..width).map(|at| {
            Ok(match row.get_ref(at)? {
                rusqlite::types::ValueRef::Null => "\\N".to_owned(),
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                rusqlite::types::ValueRef::Real(number) => number.to_string(),
                rusqlite::types::ValueRef::Text(text) | rusqlite::types::ValueRef::Blob(text) => {
                    String::from_utf8_lossy(text).into_owned()
                }
            })
        });
        Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join("\t") + "\n")
    };
    let lines = statement.query_map([], line).expect("reads");
    lines.map(|line| line.expect("reads").into()).collect()
}
