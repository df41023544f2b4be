//! What a request says of choosing, checked before any work.

use tidegate_schema::{Error, Result};

use crate::workers::GenerateRequest;

/// Most of the likeliest tokens told with each token, as OpenAI and vLLM have it.
pub(in crate::workers::torch) const MOST_LOGPROBS: usize = 20;
/// Below this a temperature is greedy: scores divided by less would leave no second choice.
const GREEDY: f32 = 1e-5;
/// Higher temperatures are a mistake: all tokens are as likely long before.
const HOTTEST: f32 = 100.0;

/// How tokens are chosen where the request does not say: what the model's `generation_config.json` has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::workers::torch) struct Defaults {
    /// 0 is greedy.
    pub(in crate::workers::torch) temperature: f32,
    /// 1 keeps all.
    pub(in crate::workers::torch) top_p: f32,
    /// `None` keeps all.
    pub(in crate::workers::torch) top_k: Option<u32>,
    /// 0 keeps all.
    pub(in crate::workers::torch) min_p: f32,
    /// 1 keeps all.
    pub(in crate::workers::torch) typical_p: f32,
    /// 1 does nothing.
    pub(in crate::workers::torch) repetition_penalty: f32,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_p: 1.0,
            top_k: None,
            min_p: 0.0,
            typical_p: 1.0,
            repetition_penalty: 1.0,
        }
    }
}

/// How tokens are chosen.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::workers::torch) struct Sampling {
    pub(super) temperature: f32,
    pub(super) top_k: usize,
    pub(super) top_p: f32,
    pub(super) min_p: f32,
    pub(super) typical_p: f32,
    pub(super) presence: f32,
    pub(super) frequency: f32,
    pub(super) repetition: f32,
    pub(super) bias: Vec<(u32, f32)>,
}

impl Sampling {
    /// Checks what a request says; `vocabulary` is how many scores the model gives.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field and what it may be.
    pub(in crate::workers::torch) fn new(
        request: &GenerateRequest,
        defaults: &Defaults,
        vocabulary: usize,
    ) -> Result<Self> {
        let temperature = request.temperature.unwrap_or(defaults.temperature);
        within("temperature", temperature, 0.0, HOTTEST, "0 is greedy")?;
        let top_p = request.top_p.unwrap_or(defaults.top_p);
        share("top_p", top_p)?;
        let typical_p = request.typical_p.unwrap_or(defaults.typical_p);
        share("typical_p", typical_p)?;
        let min_p = request.min_p.unwrap_or(defaults.min_p);
        within("min_p", min_p, 0.0, 1.0, "0 keeps every token")?;
        let presence = request.presence_penalty.unwrap_or(0.0);
        within("presence_penalty", presence, -2.0, 2.0, "0 does nothing")?;
        let frequency = request.frequency_penalty.unwrap_or(0.0);
        within("frequency_penalty", frequency, -2.0, 2.0, "0 does nothing")?;
        let repetition = request
            .repetition_penalty
            .unwrap_or(defaults.repetition_penalty);
        if !(repetition > 0.0 && repetition.is_finite()) {
            return Err(Error::invalid(
                "repetition_penalty",
                format!("is {repetition}; it must be above 0, and 1 does nothing"),
            ));
        }
        let top_k = match request.top_k.or(defaults.top_k) {
            Some(0) => {
                return Err(Error::invalid(
                    "top_k",
                    "is 0, which leaves no token to choose; leave it out to keep all, or set it to at least 1",
                ));
            }
            Some(count) => count as usize,
            None => usize::MAX,
        };
        let bias = request.logit_bias.iter().map(|(&token, &bias)| {
            if token as usize >= vocabulary {
                return Err(Error::invalid(
                    "logit_bias",
                    format!(
                        "names token {token}, but this model's tokens are 0 to {}",
                        vocabulary.saturating_sub(1)
                    ),
                ));
            }
            within("logit_bias", bias, -100.0, 100.0, "0 does nothing")?;
            Ok((token, bias))
        });
        Ok(Self {
            temperature,
            top_k,
            top_p,
            min_p,
            typical_p,
            presence,
            frequency,
            repetition,
            bias: bias.collect::<Result<_>>()?,
        })
    }

    /// Whether the best token is taken always.
    pub(super) fn is_greedy(&self) -> bool {
        self.temperature < GREEDY
    }

    /// Whether tokens of the answer are punished.
    pub(super) fn remembers_answer(&self) -> bool {
        self.presence != 0.0 || self.frequency != 0.0 || self.remembers_prompt()
    }

    /// Whether tokens of the prompt are punished too.
    pub(super) fn remembers_prompt(&self) -> bool {
        self.repetition != 1.0
    }
}

fn within(field: &str, value: f32, low: f32, high: f32, hint: &str) -> Result<()> {
    // Not a number is in no range.
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(
        field,
        format!("is {value}; it must be from {low} to {high}, and {hint}"),
    ))
}

fn share(field: &str, value: f32) -> Result<()> {
    if value > 0.0 && value <= 1.0 {
        return Ok(());
    }
    Err(Error::invalid(
        field,
        format!("is {value}; it must be above 0 and at most 1, and 1 keeps every token"),
    ))
}
