//! API keys: hashes only.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};

use super::{
    Store,
    columns::{from_text, stored, to_text},
    error::or_exists,
    with_read, with_write,
};
use crate::{
    Error, Result,
    ids::KeyId,
    model::{ApiKey, Grant, KeyLimits, NewApiKey},
    tables::api_keys,
};

/// A grant in the column `datasources`: a name for reading all of it, which is what older programs wrote, or the
/// whole of it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Name(String),
    Whole(Whole),
}

/// A field that we do not know may be one that narrows, so it is not passed over.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    datasource: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tables: Option<BTreeSet<String>>,
    #[serde(default)]
    write: bool,
}

impl From<Stored> for Grant {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Name(name) => Self::reading(name),
            Stored::Whole(whole) => Self {
                datasource: whole.datasource,
                tables: whole.tables,
                write: whole.write,
            },
        }
    }
}

impl From<&Grant> for Stored {
    fn from(grant: &Grant) -> Self {
        if grant.tables.is_none() && !grant.write {
            return Self::Name(grant.datasource.clone());
        }
        Self::Whole(Whole {
            datasource: grant.datasource.clone(),
            tables: grant.tables.clone(),
            write: grant.write,
        })
    }
}

fn grants_of(text: &str) -> Result<Vec<Grant>> {
    let stored: Vec<Stored> = from_text(text)?;
    Ok(stored.into_iter().map(Grant::from).collect())
}

fn text_of(grants: &[Grant]) -> Result<String> {
    to_text(&grants.iter().map(Stored::from).collect::<Vec<_>>())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Row {
    id: String,
    name: String,
    prefix: String,
    hash: String,
    admin: bool,
    datasources: Option<String>,
    created_at: NaiveDateTime,
    revoked_at: Option<NaiveDateTime>,
    requests_per_minute: Option<i64>,
    tokens_per_minute: Option<i64>,
    token_budget: Option<i64>,
    budget_days: Option<i64>,
}

/// A limit as it is stored.
fn limit(value: Option<impl Into<u64>>) -> Option<i64> {
    value.map(|value| i64::try_from(value.into()).unwrap_or(i64::MAX))
}

/// A stored limit. One that no number of ours can hold is none that could be reached.
fn small(value: Option<i64>) -> Option<u32> {
    value.map(|value| u32::try_from(value.max(0)).unwrap_or(u32::MAX))
}

impl TryFrom<Row> for ApiKey {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: KeyId(row.id),
            name: row.name,
            prefix: row.prefix,
            hash: row.hash,
            admin: row.admin,
            grants: row.datasources.as_deref().map(grants_of).transpose()?,
            limits: KeyLimits {
                requests_per_minute: small(row.requests_per_minute),
                tokens_per_minute: small(row.tokens_per_minute),
                token_budget: row.token_budget.map(|tokens| tokens.max(0).unsigned_abs()),
                budget_days: small(row.budget_days),
            },
            created_at: row.created_at.and_utc(),
            revoked_at: row.revoked_at.map(|at| at.and_utc()),
        })
    }
}

impl Store {
    /// Adds a key; [`Error::AlreadyExists`] if its id or hash is there already.
    pub async fn insert_key(&self, new: NewApiKey) -> Result<ApiKey> {
        let values = (
            api_keys::id.eq(new.id.as_str()),
            api_keys::name.eq(&new.name),
            api_keys::prefix.eq(&new.prefix),
            api_keys::hash.eq(&new.hash),
            api_keys::admin.eq(new.admin),
            api_keys::datasources.eq(new.grants.as_deref().map(text_of).transpose()?),
            api_keys::created_at.eq(stored(new.created_at)),
            api_keys::requests_per_minute.eq(limit(new.limits.requests_per_minute)),
            api_keys::tokens_per_minute.eq(limit(new.limits.tokens_per_minute)),
            api_keys::token_budget.eq(limit(new.limits.token_budget)),
            api_keys::budget_days.eq(limit(new.limits.budget_days)),
        );
        let row: Row = with_write!(self, |conn| {
            or_exists(
                diesel::insert_into(api_keys::table)
                    .values(values)
                    .returning(Row::as_returning())
                    .get_result(conn)
                    .await,
                "key",
                &new.name,
            )?
        });
        row.try_into()
    }

    /// The key of a hash, revoked or not: whether it may still be used is the caller's to judge.
    pub async fn find_key_by_hash(&self, hash: &str) -> Result<Option<ApiKey>> {
        let row: Option<Row> = with_read!(self, |conn| {
            api_keys::table
                .filter(api_keys::hash.eq(hash))
                .select(Row::as_select())
                .first(conn)
                .await
                .optional()?
        });
        row.map(ApiKey::try_from).transpose()
    }

    /// All of them, revoked ones too, oldest first.
    pub async fn list_keys(&self) -> Result<Vec<ApiKey>> {
        let rows: Vec<Row> = with_read!(self, |conn| {
            api_keys::table
                .order((api_keys::created_at, api_keys::id))
                .select(Row::as_select())
                .load(conn)
                .await?
        });
        rows.into_iter().map(ApiKey::try_from).collect()
    }

    /// Revokes a key; `false` if there is none of that id or it was revoked before, whose time stays.
    pub async fn revoke_key(&self, id: &KeyId, now: DateTime<Utc>) -> Result<bool> {
        let update = diesel::update(
            api_keys::table
                .find(id.as_str())
                .filter(api_keys::revoked_at.is_null()),
        )
        .set(api_keys::revoked_at.eq(stored(now)));
        let revoked = with_write!(self, |conn| update.execute(conn).await?);
        Ok(revoked > 0)
    }

    /// Whether there is a key that was not revoked.
    pub async fn has_active_keys(&self) -> Result<bool> {
        let query = diesel::select(diesel::dsl::exists(
            api_keys::table.filter(api_keys::revoked_at.is_null()),
        ));
        Ok(with_read!(self, |conn| query.get_result(conn).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_names_grants_reading_all_of_each() {
        let read = grants_of(r#"["shop","a\"b,c"]"#).expect("reads");
        assert_eq!(read, [Grant::reading("shop"), Grant::reading("a\"b,c")]);
        assert_eq!(text_of(&read).expect("writes"), r#"["shop","a\"b,c"]"#);
        assert!(grants_of("[]").expect("reads").is_empty());
    }

    #[test]
    fn tables_and_writing_come_back_as_they_were() {
        let tables = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
        let grants = [
            Grant {
                tables: tables(&["orders", "sales.orders"]),
                ..Grant::reading("shop")
            },
            Grant {
                write: true,
                ..Grant::reading("stock")
            },
            Grant {
                tables: tables(&[]),
                ..Grant::reading("none of it")
            },
        ];
        let text = text_of(&grants).expect("writes");
        assert_eq!(
            text,
            concat!(
                r#"[{"datasource":"shop","tables":["orders","sales.orders"],"write":false},"#,
                r#"{"datasource":"stock","write":true},"#,
                r#"{"datasource":"none of it","tables":[],"write":false}]"#
            )
        );
        assert_eq!(grants_of(&text).expect("reads"), grants);
    }

    #[test]
    fn what_may_narrow_a_grant_in_a_way_we_do_not_know_is_not_passed_over() {
        for text in [
            r#"[{"datasource":"shop","rows":"own"}]"#,
            r#"[{"tables":["orders"]}]"#,
            "[7]",
            "{}",
        ] {
            assert!(grants_of(text).is_err(), "{text}");
        }
    }
}
