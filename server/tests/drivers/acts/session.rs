//! The session alone: statements handed to the driver past the guard.

use tidegate_schema::{Error, model::Engine};
use tidegate_server::drivers::Limits;

use crate::{
    bed::Bed,
    cases::{CASES, Faults},
};

/// Each is an error, and after each the database is what it was.
pub(crate) async fn writes_are_refused_when_nobody_judges(engine: Engine) {
    let bed = Bed::of(engine).await;
    let before = bed.ground().state().await;
    let mut faults = Faults::default();
    let refused: Vec<&str> = CASES.refused(engine).collect();
    // Twice: what one statement might set must not let the next one through.
    for sql in refused.iter().chain(&refused) {
        match bed.driver().run(sql, Limits::default()).await {
            Ok(set) => faults.add(format!("{sql:?} answered {:?}", set.rows)),
            Err(error @ Error::Internal { .. }) => {
                faults.add(format!("{sql:?}: {}", error.log_chain()));
            }
            Err(_) => {}
        }
        faults.same(sql, &before, &bed.ground().state().await);
    }
    for sql in &CASES.unharmed[engine.name()] {
        drop(bed.driver().run(sql, Limits::default()).await);
        for write in ["DELETE FROM people RETURNING id", "SELECT touch()"] {
            if bed.driver().run(write, Limits::default()).await.is_ok() {
                faults.add(format!("{sql:?} let {write:?} through"));
            }
        }
        faults.same(sql, &before, &bed.ground().state().await);
    }
    faults.none();
    bed.answers().await;
}
