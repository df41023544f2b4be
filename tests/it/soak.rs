//! A short version of `cargo xtask soak`: every kind of request at once on a tiny model, from several clients.

use std::{path::Path, time::Duration};

use anyhow::Result;
use tidegate_tests::soak::{self, Outcome};

/// How long clients begin new requests.
const TIME: Duration = Duration::from_secs(20);
/// Memory that may be added between a quarter of the time and its end. In so short a time caches still fill; the hour
/// of `cargo xtask soak` has a tighter bound.
const GROWTH: u64 = 192 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_load_fails_nobody_and_leaves_the_server_answering() -> Result<()> {
    let plan = soak::Plan {
        time: TIME,
        clients: 6,
        seed: 1,
        growth: GROWTH,
    };
    let program = Path::new(env!("CARGO_BIN_EXE_tidegate-under-test"));
    let report = soak::run(program, &plan).await?;
    report.verdict()?;
    for outcome in [
        Outcome::Answered,
        Outcome::Streamed,
        Outcome::Left,
        Outcome::Formed,
        Outcome::Called,
        Outcome::Several,
        Outcome::Refused,
    ] {
        assert!(report.count(outcome) > 0, "none {outcome:?}:\n{report}");
    }
    Ok(())
}
