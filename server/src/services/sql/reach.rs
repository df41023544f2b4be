//! From a datasource's name to the database behind it, for a statement and its caller.

use std::{sync::Arc, time::Instant};

use tidegate_schema::{
    Error, Result,
    model::{Caller, Datasource, Hidden},
};

use super::{Failed, Sql};
use crate::{
    guard::{Guard, GuardOptions, GuardedDatabase},
    services::audit::{self, Judged},
};

/// A database that a statement is meant for, and how far its caller may use it.
pub(in crate::services) struct Reached {
    pub(in crate::services) datasource: Datasource,
    pub(in crate::services) database: Arc<GuardedDatabase>,
    /// What the guard is to let through: reading.
    pub(in crate::services) options: GuardOptions,
    /// What the database's own words must not tell.
    pub(in crate::services) hidden: Option<Hidden>,
}

impl Sql<'_> {
    /// Opens the datasource that a statement is meant for, if the caller may use it. A statement that gets no further
    /// than here is written down too, unless there is no such datasource.
    pub(in crate::services) async fn reach(
        &self,
        caller: &Caller,
        datasource: &str,
        sql: &str,
    ) -> Result<Reached, Failed> {
        let (app, started) = (self.0, Instant::now());
        let datasource = match app.datasources().get(caller, datasource).await {
            Ok(found) => found,
            Err(error) => {
                audit::no_grant(app, caller, datasource, sql, &error).await?;
                return Err(error.into());
            }
        };
        let options = app.datasources().guard_options(caller, &datasource);
        let opened = async {
            let database = app.databases.get(&datasource).await?;
            let hidden = app.datasources().hidden(caller, &datasource).await?;
            Ok::<_, Error>((database, hidden))
        };
        match opened.await {
            Ok((database, hidden)) => Ok(Reached {
                datasource,
                database,
                options,
                hidden,
            }),
            Err(error) => {
                let dialect = datasource.connection.engine.dialect();
                let verdict = Guard::judge(sql, dialect, &options);
                let judged = Judged {
                    datasource: &datasource.name,
                    sql,
                    verdict: &verdict,
                    error: Some(&error),
                    rows: 0,
                    elapsed_ms: started.elapsed().as_millis() as u64,
                    confirmed: false,
                };
                audit::record(app, caller, &judged).await?;
                Err(Failed::judged(verdict, error))
            }
        }
    }
}
