//! Options that several roles have.

use clap::Args;

use crate::config::Config;

/// Where a process listens and keeps its data.
#[derive(Debug, Args)]
pub(in crate::cli) struct Bind {
    /// Address to bind, instead of `server.host`.
    #[arg(long)]
    host: Option<String>,
    /// Data directory, instead of `data.dir`.
    #[arg(long)]
    data_dir: Option<String>,
    /// Answer without a key on an address other than loopback.
    #[arg(long)]
    open: bool,
}

impl Bind {
    /// Puts what was said in the place of what is configured.
    pub(in crate::cli) fn apply(self, config: &mut Config) {
        if let Some(host) = self.host {
            config.server.host = host;
        }
        if let Some(dir) = self.data_dir {
            config.data.dir = dir;
        }
        config.server.open |= self.open;
    }
}

/// Whom a process follows.
#[derive(Debug, Args)]
pub(in crate::cli) struct Following {
    /// Controllers, as http://host:8000, instead of `cluster.controllers`; several with commas between them.
    #[arg(long = "controller", value_name = "URL", value_delimiter = ',')]
    controllers: Vec<String>,
}

impl Following {
    /// Puts what was said in the place of what is configured.
    pub(in crate::cli) fn apply(self, config: &mut Config) {
        if !self.controllers.is_empty() {
            config.cluster.controllers = self.controllers;
        }
    }
}
