//! What Anthropic streams, read.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tidegate_schema::{Error, Result, model::Usage};

use crate::workers::{
    Chunk, FinishReason, Piece,
    proxy::refusal::{SOON, Words, said},
};

/// An event; what is of another type, now or in a later version, tells nothing that is needed.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Start,
    },
    ContentBlockStart {
        index: u32,
        content_block: Block,
    },
    ContentBlockDelta {
        index: u32,
        delta: BlockDelta,
    },
    ContentBlockStop {
        index: u32,
    },
    MessageDelta {
        delta: Ending,
        usage: Option<Counted>,
    },
    MessageStop,
    Error {
        error: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Start {
    usage: Option<Counted>,
}

/// Tokens; the later event counts anew, and may leave out what it does not know.
#[derive(Deserialize)]
struct Counted {
    input_tokens: Option<u32>,
    cache_creation_input_tokens: Option<u32>,
    cache_read_input_tokens: Option<u32>,
    #[serde(rename = "output_tokens")]
    output: Option<u32>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    ToolUse {
        id: String,
        name: String,
    },
    Text {
        #[serde(default)]
        text: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BlockDelta {
    TextDelta {
        text: String,
    },
    ThinkingDelta {
        thinking: String,
    },
    InputJsonDelta {
        partial_json: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Ending {
    stop_reason: Option<String>,
}

/// A call of a tool.
#[derive(Debug, Clone, Copy)]
struct Call {
    /// Its number among calls.
    index: u32,
    /// Whether arguments have come.
    has_arguments: bool,
}

/// What has come of one answer so far.
pub(super) struct Pieces {
    choice: u32,
    /// Whether the answer is the arguments of a call.
    form_is_a_tool: bool,
    /// Calls, by the numbers of their blocks among blocks.
    calls: BTreeMap<u32, Call>,
    /// Calls so far.
    opened: u32,
    usage: Usage,
    finish: Option<FinishReason>,
    is_over: bool,
}

impl Pieces {
    pub(super) fn new(choice: u32, form_is_a_tool: bool) -> Self {
        Self {
            choice,
            form_is_a_tool,
            calls: BTreeMap::new(),
            opened: 0,
            usage: Usage::default(),
            finish: None,
            is_over: false,
        }
    }

    /// Reads one event of the stream.
    pub(super) fn read(&mut self, data: &str, words: &Words) -> Result<Option<Chunk>> {
        let event: Event = serde_json::from_str(data)
            .map_err(|e| words.error(format!("sent a piece that is not an event: {e}")))?;
        match event {
            Event::MessageStart { message } => self.count(message.usage),
            Event::ContentBlockStart {
                index,
                content_block,
            } => return Ok(self.open(index, content_block)),
            Event::ContentBlockDelta { index, delta } => return Ok(self.more(index, delta)),
            Event::ContentBlockStop { index } => return Ok(self.close(index)),
            Event::MessageDelta { delta, usage } => {
                self.count(usage);
                if let Some(reason) = delta.stop_reason {
                    self.finish = Some(self.reason(&reason));
                }
            }
            Event::MessageStop => self.is_over = true,
            Event::Error { error } => return Err(failure(&error, words)),
            Event::Other => {}
        }
        Ok(None)
    }

    /// Whether nothing more is to come.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Why the answer is over, and the tokens it took; nothing where it is not.
    pub(super) fn ended(&self) -> Option<(FinishReason, Usage)> {
        let finish = self.finish.or(self.is_over.then_some(FinishReason::Stop))?;
        Some((finish, self.usage))
    }

    fn count(&mut self, counted: Option<Counted>) {
        let Some(counted) = counted else { return };
        if let Some(input) = counted.input_tokens {
            // What was kept from before is counted apart there, and is read all the same.
            self.usage.prompt_tokens = input
                .saturating_add(counted.cache_creation_input_tokens.unwrap_or(0))
                .saturating_add(counted.cache_read_input_tokens.unwrap_or(0));
        }
        if let Some(output) = counted.output {
            self.usage.completion_tokens = output;
        }
    }

    fn open(&mut self, block: u32, content: Block) -> Option<Chunk> {
        match content {
            Block::ToolUse { id, name } => {
                let index = self.opened;
                self.opened += 1;
                let call = Call {
                    index,
                    has_arguments: false,
                };
                self.calls.insert(block, call);
                (!self.form_is_a_tool).then(|| Chunk::ToolCall {
                    choice: self.choice,
                    index,
                    id: Some(id),
                    name: Some(name),
                    arguments: String::new(),
                })
            }
            Block::Text { text } => self.text(text),
            Block::Other => None,
        }
    }

    fn more(&mut self, block: u32, delta: BlockDelta) -> Option<Chunk> {
        match delta {
            BlockDelta::TextDelta { text } => self.text(text),
            BlockDelta::ThinkingDelta { thinking } => {
                (!thinking.is_empty()).then(|| Chunk::Thinking(Piece::of(self.choice, thinking)))
            }
            BlockDelta::InputJsonDelta { partial_json } => {
                let call = self.calls.get_mut(&block)?;
                if partial_json.is_empty() {
                    return None;
                }
                call.has_arguments = true;
                let index = call.index;
                Some(self.arguments(index, partial_json))
            }
            BlockDelta::Other => None,
        }
    }

    /// A call without arguments has an empty object there, of which no piece comes.
    fn close(&mut self, block: u32) -> Option<Chunk> {
        let call = self.calls.remove(&block)?;
        (!call.has_arguments).then(|| self.arguments(call.index, "{}".to_owned()))
    }

    fn arguments(&self, index: u32, arguments: String) -> Chunk {
        if self.form_is_a_tool {
            return Chunk::Text(Piece::of(self.choice, arguments));
        }
        Chunk::ToolCall {
            choice: self.choice,
            index,
            id: None,
            name: None,
            arguments,
        }
    }

    /// Words around a call that is the answer are no part of it.
    fn text(&self, text: String) -> Option<Chunk> {
        (!text.is_empty() && !self.form_is_a_tool)
            .then(|| Chunk::Text(Piece::of(self.choice, text)))
    }

    fn reason(&self, reason: &str) -> FinishReason {
        match reason {
            "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
            "tool_use" if !self.form_is_a_tool => FinishReason::ToolCalls,
            "refusal" => FinishReason::Filtered,
            _ => FinishReason::Stop,
        }
    }
}

/// A failure told in the middle of a stream: its status would have said whether waiting helps.
fn failure(error: &Value, words: &Words) -> Error {
    match error["type"].as_str() {
        Some("overloaded_error" | "rate_limit_error") => Error::Overloaded { retry_after: SOON },
        _ => words.error(said(error)),
    }
}
