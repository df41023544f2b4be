//! Chat turns: begin, run the scene, store, tell.
//!
//! The question is stored before anything else, the answer before [`ChatEvent::Done`] is told. A turn whose
//! listener leaves, or that fails, keeps the question and what was said, marked as cut.

use std::{sync::Arc, time::Duration};

use futures::stream::BoxStream;
use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{
        Answer, AuditEntry, Caller, ChatEvent, ChatMode, Message, MessageDetail, NewMessage, Role,
        TurnHead,
    },
};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

use crate::{
    app::App,
    scenes::{
        Emitter, Memory, Outcome,
        data::{self, DataTurn},
        normal::{self, NormalTurn},
    },
    workers::{LanguageModel, PromptMessage, Speaker},
};

/// Events told before the teller waits for the listener.
const BACKLOG: usize = 64;

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
            detail: detail.clone(),
        };
        let round = app.store.begin_turn(head, human, app.clock.now()).await?;

        let (sender, receiver) = mpsc::channel(BACKLOG);
        let turn = Turn {
            app: app.clone(),
            caller: caller.clone(),
            conversation,
            round,
            detail,
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
        let memory = memory(
            &app.store.list_messages(conversation).await?,
            app.config.ask.memory_rounds,
            model.metadata().sql_only,
        );
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
                    catalogue: app.databases.catalogue(&datasource).await?,
                    database: app.databases.get(&datasource).await?,
                    model,
                    limits: app.sql().limits(),
                    schema_chars: app.config.ask.schema_chars,
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

/// A turn under way.
struct Turn {
    app: App,
    caller: Caller,
    conversation: ConversationId,
    round: i32,
    detail: MessageDetail,
}

impl Turn {
    async fn run(self, prepared: Prepared, model: String, emitter: &Emitter) {
        emitter
            .emit(ChatEvent::Started {
                conversation: self.conversation.clone(),
                round: self.round,
                model,
            })
            .await;
        let limit = Duration::from_secs(self.app.config.limits.turn_seconds);
        let (watched, mut told) = mpsc::channel(BACKLOG);
        let inner = Emitter::new(watched);
        let scene = async {
            match prepared {
                Prepared::Normal(turn) => normal::answer(turn, &inner).await,
                Prepared::Data(turn) => data::answer(*turn, &inner).await,
            }
        };
        let mut said = String::new();
        let ended = {
            let guarded = tokio::time::timeout(limit, scene);
            tokio::pin!(guarded);
            loop {
                tokio::select! {
                    Some(event) = told.recv() => {
                        if let ChatEvent::Text(text) = &event {
                            said.push_str(text);
                        }
                        emitter.emit(event).await;
                    }
                    outcome = &mut guarded => break Some(outcome.unwrap_or_else(|_| {
                        Err(Error::Timeout { what: "the turn".to_owned(), limit })
                    })),
                    () = emitter.abandoned() => break None,
                }
            }
        };
        // What the scene told between its last poll and its end.
        while let Ok(event) = told.try_recv() {
            if let ChatEvent::Text(text) = &event {
                said.push_str(text);
            }
            emitter.emit(event).await;
        }
        match ended {
            Some(Ok(outcome)) => self.complete(outcome, emitter).await,
            Some(Err(error)) => {
                self.cut(&said).await;
                emitter.emit(ChatEvent::Error(error)).await;
            }
            None => self.cut(&said).await,
        }
    }

    /// Stores the answer, then tells that the turn is done.
    async fn complete(self, outcome: Outcome, emitter: &Emitter) {
        for attempt in &outcome.attempts {
            let entry = AuditEntry {
                at: self.app.clock.now(),
                caller: self.caller.audit_name(),
                datasource: outcome.evidence.datasource.clone(),
                sql: attempt.sql.clone(),
                allowed: attempt.verdict.allowed,
                reason: attempt
                    .error
                    .as_ref()
                    .map_or_else(|| attempt.verdict.reason.clone(), ToString::to_string),
                rows: attempt.rows as i64,
                elapsed_ms: attempt.elapsed_ms as i64,
            };
            if let Err(error) = self.app.store.record_query(entry).await {
                tracing::error!(
                    error = error.log_chain(),
                    "the audit log could not be written"
                );
            }
        }
        let answer = Answer {
            conversation: self.conversation.clone(),
            round: self.round,
            text: outcome.text,
            result: outcome.result,
            chart: outcome.chart,
            problem: outcome.problem,
            evidence: outcome.evidence,
            usage: outcome.usage,
        };
        let view = MessageDetail {
            evidence: Some(answer.document()),
            ..self.detail.clone()
        };
        let messages = vec![
            NewMessage {
                role: Role::Ai,
                content: outcome.raw,
                detail: self.detail.clone(),
            },
            NewMessage {
                role: Role::View,
                content: answer.text.clone(),
                detail: view,
            },
        ];
        match self
            .app
            .store
            .finish_turn(
                &self.conversation,
                self.round,
                messages,
                self.app.clock.now(),
            )
            .await
        {
            Ok(()) => emitter.emit(ChatEvent::Done(Box::new(answer))).await,
            Err(error) => emitter.emit(ChatEvent::Error(error)).await,
        }
    }

    /// Keeps what was said of a turn that did not end.
    async fn cut(&self, said: &str) {
        if said.is_empty() {
            return;
        }
        let detail = MessageDetail {
            cut: true,
            ..self.detail.clone()
        };
        let messages = vec![
            NewMessage {
                role: Role::Ai,
                content: said.to_owned(),
                detail: detail.clone(),
            },
            NewMessage {
                role: Role::View,
                content: said.to_owned(),
                detail,
            },
        ];
        if let Err(error) = self
            .app
            .store
            .finish_turn(
                &self.conversation,
                self.round,
                messages,
                self.app.clock.now(),
            )
            .await
        {
            tracing::error!(error = error.log_chain(), "a cut turn could not be stored");
        }
    }
}

/// The latest finished rounds as messages to a model; none for one that takes questions alone.
fn memory(messages: &[Message], rounds: usize, alone: bool) -> Memory {
    if alone {
        return Memory::new();
    }
    let latest = messages.iter().map(|m| m.round).max().unwrap_or(0);
    messages
        .iter()
        .filter(|m| m.round > latest - rounds as i32)
        .filter_map(|message| {
            let speaker = match message.role {
                Role::Human => Speaker::User,
                Role::Ai => Speaker::Assistant,
                Role::System => Speaker::System,
                Role::View => return None,
            };
            Some(PromptMessage {
                speaker,
                text: message.content.clone(),
            })
        })
        .collect()
}
