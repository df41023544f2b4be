//! One file of the disk: opened once for all who read it, closed for the one who writes, let go when nobody asks.
//!
//! DuckDB locks a file by the process, so two databases opened on one file in one process would not see each other's
//! locks. Every datasource on the same file therefore shares what stands here.

use std::{
    cell::Cell,
    collections::BTreeMap,
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use duckdb::Connection;
use tidegate_schema::{Error, Result};
use tokio::{
    runtime::Handle,
    sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock},
    task::spawn_blocking,
};

use super::{
    Source,
    memory::{Memory, Names},
    session::{self, Mode},
};
use crate::drivers::slots::{Slot, Slots, soon};

/// Connections to one file at a time; each query uses DuckDB's own threads besides.
pub(super) const CONNECTIONS: usize = 4;
/// An open file that nobody asks is closed after so long, as its lock keeps other programs from writing it.
const LINGER: Duration = Duration::from_secs(20);

/// Files in use, by their real paths.
static FILES: Mutex<BTreeMap<PathBuf, Weak<File>>> = Mutex::new(BTreeMap::new());

/// A file, and whatever is open on it.
pub(super) struct File {
    path: PathBuf,
    /// Readers hold it together, a writer alone.
    gate: Arc<RwLock<()>>,
    slots: Slots,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// Keeps the database open; the others are made from it.
    root: Option<Connection>,
    idle: Vec<Connection>,
    /// Which opening of the file this is.
    opening: u64,
    /// What was said about queries since.
    memory: Memory,
    /// When a connection was last given back.
    used: Option<Instant>,
}

/// The right to use a connection, and the connection once it is needed. It goes back unless it is lost on the way, or
/// what ran on it would be seen by those who get it next.
pub(super) struct Loan {
    source: Source,
    connection: Option<(Connection, u64)>,
    spent: Cell<bool>,
    _gate: OwnedRwLockReadGuard<()>,
    _slot: Slot,
}

/// The connection of a loan, with what is remembered of the opening of the file that it belongs to.
pub(super) struct Lent<'a> {
    connection: &'a Connection,
    opening: u64,
    spent: &'a Cell<bool>,
    file: &'a File,
}

impl File {
    /// The file of a path, shared with everyone else who asks for it.
    pub(super) fn of(path: &Path) -> Arc<Self> {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|_, file| file.strong_count() > 0);
        if let Some(file) = files.get(&path).and_then(Weak::upgrade) {
            return file;
        }
        let file = Arc::new(Self {
            path: path.clone(),
            gate: Arc::default(),
            slots: Slots::new(CONNECTIONS),
            open: Mutex::default(),
        });
        files.insert(path, Arc::downgrade(&file));
        file
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until nobody reads, and keeps everybody out until the answer is dropped.
    pub(super) async fn alone(&self, patience: Duration) -> Result<OwnedRwLockWriteGuard<()>> {
        soon(patience, self.gate.clone().write_owned()).await
    }

    /// Closes what readers have open. Blocks; only for one who is alone.
    pub(super) fn close(&self) {
        self.open().close();
    }

    /// After a fault that makes DuckDB refuse everything that follows, the next reader opens the file anew.
    pub(super) fn forget(&self) {
        // Whoever is opening the file right now has nothing to forget.
        if let Ok(mut open) = self.open.try_lock() {
            open.close();
        }
    }

    /// The plan of a query, if it is remembered. Does not block.
    pub(super) fn known_plan(&self, sql: &str) -> Option<String> {
        self.open.try_lock().ok()?.memory.plan(sql)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection or a new one. Blocks.
    fn connect(self: &Arc<Self>, source: &Source) -> Result<(Connection, u64)> {
        let mut open = self.open();
        if let Some(idle) = open.idle.pop() {
            return Ok((idle, open.opening));
        }
        let root = if let Some(root) = open.root.take() {
            root
        } else {
            let root = session::open(source, Mode::Read)?;
            open.opening += 1;
            if let Ok(runtime) = Handle::try_current() {
                runtime.spawn(linger(Arc::downgrade(self), open.opening));
            }
            root
        };
        let connection = root.try_clone();
        open.root = Some(root);
        let connection = connection.map_err(|error| source.error(&error))?;
        Ok((connection, open.opening))
    }

    /// Closes the file if nobody has used it for a while. Whether there is nothing more to wait for.
    fn close_if_idle(&self, opening: u64) -> bool {
        let Ok(_alone) = self.gate.clone().try_write_owned() else {
            return false;
        };
        let mut open = self.open();
        if open.opening != opening {
            return true;
        }
        if open.used.is_some_and(|used| used.elapsed() < LINGER) {
            return false;
        }
        open.close();
        true
    }
}

impl Open {
    fn close(&mut self) {
        self.idle.clear();
        self.root = None;
        self.memory.clear();
        // What is still on loan belongs to the opening before this.
        self.opening += 1;
    }
}

/// Watches one opening of a file until it is closed.
async fn linger(file: Weak<File>, opening: u64) {
    loop {
        tokio::time::sleep(LINGER).await;
        let Some(file) = file.upgrade() else {
            return;
        };
        // Closing waits for DuckDB's threads.
        let closing = spawn_blocking(move || file.close_if_idle(opening));
        if !matches!(closing.await, Ok(false)) {
            return;
        }
    }
}

impl Loan {
    /// Waits for the right to use a connection. It is opened later, on the thread that will use it.
    pub(super) async fn borrow(source: &Source, patience: Duration) -> Result<Self> {
        let file = &source.file;
        let waiting = async {
            let slot = file.slots.wait().await?;
            Ok::<_, Error>((slot, file.gate.clone().read_owned().await))
        };
        let (slot, gate) = soon(patience, waiting).await??;
        Ok(Self {
            source: source.clone(),
            connection: None,
            spent: Cell::new(false),
            _gate: gate,
            _slot: slot,
        })
    }

    /// The connection, opened when it is first asked for. Blocks.
    pub(super) fn open(&mut self) -> Result<Lent<'_>> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.source.file.connect(&self.source)?,
        };
        let (connection, opening) = self.connection.insert(connection);
        Ok(Lent {
            connection,
            opening: *opening,
            spent: &self.spent,
            file: &self.source.file,
        })
    }
}

impl Lent<'_> {
    /// Has the connection closed at the end of the loan, with all that its session keeps.
    pub(super) fn spend(&self) {
        self.spent.set(true);
    }

    /// The columns of a query, if they are remembered.
    pub(super) fn known_columns(&self, sql: &str) -> Option<Names> {
        self.remembered()?.memory.columns(sql)
    }

    /// Remembers the columns that DuckDB told.
    pub(super) fn keep_columns(&self, sql: &str, columns: &[(String, String)]) {
        if let Some(mut open) = self.remembered() {
            open.memory.keep_columns(sql, columns);
        }
    }

    /// Remembers the plan that DuckDB told.
    pub(super) fn keep_plan(&self, sql: &str, plan: &str) {
        if let Some(mut open) = self.remembered() {
            open.memory.keep_plan(sql, plan);
        }
    }

    /// What is open, unless the file was opened anew since.
    fn remembered(&self) -> Option<MutexGuard<'_, Open>> {
        Some(self.file.open()).filter(|open| open.opening == self.opening)
    }
}

impl Deref for Lent<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        // A thread that panicked may have left a statement behind: its connection is not lent again.
        let is_whole = !self.spent.get() && !std::thread::panicking();
        let lent = self.connection.take().filter(|_| is_whole);
        let mut open = self.source.file.open();
        open.used = Some(Instant::now());
        if let Some((connection, opening)) = lent
            && opening == open.opening
        {
            open.idle.push(connection);
        }
    }
}
