//! One model of the configuration.

use secrecy::SecretString;
use serde::Deserialize;

use super::ConfigError;

/// Dialects of upstreams.
const WIRES: [&str; 4] = ["", "openai", "azure", "anthropic"];

/// Where a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// An OpenAI-style server.
    Proxy,
    /// This process, on libtorch.
    Torch,
    /// The tests' scripted stand-in; the name chooses the script.
    Dummy,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Writes text.
    #[default]
    Llm,
    /// Turns text into vectors.
    Embedding,
    /// Says how well documents answer a query.
    Reranker,
}

/// One model.
#[derive(Debug, Clone, Deserialize)]
pub struct Model {
    /// What callers ask for.
    pub name: String,
    /// Where it runs.
    pub provider: Provider,
    /// What it is for.
    #[serde(default)]
    pub kind: Kind,
    /// Proxy: base URL up to and including the version.
    #[serde(default)]
    pub base_url: String,
    /// Proxy: the upstream's name for it; empty for `name`.
    #[serde(default)]
    pub model: String,
    /// Proxy: key.
    #[serde(default = "no_secret")]
    pub api_key: SecretString,
    /// Torch: model directory, or a name to download by.
    #[serde(default)]
    pub path: String,
    /// Torch: whether a model that is asked for by name may be downloaded.
    #[serde(default)]
    pub allow_download: bool,
    /// Torch: `f32`, `bf16`, `f16`, `int8` or `int4`; empty for the checkpoint's own.
    #[serde(default)]
    pub dtype: String,
    /// Torch: `cpu` or `cuda`; empty for `cpu`.
    #[serde(default)]
    pub device: String,
    /// Torch: `native` (own kernels, CPU) or `torch` (libtorch); empty for what is faster on the device.
    #[serde(default)]
    pub executor: String,
    /// Torch: most tokens of prompt and answer together; 0 for all the model can.
    #[serde(default)]
    pub context_length: usize,
    /// Torch: answers that are written at once.
    #[serde(default = "sixteen")]
    pub max_sequences: usize,
    /// Torch: megabytes for keys and values; 0 for a share of what is free.
    #[serde(default)]
    pub kv_cache_mb: u64,
    /// Torch: prompt tokens run between two tokens of the answers under way.
    #[serde(default = "a_chunk")]
    pub prefill_chunk: usize,
    /// Torch: requests that may wait; more are refused with a time to try again.
    #[serde(default = "sixty_four")]
    pub queue: usize,
    /// Torch: threads; 0 for `builtin.threads`.
    #[serde(default)]
    pub threads: usize,
    /// Proxy: longest wait for an answer to begin, and for each piece of it. What is not streamed is one piece.
    #[serde(default = "two_minutes")]
    pub timeout_seconds: u64,
    /// Proxy: the dialect it speaks: `openai`, `azure` or `anthropic`; empty for `openai`.
    #[serde(default)]
    pub wire: String,
    /// Proxy: the version of the upstream's API, where its dialect wants one.
    #[serde(default)]
    pub api_version: String,
    /// Proxy: whether a caller's request in OpenAI's dialect is passed on as bytes, and its answer back; otherwise both
    /// are read and written anew.
    #[serde(default = "yes")]
    pub relay: bool,
    /// Proxy: longest a connection attempt may take.
    #[serde(default = "ten")]
    pub connect_seconds: u64,
    /// Proxy: longest wait for the first token; 0 for `timeout_seconds`.
    #[serde(default)]
    pub first_token_seconds: u64,
    /// Proxy: longest wait between two tokens; 0 for `timeout_seconds`.
    #[serde(default)]
    pub between_tokens_seconds: u64,
    /// Proxy: how often a call is tried again before its first byte.
    #[serde(default = "two")]
    pub retries: u32,
    /// Calls at once; more are refused with a time to try again. 0 for any number.
    #[serde(default)]
    pub max_concurrent: usize,
    /// Its share of a route's calls where the route does not say; 0 makes it a fallback.
    #[serde(default = "one")]
    pub weight: f64,
    /// How long an answer that is the same each time is kept and given again; 0 for never.
    #[serde(default)]
    pub cache_seconds: u64,
}

impl Model {
    /// What is wrong with what the gateway goes by; `key` makes a dotted key of a field's name.
    pub(super) fn check_upstream(&self, key: impl Fn(&str) -> String) -> Result<(), ConfigError> {
        if !WIRES.contains(&self.wire.as_str()) {
            return Err(ConfigError::bad(
                key("wire"),
                format!(
                    "is '{}'; it must be 'openai', 'azure' or 'anthropic', or be left out",
                    self.wire
                ),
            ));
        }
        if !(0.0..=1e6).contains(&self.weight) {
            return Err(ConfigError::bad(
                key("weight"),
                format!("is {}; it must lie between 0 and 1000000", self.weight),
            ));
        }
        for (name, value, least, most) in [
            ("timeout_seconds", self.timeout_seconds, 1, 86_400),
            ("connect_seconds", self.connect_seconds, 1, 3_600),
            ("first_token_seconds", self.first_token_seconds, 0, 86_400),
            (
                "between_tokens_seconds",
                self.between_tokens_seconds,
                0,
                86_400,
            ),
            ("retries", u64::from(self.retries), 0, 10),
            ("max_concurrent", self.max_concurrent as u64, 0, 1_000_000),
            ("cache_seconds", self.cache_seconds, 0, 31_536_000),
        ] {
            if !(least..=most).contains(&value) {
                return Err(ConfigError::bad(
                    key(name),
                    format!("is {value}; it must lie between {least} and {most}"),
                ));
            }
        }
        Ok(())
    }
}

fn no_secret() -> SecretString {
    SecretString::from("")
}

fn two_minutes() -> u64 {
    120
}

fn ten() -> u64 {
    10
}

fn two() -> u32 {
    2
}

fn one() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

fn sixteen() -> usize {
    16
}

fn sixty_four() -> usize {
    64
}

fn a_chunk() -> usize {
    256
}
