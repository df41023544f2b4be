//! How tokens are chosen and where an answer ends.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ChatIn;
use crate::{Error, Result};

/// Most answers to one request, as OpenAI has it.
const MOST_ANSWERS: i64 = 128;
/// Most texts that end an answer. OpenAI takes four.
const MOST_STOPS: usize = 16;
/// Most of the likeliest tokens told beside each.
const MOST_TOP: i64 = 20;

impl ChatIn {
    /// Checks what is said of choosing, for every route that takes it.
    pub(in crate::wire::openai) fn check_choosing(&self) -> Result<()> {
        range("temperature", self.temperature, 0.0, 2.0)?;
        range("top_p", self.top_p, 0.0, 1.0)?;
        range("min_p", self.min_p, 0.0, 1.0)?;
        range("typical_p", self.typical_p, 0.0, 1.0)?;
        range("presence_penalty", self.presence_penalty, -2.0, 2.0)?;
        range("frequency_penalty", self.frequency_penalty, -2.0, 2.0)?;
        if let Some(penalty) = self.repetition_penalty
            && (penalty <= 0.0 || !penalty.is_finite())
        {
            return Err(Error::invalid(
                "repetition_penalty",
                format!("{penalty:?} is not above 0 - 'repetition_penalty'"),
            ));
        }
        for (name, value) in [
            ("max_tokens", self.max_tokens),
            ("n", self.n),
            ("max_completion_tokens", self.max_completion_tokens),
            ("best_of", self.best_of),
        ] {
            if let Some(value) = value
                && value <= 0
            {
                return Err(Error::invalid(
                    name,
                    format!("{value} is less than the minimum of 1 - '{name}'"),
                ));
            }
        }
        self.check_answers()?;
        if self.top_k.is_some_and(|k| k == 0 || k < -1) {
            let k = self.top_k.unwrap_or_default();
            return Err(Error::invalid(
                "top_k",
                format!("{k} is out of Range. Either set top_k to -1 or >=1."),
            ));
        }
        if self.min_tokens.is_some_and(|least| least < 0) {
            return Err(Error::invalid(
                "min_tokens",
                "is less than the minimum of 0 - 'min_tokens'",
            ));
        }
        self.top_likelihoods()?;
        self.biases().map(|_| ())
    }

    fn check_answers(&self) -> Result<()> {
        let wanted = self.n.unwrap_or(1);
        for (name, value) in [("n", wanted), ("best_of", self.best_of.unwrap_or(1))] {
            if value > MOST_ANSWERS {
                return Err(Error::invalid(
                    name,
                    format!("{value} is greater than the maximum of {MOST_ANSWERS} - '{name}'"),
                ));
            }
        }
        let Some(made) = self.best_of else {
            return Ok(());
        };
        if made < wanted {
            return Err(Error::invalid(
                "best_of",
                format!(
                    "{made} is less than 'n' ({wanted}); make it at least as many, or leave it out"
                ),
            ));
        }
        if made > wanted && self.stream.unwrap_or(false) {
            return Err(Error::invalid(
                "best_of",
                format!(
                    "{made} answers are made and {wanted} told, which are known when all are over: leave 'stream' out, \
                     or set best_of to 'n'"
                ),
            ));
        }
        Ok(())
    }

    /// How many of the likeliest tokens are told beside each; none where likelihoods are not asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a number beyond 20, or one without `logprobs`.
    pub fn top_likelihoods(&self) -> Result<Option<u8>> {
        let asked = self.logprobs.unwrap_or(false);
        let top = self.top_logprobs.unwrap_or(0);
        if !(0..=MOST_TOP).contains(&top) {
            return Err(Error::invalid(
                "top_logprobs",
                format!("{top} is not from 0 to {MOST_TOP} - 'top_logprobs'"),
            ));
        }
        if top > 0 && !asked {
            return Err(Error::invalid(
                "top_logprobs",
                "needs 'logprobs' to be true; set it, or leave top_logprobs out",
            ));
        }
        Ok(asked.then_some(top as u8))
    }

    /// What is added to the scores of tokens.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no token id, or a bias out of range.
    pub fn biases(&self) -> Result<BTreeMap<u32, f32>> {
        let entries = self.logit_bias.iter().flatten();
        entries
            .map(|(token, bias)| {
                let id = token.parse::<u32>().map_err(|_| {
                    Error::invalid(
                        "logit_bias",
                        format!("'{token}' is no token id; ids are whole numbers"),
                    )
                })?;
                bias.as_f64()
                    .filter(|bias| (-100.0..=100.0).contains(bias))
                    .map(|bias| (id, bias as f32))
                    .ok_or_else(|| {
                        Error::invalid(
                            "logit_bias",
                            format!("{bias} for token {token} is not a number from -100 to 100"),
                        )
                    })
            })
            .collect()
    }

    /// Only so many of the likeliest tokens; -1 keeps all, whatever the model's own default is.
    pub fn most_likely(&self) -> Option<u32> {
        self.top_k
            .map(|count| u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Texts that end the answer.
    pub fn stops(&self) -> Result<Vec<String>> {
        let bad = || Error::invalid("body.stop", "must be a text or up to sixteen texts");
        match &self.stop {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Array(items)) if items.len() <= MOST_STOPS => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(bad))
                .collect(),
            Some(Value::Array(items)) => Err(Error::invalid(
                "stop",
                format!(
                    "Invalid 'stop': array too long. Expected an array with maximum length {MOST_STOPS}, but got an \
                     array with length {} instead.",
                    items.len()
                ),
            )),
            Some(_) => Err(bad()),
        }
    }

    /// Most new tokens.
    pub fn most_tokens(&self) -> Option<u32> {
        self.max_completion_tokens
            .or(self.max_tokens)
            .map(|most| u32::try_from(most).unwrap_or(u32::MAX))
    }

    /// Fewest new tokens.
    pub fn fewest_tokens(&self) -> Option<u32> {
        self.min_tokens
            .map(|least| u32::try_from(least).unwrap_or(u32::MAX))
    }
}

fn range(name: &str, value: Option<f32>, low: f32, high: f32) -> Result<()> {
    match value {
        Some(value) if value < low => Err(Error::invalid(
            name,
            format!("{value:?} is less than the minimum of {low} - '{name}'"),
        )),
        Some(value) if value > high || value.is_nan() => Err(Error::invalid(
            name,
            format!("{value:?} is greater than the maximum of {high} - '{name}'"),
        )),
        _ => Ok(()),
    }
}
