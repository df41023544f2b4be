//! A conversation's messages.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    model::{Feedback, Message, Role},
    wire::{v1::feedback::FeedbackOut, view::view_markup},
};

/// A message of a history.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "role": "human", "context": "how many orders per city?", "order": 1, "time_stamp": null,
    "model_name": "tidegate-sql", "feedback": {}
}))]
pub struct MessageOut {
    /// `human`, `ai`, `view` or `system`.
    pub role: String,
    /// Text; of a `view` with its chart markup.
    pub context: String,
    /// Round, from 1.
    pub order: i32,
    /// Always null, as upstream has it.
    pub time_stamp: Option<String>,
    /// Model that answered.
    pub model_name: Option<String>,
    /// Feedback given on the round.
    #[schema(value_type = Object)]
    pub feedback: Value,
}

impl From<Message> for MessageOut {
    fn from(message: Message) -> Self {
        let context = match (&message.role, &message.detail.evidence) {
            (Role::View, Some(document)) => view_markup(document),
            (Role::Human, _) => message.content,
            _ => with_new_fences(message.content),
        };
        Self {
            role: message.role.name().to_owned(),
            context,
            order: message.round,
            time_stamp: None,
            // Q-052: upstream writes its default model here.
            model_name: message.detail.model,
            feedback: Value::Object(serde_json::Map::new()),
        }
    }
}

/// Charts that pages before 0.6 had under another name.
fn with_new_fences(text: String) -> String {
    const OLD: &str = "```vis-chart";
    if text.contains(OLD) {
        text.replace(OLD, "```vis-db-chart")
    } else {
        text
    }
}

/// A conversation's messages as the pages read them: each with the opinion on its round, and where a round has the
/// model's words and nothing for the person, the words stand for both.
pub fn history(messages: Vec<Message>, feedback: Vec<Feedback>) -> Vec<MessageOut> {
    let opinions: BTreeMap<i32, Value> = feedback
        .into_iter()
        .map(|one| {
            let round = one.round;
            let told = serde_json::to_value(FeedbackOut::from(one)).unwrap_or_default();
            (round, told)
        })
        .collect();
    let shown: BTreeSet<i32> = messages
        .iter()
        .filter(|message| message.role == Role::View)
        .map(|message| message.round)
        .collect();
    let mut told = Vec::with_capacity(messages.len());
    for message in messages {
        let (role, round) = (message.role, message.round);
        let mut out = MessageOut::from(message);
        if let Some(opinion) = opinions.get(&round) {
            out.feedback = opinion.clone();
        }
        let stands_for_both = role == Role::Ai && !shown.contains(&round);
        let view = stands_for_both.then(|| MessageOut {
            role: Role::View.name().to_owned(),
            ..out.clone()
        });
        told.push(out);
        told.extend(view);
    }
    told
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::model::{FeedbackId, MessageDetail, Opinion};

    fn message(round: i32, role: Role, content: &str) -> Message {
        Message {
            id: "m".into(),
            conversation: "c".into(),
            index: 0,
            round,
            role,
            content: content.to_owned(),
            detail: MessageDetail::default(),
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_round_without_a_view_is_shown_by_the_models_words() {
        let messages = vec![
            message(1, Role::Human, "one?"),
            message(1, Role::Ai, "{}"),
            message(1, Role::View, "one."),
            message(2, Role::Human, "two?"),
            message(2, Role::Ai, "two!"),
            message(3, Role::Human, "three?"),
        ];
        let told = history(messages, Vec::new());
        let told: Vec<(&str, &str, i32)> = told
            .iter()
            .map(|one| (one.role.as_str(), one.context.as_str(), one.order))
            .collect();
        assert_eq!(
            told,
            [
                ("human", "one?", 1),
                ("ai", "{}", 1),
                ("view", "one.", 1),
                ("human", "two?", 2),
                ("ai", "two!", 2),
                ("view", "two!", 2),
                ("human", "three?", 3),
            ]
        );
    }

    #[test]
    fn charts_of_older_pages_get_their_new_name_and_questions_stay_as_they_are() {
        let old = "Here:\n```vis-chart\n{}\n```";
        let messages = [Role::Human, Role::Ai, Role::View].map(|role| message(1, role, old));
        let told = history(messages.into(), Vec::new());
        let renamed: Vec<bool> = told
            .iter()
            .map(|one| one.context.contains("```vis-db-chart\n"))
            .collect();
        assert_eq!(renamed, [false, true, true]);
    }

    #[test]
    fn an_opinion_stands_with_every_message_of_its_round() {
        let given = Feedback {
            id: FeedbackId(7),
            conversation: "c".into(),
            round: 1,
            opinion: Opinion {
                liked: Some(true),
                ..Opinion::default()
            },
            user: Some("001".to_owned()),
            created_at: DateTime::UNIX_EPOCH,
            modified_at: DateTime::UNIX_EPOCH,
        };
        let messages = vec![
            message(1, Role::Human, "one?"),
            message(1, Role::View, "one."),
            message(2, Role::Human, "two?"),
        ];
        let told = history(messages, vec![given]);
        for one in &told[..2] {
            assert_eq!(one.feedback["feedback_type"], "like");
            assert_eq!(one.feedback["message_id"], "1");
        }
        assert_eq!(told[2].feedback, serde_json::json!({}));
    }
}
