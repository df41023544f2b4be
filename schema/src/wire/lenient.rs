//! What old clients really send: deserialisers, and fields with two spellings.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::{Error, Result, ids::ConversationId};

/// A field with two spellings, each with its name and what came under it: the first that is not empty counts.
/// `None` where neither came.
///
/// # Errors
/// [`Error::Invalid`] naming both, when they say different things.
pub fn either<'a>(
    place: &str,
    (name, value): (&str, Option<&'a str>),
    (other_name, other): (&str, Option<&'a str>),
) -> Result<Option<&'a str>> {
    let filled = |value: Option<&'a str>| value.filter(|text| !text.is_empty());
    match (filled(value), filled(other)) {
        (Some(one), Some(another)) if one != another => Err(Error::invalid(
            format!("{place}.{name}"),
            format!("differs from {other_name}, which means the same; send one of them"),
        )),
        (one, another) => Ok(one.or(another).or(value).or(other)),
    }
}

/// A conversation with two spellings, if one is named.
///
/// # Errors
/// [`Error::Invalid`] when its spellings name different ones.
pub fn conversation_if_any(
    place: &str,
    one: (&str, Option<&str>),
    other: (&str, Option<&str>),
) -> Result<Option<ConversationId>> {
    let id = either(place, one, other)?;
    Ok(id.filter(|id| !id.is_empty()).map(ConversationId::from))
}

/// A conversation with two spellings. Where none is named, the first spelling is the field that is missing.
///
/// # Errors
/// [`Error::Invalid`] when none is named, or its spellings name different ones.
pub fn conversation(
    place: &str,
    one: (&str, Option<&str>),
    other: (&str, Option<&str>),
) -> Result<ConversationId> {
    conversation_if_any(place, one, other)?
        .ok_or_else(|| Error::invalid(format!("{place}.{}", one.0), "Field required"))
}

/// A whole number, also as text (`"5432"`), as Python's validation takes it.
pub fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = match &value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.trim().is_empty() => Some(0),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.and_then(|n| u16::try_from(n).ok()).ok_or_else(|| {
        D::Error::custom(
            "Input should be a valid integer, unable to parse as a port between 0 and 65535",
        )
    })
}

/// Any JSON value as text: text as it is, null as none, everything else as JSON.
pub fn text_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(other) => Some(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_spelling_that_says_something_counts() {
        let said = |one, other| either("body", ("con_uid", one), ("conv_uid", other));
        for (one, other, expected) in [
            (Some("a"), None, Some("a")),
            (None, Some("b"), Some("b")),
            (Some(""), Some("b"), Some("b")),
            (Some("a"), Some("a"), Some("a")),
            (Some(""), None, Some("")),
            (None, None, None),
        ] {
            assert_eq!(said(one, other).expect("no contradiction"), expected);
        }
        assert_eq!(
            said(Some("a"), Some("b")).expect_err("refused").to_string(),
            "body.con_uid: differs from conv_uid, which means the same; send one of them"
        );
    }
}
