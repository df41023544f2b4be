//! Free text in which a call of a tool may begin: nothing is held to until it does, and then the call is.

use llguidance::Matcher;
use memchr::memmem;
use tidegate_schema::Result;

use super::{
    super::{tokens::Tokens, tools},
    grammars::Grammars,
    vocabulary::Vocabulary,
};
use crate::workers::grammar::{CallFormat, Calls};

/// Blanks that are passed over before an answer begins.
const MOST_BLANKS: usize = 256;

/// What a call is seen by.
#[derive(Debug, Clone, Copy)]
enum Sign {
    /// This text, wherever it stands; the call follows it.
    Anywhere(&'static str),
    /// This text at the beginning of the answer; the call is that and what follows.
    AtStart(&'static str),
}

/// Free text that waits for calls.
pub(super) struct Watch {
    /// At the beginning of a call.
    fresh: Matcher,
    /// In a call.
    call: Option<Matcher>,
    sign: Sign,
    /// Special tokens that begin a call.
    marks: Vec<u32>,
    /// The end of what was written, as much as a sign may begin in.
    tail: Vec<u8>,
    is_at_start: bool,
    /// Whether text may follow a call, and another call that.
    repeats: bool,
}

impl Watch {
    /// At the beginning of an answer.
    pub(super) fn new(calls: &Calls, grammars: &Grammars, tokens: &Tokens) -> Result<Self> {
        let (sign, mark) = match calls.format {
            CallFormat::Tagged => (Sign::Anywhere(tools::CALL_OPENS), tools::CALL_OPENS),
            CallFormat::Bare => (Sign::AtStart("{\"name\""), tools::BARE_OPENS),
            CallFormat::Listed => (Sign::Anywhere(tools::LIST_OPENS), tools::LIST_OPENS),
        };
        Ok(Self {
            fresh: grammars.opened(calls, tokens)?,
            call: None,
            sign,
            marks: tokens
                .id(mark)
                .filter(|&id| tokens.is_special(id))
                .into_iter()
                .collect(),
            tail: Vec::new(),
            is_at_start: true,
            repeats: calls.format == CallFormat::Tagged && calls.several,
        })
    }

    /// Another at the same place.
    pub(super) fn fork(&self) -> Self {
        Self {
            fresh: self.fresh.deep_clone(),
            call: self.call.as_ref().map(Matcher::deep_clone),
            sign: self.sign,
            marks: self.marks.clone(),
            tail: self.tail.clone(),
            is_at_start: self.is_at_start,
            repeats: self.repeats,
        }
    }

    /// The call that is being written.
    pub(super) fn call(&mut self) -> Option<&mut Matcher> {
        self.call.as_mut()
    }

    /// Ends a call that is whole; whether free text may follow it.
    pub(super) fn goes_on(&mut self) -> bool {
        self.call = None;
        self.tail.clear();
        self.repeats
    }

    /// Goes on behind a token.
    ///
    /// # Errors
    /// Where a token does not fit the call it stands in.
    pub(super) fn take(&mut self, token: u32, vocabulary: &Vocabulary) -> anyhow::Result<()> {
        if let Some(call) = &mut self.call {
            return call.consume_token(token);
        }
        if self.marks.contains(&token) {
            self.call = Some(self.fresh.deep_clone());
            return Ok(());
        }
        let begun = vocabulary
            .writes(token)
            .and_then(|bytes| self.begun_by(bytes));
        if let Some(begun) = begun {
            let mut call = self.fresh.deep_clone();
            let tokens = vocabulary.trie().greedy_tokenize(&begun);
            // What came in one token with the sign was free: where it is no call, the text is text.
            if call
                .try_consume_tokens(&tokens)
                .is_ok_and(|taken| taken == tokens.len())
            {
                self.call = Some(call);
            }
        }
        Ok(())
    }

    /// The beginning of a call, where these bytes complete its sign: what of it is written already.
    fn begun_by(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self.sign {
            Sign::Anywhere(sign) => {
                self.tail.extend_from_slice(bytes);
                if let Some(at) = memmem::find(&self.tail, sign.as_bytes()) {
                    let begun = self.tail.split_off(at + sign.len());
                    self.tail.clear();
                    return Some(begun);
                }
                let kept = self.tail.len().min(sign.len() - 1);
                self.tail.drain(..self.tail.len() - kept);
                None
            }
            Sign::AtStart(sign) => {
                if !self.is_at_start {
                    return None;
                }
                self.tail.extend_from_slice(bytes);
                let begun = self.tail.trim_ascii_start();
                if begun.starts_with(sign.as_bytes()) {
                    self.is_at_start = false;
                    let begun = begun.to_vec();
                    self.tail.clear();
                    return Some(begun);
                }
                if !sign.as_bytes().starts_with(begun) || self.tail.len() > MOST_BLANKS {
                    self.is_at_start = false;
                    self.tail.clear();
                }
                None
            }
        }
    }
}
