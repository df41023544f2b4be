//! Opinions on answers: one a round, and whoever may see the conversation may give it, change it and take it back.

use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{Act, Caller, Feedback, Opinion},
};

use super::conversations::unknown;
use crate::app::App;

/// The service.
pub struct Feedbacks<'a>(pub(crate) &'a App);

impl Feedbacks<'_> {
    /// Keeps what is said of a round's answer, over what was said before.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a conversation that the caller may not see, and for a round that it does not have.
    pub async fn give(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        round: i32,
        opinion: &Opinion,
    ) -> Result<Feedback> {
        caller.may(Act::Ask)?;
        let app = self.0;
        let messages = app.conversations().messages(caller, conversation).await?;
        let Some(last) = messages.iter().map(|message| message.round).max() else {
            return Err(unknown(conversation));
        };
        if messages.iter().all(|message| message.round != round) {
            return Err(Error::NotFound {
                what: "round",
                name: round.to_string(),
                hint: Some(format!(
                    "the latest of the conversation '{conversation}' is {last}"
                )),
            });
        }
        let now = app.clock.now();
        app.store
            .keep_feedback(conversation, round, opinion, &caller.user, now)
            .await
    }

    /// What was said of a round's answer, if something was, and the caller may see the conversation.
    pub async fn find(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        round: i32,
    ) -> Result<Option<Feedback>> {
        if self
            .0
            .conversations()
            .find(caller, conversation)
            .await?
            .is_none()
        {
            return Ok(None);
        }
        self.0.store.find_feedback(conversation, round).await
    }

    /// Takes back what was said of a round's answer. Answers whether something was that the caller may see.
    pub async fn cancel(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        round: i32,
    ) -> Result<bool> {
        if self
            .0
            .conversations()
            .find(caller, conversation)
            .await?
            .is_none()
        {
            return Ok(false);
        }
        self.0.store.delete_feedback(conversation, round).await
    }
}
