//! A round of a conversation as an example: what was asked, of which datasource, and by which query it was answered.

use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{Message, Role},
};

/// A round that was asked of a datasource and answered.
pub(super) struct Answered<'a> {
    pub(super) datasource: &'a str,
    pub(super) question: &'a str,
    /// The query, whether it answered or failed.
    pub(super) sql: Option<&'a str>,
    failed: bool,
    /// Whether a person put another query in the place of the model's.
    pub(super) edited: bool,
    round: i32,
}

impl<'a> Answered<'a> {
    pub(super) fn of(
        messages: &'a [Message],
        conversation: &ConversationId,
        round: i32,
    ) -> Result<Self> {
        let says = |role: Role| {
            messages
                .iter()
                .find(move |message| message.round == round && message.role == role)
        };
        let Some(asked) = says(Role::Human) else {
            return Err(Error::NotFound {
                what: "round",
                name: round.to_string(),
                hint: Some(format!(
                    "the conversation '{conversation}' has none of that number, or is not there"
                )),
            });
        };
        let answer = says(Role::View).and_then(|view| view.detail.evidence.as_ref());
        let Some(answer) = answer else {
            return Err(unanswered(round));
        };
        let datasource = answer["evidence"]["datasource"]
            .as_str()
            .filter(|name| !name.is_empty());
        Ok(Self {
            datasource: datasource.ok_or_else(|| unanswered(round))?,
            question: &asked.content,
            sql: answer["sql"].as_str(),
            failed: !answer["problem"].is_null(),
            edited: answer["evidence"]["edited_by"].is_string(),
            round,
        })
    }

    /// The query, if it answered the question.
    pub(super) fn accepted(&self) -> Result<&'a str> {
        self.sql
            .filter(|_| !self.failed)
            .ok_or_else(|| unanswered(self.round))
    }
}

fn unanswered(round: i32) -> Error {
    Error::Conflict {
        reason: format!(
            "no query answered round {round}; give a query that does, or accept another round"
        ),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::{Value, json};
    use tidegate_schema::model::MessageDetail;

    use super::*;

    fn message(role: Role, round: i32, evidence: Option<Value>) -> Message {
        Message {
            id: "m".into(),
            conversation: "c".into(),
            index: 0,
            round,
            role,
            content: format!("question {round}"),
            detail: MessageDetail {
                evidence,
                ..MessageDetail::default()
            },
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn round(number: i32, sql: Option<&str>, problem: Option<&str>) -> [Message; 2] {
        let document = json!({
            "sql": sql, "problem": problem, "evidence": {"datasource": "shop", "sql": sql},
        });
        [
            message(Role::Human, number, None),
            message(Role::View, number, Some(document)),
        ]
    }

    fn of(messages: &[Message], round: i32) -> Result<Answered<'_>> {
        Answered::of(messages, &"c".into(), round)
    }

    #[test]
    fn an_answered_round_is_a_pair() {
        let messages = [
            round(1, Some("SELECT 1"), None),
            round(2, Some("SELECT 2"), None),
        ]
        .concat();
        let second = of(&messages, 2).expect("a pair");
        assert_eq!((second.datasource, second.question), ("shop", "question 2"));
        assert_eq!(second.accepted().ok(), Some("SELECT 2"));
    }

    #[test]
    fn a_round_whose_query_failed_can_only_be_edited() {
        let messages = round(1, Some("SELECT x"), Some("no such column: x"));
        let failed = of(&messages, 1).expect("a question");
        assert_eq!(failed.sql, Some("SELECT x"));
        assert!(matches!(failed.accepted(), Err(Error::Conflict { .. })));
        let in_words = round(1, None, None);
        let in_words = of(&in_words, 1).expect("a question");
        assert!(matches!(in_words.accepted(), Err(Error::Conflict { .. })));
    }

    #[test]
    fn a_round_that_was_cut_or_never_asked_is_none() {
        let cut = [message(Role::Human, 1, None), message(Role::View, 1, None)];
        assert!(matches!(of(&cut, 1), Err(Error::Conflict { .. })));
        assert!(matches!(of(&cut, 2), Err(Error::NotFound { .. })));
        let mut chat = message(Role::View, 1, Some(json!({"sql": null, "evidence": {}})));
        chat.content = "Hello".to_owned();
        let chat = [message(Role::Human, 1, None), chat];
        assert!(matches!(of(&chat, 1), Err(Error::Conflict { .. })));
    }
}
