//! What older pages send and read.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{checked, filled, named};
use crate::{
    Result,
    ids::ConversationId,
    model::{Feedback, Opinion},
    wire::lenient::conversation,
};

/// What questions can be about, on older pages.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "information": "Information search", "work_study": "Work and study", "just_fun": "Just for fun", "others": "Others"
}))]
pub struct TopicsOut {
    /// Label of `information`.
    pub information: String,
    /// Label of `work_study`.
    pub work_study: String,
    /// Label of `just_fun`.
    pub just_fun: String,
    /// Label of `others`.
    pub others: String,
}

impl TopicsOut {
    /// The four there are.
    pub fn known() -> Self {
        let label = str::to_owned;
        Self {
            information: label("Information search"),
            work_study: label("Work and study"),
            just_fun: label("Just for fun"),
            others: label("Others"),
        }
    }
}

/// Which opinion, on older pages.
#[derive(Debug, Deserialize, IntoParams)]
pub struct OpinionQuery {
    /// Conversation.
    pub conv_uid: Option<String>,
    /// The same.
    pub con_uid: Option<String>,
    /// Round, from 1.
    pub conv_index: i32,
}

impl OpinionQuery {
    /// The conversation and the round.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) naming the field.
    pub fn parts(&self) -> Result<(ConversationId, i32)> {
        let conversation = conversation(
            "query",
            ("conv_uid", self.conv_uid.as_deref()),
            ("con_uid", self.con_uid.as_deref()),
        )?;
        Ok((conversation, self.conv_index))
    }
}

/// An opinion, on older pages.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "conv_uid": "5e7100bc-9017-11ee-9876-8fe019728d79", "conv_index": 1, "question": "orders per city?", "score": 4,
    "ques_type": "work_study", "knowledge_space": "shop", "messages": "quick", "user_name": "001"
}))]
pub struct OpinionBody {
    /// Conversation.
    pub conv_uid: String,
    /// Round, from 1.
    pub conv_index: i32,
    /// The question.
    pub question: String,
    /// How good it is, 0 to 5.
    pub score: i32,
    /// What the question is about: `information`, `work_study`, `just_fun`, `others`.
    pub ques_type: String,
    /// Who says so; whoever calls, where it is not told.
    pub user_name: Option<String>,
    /// Words of one's own.
    pub messages: Option<String>,
    /// What was asked.
    pub knowledge_space: Option<String>,
}

impl OpinionBody {
    /// The conversation, the round, and what is said of it.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) naming the field.
    pub fn parts(self) -> Result<(ConversationId, i32, Opinion)> {
        let conversation = named(Some(&self.conv_uid), None)?;
        let opinion = Opinion {
            score: Some(self.score),
            topic: Some(self.ques_type),
            question: Some(self.question),
            asked_of: filled(self.knowledge_space),
            remark: self.messages,
            ..Opinion::default()
        };
        checked(opinion).map(|opinion| (conversation, self.conv_index, opinion))
    }

    /// The opinion as an older page reads it: none that was given by thumb alone.
    pub fn of(feedback: Feedback) -> Option<Self> {
        let opinion = feedback.opinion;
        Some(Self {
            conv_uid: feedback.conversation.0,
            conv_index: feedback.round,
            question: opinion.question.unwrap_or_default(),
            score: opinion.score?,
            ques_type: opinion.topic.unwrap_or_default(),
            user_name: feedback.user,
            messages: opinion.remark,
            knowledge_space: opinion.asked_of,
        })
    }
}
