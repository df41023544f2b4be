//! The query audit log.

use chrono::{DateTime, Utc};

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
    /// Rows read.
    pub rows: i64,
    /// Milliseconds.
    pub elapsed_ms: i64,
}
