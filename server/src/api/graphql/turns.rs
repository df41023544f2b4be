//! Asking: one answer by mutation, or every event of a turn by subscription.

mod answer;
mod events;

use async_graphql::{
    Context, Enum, ID, InputObject, Object, Result, SimpleObject, Subscription, Union,
};
use futures::{Stream, StreamExt as _};
use serde_json::json;
use tidegate_schema::{
    Error,
    ids::ConversationId,
    model::{Caller, ChatEvent, ChatMode},
};

pub use self::answer::{Answer, Evidence, Problem, ResultColumn, Rows, Verdict};

use self::events::TurnEvent;
use super::error::to_graphql;
use crate::{app::App, services::chat::TurnRequest};

/// What is asked.
#[derive(InputObject)]
pub struct AskInput {
    /// The question, in plain words.
    question: String,
    /// The datasource to ask; without one the model just chats.
    datasource: Option<String>,
    /// How it is answered; `DATA` with a datasource and `CHAT` without one when not given.
    scene: Option<Scene>,
    /// A conversation to go on with; one is made when not given.
    conversation: Option<ID>,
    /// The model; the default one when not given.
    model: Option<String>,
    /// With an empty question: ask the conversation's last one again, if its answer was cut.
    #[graphql(default)]
    resume: bool,
}

/// How a question is answered.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// The model talks.
    Chat,
    /// A query answers it.
    Data,
    /// The datasource's structure answers it; nothing is run.
    Structure,
    /// Several charts answer it.
    Dashboard,
}

impl From<Scene> for ChatMode {
    fn from(scene: Scene) -> Self {
        match scene {
            Scene::Chat => Self::Normal,
            Scene::Data => Self::WithDbExecute,
            Scene::Structure => Self::WithDbQa,
            Scene::Dashboard => Self::Dashboard,
        }
    }
}

impl From<AskInput> for TurnRequest {
    fn from(input: AskInput) -> Self {
        let mode = match (input.scene, &input.datasource, input.resume) {
            (Some(scene), _, _) => ChatMode::from(scene).name(),
            (None, Some(_), _) => ChatMode::WithDbExecute.name(),
            // To resume is to go on in the mode it was asked in.
            (None, None, true) => "",
            (None, None, false) => ChatMode::Normal.name(),
        };
        Self {
            conversation: input.conversation.map(|id| ConversationId(id.0)),
            text: input.question,
            mode: mode.to_owned(),
            ext_info: input.resume.then(|| json!({"resume": true})),
            select_param: input.datasource,
            model: input.model,
            ..Self::default()
        }
    }
}

/// What asking came to.
#[derive(Union)]
#[expect(
    clippy::large_enum_variant,
    reason = "made once, moved once, and GraphQL wants its members bare"
)]
enum AskResult {
    /// An answer; its `problem` tells when the database or the guard refused.
    Answer(Answer),
    /// The question could not be put.
    Problem(Problem),
}

/// What stopping a turn came to.
#[derive(SimpleObject)]
struct TurnStopped {
    /// Whether there was a turn to stop.
    stopped: bool,
}

/// What stopping a turn came to.
#[derive(Union)]
#[expect(
    clippy::large_enum_variant,
    reason = "made once an answer and written out at once"
)]
enum StopResult {
    /// It is stopped, or there was none.
    Stopped(TurnStopped),
    /// It could not be stopped.
    Problem(Problem),
}

/// What can be asked.
#[derive(Default)]
pub struct TurnMutations;

#[Object]
impl TurnMutations {
    /// Ask a question and wait for the answer.
    async fn ask(&self, context: &Context<'_>, input: AskInput) -> Result<AskResult> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        match app.chat().ask(caller, input.into()).await {
            Ok(answer) => Ok(AskResult::Answer(Answer(answer))),
            Err(error @ Error::Internal { .. }) => Err(to_graphql(&error)),
            Err(error) => Ok(AskResult::Problem(Problem::from(&error))),
        }
    }

    /// Stop the turn of a conversation. What was said is kept, marked as cut, before this answers.
    async fn stop_turn(&self, context: &Context<'_>, conversation: ID) -> Result<StopResult> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        match app
            .chat()
            .stop(caller, &ConversationId(conversation.0))
            .await
        {
            Ok(stopped) => Ok(StopResult::Stopped(TurnStopped { stopped })),
            Err(error) => Ok(StopResult::Problem(Problem::expected(&error)?)),
        }
    }
}

/// What can be watched of turns.
#[derive(Default)]
pub struct TurnSubscriptions;

#[Subscription]
impl TurnSubscriptions {
    /// Ask a question and watch every stage. Leaving cancels the turn. A question that cannot be put is a
    /// `TurnFailed` and nothing else.
    async fn turn(
        &self,
        context: &Context<'_>,
        input: AskInput,
    ) -> Result<impl Stream<Item = TurnEvent>> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let events = match app.chat().begin(caller, input.into()).await {
            Ok(events) => events,
            Err(error @ Error::Internal { .. }) => return Err(to_graphql(&error)),
            Err(error) => {
                futures::stream::once(std::future::ready(ChatEvent::Error(error))).boxed()
            }
        };
        Ok(events.map(TurnEvent::from))
    }
}
