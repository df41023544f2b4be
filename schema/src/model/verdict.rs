//! What the guard thinks of a statement.

/// The guard's answer, kept with the answer it guarded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may run.
    pub allowed: bool,
    /// Why not; empty when allowed.
    pub reason: String,
    /// `select`, `explain`, `show`, `describe`; what was recognised, even when refused.
    pub statement: String,
    /// Kinds of all the statements found, in order; one, unless it was refused for being several.
    pub statements: Vec<String>,
    /// Whether it would change rows.
    pub writes: bool,
    /// Tables read, as written, sorted.
    pub tables: Vec<String>,
    /// Columns named, as written, sorted.
    pub columns: Vec<String>,
    /// Functions called, lower case, sorted.
    pub functions: Vec<String>,
    /// The engine's plan from the dry run, when one was made.
    pub plan: Option<String>,
}
