//! Texts as a model counts them: to tokens and back.

use tidegate_schema::{
    Error, Result,
    model::{Act, Caller},
};

use super::models::Models;
use crate::workers::{GenerateRequest, ModelMetadata, Prompt};

/// The tokens of a text or a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokenised {
    /// In the model's own numbers.
    pub tokens: Vec<u32>,
    /// Tokens the model takes for prompt and answer together, if known.
    pub window: Option<u32>,
}

impl Models<'_> {
    /// The tokens that a model reads a request as. Without `marks` a plain text stands alone, as in the middle of
    /// another.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for models whose tokens are not known here.
    pub async fn tokenise(
        &self,
        caller: &Caller,
        name: &str,
        request: GenerateRequest,
        marks: bool,
    ) -> Result<Tokenised> {
        caller.may(Act::Ask)?;
        let model = self.language(Some(name)).await?;
        let tokens = match &request.prompt {
            Prompt::Text(text) if !marks => model.tokenise(text).await?,
            _ => model.tokenise_request(&request).await?,
        };
        Ok(Tokenised {
            tokens,
            window: model.metadata().context_length,
        })
    }

    /// The text of a model's tokens, marks left out.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for models whose tokens are not known here.
    pub async fn detokenise(&self, caller: &Caller, name: &str, tokens: &[u32]) -> Result<String> {
        caller.may(Act::Ask)?;
        self.language(Some(name)).await?.detokenise(tokens).await
    }

    /// What a model that writes freely says of itself.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for one that answers questions about databases alone.
    pub async fn writer(&self, name: &str) -> Result<ModelMetadata> {
        let metadata = self.language(Some(name)).await?.metadata();
        if metadata.sql_only {
            return Err(Error::Unsupported {
                what: format!(
                    "'{}' answers questions about databases and writes nothing else; ask it over chat/completions with \
                     a datasource, or ask another model",
                    metadata.name
                ),
            });
        }
        Ok(metadata)
    }
}
