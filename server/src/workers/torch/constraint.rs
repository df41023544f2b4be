//! Holding an answer to a form: which tokens may come next, and which come without a choice.
//!
//! - [`vocabulary`]: a model's tokens as the grammar engine wants them; [`grammars`]: forms compiled over them.
//! - [`calls`]: the grammar of calls of tools; [`watch`]: free text in which a call may begin.
//! - [`patience`]: what a schema leaves open and readers of JSON do not.
//!
//! A mask is the costly part, the more so where a grammar is met for the first time: it is computed beside the model's
//! step, and not at all in free text.

mod calls;
mod grammars;
mod patience;
#[cfg(test)]
mod tests;
mod vocabulary;
mod watch;

use std::sync::Arc;

use llguidance::{Matcher, toktrie::SimpleVob};
use tidegate_schema::{Error, Result};

pub(super) use self::grammars::Grammars;
use self::{patience::Patience, vocabulary::Vocabulary, watch::Watch};
use super::{
    error::{self, ModelError},
    tokens::Tokens,
};
use crate::workers::grammar::Form;

/// Most tokens given at once that leave no choice.
const MOST_FORCED: usize = 128;

/// One answer's form and where the answer stands in it.
///
/// Between two tokens: [`Self::compute`], then [`Self::apply`] to the scores, then [`Self::take`] of the token chosen,
/// then [`Self::forced`] for those that follow without a choice, each of which is taken too.
pub(super) struct Constraint {
    state: State,
    vocabulary: Arc<Vocabulary>,
    patience: Option<Patience>,
    ends: Vec<u32>,
    /// What may come next; nothing while it is not computed, and where anything may.
    mask: Option<SimpleVob>,
    is_computed: bool,
    may_end: bool,
    is_done: bool,
}

enum State {
    /// To a grammar, from the first token to the last.
    Held(Box<Matcher>),
    /// To nothing until a call of a tool begins.
    Watching(Box<Watch>),
}

impl State {
    /// The grammar that holds now.
    fn matcher(&mut self) -> Option<&mut Matcher> {
        match self {
            Self::Held(matcher) => Some(matcher),
            Self::Watching(watch) => watch.call(),
        }
    }
}

impl Clone for Constraint {
    /// Another answer at the same place, which goes its own way from here.
    fn clone(&self) -> Self {
        Self {
            state: match &self.state {
                State::Held(matcher) => State::Held(Box::new(matcher.deep_clone())),
                State::Watching(watch) => State::Watching(Box::new(watch.fork())),
            },
            vocabulary: Arc::clone(&self.vocabulary),
            patience: self.patience.clone(),
            ends: self.ends.clone(),
            mask: self.mask.clone(),
            is_computed: self.is_computed,
            may_end: self.may_end,
            is_done: self.is_done,
        }
    }
}

impl Constraint {
    /// At the beginning of an answer. Compiles the form, unless it was met before: that takes milliseconds for common
    /// forms, and is bounded for all.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the place in the request and what no grammar can be made of; [`Error::Unsupported`]
    /// where the model's vocabulary is of a kind that nothing can be held to.
    pub(super) fn new(form: &Form, tokens: &Tokens) -> Result<Self> {
        let grammars = tokens.grammars().map_err(|error| Error::Unsupported {
            what: format!("this model's answers cannot be held to a form: {error}"),
        })?;
        let (state, patience) = match form {
            Form::Tools(calls) if !calls.is_forced && calls.answer.is_none() => {
                let watch = Watch::new(calls, grammars, tokens)?;
                (State::Watching(Box::new(watch)), None)
            }
            form => {
                let matcher = grammars.matcher(form, tokens)?;
                let is_json = !matches!(form, Form::Regex(_) | Form::Lark(_));
                (
                    State::Held(Box::new(matcher)),
                    is_json.then(Patience::default),
                )
            }
        };
        let mut constraint = Self {
            state,
            vocabulary: grammars.vocabulary(),
            patience,
            ends: tokens.ends().to_vec(),
            mask: None,
            is_computed: false,
            may_end: false,
            is_done: false,
        };
        constraint
            .settle()
            .map_err(|error| Error::invalid("response_format", error.to_string()))?;
        Ok(constraint)
    }

    /// Finds out what may come next, once per token however often it is called. May run on another thread than the
    /// rest.
    ///
    /// # Errors
    /// [`ModelError::Text`] where the form has grown beyond its bounds, or this vocabulary cannot go on with it.
    pub(super) fn compute(&mut self) -> error::Result<()> {
        if self.is_computed {
            return Ok(());
        }
        let Some(matcher) = self.state.matcher() else {
            self.is_computed = true;
            return Ok(());
        };
        match matcher.compute_mask() {
            Ok(mut mask) => {
                if self.may_end {
                    self.allow_ends(&mut mask);
                }
                // Last: a number that is all of the answer is made to end too.
                if let Some(patience) = &self.patience {
                    patience.restrain(&mut mask, self.vocabulary.signs());
                }
                self.mask = Some(mask);
                self.is_computed = true;
            }
            // Nothing else could follow.
            Err(_) if self.may_end => self.end(),
            Err(error) => return Err(broken(&error)),
        }
        Ok(())
    }

    /// Takes the scores of what may not come next. [`Self::compute`] comes before.
    pub(super) fn apply(&self, scores: &mut [f32]) {
        let Some(mask) = &self.mask else {
            return;
        };
        let words = mask.as_slice();
        for (nth, scores) in scores.chunks_mut(u32::BITS as usize).enumerate() {
            // The model may have more scores than the tokenizer has tokens; those are no token's.
            let word = words.get(nth).copied().unwrap_or(0);
            if word == u32::MAX {
                continue;
            }
            for (bit, score) in scores.iter_mut().enumerate() {
                if (word >> bit) & 1 == 0 {
                    *score = f32::NEG_INFINITY;
                }
            }
        }
    }

    /// Goes on behind a token.
    ///
    /// # Errors
    /// [`ModelError::Text`] for one that was not allowed.
    pub(super) fn take(&mut self, token: u32) -> error::Result<()> {
        let is_end = self.ends.contains(&token);
        if self.is_done || (is_end && self.may_end) {
            if !is_end {
                return Err(ModelError::Text(format!(
                    "token {token} follows the end of an answer that is whole"
                )));
            }
            self.end_for_good();
            return Ok(());
        }
        match &mut self.state {
            State::Held(matcher) => {
                matcher
                    .consume_token(token)
                    .map_err(|error| broken(&error))?;
            }
            State::Watching(watch) => watch
                .take(token, &self.vocabulary)
                .map_err(|error| broken(&error))?,
        }
        if let (Some(patience), Some(bytes)) = (&mut self.patience, self.vocabulary.writes(token)) {
            patience.take(bytes);
        }
        self.settle()
    }

    /// The tokens that come next without a choice, as the tokenizer itself would make them, never an end. They are not
    /// taken yet: whoever uses them takes each, and may stop before the last.
    pub(super) fn forced(&mut self) -> Vec<u32> {
        if self.may_end {
            return Vec::new();
        }
        let Some(matcher) = self.state.matcher() else {
            return Vec::new();
        };
        let mut tokens = matcher.compute_ff_tokens();
        tokens.truncate(MOST_FORCED);
        tokens
    }

    /// Whether the answer is whole and nothing may follow.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Whether the answer may end here.
    pub(super) fn may_end(&self) -> bool {
        self.may_end
    }

    /// Finds out, behind a token, whether the answer may end and whether it has to.
    fn settle(&mut self) -> error::Result<()> {
        self.mask = None;
        self.is_computed = false;
        let Some(matcher) = self.state.matcher() else {
            self.may_end = true;
            return Ok(());
        };
        if matcher.is_stopped() {
            if !matcher.stop_reason().is_ok() {
                let reason = matcher.get_error().unwrap_or_default();
                return Err(ModelError::Text(format!(
                    "the form of the answer cannot be kept any longer: {}",
                    grammars::first_line(&reason)
                )));
            }
            self.end();
            return Ok(());
        }
        self.may_end = matcher.is_accepting().map_err(|error| broken(&error))?;
        if self.may_end {
            // Where nothing else can follow, the answer is over now and not a step later.
            self.compute()?;
        }
        Ok(())
    }

    /// What is held to is whole.
    fn end(&mut self) {
        if let State::Watching(watch) = &mut self.state
            && watch.goes_on()
        {
            self.may_end = true;
            self.mask = None;
            self.is_computed = true;
            return;
        }
        self.end_for_good();
    }

    fn end_for_good(&mut self) {
        let mut mask = self.vocabulary.none();
        self.allow_ends(&mut mask);
        self.mask = Some(mask);
        self.is_computed = true;
        self.may_end = true;
        self.is_done = true;
    }

    fn allow_ends(&self, mask: &mut SimpleVob) {
        for &end in &self.ends {
            if (end as usize) < mask.len() {
                mask.allow_token(end);
            }
        }
    }
}

fn broken(error: &impl std::fmt::Display) -> ModelError {
    ModelError::Text(format!(
        "the form of the answer cannot be kept: {}",
        grammars::first_line(&error.to_string())
    ))
}
