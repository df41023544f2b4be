//! From pieces of an answer to a response, with the events that tell of it as it grows. Whoever wants the response
//! whole lets the events go.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    IncompleteDetails, ReasoningPart, ResponseError, ResponseItem, ResponseOut, ResponsePart,
};
use crate::wire::openai::{LogprobOut, TurnIn, UsageOut, chat::Call};

/// A response under way.
#[derive(Debug)]
pub struct ResponseWriter {
    out: ResponseOut,
    /// The number of the next event.
    sequence: u64,
    /// Where the thoughts or the text stand that are being written.
    open: Option<usize>,
    /// Where the calls stand, by their numbers.
    calls: BTreeMap<u32, usize>,
}

impl ResponseWriter {
    /// Of a response of which nothing has come yet.
    pub fn new(out: ResponseOut) -> Self {
        Self {
            out,
            sequence: 0,
            open: None,
            calls: BTreeMap::new(),
        }
    }

    /// The response as far as it has come.
    pub fn response(&self) -> &ResponseOut {
        &self.out
    }

    /// What the model said and called, as a turn of the conversation that goes on from here.
    pub fn said(&self) -> TurnIn {
        let mut turn = TurnIn {
            role: "assistant",
            ..TurnIn::default()
        };
        for item in &self.out.output {
            match item {
                ResponseItem::Reasoning { .. } => {}
                ResponseItem::Message { content, .. } => {
                    for part in content {
                        turn.text.push_str(&part.text);
                    }
                }
                ResponseItem::FunctionCall {
                    call_id,
                    name,
                    arguments,
                    ..
                } => turn.calls.push(Call {
                    id: call_id.clone(),
                    name: name.clone(),
                    arguments: arguments.clone(),
                }),
            }
        }
        turn
    }

    /// The events that open it.
    pub fn begin(&mut self) -> String {
        self.whole("response.created") + &self.whole("response.in_progress")
    }

    /// Thoughts.
    pub fn thinking(&mut self, text: &str) -> String {
        let is_open = |item: &ResponseItem| matches!(item, ResponseItem::Reasoning { .. });
        let (at, mut frames) = self.spoken(is_open, |id| ResponseItem::Reasoning {
            id: format!("rs_{id}"),
            summary: Vec::new(),
            content: Vec::new(),
            status: "in_progress".to_owned(),
        });
        if let Some(ResponseItem::Reasoning { content, .. }) = self.out.output.get_mut(at)
            && let Some(part) = content.first_mut()
        {
            part.text.push_str(text);
        }
        frames += &self.of_part("response.reasoning_text.delta", at, json!({"delta": text}));
        frames
    }

    /// Text, with its tokens where they were asked for.
    pub fn text(&mut self, text: &str, logprobs: Vec<LogprobOut>) -> String {
        let is_open = |item: &ResponseItem| matches!(item, ResponseItem::Message { .. });
        let (at, mut frames) = self.spoken(is_open, |id| ResponseItem::Message {
            id: format!("msg_{id}"),
            role: "assistant".to_owned(),
            content: Vec::new(),
            status: "in_progress".to_owned(),
        });
        let told = json!({"delta": text, "logprobs": logprobs});
        if let Some(ResponseItem::Message { content, .. }) = self.out.output.get_mut(at)
            && let Some(part) = content.first_mut()
        {
            part.text.push_str(text);
            part.logprobs.extend(logprobs);
        }
        frames += &self.of_part("response.output_text.delta", at, told);
        frames
    }

    /// A call of a function, or more of one.
    pub fn call(
        &mut self,
        index: u32,
        id: Option<String>,
        name: Option<String>,
        arguments: &str,
    ) -> String {
        let mut frames = String::new();
        let at = if let Some(at) = self.calls.get(&index) {
            *at
        } else {
            frames += &self.close();
            let at = self.out.output.len();
            self.calls.insert(index, at);
            let own = self.item_id(at);
            self.out.output.push(ResponseItem::FunctionCall {
                call_id: id.unwrap_or_else(|| format!("call_{own}")),
                id: format!("fc_{own}"),
                name: name.unwrap_or_default(),
                arguments: String::new(),
                status: "in_progress".to_owned(),
            });
            frames += &self.of_item("response.output_item.added", at);
            at
        };
        if let Some(ResponseItem::FunctionCall {
            arguments: so_far, ..
        }) = self.out.output.get_mut(at)
        {
            so_far.push_str(arguments);
        }
        if !arguments.is_empty() {
            let fields = json!({
                "item_id": self.id_of(at), "output_index": at, "delta": arguments,
            });
            frames += &self.event("response.function_call_arguments.delta", fields);
        }
        frames
    }

    /// The model is done: the events that close what it wrote. The response is whole behind this.
    pub fn finish(&mut self, finish: &str, usage: UsageOut) -> String {
        let mut frames = self.close();
        for at in std::mem::take(&mut self.calls).into_values() {
            self.set_status(at, "completed");
            if let Some(ResponseItem::FunctionCall {
                name, arguments, ..
            }) = self.out.output.get(at)
            {
                let fields = json!({
                    "item_id": self.id_of(at), "output_index": at, "name": name, "arguments": arguments,
                });
                frames += &self.event("response.function_call_arguments.done", fields);
            }
            frames += &self.of_item("response.output_item.done", at);
        }
        self.out.usage = Some(usage.into());
        if finish == "length" {
            "incomplete".clone_into(&mut self.out.status);
            self.out.incomplete_details = Some(IncompleteDetails {
                reason: "max_output_tokens".to_owned(),
            });
        } else {
            "completed".clone_into(&mut self.out.status);
        }
        frames
    }

    /// The event that ends it.
    pub fn end(&mut self) -> String {
        let kind = format!("response.{}", self.out.status);
        self.whole(&kind)
    }

    /// The event that ends one that broke off.
    pub fn fail(&mut self, code: &str, message: &str) -> String {
        "failed".clone_into(&mut self.out.status);
        self.out.error = Some(ResponseError {
            code: code.to_owned(),
            message: message.to_owned(),
        });
        self.whole("response.failed")
    }

    /// Where thoughts or text go on, which may have to be opened first.
    fn spoken(
        &mut self,
        is_open: impl FnOnce(&ResponseItem) -> bool,
        make: impl FnOnce(String) -> ResponseItem,
    ) -> (usize, String) {
        if let Some(at) = self.open
            && self.out.output.get(at).is_some_and(is_open)
        {
            return (at, String::new());
        }
        let mut frames = self.close();
        let at = self.out.output.len();
        let item = make(self.item_id(at));
        self.out.output.push(item);
        self.open = Some(at);
        // Told empty: its part is told by an event of its own, and readers would have it twice.
        frames += &self.of_item("response.output_item.added", at);
        match self.out.output.get_mut(at) {
            Some(ResponseItem::Reasoning { content, .. }) => content.push(ReasoningPart {
                kind: "reasoning_text".to_owned(),
                text: String::new(),
            }),
            Some(ResponseItem::Message { content, .. }) => content.push(part(String::new())),
            Some(ResponseItem::FunctionCall { .. }) | None => {}
        }
        frames += &self.part_event("response.content_part.added", at);
        (at, frames)
    }

    /// Closes the thoughts or the text that are being written, if any.
    fn close(&mut self) -> String {
        let Some(at) = self.open.take() else {
            return String::new();
        };
        self.set_status(at, "completed");
        let told = match self.out.output.get(at) {
            Some(ResponseItem::Reasoning { content, .. }) => content
                .first()
                .map(|part| ("response.reasoning_text.done", json!({"text": part.text}))),
            Some(ResponseItem::Message { content, .. }) => content.first().map(|part| {
                (
                    "response.output_text.done",
                    json!({"text": part.text, "logprobs": part.logprobs}),
                )
            }),
            Some(ResponseItem::FunctionCall { .. }) | None => None,
        };
        let mut frames = String::new();
        if let Some((kind, fields)) = told {
            frames += &self.of_part(kind, at, fields);
        }
        frames += &self.part_event("response.content_part.done", at);
        frames += &self.of_item("response.output_item.done", at);
        frames
    }

    fn set_status(&mut self, at: usize, to: &str) {
        if let Some(
            ResponseItem::Reasoning { status, .. }
            | ResponseItem::Message { status, .. }
            | ResponseItem::FunctionCall { status, .. },
        ) = self.out.output.get_mut(at)
        {
            to.clone_into(status);
        }
    }

    /// What makes the ids of an item, of the response's own.
    fn item_id(&self, at: usize) -> String {
        let own = self.out.id.strip_prefix("resp_").unwrap_or(&self.out.id);
        format!("{own}_{at}")
    }

    fn id_of(&self, at: usize) -> &str {
        match self.out.output.get(at) {
            Some(
                ResponseItem::Reasoning { id, .. }
                | ResponseItem::Message { id, .. }
                | ResponseItem::FunctionCall { id, .. },
            ) => id,
            None => "",
        }
    }

    /// An event with the whole response.
    fn whole(&mut self, kind: &str) -> String {
        let fields = json!({"response": self.out});
        self.event(kind, fields)
    }

    /// An event with a whole item.
    fn of_item(&mut self, kind: &str, at: usize) -> String {
        let fields = json!({"output_index": at, "item": self.out.output.get(at)});
        self.event(kind, fields)
    }

    /// An event with a whole part of an item; each has one.
    fn part_event(&mut self, kind: &str, at: usize) -> String {
        let part = match self.out.output.get(at) {
            Some(ResponseItem::Reasoning { content, .. }) => json!(content.first()),
            Some(ResponseItem::Message { content, .. }) => json!(content.first()),
            Some(ResponseItem::FunctionCall { .. }) | None => Value::Null,
        };
        self.of_part(kind, at, json!({"part": part}))
    }

    /// An event about the part of an item.
    fn of_part(&mut self, kind: &str, at: usize, about: Value) -> String {
        let mut fields = json!({"item_id": self.id_of(at), "output_index": at, "content_index": 0});
        if let (Value::Object(fields), Value::Object(about)) = (&mut fields, about) {
            fields.extend(about);
        }
        self.event(kind, fields)
    }

    fn event(&mut self, kind: &str, fields: Value) -> String {
        let mut event = Map::new();
        event.insert("type".to_owned(), kind.into());
        event.insert("sequence_number".to_owned(), self.sequence.into());
        self.sequence += 1;
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        format!("event: {kind}\ndata: {}\n\n", Value::Object(event))
    }
}

fn part(text: String) -> ResponsePart {
    ResponsePart {
        kind: "output_text".to_owned(),
        text,
        annotations: Vec::new(),
        logprobs: Vec::new(),
    }
}
