//! Database files that are not whole any more.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use tidegate_schema::{Error, Result, model::Engine};
use tidegate_server::drivers;

use crate::{
    bed::within,
    cases::CASES,
    ground::{self, at},
};

const PATIENCE: Duration = Duration::from_secs(30);
/// Everything that `setup` makes, so that every page is asked for.
const TABLES: [&str; 8] = [
    "places", "people", "visits", "elders", "digits", "thousand", "filler", "doomed",
];

/// One that was cut off, and one that was written over: an error that is the file's and not ours, wherever the damage
/// is met.
pub(crate) async fn a_damaged_file_is_an_error(engine: Engine) {
    let ground = ground::of(engine).await;
    ground.execute(&CASES.setup[engine.name()]).await;
    let whole = std::fs::read(ground.connection().path).expect("readable");
    let folder = tempfile::tempdir().expect("a folder");
    // Each under a name of its own: what is open stays open for a while.
    let written = |what: &str, bytes: &[u8]| {
        let path = folder.path().join(format!("{what}.db"));
        std::fs::write(&path, bytes).expect("written");
        path
    };
    let path = written("whole", &whole);
    read_all(engine, &path).await.expect("nothing is wrong yet");
    let half = whole.len() / 2;
    let mut overwritten = whole.clone();
    // What stands at the beginning says what the file is; all behind it is gone.
    let kept = 16_384.min(half);
    overwritten[kept..].fill(0xa5);
    for (what, bytes) in [
        ("cut in half", &whole[..half]),
        ("cut to its head", &whole[..512]),
        ("written over", &overwritten[..]),
    ] {
        let path = written(what, bytes);
        let started = Instant::now();
        let error = read_all(engine, &path).await.expect_err(what);
        assert!(
            matches!(error, Error::Invalid { .. } | Error::Upstream { .. }),
            "{what}: {error:?}"
        );
        assert!(error.to_string().len() < 2_000, "{what}: {error}");
        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    }
}

/// Connects, lists the tables and reads them.
async fn read_all(engine: Engine, path: &Path) -> Result<()> {
    let connection = at(engine, path);
    let driver = drivers::connect("suite", &connection, PATIENCE, &std::env::temp_dir()).await?;
    driver.introspect().await?;
    for table in TABLES {
        let sql = format!("SELECT * FROM {table}");
        driver.run(&sql, within(PATIENCE)).await?;
    }
    Ok(())
}
