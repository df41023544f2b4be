//! The query audit log.

use chrono::{DateTime, Utc};

/// A place in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditId(pub i64);

/// One statement that was judged, whether it ran or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// Key id, or the display name where no key was used.
    pub caller: String,
    /// Datasource's name.
    pub datasource: String,
    /// The statement.
    pub sql: String,
    /// Whether the guard let it run.
    pub allowed: bool,
    /// Why not, or the database's error; empty when it ran well.
    pub reason: String,
    /// Rows read, or changed where it writes.
    pub rows: i64,
    /// Milliseconds.
    pub elapsed_ms: i64,
    /// Whether it would change rows.
    pub writes: bool,
    /// Whether the caller confirmed that.
    pub confirmed: bool,
    /// Whether its end is known. A write is stored before it runs; where the process was killed meanwhile, this
    /// stays `false`, and whether rows changed is for the database to say.
    pub ended: bool,
}
