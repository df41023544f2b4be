//! `tidegate serve`: both listeners in one process.

use std::{fmt::Write as _, net::SocketAddr};

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;

use super::print;
use crate::{api, app::App, clock::Clock, config::Config, telemetry};

/// Run the server.
#[derive(Debug, Args)]
pub struct Serve {
    /// Address to bind, instead of `server.host`.
    #[arg(long)]
    host: Option<String>,
    /// Port of the web listener, instead of `server.port`.
    #[arg(long)]
    port: Option<u16>,
    /// Port of the OpenAI listener, instead of `server.openai_port`; 0 switches it off.
    #[arg(long)]
    openai_port: Option<u16>,
    /// Data directory, instead of `data.dir`.
    #[arg(long)]
    data_dir: Option<String>,
    /// Answer without a key on an address other than loopback.
    #[arg(long)]
    open: bool,
}

impl Serve {
    /// Serves until a signal asks to stop.
    pub(super) async fn run(self, mut config: Config) -> anyhow::Result<()> {
        if let Some(host) = self.host {
            config.server.host = host;
        }
        if let Some(port) = self.port {
            config.server.port = port;
        }
        if let Some(port) = self.openai_port {
            config.server.openai_port = port;
        }
        if let Some(dir) = self.data_dir {
            config.data.dir = dir;
        }
        config.server.open |= self.open;
        telemetry::install(&config.log);

        let web_address = config.web_address()?;
        let openai_address = config.openai_address()?;
        let app = App::open(config, Clock::system()).await?;
        refuse_open_door(&app, web_address).await?;
        app.sweep().await;
        let web = listen("server.port", web_address).await?;
        let openai = match openai_address {
            Some(address) => Some(listen("server.openai_port", address).await?),
            None => None,
        };
        let web_address = web.local_addr()?;
        let openai_address = openai.as_ref().map(TcpListener::local_addr).transpose()?;

        // Not before there is somebody to listen: reading weights takes the processor from the first requests. And
        // not before random bytes were asked for once: the first time looks the system's function up, which waits
        // while libtorch is being loaded, and every request takes a number for itself.
        let _looked_up = uuid::Uuid::new_v4();
        app.load_models()?;

        let stop = app.stopping.clone();
        let signal = stop.clone();
        app.tasks.spawn(async move {
            tokio::select! {
                () = asked_to_stop() => signal.cancel(),
                () = signal.cancelled() => {}
            }
        });
        // The sample is made beside the first requests: /api/health answers at once.
        let sampled = app.clone();
        app.tasks.spawn(async move {
            if let Err(error) = sampled.ensure_sample().await {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the sample database could not be made"
                );
            }
            announce(web_address, openai_address);
        });

        let web_stop = stop.clone();
        let web = axum::serve(web, api::web(app.clone()))
            .with_graceful_shutdown(async move { web_stop.cancelled().await });
        let openai_stop = stop.clone();
        let openai_app = app.clone();
        let openai = async move {
            if let Some(listener) = openai {
                axum::serve(listener, api::openai_listener(openai_app))
                    .with_graceful_shutdown(async move { openai_stop.cancelled().await })
                    .await
            } else {
                openai_stop.cancelled().await;
                Ok(())
            }
        };
        let (web, openai) = tokio::join!(web, openai);
        app.stop().await;
        web.context("the web listener failed")?;
        openai.context("the OpenAI listener failed")
    }
}

/// Beyond loopback the door needs a lock: a key, or the word of whoever runs the server.
async fn refuse_open_door(app: &App, address: SocketAddr) -> anyhow::Result<()> {
    if address.ip().is_loopback() || app.config.server.open || app.keys().in_use().await? {
        return Ok(());
    }
    anyhow::bail!(
        "server.host: {} can be reached from other machines and no API key exists. Make one with \
         `tidegate key create --name NAME --admin`, or pass `--open` (server.open = true) to answer anybody",
        address.ip()
    )
}

async fn listen(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{key}: {address} cannot be bound; is another server running there?")
    })
}

fn announce(web: SocketAddr, openai: Option<SocketAddr>) {
    let mut text = format!(
        "\nTidegate is ready.\n  Web, REST and GraphQL   http://{web}   (docs at /docs, GraphiQL at /graphql)\n"
    );
    if let Some(openai) = openai {
        _ = writeln!(text, "  OpenAI SDK base URL     http://{openai}/v1");
    }
    text.push_str("  Try   tidegate ask shop \"how many orders per city in 2024, top 5?\"\n\n");
    if let Err(error) = print(&text) {
        tracing::warn!(
            error = format!("{error:#}"),
            "the addresses could not be announced"
        );
    }
}

async fn asked_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let terminate = async {
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(mut signal) => {
                    signal.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt => {}
            () = terminate => {}
        }
    }
    #[cfg(not(unix))]
    {
        let _ = interrupt.await;
    }
}
