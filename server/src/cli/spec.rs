//! `tidegate spec`: the contract, without a configuration, a database or a network.

use clap::{Args, ValueEnum};

use super::print;
use crate::api;

/// Print a contract.
#[derive(Debug, Args)]
pub struct Spec {
    /// Which one.
    which: Which,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    /// OpenAPI document of the web listener.
    Rest,
    /// OpenAPI document of the OpenAI listener.
    Openai,
    /// OpenAPI document of the routes between processes.
    Cluster,
    /// GraphQL schema definition.
    Graphql,
}

impl Spec {
    /// Prints it.
    pub(super) fn run(self) -> anyhow::Result<()> {
        let text = match self.which {
            Which::Rest => serde_json::to_string_pretty(&api::docs::finished(
                api::rest_routes().into_openapi(),
            )?)?,
            Which::Openai => serde_json::to_string_pretty(&api::docs::finished(
                api::openai_routes().into_openapi(),
            )?)?,
            Which::Cluster => serde_json::to_string_pretty(&api::docs::finished(
                api::cluster_routes().into_openapi(),
            )?)?,
            Which::Graphql => api::graphql::sdl(),
        };
        print(&format!("{text}\n"))
    }
}
