//! The audit log: what was asked of a database, by whom, and what came of it. Every statement goes through here,
//! whoever wrote it.

use tidegate_schema::{
    Error, Result,
    model::{AuditEntry, AuditId, Caller, Verdict},
};

use crate::app::App;

/// Characters of a statement that are written down. The guard lets none pass that has more; a refused one may be as
/// large as a request.
const MAX_AUDIT_CHARS: usize = 100_000;

/// A statement that was judged, and what came of it.
pub(crate) struct Judged<'a> {
    /// The datasource's name.
    pub(crate) datasource: &'a str,
    /// The statement.
    pub(crate) sql: &'a str,
    /// What the guard said.
    pub(crate) verdict: &'a Verdict,
    /// Why there is no result, where there is none.
    pub(crate) error: Option<&'a Error>,
    /// Rows read or changed.
    pub(crate) rows: u64,
    /// How long it took, milliseconds.
    pub(crate) elapsed_ms: u64,
    /// Whether the caller confirmed a change.
    pub(crate) confirmed: bool,
}

/// Writes down a statement that has ended.
pub(crate) async fn record(app: &App, caller: &Caller, judged: &Judged<'_>) -> Result<()> {
    let entry = entry(app, caller, judged, true);
    app.store.record_query(entry).await?;
    Ok(())
}

/// Writes down a statement that was meant for a datasource on which its caller has no grant. Of one that is not there
/// nothing is written down.
pub(crate) async fn no_grant(
    app: &App,
    caller: &Caller,
    datasource: &str,
    sql: &str,
    error: &Error,
) -> Result<()> {
    if !matches!(error, Error::Forbidden { .. }) {
        return Ok(());
    }
    // A name that nobody looked up may be of any length.
    let name = datasource.char_indices().nth(super::MOST_ID_CHARS);
    let end = name.map_or(datasource.len(), |(end, _)| end);
    // It is not judged: which engine would read it is not for this caller to learn.
    let judged = Judged {
        datasource: &datasource[..end],
        sql,
        verdict: &Verdict::default(),
        error: Some(error),
        rows: 0,
        elapsed_ms: 0,
        confirmed: false,
    };
    record(app, caller, &judged).await
}

/// Writes down a statement that is about to change rows, so that it leaves a trace however the process ends.
pub(crate) async fn begin(app: &App, caller: &Caller, judged: &Judged<'_>) -> Result<AuditId> {
    let entry = entry(app, caller, judged, false);
    app.store.record_query(entry).await
}

/// Writes down how a statement ended that was begun.
pub(crate) async fn end(
    app: &App,
    caller: &Caller,
    begun: AuditId,
    judged: &Judged<'_>,
) -> Result<()> {
    let entry = entry(app, caller, judged, true);
    if app.store.end_query(begun, entry).await? {
        return Ok(());
    }
    Err(Error::internal(
        "ending an entry of the audit log",
        "it is not there, or ended before",
    ))
}

fn entry(app: &App, caller: &Caller, judged: &Judged<'_>, ended: bool) -> AuditEntry {
    let (sql, cut) = shortened(judged.sql);
    let mut reason = judged
        .error
        .map_or_else(|| judged.verdict.reason.clone(), ToString::to_string);
    if let Some(cut) = cut {
        reason.push_str(&cut);
    }
    AuditEntry {
        at: app.clock.now(),
        caller: caller.audit_name(),
        datasource: judged.datasource.to_owned(),
        sql: sql.to_owned(),
        allowed: judged.verdict.allowed,
        reason,
        rows: judged.rows as i64,
        elapsed_ms: judged.elapsed_ms as i64,
        writes: judged.verdict.writes,
        confirmed: judged.confirmed,
        ended,
    }
}

/// The beginning of a statement, and what to say of the rest if there is one.
fn shortened(sql: &str) -> (&str, Option<String>) {
    let Some((end, _)) = sql.char_indices().nth(MAX_AUDIT_CHARS) else {
        return (sql, None);
    };
    let cut = format!(
        " (of the statement's {} characters the first {MAX_AUDIT_CHARS} are kept here)",
        sql.chars().count()
    );
    (&sql[..end], Some(cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_too_long_for_the_audit_is_cut_and_the_cut_is_told() {
        let long = "å".repeat(MAX_AUDIT_CHARS);
        assert_eq!(shortened(&long), (long.as_str(), None));
        let longer = format!("{long}xy");
        let (kept, cut) = shortened(&longer);
        assert_eq!(kept, long);
        assert!(cut.expect("told").contains("100002 characters"));
    }
}
