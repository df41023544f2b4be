//! What a question to a file that was sent takes: the file as a database, and the turn over it.

use std::sync::Arc;

use tidegate_schema::Result;

use super::{
    Chat,
    prepare::{Asked, Prepared},
};
use crate::{
    guard::GuardOptions,
    scenes::{data::DataTurn, database::DatabaseTurn, excel::ExcelTurn},
};

impl Chat<'_> {
    /// Finds the file that is asked, opens it as a database where it is not open yet, and gathers what the scene takes.
    ///
    /// # Errors
    /// [`tidegate_schema::Error::Invalid`] where no file was sent, and with the place in it where it cannot be read;
    /// [`tidegate_schema::Error::NotFound`] where the one that is named is not the caller's, or not this
    /// conversation's.
    pub(super) async fn excel_turn(&self, asked: &Asked<'_>) -> Result<Prepared> {
        let app = self.0;
        let named = asked.request.select_param.as_deref().unwrap_or_default();
        let upload = app
            .uploads()
            .asked_of(asked.caller, asked.conversation, named)
            .await?;
        let opened = app.uploads().opened(&upload).await?;
        Ok(Prepared::Excel(Box::new(ExcelTurn {
            file: upload.name.clone(),
            reference: upload.reference(),
            data: DataTurn {
                asked: DatabaseTurn {
                    question: asked.request.text.clone(),
                    memory: asked.memory.clone(),
                    datasource: upload.name.clone(),
                    catalogue: Arc::clone(&opened.catalogue),
                    linker: opened.linker.clone(),
                    // The file is the caller's own: there is nothing in it to be hidden from whoever sent it.
                    options: GuardOptions::default(),
                    hidden: None,
                    database: Arc::clone(&opened.database),
                    model: Arc::clone(&asked.model),
                    limits: app.sql().limits(),
                    schema_chars: self.schema_chars(asked.model.as_ref()),
                    today: app.clock.today(),
                    temperature: asked.request.temperature,
                    max_tokens: asked.request.max_tokens,
                },
                examples: Vec::new(),
                repairs: app.config.ask.repairs,
            },
        })))
    }
}
