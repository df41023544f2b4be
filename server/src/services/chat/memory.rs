//! What a model is told of the rounds before.

use std::collections::BTreeMap;

use tidegate_schema::model::{Message, Role};

use crate::{
    scenes::Memory,
    workers::{PromptMessage, Speaker},
};

/// Most characters of one message that are remembered: a follow-up needs its gist and its query, and several long
/// answers would leave no room for the schema.
const MOST_CHARS: usize = 8_000;
/// What a model is told of an answer that was cut, so that it does not take it for a whole one.
const CUT: &str = "[This answer was cut off here.]";

/// The latest finished rounds as messages to a model; none for one that takes questions alone. A round is finished
/// once the person was shown something: a question without an answer would only confuse. One that was cut counts, and
/// says so.
pub(super) fn memory(messages: &[Message], rounds: usize, alone: bool) -> Memory {
    if alone {
        return Memory::new();
    }
    let finished: BTreeMap<i32, bool> = messages
        .iter()
        .filter(|message| message.role == Role::View)
        .map(|message| (message.round, message.detail.cut))
        .collect();
    let latest: BTreeMap<i32, bool> = finished.into_iter().rev().take(rounds).collect();
    let mut remembered = Memory::new();
    for (round, cut) in latest {
        let mut said: Vec<&Message> = messages
            .iter()
            .filter(|message| message.round == round)
            .collect();
        said.sort_by_key(|message| message.index);
        let answered = said.iter().any(|message| message.role == Role::Ai);
        remembered.extend(said.into_iter().filter_map(|message| told(message, cut)));
        if cut && !answered {
            // Many models insist on taking turns with the person.
            remembered.push(PromptMessage::assistant(CUT));
        }
    }
    remembered
}

/// A message as a model is told it; nothing of what only the person was shown.
fn told(message: &Message, cut: bool) -> Option<PromptMessage> {
    let speaker = match message.role {
        Role::Human => Speaker::User,
        Role::Ai => Speaker::Assistant,
        Role::System => Speaker::System,
        Role::View => return None,
    };
    let mut text = match message.content.char_indices().nth(MOST_CHARS) {
        None => message.content.clone(),
        Some((end, _)) => format!("{} […]", &message.content[..end]),
    };
    if cut && speaker == Speaker::Assistant {
        text = format!("{text}\n{CUT}");
    }
    Some(PromptMessage::new(speaker, text))
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

    #[test]
    fn a_round_that_was_cut_says_so_and_keeps_the_turns_in_order() {
        let cut = |mut message: Message| {
            message.detail.cut = true;
            message
        };
        let messages = [
            message(0, 1, Role::Human, "one?"),
            cut(message(1, 1, Role::Ai, "on")),
            cut(message(2, 1, Role::View, "on")),
            message(3, 2, Role::Human, "two?"),
            cut(message(4, 2, Role::View, "Stopped.")),
        ];
        let told = memory(&messages, 5, false);
        assert_eq!(
            texts(&told),
            ["one?", format!("on\n{CUT}").as_str(), "two?", CUT]
        );
        let speakers: Vec<Speaker> = told.iter().map(|message| message.speaker).collect();
        assert_eq!(
            speakers,
            [
                Speaker::User,
                Speaker::Assistant,
                Speaker::User,
                Speaker::Assistant
            ]
        );
    }

    #[test]
    fn a_long_message_is_remembered_by_its_beginning() {
        let long = "é".repeat(MOST_CHARS + 10);
        let messages = [
            message(0, 1, Role::Human, &long),
            message(1, 1, Role::Ai, "ok"),
            message(2, 1, Role::View, "ok"),
        ];
        let told = memory(&messages, 5, false);
        assert_eq!(told[0].text, format!("{} […]", "é".repeat(MOST_CHARS)));
    }
}
