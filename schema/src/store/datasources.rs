//! Datasources; passwords are sealed on the way in and opened on the way out.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, RunQueryDsl};

use super::{Sealer, Store, columns::stored, error::or_exists, with_read, with_tx, with_write};
use crate::{
    Error, Result,
    ids::DatasourceId,
    model::{Connection, Datasource, DatasourcePatch, Engine, NewDatasource},
    tables::datasources,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = datasources, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Row {
    id: i64,
    name: String,
    engine: String,
    path: String,
    host: String,
    port: i32,
    user_name: String,
    password: Option<Vec<u8>>,
    database_name: String,
    comment: String,
    owner: Option<String>,
    created_at: NaiveDateTime,
    modified_at: NaiveDateTime,
    writable: bool,
}

impl Row {
    /// Whether a connection leads to the same database as this one's. Another password opens the same door.
    fn leads_to(&self, other: &ConnectionColumns<'_>) -> bool {
        self.engine == other.engine
            && self.path == other.path
            && self.host.eq_ignore_ascii_case(other.host)
            && self.port == other.port
            && self.user_name == other.user_name
            && self.database_name == other.database_name
    }

    fn open(self, sealer: &Sealer) -> Result<Datasource> {
        let engine = Engine::from_name(&self.engine).ok_or_else(|| {
            Error::internal(
                "reading a datasource",
                format!("'{}' has the engine '{}'", self.name, self.engine),
            )
        })?;
        Ok(Datasource {
            id: DatasourceId(self.id),
            connection: Connection {
                engine,
                path: self.path,
                host: self.host,
                port: u16::try_from(self.port)
                    .map_err(|error| Error::internal("reading a datasource", error))?,
                user: self.user_name,
                password: sealer.unseal_password(&self.name, self.password.as_deref())?,
                database: self.database_name,
            },
            name: self.name,
            comment: self.comment,
            owner: self.owner,
            writable: self.writable,
            created_at: self.created_at.and_utc(),
            modified_at: self.modified_at.and_utc(),
        })
    }
}

/// The columns of a connection, for inserts and changes alike.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = datasources, treat_none_as_null = true)]
struct ConnectionColumns<'a> {
    engine: &'static str,
    path: &'a str,
    host: &'a str,
    port: i32,
    user_name: &'a str,
    password: Option<Vec<u8>>,
    database_name: &'a str,
}

impl<'a> ConnectionColumns<'a> {
    fn of(name: &str, connection: &'a Connection, sealer: &Sealer) -> Result<Self> {
        Ok(Self {
            engine: connection.engine.name(),
            path: &connection.path,
            host: &connection.host,
            port: i32::from(connection.port),
            user_name: &connection.user,
            password: sealer.seal_password(name, &connection.password)?,
            database_name: &connection.database,
        })
    }
}

impl Store {
    /// All of them, in the order they were added.
    pub async fn list_datasources(&self) -> Result<Vec<Datasource>> {
        let rows: Vec<Row> = with_read!(self, |conn| {
            datasources::table
                .order(datasources::id)
                .select(Row::as_select())
                .load(conn)
                .await?
        });
        rows.into_iter().map(|row| row.open(&self.sealer)).collect()
    }

    /// The one of that name.
    pub async fn find_datasource(&self, name: &str) -> Result<Option<Datasource>> {
        let row: Option<Row> = with_read!(self, |conn| {
            datasources::table
                .filter(datasources::name.eq(name))
                .select(Row::as_select())
                .first(conn)
                .await
                .optional()?
        });
        row.map(|row| row.open(&self.sealer)).transpose()
    }

    /// The one of that number.
    pub async fn find_datasource_by_id(&self, id: DatasourceId) -> Result<Option<Datasource>> {
        let row: Option<Row> = with_read!(self, |conn| {
            datasources::table
                .find(id.0)
                .select(Row::as_select())
                .first(conn)
                .await
                .optional()?
        });
        row.map(|row| row.open(&self.sealer)).transpose()
    }

    /// Adds one, read only; [`Error::AlreadyExists`] if the name is taken. Numbers are never used again.
    pub async fn insert_datasource(
        &self,
        new: NewDatasource,
        now: DateTime<Utc>,
    ) -> Result<Datasource> {
        let connection = ConnectionColumns::of(&new.name, &new.connection, &self.sealer)?;
        let values = (
            datasources::name.eq(&new.name),
            connection,
            datasources::comment.eq(&new.comment),
            datasources::owner.eq(&new.owner),
            datasources::created_at.eq(stored(now)),
            datasources::modified_at.eq(stored(now)),
            datasources::writable.eq(false),
        );
        let row: Row = with_write!(self, |conn| {
            or_exists(
                diesel::insert_into(datasources::table)
                    .values(values)
                    .returning(Row::as_returning())
                    .get_result(conn)
                    .await,
                "datasource",
                &new.name,
            )?
        });
        row.open(&self.sealer)
    }

    /// Changes one; `None` if there is none of that name. One that leads to another database than before is read only
    /// again: it was the other one that was marked.
    pub async fn update_datasource(
        &self,
        name: &str,
        patch: DatasourcePatch,
        now: DateTime<Utc>,
    ) -> Result<Option<Datasource>> {
        let connection = patch
            .connection
            .as_ref()
            .map(|connection| ConnectionColumns::of(name, connection, &self.sealer))
            .transpose()?;
        let comment = patch.comment.as_deref();
        let changed: Result<Option<Row>> = with_tx!(self, |conn| {
            let known: Option<Row> = datasources::table
                .filter(datasources::name.eq(name))
                .select(Row::as_select())
                .first(conn)
                .await
                .optional()?;
            let Some(known) = known else {
                return Ok(None);
            };
            let stays = connection
                .as_ref()
                .is_none_or(|connection| known.leads_to(connection));
            let changes = (
                connection.as_ref(),
                comment.map(|comment| datasources::comment.eq(comment)),
                datasources::writable.eq(known.writable && stays),
                datasources::modified_at.eq(stored(now)),
            );
            let row: Row = diesel::update(datasources::table.find(known.id))
                .set(changes)
                .returning(Row::as_returning())
                .get_result(conn)
                .await?;
            Ok(Some(row))
        });
        changed?.map(|row| row.open(&self.sealer)).transpose()
    }

    /// Lets statements that change rows through to one, or no longer; `None` if there is none of that name.
    pub async fn mark_writable(
        &self,
        name: &str,
        writable: bool,
        now: DateTime<Utc>,
    ) -> Result<Option<Datasource>> {
        let changes = (
            datasources::writable.eq(writable),
            datasources::modified_at.eq(stored(now)),
        );
        let row: Option<Row> = with_write!(self, |conn| {
            diesel::update(datasources::table.filter(datasources::name.eq(name)))
                .set(changes)
                .returning(Row::as_returning())
                .get_result(conn)
                .await
                .optional()?
        });
        row.map(|row| row.open(&self.sealer)).transpose()
    }

    /// Removes one; `false` if there is none of that name. Its conversations stay.
    pub async fn delete_datasource(&self, name: &str) -> Result<bool> {
        let delete = diesel::delete(datasources::table.filter(datasources::name.eq(name)));
        let deleted = with_write!(self, |conn| delete.execute(conn).await?);
        Ok(deleted > 0)
    }
}
