//! The query audit log: written and read. Nothing in it is changed, but for a write that was begun and ends.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Store,
    columns::{clean, stored},
    with_read, with_write,
};
use crate::{
    Result,
    model::{AuditEntry, AuditId},
    tables::audit_entries,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_entries, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Row {
    at: NaiveDateTime,
    caller: String,
    datasource: String,
    sql: String,
    allowed: bool,
    reason: String,
    rows_read: i64,
    elapsed_ms: i64,
    writes: bool,
    confirmed: bool,
    ended: bool,
}

impl From<Row> for AuditEntry {
    fn from(row: Row) -> Self {
        Self {
            at: row.at.and_utc(),
            caller: row.caller,
            datasource: row.datasource,
            sql: row.sql,
            allowed: row.allowed,
            reason: row.reason,
            rows: row.rows_read,
            elapsed_ms: row.elapsed_ms,
            writes: row.writes,
            confirmed: row.confirmed,
            ended: row.ended,
        }
    }
}

impl Store {
    /// Writes down a statement that was judged, or one that is about to run; where it is.
    pub async fn record_query(&self, entry: AuditEntry) -> Result<AuditId> {
        let insert = diesel::insert_into(audit_entries::table)
            .values((
                audit_entries::at.eq(stored(entry.at)),
                audit_entries::caller.eq(clean(&entry.caller)),
                audit_entries::datasource.eq(clean(&entry.datasource)),
                audit_entries::sql.eq(clean(&entry.sql)),
                audit_entries::allowed.eq(entry.allowed),
                audit_entries::reason.eq(clean(&entry.reason)),
                audit_entries::rows_read.eq(entry.rows),
                audit_entries::elapsed_ms.eq(entry.elapsed_ms),
                audit_entries::writes.eq(entry.writes),
                audit_entries::confirmed.eq(entry.confirmed),
                audit_entries::ended.eq(entry.ended),
            ))
            .returning(audit_entries::id);
        let id: i64 = with_write!(self, |conn| insert.get_result(conn).await?);
        Ok(AuditId(id))
    }

    /// Writes down how a statement ended that was begun; `false` if there is none there, or its end is known.
    pub async fn end_query(&self, id: AuditId, entry: AuditEntry) -> Result<bool> {
        let update = diesel::update(
            audit_entries::table
                .find(id.0)
                .filter(audit_entries::ended.eq(false)),
        )
        .set((
            audit_entries::allowed.eq(entry.allowed),
            audit_entries::reason.eq(clean(&entry.reason)),
            audit_entries::rows_read.eq(entry.rows),
            audit_entries::elapsed_ms.eq(entry.elapsed_ms),
            audit_entries::ended.eq(true),
        ));
        let ended = with_write!(self, |conn| update.execute(conn).await?);
        Ok(ended > 0)
    }

    /// The latest entries, newest first.
    pub async fn list_audit(&self, limit: u32) -> Result<Vec<AuditEntry>> {
        let rows: Vec<Row> = with_read!(self, |conn| {
            audit_entries::table
                .order((audit_entries::at.desc(), audit_entries::id.desc()))
                .limit(i64::from(limit))
                .select(Row::as_select())
                .load(conn)
                .await?
        });
        Ok(rows.into_iter().map(AuditEntry::from).collect())
    }
}
