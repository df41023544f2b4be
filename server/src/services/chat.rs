//! Chat turns: begin, run the scene, store, tell.
//!
//! The question is stored before anything else, the answer before [`ChatEvent::Done`] is told. A turn whose
//! listener leaves, or that fails, keeps the question and what was said, marked as cut.

mod memory;
mod turn;

use std::{sync::Arc, time::Duration};

use futures::stream::BoxStream;
use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{Act, Answer, Caller, ChatEvent, ChatMode, MessageDetail, NewMessage, Role, TurnHead},
};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

use self::{memory::memory, turn::Turn};
use super::check_id;
use crate::{
    app::App,
    scenes::{Emitter, data::DataTurn, normal::NormalTurn},
    workers::LanguageModel,
};

/// Events told before the teller waits for the listener.
const BACKLOG: usize = 64;
/// Examples from earlier questions that a model is shown.
const EXAMPLES: usize = 4;
/// Bytes of text in a token, as tokenizers of English and SQL come to on average.
const BYTES_A_TOKEN: usize = 4;

/// What a turn is asked with.
#[derive(Debug, Clone, Default)]
pub struct TurnRequest {
    /// The conversation; one is made when there is none.
    pub conversation: Option<ConversationId>,
    /// The question.
    pub text: String,
    /// Mode, by its wire name; empty for `chat_normal`.
    pub mode: String,
    /// What is asked: the datasource's name for database modes.
    pub select_param: Option<String>,
    /// Model; the default one when not given.
    pub model: Option<String>,
    /// System code, carried for old clients.
    pub sys_code: Option<String>,
    /// App, carried for old clients.
    pub app_code: Option<String>,
    /// Sampling.
    pub temperature: Option<f32>,
    /// Most new tokens.
    pub max_tokens: Option<u32>,
}

/// Events of a turn, ending with [`ChatEvent::Done`] or [`ChatEvent::Error`]. Dropping it cancels the turn.
pub type EventStream = BoxStream<'static, ChatEvent>;

/// The service.
pub struct Chat<'a>(pub(crate) &'a App);

/// A scene with everything it takes, ready to run.
enum Prepared {
    Normal(NormalTurn),
    Data(Box<DataTurn>),
}

impl Chat<'_> {
    /// Begins a turn. What is wrong with the request is an error here; what goes wrong later is an event.
    pub async fn begin(&self, caller: &Caller, request: TurnRequest) -> Result<EventStream> {
        let app = self.0.clone();
        caller.may(Act::Ask)?;
        check(&request)?;
        if request.text.trim().is_empty() {
            return Err(Error::invalid("user_input", "The message is empty"));
        }
        if app.stopping.is_cancelled() {
            return Err(Error::Overloaded {
                retry_after: Duration::from_secs(5),
            });
        }
        let permit = Arc::clone(&app.turns)
            .try_acquire_owned()
            .map_err(|_| Error::Overloaded {
                retry_after: Duration::from_secs(1),
            })?;
        let mode_name = if request.mode.is_empty() {
            ChatMode::Normal.name()
        } else {
            &request.mode
        };
        let mode = ChatMode::from_name(mode_name).ok_or_else(|| Error::Unsupported {
            what: format!("Unsupported Chat Mode,{mode_name}!"),
        })?;
        let asked = request
            .select_param
            .as_deref()
            .filter(|name| !name.is_empty());
        // Whatever the mode: what was asked beyond a caller's grants would be hidden from that caller.
        if let Some(name) = asked {
            caller.may_use(name)?;
        }
        let model = app.models().language(request.model.as_deref()).await?;
        let conversation = request
            .conversation
            .clone()
            .unwrap_or_else(|| ConversationId(uuid::Uuid::new_v4().to_string()));
        let prepared = self
            .prepare(caller, mode, &request, &conversation, Arc::clone(&model))
            .await?;
        let model_name = model.metadata().name;
        let detail = MessageDetail {
            select_param: request.select_param.clone(),
            model: Some(model_name.clone()),
            ..MessageDetail::default()
        };
        let head = TurnHead {
            conversation: conversation.clone(),
            mode: mode.name().to_owned(),
            user: Some(caller.user.clone()),
            sys_code: request.sys_code.clone(),
            app_code: request.app_code.clone(),
            model: Some(model_name.clone()),
            select_param: request.select_param.clone(),
        };
        let human = NewMessage {
            role: Role::Human,
            content: request.text.clone(),
            detail: MessageDetail {
                evidence: asked.and_then(|name| caller.asks_within(name)),
                ..detail.clone()
            },
        };
        let place = app.running.enter(&conversation);
        let begun = app.store.begin_turn(head, human, app.clock.now()).await?;

        let (sender, receiver) = mpsc::channel(BACKLOG);
        let turn = Turn {
            app: app.clone(),
            caller: caller.clone(),
            conversation,
            begun,
            detail,
            place,
        };
        app.tasks.spawn(async move {
            let emitter = Emitter::new(sender);
            turn.run(prepared, model_name, &emitter).await;
            drop(permit);
        });
        Ok(Box::pin(ReceiverStream::new(receiver)))
    }

    /// Runs a turn to its end and returns the answer, for surfaces that do not stream.
    pub async fn ask(&self, caller: &Caller, request: TurnRequest) -> Result<Answer> {
        let mut events = self.begin(caller, request).await?;
        while let Some(event) = events.next().await {
            match event {
                ChatEvent::Done(answer) => return Ok(*answer),
                ChatEvent::Error(error) => return Err(error),
                _ => {}
            }
        }
        Err(Error::internal(
            "running a turn",
            std::io::Error::other("the turn ended without an answer"),
        ))
    }

    async fn prepare(
        &self,
        caller: &Caller,
        mode: ChatMode,
        request: &TurnRequest,
        conversation: &ConversationId,
        model: Arc<dyn LanguageModel>,
    ) -> Result<Prepared> {
        let app = self.0;
        let metadata = model.metadata();
        let earlier = app.store.list_messages(conversation).await?;
        if !caller.may_see_all(&earlier) {
            return Err(Error::Forbidden {
                reason: format!(
                    "something in the conversation '{conversation}' was asked of a datasource that this key has no \
                     grant on; begin a new conversation"
                ),
            });
        }
        let memory = memory(&earlier, app.config.ask.memory_rounds, metadata.sql_only);
        match mode {
            ChatMode::Normal => Ok(Prepared::Normal(NormalTurn {
                text: request.text.clone(),
                memory,
                model,
                temperature: request.temperature,
                max_tokens: request.max_tokens,
            })),
            ChatMode::WithDbExecute => {
                let name = request
                    .select_param
                    .as_deref()
                    .filter(|name| !name.is_empty())
                    .ok_or_else(|| {
                        Error::invalid(
                            "select_param",
                            "name the database to ask; /api/v1/chat/db/list lists them",
                        )
                    })?;
                let datasource = app.datasources().get(caller, name).await?;
                Ok(Prepared::Data(Box::new(DataTurn {
                    question: request.text.clone(),
                    memory,
                    datasource: datasource.name.clone(),
                    catalogue: app.datasources().catalogue_of(caller, &datasource).await?,
                    linker: app.databases.linker(&datasource).await,
                    database: app.databases.get(&datasource).await?,
                    options: app.datasources().guard_options(caller, &datasource),
                    hidden: app.datasources().hidden(caller, &datasource).await?,
                    examples: app
                        .examples()
                        .recall(caller, &datasource, &request.text, EXAMPLES)
                        .await,
                    model,
                    limits: app.sql().limits(),
                    schema_chars: schema_budget(
                        app.config.ask.schema_chars,
                        metadata.context_length,
                    ),
                    repairs: app.config.ask.repairs,
                    today: app.clock.today(),
                    temperature: request.temperature,
                    max_tokens: request.max_tokens,
                })))
            }
            other => Err(Error::Unsupported {
                what: format!("Unsupported Chat Mode,{}!", other.name()),
            }),
        }
    }
}

/// Refuses ids and names that no column or upstream has room for.
fn check(request: &TurnRequest) -> Result<()> {
    let conversation = request.conversation.as_ref().map(ConversationId::as_str);
    for (field, text) in [
        ("conv_uid", conversation),
        ("chat_mode", Some(request.mode.as_str())),
        ("select_param", request.select_param.as_deref()),
        ("model_name", request.model.as_deref()),
        ("sys_code", request.sys_code.as_deref()),
        ("app_code", request.app_code.as_deref()),
    ] {
        check_id(field, text.unwrap_or_default())?;
    }
    Ok(())
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
}
