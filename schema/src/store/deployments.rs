//! Deployments; what they are started with is sealed on the way in and opened on the way out.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Sealer, Store,
    columns::{clean, clean_option, from_text, stored, to_text},
    with_read, with_write,
};
use crate::{
    Error, Result,
    model::{DeployParams, DeployedKind, Deployment, DeploymentId, ModelPlace},
    tables::deployments,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = deployments, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Row {
    model: String,
    kind: String,
    host: String,
    port: i32,
    params: Vec<u8>,
    running: bool,
    user_name: Option<String>,
    sys_code: Option<String>,
    created_at: NaiveDateTime,
    modified_at: NaiveDateTime,
}

/// What the parameters of a deployment are sealed for: they open in no other's place.
fn seal_place(model: &str, kind: &str, host: &str, port: i32) -> String {
    format!("deployment {kind} {port} {host} {model}")
}

impl Row {
    fn open(self, sealer: &Sealer) -> Result<Deployment> {
        let reading = |what: String| Error::internal("reading a deployment", what);
        let kind = DeployedKind::from_name(&self.kind)
            .ok_or_else(|| reading(format!("'{}' has the kind '{}'", self.model, self.kind)))?;
        let place = seal_place(&self.model, &self.kind, &self.host, self.port);
        let text = sealer
            .unseal(&place, &self.params)
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| {
                Error::invalid(
                    "database.secret_key",
                    format!(
                        "what the model '{}' is started with does not open with this key; use the key it was stored \
                         under, or start it anew",
                        self.model
                    ),
                )
            })?;
        Ok(Deployment {
            id: DeploymentId {
                model: self.model,
                kind,
                place: ModelPlace {
                    host: self.host,
                    port: u16::try_from(self.port).map_err(|e| reading(e.to_string()))?,
                },
            },
            params: DeployParams(from_text(&text)?),
            running: self.running,
            user: self.user_name,
            sys_code: self.sys_code,
            created_at: self.created_at.and_utc(),
            modified_at: self.modified_at.and_utc(),
        })
    }
}

impl Store {
    /// The deployments of a server, in the order they were made. One that cannot be read is left out and told to the
    /// log: it must not keep the others from being started.
    pub async fn list_deployments(&self, place: &ModelPlace) -> Result<Vec<Deployment>> {
        let rows: Vec<Row> = with_read!(self, |conn| {
            deployments::table
                .filter(deployments::host.eq(&place.host))
                .filter(deployments::port.eq(i32::from(place.port)))
                .order((deployments::created_at, deployments::model))
                .select(Row::as_select())
                .load(conn)
                .await?
        });
        let opened = rows.into_iter().filter_map(|row| {
            let model = row.model.clone();
            row.open(&self.sealer)
                .inspect_err(|error| {
                    let error = error.log_chain();
                    tracing::error!(model, error, "a stored model cannot be read");
                })
                .ok()
        });
        Ok(opened.collect())
    }

    /// The one that is meant.
    pub async fn find_deployment(&self, id: &DeploymentId) -> Result<Option<Deployment>> {
        let row: Option<Row> = with_read!(self, |conn| {
            deployments::table
                .filter(deployments::model.eq(&id.model))
                .filter(deployments::kind.eq(id.kind.name()))
                .filter(deployments::host.eq(&id.place.host))
                .filter(deployments::port.eq(i32::from(id.place.port)))
                .select(Row::as_select())
                .first(conn)
                .await
                .optional()?
        });
        row.map(|row| row.open(&self.sealer)).transpose()
    }

    /// Keeps one, in the place of an earlier one with the same name, kind and server.
    pub async fn put_deployment(&self, deployment: &Deployment) -> Result<()> {
        let id = &deployment.id;
        let (kind, port) = (id.kind.name(), i32::from(id.place.port));
        let model = clean(&id.model);
        let host = clean(&id.place.host);
        let user = clean_option(deployment.user.as_deref());
        let sys_code = clean_option(deployment.sys_code.as_deref());
        let text = to_text(&deployment.params.0)?;
        let sealed = self
            .sealer
            .seal(&seal_place(&model, kind, &host, port), text.as_bytes())?;
        let changes = (
            deployments::params.eq(sealed.as_slice()),
            deployments::running.eq(deployment.running),
            deployments::modified_at.eq(stored(deployment.modified_at)),
        );
        let values = (
            deployments::model.eq(&*model),
            deployments::kind.eq(kind),
            deployments::host.eq(&*host),
            deployments::port.eq(port),
            deployments::params.eq(sealed.as_slice()),
            deployments::running.eq(deployment.running),
            deployments::user_name.eq(user.as_deref()),
            deployments::sys_code.eq(sys_code.as_deref()),
            deployments::created_at.eq(stored(deployment.created_at)),
            deployments::modified_at.eq(stored(deployment.modified_at)),
        );
        let key = (
            deployments::model,
            deployments::kind,
            deployments::host,
            deployments::port,
        );
        with_write!(self, |conn| {
            diesel::insert_into(deployments::table)
                .values(values)
                .on_conflict(key)
                .do_update()
                .set(changes)
                .execute(conn)
                .await?
        });
        Ok(())
    }

    /// Notes whether one is started with its server; `false` if there is none.
    pub async fn mark_deployment(
        &self,
        id: &DeploymentId,
        running: bool,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let changes = (
            deployments::running.eq(running),
            deployments::modified_at.eq(stored(now)),
        );
        let changed = with_write!(self, |conn| {
            diesel::update(
                deployments::table
                    .filter(deployments::model.eq(&id.model))
                    .filter(deployments::kind.eq(id.kind.name()))
                    .filter(deployments::host.eq(&id.place.host))
                    .filter(deployments::port.eq(i32::from(id.place.port))),
            )
            .set(changes)
            .execute(conn)
            .await?
        });
        Ok(changed > 0)
    }

    /// Forgets one; `false` if there is none.
    pub async fn delete_deployment(&self, id: &DeploymentId) -> Result<bool> {
        let deleted = with_write!(self, |conn| {
            diesel::delete(
                deployments::table
                    .filter(deployments::model.eq(&id.model))
                    .filter(deployments::kind.eq(id.kind.name()))
                    .filter(deployments::host.eq(&id.place.host))
                    .filter(deployments::port.eq(i32::from(id.place.port))),
            )
            .execute(conn)
            .await?
        });
        Ok(deleted > 0)
    }
}
