//! Completions of plain texts: the older route, which base models and editors use.

mod likelihoods;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use self::likelihoods::CompletionLogprobs;
use super::{ChatIn, StreamOptions, UsageOut};
use crate::{Error, Result};

/// Most new tokens where nothing is said, as OpenAI has it.
const TOKENS_UNSAID: i64 = 16;
/// Most prompts of one request.
const MOST_PROMPTS: usize = 128;
/// Most answers to one request, over all its prompts.
const MOST_ANSWERS: usize = 128;
/// Most of the likeliest tokens told beside each.
const MOST_TOP: i64 = 20;

/// A request.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"model": "base", "prompt": "SELECT city, COUNT(*) FROM", "max_tokens": 32, "stop": "\n"}))]
pub struct CompletionIn {
    /// Model.
    pub model: String,
    /// What to go on with: a text, several texts, the tokens of one, or lists of tokens.
    #[schema(value_type = Value)]
    pub prompt: Value,
    /// What stands behind the gap; models here write forward alone and refuse it.
    #[serde(default)]
    pub suffix: Option<String>,
    /// Tell the prompt first.
    #[serde(default)]
    pub echo: Option<bool>,
    /// Tell how likely each token was, and so many of the likeliest beside it, 0 to 20.
    #[serde(default)]
    pub logprobs: Option<i64>,
    /// Answers wanted to each prompt.
    #[serde(default)]
    pub n: Option<i64>,
    /// Answers made to each prompt, of which the `n` likeliest are told; not in a stream.
    #[serde(default)]
    pub best_of: Option<i64>,
    /// Most new tokens; 16 where unsaid.
    #[serde(default)]
    pub max_tokens: Option<i64>,
    /// No end before so many new tokens.
    #[serde(default)]
    pub min_tokens: Option<i64>,
    /// 0 to 2; 0 is greedy.
    #[serde(default)]
    pub temperature: Option<f32>,
    /// Above 0, at most 1.
    #[serde(default)]
    pub top_p: Option<f32>,
    /// -1 for all tokens, or at least 1.
    #[serde(default)]
    pub top_k: Option<i64>,
    /// 0 to 1: only tokens at least this share as likely as the likeliest.
    #[serde(default)]
    pub min_p: Option<f32>,
    /// Above 0, at most 1.
    #[serde(default)]
    pub typical_p: Option<f32>,
    /// -2 to 2.
    #[serde(default)]
    pub presence_penalty: Option<f32>,
    /// -2 to 2.
    #[serde(default)]
    pub frequency_penalty: Option<f32>,
    /// Above 0; 1 does nothing.
    #[serde(default)]
    pub repetition_penalty: Option<f32>,
    /// Added to the scores of tokens, by their ids: -100 to 100.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub logit_bias: Option<Map<String, Value>>,
    /// Repeatable sampling.
    #[serde(default)]
    pub seed: Option<i64>,
    /// Up to sixteen texts that end the answer.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub stop: Option<Value>,
    /// Tokens that end the answer, by their ids.
    #[serde(default)]
    pub stop_token_ids: Option<Vec<u32>>,
    /// Write on behind the model's own end marks.
    #[serde(default)]
    pub ignore_eos: Option<bool>,
    /// Held to this form, as in a chat.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub response_format: Option<Value>,
    /// Server-sent events.
    #[serde(default)]
    pub stream: Option<bool>,
    /// What a stream carries beside the text.
    #[serde(default)]
    pub stream_options: Option<StreamOptions>,
    /// Caller's own name for its user.
    #[serde(default)]
    pub user: Option<String>,
}

/// One prompt, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptIn {
    /// A text.
    Text(String),
    /// Tokens, in the model's own numbers.
    Tokens(Vec<u32>),
}

impl CompletionIn {
    /// The prompts, in order.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is none.
    pub fn prompts(&self) -> Result<Vec<PromptIn>> {
        let bad = || {
            Error::invalid(
                "body.prompt",
                "must be a text, a list of texts, a list of token ids, or a list of such lists",
            )
        };
        let prompts = match &self.prompt {
            Value::String(text) => vec![PromptIn::Text(text.clone())],
            Value::Array(items) if items.is_empty() => {
                return Err(Error::invalid(
                    "body.prompt",
                    "must hold at least one prompt",
                ));
            }
            Value::Array(items) if items[0].is_number() => {
                vec![PromptIn::Tokens(tokens(items).ok_or_else(bad)?)]
            }
            Value::Array(items) => items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Ok(PromptIn::Text(text.clone())),
                    Value::Array(ids) => tokens(ids).map(PromptIn::Tokens).ok_or_else(bad),
                    _ => Err(bad()),
                })
                .collect::<Result<_>>()?,
            _ => return Err(bad()),
        };
        if prompts.len() > MOST_PROMPTS {
            return Err(Error::invalid(
                "prompt",
                format!(
                    "has {} prompts; at most {MOST_PROMPTS} are taken at once, send the others apart",
                    prompts.len()
                ),
            ));
        }
        Ok(prompts)
    }

    /// What is said of choosing, in the form that a chat has it in: likelihoods are counted here and not there.
    pub fn choosing(&self) -> ChatIn {
        ChatIn {
            model: self.model.clone(),
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            min_p: self.min_p,
            typical_p: self.typical_p,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            repetition_penalty: self.repetition_penalty,
            logit_bias: self.logit_bias.clone(),
            n: self.n,
            best_of: self.best_of,
            max_tokens: Some(self.max_tokens.unwrap_or(TOKENS_UNSAID)),
            min_tokens: self.min_tokens,
            stop: self.stop.clone(),
            stop_token_ids: self.stop_token_ids.clone(),
            ignore_eos: self.ignore_eos,
            stream: self.stream,
            seed: self.seed,
            response_format: self.response_format.clone(),
            ..ChatIn::default()
        }
    }

    /// So many of the likeliest tokens beside each; none where likelihoods are not asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a number beyond 20.
    pub fn top_likelihoods(&self) -> Result<Option<u8>> {
        self.logprobs
            .map(|top| {
                u8::try_from(top)
                    .ok()
                    .filter(|top| i64::from(*top) <= MOST_TOP)
                    .ok_or_else(|| {
                        Error::invalid(
                            "logprobs",
                            format!("{top} is not from 0 to {MOST_TOP} - 'logprobs'"),
                        )
                    })
            })
            .transpose()
    }

    /// Checks every parameter, for so many prompts.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the parameter, [`Error::Unsupported`] for a suffix.
    pub fn check(&self, prompts: usize) -> Result<()> {
        let choosing = self.choosing();
        choosing.check_choosing()?;
        choosing.stops()?;
        choosing.demanded_format()?;
        self.top_likelihoods()?;
        let wanted = usize::try_from(self.n.unwrap_or(1)).unwrap_or(usize::MAX);
        if wanted.saturating_mul(prompts) > MOST_ANSWERS {
            return Err(Error::invalid(
                "n",
                format!(
                    "{wanted} answers to each of {prompts} prompts are more than {MOST_ANSWERS}; ask for fewer, or \
                     send the prompts apart"
                ),
            ));
        }
        if self
            .suffix
            .as_ref()
            .is_some_and(|suffix| !suffix.is_empty())
        {
            return Err(Error::Unsupported {
                what: format!(
                    "'{}' writes on from a prompt and fills no gaps: leave suffix out, or write the model's own \
                     marks for it into the prompt",
                    self.model
                ),
            });
        }
        Ok(())
    }
}

/// Token ids, if they are all some.
fn tokens(items: &[Value]) -> Option<Vec<u32>> {
    items
        .iter()
        .map(|item| item.as_u64().and_then(|id| u32::try_from(id).ok()))
        .collect()
}

/// The answers, whole, or a piece of one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CompletionOut {
    /// `cmpl-…`; one value per stream.
    pub id: String,
    /// `text_completion`.
    pub object: String,
    /// Unix seconds.
    pub created: i64,
    /// Model.
    pub model: String,
    /// Answers, numbered over prompts times `n`; none in a stream's chunk of usage.
    pub choices: Vec<CompletionChoice>,
    /// Tokens, over all answers; in a stream null until the last chunk, which has it when asked for.
    pub usage: Option<UsageOut>,
    /// What answered: the same for the same model of the same server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_fingerprint: Option<String>,
}

/// An answer, or a piece of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct CompletionChoice {
    /// Position, over prompts times `n`.
    pub index: u32,
    /// Text.
    pub text: String,
    /// How likely its tokens were, where that was asked for.
    pub logprobs: Option<CompletionLogprobs>,
    /// `stop` or `length`; null until the end.
    pub finish_reason: Option<String>,
}
