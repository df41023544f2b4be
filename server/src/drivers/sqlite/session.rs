//! How a connection is opened and watched: read-only four times over, with a clock.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, OpenFlags, Result,
    config::DbConfig,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
};

use super::functions;
use crate::drivers::clock::Clock;

/// Opcodes between two looks at the clock; a few microseconds of work.
const OPCODES_PER_LOOK: i32 = 1_000;
/// No value, row or intermediate string may be larger. A function does not look at the clock, and the slowest,
/// LIKE, takes a few seconds for one so large.
pub(super) const MAX_VALUE_BYTES: i32 = 16 << 20;
/// No pattern of LIKE or GLOB may be longer: each character may be compared at every place of the text.
const MAX_PATTERN_BYTES: i32 = 100;
/// No statement may be longer.
const MAX_SQL_BYTES: i32 = 1 << 20;

/// Functions that reach outside the database or into its memory, where they are compiled in at all.
const FORBIDDEN_FUNCTIONS: &[&str] = &[
    "load_extension",
    "readfile",
    "writefile",
    "edit",
    "fts3_tokenizer",
    "lsmode",
    "fsdir",
];
/// Pragmas that only read the schema; introspection uses them as table-valued functions.
const READING_PRAGMAS: &[&str] = &[
    "table_info",
    "table_xinfo",
    "table_list",
    "foreign_key_list",
];

/// Opens the file so that nothing can be changed through the connection.
///
/// The read-only flag stands in for `mode=ro`. The bundled SQLite takes a path that begins with `file:` for a URI,
/// whatever the flags say; `path` is absolute and begins with a slash, so no path can ask for more.
pub(super) fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    // A misspelt column in double quotes is an error and not a string that matches nothing.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.pragma_update(None, "query_only", true)?;
    bound(&connection)?;
    functions::add(&connection)?;
    connection.authorizer(Some(authorize))?;
    Ok(connection)
}

/// Opens the file for one change. The database's own triggers and keys are in force.
pub(super) fn open_to_change(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    bound(&connection)?;
    functions::add(&connection)?;
    Ok(connection)
}

/// From here on the connection reads, and changes rows of tables that are not the system's.
pub(super) fn allow_changes(connection: &Connection) -> Result<()> {
    connection.authorizer(Some(|context: AuthContext<'_>| match context.action {
        AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. }
            if !is_systems(table_name) =>
        {
            Authorization::Allow
        }
        _ => authorize(context),
    }))
}

/// From here on the connection does whatever it is told to.
pub(super) fn allow_all(connection: &Connection) -> Result<()> {
    connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)
}

fn is_systems(table: &str) -> bool {
    table
        .get(..7)
        .is_some_and(|beginning| beginning.eq_ignore_ascii_case("sqlite_"))
}

/// Bounds what a statement may take.
fn bound(connection: &Connection) -> Result<()> {
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, MAX_PATTERN_BYTES),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, MAX_SQL_BYTES),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, value)?;
    }
    Ok(())
}

/// Reading is allowed; everything not known to be reading is not.
fn authorize(context: AuthContext<'_>) -> Authorization {
    let allowed = match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => true,
        AuthAction::Function { function_name } => !FORBIDDEN_FUNCTIONS
            .iter()
            .any(|name| name.eq_ignore_ascii_case(function_name)),
        AuthAction::Pragma { pragma_name, .. } => READING_PRAGMAS
            .iter()
            .any(|name| name.eq_ignore_ascii_case(pragma_name)),
        _ => false,
    };
    if allowed {
        Authorization::Allow
    } else {
        Authorization::Deny
    }
}

/// The clock and the stop switch of one run.
#[derive(Clone)]
pub(super) struct Watch {
    deadline: Instant,
    limit: Duration,
    cancelled: Arc<AtomicBool>,
}

impl Watch {
    pub(super) fn new(limit: Duration) -> Self {
        let deadline = Instant::now() + limit;
        Self {
            deadline,
            limit,
            cancelled: Arc::new(AtomicBool::new(false)),
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(super) fn install(&self, connection: &Connection, busy: Duration) {
        let watch = self.clone();
        let look = move || watch.is_cancelled() || watch.left().is_zero();
        // Neither call can fail on a connection of our own; a run without a clock would still be read-only.
        let _ = connection.progress_handler(OPCODES_PER_LOOK, Some(look));
        let _ = connection.busy_timeout(busy);
    }

    /// The connection goes back without a clock.
    pub(super) fn remove(connection: &Connection) {
        let _ = connection.progress_handler(0, None::<fn() -> bool>);
    }
}

impl Clock for Watch {
    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn limit(&self) -> Duration {
        self.limit
    }

    /// The run stops at its next look.
    fn cancel(&self) -> bool {
        self.cancelled.store(true, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use tidegate_schema::Error;

    use super::*;
    use crate::drivers::clock::{GRACE, wait};

    #[tokio::test]
    async fn a_run_that_does_not_end_is_waited_for_a_little_longer_than_it_may_take() {
        let watch = Watch::new(Duration::from_millis(10));
        let started = Instant::now();
        let error = wait(&watch, std::future::pending::<()>()).await;
        assert!(matches!(error, Err(Error::Timeout { .. })), "{error:?}");
        assert!(started.elapsed() >= GRACE && started.elapsed() < 3 * GRACE);
        assert!(watch.is_cancelled());
        assert_eq!(wait(&watch, async { 7 }).await.expect("in time"), 7);
    }
}
