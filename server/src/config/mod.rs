//! Configuration: embedded defaults, a TOML file, the environment, in rising order of weight.
//!
//! The only room that reads the environment. Unknown keys are errors that name the nearest known one.

mod cluster;
mod gateway;
mod load;
mod model;
mod show;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use secrecy::SecretString;
use serde::Deserialize;

pub use self::{
    cluster::Cluster,
    gateway::{Gateway, Route, Target},
    load::{ConfigError, DEFAULTS, Environment},
    model::{Kind, Model, Provider},
};

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
    /// What can be watched from outside.
    pub observability: Observability,
    /// What holds for every upstream.
    pub gateway: Gateway,
    /// Processes that share their models.
    pub cluster: Cluster,
    /// Models beside the built-in one.
    #[serde(default)]
    pub models: Vec<Model>,
    /// Names that stand for other models.
    #[serde(default)]
    pub routes: Vec<Route>,
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
    /// Days rows of usage are kept; 0 for ever.
    pub usage_days: u32,
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

/// What can be watched from outside, beside the log.
#[derive(Debug, Clone, Deserialize)]
pub struct Observability {
    /// Whether `/metrics` answers without a key.
    pub metrics_open: bool,
    /// The access log's file, or `stderr`; empty for none.
    pub access_log: String,
    /// The collector of spans; empty for none.
    pub otlp_endpoint: String,
    /// Headers for it, as `name=value,name=value`.
    pub otlp_headers: SecretString,
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
