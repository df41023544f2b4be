//! `tidegate serve`: everything in one process. What it shares with the other roles lies in the folder beside it.

pub mod connections;
pub(super) mod options;
pub(super) mod role;

use clap::Args;

use self::{
    options::{Bind, Following},
    role::Role,
};
use crate::config::Config;

/// Run the server.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    bind: Bind,
    /// Port of the web listener, instead of `server.port`.
    #[arg(long)]
    port: Option<u16>,
    /// Port of the OpenAI listener, instead of `server.openai_port`; 0 switches it off.
    #[arg(long)]
    openai_port: Option<u16>,
    #[command(flatten)]
    following: Following,
}

impl Serve {
    /// Serves until a signal asks to stop.
    pub(super) async fn run(self, mut config: Config) -> anyhow::Result<()> {
        self.bind.apply(&mut config);
        self.following.apply(&mut config);
        if let Some(port) = self.port {
            config.server.port = port;
        }
        if let Some(port) = self.openai_port {
            config.server.openai_port = port;
        }
        role::run(config, Role::Serve).await
    }
}
