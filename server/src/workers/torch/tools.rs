//! Calls of tools: how a model writes them, and reading them out of its answer.
//!
//! The grammar that an answer with calls is held to is `constraint`'s.

mod balance;
mod plainly;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::balance::{Balance, End};
pub(super) use self::plainly::plainly;
use super::tokens::Tokens;
use crate::workers::{ToolCall, grammar::CallFormat};

/// Opens a tagged call.
pub(super) const CALL_OPENS: &str = "<tool_call>";
/// Closes it.
pub(super) const CALL_CLOSES: &str = "</tool_call>";
/// Opens a list of calls.
pub(super) const LIST_OPENS: &str = "[TOOL_CALLS]";
/// May stand before bare calls.
pub(super) const BARE_OPENS: &str = "<|python_tag|>";

/// Most text that is held back in the hope of a call.
const MOST_HELD: usize = 1 << 20;

/// How a chat template writes calls, where it writes them in a way that can be read back.
pub(super) fn written_by(template: &str) -> Option<CallFormat> {
    if !template.contains("tools") {
        return None;
    }
    if template.contains(LIST_OPENS) {
        // Its later versions put each name outside of the JSON, which is another way.
        return (!template.contains("[ARGS]")).then_some(CallFormat::Listed);
    }
    if template.contains(CALL_OPENS) {
        // Some have each argument in a tag of its own.
        return (!template.contains("<function=") && !template.contains("<arg_key>"))
            .then_some(CallFormat::Tagged);
    }
    (template.contains("<|start_header_id|>") && template.contains("parameters"))
        .then_some(CallFormat::Bare)
}

/// The special tokens that have to show in the text for calls to be read out of it.
pub(super) fn marks(tokens: &Tokens) -> Vec<u32> {
    [CALL_OPENS, CALL_CLOSES, LIST_OPENS, BARE_OPENS]
        .into_iter()
        .filter_map(|mark| tokens.id(mark))
        .filter(|&id| tokens.is_special(id))
        .collect()
}

/// What was read of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Text that is no call.
    Text(String),
    /// A call, whole.
    Call(ToolCall),
}

/// Reads calls out of an answer as it grows. What looks like a call and is none is text, so nothing is lost but blanks
/// beside calls and the signs that open and close them.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    format: CallFormat,
    place: Place,
    held: String,
    /// Bytes of `held` before the sign of a call: blanks that are told again if it is none.
    blanks: usize,
    /// How far in `held` JSON was followed.
    json: Balance,
    has_called: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before anything but blanks was written.
    Start,
    /// In text.
    Text,
    /// Behind the sign that a call begins.
    Call,
    /// Between two calls.
    Between,
    /// In text to the end, whatever it looks like.
    Rest,
}

impl Reader {
    /// Of an answer that has not begun.
    pub(super) fn new(format: CallFormat) -> Self {
        Self {
            format,
            place: Place::Start,
            held: String::new(),
            blanks: 0,
            json: Balance::default(),
            has_called: false,
        }
    }

    /// Takes more of the answer; gives what can be told.
    pub(super) fn push(&mut self, text: &str) -> Vec<Read> {
        self.held.push_str(text);
        let mut told = Vec::new();
        while self.step(&mut told) {}
        if self.held.len() > MOST_HELD {
            self.give_up(&mut told);
        }
        told
    }

    /// What was held back, once the answer is over.
    pub(super) fn finish(&mut self) -> Vec<Read> {
        let mut told = Vec::new();
        // A tagged call may have been cut off before its closing tag, and be whole all the same.
        if self.place == Place::Call && self.format == CallFormat::Tagged {
            let body = self.held.get(self.blanks + CALL_OPENS.len()..);
            if let Some(call) = body.and_then(|body| call(body, "arguments")) {
                told.push(Read::Call(call));
                self.has_called = true;
                self.held.clear();
            }
        }
        let is_blank = self.held.trim().is_empty();
        if !(is_blank && self.has_called) {
            tell(&mut told, std::mem::take(&mut self.held));
        }
        self.held.clear();
        self.place = Place::Rest;
        told
    }

    /// Reads on; whether there may be more to read.
    fn step(&mut self, told: &mut Vec<Read>) -> bool {
        match (self.place, self.format) {
            (Place::Start, CallFormat::Bare) => self.begin_bare(),
            (Place::Start | Place::Text, format) => self.look_for(opening(format), told),
            (Place::Call, CallFormat::Tagged) => self.close_tagged(told),
            (Place::Call, CallFormat::Listed) => self.close_list(told),
            (Place::Call, CallFormat::Bare) => self.close_bare(told),
            (Place::Between, _) => self.go_on_bare(),
            (Place::Rest, _) => {
                tell(told, std::mem::take(&mut self.held));
                false
            }
        }
    }

    /// Tells text up to the sign of a call, and keeps what may still become one.
    fn look_for(&mut self, sign: &str, told: &mut Vec<Read>) -> bool {
        if let Some(at) = self.held.find(sign) {
            // Blanks before a call are part of how it is written.
            let before = self.held[..at].trim_end().len();
            self.blanks = at - before;
            let call = self.held.split_off(before);
            tell(told, std::mem::replace(&mut self.held, call));
            self.place = Place::Call;
            self.json = Balance::default();
            return true;
        }
        let blanks = self.held.trim_end().len();
        let kept = (1..sign.len())
            .rev()
            .find(|&length| sign.is_char_boundary(length) && self.held.ends_with(&sign[..length]))
            .unwrap_or(0);
        // Blanks that stand before a sign's beginning are kept with it.
        let before = self.held[..self.held.len() - kept].trim_end().len();
        let rest = self.held.split_off(before.min(blanks));
        let text = std::mem::replace(&mut self.held, rest);
        if !text.is_empty() {
            self.place = Place::Text;
        }
        tell(told, text);
        false
    }

    fn close_tagged(&mut self, told: &mut Vec<Read>) -> bool {
        let Some(end) = self.held.find(CALL_CLOSES) else {
            return false;
        };
        let rest = self.held.split_off(end + CALL_CLOSES.len());
        let whole = std::mem::replace(&mut self.held, rest);
        match call(&whole[self.blanks + CALL_OPENS.len()..end], "arguments") {
            Some(call) => self.called(call, told),
            None => tell(told, whole),
        }
        self.place = Place::Text;
        true
    }

    fn close_list(&mut self, told: &mut Vec<Read>) -> bool {
        let begin = self.blanks + LIST_OPENS.len();
        let Some(end) = self.json.end(&self.held, begin) else {
            return false;
        };
        let calls = match end {
            End::At(end) => list(&self.held[begin..end]).map(|calls| (end, calls)),
            End::Never => None,
        };
        let Some((end, calls)) = calls else {
            self.give_up(told);
            return false;
        };
        self.held.drain(..end);
        for call in calls {
            self.called(call, told);
        }
        self.place = Place::Text;
        true
    }

    /// Whether an answer begins as a call does that has no sign of its own.
    fn begin_bare(&mut self) -> bool {
        let begun = self.held.trim_start();
        if let Some(rest) = begun.strip_prefix(BARE_OPENS) {
            self.held = rest.to_owned();
            self.place = Place::Call;
        } else if begun.starts_with('{') {
            self.place = Place::Call;
        } else if begun.is_empty() || BARE_OPENS.starts_with(begun) {
            return false;
        } else {
            self.place = Place::Rest;
        }
        self.json = Balance::default();
        true
    }

    fn close_bare(&mut self, told: &mut Vec<Read>) -> bool {
        let Some(end) = self.json.end(&self.held, 0) else {
            return false;
        };
        let read = match end {
            End::At(end) => call(&self.held[..end], "parameters").map(|call| (end, call)),
            End::Never => None,
        };
        let Some((end, call)) = read else {
            self.give_up(told);
            return false;
        };
        self.held.drain(..end);
        self.called(call, told);
        self.place = Place::Between;
        true
    }

    /// Behind a bare call: another one, or text.
    fn go_on_bare(&mut self) -> bool {
        let after = self.held.trim_start();
        if after.is_empty() {
            return false;
        }
        match after.strip_prefix(';').map(str::trim_start) {
            Some("") => return false,
            Some(next) if next.starts_with('{') => {
                self.held = next.to_owned();
                self.place = Place::Call;
                self.json = Balance::default();
            }
            _ => self.place = Place::Rest,
        }
        true
    }

    fn called(&mut self, call: ToolCall, told: &mut Vec<Read>) {
        self.has_called = true;
        told.push(Read::Call(call));
    }

    /// What is held is no call, and what follows is none either.
    fn give_up(&mut self, told: &mut Vec<Read>) {
        self.place = Place::Rest;
        tell(told, std::mem::take(&mut self.held));
    }
}

/// The sign that a call begins.
fn opening(format: CallFormat) -> &'static str {
    match format {
        CallFormat::Tagged => CALL_OPENS,
        CallFormat::Listed => LIST_OPENS,
        CallFormat::Bare => BARE_OPENS,
    }
}

fn tell(told: &mut Vec<Read>, text: String) {
    if text.is_empty() {
        return;
    }
    if let Some(Read::Text(last)) = told.last_mut() {
        last.push_str(&text);
    } else {
        told.push(Read::Text(text));
    }
}

/// A call as models write it.
#[derive(Deserialize)]
struct Written {
    name: String,
    #[serde(default)]
    arguments: Option<Box<RawValue>>,
    #[serde(default)]
    parameters: Option<Box<RawValue>>,
}

impl Written {
    /// The call; nothing where its arguments are no object. Some models take one word for the other.
    fn call(self, word: &str) -> Option<ToolCall> {
        let (first, second) = if word == "parameters" {
            (self.parameters, self.arguments)
        } else {
            (self.arguments, self.parameters)
        };
        let arguments = match first.or(second) {
            Some(raw) => raw.get().trim().to_owned(),
            None => "{}".to_owned(),
        };
        if self.name.is_empty() || !arguments.starts_with('{') {
            return None;
        }
        Some(ToolCall {
            id: format!("call_{:024x}", rand::random::<u128>() >> 32),
            name: self.name,
            arguments,
        })
    }
}

/// One call; nothing where the text is none.
fn call(text: &str, word: &str) -> Option<ToolCall> {
    let written: Written = serde_json::from_str(text.trim()).ok()?;
    // A bare answer that is an object with a name is no call for that alone.
    if word == "parameters" && written.parameters.is_none() && written.arguments.is_none() {
        return None;
    }
    written.call(word)
}

/// A list of calls; nothing where the text is none.
fn list(text: &str) -> Option<Vec<ToolCall>> {
    let written: Vec<Written> = serde_json::from_str(text.trim()).ok()?;
    written
        .into_iter()
        .map(|written| written.call("arguments"))
        .collect()
}
