//! A local language model behind the seam: requests are planned at the door, the thread that owns the network runs
//! them.

mod defaults;
mod load;
mod options;

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use futures::StreamExt as _;
use tidegate_schema::{Error, Result};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(in crate::workers) use self::options::{Executor, Options};
use super::{
    owner::Owner,
    plan::{About, Plan},
    sampling::Defaults,
    scheduler::{Health, Job, Pace},
    template::ChatTemplate,
    tokens::Tokens,
};
use crate::workers::{
    Chunk, ChunkStream, GenerateRequest, LanguageModel, ModelMetadata, Prompt, Tool, ToolChoice,
};

/// A loaded model. Dropping it ends its thread after the step it is in.
pub(super) struct TorchModel {
    metadata: ModelMetadata,
    door: Arc<Door>,
    owner: Owner<Job>,
    pace: Arc<Pace>,
    health: Health,
}

/// All that a request is checked by, before the thread hears of it.
struct Door {
    name: String,
    tokens: Arc<Tokens>,
    template: ChatTemplate,
    window: usize,
    vocabulary: usize,
    /// Answers written at once.
    most: usize,
    defaults: Defaults,
    ends: Vec<u32>,
}

impl Door {
    fn plan(&self, request: GenerateRequest) -> Result<Plan> {
        Plan::new(
            request,
            &About {
                name: &self.name,
                tokens: &self.tokens,
                template: &self.template,
                window: self.window,
                vocabulary: self.vocabulary,
                most: self.most,
                defaults: &self.defaults,
                ends: &self.ends,
            },
        )
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.tokens
            .encode(text, false)
            .map_err(|error| Error::invalid("text", error.to_string()))
    }

    /// The prompt's tokens, whether they fit the window or not.
    fn read(&self, request: &GenerateRequest) -> Result<Vec<u32>> {
        let encode = |field: &str, text: &str, marks: bool| {
            self.tokens
                .encode(text, marks)
                .map_err(|error| Error::invalid(field, error.to_string()))
        };
        match &request.prompt {
            Prompt::Messages(messages) => {
                // As the plan of an answer has it: tools that may not be called are not told of.
                let tools: &[Tool] = if request.tool_choice == ToolChoice::None {
                    &[]
                } else {
                    &request.tools
                };
                let values = &request.template_values;
                let text = self.template.write(messages, tools, values)?;
                encode("messages", &text, !self.template.brings_marks())
            }
            Prompt::Text(text) => encode("prompt", text, true),
            Prompt::Tokens(tokens) => Ok(tokens.clone()),
        }
    }

    fn decode(&self, ids: &[u32]) -> Result<String> {
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.vocabulary) {
            return Err(Error::invalid(
                "tokens",
                format!(
                    "has token {id}, but the tokens of '{}' are 0 to {}",
                    self.name,
                    self.vocabulary - 1
                ),
            ));
        }
        self.tokens
            .decode(ids)
            .map_err(|error| Error::invalid("tokens", error.to_string()))
    }
}

impl TorchModel {
    /// Does something at the door that may take a while: tokenizers and grammars compute, and a task that computes
    /// holds up others.
    async fn at_the_door<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Door) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let door = Arc::clone(&self.door);
        tokio::task::spawn_blocking(move || act(&door))
            .await
            .unwrap_or_else(|error| {
                Err(Error::internal(
                    "checking a request to a local model",
                    error,
                ))
            })
    }
}

#[async_trait]
impl LanguageModel for TorchModel {
    fn metadata(&self) -> ModelMetadata {
        self.metadata.clone()
    }

    async fn generate(&self, request: GenerateRequest) -> Result<ChunkStream> {
        let name = &self.metadata.name;
        if let Some(reason) = self.health.get() {
            return Err(Error::upstream(name, reason));
        }
        let came = Instant::now();
        // First the place, then the work of checking: who is refused costs nothing.
        let admission = self.owner.admit().map_err(|refused| match refused {
            Error::Overloaded { .. } => Error::Overloaded {
                retry_after: self.pace.retry_after(came),
            },
            other => other,
        })?;
        let plan = self.at_the_door(move |door| door.plan(request)).await?;
        let (chunks, told) = unbounded_channel();
        let choices = plan.choices;
        self.owner.send(Job {
            plan,
            came,
            chunks,
            _admission: admission,
        })?;
        Ok(follow_all(name.clone(), choices, told))
    }

    async fn count_tokens(&self, text: &str) -> Result<u32> {
        Ok(self.tokenise(text).await?.len() as u32)
    }

    async fn tokenise(&self, text: &str) -> Result<Vec<u32>> {
        let text = text.to_owned();
        self.at_the_door(move |door| door.encode(&text)).await
    }

    async fn tokenise_request(&self, request: &GenerateRequest) -> Result<Vec<u32>> {
        let request = request.clone();
        self.at_the_door(move |door| door.read(&request)).await
    }

    async fn detokenise(&self, ids: &[u32]) -> Result<String> {
        let ids = ids.to_vec();
        self.at_the_door(move |door| door.decode(&ids)).await
    }

    fn failure(&self) -> Option<String> {
        self.health.get().cloned()
    }
}

/// The chunks of an answer. One that breaks off without an end was cut by the model going away.
pub(in crate::workers) fn follow(
    name: String,
    told: UnboundedReceiver<Result<Chunk>>,
) -> ChunkStream {
    follow_all(name, 1, told)
}

/// The same of several answers to one request, each with an end of its own.
fn follow_all(
    name: String,
    choices: usize,
    mut told: UnboundedReceiver<Result<Chunk>>,
) -> ChunkStream {
    async_stream::stream! {
        let mut open = choices;
        while let Some(chunk) = told.recv().await {
            match chunk {
                Ok(Chunk::End { .. }) => open = open.saturating_sub(1),
                Ok(_) => {}
                Err(_) => open = 0,
            }
            yield chunk;
        }
        if open > 0 {
            yield Err(Error::upstream(&name, "the model was stopped before its answer was whole"));
        }
    }
    .boxed()
}
