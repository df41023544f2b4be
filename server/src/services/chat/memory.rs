//! What a model is told of the rounds before.

use std::collections::BTreeSet;

use tidegate_schema::model::{Message, Role};

use crate::{
    scenes::Memory,
    workers::{PromptMessage, Speaker},
};

/// The latest finished rounds as messages to a model; none for one that takes questions alone. A round is finished
/// once the person was shown something: a question without an answer would only confuse.
pub(super) fn memory(messages: &[Message], rounds: usize, alone: bool) -> Memory {
    if alone {
        return Memory::new();
    }
    let finished: BTreeSet<i32> = messages
        .iter()
        .filter(|message| message.role == Role::View)
        .map(|message| message.round)
        .collect();
    let latest: BTreeSet<i32> = finished.into_iter().rev().take(rounds).collect();
    let mut remembered: Vec<&Message> = messages
        .iter()
        .filter(|message| latest.contains(&message.round))
        .collect();
    remembered.sort_by_key(|message| (message.round, message.index));
    remembered
        .into_iter()
        .filter_map(|message| {
            let speaker = match message.role {
                Role::Human => Speaker::User,
                Role::Ai => Speaker::Assistant,
                Role::System => Speaker::System,
                Role::View => return None,
            };
            Some(PromptMessage {
                speaker,
                text: message.content.clone(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use tidegate_schema::model::MessageDetail;

    use super::*;

    fn message(index: i32, round: i32, role: Role, text: &str) -> Message {
        Message {
            id: text.into(),
            conversation: "c".into(),
            index,
            round,
            role,
            content: text.to_owned(),
            detail: MessageDetail::default(),
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn texts(memory: &[PromptMessage]) -> Vec<&str> {
        memory.iter().map(|message| message.text.as_str()).collect()
    }

    #[test]
    fn the_latest_finished_rounds_are_remembered_in_order() {
        // Round 2 has no answer, and round 3 was answered before round 1.
        let messages = [
            message(0, 1, Role::Human, "one?"),
            message(1, 2, Role::Human, "two?"),
            message(2, 3, Role::Human, "three?"),
            message(3, 3, Role::Ai, "three!"),
            message(4, 3, Role::View, "three."),
            message(5, 1, Role::Ai, "one!"),
            message(6, 1, Role::View, "one."),
            message(7, 4, Role::Human, "four?"),
        ];
        assert_eq!(
            texts(&memory(&messages, 5, false)),
            ["one?", "one!", "three?", "three!"]
        );
        assert_eq!(texts(&memory(&messages, 1, false)), ["three?", "three!"]);
        assert!(memory(&messages, 0, false).is_empty());
        assert!(memory(&messages, 5, true).is_empty());
    }
}
