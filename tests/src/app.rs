//! A whole application on real loopback ports, with a data directory of its own.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result};
use axum::Router;
use secrecy::SecretString;
use tempfile::TempDir;
use tidegate_schema::model::{Caller, Connection, Engine, Grant, NewDatasource};
use tidegate_server::{
    api, app::App, cli::serve::connections, clock::Clock, config::Config, services::cluster::Duties,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{client::User, databases};

/// What a [`TestApp`] is started with.
#[derive(Default)]
pub struct Builder {
    toml: String,
    models: String,
    sample: bool,
    clock: Option<Clock>,
    known_at: Option<u16>,
}

/// A running application. Its ports close and its files go when it is dropped.
pub struct TestApp {
    /// The application itself, for what no route shows.
    pub app: App,
    /// The web listener.
    pub web: SocketAddr,
    /// The OpenAI listener.
    pub openai: SocketAddr,
    dir: Arc<TempDir>,
    _listeners: [Cancel; 2],
}

/// A task that ends with its owner.
struct Cancel(JoinHandle<()>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Builder {
    /// Configuration over the tests' own, as TOML without `[[models]]`.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.toml.push_str(toml);
        self.toml.push('\n');
        self
    }

    /// One `[[models]]` table.
    #[must_use]
    pub fn model(mut self, table: &str) -> Self {
        self.models.push_str(table);
        self
    }

    /// A stand-in of the server's own: `dummy/echo`, `dummy/slow`, `dummy/fails-midway`.
    #[must_use]
    pub fn dummy(self, name: &str) -> Self {
        self.model(&format!(
            "[[models]]\nname = \"{name}\"\nprovider = \"dummy\"\n"
        ))
    }

    /// With the sample database `shop`.
    #[must_use]
    pub fn sample(mut self) -> Self {
        self.sample = true;
        self
    }

    /// With this clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Known to the cluster at this port of loopback, wherever it listens.
    #[must_use]
    pub fn known_at(mut self, port: u16) -> Self {
        self.known_at = Some(port);
        self
    }

    /// The configuration this comes to, over a data directory.
    pub fn configuration(&self, dir: &std::path::Path) -> Result<Config> {
        // A table may stand only once in TOML: the test's own text wins by being merged key by key.
        let mut base: toml::Table = toml::toml! {
            [server]
            shutdown_seconds = 1
            [data]
            sample = false
            [builtin]
            enabled = false
            [log]
            filter = "off"
        };
        merge(
            &mut base,
            self.toml.parse().context("the test's configuration")?,
        );
        let mut data = toml::Table::new();
        data.insert("dir".to_owned(), dir.display().to_string().into());
        data.insert("sample".to_owned(), self.sample.into());
        merge(
            &mut base,
            toml::Table::from_iter([("data".to_owned(), data.into())]),
        );
        Ok(Config::from_toml(&format!("{base}\n{}", self.models))?)
    }

    /// Starts it.
    pub async fn start(self) -> Result<TestApp> {
        let dir = Arc::new(TempDir::new()?);
        self.start_in(dir).await
    }

    /// Starts it over a data directory that outlives it.
    pub async fn start_in(self, dir: Arc<TempDir>) -> Result<TestApp> {
        let config = self.configuration(dir.path())?;
        if self.sample {
            databases::place_sample(&dir.path().join("shop.db"))?;
        }
        let app = App::start(config, self.clock.unwrap_or_else(Clock::system)).await?;
        app.ensure_sample().await?;
        let (web, web_task) = serve(api::web(app.clone())).await?;
        let (openai, openai_task) = serve(api::openai_listener(app.clone())).await?;
        // Its models are listed as offered from here; no task of the cluster runs.
        let duties = Duties {
            counts: false,
            follows: false,
            offers: true,
        };
        let known_at = self
            .known_at
            .map_or(web, |port| SocketAddr::from(([127, 0, 0, 1], port)));
        app.cluster().join(known_at, duties);
        Ok(TestApp {
            app,
            web,
            openai,
            dir,
            _listeners: [web_task, openai_task],
        })
    }
}

fn merge(into: &mut toml::Table, from: toml::Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's task ends with the test"
)]
async fn serve(router: Router) -> Result<(SocketAddr, Cancel)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // It goes on when the application stops, so that tests see what is answered then.
    let serving = connections::serve(listener, router, CancellationToken::new());
    Ok((address, Cancel(tokio::spawn(serving))))
}

impl TestApp {
    /// What it is started with.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Someone without a key.
    pub fn anonymous(&self) -> User {
        User::anonymous(self.web, self.openai)
    }

    /// Someone with a new key.
    pub async fn keyed(
        &self,
        name: &str,
        admin: bool,
        datasources: Option<&[&str]>,
    ) -> Result<User> {
        let grants =
            datasources.map(|names| names.iter().map(|&name| Grant::reading(name)).collect());
        let (key, _) = self
            .app
            .keys()
            .create(&Caller::local("001"), name, admin, grants)
            .await?;
        Ok(self.anonymous().with_key(&key))
    }

    /// The data directory.
    pub fn dir(&self) -> PathBuf {
        self.dir.path().to_path_buf()
    }

    /// The data directory, kept when the application goes.
    pub fn keep_dir(&self) -> Arc<TempDir> {
        Arc::clone(&self.dir)
    }

    /// Makes a SQLite database from SQL and registers it.
    pub async fn add_sqlite(&self, name: &str, sql: &str) -> Result<()> {
        let path = self.dir().join(format!("{name}.db"));
        databases::make(&path, sql)?;
        self.register(name, sqlite(&path)).await
    }

    /// Registers a connection.
    pub async fn register(&self, name: &str, connection: Connection) -> Result<()> {
        let new = NewDatasource {
            name: name.to_owned(),
            connection,
            comment: String::new(),
            owner: None,
        };
        self.app
            .datasources()
            .create(&Caller::local("001"), new)
            .await?;
        Ok(())
    }

    /// The sample, vetclinic and bikeshare, as the question table wants them. The sample comes by
    /// [`Builder::sample`].
    pub async fn add_question_databases(&self) -> Result<()> {
        for name in ["vetclinic", "bikeshare"] {
            self.add_sqlite(name, &crate::paths::text(&format!("ask/{name}.sql")))
                .await?;
        }
        Ok(())
    }
}

/// The connection to a SQLite file.
pub fn sqlite(path: &std::path::Path) -> Connection {
    Connection {
        engine: Engine::Sqlite,
        path: path.display().to_string(),
        host: String::new(),
        port: 0,
        user: String::new(),
        password: SecretString::from(""),
        database: String::new(),
    }
}
