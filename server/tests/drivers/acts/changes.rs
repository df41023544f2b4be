//! The writable path of the driver, past the guard.

use std::time::{Duration, Instant};

use tidegate_schema::{Error, model::Engine};

use crate::{
    bed::{Bed, endless, within},
    cases::{CASES, Faults},
};

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn changes_are_kept_whole_or_not_at_all(engine: Engine) {
    let bed = Bed::of(engine).await;
    let mut faults = Faults::default();
    for case in CASES.write.iter().filter(|case| case.is_on(engine)) {
        let changed = bed.driver().write(&case.sql, PATIENCE).await;
        match (case.rows, changed) {
            (Some(expected), Ok(rows)) => faults.same(&case.sql, &expected, &rows),
            (None, Err(error)) if !matches!(error, Error::Internal { .. }) => {}
            (_, changed) => faults.add(format!("{}: {changed:?}", case.sql)),
        }
        let (query, cell) = &case.check;
        faults.same(&case.sql, cell, &bed.one(query).await);
    }
    // Reading sessions stay what they were.
    let deleted = bed
        .driver()
        .run("DELETE FROM digits", within(PATIENCE))
        .await;
    if deleted.is_ok() {
        faults.add("a reading session may write after a change".to_owned());
    }
    faults.none();
    bed.answers().await;
}

pub(crate) async fn a_change_that_takes_too_long_is_taken_back(engine: Engine) {
    let bed = Bed::of(engine).await;
    let before = bed
        .one("SELECT count(*) FROM people WHERE note = 'late'")
        .await;
    let sql = format!(
        "UPDATE people SET note = 'late' WHERE id < ({})",
        endless("late")
    );
    let time = Duration::from_millis(500);
    let started = Instant::now();
    let error = bed
        .driver()
        .write(&sql, time)
        .await
        .expect_err("takes too long");
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    let took = started.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    let after = bed
        .one("SELECT count(*) FROM people WHERE note = 'late'")
        .await;
    assert_eq!(after, before);
    // Nothing is left locked.
    let rows = bed
        .driver()
        .write("UPDATE people SET note = 'in time' WHERE id = 2", PATIENCE)
        .await;
    assert_eq!(rows.expect("is free"), 1);
}
