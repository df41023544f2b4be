//! More than anybody should send: an answer or an error, in bounded time, and the driver lives on.

use std::time::{Duration, Instant};

use tidegate_schema::{Error, model::Engine};
use tidegate_server::{drivers::Limits, guard::GuardOptions};

use crate::{bed::Bed, cases::CASES};

/// In an unoptimised build on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) async fn the_widest_table_is_read(engine: Engine) {
    let count = CASES.widest[engine.name()];
    let columns: Vec<String> = (0..count).map(|nth| format!("c{nth} INTEGER")).collect();
    let values = vec!["7"; count].join(", ");
    let sql = format!(
        "CREATE TABLE wide ({}); INSERT INTO wide VALUES ({values});",
        columns.join(", ")
    );
    let bed = Bed::with(engine, &sql).await;
    let tables = bed.driver().introspect().await.expect("reads").tables;
    let wide = tables.iter().find(|table| table.name == "wide");
    let names = &wide.expect("listed").columns;
    let last = format!("c{}", count - 1);
    assert_eq!((names.len(), &names[count - 1].name), (count, &last));
    let set = bed
        .driver()
        .run("SELECT * FROM wide", Limits::default())
        .await
        .expect("runs");
    assert_eq!((set.columns.len(), set.rows[0].len()), (count, count));
}

pub(crate) async fn ten_thousand_columns_are_survived(engine: Engine) {
    let bed = Bed::of(engine).await;
    let sql = format!("SELECT {} FROM doomed", vec!["a"; 10_000].join(", "));
    let started = Instant::now();
    let ran = bed.driver().run(&sql, Limits::default()).await;
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    match ran {
        Ok(set) => assert_eq!(set.columns.len(), 10_000),
        Err(error) => assert!(!matches!(error, Error::Internal { .. }), "{error:?}"),
    }
    bed.answers().await;
}

pub(crate) async fn fifty_megabytes_of_sql_are_survived(engine: Engine) {
    let bed = Bed::of(engine).await;
    let sql = format!("SELECT '{}' AS a", "x".repeat(50_000_000));
    let limits = Limits {
        time: PATIENCE,
        ..Limits::default()
    };
    let started = Instant::now();
    let refusal = bed
        .guarded()
        .run(&sql, &GuardOptions::default(), limits)
        .await
        .expect_err("too long");
    assert!(
        matches!(&refusal.error, Error::Forbidden { reason } if reason.contains("bytes")),
        "{}",
        refusal.error
    );
    assert!(refusal.error.to_string().len() < 1_000);
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    // Past the guard it may even run; nothing breaks and nothing is said in fifty megabytes.
    let started = Instant::now();
    match bed.driver().run(&sql, limits).await {
        Ok(set) => assert_eq!((set.rows.len(), set.cut_at), (0, Some(0))),
        Err(error) => {
            let text = error.to_string();
            assert!(
                !matches!(error, Error::Internal { .. }) && text.len() < 10_000,
                "{} bytes: {}",
                text.len(),
                text.chars().take(300).collect::<String>()
            );
        }
    }
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    bed.answers().await;
}
