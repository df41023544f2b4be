//! Opinions on answers. They hang on their conversation and go with it.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, RunQueryDsl};

use super::{
    Store,
    columns::{clean_option, from_text, stored, to_text},
    with_read, with_tx, with_write,
};
use crate::{
    Error, Result,
    ids::ConversationId,
    model::{Complaint, Feedback, FeedbackId, Opinion},
    tables::feedback,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = feedback, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Row {
    id: i64,
    conversation_id: String,
    round: i32,
    liked: Option<bool>,
    complaints: String,
    score: Option<i32>,
    topic: Option<String>,
    question: Option<String>,
    asked_of: Option<String>,
    remark: Option<String>,
    user_name: Option<String>,
    created_at: NaiveDateTime,
    modified_at: NaiveDateTime,
}

impl TryFrom<Row> for Feedback {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let names: Vec<String> = from_text(&row.complaints)?;
        let complaints: Option<Vec<Complaint>> = names
            .iter()
            .map(|name| Complaint::from_name(name))
            .collect();
        let complaints = complaints.ok_or_else(|| {
            Error::internal(
                "reading an opinion",
                format!("{} has the complaints {}", row.id, row.complaints),
            )
        })?;
        Ok(Self {
            id: FeedbackId(row.id),
            conversation: ConversationId(row.conversation_id),
            round: row.round,
            opinion: Opinion {
                liked: row.liked,
                complaints: Some(complaints),
                score: row.score,
                topic: row.topic,
                question: row.question,
                asked_of: row.asked_of,
                remark: row.remark,
            },
            user: row.user_name,
            created_at: row.created_at.and_utc(),
            modified_at: row.modified_at.and_utc(),
        })
    }
}

/// Complaints as they are stored.
pub(super) fn text_of(complaints: &[Complaint]) -> Result<String> {
    to_text(&complaints.iter().map(|one| one.name()).collect::<Vec<_>>())
}

impl Store {
    /// Keeps what was said of a round's answer, over what was said of it before. [`Error::Conflict`] if the
    /// conversation is not there any more.
    pub async fn keep_feedback(
        &self,
        conversation: &ConversationId,
        round: i32,
        opinion: &Opinion,
        user: &str,
        now: DateTime<Utc>,
    ) -> Result<Feedback> {
        let id = conversation.as_str();
        let at = stored(now);
        let none = text_of(&[])?;
        let complaints = opinion.complaints.as_deref().map(text_of).transpose()?;
        let complaints = complaints.as_deref();
        let topic = clean_option(opinion.topic.as_deref());
        let question = clean_option(opinion.question.as_deref());
        let asked_of = clean_option(opinion.asked_of.as_deref());
        let remark = clean_option(opinion.remark.as_deref());
        let user = clean_option(Some(user));
        let kept: Result<Row> = with_tx!(self, |conn| {
            diesel::insert_into(feedback::table)
                .values((
                    feedback::conversation_id.eq(id),
                    feedback::round.eq(round),
                    feedback::complaints.eq(none.as_str()),
                    feedback::created_at.eq(at),
                    feedback::modified_at.eq(at),
                ))
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            let row: Row = diesel::update(
                feedback::table.filter(
                    feedback::conversation_id
                        .eq(id)
                        .and(feedback::round.eq(round)),
                ),
            )
            .set((
                opinion.liked.map(|liked| feedback::liked.eq(liked)),
                complaints.map(|complaints| feedback::complaints.eq(complaints)),
                opinion.score.map(|score| feedback::score.eq(score)),
                topic.as_ref().map(|topic| feedback::topic.eq(topic)),
                question
                    .as_ref()
                    .map(|question| feedback::question.eq(question)),
                asked_of
                    .as_ref()
                    .map(|asked_of| feedback::asked_of.eq(asked_of)),
                remark.as_ref().map(|remark| feedback::remark.eq(remark)),
                user.as_ref().map(|user| feedback::user_name.eq(user)),
                feedback::modified_at.eq(at),
            ))
            .returning(Row::as_returning())
            .get_result(conn)
            .await?;
            Ok(row)
        });
        kept?.try_into()
    }

    /// The opinion on a round's answer.
    pub async fn find_feedback(
        &self,
        conversation: &ConversationId,
        round: i32,
    ) -> Result<Option<Feedback>> {
        let row: Option<Row> = with_read!(self, |conn| {
            feedback::table
                .filter(
                    feedback::conversation_id
                        .eq(conversation.as_str())
                        .and(feedback::round.eq(round)),
                )
                .select(Row::as_select())
                .first(conn)
                .await
                .optional()?
        });
        row.map(Feedback::try_from).transpose()
    }

    /// The opinions on a conversation's answers, in the order of rounds.
    pub async fn list_feedback(&self, conversation: &ConversationId) -> Result<Vec<Feedback>> {
        let rows: Vec<Row> = with_read!(self, |conn| {
            feedback::table
                .filter(feedback::conversation_id.eq(conversation.as_str()))
                .order(feedback::round)
                .select(Row::as_select())
                .load(conn)
                .await?
        });
        rows.into_iter().map(Feedback::try_from).collect()
    }

    /// Takes back what was said of a round's answer; `false` if nothing was.
    pub async fn delete_feedback(&self, conversation: &ConversationId, round: i32) -> Result<bool> {
        let delete = diesel::delete(
            feedback::table.filter(
                feedback::conversation_id
                    .eq(conversation.as_str())
                    .and(feedback::round.eq(round)),
            ),
        );
        let deleted = with_write!(self, |conn| delete.execute(conn).await?);
        Ok(deleted > 0)
    }
}
