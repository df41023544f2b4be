//! What people think of answers: one opinion a round.

use chrono::{DateTime, Utc};

use crate::ids::ConversationId;

/// A number of an opinion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedbackId(pub i64);

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Complaint {
    /// It does not answer the question.
    WrongAnswer,
    /// It was taken from the wrong place.
    WrongSource,
    /// It was right once.
    OutdatedContent,
    /// Its figures are not true.
    UnrealContent,
    /// It must not be said.
    IllegalContent,
    /// Something else.
    Others,
}

impl Complaint {
    /// Every complaint, in the order they are offered in.
    pub const ALL: [Self; 6] = [
        Self::WrongAnswer,
        Self::WrongSource,
        Self::OutdatedContent,
        Self::UnrealContent,
        Self::IllegalContent,
        Self::Others,
    ];

    /// The name in the store and on DB-GPT's wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::WrongAnswer => "WRONG_ANSWER",
            Self::WrongSource => "WRONG_SOURCE",
            Self::OutdatedContent => "OUTDATED_CONTENT",
            Self::UnrealContent => "UNREAL_CONTENT",
            Self::IllegalContent => "ILLEGAL_CONTENT",
            Self::Others => "OTHERS",
        }
    }

    /// The complaint of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// An opinion on the answer of one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// Number.
    pub id: FeedbackId,
    /// The conversation.
    pub conversation: ConversationId,
    /// Round, from 1.
    pub round: i32,
    /// What was said of it.
    pub opinion: Opinion,
    /// Display name of who said so last.
    pub user: Option<String>,
    /// When it was given.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub modified_at: DateTime<Utc>,
}

/// What is said of an answer. As a change, `None` leaves what was said before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opinion {
    /// Whether it is liked.
    pub liked: Option<bool>,
    /// What is wrong with it.
    pub complaints: Option<Vec<Complaint>>,
    /// How good it is, from 0 to 5.
    pub score: Option<i32>,
    /// What the question was about, in the words of whoever judged.
    pub topic: Option<String>,
    /// The question.
    pub question: Option<String>,
    /// What was asked: a datasource's or a knowledge space's name.
    pub asked_of: Option<String>,
    /// Words of one's own.
    pub remark: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_complaint_is_found_by_its_name() {
        for one in Complaint::ALL {
            assert_eq!(Complaint::from_name(one.name()), Some(one));
        }
        assert_eq!(Complaint::from_name("wrong_answer"), None);
    }
}
