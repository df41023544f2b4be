//! API keys: hashes only.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Store,
    columns::{from_text, stored, to_text},
    error::or_exists,
    with_read, with_write,
};
use crate::{
    Error, Result,
    ids::KeyId,
    model::{ApiKey, NewApiKey},
    tables::api_keys,
};

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
            datasources: row.datasources.as_deref().map(from_text).transpose()?,
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
            api_keys::datasources.eq(new.datasources.as_ref().map(to_text).transpose()?),
            api_keys::created_at.eq(stored(new.created_at)),
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
