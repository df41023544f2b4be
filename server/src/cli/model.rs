//! `tidegate model`: language models and encoders.

mod list;
mod quantize;

use clap::Subcommand;

use crate::config::Config;

/// Models.
#[derive(Debug, Subcommand)]
pub enum Model {
    /// List the models: those of the running server with their state, else those of the configuration.
    List {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
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
            Self::List { json } => list::run(&config, json).await,
            Self::Quantize(quantize) => quantize.run(config).await,
        }
    }
}
