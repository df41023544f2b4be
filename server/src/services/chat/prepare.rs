//! From a request to a scene with everything it takes, one arm per mode.

use std::sync::Arc;

use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{Caller, ChatMode, Datasource},
};

use super::{Chat, TurnRequest};
use crate::{
    scenes::{
        Memory, dashboard::DashboardTurn, data::DataTurn, database::DatabaseTurn, excel::ExcelTurn,
        normal::NormalTurn, structure::StructureTurn,
    },
    workers::LanguageModel,
};

/// Examples from earlier questions that a model is shown.
const EXAMPLES: usize = 4;
/// Bytes of text in a token, as tokenizers of English and SQL come to on average.
const BYTES_A_TOKEN: usize = 4;

/// A question on its way to a scene.
pub(super) struct Asked<'a> {
    /// Who asks.
    pub(super) caller: &'a Caller,
    /// What was asked for, its text never empty.
    pub(super) request: &'a TurnRequest,
    /// The conversation, which may not exist yet.
    pub(super) conversation: &'a ConversationId,
    /// What the model is told of the conversation so far.
    pub(super) memory: Memory,
    /// Who answers.
    pub(super) model: Arc<dyn LanguageModel>,
}

/// A scene with everything it takes, ready to run.
pub(super) enum Prepared {
    /// Talk.
    Normal(NormalTurn),
    /// A question answered by rows.
    Data(Box<DataTurn>),
    /// A question about a structure.
    Structure(Box<StructureTurn>),
    /// A question to a data file.
    Excel(Box<ExcelTurn>),
    /// Several charts.
    Dashboard(Box<DashboardTurn>),
}

impl Chat<'_> {
    /// Gathers what the mode's scene takes. Nothing is stored here.
    pub(super) async fn prepare(&self, mode: ChatMode, asked: &Asked<'_>) -> Result<Prepared> {
        match mode {
            ChatMode::Normal => Ok(Prepared::Normal(NormalTurn {
                text: asked.request.text.clone(),
                memory: asked.memory.clone(),
                model: Arc::clone(&asked.model),
                temperature: asked.request.temperature,
                max_tokens: asked.request.max_tokens,
            })),
            ChatMode::WithDbExecute => self.data_turn(asked).await,
            ChatMode::WithDbQa => self.structure_turn(asked).await,
            ChatMode::Excel => self.excel_turn(asked).await,
            ChatMode::Dashboard => self.dashboard_turn(asked).await,
            ChatMode::Knowledge | ChatMode::Agent | ChatMode::Flow => {
                Err(unsupported_mode(mode.name()))
            }
        }
    }

    /// The datasource that a question names.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `select_param` where it names none, [`Error::NotFound`] with the nearest name where
    /// there is none of that name.
    pub(super) async fn datasource_of(&self, asked: &Asked<'_>) -> Result<Datasource> {
        let name = asked
            .request
            .select_param
            .as_deref()
            .filter(|name| !name.is_empty())
            .ok_or_else(|| {
                Error::invalid(
                    "select_param",
                    "name the database to ask; /api/v1/chat/db/list lists them",
                )
            })?;
        self.0.datasources().get(asked.caller, name).await
    }

    /// Bytes of schema that a model is shown.
    pub(super) fn schema_chars(&self, model: &dyn LanguageModel) -> usize {
        schema_budget(
            self.0.config.ask.schema_chars,
            model.metadata().context_length,
        )
    }

    async fn data_turn(&self, asked: &Asked<'_>) -> Result<Prepared> {
        let datasource = self.datasource_of(asked).await?;
        Ok(Prepared::Data(Box::new(DataTurn {
            asked: self.database_turn(asked, &datasource).await?,
            examples: self
                .0
                .examples()
                .recall(asked.caller, &datasource, &asked.request.text, EXAMPLES)
                .await,
            repairs: self.0.config.ask.repairs,
        })))
    }

    /// A wish for charts over the datasource that it names.
    async fn dashboard_turn(&self, asked: &Asked<'_>) -> Result<Prepared> {
        let datasource = self.datasource_of(asked).await?;
        Ok(Prepared::Dashboard(Box::new(DashboardTurn {
            asked: self.database_turn(asked, &datasource).await?,
            repair: self.0.config.ask.repairs > 0,
        })))
    }

    /// What is asked of a datasource, with what runs queries on it.
    async fn database_turn(
        &self,
        asked: &Asked<'_>,
        datasource: &Datasource,
    ) -> Result<DatabaseTurn> {
        let app = self.0;
        let datasources = app.datasources();
        Ok(DatabaseTurn {
            question: asked.request.text.clone(),
            memory: asked.memory.clone(),
            datasource: datasource.name.clone(),
            catalogue: datasources.catalogue_of(asked.caller, datasource).await?,
            linker: app.databases.linker(datasource).await,
            database: app.databases.get(datasource).await?,
            options: datasources.guard_options(asked.caller, datasource),
            hidden: datasources.hidden(asked.caller, datasource).await?,
            model: Arc::clone(&asked.model),
            limits: app.sql().limits(),
            schema_chars: self.schema_chars(asked.model.as_ref()),
            today: app.clock.today(),
            temperature: asked.request.temperature,
            max_tokens: asked.request.max_tokens,
        })
    }

    async fn structure_turn(&self, asked: &Asked<'_>) -> Result<Prepared> {
        let app = self.0;
        let datasource = self.datasource_of(asked).await?;
        Ok(Prepared::Structure(Box::new(StructureTurn {
            question: asked.request.text.clone(),
            memory: asked.memory.clone(),
            datasource: datasource.name.clone(),
            engine: datasource.connection.engine,
            catalogue: app
                .datasources()
                .catalogue_of(asked.caller, &datasource)
                .await?,
            linker: app.databases.linker(&datasource).await,
            model: Arc::clone(&asked.model),
            schema_chars: self.schema_chars(asked.model.as_ref()),
            temperature: asked.request.temperature,
            max_tokens: asked.request.max_tokens,
        })))
    }
}

/// The refusal of a mode that no scene answers. Q-180: DB-GPT names none that it would.
pub(in crate::services) fn unsupported_mode(name: &str) -> Error {
    let known: Vec<&str> = ChatMode::ALL
        .into_iter()
        .filter(|mode| mode.is_answered())
        .map(ChatMode::name)
        .collect();
    Error::Unsupported {
        what: format!(
            "Unsupported Chat Mode,{name}! Known are {}.",
            known.join(", ")
        ),
    }
}

/// Characters of schema for a model: what is configured, and no more than half of the window it has, so that the
/// conversation and the answer have room.
fn schema_budget(configured: usize, context_length: Option<u32>) -> usize {
    context_length.map_or(configured, |tokens| {
        configured.min(tokens as usize * BYTES_A_TOKEN / 2)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_window_is_shown_less_of_a_schema() {
        assert_eq!(schema_budget(24_000, None), 24_000);
        assert_eq!(schema_budget(24_000, Some(32_768)), 24_000);
        assert_eq!(schema_budget(24_000, Some(2048)), 4096);
    }

    #[test]
    fn an_unknown_mode_is_refused_with_those_there_are() {
        let text = unsupported_mode("chat_nope").to_string();
        assert!(
            text.starts_with("Unsupported Chat Mode,chat_nope!"),
            "{text}"
        );
        assert!(
            text.contains("chat_with_db_qa") && text.contains("chat_normal"),
            "{text}"
        );
        assert!(!text.contains("chat_flow"), "it is not answered: {text}");
    }
}
