//! From tokens to what is told of one answer.

use std::{collections::VecDeque, sync::Arc};

use crate::workers::{
    Chunk, Piece, TokenLogprob,
    torch::{
        error::Result,
        stops::Stops,
        tokens::{Detokeniser, Tokens},
        tools::{Read, Reader, marks},
    },
};

/// Keeps characters whole, looks for stop texts, reads calls of tools, and tells likelihoods no sooner than the text
/// of their tokens.
pub(super) struct Teller {
    choice: u32,
    tokens: Arc<Tokens>,
    text: Detokeniser,
    stops: Stops,
    reader: Option<Reader>,
    /// Tokens whose text is not told yet, each with the byte of the answer it begins at.
    waiting: VecDeque<(usize, TokenLogprob)>,
    /// Bytes of the answer known by now.
    known: usize,
    /// Bytes of it that got past the stop texts.
    passed: usize,
    calls: u32,
}

impl Teller {
    pub(super) fn new(
        choice: u32,
        tokens: Arc<Tokens>,
        stops: Stops,
        reader: Option<Reader>,
    ) -> Self {
        // Some models' calls open with marks that write nothing otherwise.
        let text = match &reader {
            Some(_) => Detokeniser::showing(&marks(&tokens)),
            None => Detokeniser::default(),
        };
        Self {
            choice,
            tokens,
            text,
            stops,
            reader,
            waiting: VecDeque::new(),
            known: 0,
            passed: 0,
            calls: 0,
        }
    }

    /// Whether tools were called.
    pub(super) fn has_called(&self) -> bool {
        self.calls > 0
    }

    /// Takes a token. Stop texts count where `may_stop` says so; whether one was met.
    pub(super) fn push(
        &mut self,
        token: u32,
        likelihood: Option<TokenLogprob>,
        may_stop: bool,
        told: &mut Vec<Chunk>,
    ) -> Result<bool> {
        if let Some(likelihood) = likelihood {
            self.waiting.push_back((self.known, likelihood));
        }
        let fresh = self.text.push(&self.tokens, token)?;
        self.known += fresh.len();
        if !may_stop {
            let text = self.stops.pass(&fresh);
            self.tell(&text, told);
            return Ok(false);
        }
        let passed = self.stops.push(&fresh);
        self.tell(&passed.text, told);
        Ok(passed.stopped)
    }

    /// Tells what was held back; whether a stop text came to light in it.
    pub(super) fn finish(&mut self, may_stop: bool, told: &mut Vec<Chunk>) -> Result<bool> {
        let rest = self.text.finish(&self.tokens)?;
        self.known += rest.len();
        if may_stop {
            let passed = self.stops.push(&rest);
            self.tell(&passed.text, told);
            if passed.stopped {
                self.close(told);
                return Ok(true);
            }
            let held = self.stops.finish();
            self.tell(&held, told);
        } else {
            let text = self.stops.pass(&rest);
            self.tell(&text, told);
        }
        self.close(told);
        // Tokens without text of their own are told of all the same.
        let rest: Vec<TokenLogprob> = self.waiting.drain(..).map(|(_, one)| one).collect();
        self.add(String::new(), rest, told);
        Ok(false)
    }

    /// Tells what the reader of calls holds back. Nothing else follows: what stands behind a stop text is not told.
    pub(super) fn close(&mut self, told: &mut Vec<Chunk>) {
        let Some(mut reader) = self.reader.take() else {
            return;
        };
        for read in reader.finish() {
            self.take(read, told);
        }
    }

    fn tell(&mut self, text: &str, told: &mut Vec<Chunk>) {
        if text.is_empty() {
            return;
        }
        self.passed += text.len();
        let mut likelihoods = Vec::new();
        while let Some((begin, _)) = self.waiting.front()
            && *begin < self.passed
        {
            likelihoods.extend(self.waiting.pop_front().map(|(_, one)| one));
        }
        match &mut self.reader {
            None => self.add(text.to_owned(), likelihoods, told),
            Some(reader) => {
                let read = reader.push(text);
                // Of a call the likelihoods are told too, and it has no text to come with.
                self.add(String::new(), likelihoods, told);
                for one in read {
                    self.take(one, told);
                }
            }
        }
    }

    fn take(&mut self, read: Read, told: &mut Vec<Chunk>) {
        match read {
            Read::Text(text) => self.add(text, Vec::new(), told),
            Read::Call(call) => {
                told.push(Chunk::ToolCall {
                    choice: self.choice,
                    index: self.calls,
                    id: Some(call.id),
                    name: Some(call.name),
                    arguments: call.arguments,
                });
                self.calls += 1;
            }
        }
    }

    /// Adds to the last piece where that is text.
    fn add(&self, text: String, logprobs: Vec<TokenLogprob>, told: &mut Vec<Chunk>) {
        if text.is_empty() && logprobs.is_empty() {
            return;
        }
        if let Some(Chunk::Text(last)) = told.last_mut() {
            last.text.push_str(&text);
            last.logprobs.extend(logprobs);
            return;
        }
        told.push(Chunk::Text(Piece {
            choice: self.choice,
            text,
            logprobs,
        }));
    }
}
