//! What a process is: which listeners it has, which models, and what it does in the cluster.

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use axum::Router;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;

use super::connections;
use crate::{
    api,
    app::App,
    cli::print,
    clock::Clock,
    config::{Config, ConfigError},
    services::cluster::Duties,
    telemetry,
};

/// What two of the listeners are called.
const WEB: &str = "Web, REST and GraphQL";
const OPENAI: &str = "OpenAI SDK base URL";

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Role {
    /// Everything in one.
    Serve,
    /// The web listener, over models of other processes too.
    Webserver,
    /// The OpenAI listener, over models of other processes too.
    Apiserver,
    /// Keeps count of instances.
    Controller,
    /// Offers its models to others.
    Worker,
}

/// A listener that is not open yet.
struct Plan {
    /// What it is, for the announcement.
    what: &'static str,
    /// The key its address is set by.
    key: &'static str,
    address: SocketAddr,
    router: fn(App) -> Router,
}

/// A listener.
struct Door {
    what: &'static str,
    address: SocketAddr,
    listener: TcpListener,
    router: fn(App) -> Router,
}

impl Role {
    fn plans(self, config: &Config) -> Result<Vec<Plan>, ConfigError> {
        let (what, router): (&'static str, fn(App) -> Router) = match self {
            Self::Serve | Self::Webserver => (WEB, api::web),
            Self::Apiserver => (OPENAI, api::openai_listener),
            Self::Controller => ("Controller", api::controller_listener),
            Self::Worker => ("Worker", api::worker_listener),
        };
        let mut plans = vec![Plan {
            what,
            key: "server.port",
            address: config.web_address()?,
            router,
        }];
        if self == Self::Serve
            && let Some(address) = config.openai_address()?
        {
            plans.push(Plan {
                what: OPENAI,
                key: "server.openai_port",
                address,
                router: api::openai_listener,
            });
        }
        Ok(plans)
    }

    fn duties(self) -> Duties {
        Duties {
            counts: true,
            follows: matches!(self, Self::Serve | Self::Webserver | Self::Apiserver),
            offers: matches!(self, Self::Serve | Self::Worker),
        }
    }

    /// Whether it asks databases, and so has the sample and files of its own to look after.
    fn asks(self) -> bool {
        matches!(self, Self::Serve | Self::Webserver)
    }

    fn has_models(self) -> bool {
        self != Self::Controller
    }

    /// Whether the cluster's key is enough for its listener: it has no routes but those between processes.
    fn is_behind_the_clusters_key(self) -> bool {
        matches!(self, Self::Controller | Self::Worker)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Serve => "Tidegate",
            Self::Webserver => "Tidegate's web server",
            Self::Apiserver => "Tidegate's API server",
            Self::Controller => "Tidegate's controller",
            Self::Worker => "Tidegate's worker",
        }
    }
}

/// Runs a process of a role until a signal asks it to stop.
pub(in crate::cli) async fn run(config: Config, role: Role) -> anyhow::Result<()> {
    config.check()?;
    telemetry::install(&config.log);
    if role == Role::Worker && config.cluster.controllers.is_empty() {
        tracing::info!("no controller is named; this worker is asked by its address alone");
    }
    let plans = role.plans(&config)?;
    let app = App::open(config, Clock::system()).await?;
    for plan in &plans {
        refuse_open_door(&app, role, plan.address).await?;
    }
    if role.asks() {
        app.sweep().await;
    } else {
        app.metering().keep_swept();
    }
    let mut doors = Vec::new();
    for plan in plans {
        doors.push(open(plan).await?);
    }

    // Not before there is somebody to listen: reading weights takes the processor from the first requests. And not
    // before random bytes were asked for once: the first time looks the system's function up, which waits while
    // libtorch is being loaded, and every request takes a number for itself.
    let _looked_up = uuid::Uuid::new_v4();
    if role.has_models() {
        app.load_models()?;
    }
    if let Some(door) = doors.first() {
        app.cluster().join(door.address, role.duties());
    }

    let signal = app.stopping.clone();
    app.tasks.spawn(async move {
        tokio::select! {
            () = asked_to_stop() => signal.cancel(),
            () = signal.cancelled() => {}
        }
    });
    let announcement = announcement(role, &doors);
    // The sample is made beside the first requests: /api/health answers at once.
    let sampled = app.clone();
    app.tasks.spawn(async move {
        if role.asks()
            && let Err(error) = sampled.ensure_sample().await
        {
            tracing::error!(
                error = format!("{error:#}"),
                "the sample database could not be made"
            );
        }
        if let Err(error) = print(&announcement) {
            tracing::warn!(
                error = format!("{error:#}"),
                "the addresses could not be announced"
            );
        }
    });

    serve(&app, doors).await;
    app.stop().await;
    Ok(())
}

/// Serves until the application stops, and then until what runs has ended, as long as that may take.
async fn serve(app: &App, doors: Vec<Door>) {
    let stop = &app.stopping;
    let serving = doors.into_iter().map(|door| {
        let router = (door.router)(app.clone());
        connections::serve(door.listener, router, stop.clone())
    });
    let grace = Duration::from_secs(app.config.server.shutdown_seconds);
    let over = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        _ = futures::future::join_all(serving) => {}
        () = over => {
            tracing::warn!(seconds = grace.as_secs(), "answers under way did not end in time and are cut");
        }
    }
}

/// Beyond loopback the door needs a lock: a key, or the word of whoever runs the process.
async fn refuse_open_door(app: &App, role: Role, address: SocketAddr) -> anyhow::Result<()> {
    let cluster = &app.config.cluster;
    if address.ip().is_loopback() || app.config.server.open || app.keys().in_use().await? {
        return Ok(());
    }
    if role.is_behind_the_clusters_key() {
        if cluster.open || !cluster.key.expose_secret().is_empty() {
            return Ok(());
        }
        anyhow::bail!(
            "server.host: {} can be reached from other machines and cluster.key is not set. Set it to the same on all \
             processes of the cluster, or pass `--open` (server.open = true) to answer anybody",
            address.ip()
        )
    }
    anyhow::bail!(
        "server.host: {} can be reached from other machines and no API key exists. Make one with \
         `tidegate key create --name NAME --admin`, or pass `--open` (server.open = true) to answer anybody",
        address.ip()
    )
}

async fn open(plan: Plan) -> anyhow::Result<Door> {
    let Plan {
        what,
        key,
        address,
        router,
    } = plan;
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("{key}: {address} cannot be bound; is another server running there?")
    })?;
    Ok(Door {
        what,
        address: listener.local_addr()?,
        listener,
        router,
    })
}

fn announcement(role: Role, doors: &[Door]) -> String {
    let mut text = format!("\n{} is ready.\n", role.name());
    for door in doors {
        let (address, behind) = match door.what {
            OPENAI => (format!("http://{}/v1", door.address), ""),
            WEB => (
                format!("http://{}", door.address),
                "   (docs at /docs, GraphiQL at /graphql)",
            ),
            _ => (format!("http://{}", door.address), ""),
        };
        _ = writeln!(text, "  {:<23} {address}{behind}", door.what);
    }
    if role.asks() {
        text.push_str("  Try   tidegate ask shop \"how many orders per city in 2024, top 5?\"\n");
    }
    text.push('\n');
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_its_listeners_and_duties() {
        let config = Config::builtin_defaults();
        let ports = |role: Role| -> Vec<u16> {
            let plans = role.plans(&config).expect("addresses");
            plans.iter().map(|plan| plan.address.port()).collect()
        };
        assert_eq!(ports(Role::Serve), [5670, 8100]);
        assert_eq!(ports(Role::Webserver), [5670]);
        assert_eq!(ports(Role::Apiserver).len(), 1);
        assert!(Role::Worker.duties().offers && !Role::Worker.duties().follows);
        assert!(Role::Apiserver.duties().follows && !Role::Apiserver.duties().offers);
        assert!(!Role::Controller.has_models() && !Role::Controller.duties().follows);
    }
}
