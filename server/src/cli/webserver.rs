//! `tidegate webserver`: pages, REST and GraphQL over the models of a cluster.

use clap::Args;

use super::serve::{
    options::{Bind, Following},
    role::{self, Role},
};
use crate::config::Config;

/// Run a web server.
#[derive(Debug, Args)]
pub struct Webserver {
    #[command(flatten)]
    bind: Bind,
    /// Port it listens at, instead of `server.port`.
    #[arg(long)]
    port: Option<u16>,
    #[command(flatten)]
    following: Following,
}

impl Webserver {
    /// Serves until a signal asks to stop.
    pub(super) async fn run(self, mut config: Config) -> anyhow::Result<()> {
        self.bind.apply(&mut config);
        self.following.apply(&mut config);
        if let Some(port) = self.port {
            config.server.port = port;
        }
        role::run(config, Role::Webserver).await
    }
}
