//! The PostgreSQL driver: types, errors, limits, cancelling, broken connections, introspection.

mod answers;
mod connections;
mod limits;

use std::{sync::Arc, time::Duration};

use tidegate_schema::model::Cell;
use tidegate_server::{
    drivers::{Driver, Limits, postgres::Postgres},
    guard::{GuardOptions, GuardedDatabase},
};

use crate::server::PostgresServer;

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
    answers::types(&driver).await;
    answers::columns_without_rows(&driver).await;
    answers::words_of_the_server(&driver).await;
    the_session_alone_writes_nothing(&driver, &owner).await;
    limits::caps(&driver).await;
    limits::large_rows_stay_at_the_server(&driver).await;
    answers::wrapped_queries_answer_as_they_are(&driver).await;
    answers::comments_and_semicolons(&driver).await;
    fields_that_call(&server, &owner).await;
    limits::time_runs_out(&driver).await;
    limits::dropping_cancels(&driver, &owner).await;
    connections::broken_connections_are_replaced(&driver, &server).await;
    answers::catalogue(&driver).await;
    connections::many_at_once(&driver).await;
    connections::wrong_ways_in(&server).await;
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
