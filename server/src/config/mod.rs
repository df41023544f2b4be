//! Configuration: embedded defaults, a TOML file, the environment, in rising order of weight.
//!
//! The only room that reads the environment. Unknown keys are errors that name the nearest known one.

mod load;
mod show;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use secrecy::SecretString;
use serde::Deserialize;

pub use load::{ConfigError, DEFAULTS, Environment};

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Listeners.
    pub server: Server,
    /// Files.
    pub data: Data,
    /// Own store.
    pub database: Database,
    /// Caps.
    pub limits: Limits,
    /// Conversations.
    pub conversations: Conversations,
    /// The ask pipeline.
    pub ask: Ask,
    /// The built-in model.
    pub builtin: Builtin,
    /// GraphQL.
    pub graphql: GraphQl,
    /// Logs.
    pub log: Log,
    /// Models beside the built-in one.
    #[serde(default)]
    pub models: Vec<Model>,
}

/// Listeners.
#[derive(Debug, Clone, Deserialize)]
pub struct Server {
    /// Address of the web listener.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Port of the OpenAI surface alone; 0 is off.
    pub openai_port: u16,
    /// Answer without a key beyond loopback.
    pub open: bool,
    /// Browser origins allowed.
    pub cors_origins: Vec<String>,
    /// Whole-text frames as bare text.
    pub plain_frames: bool,
    /// Largest request body.
    pub max_body_bytes: usize,
    /// Grace for running turns on stop.
    pub shutdown_seconds: u64,
}

/// Files.
#[derive(Debug, Clone, Deserialize)]
pub struct Data {
    /// Data directory; empty for the user's.
    pub dir: String,
    /// Whether the sample database is made.
    pub sample: bool,
}

/// Own store.
#[derive(Debug, Clone, Deserialize)]
pub struct Database {
    /// Where; empty for SQLite in the data directory.
    pub url: String,
    /// Key that seals passwords; empty for the key file.
    pub secret_key: SecretString,
}

/// Caps.
#[derive(Debug, Clone, Deserialize)]
pub struct Limits {
    /// Rows of a result.
    pub rows: usize,
    /// Bytes of a result.
    pub bytes: usize,
    /// Seconds of a query.
    pub query_seconds: u64,
    /// Seconds of a connection attempt.
    pub connect_seconds: u64,
    /// Seconds of a turn.
    pub turn_seconds: u64,
    /// Turns at once.
    pub turns: usize,
    /// Rows of an export.
    pub export_rows: usize,
    /// Bytes of an export.
    pub export_bytes: usize,
    /// Seconds of an export's query.
    pub export_seconds: u64,
    /// Exports at once.
    pub exports: usize,
    /// Megabytes of a file that is sent.
    pub upload_megabytes: u64,
}

/// Conversations.
#[derive(Debug, Clone, Deserialize)]
pub struct Conversations {
    /// Days they are kept after something was last said; 0 for ever.
    pub keep_days: u32,
}

/// The ask pipeline.
#[derive(Debug, Clone, Deserialize)]
pub struct Ask {
    /// Characters of schema text before tables are chosen.
    pub schema_chars: usize,
    /// Repair turns.
    pub repairs: u32,
    /// Earlier rounds shown to the model.
    pub memory_rounds: usize,
    /// Model asked when none is named.
    pub default_model: String,
    /// Confidence under which the built-in model abstains.
    pub abstain_below: f32,
}

/// The built-in model.
#[derive(Debug, Clone, Deserialize)]
pub struct Builtin {
    /// Whether it is loaded.
    pub enabled: bool,
    /// Sentence encoder's directory; empty for the provisioned one.
    pub encoder: String,
    /// Threads; 0 for the free cores.
    pub threads: usize,
}

/// GraphQL.
#[derive(Debug, Clone, Deserialize)]
pub struct GraphQl {
    /// Deepest nesting.
    pub max_depth: usize,
    /// Highest complexity.
    pub max_complexity: usize,
    /// Longest execution, without the turn of an operation that asks.
    pub timeout_seconds: u64,
    /// Whether introspection is answered.
    pub introspection: bool,
}

/// Logs.
#[derive(Debug, Clone, Deserialize)]
pub struct Log {
    /// Filter.
    pub filter: String,
    /// `pretty` or `json`.
    pub format: String,
}

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
}

fn no_secret() -> SecretString {
    SecretString::from("")
}

fn two_minutes() -> u64 {
    120
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

/// Where what can be made again is kept for this user; none without a home directory.
pub fn user_cache() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "tidegate").map(|dirs| dirs.cache_dir().to_path_buf())
}

impl Config {
    /// The directory everything is kept in.
    ///
    /// # Errors
    /// When none is set and the user has no data directory.
    pub fn data_dir(&self) -> Result<PathBuf, ConfigError> {
        if !self.data.dir.is_empty() {
            return Ok(PathBuf::from(&self.data.dir));
        }
        directories::ProjectDirs::from("", "", "tidegate")
            .map(|dirs| dirs.data_dir().to_path_buf())
            .ok_or_else(|| ConfigError::bad("data.dir", "no home directory; set TIDEGATE_DATA_DIR"))
    }

    /// Where the web listener binds.
    ///
    /// # Errors
    /// When `server.host` is not an address.
    pub fn web_address(&self) -> Result<SocketAddr, ConfigError> {
        self.address(self.server.port)
    }

    /// Where the OpenAI listener binds, if it is on.
    ///
    /// # Errors
    /// When `server.host` is not an address.
    pub fn openai_address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        match self.server.openai_port {
            0 => Ok(None),
            port => self.address(port).map(Some),
        }
    }

    fn address(&self, port: u16) -> Result<SocketAddr, ConfigError> {
        let host = if self.server.host == "localhost" {
            "127.0.0.1"
        } else {
            &self.server.host
        };
        let host: std::net::IpAddr = host.trim_matches(['[', ']']).parse().map_err(|_| {
            ConfigError::bad(
                "server.host",
                format!(
                    "'{}' is not an IP address; 127.0.0.1 is this machine, 0.0.0.0 every interface",
                    self.server.host
                ),
            )
        })?;
        Ok(SocketAddr::new(host, port))
    }

    /// Longest a query may run.
    pub fn query_time(&self) -> Duration {
        Duration::from_secs(self.limits.query_seconds)
    }
}
