//! Deserialisers for what old clients really send.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

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
