//! The sample is the same everywhere and believable.

use std::collections::HashSet;

use super::*;

fn made() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data").join("shop.db");
    create(&path).expect("made");
    let connection = Connection::open(path).expect("opens");
    (folder, connection)
}

fn number(connection: &Connection, sql: &str) -> f64 {
    connection
        .query_row(sql, [], |row| row.get::<_, f64>(0))
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Rows of a question's SQL as text, for counting and comparing.
fn rows(connection: &Connection, sql: &str) -> Vec<Vec<String>> {
    let mut statement = connection
        .prepare(sql)
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    let width = statement.column_count();
    let read = |row: &rusqlite::Row<'_>| {
        (0..width)
            .map(|at| row.get_ref(at).map(|value| format!("{value:?}")))
            .collect::<Result<_, _>>()
    };
    let rows: Result<_, _> = statement.query_map([], read).expect("runs").collect();
    rows.expect("reads")
}

#[test]
fn the_shop_has_its_size_and_its_sums() {
    let (_folder, shop) = made();
    assert_eq!(number(&shop, "SELECT COUNT(*) FROM customers"), 4_000.0);
    assert_eq!(number(&shop, "SELECT COUNT(*) FROM products"), 240.0);
    assert_eq!(number(&shop, "SELECT COUNT(*) FROM orders"), 50_000.0);
    let items = number(&shop, "SELECT COUNT(*) FROM order_items");
    assert!((120_000.0..130_000.0).contains(&items), "{items}");
    for (unique, of) in [
        ("name", "customers"),
        ("email", "customers"),
        ("name", "products"),
    ] {
        let doubled = format!("SELECT COUNT(*) - COUNT(DISTINCT {unique}) FROM {of}");
        assert_eq!(number(&shop, &doubled), 0.0, "{unique} of {of}");
    }
    let wrong = "SELECT COUNT(*) FROM orders o WHERE ABS(total_amount - (
        SELECT SUM(quantity * unit_price) FROM order_items WHERE order_id = o.id)) > 0.001";
    assert_eq!(number(&shop, wrong), 0.0);
    assert_eq!(
        number(&shop, "SELECT COUNT(*) FROM pragma_foreign_key_check"),
        0.0
    );
    assert_eq!(
        number(
            &shop,
            "SELECT COUNT(*) FROM orders WHERE order_date NOT BETWEEN '2021-01-01' AND '2025-12-31'"
        ),
        0.0
    );
    let early = "SELECT COUNT(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.order_date < c.signup_date";
    assert_eq!(number(&shop, early), 0.0);
}

#[test]
fn the_rows_look_like_a_shop() {
    let (_folder, shop) = made();
    let in_year = |year: i32| {
        number(
            &shop,
            &format!("SELECT COUNT(*) FROM orders WHERE order_date LIKE '{year}-%'"),
        )
    };
    assert!(
        (2021..2025).all(|year| in_year(year) < in_year(year + 1)),
        "the shop grows"
    );
    let in_month = |month: &str| {
        number(
            &shop,
            &format!("SELECT COUNT(*) FROM orders WHERE order_date LIKE '2024-{month}-%'"),
        )
    };
    assert!(in_month("12") > 1.4 * in_month("02"), "Christmas shows");
    let top = number(
        &shop,
        "SELECT SUM(n) FROM (SELECT COUNT(*) n FROM orders GROUP BY customer_id ORDER BY n DESC LIMIT 400)",
    );
    assert!(
        (0.2..0.6).contains(&(top / 50_000.0)),
        "a tenth of the customers makes {top} orders"
    );
    let average = number(&shop, "SELECT AVG(total_amount) FROM orders");
    assert!((80.0..400.0).contains(&average), "{average}");
}

#[test]
fn the_same_bytes_every_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let read = |name: &str| {
        let path = folder.path().join(name);
        create(&path).expect("made");
        std::fs::read(path).expect("readable")
    };
    assert!(read("one.db") == read("two.db"), "two files differ");
    let left: HashSet<String> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(
        left,
        HashSet::from(["one.db".into(), "two.db".into()]),
        "nothing else is left behind"
    );
}

#[test]
fn making_it_again_replaces_a_broken_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shop.db");
    std::fs::write(&path, b"not a database").expect("written");
    create(&path).expect("made");
    let shop = Connection::open(path).expect("opens");
    assert_eq!(number(&shop, "SELECT COUNT(*) FROM orders"), 50_000.0);
}

/// The question table over the shop: rows where rows are asked for, and no tie where order decides.
#[test]
fn every_question_about_the_shop_has_an_answer() {
    let (_folder, shop) = made();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ask/questions.toml");
    let text = std::fs::read_to_string(path).expect("the question table");
    let table: toml::Table = text.parse().expect("TOML");
    let questions = table["question"].as_array().expect("questions");
    let mut seen = 0;
    for question in questions
        .iter()
        .filter(|question| question["database"].as_str() == Some("shop"))
    {
        let id = question["id"].as_str().expect("an id");
        let sql = question["sql"].as_str().expect("SQL");
        let found = rows(&shop, sql);
        assert!(!found.is_empty(), "{id} has no rows: {sql}");
        assert!(
            found.iter().flatten().all(|cell| cell != "Null"),
            "{id} answers NULL: {sql}"
        );
        if question["ordered"].as_bool() == Some(true) {
            no_tie(&shop, id, sql, found.len());
        }
        seen += 1;
    }
    assert!(seen >= 46, "{seen} questions");
    let whole = |sql: &str| number(&shop, sql);
    assert!(whole("SELECT COUNT(DISTINCT customer_id) FROM orders") < 4_000.0);
    let big = rows(
        &shop,
        "SELECT customer_id FROM orders GROUP BY customer_id HAVING SUM(total_amount) > 5000",
    )
    .len();
    assert!(
        (50..2_000).contains(&big),
        "{big} customers spent more than 5000"
    );
    let cities = rows(
        &shop,
        "SELECT c.city FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY c.city HAVING COUNT(*) > 2000",
    );
    assert!((3..20).contains(&cities.len()), "{cities:?}");
}

/// Adds the order's own expressions to the result and looks for two equal ones, one row past the limit too.
fn no_tie(shop: &Connection, id: &str, sql: &str, count: usize) {
    let (body, tail) = sql
        .rsplit_once(" ORDER BY ")
        .unwrap_or_else(|| panic!("{id} has no order"));
    let (order, limit) = tail.split_once(" LIMIT ").unwrap_or((tail, "1000000"));
    let limit: usize = limit.parse().expect("a number");
    let key = order.replace(" DESC", "").replace(" ASC", "");
    let (select, from) = body.split_once(" FROM ").expect("a FROM");
    let wider = format!(
        "{select}, {key} FROM {from} ORDER BY {order} LIMIT {}",
        limit + 1
    );
    let found = rows(shop, &wider);
    assert!(found.len() >= count);
    let keys: Vec<&String> = found.iter().filter_map(|row| row.last()).collect();
    for pair in keys.windows(2) {
        assert_ne!(pair[0], pair[1], "{id} has a tie: {wider}");
    }
}
