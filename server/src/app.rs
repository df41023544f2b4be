//! What every call may use: store, models, databases, clock, configuration; wiring and shutdown.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use tidegate_schema::store::{Sealer, Store, StoreUrl};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    config::Config,
    gateway::Gateway,
    services::{
        chat::Chat,
        cluster::{Cluster, Links},
        conversations::Conversations,
        dashboards::Dashboards,
        databases::{Databases, Keeper},
        datasources::{Datasources, Listed},
        deployments::{Deployed, Deployments},
        examples::{Examples, Memories},
        exports::Exports,
        feedback::Feedbacks,
        keys::{self, Keys, Presented},
        metering::{Metering, Meters},
        models::Models,
        questions::Questions,
        remembered::Remembered,
        responses::{ResponseMemory, Responses},
        rounds::Rounds,
        running::Running,
        sql::Sql,
        uploads::{Shelf, Uploads},
    },
    telemetry::Telemetry,
    workers::registry::Registry,
};

/// The application. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`]; services read them, skins do not.
pub struct Parts {
    /// Configuration.
    pub config: Config,
    /// Own data.
    pub store: Store,
    /// Time and ids.
    pub clock: Clock,
    /// Models by name.
    pub registry: Registry,
    /// The same with what stands around them, and the routes: whoever asks a model asks here.
    pub gateway: Gateway,
    /// Models of this process that are started and stopped.
    pub deployed: Deployed,
    /// What is known of the cluster.
    pub links: Links,
    /// Open connections to datasources.
    pub databases: Databases,
    /// Datasources as they were listed a moment ago.
    pub listed: Listed,
    /// Whether a key was in force a moment ago.
    pub keyed: Remembered<bool>,
    /// Keys that were presented a moment ago.
    pub presented: Presented,
    /// What calls of models use.
    pub meters: Arc<Meters>,
    /// The access log, and spans for a collector.
    pub telemetry: Telemetry,
    /// Files that were sent.
    pub shelf: Shelf,
    /// Questions with their queries, as they are kept.
    pub memories: Memories,
    /// Responses kept for a while.
    pub responses: ResponseMemory,
    /// Turns under way at once.
    pub turns: Arc<Semaphore>,
    /// Exports under way at once.
    pub exports: Arc<Semaphore>,
    /// Turns under way by conversation.
    pub running: Running,
    /// Work that must be finished before the process ends.
    pub tasks: TaskTracker,
    /// Set when the process is to end.
    pub stopping: CancellationToken,
    /// Host name, as DB-GPT's envelope shows it.
    pub host_name: String,
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Opens the store and starts loading models in the background. Answers are possible at once; `/ready`
    /// tells when models are.
    pub async fn start(config: Config, clock: Clock) -> anyhow::Result<Self> {
        let app = Self::open(config, clock).await?;
        app.load_models()?;
        Ok(app)
    }

    /// Removes what an earlier server left of data files. Only for the server itself, and before it listens: whatever
    /// is being read just then has no datasource yet and would be taken for left over.
    pub async fn sweep(&self) {
        if let Err(error) = self.databases.sweep_files().await {
            let error = error.log_chain();
            tracing::warn!(error, "what was read of data files may stay behind");
        }
        if let Err(error) = self.uploads().sweep().await {
            let error = error.log_chain();
            tracing::warn!(
                error,
                "files of conversations that are gone may stay behind"
            );
        }
        self.conversations().keep_swept();
        self.uploads().keep_swept();
        self.metering().keep_swept();
    }

    /// Opens the store; there are no models until [`App::load_models`].
    pub async fn open(config: Config, clock: Clock) -> anyhow::Result<Self> {
        let data_dir = config.data_dir()?;
        tokio::fs::create_dir_all(&data_dir)
            .await
            .with_context(|| format!("data.dir: {} cannot be made", data_dir.display()))?;
        let url = if config.database.url.is_empty() {
            StoreUrl::sqlite(data_dir.join("tidegate.db"))
        } else {
            StoreUrl::parse(&config.database.url)?
        };
        let secret = config.database.secret_key.expose_secret();
        let sealer = if secret.is_empty() {
            Sealer::from_key_file(&data_dir.join("secret.key"))?
        } else {
            Sealer::from_text(secret)?
        };
        let store = Store::open(&url, sealer).await?;
        let kept = store.list_deployments(&Deployed::place_of(&config)).await?;
        let deployed = Deployed::new(&config, kept);
        let turns = Arc::new(Semaphore::new(config.limits.turns));
        let exports = Arc::new(Semaphore::new(config.limits.exports));
        let telemetry = Telemetry::open(&config.observability)?;
        let registry = Registry::new();
        let gateway = Gateway::new(&config, registry.clone());
        let links = Links::new(&config, &store, &clock, &registry)?;
        let tasks = TaskTracker::new();
        let stopping = CancellationToken::new();
        let connect_timeout = Duration::from_secs(config.limits.connect_seconds);
        let files = data_dir.join("files");
        let shelf = Shelf::new(&data_dir, &files, connect_timeout);
        let databases = Databases::new(
            connect_timeout,
            Keeper {
                files,
                store: store.clone(),
                registry: registry.clone(),
                clock: clock.clone(),
                tasks: tasks.clone(),
                stopping: stopping.clone(),
            },
        );
        Ok(Self(Arc::new(Parts {
            registry,
            gateway,
            deployed,
            links,
            databases,
            listed: Listed::default(),
            keyed: Remembered::for_at_most(keys::MOST_AGE),
            presented: Presented::default(),
            meters: Meters::start(store.clone(), telemetry.clone()),
            telemetry,
            shelf,
            host_name: host_name(),
            store,
            clock,
            memories: Memories::default(),
            responses: ResponseMemory::default(),
            turns,
            exports,
            running: Running::default(),
            tasks,
            stopping,
            config,
        })))
    }

    /// Names the configured models and starts loading them in the background.
    pub fn load_models(&self) -> anyhow::Result<()> {
        self.registry
            .load_configured(&self.config, &self.data_dir()?, &self.tasks)?;
        self.deployments().restore();
        Ok(())
    }

    /// The data directory.
    pub fn data_dir(&self) -> anyhow::Result<PathBuf> {
        Ok(self.config.data_dir()?)
    }

    /// Makes and registers the sample database unless it is there or switched off.
    pub async fn ensure_sample(&self) -> anyhow::Result<()> {
        if !self.config.data.sample {
            return Ok(());
        }
        self.datasources()
            .ensure_sample(&self.data_dir()?.join("shop.db"))
            .await?;
        Ok(())
    }

    /// Whether the store answers.
    pub async fn store_answers(&self) -> bool {
        self.store.health().await.is_ok()
    }

    /// Refuses new work, waits for running turns to be stored, up to the configured grace.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        let grace = Duration::from_secs(self.config.server.shutdown_seconds);
        if tokio::time::timeout(grace, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                seconds = grace.as_secs(),
                "running turns did not end in time"
            );
        }
        // Behind the turns, which are counted when they end.
        self.metering().flush().await;
        self.telemetry.flush().await;
    }

    /// Datasources.
    pub fn datasources(&self) -> Datasources<'_> {
        Datasources(self)
    }

    /// Conversations.
    pub fn conversations(&self) -> Conversations<'_> {
        Conversations(self)
    }

    /// Opinions on answers.
    pub fn feedback(&self) -> Feedbacks<'_> {
        Feedbacks(self)
    }

    /// Questions that a page suggests.
    pub fn questions(&self) -> Questions<'_> {
        Questions(self)
    }

    /// Dashboards.
    pub fn dashboards(&self) -> Dashboards<'_> {
        Dashboards(self)
    }

    /// Chat turns.
    pub fn chat(&self) -> Chat<'_> {
        Chat(self)
    }

    /// Guarded SQL written by people.
    pub fn sql(&self) -> Sql<'_> {
        Sql(self)
    }

    /// Rounds of conversations in the editor.
    pub fn rounds(&self) -> Rounds<'_> {
        Rounds(self)
    }

    /// Files that were sent.
    pub fn uploads(&self) -> Uploads<'_> {
        Uploads(self)
    }

    /// Examples.
    pub fn examples(&self) -> Examples<'_> {
        Examples(self)
    }

    /// Results as files.
    pub fn exports(&self) -> Exports<'_> {
        Exports(self)
    }

    /// What calls of models use, and how many a key may make.
    pub fn metering(&self) -> Metering<'_> {
        Metering(self)
    }

    /// API keys.
    pub fn keys(&self) -> Keys<'_> {
        Keys(self)
    }

    /// Responses kept for a while.
    pub fn responses(&self) -> Responses<'_> {
        Responses(self)
    }

    /// Models that are started and stopped.
    pub fn deployments(&self) -> Deployments<'_> {
        Deployments(self)
    }

    /// The cluster.
    pub fn cluster(&self) -> Cluster<'_> {
        Cluster(self)
    }

    /// Models.
    pub fn models(&self) -> Models<'_> {
        Models(self)
    }
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}
