//! Opinions on answers, as `/api/v1/conv/feedback/*` writes them and as `/api/v1/feedback/*`, which older pages call.
//! Both speak of the same one: a round has one opinion.

mod older;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::older::{OpinionBody, OpinionQuery, TopicsOut};
use super::conversations::filled;
use crate::{
    Error, Result,
    ids::ConversationId,
    model::{Complaint, Feedback, Opinion},
    wire::lenient,
};

/// Most characters of a remark, a question or a name.
const MOST_CHARS: usize = 10_000;
/// The best that an answer can be.
const BEST: i32 = 5;

/// A reason for not liking an answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"reason_type": "WRONG_ANSWER", "reason": "Wrong answer"}))]
pub struct ReasonOut {
    /// Its name.
    pub reason_type: String,
    /// In words.
    pub reason: String,
}

impl From<Complaint> for ReasonOut {
    fn from(complaint: Complaint) -> Self {
        let words = match complaint {
            Complaint::WrongAnswer => "Wrong answer",
            Complaint::WrongSource => "Wrong source",
            Complaint::OutdatedContent => "Outdated content",
            Complaint::UnrealContent => "Data is inaccurate",
            Complaint::IllegalContent => "Harmful content",
            Complaint::Others => "Others",
        };
        Self {
            reason_type: complaint.name().to_owned(),
            reason: words.to_owned(),
        }
    }
}

/// An opinion to keep.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({
    "conv_uid": "5e7100bc-9017-11ee-9876-8fe019728d79", "message_id": "1", "feedback_type": "unlike",
    "reason_types": ["WRONG_ANSWER"], "remark": "counts returns too"
}))]
#[serde(default)]
pub struct FeedbackIn {
    /// Conversation.
    pub conv_uid: Option<String>,
    /// The same.
    pub con_uid: Option<String>,
    /// Round, from 1; a number or its text.
    #[serde(deserialize_with = "lenient::text_of")]
    #[schema(value_type = Option<String>)]
    pub message_id: Option<String>,
    /// `like` or `unlike`.
    pub feedback_type: Option<String>,
    /// What is wrong with it; `reasons` lists the names.
    pub reason_types: Option<Vec<String>>,
    /// Words of one's own.
    pub remark: Option<String>,
    /// How good it is, 0 to 5.
    pub score: Option<i32>,
    /// The question.
    pub question: Option<String>,
    /// What the question is about.
    pub ques_type: Option<String>,
    /// What was asked.
    pub knowledge_space: Option<String>,
}

impl FeedbackIn {
    /// The conversation, the round, and what is said of it.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub fn parts(self) -> Result<(ConversationId, i32, Opinion)> {
        let conversation = named(self.conv_uid.as_deref(), self.con_uid.as_deref())?;
        let round = round_of("body.message_id", self.message_id.as_deref())?;
        let liked = match filled(self.feedback_type).as_deref() {
            None => None,
            Some("like") => Some(true),
            Some("unlike") => Some(false),
            Some(_) => {
                return Err(Error::invalid(
                    "body.feedback_type",
                    "Input should be 'like' or 'unlike'",
                ));
            }
        };
        let complaints = self
            .reason_types
            .as_deref()
            .map(complaints_of)
            .transpose()?;
        let opinion = Opinion {
            liked,
            // What is liked is not complained of any more.
            complaints: if liked == Some(true) {
                Some(Vec::new())
            } else {
                complaints
            },
            score: self.score,
            topic: filled(self.ques_type),
            question: filled(self.question),
            asked_of: filled(self.knowledge_space),
            remark: self.remark,
        };
        checked(opinion).map(|opinion| (conversation, round, opinion))
    }
}

fn complaints_of(names: &[String]) -> Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let complaint = Complaint::from_name(name).ok_or_else(|| {
            let known = Complaint::ALL.map(Complaint::name).join("', '");
            Error::invalid(
                format!("body.reason_types[{i}]"),
                format!("Input should be '{known}'"),
            )
        })?;
        if !complaints.contains(&complaint) {
            complaints.push(complaint);
        }
    }
    Ok(complaints)
}

/// An opinion that was kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FeedbackOut {
    /// Number.
    pub id: i64,
    /// When it was given.
    pub gmt_created: Option<String>,
    /// When it was last changed.
    pub gmt_modified: Option<String>,
    /// Who said so.
    pub user_code: Option<String>,
    /// The same.
    pub user_name: Option<String>,
    /// Conversation.
    pub conv_uid: String,
    /// Round, from 1, as text.
    pub message_id: String,
    /// How good it is, 0 to 5.
    pub score: Option<i32>,
    /// The question.
    pub question: Option<String>,
    /// What the question is about.
    pub ques_type: Option<String>,
    /// What was asked.
    pub knowledge_space: Option<String>,
    /// `like` or `unlike`.
    pub feedback_type: Option<String>,
    /// Names of what is wrong with it, with commas between.
    pub reason_type: Option<String>,
    /// Words of one's own.
    pub remark: Option<String>,
    /// Names of what is wrong with it.
    pub reason_types: Vec<String>,
    /// What is wrong with it.
    pub reason: Vec<ReasonOut>,
}

impl From<Feedback> for FeedbackOut {
    fn from(feedback: Feedback) -> Self {
        let opinion = feedback.opinion;
        let complaints = opinion.complaints.unwrap_or_default();
        let names: Vec<String> = complaints.iter().map(|one| one.name().to_owned()).collect();
        let liked = |liked| if liked { "like" } else { "unlike" };
        Self {
            id: feedback.id.0,
            gmt_created: Some(super::timestamp(feedback.created_at)),
            gmt_modified: Some(super::timestamp(feedback.modified_at)),
            user_code: feedback.user.clone(),
            user_name: feedback.user,
            conv_uid: feedback.conversation.0,
            message_id: feedback.round.to_string(),
            score: opinion.score,
            question: opinion.question,
            ques_type: opinion.topic,
            knowledge_space: opinion.asked_of,
            feedback_type: opinion.liked.map(liked).map(str::to_owned),
            reason_type: (!names.is_empty()).then(|| names.join(",")),
            remark: opinion.remark,
            reason_types: names,
            reason: complaints.into_iter().map(Into::into).collect(),
        }
    }
}

/// Which opinion to take back.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"conv_uid": "5e7100bc-9017-11ee-9876-8fe019728d79", "message_id": "1"}))]
#[serde(default)]
pub struct FeedbackKeyIn {
    /// Conversation.
    pub conv_uid: Option<String>,
    /// The same.
    pub con_uid: Option<String>,
    /// Round, from 1; a number or its text.
    #[serde(deserialize_with = "lenient::text_of")]
    #[schema(value_type = Option<String>)]
    pub message_id: Option<String>,
}

impl FeedbackKeyIn {
    /// The conversation and the round.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub fn parts(&self) -> Result<(ConversationId, i32)> {
        Ok((
            named(self.conv_uid.as_deref(), self.con_uid.as_deref())?,
            round_of("body.message_id", self.message_id.as_deref())?,
        ))
    }
}

fn named(conv_uid: Option<&str>, con_uid: Option<&str>) -> Result<ConversationId> {
    lenient::conversation("body", ("conv_uid", conv_uid), ("con_uid", con_uid))
}

fn round_of(field: &str, text: Option<&str>) -> Result<i32> {
    let text = text
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| Error::invalid(field, "Field required"))?;
    text.trim().parse().map_err(|_| {
        Error::invalid(
            field,
            "Input should be the number of a round, as a message's `order` in the history",
        )
    })
}

/// Refuses what no column has room for.
fn checked(opinion: Opinion) -> Result<Opinion> {
    if opinion
        .score
        .is_some_and(|score| !(0..=BEST).contains(&score))
    {
        return Err(Error::invalid(
            "body.score",
            format!("Input should be between 0 and {BEST}"),
        ));
    }
    for (field, text) in [
        ("remark", &opinion.remark),
        ("question", &opinion.question),
        ("ques_type", &opinion.topic),
        ("knowledge_space", &opinion.asked_of),
    ] {
        if text
            .as_ref()
            .is_some_and(|text| text.chars().nth(MOST_CHARS).is_some())
        {
            return Err(Error::invalid(
                format!("body.{field}"),
                format!("String should have at most {MOST_CHARS} characters"),
            ));
        }
    }
    Ok(opinion)
}

#[cfg(test)]
mod tests;
