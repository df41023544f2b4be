//! Server-sent events, split without tolerance: what a strict client would not accept is an error.

use serde_json::Value;

/// One event's data.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// JSON.
    Json(Value),
    /// `[DONE]`.
    Done,
    /// Anything else, without the space behind `data:`.
    Text(String),
}

impl Frame {
    /// The JSON, if it is some.
    pub fn json(&self) -> Option<&Value> {
        match self {
            Self::Json(value) => Some(value),
            _ => None,
        }
    }
}

/// The frames of a whole stream.
///
/// # Panics
/// On a line that is neither data nor a comment, and on an end within an event.
pub fn frames(text: &str) -> Vec<Frame> {
    assert!(
        text.is_empty() || text.ends_with("\n\n"),
        "the stream ends within an event: {text:?}"
    );
    text.split("\n\n")
        // An empty line where no event has begun is none to any client.
        .map(|block| block.trim_start_matches('\n'))
        .filter(|block| !block.is_empty() && !block.starts_with(':'))
        .map(frame)
        .collect()
}

fn frame(block: &str) -> Frame {
    let data = block
        .strip_prefix("data:")
        .unwrap_or_else(|| panic!("an event without data: {block:?}"));
    let data = data.strip_prefix(' ').unwrap_or(data);
    if data == "[DONE]" {
        return Frame::Done;
    }
    serde_json::from_str(data).map_or_else(|_| Frame::Text(data.to_owned()), Frame::Json)
}

/// The text of OpenAI chunks, put together.
pub fn joined_deltas(frames: &[Frame]) -> String {
    frames
        .iter()
        .filter_map(|frame| frame.json()?.pointer("/choices/0/delta/content")?.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_events_and_knows_the_end() {
        let found = frames("data: {\"a\":1}\n\n\ndata:plain\n\ndata: [DONE]\n\n");
        assert_eq!(
            found,
            [
                Frame::Json(serde_json::json!({"a": 1})),
                Frame::Text("plain".to_owned()),
                Frame::Done
            ]
        );
    }

    #[test]
    #[should_panic(expected = "within an event")]
    fn an_end_within_an_event_is_not_accepted() {
        frames("data: {\"a\":1}\n");
    }
}
