//! Asking: one answer by mutation, or every event of a turn by subscription.

mod answer;
mod events;

use async_graphql::{Context, ID, InputObject, Object, Result, Subscription, Union};
use futures::{Stream, StreamExt as _};
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
    /// A conversation to go on with; one is made when not given.
    conversation: Option<ID>,
    /// The model; the default one when not given.
    model: Option<String>,
}

impl From<AskInput> for TurnRequest {
    fn from(input: AskInput) -> Self {
        let mode = if input.datasource.is_some() {
            ChatMode::WithDbExecute
        } else {
            ChatMode::Normal
        };
        Self {
            conversation: input.conversation.map(|id| ConversationId(id.0)),
            text: input.question,
            mode: mode.name().to_owned(),
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
