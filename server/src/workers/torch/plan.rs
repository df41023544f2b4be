//! From a request to what an answer is made from. Everything that is wrong with a request is told here, before any
//! work.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tidegate_schema::{Error, Result};

use super::{
    constraint::Constraint,
    sampling::{Defaults, MOST_LOGPROBS, Sampling},
    template::ChatTemplate,
    tokens::Tokens,
    tools::Reader,
};
use crate::workers::{GenerateRequest, Prompt, Tool, ToolChoice, grammar::Form};

/// Texts that may end an answer; more are a mistake, and each is looked for in every piece of it.
const MOST_STOPS: usize = 64;

/// What answers are to be made from.
pub(super) struct Plan {
    /// Token ids of the prompt; never empty, always shorter than the window.
    pub(super) prompt: Vec<u32>,
    /// Answers told.
    pub(super) choices: usize,
    /// Answers made, of which the best are told.
    pub(super) tries: usize,
    /// How tokens are chosen.
    pub(super) sampling: Arc<Sampling>,
    /// Where random numbers start; answers differ by their number.
    pub(super) seed: u64,
    /// Texts that end an answer.
    pub(super) stops: Vec<String>,
    /// Tokens of the caller's that end it.
    pub(super) stop_ids: Vec<u32>,
    /// The model's own tokens that end it.
    pub(super) ends: Vec<u32>,
    /// Whether those are passed over.
    pub(super) ignore_ends: bool,
    /// The form it is held to, if any; each answer has its own.
    pub(super) constraint: Option<Constraint>,
    /// What reads calls of tools out of it, where there are tools; each answer has its own.
    pub(super) reader: Option<Reader>,
    /// Most new tokens.
    pub(super) limit: usize,
    /// Fewest new tokens.
    pub(super) least: usize,
    /// Told with each token: its likelihood, and so many of the likeliest.
    pub(super) logprobs: Option<usize>,
    /// The prompt as text, where it is told first.
    pub(super) echo: Option<String>,
    /// When it is too late.
    pub(super) deadline: Option<Instant>,
    /// The time that was given, for saying that it was too short.
    pub(super) allowed: Option<Duration>,
    /// Whether a kept prefix of the prompt may stand for running it.
    pub(super) cacheable: bool,
    /// Requests of one key wait for each other.
    pub(super) fair_key: Option<String>,
    /// What turns tokens into text.
    pub(super) tokens: Arc<Tokens>,
}

/// What a plan has to know of its model.
pub(super) struct About<'a> {
    /// The model's name.
    pub(super) name: &'a str,
    /// Its tokenizer.
    pub(super) tokens: &'a Arc<Tokens>,
    /// Its chat template.
    pub(super) template: &'a ChatTemplate,
    /// Tokens of prompt and answer together.
    pub(super) window: usize,
    /// Scores it gives.
    pub(super) vocabulary: usize,
    /// Answers it writes at once.
    pub(super) most: usize,
    /// How it chooses where nothing is said.
    pub(super) defaults: &'a Defaults,
    /// Tokens that end its answers.
    pub(super) ends: &'a [u32],
}

impl Plan {
    /// Checks a request and makes a plan of it.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field, what is wrong with it and what would do.
    pub(super) fn new(request: GenerateRequest, about: &About<'_>) -> Result<Self> {
        let sampling = Sampling::new(&request, about.defaults, about.vocabulary)?;
        let (choices, tries) = numbers(&request, about)?;
        let logprobs = logprobs(&request)?;
        check_ends(&request, about)?;
        let (prompt, echo) = prompt(&request, about)?;
        let left = about.window - prompt.len();
        let (limit, least) = lengths(&request, left, about.name)?;
        let constraint = Form::of(&request, about.template.calls())?
            .map(|form| Constraint::new(&form, about.tokens))
            .transpose()?;
        let reader = may_call(&request).then(|| Reader::new(about.template.calls()));
        Ok(Self {
            cacheable: echo.is_none() || logprobs.is_none(),
            prompt,
            choices,
            tries,
            sampling: Arc::new(sampling),
            seed: request.seed.unwrap_or_else(rand::random),
            stops: request.stop,
            stop_ids: request.stop_token_ids,
            ends: about.ends.to_vec(),
            ignore_ends: request.ignore_eos,
            constraint,
            reader,
            limit,
            least,
            logprobs,
            echo,
            deadline: request
                .deadline
                .and_then(|time| Instant::now().checked_add(time)),
            allowed: request.deadline,
            fair_key: request.fair_key,
            tokens: Arc::clone(about.tokens),
        })
    }

    /// Whether the scores behind every token of the prompt are wanted: the prompt is told with its likelihoods.
    pub(super) fn weighs_prompt(&self) -> bool {
        self.echo.is_some() && self.logprobs.is_some()
    }
}

/// Whether calls are looked for in the answer.
fn may_call(request: &GenerateRequest) -> bool {
    !request.tools.is_empty() && request.tool_choice != ToolChoice::None
}

/// Answers told and made.
fn numbers(request: &GenerateRequest, about: &About<'_>) -> Result<(usize, usize)> {
    let choices = request.choices();
    if choices == 0 {
        return Err(Error::invalid("n", "is 0; it must be at least 1"));
    }
    let tries = request.best_of.unwrap_or(choices);
    if tries < choices {
        return Err(Error::invalid(
            "best_of",
            format!(
                "is {tries}, but n asks for {choices} answers; make best_of at least n, or leave it out"
            ),
        ));
    }
    if tries as usize > about.most {
        let field = if request.best_of.is_some() {
            "best_of"
        } else {
            "n"
        };
        return Err(Error::invalid(
            field,
            format!(
                "is {tries}, but '{}' writes {} answers at once; ask for fewer, or raise max_sequences of the model in \
                 the configuration",
                about.name, about.most
            ),
        ));
    }
    Ok((choices as usize, tries as usize))
}

fn logprobs(request: &GenerateRequest) -> Result<Option<usize>> {
    let Some(count) = request.logprobs.map(usize::from) else {
        return Ok(None);
    };
    if count > MOST_LOGPROBS {
        return Err(Error::invalid(
            "logprobs",
            format!("is {count}; at most {MOST_LOGPROBS} of the likeliest tokens are told"),
        ));
    }
    Ok(Some(count))
}

fn check_ends(request: &GenerateRequest, about: &About<'_>) -> Result<()> {
    if request.stop.len() > MOST_STOPS {
        return Err(Error::invalid(
            "stop",
            format!(
                "has {} texts; at most {MOST_STOPS} are looked for",
                request.stop.len()
            ),
        ));
    }
    let beyond = |token: &&u32| **token as usize >= about.vocabulary;
    if let Some(token) = request.stop_token_ids.iter().find(beyond) {
        return Err(Error::invalid(
            "stop_token_ids",
            format!(
                "names token {token}, but the tokens of '{}' are 0 to {}",
                about.name,
                about.vocabulary.saturating_sub(1)
            ),
        ));
    }
    if request.deadline.is_some_and(|time| time.is_zero()) {
        return Err(Error::invalid(
            "deadline",
            "is 0; leave it out, or allow some time",
        ));
    }
    Ok(())
}

/// The prompt's tokens, and its text where that is told first.
fn prompt(request: &GenerateRequest, about: &About<'_>) -> Result<(Vec<u32>, Option<String>)> {
    let encode = |field: &str, text: &str, marks: bool| {
        about
            .tokens
            .encode(text, marks)
            .map_err(|error| Error::invalid(field, error.to_string()))
    };
    let (field, tokens, echo) = match &request.prompt {
        Prompt::Messages(messages) => {
            if request.echo {
                return Err(Error::invalid(
                    "echo",
                    "tells a prompt of plain text; a conversation is not told back, so leave it out",
                ));
            }
            let tools: &[Tool] = if request.tool_choice == ToolChoice::None {
                &[]
            } else {
                request.tools.as_slice()
            };
            let text = about
                .template
                .write(messages, tools, &request.template_values)?;
            let marks = !about.template.brings_marks();
            ("messages", encode("messages", &text, marks)?, None)
        }
        Prompt::Text(text) => (
            "prompt",
            encode("prompt", text, true)?,
            request.echo.then(|| text.clone()),
        ),
        Prompt::Tokens(tokens) => {
            if let Some(token) = tokens.iter().find(|id| **id as usize >= about.vocabulary) {
                return Err(Error::invalid(
                    "prompt",
                    format!(
                        "has token {token}, but the tokens of '{}' are 0 to {}",
                        about.name,
                        about.vocabulary.saturating_sub(1)
                    ),
                ));
            }
            let text = about
                .tokens
                .decode(tokens)
                .map_err(|error| Error::invalid("prompt", error.to_string()))?;
            ("prompt", tokens.clone(), request.echo.then_some(text))
        }
    };
    if tokens.is_empty() {
        return Err(Error::invalid(
            field,
            "holds no text; say something to the model",
        ));
    }
    // A tokenizer may know more tokens than the network: a damaged directory, told before the network meets them.
    if let Some(token) = tokens.iter().find(|id| **id as usize >= about.vocabulary) {
        return Err(Error::upstream(
            about.name,
            format!(
                "its tokenizer has token {token}, but the network knows {} tokens; the files do not belong together",
                about.vocabulary
            ),
        ));
    }
    if tokens.len() >= about.window {
        return Err(Error::invalid(
            field,
            format!(
                "the prompt has {} tokens, but '{}' takes {} for prompt and answer together; shorten it, or use a \
                 model with a longer window",
                tokens.len(),
                about.name,
                about.window
            ),
        ));
    }
    Ok((tokens, echo))
}

/// Most and fewest new tokens, of those the window leaves.
fn lengths(request: &GenerateRequest, left: usize, name: &str) -> Result<(usize, usize)> {
    let limit = match request.max_tokens {
        Some(0) => return Err(Error::invalid("max_tokens", "is 0; it must be at least 1")),
        Some(most) => left.min(most as usize),
        None => left,
    };
    let least = request.min_tokens.unwrap_or(0) as usize;
    if let Some(most) = request.max_tokens
        && least > most as usize
    {
        return Err(Error::invalid(
            "min_tokens",
            format!("is {least}, but max_tokens allows {most}; lower it, or raise max_tokens"),
        ));
    }
    if least > limit {
        return Err(Error::invalid(
            "min_tokens",
            format!("is {least}, but the window of '{name}' leaves {limit} behind this prompt"),
        ));
    }
    Ok((limit, least))
}

#[cfg(test)]
mod tests;
