//! What the stand-in says: words by the seed, and the smallest objects that fit a schema.

use serde_json::{Map, Value, json};

use crate::checkpoint::Dice;

const WORDS: [&str; 24] = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi",
    "psi", "omega",
];
/// Deepest place of an object: schemas may hold themselves.
const DEEPEST: usize = 16;
/// Letters of a piece of JSON.
const LETTERS: usize = 8;

/// So many words, each but the first with the space before it; one seed, one text.
pub(super) fn drawn(seed: u64, wanted: usize) -> Vec<String> {
    let mut dice = Dice::new(seed);
    (0..wanted)
        .map(|at| {
            let word = WORDS[dice.below(WORDS.len())];
            if at == 0 {
                word.to_owned()
            } else {
                format!(" {word}")
            }
        })
        .collect()
}

/// A text in its words, each with the space before it.
pub(super) fn in_words(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for letter in text.chars() {
        match pieces.last_mut() {
            Some(last) if letter != ' ' || last.ends_with(' ') => last.push(letter),
            _ => pieces.push(letter.to_string()),
        }
    }
    pieces
}

/// A text in short pieces, as JSON is told.
pub(super) fn in_letters(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters
        .chunks(LETTERS)
        .map(|piece| piece.iter().collect())
        .collect()
}

/// The smallest value that fits a schema.
pub(super) fn fitting(schema: &Value) -> Value {
    fit(schema, schema, 0)
}

fn fit(schema: &Value, root: &Value, depth: usize) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    let within = |inner: &Value| fit(inner, root, depth + 1);
    if let Some(place) = schema["$ref"].as_str().and_then(|r| r.strip_prefix('#')) {
        return root.pointer(place).map(within).unwrap_or_default();
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    for name in ["enum", "anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema[name].as_array().and_then(|all| all.first()) {
            return if name == "enum" {
                first.clone()
            } else {
                within(first)
            };
        }
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind {
        Some("string") => json!("Oslo"),
        Some("integer") => schema.get("minimum").cloned().unwrap_or(json!(7)),
        Some("number") => schema.get("minimum").cloned().unwrap_or(json!(1.5)),
        Some("boolean") => json!(true),
        Some("array") => {
            let least = schema["minItems"].as_u64().unwrap_or(1).clamp(1, 64);
            (0..least).map(|_| within(&schema["items"])).collect()
        }
        Some("null") => Value::Null,
        _ => {
            let members: Map<String, Value> = schema["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, inner)| (name.clone(), within(inner)))
                .collect();
            members.into()
        }
    }
}
