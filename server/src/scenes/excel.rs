//! `chat_excel`: a question in plain words, answered from the tables of a file that was sent.
//!
//! Once it is read, a file is a database like any other, so the answering itself is that of [`super::data`]. What such
//! a conversation has of its own is its first round: the file introduces itself, see [`Facts`] and [`introduce`].

mod facts;
mod introduction;

use tidegate_schema::Result;

pub(super) use self::facts::cut;
pub(crate) use self::facts::quoted;
pub use self::{
    facts::Facts,
    introduction::{Introduction, introduce},
};
use super::{
    Emitter, Ledger, Memory, Outcome,
    data::{self, DataTurn},
};
use crate::workers::Speaker;

/// What the question that stands over an introduction ends with.
const ANALYZE: &str = "] Analyze!";

/// What a turn of this scene takes.
pub struct ExcelTurn {
    /// The file's name, for people.
    pub file: String,
    /// What the question is stored with, so that the file is known again.
    pub reference: String,
    /// The question to the file's tables.
    pub data: DataTurn,
}

/// Answers one question. Every statement stands in `ledger`, whatever ends the turn.
pub async fn answer(turn: ExcelTurn, emitter: &Emitter, ledger: &Ledger) -> Result<Outcome> {
    let ExcelTurn {
        file,
        reference: _,
        mut data,
    } = turn;
    data.asked.memory = without_introduction(data.asked.memory);
    // Boxed: two scenes' worth of state would stand on one stack.
    let mut outcome = Box::pin(data::answer(data, emitter, ledger)).await?;
    outcome.evidence.datasource = file;
    Ok(outcome)
}

/// The question that stands over the introduction of a file.
pub fn first_question(file: &str) -> String {
    format!("[{file}{ANALYZE}")
}

/// The rounds before without the file's introduction: it says what the schema says, in a form that no answer should
/// have.
fn without_introduction(memory: Memory) -> Memory {
    let mut introduces = false;
    let is_asked = |text: &str| text.starts_with('[') && text.ends_with(ANALYZE);
    memory
        .into_iter()
        .filter(|message| match message.speaker {
            Speaker::User => {
                introduces = is_asked(&message.text);
                !introduces
            }
            Speaker::Assistant => !introduces,
            Speaker::System | Speaker::Tool => true,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::PromptMessage;

    #[test]
    fn the_introduction_is_not_remembered_and_everything_else_is() {
        let memory = vec![
            PromptMessage::user(first_question("sales.csv")),
            PromptMessage::assistant("**sales.csv** holds"),
            PromptMessage::user("how many?"),
            PromptMessage::assistant("{}"),
        ];
        let kept = without_introduction(memory);
        let texts: Vec<&str> = kept.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["how many?", "{}"]);
    }
}
