//! Turns: a question stored, then its answer.
//!
//! Both are one transaction and both take the conversation's row first, so that two turns of one conversation
//! get different rounds and positions on either backend.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, RunQueryDsl};
use uuid::{NoContext, Timestamp, Uuid};

use super::{
    Store,
    columns::{clean, clean_option, stored, to_text},
    with_tx,
};
use crate::{
    Error, Result,
    ids::{ConversationId, MessageId},
    model::{BegunTurn, NewMessage, TurnHead},
    tables::{conversations, messages},
};

/// Most characters of a question that become its conversation's title.
const TITLE_CHARS: usize = 250;

/// The title that a question gives its conversation.
pub(super) fn title_of(question: &str) -> String {
    question.chars().take(TITLE_CHARS).collect()
}

/// A message's columns but for its place, which is known only inside the transaction.
#[derive(Insertable)]
#[diesel(table_name = messages)]
struct NewRow {
    id: String,
    role: &'static str,
    content: String,
    select_param: Option<String>,
    model: Option<String>,
    cut: bool,
    evidence: Option<String>,
    created_at: NaiveDateTime,
}

impl NewRow {
    fn of(message: &NewMessage, now: DateTime<Utc>) -> Result<Self> {
        let detail = &message.detail;
        let seconds = now.timestamp().max(0).unsigned_abs();
        let at = Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos());
        Ok(Self {
            id: Uuid::new_v7(at).to_string(),
            role: message.role.name(),
            content: clean(&message.content).into_owned(),
            select_param: clean_option(detail.select_param.as_deref()).map(Into::into),
            model: clean_option(detail.model.as_deref()).map(Into::into),
            cut: detail.cut,
            evidence: detail.evidence.as_ref().map(to_text).transpose()?,
            created_at: stored(now),
        })
    }
}

impl Store {
    /// Stores a question and gives the turn that its answer will end. The conversation is made when there is none;
    /// its title, and its model and what it asks where `head` says them, become this question's. Its mode, user
    /// and codes stay those it was made with.
    pub async fn begin_turn(
        &self,
        head: TurnHead,
        human: NewMessage,
        now: DateTime<Utc>,
    ) -> Result<BegunTurn> {
        let id = head.conversation.as_str();
        let title = title_of(&clean(&human.content));
        let message = NewRow::of(&human, now)?;
        let select_param = clean_option(head.select_param.as_deref());
        let model = clean_option(head.model.as_deref());
        with_tx!(self, |conn| {
            diesel::insert_into(conversations::table)
                .values((
                    conversations::id.eq(id),
                    conversations::mode.eq(&*clean(&head.mode)),
                    conversations::title.eq(&title),
                    conversations::app_code.eq(clean_option(head.app_code.as_deref())),
                    conversations::user_name.eq(clean_option(head.user.as_deref())),
                    conversations::sys_code.eq(clean_option(head.sys_code.as_deref())),
                    conversations::next_position.eq(0),
                    conversations::next_round.eq(1),
                    conversations::created_at.eq(stored(now)),
                    conversations::modified_at.eq(stored(now)),
                ))
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            let next: Option<(i32, i32)> = diesel::update(conversations::table.find(id))
                .set((
                    conversations::next_position.eq(conversations::next_position + 1),
                    conversations::next_round.eq(conversations::next_round + 1),
                    conversations::title.eq(&title),
                    select_param
                        .as_ref()
                        .map(|param| conversations::select_param.eq(param)),
                    model.as_ref().map(|model| conversations::model.eq(model)),
                    conversations::modified_at.eq(stored(now)),
                ))
                .returning((conversations::next_position, conversations::next_round))
                .get_result(conn)
                .await
                .optional()?;
            let Some((next_position, next_round)) = next else {
                return Err(deleted(id));
            };
            let round = next_round - 1;
            diesel::insert_into(messages::table)
                .values((
                    messages::conversation_id.eq(id),
                    messages::position.eq(next_position - 1),
                    messages::round.eq(round),
                    &message,
                ))
                .execute(conn)
                .await?;
            Ok(BegunTurn {
                round,
                question: MessageId(message.id.clone()),
            })
        })
    }

    /// Stores what ends a turn, all of it or nothing. [`Error::Conflict`] if the turn's question is not there any
    /// more, or if one of `messages` is there already, as a round takes each role once; nothing is changed then.
    pub async fn finish_turn(
        &self,
        conversation: &ConversationId,
        turn: &BegunTurn,
        messages: Vec<NewMessage>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let id = conversation.as_str();
        let round = turn.round;
        let count = messages.len() as i32;
        let roles: Vec<&str> = messages.iter().map(|message| message.role.name()).collect();
        let rows: Vec<NewRow> = messages
            .iter()
            .map(|message| NewRow::of(message, now))
            .collect::<Result<_>>()?;
        with_tx!(self, |conn| {
            let next: Option<i32> = diesel::update(conversations::table.find(id))
                .set((
                    conversations::next_position.eq(conversations::next_position + count),
                    conversations::modified_at.eq(stored(now)),
                ))
                .returning(conversations::next_position)
                .get_result(conn)
                .await
                .optional()?;
            let Some(next) = next else {
                return Err(Error::not_found("conversation", id));
            };
            let present: Vec<(String, String)> = messages::table
                .filter(
                    messages::conversation_id
                        .eq(id)
                        .and(messages::round.eq(round)),
                )
                .select((messages::id, messages::role))
                .load(conn)
                .await?;
            if !present
                .iter()
                .any(|(message, _)| message == turn.question.as_str())
            {
                return Err(Error::Conflict {
                    reason: format!(
                        "the question that this answers is not in round {round} of the conversation '{id}'; it was \
                         cleared or deleted, or never asked"
                    ),
                });
            }
            if let Some((_, role)) = present
                .iter()
                .find(|(_, role)| roles.contains(&role.as_str()))
            {
                return Err(Error::Conflict {
                    reason: format!(
                        "round {round} of the conversation '{id}' has its '{role}' message already"
                    ),
                });
            }
            for (position, row) in (next - count..).zip(&rows) {
                diesel::insert_into(messages::table)
                    .values((
                        messages::conversation_id.eq(id),
                        messages::position.eq(position),
                        messages::round.eq(round),
                        row,
                    ))
                    .execute(conn)
                    .await?;
            }
            Ok(())
        })
    }
}

fn deleted(id: &str) -> Error {
    Error::Conflict {
        reason: format!("the conversation '{id}' was deleted meanwhile; ask again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_cut_between_characters() {
        assert_eq!(title_of("how many?"), "how many?");
        let long = "é".repeat(300);
        assert_eq!(title_of(&long).chars().count(), 250);
    }
}
