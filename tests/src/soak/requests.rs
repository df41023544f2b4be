//! What clients ask: bodies of every kind and length, right and wrong.

use serde_json::{Value, json};

use crate::checkpoint::Dice;

/// Shortest and longest prompt, in tokens of the tiny model, which are letters.
const LENGTHS: (usize, usize) = (10, 2000);
/// Most tokens of an answer.
const ANSWER: usize = 48;
/// A beginning that many prompts share.
const SHARED: &str = "You are asked about a shop. It has customers, orders, products and stores. ";

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Answered whole.
    Plain,
    /// Answered piece by piece.
    Stream,
    /// Left after some pieces.
    Left,
    /// Left before anything was said.
    LeftAtOnce,
    /// Held to a JSON schema.
    Schema,
    /// Held to an expression.
    Expression,
    /// Made to call a tool.
    Tool,
    /// Several answers at once.
    Several,
    /// Begins as many others do.
    Shared,
    /// Wrong in some way.
    Bad,
}

impl Kind {
    /// All kinds; those that are likelier stand more than once.
    const ALL: [Self; 14] = [
        Self::Plain,
        Self::Stream,
        Self::Left,
        Self::Schema,
        Self::Tool,
        Self::Bad,
        Self::Expression,
        Self::Several,
        Self::Shared,
        Self::LeftAtOnce,
        Self::Plain,
        Self::Stream,
        Self::Left,
        Self::Shared,
    ];

    /// The kind of a client's request: each kind once at first, then as the dice fall.
    pub(super) fn of(number: usize, dice: &mut Dice) -> Self {
        let at = if number < Self::ALL.len() {
            number
        } else {
            dice.below(Self::ALL.len())
        };
        Self::ALL[at]
    }
}

/// The expression that answers of [`Kind::Expression`] fit.
pub(super) const EXPRESSION: &str = "[a-c]{3,12}";

/// A body of a kind that is right.
pub(super) fn body(kind: Kind, model: &str, dice: &mut Dice) -> Value {
    let length = dice.length(LENGTHS.0, LENGTHS.1);
    let text = words(length, dice);
    let text = match kind {
        Kind::Shared => format!("{}{text}", SHARED.repeat(6)),
        _ => text,
    };
    let temperature = [0.0, 0.7, 1.0][dice.below(3)];
    let mut body = json!({
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 1 + dice.below(ANSWER),
        "temperature": temperature,
        "seed": dice.below(1000),
    });
    match kind {
        Kind::Stream | Kind::Left => body["stream"] = true.into(),
        Kind::Schema => {
            body["max_tokens"] = 256.into();
            body["response_format"] = json!({
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": true, "schema": {
                    "type": "object",
                    "properties": {
                        "city": {"type": "string", "maxLength": 12},
                        "open": {"type": "boolean"},
                        "kind": {"enum": ["shop", "store"]},
                    },
                    "required": ["city", "open", "kind"],
                    "additionalProperties": false,
                }},
            });
        }
        Kind::Expression => {
            body["max_tokens"] = 64.into();
            body["response_format"] = json!({"type": "regex", "pattern": EXPRESSION});
        }
        Kind::Tool => {
            body["max_tokens"] = 256.into();
            body["tools"] = json!([{"type": "function", "function": {
                "name": "look_up",
                "parameters": {
                    "type": "object",
                    "properties": {"town": {"type": "string", "maxLength": 10}},
                    "required": ["town"],
                    "additionalProperties": false,
                },
            }}]);
            body["tool_choice"] = "required".into();
        }
        Kind::Several => {
            body["n"] = (2 + dice.below(3)).into();
            body["temperature"] = 1.0.into();
            body["logprobs"] = true.into();
            body["top_logprobs"] = 3.into();
        }
        Kind::Plain | Kind::LeftAtOnce | Kind::Shared | Kind::Bad => {}
    }
    body
}

/// A body that must be refused, as text: not all of them are JSON.
pub(super) fn bad(model: &str, dice: &mut Dice) -> String {
    let mut body = body(Kind::Plain, model, dice);
    match dice.below(10) {
        0 => body["temperature"] = (-1.0).into(),
        1 => body["top_p"] = 2.0.into(),
        2 => body["max_tokens"] = 0.into(),
        3 => body["model"] = "nobody".into(),
        4 => body["messages"] = json!([{"role": "user", "content": words(9000, dice)}]),
        5 => {
            body["response_format"] = json!({
                "type": "json_schema", "json_schema": {"name": "x", "schema": {"type": 12}},
            });
        }
        6 => body["messages"] = json!([]),
        7 => body["response_format"] = json!({"type": "regex", "pattern": "("}),
        8 => body["n"] = 0.into(),
        _ => return format!("{body}, and what follows is no JSON"),
    }
    body.to_string()
}

/// So many letters of words that do not repeat.
fn words(letters: usize, dice: &mut Dice) -> String {
    const WORDS: [&str; 10] = [
        "orders",
        "customers",
        "cities",
        "how many",
        "largest",
        "in March",
        "sum of",
        "per store",
        "and",
        "returns",
    ];
    let mut text = String::with_capacity(letters + 16);
    while text.len() < letters {
        text.push_str(WORDS[dice.below(WORDS.len())]);
        text.push(if dice.below(8) == 0 { '\n' } else { ' ' });
    }
    text.truncate(letters);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_begins_with_every_kind() {
        let mut dice = Dice::new(3);
        let first: Vec<Kind> = (0..Kind::ALL.len())
            .map(|at| Kind::of(at, &mut dice))
            .collect();
        assert_eq!(first, Kind::ALL);
    }

    #[test]
    fn prompts_are_as_long_as_the_dice_say() {
        let mut dice = Dice::new(5);
        for length in [10, 11, 500, 2000] {
            assert_eq!(words(length, &mut dice).len(), length);
        }
    }
}
