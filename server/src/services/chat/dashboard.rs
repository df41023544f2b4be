//! What a turn of `chat_dashboard` takes.

use std::sync::Arc;

use tidegate_schema::Result;

use super::{
    Chat,
    prepare::{Asked, Prepared},
};
use crate::scenes::dashboard::DashboardTurn;

impl Chat<'_> {
    /// A wish for charts over the datasource that it names.
    pub(super) async fn dashboard_turn(&self, asked: &Asked<'_>) -> Result<Prepared> {
        let app = self.0;
        let datasource = self.datasource_of(asked).await?;
        let datasources = app.datasources();
        Ok(Prepared::Dashboard(Box::new(DashboardTurn {
            question: asked.request.text.clone(),
            memory: asked.memory.clone(),
            datasource: datasource.name.clone(),
            catalogue: datasources.catalogue_of(asked.caller, &datasource).await?,
            linker: app.databases.linker(&datasource).await,
            options: datasources.guard_options(asked.caller, &datasource),
            hidden: datasources.hidden(asked.caller, &datasource).await?,
            database: app.databases.get(&datasource).await?,
            model: Arc::clone(&asked.model),
            limits: app.sql().limits(),
            schema_chars: self.schema_chars(asked.model.as_ref()),
            repair: app.config.ask.repairs > 0,
            today: app.clock.today(),
            temperature: asked.request.temperature,
            max_tokens: asked.request.max_tokens,
        })))
    }
}
