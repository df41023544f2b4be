//! The command line: one subcommand per role and act, each calling the same services as the other skins.

pub mod apiserver;
pub mod ask;
pub mod controller;
pub mod db;
pub mod doctor;
pub mod examples;
pub mod key;
pub mod model;
pub mod serve;
pub mod spec;
pub mod usage;
pub mod webserver;
pub mod worker;

use std::{
    io::{ErrorKind, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use tidegate_schema::model::Caller;

use crate::{app::App, clock::Clock, config::Config, telemetry};

/// How long work on blocking threads may take to end once a command is over.
const FAREWELL: Duration = Duration::from_secs(5);

/// Ask your databases in plain words.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, about)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// Configuration file (TOML); the defaults need none.
    #[arg(long, short, global = true, env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server: web listener, OpenAI listener, models.
    Serve(serve::Serve),
    /// Run a controller: which process of a cluster offers which model.
    Controller(controller::Controller),
    /// Run a worker: models that other processes of a cluster ask.
    Worker(worker::Worker),
    /// Run an API server: the OpenAI surface over the models of a cluster.
    Apiserver(apiserver::Apiserver),
    /// Run a web server: pages, REST and GraphQL over the models of a cluster.
    Webserver(webserver::Webserver),
    /// Ask a datasource a question and print table, SQL and evidence.
    Ask(ask::Ask),
    /// Add, list, look into, query, export and remove datasources.
    #[command(subcommand)]
    Db(db::Db),
    /// Create, list and revoke API keys.
    #[command(subcommand)]
    Key(key::Key),
    /// Show what calls of models used, by key, model or day.
    Usage(usage::Usage),
    /// List, start, stop and talk to models, and quantise local ones.
    #[command(subcommand)]
    Model(model::Model),
    /// Print a contract: the OpenAPI documents or the GraphQL schema.
    Spec(spec::Spec),
    /// Show what is installed, reachable and writable, and the remedy for what is not.
    Doctor(doctor::Doctor),
    /// Show the configuration in force, or check a file.
    #[command(subcommand)]
    Config(ConfigAct),
}

#[derive(Debug, Subcommand)]
enum ConfigAct {
    /// Print the configuration in force: defaults, file and environment together, secrets as stars.
    Show {
        /// Print the commented defaults instead, which are the reference.
        #[arg(long)]
        defaults: bool,
    },
    /// Check the configuration file and the environment.
    Check,
}

/// A command that was put wrongly, as opposed to one that failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// Runs a command to its end. It exits with 0 when all went well, 1 when something failed, and 2, as the argument
/// parser does, when the command was put wrongly.
pub fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        // No configuration, no database, no network.
        Command::Spec(spec) => spec.run(),
        Command::Config(ConfigAct::Show { defaults: true }) => print(crate::config::DEFAULTS),
        Command::Config(ConfigAct::Show { defaults: false }) => {
            Config::shown(cli.common.config.as_deref(), &environment)
                .map_err(anyhow::Error::from)
                .and_then(|shown| print(&shown))
        }
        command => with_config(&cli.common, command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&for_terminal(&format!("error: {error:#}")));
            if error.is::<Usage>() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn with_config(common: &Common, command: Command) -> anyhow::Result<()> {
    let config = load(common)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let done = runtime.block_on(async {
        match command {
            Command::Serve(serve) => serve.run(config).await,
            Command::Controller(controller) => controller.run(config).await,
            Command::Worker(worker) => worker.run(config).await,
            Command::Apiserver(apiserver) => apiserver.run(config).await,
            Command::Webserver(webserver) => webserver.run(config).await,
            Command::Ask(ask) => ask.run(quiet(config)).await,
            Command::Db(db) => db.run(quiet(config)).await,
            Command::Key(key) => key.run(quiet(config)).await,
            Command::Usage(usage) => usage.run(quiet(config)).await,
            Command::Model(model) => model.run(quiet(config)).await,
            Command::Doctor(doctor) => doctor.run(config).await,
            Command::Config(_) => print("The configuration is valid.\n"),
            Command::Spec(spec) => spec.run(),
        }
    });
    // A query may be stuck in one function of a database library, which nothing can stop.
    runtime.shutdown_timeout(FAREWELL);
    done
}

fn load(common: &Common) -> anyhow::Result<Config> {
    Ok(Config::load(common.config.as_deref(), &environment)?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where the environment enters the configuration"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Commands that print a result keep the log to warnings unless a filter was set.
fn quiet(mut config: Config) -> Config {
    if config.log.filter == "info" {
        "warn".clone_into(&mut config.log.filter);
    }
    config
}

/// An application for a command: store open, sample there, no listener.
async fn app(mut config: Config, with_models: bool) -> anyhow::Result<App> {
    telemetry::install(&config.log);
    // A command answers no requests, and may be run by somebody who may not write the server's log.
    config.observability.access_log.clear();
    if !with_models {
        config.builtin.enabled = false;
        config.models.clear();
    }
    let app = App::open(config, Clock::system()).await?;
    // Those that were started by requests are no part of the configuration.
    if with_models {
        app.load_models()?;
    }
    app.ensure_sample().await?;
    Ok(app)
}

/// The person at the terminal.
fn caller() -> Caller {
    Caller::local("001")
}

/// Prints an answer on standard output. A reader that has seen enough and left, as `head` does, is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        _ => Ok(()),
    }
}

/// Text that others wrote for a terminal: signs that would steer the terminal are spelled out.
fn for_terminal(text: &str) -> String {
    let steers = |sign: char| sign.is_control() && !matches!(sign, '\n' | '\t');
    if !text.contains(steers) {
        return text.to_owned();
    }
    text.chars()
        .map(|sign| {
            if steers(sign) {
                sign.escape_default().to_string()
            } else {
                sign.to_string()
            }
        })
        .collect()
}

/// An empty table that breaks its lines at the terminal's width.
fn wide_table() -> Table {
    let mut table = Table::new();
    table
        .load_preset(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// Prints a document on standard output.
fn print_json(document: &serde_json::Value) -> anyhow::Result<()> {
    print(&format!("{document:#}\n"))
}

/// Says something on standard error.
fn complain(text: &str) {
    // When this fails nobody is left to be told.
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_databases_text_cannot_steer_the_terminal() {
        assert_eq!(for_terminal("Tromsø\n\tx"), "Tromsø\n\tx");
        assert_eq!(
            for_terminal("\u{1b}[2Jgone\r\u{7}"),
            "\\u{1b}[2Jgone\\r\\u{7}"
        );
    }
}
