//! The PostgreSQL driver: types, errors, limits, cancelling, broken connections, introspection.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt;
use secrecy::SecretString;
use tidegate_schema::{
    Error,
    model::{Cell, CellKind},
};
use tidegate_server::{
    drivers::{Batch, Driver, Limits, postgres::Postgres},
    guard::{GuardOptions, GuardedDatabase},
};

use crate::server::{PASSWORD, PostgresServer};

const TIMEOUT: Duration = Duration::from_secs(5);

fn within(rows: usize, time_ms: u64) -> Limits {
    Limits {
        rows,
        bytes: 1 << 20,
        time: Duration::from_millis(time_ms),
    }
}

async fn connected(server: &PostgresServer) -> Postgres {
    Postgres::connect("shop", &server.connection(), TIMEOUT)
        .await
        .expect("connects")
}

/// One server for all that can share one: starting takes longer than all of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_driver_of_a_real_server() {
    let server = PostgresServer::start().await;
    let owner = server.owner().await;
    owner
        .batch_execute(include_str!("postgres.sql"))
        .await
        .expect("made");
    let driver = connected(&server).await;
    types(&driver).await;
    columns_without_rows(&driver).await;
    words_of_the_server(&driver).await;
    the_session_alone_writes_nothing(&driver, &owner).await;
    caps(&driver).await;
    large_rows_stay_at_the_server(&driver).await;
    wrapped_queries_answer_as_they_are(&driver).await;
    comments_and_semicolons(&driver).await;
    fields_that_call(&server, &owner).await;
    time_runs_out(&driver).await;
    dropping_cancels(&driver, &owner).await;
    broken_connections_are_replaced(&driver, &server).await;
    catalogue(&driver).await;
    many_at_once(&driver).await;
    wrong_ways_in(&server).await;
}

async fn types(driver: &Postgres) {
    let set = driver
        .run("SELECT * FROM kinds ORDER BY id", Limits::default())
        .await
        .expect("runs");
    let row = |at: usize| -> Vec<String> {
        set.rows[at]
            .iter()
            .map(|cell| cell.to_text().unwrap_or_else(|| "NULL".into()))
            .collect()
    };
    assert_eq!(
        row(0),
        [
            "1",
            "9223372036854775807",
            "123456789012345678901234567890.123400",
            "0.1",
            "true",
            "Åse",
            "sad",
            "2024-02-29",
            "12:34:56.789",
            "2024-02-29T12:00:00",
            "2024-02-29T10:30:00+00:00",
            "P1Y2M3DT4H5M6S",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "0x00ff",
            "{\"a\":[1,2]}",
            "{1,2,NULL}",
            "[1,5)",
            "10.0.0.0/8",
            "(1,2)",
            "$1.50",
            "7",
            "(3,x)",
            "'fat' 'rat'"
        ]
    );
    assert!(row(1)[1..].iter().all(|cell| cell == "NULL"));
    assert_eq!(row(2)[2], "NaN");
    assert_eq!(set.rows[2][7], Cell::Text("infinity".into()));
    let kinds: Vec<CellKind> = set.columns.iter().map(|column| column.kind).collect();
    use CellKind::{Bool, Bytes, Date, Decimal, Float, Int, Json, Text, Time, Timestamp};
    assert_eq!(
        kinds,
        [
            Int, Int, Decimal, Float, Bool, Text, Text, Date, Time, Timestamp, Timestamp, Text,
            Text, Bytes, Json, Text, Text, Text, Text, Text, Int, Text, Text
        ]
    );
}

async fn columns_without_rows(driver: &Postgres) {
    let set = driver
        .run(
            "SELECT id, num AS n, mood FROM kinds WHERE false",
            Limits::default(),
        )
        .await
        .expect("runs");
    let read: Vec<_> = set
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.data_type.as_str()))
        .collect();
    assert_eq!(read, [("id", "int4"), ("n", "numeric"), ("mood", "mood")]);
    assert!(set.rows.is_empty());
}

async fn words_of_the_server(driver: &Postgres) {
    for (sql, part) in [
        (
            "SELECT nme FROM people",
            "column \"nme\" does not exist (at character 8)",
        ),
        (
            "SELECT * FROM persons",
            "relation \"persons\" does not exist",
        ),
        (
            "SELEC 1",
            "syntax error at or near \"SELEC\" (at character 1)",
        ),
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("SELECT 1/0", "division by zero"),
    ] {
        let error = driver.run(sql, Limits::default()).await.expect_err(sql);
        assert!(
            matches!(&error, Error::Upstream { provider, .. } if provider == "shop"),
            "{error:?}"
        );
        assert!(error.to_string().contains(part), "{error}");
    }
    let plan = driver
        .dry_run("SELECT * FROM people WHERE id = 1 -- why")
        .await
        .expect("plans");
    assert!(plan.contains("cost="), "{plan}");
    assert_eq!(
        driver
            .dry_run("SHOW server_version")
            .await
            .expect("needs no plan"),
        ""
    );
    driver
        .dry_run("SELECT nme FROM people")
        .await
        .expect_err("fails as running would");
}

async fn the_session_alone_writes_nothing(driver: &Postgres, owner: &tokio_postgres::Client) {
    for sql in [
        "DELETE FROM people",
        "DELETE FROM people RETURNING id",
        "WITH gone AS (DELETE FROM people RETURNING id) SELECT * FROM gone",
        "CREATE TABLE t (a int)",
        "DROP TABLE people",
        "SELECT nextval('numbers')",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SELECT set_config('default_transaction_read_only', 'off', false)",
        "COMMIT",
        "ROLLBACK",
        "SET default_transaction_read_only = off",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "EXPLAIN ANALYZE DELETE FROM people",
        "SELECT wipe()",
        "COPY people TO STDOUT",
        "DELETE FROM people RETURNING id",
        "SELECT wipe()",
    ] {
        // Setting what is rolled back right after is allowed to succeed; changing a row is not.
        let _ = driver.run(sql, Limits::default()).await;
    }
    let left: i64 = owner
        .query_one("SELECT count(*) FROM people", &[])
        .await
        .expect("counts")
        .get(0);
    assert_eq!(left, 3, "rows are gone");
    let next: i64 = owner
        .query_one("SELECT last_value FROM numbers", &[])
        .await
        .expect("reads")
        .get(0);
    assert_eq!(next, 1, "the sequence moved");
    let off = driver
        .run("SHOW default_transaction_read_only", Limits::default())
        .await
        .expect("shows");
    assert_eq!(
        off.rows[0][0],
        Cell::Text("on".into()),
        "the session was opened up"
    );
}

async fn caps(driver: &Postgres) {
    let sql = "SELECT i FROM generate_series(1, 1000) i";
    let set = driver.run(sql, within(300, 5_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (300, Some(300)));
    let set = driver.run(sql, within(1_000, 5_000)).await.expect("runs");
    assert_eq!(
        (set.rows.len(), set.cut_at),
        (1_000, None),
        "exactly as many as allowed is not cut"
    );
    let long = "SELECT repeat('x', 10000) FROM generate_series(1, 1000)";
    let set = driver.run(long, within(1_000, 5_000)).await.expect("runs");
    assert!(
        (90..110).contains(&set.rows.len()),
        "{} rows",
        set.rows.len()
    );
    assert_eq!(set.cut_at, Some(set.rows.len()));
}

async fn large_rows_stay_at_the_server(driver: &Postgres) {
    // Several megabytes each, cut at one.
    for cell in [
        "repeat(repeat('x', 10000), 10000)",
        "repeat(repeat('x', 10000), 1000)::bytea",
        "string_to_array(repeat(repeat('x,', 10000), 250), ',')",
        "(SELECT json_agg(i) FROM generate_series(1, 1000000) i)",
        "ROW(1, repeat(repeat('x', 10000), 1000))",
    ] {
        let sql = format!("SELECT i, CASE i WHEN 3 THEN {cell} END FROM generate_series(1, 9) i");
        let set = driver.run(&sql, within(100, 60_000)).await.expect(cell);
        assert_eq!((set.rows.len(), set.cut_at), (2, Some(2)), "{cell}");
    }
    let many = vec!["repeat(repeat('x', 10000), 100)"; 50].join(", ");
    let sql = format!("SELECT {many}");
    let set = driver.run(&sql, within(100, 60_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (0, Some(0)));
    let just = "SELECT repeat(repeat('x', 1000), 1000)";
    let set = driver.run(just, within(100, 60_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (1, None));
    let long = "SELECT json_agg(i) FROM generate_series(1, 300000) i";
    let set = driver.run(long, Limits::default()).await.expect("runs");
    assert!(
        matches!(&set.rows[0][0], Cell::Text(text) if text.len() > 1 << 20),
        "a long document stays text"
    );
}

async fn wrapped_queries_answer_as_they_are(driver: &Postgres) {
    let sql = "SELECT 'a '::char(4), ROW(NULL, NULL), NULL::text, ''::text, '<?xml version=\"1.0\"?><a/>'::xml,
            ARRAY['a', NULL, 'b c'], B'101', '(1,2),(0,0)'::box, 1.50::numeric, '{\"a\":  1}'::json, 7 AS \"select\"
        -- the last line";
    let set = driver.run(sql, Limits::default()).await.expect("runs");
    let read: Vec<Option<String>> = set.rows[0].iter().map(Cell::to_text).collect();
    let read: Vec<&str> = read
        .iter()
        .map(|cell| cell.as_deref().unwrap_or("NULL"))
        .collect();
    assert_eq!(
        read,
        [
            "a   ",
            "(,)",
            "NULL",
            "",
            "<a/>",
            "{a,NULL,\"b c\"}",
            "101",
            "(1,2),(0,0)",
            "1.50",
            "{\"a\":1}",
            "7"
        ]
    );
    assert_eq!(set.columns[10].name, "select");
    let sql = "SELECT name, born FROM people ORDER BY name COLLATE \"C\" DESC NULLS LAST LIMIT 3";
    let set = driver.run(sql, Limits::default()).await.expect("runs");
    let names: Vec<String> = set.rows.iter().filter_map(|row| row[0].to_text()).collect();
    assert_eq!(names, ["Åse", "Cy", "Bo"]);
    for sql in [
        "TABLE people",
        "VALUES (1, 'a'), (2, 'b')",
        "((SELECT 'a'))",
        "WITH x AS (SELECT 'a' AS a) SELECT a, a FROM x",
        "SELECT unnest(ARRAY['a', 'b']), random()",
        "SELECT p FROM people p",
    ] {
        let set = driver.run(sql, Limits::default()).await.expect(sql);
        assert!(!set.rows.is_empty(), "{sql}");
    }
}

async fn comments_and_semicolons(driver: &Postgres) {
    for sql in [
        "/* which? */ SHOW server_version;",
        "-- how?\nEXPLAIN SELECT 1 -- so",
        "SELECT name FROM people; -- all",
        " ;; SELECT ';' FROM people ;",
    ] {
        driver.dry_run(sql).await.expect(sql);
        let set = driver.run(sql, Limits::default()).await.expect(sql);
        assert!(!set.rows.is_empty(), "{sql}");
    }
}

/// `people.wipe_it` calls `wipe_it(people)` where people has no such column.
async fn fields_that_call(server: &PostgresServer, owner: &tokio_postgres::Client) {
    let functions = "
        CREATE FUNCTION wipe_it(people) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
            $$ BEGIN RAISE EXCEPTION 'called'; END $$;
        CREATE FUNCTION name(people) RETURNS text LANGUAGE sql AS $$ SELECT 'called' $$;
        CREATE FUNCTION \"Odd one\"(people, int DEFAULT 1) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;";
    owner.batch_execute(functions).await.expect("made");
    let driver = Arc::new(connected(server).await);
    let shop = GuardedDatabase::new("shop", driver);
    for (sql, allowed) in [
        ("SELECT people.wipe_it FROM people", false),
        ("SELECT p.WIPE_IT FROM public.people AS p", false),
        ("SELECT (p).wipe_it FROM people p", false),
        ("SELECT p.\"Odd one\" FROM people p", false),
        ("SELECT 1 FROM people p ORDER BY p.wipe_it", false),
        ("SELECT p.name, (p).name FROM people p", true),
        ("SELECT p.id FROM \"people\" p", true),
        (
            "SELECT x.total FROM (SELECT count(*) AS total FROM people) x",
            true,
        ),
    ] {
        let ran = shop
            .run(sql, &GuardOptions::default(), Limits::default())
            .await;
        match ran {
            Ok(_) => assert!(allowed, "{sql}"),
            Err(refusal) => {
                assert!(
                    !allowed && !refusal.verdict.allowed,
                    "{sql}: {}",
                    refusal.error
                );
                assert!(
                    refusal.error.to_string().contains("column of no table"),
                    "{}",
                    refusal.error
                );
            }
        }
    }
    owner
        .batch_execute("DROP FUNCTION wipe_it(people), name(people), \"Odd one\"(people, int)")
        .await
        .expect("removed");
}

async fn time_runs_out(driver: &Postgres) {
    let started = Instant::now();
    let error = driver
        .run("SELECT pg_sleep(60)", within(10, 100))
        .await
        .expect_err("stopped");
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    driver
        .run("SELECT 1", within(10, 1_000))
        .await
        .expect("still works");
}

async fn dropping_cancels(driver: &Postgres, owner: &tokio_postgres::Client) {
    // In the select list, where rows come one by one: in FROM the server would make them all first.
    let sql = "SELECT generate_series(1, 1000000000)";
    for _ in 0..10 {
        let mut stream = driver
            .stream(sql, within(usize::MAX, 60_000))
            .await
            .expect("begins");
        assert!(
            matches!(stream.batches.next().await, Some(Ok(Batch::Rows(rows))) if rows.len() == 1)
        );
        drop(stream);
        drop(
            driver
                .stream("SELECT pg_sleep(60)", within(10, 60_000))
                .await
                .expect("begins"),
        );
    }
    let running = "SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'tidegate' AND state = 'active' AND query NOT LIKE 'SELECT 1%'";
    for attempt in 0.. {
        let left: i64 = owner.query_one(running, &[]).await.expect("counts").get(0);
        if left == 0 {
            break;
        }
        assert!(attempt < 100, "{left} queries still run");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    driver
        .run("SELECT 1", within(10, 5_000))
        .await
        .expect("a connection is free");
}

async fn broken_connections_are_replaced(driver: &Postgres, server: &PostgresServer) {
    driver
        .run("SELECT 1", within(10, 1_000))
        .await
        .expect("works");
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tidegate'";
    server
        .admin("postgres")
        .await
        .execute(kill, &[])
        .await
        .expect("kills");
    for attempt in 0.. {
        // The news may take a moment to arrive; the first to notice may fail, nobody after.
        match driver.run("SELECT 1", within(10, 1_000)).await {
            Ok(_) => break,
            Err(error) => assert!(attempt < 20, "{error}"),
        }
    }
}

async fn catalogue(driver: &Postgres) {
    let tables = driver.introspect().await.expect("reads").tables;
    let names: Vec<String> = tables
        .iter()
        .map(|table| {
            table
                .schema
                .iter()
                .chain([&table.name])
                .cloned()
                .collect::<Vec<_>>()
                .join(".")
        })
        .collect();
    assert_eq!(
        names,
        [
            "elders",
            "kinds",
            "moods",
            "parts",
            "people",
            "sales.invoices"
        ]
    );
    let table = |name: &str| tables.iter().find(|table| table.name == name).expect(name);
    let people = table("people");
    assert_eq!(people.comment.as_deref(), Some("Everybody we know"));
    assert_eq!(people.primary_key, ["id"]);
    assert_eq!(people.row_estimate, Some(3));
    let column = |name: &str| {
        people
            .columns
            .iter()
            .find(|column| column.name == name)
            .expect(name)
    };
    assert_eq!(
        column("name").comment.as_deref(),
        Some("As they like to be called")
    );
    assert_eq!(column("name").data_type, "character varying(40)");
    assert!(!column("name").nullable);
    assert_eq!(
        column("name").default.as_deref(),
        Some("'nobody'::character varying")
    );
    assert_eq!(column("name").values, ["Bo", "Cy", "Åse"]);
    assert!(column("name").values_complete);
    assert!(
        !column("story").values_complete && column("story").values.is_empty(),
        "prose is not kept"
    );
    assert_eq!(column("feels").values, ["sad", "ok", "happy"]);
    assert!(column("feels").values_complete);
    let invoices = table("invoices");
    let key = &invoices.foreign_keys[0];
    assert_eq!(
        (
            key.references_schema.as_deref(),
            key.references_table.as_str()
        ),
        (None, "people")
    );
    assert_eq!(
        (key.columns.as_slice(), key.references_columns.as_slice()),
        (
            ["person".to_owned()].as_slice(),
            ["id".to_owned()].as_slice()
        )
    );
    assert!(table("elders").is_view && table("moods").is_view);
    assert_eq!(
        table("parts").columns.len(),
        2,
        "a partitioned table stands for its parts"
    );
}

async fn many_at_once(driver: &Postgres) {
    let runs = (0..40).map(|n| driver.run("SELECT pg_sleep(0.02), 1", within(10, 10_000 + n)));
    for set in futures::future::join_all(runs).await {
        assert_eq!(set.expect("waits its turn").rows.len(), 1);
    }
}

async fn wrong_ways_in(server: &PostgresServer) {
    let mut wrong = server.connection();
    wrong.password = SecretString::from("wrong-password-of-the-test");
    let error = Postgres::connect("shop", &wrong, TIMEOUT)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("password authentication failed"), "{error}");
    assert!(
        !error.contains("wrong-password") && !error.contains(PASSWORD),
        "{error}"
    );
    let mut wrong = server.connection();
    wrong.database = "nowhere".into();
    let error = Postgres::connect("shop", &wrong, TIMEOUT)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("\"nowhere\" does not exist"), "{error}");
    let mut wrong = server.connection();
    wrong.port = 1;
    let error = Postgres::connect("shop", &wrong, TIMEOUT)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("refused"), "{error}");
    let mut wrong = server.connection();
    wrong.password = SecretString::from("${env:NO_SUCH_TEST_PASSWORD}");
    let error = Postgres::connect("shop", &wrong, TIMEOUT)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("NO_SUCH_TEST_PASSWORD"), "{error}");
    wrong.password = SecretString::from("${env:HOME}");
    let error = Postgres::connect("shop", &wrong, TIMEOUT)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("ends in PASSWORD"), "{error}");
    let mut right = server.connection();
    right.password = SecretString::from(format!("${{env:NO_SUCH_TEST_PASSWORD:-{PASSWORD}}}"));
    Postgres::connect("shop", &right, TIMEOUT)
        .await
        .map(drop)
        .expect("the default is the password");
    // A server that accepts and says nothing.
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a port");
    let mut wrong = server.connection();
    wrong.port = silent.local_addr().expect("an address").port();
    let started = Instant::now();
    let error = Postgres::connect("shop", &wrong, Duration::from_millis(300))
        .await
        .err()
        .expect("gives up");
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(3));
}
