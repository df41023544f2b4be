//! What a caller may see of a datasource's examples: others would name what is hidden from him.

use tidegate_schema::{
    ids::DatasourceId,
    model::{Caller, Datasource, Dialect, Example},
};

use crate::{
    app::App,
    guard::{Guard, GuardOptions},
};

/// What a caller may read of a datasource.
pub(super) struct Sight {
    datasource: DatasourceId,
    dialect: Dialect,
    options: GuardOptions,
}

impl Sight {
    pub(super) fn of(app: &App, caller: &Caller, datasource: &Datasource) -> Self {
        Self {
            datasource: datasource.id,
            dialect: datasource.connection.engine.dialect(),
            options: app.datasources().guard_options(caller, datasource),
        }
    }

    /// Whether the caller may see an example. One whose tables are gone is seen, so that it can be removed.
    pub(super) fn reaches(&self, example: &Example) -> bool {
        example.datasource == self.datasource
            && (self.options.allowed_tables.is_none() || self.lets_through(&example.sql))
    }

    /// Whether the caller could run a query.
    pub(super) fn lets_through(&self, sql: &str) -> bool {
        Guard::judge(sql, self.dialect, &self.options).allowed
    }
}
