//! Uploads: what is known of files that were sent. The files themselves lie elsewhere.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::{
    dsl::{exists, not},
    prelude::*,
};
use diesel_async::{AsyncConnection as _, RunQueryDsl};

use super::{Store, columns::stored, with_read, with_tx, with_write};
use crate::{
    Result,
    ids::ConversationId,
    model::{Upload, UploadId},
    tables::{conversations, uploads},
};

/// Ids asked for at once; SQLite has a limit on bound values.
const AT_ONCE: usize = 1000;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = uploads, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Row {
    id: String,
    bucket: String,
    name: String,
    size: i64,
    conversation_id: String,
    owner: String,
    created_at: NaiveDateTime,
}

impl Row {
    fn of(upload: &Upload) -> Self {
        Self {
            id: upload.id.0.clone(),
            bucket: upload.bucket.clone(),
            name: upload.name.clone(),
            size: i64::try_from(upload.size).unwrap_or(i64::MAX),
            conversation_id: upload.conversation.0.clone(),
            owner: upload.owner.clone(),
            created_at: stored(upload.created_at),
        }
    }
}

impl From<Row> for Upload {
    fn from(row: Row) -> Self {
        Self {
            id: UploadId(row.id),
            bucket: row.bucket,
            name: row.name,
            size: row.size.unsigned_abs(),
            conversation: ConversationId(row.conversation_id),
            owner: row.owner,
            created_at: row.created_at.and_utc(),
        }
    }
}

impl Store {
    /// Adds uploads, all of them or none.
    pub async fn insert_uploads(&self, new: &[Upload]) -> Result<()> {
        let rows: Vec<Row> = new.iter().map(Row::of).collect();
        with_tx!(self, |conn| {
            for row in &rows {
                diesel::insert_into(uploads::table)
                    .values(row)
                    .execute(conn)
                    .await?;
            }
            Ok(())
        })
    }

    /// The one of that id.
    pub async fn find_upload(&self, id: &UploadId) -> Result<Option<Upload>> {
        let row: Option<Row> = with_read!(self, |conn| {
            uploads::table
                .find(id.as_str())
                .select(Row::as_select())
                .first(conn)
                .await
                .optional()?
        });
        Ok(row.map(Upload::from))
    }

    /// Those of these ids, in no order.
    pub async fn find_uploads(&self, ids: &[UploadId]) -> Result<Vec<Upload>> {
        let mut found = Vec::new();
        for some in ids.chunks(AT_ONCE) {
            let rows: Vec<Row> = with_read!(self, |conn| {
                uploads::table
                    .filter(uploads::id.eq_any(some.iter().map(UploadId::as_str)))
                    .select(Row::as_select())
                    .load(conn)
                    .await?
            });
            found.extend(rows.into_iter().map(Upload::from));
        }
        Ok(found)
    }

    /// A conversation's uploads, the latest first.
    pub async fn list_uploads(&self, conversation: &ConversationId) -> Result<Vec<Upload>> {
        let rows: Vec<Row> = with_read!(self, |conn| {
            uploads::table
                .filter(uploads::conversation_id.eq(conversation.as_str()))
                .order((uploads::created_at.desc(), uploads::id.desc()))
                .select(Row::as_select())
                .load(conn)
                .await?
        });
        Ok(rows.into_iter().map(Upload::from).collect())
    }

    /// Removes one; `false` if there is none of that id.
    pub async fn delete_upload(&self, id: &UploadId) -> Result<bool> {
        let delete = diesel::delete(uploads::table.find(id.as_str()));
        let deleted = with_write!(self, |conn| delete.execute(conn).await?);
        Ok(deleted > 0)
    }

    /// Uploads that were sent before a time, in conversations that there are not: deleted, or never begun.
    pub async fn list_uploads_left_over(&self, before: DateTime<Utc>) -> Result<Vec<Upload>> {
        let before = stored(before);
        let rows: Vec<Row> = with_read!(self, |conn| {
            let known = conversations::table.filter(conversations::id.eq(uploads::conversation_id));
            uploads::table
                .filter(uploads::created_at.lt(before))
                .filter(not(exists(known)))
                .select(Row::as_select())
                .load(conn)
                .await?
        });
        Ok(rows.into_iter().map(Upload::from).collect())
    }
}
