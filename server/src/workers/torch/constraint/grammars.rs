//! Forms compiled over one model's vocabulary, and kept: the same form is asked for again and again.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use llguidance::{
    JsonCompileOptions, Matcher, ParserFactory,
    api::{GrammarWithLexer, TopLevelGrammar},
    toktrie::TokEnv,
};
use lru::LruCache;
use serde_json::{Value, json};
use tidegate_schema::{Error, Result};

use super::{calls, vocabulary::Vocabulary};
use crate::workers::{
    grammar::{Calls, Form},
    torch::{error::panic_line, tokens::Tokens},
};

/// Compiled forms that are kept.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(31);
/// Stack of the thread that compiles: the engine goes down schemas and grammars one by one, and how deep they are is
/// bounded by what `workers::grammar` lets through.
const STACK: usize = 128 << 20;
/// States of a form's lexer, 1 to 2 kB each.
const MOST_STATES: usize = 50_000;
/// Symbols of a form's grammar.
const MOST_SYMBOLS: usize = 250_000;

/// What a model's answers are held to forms by.
pub(in crate::workers::torch) struct Grammars {
    factory: ParserFactory,
    vocabulary: Arc<Vocabulary>,
    compiled: Mutex<LruCache<String, Matcher>>,
}

impl Grammars {
    /// Over a model's tokens. Takes some tenths of a second for a large vocabulary.
    pub(in crate::workers::torch) fn of(tokens: &Tokens) -> Result<Self, String> {
        apart(|| {
            let vocabulary = Arc::new(Vocabulary::of(tokens)?);
            let env: TokEnv = vocabulary.clone();
            let mut factory = ParserFactory::new_simple(&env).map_err(|error| error.to_string())?;
            factory.quiet();
            let limits = factory.limits_mut();
            limits.max_lexer_states = MOST_STATES;
            limits.max_grammar_size = MOST_SYMBOLS;
            limits.verbose_errors = false;
            Ok(Self {
                factory,
                vocabulary,
                compiled: Mutex::new(LruCache::new(KEPT)),
            })
        })
    }

    /// The tokens.
    pub(super) fn vocabulary(&self) -> Arc<Vocabulary> {
        Arc::clone(&self.vocabulary)
    }

    /// A form, at its beginning.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the place in the request and what no grammar can be made of.
    pub(super) fn matcher(&self, form: &Form, tokens: &Tokens) -> Result<Matcher> {
        let field = match form {
            Form::JsonObject | Form::JsonSchema(_) => "response_format.json_schema.schema",
            Form::Regex(_) => "response_format.pattern",
            Form::Lark(_) => "response_format.grammar",
            Form::Tools(_) => "tools",
        };
        let made = self.kept(&format!("{form:?}"), || match form {
            Form::Tools(calls) => calls::whole(calls, tokens),
            form => TopLevelGrammar {
                grammars: plain(form).into_iter().collect(),
                max_tokens: None,
            },
        });
        match (made, form) {
            (Err(_), Form::Tools(calls)) if calls.can_be_loosened() => {
                self.matcher(&Form::Tools(calls.loosened()), tokens)
            }
            (made, _) => made.map_err(|reason| Error::invalid(field, reason)),
        }
    }

    /// Calls behind the sign that one begins, at their beginning.
    pub(super) fn opened(&self, calls: &Calls, tokens: &Tokens) -> Result<Matcher> {
        let made = self.kept(&format!("opened {calls:?}"), || {
            calls::opened(calls, tokens)
        });
        match made {
            Err(_) if calls.can_be_loosened() => self.opened(&calls.loosened(), tokens),
            made => made.map_err(|reason| Error::invalid("tools", reason)),
        }
    }

    /// The form of that name, made where it is not kept. What is kept is never moved on: each answer has a copy, with
    /// a lexer of its own, so that none waits for another and none grows another's.
    fn kept(&self, name: &str, make: impl FnOnce() -> TopLevelGrammar) -> Result<Matcher, String> {
        if let Some(found) = self.compiled().get(name) {
            return Ok(found.deep_clone());
        }
        let grammar = make();
        let made = apart(|| self.compile(grammar))?;
        let copy = made.deep_clone();
        self.compiled().put(name.to_owned(), made);
        Ok(copy)
    }

    fn compiled(&self) -> MutexGuard<'_, LruCache<String, Matcher>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compile(&self, grammar: TopLevelGrammar) -> Result<Matcher, String> {
        let mut matcher = Matcher::new(self.factory.create_parser(grammar));
        if let Some(error) = matcher.get_error() {
            return Err(in_our_words(&error));
        }
        // The first mask, which is the slowest, is found out here for all who come after. None at all means that no
        // token begins the form.
        match matcher.compute_mask() {
            Ok(_) => Ok(matcher),
            Err(error) => Err(format!(
                "cannot be begun with this model's tokens, or takes no text at all: {}",
                first_line(&error.to_string())
            )),
        }
    }
}

/// Does something on a thread of its own, with the stack it needs, and takes a panic for a refusal.
fn apart<T: Send>(make: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("grammar".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, make)
            .map_err(|error| format!("no thread could be started: {error}"))?;
        thread
            .join()
            .unwrap_or_else(|payload| Err(first_line(&panic_line(payload.as_ref()))))
    })
}

/// The grammar of a form other than calls.
pub(super) fn plain(form: &Form) -> Option<GrammarWithLexer> {
    match form {
        Form::JsonObject => Some(GrammarWithLexer::from_json_schema(with_options(
            &json!({"type": "object"}),
        ))),
        Form::JsonSchema(schema) => Some(GrammarWithLexer::from_json_schema(with_options(schema))),
        Form::Regex(pattern) => Some(GrammarWithLexer::from_regex(pattern)),
        Form::Lark(grammar) => Some(GrammarWithLexer::from_lark(grammar.clone())),
        Form::Tools(_) => None,
    }
}

/// A schema with what the engine is to do about it.
///
/// Commas and colons have one space behind them, as Python writes JSON and models have seen most of it: no blanks can
/// be written for ever, and names of members are forced whole. Signs are never written as `\u…`: no one needs it, and a
/// name could be written twice by it. Only a constant with a control character cannot be written otherwise.
pub(super) fn with_options(schema: &Value) -> Value {
    let mut options = JsonCompileOptions {
        item_separator: ", ".to_owned(),
        key_separator: ": ".to_owned(),
        whitespace_flexible: false,
        ..JsonCompileOptions::default()
    };
    if !has_control(schema) {
        options.json_allowed_escapes = Some("nrbtf\\\"".to_owned());
    }
    let mut schema = schema.clone();
    if let Value::Object(object) = &mut schema {
        object.insert(
            "x-guidance".to_owned(),
            serde_json::to_value(options).unwrap_or_default(),
        );
    }
    schema
}

/// Whether a text anywhere in a schema has a character that JSON writes by its number.
fn has_control(value: &Value) -> bool {
    match value {
        Value::String(text) => text
            .chars()
            .any(|sign| sign.is_ascii_control() && !"\n\r\t\u{8}\u{c}".contains(sign)),
        Value::Array(list) => list.iter().any(has_control),
        Value::Object(members) => members.values().any(has_control),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The engine's refusal, where it speaks of its own switches in ours.
fn in_our_words(error: &str) -> String {
    if error.contains("oneOf constraints are not supported") {
        return "has a oneOf whose choices may overlap, which cannot be held to; use anyOf, or give each choice a \
                constant that tells it apart"
            .to_owned();
    }
    format!("cannot be held to: {}", first_line(error))
}

/// The first line of what the engine says, without its state and source; never long.
pub(super) fn first_line(text: &str) -> String {
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('<'))
        .unwrap_or("it does not say why");
    let mut short: String = line.chars().take(300).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}
