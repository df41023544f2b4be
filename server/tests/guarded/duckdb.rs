//! Nothing the guard accepts changes a DuckDB file or what lies around it, even on a connection that may do anything;
//! and past the guard the session alone holds.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

use duckdb::{Config, Connection};
use tempfile::TempDir;
use tidegate_schema::{
    Error,
    model::{Cell, Dialect, Engine},
};
use tidegate_server::{
    drivers::{self, Driver, Limits},
    guard::{Guard, GuardOptions},
};
use tokio::runtime::Runtime;

use crate::{
    file,
    properties::{Came, LIMITS, SMALL, each_statement, names, try_all},
};

/// Each is an error of the session. {file} is the database itself, {folder} where it lies, with a secret beside it.
const REFUSED: &str = include_str!("duckdb.sql");
/// The same, of texts that are several to DuckDB and look like one, and of blanks that look like letters.
const DISGUISED: &[&str] = &[
    "SELECT 1 -- a\r; SET VARIABLE a = 1; SELECT 2\n, 3",
    "SELECT 1 -- a\r; CREATE TEMP TABLE customers AS SELECT 1 AS id; SELECT 2\n, 3",
    "SELECT 1 -- a\r; BEGIN TRANSACTION; SELECT 2\n, 3",
    "SELECT 1 -- a\r; COPY customers TO '{folder}/copy.csv'; SELECT 2\n, 3",
    "SELECT 1 -- a\r; COPY customers TO '{file}' (FORMAT csv, USE_TMP_FILE false); SELECT 2\n, 3",
    "SELECT e'a'\n'\\''; SET VARIABLE a = 1; SELECT 'x'",
    "SELECT E'a' -- b\n '\\''; ATTACH ':memory:' AS evil; SELECT 'x'",
    "SELECT e'a'\r'\\''; PREPARE p AS SELECT 1; SELECT 'x'",
    "SELECT * FROM\u{a0}enable_logging()",
    "SELECT * FROM enable_logging\u{200b}()",
    "SELECT * FROM enable_logging\u{3000}()",
];
/// Resemble those, and answer.
const HARMLESS: &[&str] = &[
    "SELECT query, 'FROM enable_logging()' FROM (SELECT 1 AS query)",
    "SELECT 1 -- enable_logging()\n, 2",
    "SELECT 1 -- a\r, 2",
    "SELECT e'a'\n'\\'', ';'",
    "SELECT 'it''s; DROP TABLE customers', $$a;b$$",
    "SELECT current_setting('access_mode')",
    "SHOW TABLES",
    "EXPLAIN ANALYZE FROM customers",
];

/// What a session and its catalogue say of themselves, the rows of the tables included, in one text.
const TOLD: &str = "
    SELECT concat_ws(chr(10),
        (SELECT string_agg(CAST(t AS VARCHAR), ';' ORDER BY t.id) FROM customers t),
        (SELECT string_agg(CAST(t AS VARCHAR), ';' ORDER BY t.id) FROM orders t),
        (SELECT string_agg(CAST(t AS VARCHAR), ';' ORDER BY t.id) FROM products t),
        (SELECT string_agg(concat_ws(' ', database_name, schema_name, table_name, sql), ';'
            ORDER BY database_name, schema_name, table_name) FROM duckdb_tables()),
        (SELECT string_agg(concat_ws(' ', database_name, view_name, sql), ';' ORDER BY database_name, view_name)
            FROM duckdb_views() WHERE NOT internal),
        (SELECT string_agg(concat_ws(' ', database_name, type_name), ';' ORDER BY database_name, type_name)
            FROM duckdb_types() WHERE NOT internal),
        (SELECT string_agg(concat_ws(' ', sequence_name, last_value), ';' ORDER BY sequence_name)
            FROM duckdb_sequences()),
        (SELECT string_agg(concat_ws(' ', database_name, path), ';' ORDER BY database_name) FROM duckdb_databases()),
        (SELECT string_agg(concat_ws('=', name, value), ';' ORDER BY name) FROM duckdb_settings()),
        (SELECT string_agg(concat_ws('=', name, value), ';' ORDER BY name) FROM duckdb_variables()),
        (SELECT string_agg(concat_ws('=', name, secret_string), ';' ORDER BY name) FROM duckdb_secrets()),
        (SELECT string_agg(concat_ws('=', name, statement), ';' ORDER BY name) FROM duckdb_prepared_statements()))";

/// A statement that takes longer is interrupted.
const PATIENCE: Duration = Duration::from_millis(300);
/// DuckDB forgets an interrupt whenever a statement begins.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(10);

/// A file in a folder of its own.
struct Small {
    folder: TempDir,
    path: PathBuf,
}

/// Everything that could have changed.
#[derive(PartialEq)]
struct State {
    bytes: Vec<u8>,
    beside: Vec<OsString>,
    /// Where statements with bare file names would put theirs.
    here: Vec<OsString>,
    /// DuckDB's own folder, of extensions and kept secrets.
    kept: Vec<PathBuf>,
    told: Result<String, String>,
}

impl Small {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("small.duckdb");
        Connection::open(&path)
            .and_then(|made| {
                made.execute_batch(SMALL)?;
                made.execute_batch("CREATE SEQUENCE numbers")
            })
            .expect("made");
        std::fs::write(folder.path().join("secret.csv"), "id,name\n7,secret\n").expect("written");
        Self { folder, path }
    }

    /// The product's own way in.
    fn driver(&self, runtime: &Runtime) -> Arc<dyn Driver> {
        let connection = file(Engine::DuckDb, &self.path);
        let folder = std::env::temp_dir();
        let connecting = drivers::connect("small", &connection, LIMITS.time, &folder);
        runtime.block_on(connecting).expect("opens")
    }

    /// A connection that may write, reach other files and take several statements at once.
    fn plain(&self) -> Connection {
        let config = Config::default()
            .enable_autoload_extension(false)
            .and_then(|config| config.max_memory("512MB"))
            .and_then(|config| config.with("temp_directory", ""))
            .and_then(|config| config.with("allow_persistent_secrets", "false"))
            .expect("settings");
        Connection::open_with_flags(&self.path, config).expect("opens")
    }

    fn state(&self, told: Result<String, String>) -> State {
        let mut kept = Vec::new();
        if let Some(dirs) = directories::BaseDirs::new() {
            list(&dirs.home_dir().join(".duckdb"), &mut kept);
        }
        kept.sort();
        State {
            bytes: std::fs::read(&self.path).expect("readable"),
            beside: names(self.folder.path()),
            here: names(&std::env::current_dir().expect("a folder")),
            kept,
            told,
        }
    }

    /// A statement of the lists above.
    fn spelled(&self, sql: &str) -> String {
        sql.replace("{file}", &self.path.to_string_lossy())
            .replace("{folder}", &self.folder.path().to_string_lossy())
    }
}

impl State {
    /// What has become of it, if anything has.
    fn same(&self, now: &Self) -> Result<(), String> {
        if self == now {
            return Ok(());
        }
        let parts = [
            ("the file", self.bytes != now.bytes, String::new()),
            (
                "its folder",
                self.beside != now.beside,
                format!(": {:?}", now.beside),
            ),
            (
                "the working folder",
                self.here != now.here,
                format!(": {:?}", now.here),
            ),
            (
                "DuckDB's folder",
                self.kept != now.kept,
                format!(": {:?}", now.kept),
            ),
            (
                "what the session tells",
                self.told != now.told,
                format!(": {:?} became {:?}", self.told, now.told),
            ),
        ];
        let changed = parts.into_iter().filter(|(_, changed, _)| *changed);
        let changed: Vec<String> = changed
            .map(|(what, _, how)| format!("{what} changed{how}"))
            .collect();
        Err(changed.join("; "))
    }
}

/// Every file under a folder; nothing if there is none.
fn list(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(&path, found);
        }
        found.push(path);
    }
}

/// What the session of a driver says of itself. One statement at a time takes the same connection every time.
fn told_by_driver(runtime: &Runtime, driver: &Arc<dyn Driver>) -> Result<String, String> {
    let set = runtime
        .block_on(driver.run(TOLD, Limits::default()))
        .map_err(|error| error.to_string())?;
    let cell = set.rows.first().and_then(|row| row.first());
    cell.and_then(Cell::to_text)
        .ok_or_else(|| "nothing was told".to_owned())
}

fn told_by(plain: &Connection) -> Result<String, String> {
    plain
        .query_row(TOLD, [], |row| row.get(0))
        .map_err(|error| error.to_string())
}

/// Runs a text on a plain connection, and interrupts what takes long; whether it answered.
fn answers(plain: &Connection, sql: &str) -> bool {
    let target = plain.interrupt_handle();
    let (over, running) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut patience = PATIENCE;
            while running.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                target.interrupt();
                patience = INTERRUPT_AGAIN;
            }
        });
        let answered = plain.execute_batch(sql).is_ok();
        drop(over);
        answered
    })
}

#[test]
fn duckdb_stays_as_it_is() {
    let small = Small::make();
    let runtime = Runtime::new().expect("a runtime");
    let driver = small.driver(&runtime);
    let now = || small.state(told_by_driver(&runtime, &driver));
    let before = now();
    assert!(before.told.is_ok(), "{:?}", before.told);
    try_all(&runtime, &driver, || before.same(&now()));
}

#[test]
fn nothing_accepted_changes_a_duckdb_file_that_may_be_written() {
    let small = Small::make();
    let plain = small.plain();
    let now = || small.state(told_by(&plain));
    let before = now();
    assert!(before.told.is_ok(), "{:?}", before.told);
    each_statement(Engine::DuckDb, |sql| {
        if !Guard::judge(sql, Dialect::DuckDb, &GuardOptions::default()).allowed {
            return Ok(Came::Refused);
        }
        let answered = answers(&plain, sql);
        // What an accepted statement left open must not hide what the next one does.
        let _ = plain.execute_batch("COMMIT");
        before
            .same(&now())
            .map_err(|why| format!("{sql:?}: {why}"))?;
        Ok(if answered {
            Came::Answered
        } else {
            Came::Allowed
        })
    });
}

#[test]
fn past_the_guard_the_session_alone_refuses() {
    let small = Small::make();
    let runtime = Runtime::new().expect("a runtime");
    let driver = small.driver(&runtime);
    let now = || small.state(told_by_driver(&runtime, &driver));
    let before = now();
    assert!(before.told.is_ok(), "{:?}", before.told);
    let refused: Vec<String> = REFUSED
        .split("\n---\n")
        .chain(DISGUISED.iter().copied())
        .map(|sql| small.spelled(sql))
        .collect();
    let mut faults = Vec::new();
    // Twice: what one statement might set must not let the next one through.
    for sql in refused.iter().chain(&refused) {
        match runtime.block_on(driver.run(sql, Limits::default())) {
            Ok(set) => faults.push(format!("{sql:?} answered {:?}", set.rows)),
            Err(error @ Error::Internal { .. }) => {
                faults.push(format!("{sql:?}: {}", error.log_chain()));
            }
            Err(_) => {}
        }
        // What follows would be seen with the eyes of a session that is no longer what it was.
        if let Err(why) = before.same(&now()) {
            panic!("{sql:?}: {why}\n{}", faults.join("\n"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for sql in HARMLESS {
        let set = runtime
            .block_on(driver.run(sql, Limits::default()))
            .expect(sql);
        assert!(!set.rows.is_empty(), "{sql}");
    }
}
