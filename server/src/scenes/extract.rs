//! From what a model wrote to what it meant: SQL, words, a display. Tolerant, because models are not.
//!
//! Reasoning goes first; then JSON, strict or loose, anywhere in the text; then SQL in a fence or bare; what is left is
//! an answer in words. Nothing that was said is ever lost: at worst the whole text is the answer.

mod bare;
mod fenced;
mod loose;

use serde_json::{Map, Value};

use super::thinking;

/// Most objects of an answer that are read, and most braces looked at in search of them.
const MOST_OBJECTS: usize = 64;
const MOST_BRACES: usize = 256;
/// How deep in other objects an answer is looked for: some models wrap it as the arguments of a call.
const DEEPEST: usize = 3;

/// What a model answered to a question about a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Its explanation.
    pub thoughts: String,
    /// An answer without SQL.
    pub direct: String,
    /// The SQL; empty if none.
    pub sql: String,
    /// The display it chose, DB-GPT's name.
    pub display: String,
    /// Whether it looks as if the form that was asked for had been tried and missed, or nothing was said at all:
    /// asking once more may help.
    pub unreadable: bool,
}

/// The JSON schema models are asked to answer in.
pub fn schema() -> Value {
    serde_json::json!({
        "type": "object",
        "properties": {
            "thoughts": {"type": "string"},
            "direct_response": {"type": "string"},
            "sql": {"type": "string"},
            "display_type": {"type": "string", "enum": [
                "response_table", "response_line_chart", "response_bar_chart", "response_pie_chart",
                "response_scatter_chart", "response_area_chart",
            ]},
        },
        "required": ["thoughts", "direct_response", "sql", "display_type"],
        "additionalProperties": false,
    })
}

/// Reads an answer: a JSON object anywhere in the text, else fenced SQL, else a bare SELECT, else plain words.
pub fn read(text: &str) -> Written {
    let text = thinking::without(text).trim();
    let answers: Vec<Written> = values(text)
        .iter()
        .filter_map(|value| answer_in(value, DEEPEST))
        .collect();
    let best = answers
        .iter()
        .find(|answer| !answer.sql.is_empty())
        .or_else(|| answers.iter().find(|answer| !answer.direct.is_empty()))
        .or_else(|| answers.first());
    if let Some(best) = best {
        return best.clone();
    }
    if let Some((words, sql)) = fenced::fenced(text).or_else(|| fenced::announced(text)) {
        return Written {
            thoughts: words.to_owned(),
            sql: sql.to_owned(),
            ..Written::default()
        };
    }
    let tried = text.contains('{') && (text.contains("sql") || text.contains("direct_response"));
    Written {
        direct: text.to_owned(),
        unreadable: text.is_empty() || tried,
        ..Written::default()
    }
}

/// Every JSON object, and every list of objects, that stands in a text, in order; read loosely where it is no strict
/// JSON, and to the end of the text where it was cut.
pub fn values(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut at = 0;
    for _ in 0..MOST_BRACES {
        let Some(next) = text[at..].find(['{', '[']) else {
            break;
        };
        let start = at + next;
        let rest = &text[start..];
        match value_at(rest) {
            Some((value, length)) => {
                found.push(value);
                at = start + length;
                if found.len() == MOST_OBJECTS {
                    break;
                }
            }
            None => at = start + 1,
        }
    }
    found
}

/// The object or the list of objects that a text begins with, and its length.
fn value_at(text: &str) -> Option<(Value, usize)> {
    let begins_objects = text.starts_with('{') || text[1..].trim_start().starts_with('{');
    if !begins_objects {
        return None;
    }
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let strict = match stream.next() {
        Some(Ok(value)) => Some((value, stream.byte_offset())),
        _ => None,
    };
    let (value, length) = strict.or_else(|| loose::parse(text))?;
    let holds_something = match &value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => items.iter().any(Value::is_object),
        _ => false,
    };
    holds_something.then_some((value, length))
}

/// The answer in a value: the object itself, or the first that is one among its members.
fn answer_in(value: &Value, deeper: usize) -> Option<Written> {
    let deeper = deeper.checked_sub(1)?;
    match value {
        Value::Object(members) => answer_of(members).or_else(|| {
            members
                .values()
                .find_map(|member| answer_in(member, deeper))
        }),
        Value::Array(items) => items.iter().find_map(|item| answer_in(item, deeper)),
        // The arguments of a call are JSON in a text.
        Value::String(text) if text.trim_start().starts_with('{') => values(text)
            .iter()
            .find_map(|member| answer_in(member, deeper)),
        _ => None,
    }
}

/// An object that has one of the members asked for, under whichever spelling. Where several are there, the spelling that
/// was asked for counts, and another where nothing stands under it: `query` may be the question said back.
fn answer_of(members: &Map<String, Value>) -> Option<Written> {
    let part = |names: &[&str]| {
        let found: Vec<String> = names
            .iter()
            .flat_map(|wanted| {
                members
                    .iter()
                    .filter(move |(name, _)| plain(name) == *wanted)
            })
            .map(|(_, value)| words_of(value))
            .collect();
        let filled = found.iter().find(|text| !text.is_empty());
        filled.or(found.first()).cloned()
    };
    let sql = part(&["sql", "sqlquery", "sqlstatement", "query"]);
    let direct = part(&["directresponse", "response", "answer"]);
    let thoughts = part(&["thoughts", "thought", "explanation", "reasoning"]);
    if sql.is_none() && direct.is_none() && thoughts.is_none() {
        return None;
    }
    let mut answer = Written {
        thoughts: thoughts.unwrap_or_default(),
        direct: direct.unwrap_or_default(),
        sql: cleaned(&sql.unwrap_or_default()),
        display: part(&["displaytype", "display", "charttype"]).unwrap_or_default(),
        unreadable: false,
    };
    answer.unreadable =
        answer.sql.is_empty() && answer.direct.is_empty() && answer.thoughts.is_empty();
    Some(answer)
}

/// A member's name without case and signs.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|sign| sign.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// A member's text; of a list the texts line by line.
fn words_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Array(items) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            texts.join("\n").trim().to_owned()
        }
        _ => String::new(),
    }
}

/// The query in a member: out of its fence, without words that mean none, with line breaks that were escaped twice.
fn cleaned(sql: &str) -> String {
    let sql = match fenced::fenced(sql) {
        Some((_, inside)) => inside,
        None => unquoted(sql.trim()),
    };
    let lower = sql.to_lowercase();
    let says_none = matches!(
        lower.trim_end_matches('.'),
        "" | "none" | "null" | "n/a" | "no sql" | "not needed"
    );
    // The form's own example, said back.
    if says_none || lower == "select ..." {
        return String::new();
    }
    unescaped(sql)
}

/// The query within back-ticks, as many behind it as ahead of it: one that only ends in them quotes its last name.
fn unquoted(sql: &str) -> &str {
    let ahead = sql.len() - sql.trim_start_matches('`').len();
    let mut inside = &sql[ahead..];
    for _ in 0..ahead {
        inside = inside.strip_suffix('`').unwrap_or(inside);
    }
    inside.trim()
}

/// Turns the two signs `\n` into a line break where they stand outside of quotes, which no dialect knows.
fn unescaped(sql: &str) -> String {
    if !sql.contains("\\n") {
        return sql.to_owned();
    }
    let mut text = String::with_capacity(sql.len());
    let mut quote = None;
    let mut signs = sql.chars().peekable();
    while let Some(sign) = signs.next() {
        match quote {
            Some(open) if open == sign => quote = None,
            None if matches!(sign, '\'' | '"' | '`') => quote = Some(sign),
            None if sign == '\\' && signs.peek() == Some(&'n') => {
                signs.next();
                text.push('\n');
                continue;
            }
            _ => {}
        }
        text.push(sign);
    }
    text
}

#[cfg(test)]
mod tests;
