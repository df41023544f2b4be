//! Instances of models: who offers what, and when it was last heard of. Several controllers share the rows.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, RunQueryDsl};

use super::{
    Store,
    columns::{clean_option, stored},
    with_read, with_tx, with_write,
};
use crate::{Result, model::Instance, tables::model_instances};

#[derive(Queryable, Selectable)]
#[diesel(table_name = model_instances, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Row {
    model_name: String,
    host: String,
    port: i32,
    weight: f64,
    check_healthy: bool,
    healthy: bool,
    enabled: bool,
    prompt_template: Option<String>,
    open_calls: Option<i32>,
    last_heartbeat: NaiveDateTime,
}

impl From<Row> for Instance {
    fn from(row: Row) -> Self {
        Self {
            model_name: row.model_name,
            host: row.host,
            port: u16::try_from(row.port).unwrap_or_default(),
            weight: row.weight,
            check_healthy: row.check_healthy,
            healthy: row.healthy,
            enabled: row.enabled,
            prompt_template: row.prompt_template,
            last_heartbeat: Some(row.last_heartbeat.and_utc()),
            load: row.open_calls.and_then(|calls| u32::try_from(calls).ok()),
        }
    }
}

impl Store {
    /// Keeps an instance that registers: new with all it says; one that is known with its weight and its template,
    /// heard of now and healthy.
    pub async fn keep_instance(&self, instance: &Instance, now: DateTime<Utc>) -> Result<()> {
        let name = instance.model_name.as_str();
        let host = instance.host.as_str();
        let port = i32::from(instance.port);
        let template = clean_option(instance.prompt_template.as_deref());
        let calls = open_calls(instance);
        let at = stored(now);
        with_tx!(self, |conn| {
            diesel::insert_into(model_instances::table)
                .values((
                    model_instances::model_name.eq(name),
                    model_instances::host.eq(host),
                    model_instances::port.eq(port),
                    model_instances::weight.eq(instance.weight),
                    model_instances::check_healthy.eq(instance.check_healthy),
                    model_instances::healthy.eq(true),
                    model_instances::enabled.eq(instance.enabled),
                    model_instances::prompt_template.eq(template.as_deref()),
                    model_instances::open_calls.eq(calls),
                    model_instances::last_heartbeat.eq(at),
                ))
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            diesel::update(model_instances::table.find((name, host, port)))
                .set((
                    model_instances::weight.eq(instance.weight),
                    model_instances::healthy.eq(true),
                    model_instances::prompt_template.eq(template.as_deref()),
                    model_instances::open_calls.eq(calls),
                    model_instances::last_heartbeat.eq(at),
                ))
                .execute(conn)
                .await?;
            Ok(())
        })
    }

    /// Notes that an instance was heard of: it is healthy. `false` if there is none such.
    pub async fn hear_of_instance(&self, instance: &Instance, now: DateTime<Utc>) -> Result<bool> {
        let update = diesel::update(model_instances::table.find((
            instance.model_name.as_str(),
            instance.host.as_str(),
            i32::from(instance.port),
        )))
        .set((
            model_instances::healthy.eq(true),
            model_instances::open_calls.eq(open_calls(instance)),
            model_instances::last_heartbeat.eq(stored(now)),
        ));
        let heard = with_write!(self, |conn| update.execute(conn).await?);
        Ok(heard > 0)
    }

    /// Notes that an instance has left; with `remove` nothing of it stays. `false` if there is none such.
    pub async fn retire_instance(
        &self,
        model_name: &str,
        host: &str,
        port: u16,
        remove: bool,
    ) -> Result<bool> {
        let port = i32::from(port);
        let changed = if remove {
            let delete = diesel::delete(model_instances::table.find((model_name, host, port)));
            with_write!(self, |conn| delete.execute(conn).await?)
        } else {
            let update = diesel::update(model_instances::table.find((model_name, host, port)))
                .set(model_instances::healthy.eq(false));
            with_write!(self, |conn| update.execute(conn).await?)
        };
        Ok(changed > 0)
    }

    /// All of them, by name and place.
    pub async fn list_instances(&self) -> Result<Vec<Instance>> {
        let rows: Vec<Row> = with_read!(self, |conn| {
            model_instances::table
                .order((
                    model_instances::model_name,
                    model_instances::host,
                    model_instances::port,
                ))
                .select(Row::as_select())
                .load(conn)
                .await?
        });
        Ok(rows.into_iter().map(Instance::from).collect())
    }

    /// Marks those that are to be heard of and were not since a time. How many that were.
    pub async fn mark_silent_instances(&self, since: DateTime<Utc>) -> Result<usize> {
        let update = diesel::update(
            model_instances::table
                .filter(model_instances::healthy.eq(true))
                .filter(model_instances::check_healthy.eq(true))
                .filter(model_instances::last_heartbeat.lt(stored(since))),
        )
        .set(model_instances::healthy.eq(false));
        Ok(with_write!(self, |conn| update.execute(conn).await?))
    }

    /// Forgets those that are not healthy and were not heard of since a time. How many that were.
    pub async fn forget_instances(&self, since: DateTime<Utc>) -> Result<usize> {
        let delete = diesel::delete(
            model_instances::table
                .filter(model_instances::healthy.eq(false))
                .filter(model_instances::last_heartbeat.lt(stored(since))),
        );
        Ok(with_write!(self, |conn| delete.execute(conn).await?))
    }
}

fn open_calls(instance: &Instance) -> Option<i32> {
    instance
        .load
        .map(|calls| i32::try_from(calls).unwrap_or(i32::MAX))
}
