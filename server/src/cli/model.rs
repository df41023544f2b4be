//! `tidegate model`: language models and encoders.

mod chat;
mod list;
mod quantize;
mod server;
mod start;

use clap::Subcommand;

use self::server::Door;
use crate::config::Config;

/// Models.
#[derive(Debug, Subcommand)]
pub enum Model {
    /// List the models: those of the running server with their state, else those of the configuration.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
        /// Go on showing them as they change; where nobody watches a terminal, until none is being loaded.
        #[arg(long, short, conflicts_with = "json")]
        watch: bool,
        #[command(flatten)]
        door: Door,
    },
    /// Start a model in the running server, which starts it again with itself from then on.
    Start(start::Start),
    /// Stop a model of the running server; answers under way are written to their end.
    Stop {
        /// Its name.
        name: String,
        /// Forget what it was started with too.
        #[arg(long)]
        forget: bool,
        #[command(flatten)]
        door: Door,
    },
    /// Stop a model of the running server and start it again with what it was started with.
    Restart {
        /// Its name.
        name: String,
        #[command(flatten)]
        door: Door,
    },
    /// Talk to a model of the running server. /clear begins anew, /quit ends; a question that is piped in is answered.
    Chat(chat::Chat),
    /// Round a local model's weights to 8 or 4 bits once, so that it loads fast and takes less memory.
    ///
    /// The file is put beside the weights as `tidegate-int8.safetensors` or `tidegate-int4.safetensors`, and is used
    /// wherever that model is loaded with that dtype, for as long as the weights stay the same.
    Quantize(quantize::Quantize),
}

impl Model {
    /// Runs one act and prints what came of it.
    pub(super) async fn run(self, config: Config) -> anyhow::Result<()> {
        match self {
            Self::List { json, watch, door } => list::run(&config, door, json, watch).await,
            Self::Start(start) => start.run(&config).await,
            Self::Stop { name, forget, door } => start::stop(&config, door, &name, forget).await,
            Self::Restart { name, door } => start::restart(&config, door, &name).await,
            Self::Chat(chat) => chat.run(&config).await,
            Self::Quantize(quantize) => quantize.run(config).await,
        }
    }
}
