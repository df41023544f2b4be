//! A form as a program over bytes, and where an answer stands in it.

use serde_json::Value;

use super::text::Text;

/// Most digits of a number, each before and behind its point.
const MOST_DIGITS: u8 = 15;
/// Deepest nesting, longest program and most choices at one place that are held to.
const DEEPEST: usize = 8;
const MOST_STEPS: usize = 500;
const MOST_CHOICES: usize = 64;

/// A form of answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grammar {
    steps: Vec<Step>,
}

/// One step of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// These bytes.
    Literal(Vec<u8>),
    /// The inside of a JSON text and its closing quote.
    Text,
    /// One of these, none of which begins another.
    Choice(Vec<Vec<u8>>),
    /// A number, with a point or without.
    Number { point: bool },
    /// Behind an opening bracket: its closing one, behind which the program goes on at `end`, or the first item, which
    /// begins two steps on.
    ListBegin { end: usize },
    /// Behind an item: the closing bracket, or a comma and the step `again`.
    ListNext { again: usize },
}

/// Where an answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    step: usize,
    inside: Inside,
}

/// How far within a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Beginning,
    Literal { at: usize },
    Text(Text),
    Choice { at: usize, left: u64 },
    Number(Number),
}

/// Within a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Sign,
    Zero,
    Whole { digits: u8 },
    Point,
    Fraction { digits: u8 },
}

impl State {
    fn at(step: usize) -> Self {
        Self {
            step,
            inside: Inside::Beginning,
        }
    }
}

impl Grammar {
    /// The form of a JSON schema, members in the schema's order and all of them there; nothing where the schema is of
    /// no fixed shape.
    pub fn of_schema(schema: &Value) -> Option<Self> {
        // A number or a word at the root could not be told from its beginning.
        if !matches!(kind(schema)?, "object" | "array") {
            return None;
        }
        let mut grammar = Self { steps: Vec::new() };
        grammar.add(schema, DEEPEST)?;
        Some(grammar)
    }

    pub(super) fn begin() -> State {
        State::at(0)
    }

    pub(super) fn is_done(&self, state: State) -> bool {
        state.step == self.steps.len()
    }

    /// Where the answer stands behind one more byte; nothing where that byte may not come.
    pub(super) fn step(&self, state: State, byte: u8) -> Option<State> {
        let next = State::at(state.step + 1);
        match self.steps.get(state.step)? {
            Step::Literal(bytes) => {
                let at = match state.inside {
                    Inside::Literal { at } => at,
                    _ => 0,
                };
                if *bytes.get(at)? != byte {
                    return None;
                }
                let at = at + 1;
                Some(if at == bytes.len() {
                    next
                } else {
                    State {
                        inside: Inside::Literal { at },
                        ..state
                    }
                })
            }
            Step::Text => {
                let text = match state.inside {
                    Inside::Text(text) => text,
                    _ => Text::default(),
                };
                if text.may_end() && byte == b'"' {
                    return Some(next);
                }
                Some(State {
                    inside: Inside::Text(text.step(byte)?),
                    ..state
                })
            }
            Step::Choice(choices) => {
                let (at, left) = match state.inside {
                    Inside::Choice { at, left } => (at, left),
                    _ => (0, u64::MAX),
                };
                choose(choices, at, left, byte).map(|(whole, left)| {
                    if whole {
                        next
                    } else {
                        State {
                            inside: Inside::Choice { at: at + 1, left },
                            ..state
                        }
                    }
                })
            }
            Step::Number { point } => {
                let number = match state.inside {
                    Inside::Number(number) => Some(number),
                    _ => None,
                };
                if let Some(further) = further(number, byte, *point) {
                    return Some(State {
                        inside: Inside::Number(further),
                        ..state
                    });
                }
                // A number ends where something else begins.
                let ends = matches!(
                    number?,
                    Number::Zero | Number::Whole { .. } | Number::Fraction { .. }
                );
                if ends { self.step(next, byte) } else { None }
            }
            Step::ListBegin { end } => {
                if byte == b']' {
                    Some(State::at(*end))
                } else {
                    self.step(State::at(state.step + 2), byte)
                }
            }
            Step::ListNext { again } => match byte {
                b',' => Some(State::at(*again)),
                b']' => Some(next),
                _ => None,
            },
        }
    }

    fn add(&mut self, schema: &Value, deeper: usize) -> Option<()> {
        let deeper = deeper.checked_sub(1)?;
        if self.steps.len() > MOST_STEPS {
            return None;
        }
        match kind(schema)? {
            "object" => {
                let members = schema.get("properties")?.as_object()?;
                for (nth, (name, member)) in members.iter().enumerate() {
                    let before = if nth == 0 { "{" } else { ", " };
                    let name = Value::from(name.as_str());
                    self.add_literal(&format!("{before}{name}: "));
                    self.add(member, deeper)?;
                }
                self.add_literal(if members.is_empty() { "{}" } else { "}" });
            }
            "array" => {
                self.add_literal("[");
                let begin = self.steps.len();
                self.steps.push(Step::ListBegin { end: 0 });
                // A step of its own, which only a comma leads to.
                self.steps.push(Step::Literal(b" ".to_vec()));
                self.add_apart(schema.get("items")?, deeper)?;
                self.steps.push(Step::ListNext { again: begin + 1 });
                let end = self.steps.len();
                self.steps[begin] = Step::ListBegin { end };
            }
            "string" => match schema.get("enum") {
                None => {
                    self.add_literal("\"");
                    self.steps.push(Step::Text);
                }
                Some(choices) => {
                    let choices: Option<Vec<Vec<u8>>> = choices
                        .as_array()?
                        .iter()
                        .map(|choice| choice.is_string().then(|| choice.to_string().into_bytes()))
                        .collect();
                    self.add_choice(choices?)?;
                }
            },
            "boolean" => self.add_choice(vec![b"true".to_vec(), b"false".to_vec()])?,
            "integer" => self.steps.push(Step::Number { point: false }),
            "number" => self.steps.push(Step::Number { point: true }),
            _ => return None,
        }
        Some(())
    }

    /// The same, never as part of the literal before.
    fn add_apart(&mut self, schema: &Value, deeper: usize) -> Option<()> {
        let mut item = Self { steps: Vec::new() };
        item.add(schema, deeper)?;
        let base = self.steps.len();
        for step in item.steps {
            self.steps.push(match step {
                Step::ListBegin { end } => Step::ListBegin { end: end + base },
                Step::ListNext { again } => Step::ListNext {
                    again: again + base,
                },
                other => other,
            });
        }
        Some(())
    }

    fn add_literal(&mut self, text: &str) {
        // What a jump leads to stands behind a step that is no literal, so that nothing is put in front of it.
        if let Some(Step::Literal(bytes)) = self.steps.last_mut() {
            bytes.extend_from_slice(text.as_bytes());
        } else {
            self.steps.push(Step::Literal(text.as_bytes().to_vec()));
        }
    }

    fn add_choice(&mut self, choices: Vec<Vec<u8>>) -> Option<()> {
        if choices.is_empty() || choices.len() > MOST_CHOICES {
            return None;
        }
        self.steps.push(Step::Choice(choices));
        Some(())
    }
}

/// The type of a schema, where it is one.
fn kind(schema: &Value) -> Option<&str> {
    schema.get("type")?.as_str()
}

/// Of the choices left those that go on with this byte, as bits, and whether one of them is whole by it.
fn choose(choices: &[Vec<u8>], at: usize, left: u64, byte: u8) -> Option<(bool, u64)> {
    let mut still = 0;
    for (nth, choice) in choices.iter().enumerate() {
        let bit = 1_u64 << nth;
        if left & bit == 0 || choice.get(at) != Some(&byte) {
            continue;
        }
        if choice.len() == at + 1 {
            return Some((true, bit));
        }
        still |= bit;
    }
    (still != 0).then_some((false, still))
}

/// Where a number stands behind one more of its signs; nothing where that is none.
fn further(number: Option<Number>, byte: u8, point: bool) -> Option<Number> {
    let whole = |byte: u8| match byte {
        b'0' => Some(Number::Zero),
        b'1'..=b'9' => Some(Number::Whole { digits: 1 }),
        _ => None,
    };
    let digit = byte.is_ascii_digit();
    match number {
        None if byte == b'-' => Some(Number::Sign),
        None | Some(Number::Sign) => whole(byte),
        Some(Number::Whole { digits }) if digit && digits < MOST_DIGITS => {
            Some(Number::Whole { digits: digits + 1 })
        }
        Some(Number::Zero | Number::Whole { .. }) if point && byte == b'.' => Some(Number::Point),
        Some(Number::Point) if digit => Some(Number::Fraction { digits: 1 }),
        Some(Number::Fraction { digits }) if digit && digits < MOST_DIGITS => {
            Some(Number::Fraction { digits: digits + 1 })
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
