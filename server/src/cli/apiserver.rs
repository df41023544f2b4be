//! `tidegate apiserver`: the OpenAI surface over the models of a cluster.

use clap::Args;

use super::serve::{
    options::{Bind, Following},
    role::{self, Role},
};
use crate::config::Config;

/// Run an API server.
#[derive(Debug, Args)]
pub struct Apiserver {
    #[command(flatten)]
    bind: Bind,
    /// Port it listens at.
    #[arg(long, default_value_t = 8100)]
    port: u16,
    #[command(flatten)]
    following: Following,
}

impl Apiserver {
    /// Serves until a signal asks to stop.
    pub(super) async fn run(self, mut config: Config) -> anyhow::Result<()> {
        self.bind.apply(&mut config);
        self.following.apply(&mut config);
        config.server.port = self.port;
        // Its models are the cluster's, and those that are configured here.
        config.builtin.enabled = false;
        role::run(config, Role::Apiserver).await
    }
}
