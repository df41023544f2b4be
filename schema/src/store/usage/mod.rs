//! What calls of models used. Rows are added and, when they are old, removed; none is changed.

mod rows;

use std::{sync::Arc, thread};

use chrono::{DateTime, Utc};
use diesel::{
    connection::SimpleConnection as _,
    dsl::{exists, not, sql},
    prelude::*,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncConnection as _, RunQueryDsl, SimpleAsyncConnection as _};

use self::rows::{StoredCall, StoredLabel, split};
use super::{Pools, Store, with_read, with_write};
use crate::{
    Error, Result,
    ids::KeyId,
    model::{UsageEntry, UsageFilter, UsageGroup, UsageId, UsageTotal},
    tables::{usage_calls, usage_labels},
};

/// Most sums that are told at once.
const MOST_TOTALS: i64 = 1000;

/// Rows of one statement, whose parameters PostgreSQL counts by 16 bits.
const AT_ONCE: usize = 1000;

/// Rows of one statement of SQLite's, after each of which its thread lets others have the processor: about 50 µs.
const IN_A_ROW: usize = 16;

const TOKENS: &str = "CAST(COALESCE(SUM(prompt_tokens + completion_tokens), 0) AS BIGINT)";

const DAY_US: i64 = 24 * 3600 * 1_000_000;

/// The numbers of the labels that are meant: a key's or all. SQLite finds the calls of a time by label and time, but
/// only where it is told labels. A macro, because the type of the query differs with the backend.
macro_rules! labels_of {
    ($key:expr) => {{
        let key: Option<&KeyId> = $key;
        let mut labels = usage_labels::table.select(usage_labels::id).into_boxed();
        if let Some(key) = key {
            labels = labels.filter(usage_labels::key_id.eq(key.as_str()));
        }
        labels
    }};
}

/// Labels without a row.
macro_rules! unused_labels {
    () => {
        usage_labels::table.filter(not(exists(
            usage_calls::table.filter(usage_calls::label_id.eq(usage_labels::id)),
        )))
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

/// Adds calls by statements of a number of them, which stay prepared, and what is left one by one.
fn insert_rows(conn: &mut SqliteConnection, new: &[UsageEntry]) -> QueryResult<()> {
    let (labels, calls) = split(new);
    for label in &labels {
        let insert = diesel::insert_into(usage_labels::table).values(label);
        diesel::RunQueryDsl::execute(insert.on_conflict_do_nothing(), conn)?;
    }
    let (some, rest) = calls.as_chunks::<IN_A_ROW>();
    for some in some {
        let insert = diesel::insert_into(usage_calls::table).values(some.clone());
        diesel::RunQueryDsl::execute(insert, conn)?;
        // Whoever is being answered meanwhile goes first.
        thread::yield_now();
    }
    for call in rest {
        let insert = diesel::insert_into(usage_calls::table).values(call.clone());
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
                let (labels, calls) = split(new);
                let mut conn = pool.get().await?;
                conn.transaction(async |conn| {
                    for some in labels.chunks(AT_ONCE) {
                        diesel::insert_into(usage_labels::table)
                            .values(some)
                            .on_conflict_do_nothing()
                            .execute(conn)
                            .await?;
                    }
                    for some in calls.chunks(AT_ONCE) {
                        diesel::insert_into(usage_calls::table)
                            .values(some.to_vec())
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
        let rows: Vec<(i64, StoredCall, StoredLabel)> = with_read!(self, |conn| {
            let mut query = usage_calls::table
                .inner_join(usage_labels::table)
                .into_boxed();
            if let Some(key) = &filter.key {
                query = query.filter(usage_labels::key_id.eq(key.as_str()));
            }
            if let Some(since) = filter.since {
                query = query.filter(usage_calls::at_us.ge(since.timestamp_micros()));
            }
            if let Some(after) = after {
                query = query.filter(usage_calls::id.lt(after.0));
            }
            query
                .order(usage_calls::id.desc())
                .limit(i64::from(limit))
                .select((
                    usage_calls::id,
                    StoredCall::as_select(),
                    StoredLabel::as_select(),
                ))
                .load(conn)
                .await?
        });
        rows.into_iter()
            .map(|(id, call, label)| Ok((UsageId(id), (call, label).try_into()?)))
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
            UsageGroup::Key => ("key_name".to_owned(), MOST_FIRST),
            UsageGroup::Model => ("model".to_owned(), MOST_FIRST),
            UsageGroup::Day => (format!("CAST(at_us / {DAY_US} AS TEXT)"), "MAX(at_us) DESC"),
        };
        let since = since_us(filter.since);
        // Both backends know these words.
        let rows: Vec<(String, i64, i64, i64, i64)> = with_read!(self, |conn| {
            usage_calls::table
                .inner_join(usage_labels::table)
                .filter(usage_calls::label_id.eq_any(labels_of!(filter.key.as_ref())))
                .filter(usage_calls::at_us.ge(since))
                .group_by(sql::<Text>(&name))
                .select((
                    sql::<Text>(&name),
                    sql::<BigInt>("COUNT(*)"),
                    sql::<BigInt>(
                        "CAST(SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS BIGINT)",
                    ),
                    sql::<BigInt>("CAST(SUM(prompt_tokens) AS BIGINT)"),
                    sql::<BigInt>("CAST(SUM(completion_tokens) AS BIGINT)"),
                ))
                .order(sql::<Text>(order))
                .limit(MOST_TOTALS)
                .load(conn)
                .await?
        });
        rows.into_iter()
            .map(|(name, calls, failed, prompt, completion)| {
                Ok(UsageTotal {
                    name: match group {
                        UsageGroup::Key | UsageGroup::Model => name,
                        UsageGroup::Day => date_of(&name)?,
                    },
                    calls: calls.unsigned_abs(),
                    failed: failed.unsigned_abs(),
                    prompt_tokens: prompt.unsigned_abs(),
                    completion_tokens: completion.unsigned_abs(),
                })
            })
            .collect()
    }

    /// Tokens that a key used, read and written, since a time or ever.
    pub async fn tokens_of_key(&self, key: &KeyId, since: Option<DateTime<Utc>>) -> Result<u64> {
        let since = since_us(since);
        let tokens: i64 = with_read!(self, |conn| {
            usage_calls::table
                .filter(usage_calls::label_id.eq_any(labels_of!(Some(key))))
                .filter(usage_calls::at_us.ge(since))
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
        let before = before.timestamp_micros();
        let old: Vec<i64> = with_read!(self, |conn| {
            let labels = match of {
                UsageOf::Key(key) => labels_of!(Some(key)),
                UsageOf::AllBut(keys) => labels_of!(None)
                    .filter(usage_labels::key_id.ne_all(keys.iter().map(KeyId::as_str))),
            };
            usage_calls::table
                .filter(usage_calls::label_id.eq_any(labels))
                .filter(usage_calls::at_us.lt(before))
                .limit(i64::from(most))
                .select(usage_calls::id)
                .load(conn)
                .await?
        });
        if old.is_empty() {
            return Ok(0);
        }
        let deleted = with_write!(self, |conn| {
            diesel::delete(usage_calls::table.filter(usage_calls::id.eq_any(old.iter().copied())))
                .execute(conn)
                .await?
        });
        Ok(deleted as u64)
    }

    /// Removes labels that no row bears any more; how many.
    pub async fn delete_unused_usage_labels(&self) -> Result<u64> {
        let deleted = match &self.pools {
            Pools::Sqlite { write, .. } => {
                let mut conn = write.get().await?;
                diesel::delete(unused_labels!()).execute(&mut *conn).await?
            }
            Pools::Postgres(pool) => {
                let mut conn = pool.get().await?;
                conn.transaction(async |conn| {
                    // Whoever found its labels adds its rows first, and who comes meanwhile waits.
                    conn.batch_execute("LOCK TABLE usage_labels IN SHARE ROW EXCLUSIVE MODE")
                        .await?;
                    let deleted = diesel::delete(unused_labels!()).execute(conn).await?;
                    Ok::<_, Error>(deleted)
                })
                .await?
            }
        };
        Ok(deleted as u64)
    }
}

/// The time as it is stored; that of the first of all calls where it is not given.
fn since_us(since: Option<DateTime<Utc>>) -> i64 {
    since.map_or(0, |since| since.timestamp_micros())
}

/// The date of a day that is counted from 1970.
fn date_of(day: &str) -> Result<String> {
    day.parse::<i64>()
        .ok()
        .and_then(|day| DateTime::from_timestamp_micros(day.checked_mul(DAY_US)?))
        .map(|time| time.date_naive().to_string())
        .ok_or_else(|| Error::internal("adding up usage", format!("day {day}")))
}

#[cfg(test)]
mod tests {
    use diesel::sql_types::Integer;

    use super::*;
    use crate::model::{CallStatus, Operation};

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
