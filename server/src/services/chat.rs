//! Chat turns: begin, run the scene, store, tell.
//!
//! The question is stored before anything else, the answer before [`ChatEvent::Done`] is told. A turn whose
//! listener leaves, that is stopped, or that fails, keeps the question and what was said, marked as cut.
//! A conversation has one turn at a time. Every turn is metered here, whichever surface asks.

mod excel;
mod memory;
mod prepare;
mod request;
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

pub(super) use self::prepare::unsupported_mode;
pub use self::request::TurnRequest;
use self::{
    memory::memory,
    prepare::{Asked, Prepared},
    turn::Turn,
};
use crate::{
    app::App,
    scenes::Emitter,
    services::metering::{Call, Operation},
};

/// Events told before the teller waits for the listener.
const BACKLOG: usize = 64;

/// Events of a turn, ending with [`ChatEvent::Done`] or [`ChatEvent::Error`]. Dropping it cancels the turn.
pub type EventStream = BoxStream<'static, ChatEvent>;

/// The service.
pub struct Chat<'a>(pub(crate) &'a App);

/// A request with its scene, of which nothing is stored yet.
struct Ready {
    request: TurnRequest,
    mode: ChatMode,
    model: String,
    prepared: Prepared,
}

impl Chat<'_> {
    /// Begins a turn. What is wrong with the request is an error here, and nothing of it is stored; what goes wrong
    /// later is an event.
    ///
    /// # Errors
    /// [`Error::Conflict`] while the conversation's turn before is still being answered.
    pub async fn begin(&self, caller: &Caller, request: TurnRequest) -> Result<EventStream> {
        let app = self.0.clone();
        caller.may(Act::Ask)?;
        request.check()?;
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
        let conversation = request
            .conversation
            .clone()
            .unwrap_or_else(|| ConversationId(uuid::Uuid::new_v4().to_string()));
        let place = app.running.enter(&conversation).await?;
        // Boxed, as the gathering for every kind of scene would stand on the stack of each.
        let preparing = Box::pin(self.ready(caller, request, &conversation));
        let ready = tokio::select! {
            ready = preparing => ready?,
            () = place.stopped() => return Err(stopped()),
            () = place.removed() => return Err(removed(&conversation)),
        };
        let Ready {
            request,
            mode,
            model,
            prepared,
        } = ready;
        let call = Call {
            model: model.clone(),
            operation: Operation::Turn,
            streamed: true,
        };
        let mut meter = app.metering().admit(caller, call).await?;
        meter.served_by(&model);
        meter.expect(request.text.len(), None);
        let detail = MessageDetail {
            select_param: request.select_param.clone(),
            model: Some(model.clone()),
            ..MessageDetail::default()
        };
        let human = NewMessage {
            role: Role::Human,
            content: request.text.clone(),
            detail: MessageDetail {
                evidence: request
                    .datasource(mode)
                    .and_then(|name| caller.asks_within(name)),
                ..detail.clone()
            },
        };
        let head = TurnHead {
            conversation: conversation.clone(),
            mode: mode.name().to_owned(),
            user: Some(caller.user.clone()),
            sys_code: request.sys_code,
            app_code: request.app_code,
            model: Some(model.clone()),
            select_param: request.select_param,
        };
        let begun = match app.store.begin_turn(head, human, app.clock.now()).await {
            Ok(begun) => begun,
            Err(error) => {
                meter.failed(&error);
                return Err(error);
            }
        };

        let (sender, receiver) = mpsc::channel(BACKLOG);
        let listener = place.listener();
        let turn = Turn {
            app: app.clone(),
            caller: caller.clone(),
            conversation,
            begun,
            detail,
            place,
            meter: Some(meter),
        };
        app.tasks.spawn(async move {
            let emitter = Emitter::new(sender);
            turn.run(prepared, model, &emitter).await;
            drop(permit);
        });
        Ok(Box::pin(ReceiverStream::new(receiver).map(move |event| {
            // Held until the listener drops the stream.
            let _ = &listener;
            event
        })))
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

    /// Stops the turn of a conversation: what the model is writing and what the database is running end, and what was
    /// said is kept, marked as cut, before this answers. Whether there was a turn to stop in a conversation that the
    /// caller may see.
    pub async fn stop(&self, caller: &Caller, conversation: &ConversationId) -> Result<bool> {
        caller.may(Act::Ask)?;
        // A conversation's first turn may be under way before anything of it is stored.
        if caller.grants.is_some()
            && self
                .0
                .conversations()
                .find(caller, conversation)
                .await?
                .is_none()
        {
            return Ok(false);
        }
        self.0.running.stop(conversation).await
    }

    /// Everything about a request that can be wrong, looked at; and its scene.
    async fn ready(
        &self,
        caller: &Caller,
        mut request: TurnRequest,
        conversation: &ConversationId,
    ) -> Result<Ready> {
        let app = self.0;
        let earlier = app.store.list_messages(conversation).await?;
        if !caller.may_see_all(&earlier) {
            return Err(Error::Forbidden {
                reason: format!(
                    "something in the conversation '{conversation}' was asked of a datasource that this key has no \
                     grant on; begin a new conversation"
                ),
            });
        }
        if request.resumes() {
            request.resume(&earlier)?;
            if request.mode.is_empty()
                && let Some(known) = app.store.find_conversation(conversation).await?
            {
                request.mode = known.mode;
            }
        }
        let mode = if request.mode.is_empty() {
            ChatMode::Normal
        } else {
            ChatMode::from_name(&request.mode).ok_or_else(|| unsupported_mode(&request.mode))?
        };
        // Whatever the mode: what was asked beyond a caller's grants would be hidden from that caller.
        if let Some(name) = request.datasource(mode) {
            caller.may_use(name)?;
        }
        let model = app.models().language(request.model.as_deref()).await?;
        let metadata = model.metadata();
        let asked = Asked {
            caller,
            request: &request,
            conversation,
            memory: memory(&earlier, app.config.ask.memory_rounds, metadata.sql_only),
            model,
        };
        let prepared = self.prepare(mode, &asked).await?;
        drop(asked);
        if let Prepared::Excel(turn) = &prepared {
            // Whatever the file was called by: a round says which one it asked.
            request.select_param = Some(turn.reference.clone());
        }
        Ok(Ready {
            request,
            mode,
            model: metadata.name,
            prepared,
        })
    }
}

/// What a stopped turn says kept it from being answered.
fn stopped() -> Error {
    Error::Conflict {
        reason: "the turn was stopped before its end".to_owned(),
    }
}

fn removed(conversation: &ConversationId) -> Error {
    Error::Conflict {
        reason: format!(
            "the conversation '{conversation}' was deleted while it was being answered"
        ),
    }
}
