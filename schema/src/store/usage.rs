//! What calls of models used. Rows are added and, when they are old, removed; none is changed.

use std::{array, sync::Arc, thread};

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::{
    connection::SimpleConnection as _,
    dsl::sql,
    prelude::*,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncConnection as _, RunQueryDsl};

use super::{
    Pools, Store,
    columns::{clean, stored},
    with_read, with_write,
};
use crate::{
    Error, Result,
    ids::KeyId,
    model::{CallStatus, Operation, UsageEntry, UsageFilter, UsageGroup, UsageId, UsageTotal},
    tables::usage_entries,
};

/// Most sums that are told at once.
const MOST_TOTALS: i64 = 1000;

/// Rows of one statement, whose parameters PostgreSQL counts by 16 bits.
const AT_ONCE: usize = 1000;

/// Rows of one statement of SQLite's, after each of which its thread lets others have the processor: about 50 µs.
const IN_A_ROW: usize = 16;

const TOKENS: &str = "CAST(COALESCE(SUM(prompt_tokens + completion_tokens), 0) AS BIGINT)";

#[derive(Queryable, Selectable)]
#[diesel(table_name = usage_entries)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Row {
    at: NaiveDateTime,
    key_id: String,
    key_name: String,
    model: String,
    served_by: String,
    operation: String,
    prompt_tokens: i64,
    completion_tokens: i64,
    cached_tokens: i64,
    status: String,
    error: String,
    first_token_ms: Option<i64>,
    duration_ms: i64,
    streamed: bool,
}

/// A row to be stored. It owns its texts: diesel keeps a statement of several rows prepared only where their type
/// borrows nothing.
#[derive(Insertable)]
#[diesel(table_name = usage_entries, treat_none_as_default_value = false)]
struct NewRow {
    at: NaiveDateTime,
    key_id: String,
    key_name: String,
    model: String,
    served_by: String,
    operation: &'static str,
    prompt_tokens: i64,
    completion_tokens: i64,
    cached_tokens: i64,
    status: &'static str,
    error: String,
    first_token_ms: Option<i64>,
    duration_ms: i64,
    streamed: bool,
}

impl NewRow {
    fn of(entry: &UsageEntry) -> Self {
        Self {
            at: stored(entry.at),
            key_id: entry
                .key
                .as_ref()
                .map_or_else(String::new, |key| key.0.clone()),
            key_name: clean(&entry.key_name).into_owned(),
            model: clean(&entry.model).into_owned(),
            served_by: clean(&entry.served_by).into_owned(),
            operation: entry.operation.name(),
            prompt_tokens: whole(entry.prompt_tokens),
            completion_tokens: whole(entry.completion_tokens),
            cached_tokens: whole(entry.cached_tokens),
            status: entry.status.name(),
            error: entry.error.clone(),
            first_token_ms: entry.first_token_ms.map(whole),
            duration_ms: whole(entry.duration_ms),
            streamed: entry.streamed,
        }
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl TryFrom<Row> for UsageEntry {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let unknown = |what: &str| Error::internal("reading a row of usage", what.to_owned());
        Ok(Self {
            at: row.at.and_utc(),
            key: (!row.key_id.is_empty()).then_some(KeyId(row.key_id)),
            key_name: row.key_name,
            model: row.model,
            served_by: row.served_by,
            operation: Operation::from_name(&row.operation)
                .ok_or_else(|| unknown(&row.operation))?,
            prompt_tokens: row.prompt_tokens.unsigned_abs(),
            completion_tokens: row.completion_tokens.unsigned_abs(),
            cached_tokens: row.cached_tokens.unsigned_abs(),
            status: CallStatus::from_name(&row.status).ok_or_else(|| unknown(&row.status))?,
            error: row.error,
            first_token_ms: row.first_token_ms.map(i64::unsigned_abs),
            duration_ms: row.duration_ms.unsigned_abs(),
            streamed: row.streamed,
        })
    }
}

/// The rows of a filter. A macro, because the type of the query differs with the backend.
macro_rules! filtered {
    ($filter:expr) => {{
        let filter: &UsageFilter = $filter;
        let mut query = usage_entries::table.into_boxed();
        if let Some(key) = &filter.key {
            query = query.filter(usage_entries::key_id.eq(key.as_str()));
        }
        if let Some(since) = filter.since {
            query = query.filter(usage_entries::at.ge(stored(since)));
        }
        query
    }};
}

/// Sums of the rows of a query. Both backends know these words.
macro_rules! totals {
    ($conn:expr, $query:expr, $name:expr, $order:expr) => {
        $query
            .group_by(sql::<Text>($name))
            .select((
                sql::<Text>($name),
                sql::<BigInt>("COUNT(*)"),
                sql::<BigInt>("CAST(SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS BIGINT)"),
                sql::<BigInt>("CAST(SUM(prompt_tokens) AS BIGINT)"),
                sql::<BigInt>("CAST(SUM(completion_tokens) AS BIGINT)"),
            ))
            .order(sql::<Text>($order))
            .limit(MOST_TOTALS)
            .load($conn)
            .await?
    };
}

/// Whose rows are meant.
#[derive(Debug, Clone, Copy)]
pub enum UsageOf<'a> {
    /// Those of this key.
    Key(&'a KeyId),
    /// Those of everybody but these keys.
    AllBut(&'a [KeyId]),
}

/// Adds rows, all of them or none, and does not wait until they are on the disk.
fn insert_unsynced(conn: &mut SqliteConnection, new: &[UsageEntry]) -> QueryResult<()> {
    conn.batch_execute("PRAGMA synchronous = NORMAL")?;
    let inserted = conn.immediate_transaction(|conn| insert_rows(conn, new));
    // Others who use the connection do wait.
    conn.batch_execute("PRAGMA synchronous = FULL")?;
    inserted
}

/// Adds rows by statements of a number of them, which stay prepared, and what is left one by one.
fn insert_rows(conn: &mut SqliteConnection, new: &[UsageEntry]) -> QueryResult<()> {
    let (some, rest) = new.as_chunks::<IN_A_ROW>();
    for some in some {
        let rows: [NewRow; IN_A_ROW] = array::from_fn(|nth| NewRow::of(&some[nth]));
        let insert = diesel::insert_into(usage_entries::table).values(rows);
        diesel::RunQueryDsl::execute(insert, conn)?;
        // Whoever is being answered meanwhile goes first.
        thread::yield_now();
    }
    for entry in rest {
        let insert = diesel::insert_into(usage_entries::table).values(NewRow::of(entry));
        diesel::RunQueryDsl::execute(insert, conn)?;
    }
    Ok(())
}

impl Store {
    /// Adds rows, all of them or none.
    ///
    /// SQLite does not wait here until they are on the disk, as it does for everything else: they survive the end of
    /// the process, and after a loss of power the last of them may be missing. Nobody was told that they are there.
    pub async fn insert_usage(&self, new: &Arc<[UsageEntry]>) -> Result<()> {
        match &self.pools {
            // In one go on the connection's thread: each statement by itself would be a way there and back.
            Pools::Sqlite { write, .. } => {
                let new = Arc::clone(new);
                let insert = move |conn: &mut SqliteConnection| insert_unsynced(conn, &new);
                write.get().await?.spawn_blocking(insert).await?;
            }
            Pools::Postgres(pool) => {
                let mut conn = pool.get().await?;
                conn.transaction(async |conn| {
                    for some in new.chunks(AT_ONCE) {
                        let rows: Vec<NewRow> = some.iter().map(NewRow::of).collect();
                        diesel::insert_into(usage_entries::table)
                            .values(rows)
                            .execute(conn)
                            .await?;
                    }
                    Ok::<_, Error>(())
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Rows of a filter, the latest first: at most `limit` of those behind `after`.
    pub async fn list_usage(
        &self,
        filter: &UsageFilter,
        after: Option<UsageId>,
        limit: u32,
    ) -> Result<Vec<(UsageId, UsageEntry)>> {
        let rows: Vec<(i64, Row)> = with_read!(self, |conn| {
            let mut query = filtered!(filter);
            if let Some(after) = after {
                query = query.filter(usage_entries::id.lt(after.0));
            }
            query
                .order(usage_entries::id.desc())
                .limit(i64::from(limit))
                .select((usage_entries::id, Row::as_select()))
                .load(conn)
                .await?
        });
        rows.into_iter()
            .map(|(id, row)| Ok((UsageId(id), row.try_into()?)))
            .collect()
    }

    /// What the calls of a filter used together, by key, model or day: those with most tokens first, days the latest
    /// first.
    pub async fn sum_usage(
        &self,
        filter: &UsageFilter,
        group: UsageGroup,
    ) -> Result<Vec<UsageTotal>> {
        const MOST_FIRST: &str = "SUM(prompt_tokens + completion_tokens) DESC";
        let (name, order) = match group {
            UsageGroup::Key => ("key_name", MOST_FIRST),
            UsageGroup::Model => ("model", MOST_FIRST),
            UsageGroup::Day => ("CAST(date(\"at\") AS TEXT)", "1 DESC"),
        };
        let since = stored(filter.since.unwrap_or(DateTime::UNIX_EPOCH));
        let rows: Vec<(String, i64, i64, i64, i64)> = with_read!(self, |conn| {
            let recent = usage_entries::table.filter(usage_entries::at.ge(since));
            match &filter.key {
                Some(key) => {
                    let own = recent.filter(usage_entries::key_id.eq(key.as_str()));
                    totals!(conn, own, name, order)
                }
                None => totals!(conn, recent, name, order),
            }
        });
        Ok(rows
            .into_iter()
            .map(|(name, calls, failed, prompt, completion)| UsageTotal {
                name,
                calls: calls.unsigned_abs(),
                failed: failed.unsigned_abs(),
                prompt_tokens: prompt.unsigned_abs(),
                completion_tokens: completion.unsigned_abs(),
            })
            .collect())
    }

    /// Tokens that a key used, read and written, since a time or ever.
    pub async fn tokens_of_key(&self, key: &KeyId, since: Option<DateTime<Utc>>) -> Result<u64> {
        let since = stored(since.unwrap_or(DateTime::UNIX_EPOCH));
        let tokens: i64 = with_read!(self, |conn| {
            usage_entries::table
                .filter(usage_entries::key_id.eq(key.as_str()))
                .filter(usage_entries::at.ge(since))
                .select(sql::<BigInt>(TOKENS))
                .get_result(conn)
                .await?
        });
        Ok(tokens.unsigned_abs())
    }

    /// Removes rows that are older than `before`, at most `most` of them; how many.
    pub async fn delete_usage_before(
        &self,
        of: UsageOf<'_>,
        before: DateTime<Utc>,
        most: u32,
    ) -> Result<u64> {
        let before = stored(before);
        let old: Vec<i64> = with_read!(self, |conn| {
            let mut query = usage_entries::table.into_boxed();
            query = match of {
                UsageOf::Key(key) => query.filter(usage_entries::key_id.eq(key.as_str())),
                UsageOf::AllBut(keys) => {
                    query.filter(usage_entries::key_id.ne_all(keys.iter().map(KeyId::as_str)))
                }
            };
            query
                .filter(usage_entries::at.lt(before))
                .order(usage_entries::at)
                .limit(i64::from(most))
                .select(usage_entries::id)
                .load(conn)
                .await?
        });
        if old.is_empty() {
            return Ok(0);
        }
        let deleted = with_write!(self, |conn| {
            diesel::delete(
                usage_entries::table.filter(usage_entries::id.eq_any(old.iter().copied())),
            )
            .execute(conn)
            .await?
        });
        Ok(deleted as u64)
    }
}

#[cfg(test)]
mod tests {
    use diesel::sql_types::Integer;

    use super::*;

    #[test]
    fn whoever_writes_after_rows_of_usage_waits_for_the_disk_again() {
        const FULL: i32 = 2;
        let mut conn = SqliteConnection::establish(":memory:").expect("opens");
        let setting = |conn: &mut SqliteConnection| {
            let setting = sql::<Integer>("(SELECT synchronous FROM pragma_synchronous)");
            diesel::RunQueryDsl::get_result::<i32>(diesel::select(setting), conn)
        };
        insert_unsynced(&mut conn, &[]).expect("nothing to add");
        assert_eq!(setting(&mut conn), Ok(FULL));
        let entry = UsageEntry {
            at: DateTime::UNIX_EPOCH,
            key: None,
            key_name: String::new(),
            model: String::new(),
            served_by: String::new(),
            operation: Operation::Chat,
            prompt_tokens: 0,
            completion_tokens: 0,
            cached_tokens: 0,
            status: CallStatus::Done,
            error: String::new(),
            first_token_ms: None,
            duration_ms: 0,
            streamed: false,
        };
        insert_unsynced(&mut conn, &[entry]).expect_err("there is no such table");
        assert_eq!(setting(&mut conn), Ok(FULL));
    }
}
