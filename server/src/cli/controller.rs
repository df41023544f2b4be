//! `tidegate controller`: keeps count of which process offers which model.

use clap::Args;

use super::serve::{
    options::Bind,
    role::{self, Role},
};
use crate::config::Config;

/// Run a controller.
#[derive(Debug, Args)]
pub struct Controller {
    #[command(flatten)]
    bind: Bind,
    /// Port it listens at.
    #[arg(long, default_value_t = 8000)]
    port: u16,
}

impl Controller {
    /// Serves until a signal asks to stop.
    pub(super) async fn run(self, mut config: Config) -> anyhow::Result<()> {
        self.bind.apply(&mut config);
        config.server.port = self.port;
        // It counts itself, and has no models.
        config.cluster.controllers.clear();
        config.builtin.enabled = false;
        config.models.clear();
        config.routes.clear();
        role::run(config, Role::Controller).await
    }
}
