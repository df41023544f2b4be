//! A small pool: connections are opened when needed, proved before reuse and thrown away when in doubt.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tidegate_schema::{Error, Result, model::Connection};
use tokio_postgres::{Client, Config, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{explain, secret, tls};
use crate::drivers::{
    place,
    slots::{Idle, Slot, Slots},
};

/// Connections to one database at a time.
const CONNECTIONS: usize = 8;
/// An idle connection older than this is asked whether it still lives: firewalls forget quietly.
const FRESH: Duration = Duration::from_secs(2);
/// For that question.
const PROOF: Duration = Duration::from_secs(2);

/// How the client library begins what it says of a server it could not reach.
const UNREACHED: &str = "error connecting to server";

/// Every session is read-only and bounded from its first statement, whatever a run sets for itself later.
const SESSION: &str = "
    SET default_transaction_read_only = on;
    SET statement_timeout = '60s';
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '120s';
    SET TimeZone = 'UTC';
    SET DateStyle = 'ISO, YMD';
    SET IntervalStyle = 'iso_8601';
    SET bytea_output = 'hex';
    SET extra_float_digits = 1;
    SET client_encoding = 'UTF8';
    SET standard_conforming_strings = on;";

/// How to reach the database, and the connections that wait for work.
pub(super) struct Pool {
    name: String,
    /// Host and port, for messages.
    address: String,
    config: Config,
    password: String,
    tls: MakeRustlsConnect,
    connect_timeout: Duration,
    idle: Idle<Waiting>,
    slots: Slots,
}

/// One that waits for work.
struct Waiting {
    client: Arc<Client>,
    since: Instant,
}

/// One connection on loan. Dropped, it is closed; [`Loan::give_back`] returns it.
pub(super) struct Loan {
    pool: Arc<Pool>,
    client: Arc<Client>,
    _slot: Slot,
}

impl Pool {
    pub(super) fn new(
        name: &str,
        connection: &Connection,
        connect_timeout: Duration,
    ) -> Result<Self> {
        let host = place::host(&connection.host)?;
        let password = secret::password(connection)?;
        let mut config = Config::new();
        config
            .host(host)
            .port(place::port(connection))
            .user(&connection.user)
            .dbname(&connection.database)
            .application_name("tidegate")
            .connect_timeout(connect_timeout)
            .ssl_mode(SslMode::Prefer)
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(3);
        if !password.is_empty() {
            config.password(&password);
        }
        Ok(Self {
            name: name.to_owned(),
            address: format!("{host}:{}", place::port(connection)),
            config,
            password,
            tls: tls::connector()?,
            connect_timeout,
            idle: Idle::new(),
            slots: Slots::new(CONNECTIONS),
        })
    }

    /// An idle connection that still lives, or a new one.
    pub(super) async fn borrow(pool: &Arc<Self>, patience: Duration) -> Result<Loan> {
        let slot = pool.slots.take(patience).await?;
        while let Some(idle) = pool.idle.take() {
            if idle.is_usable().await {
                return Ok(Loan {
                    pool: pool.clone(),
                    client: idle.client,
                    _slot: slot,
                });
            }
        }
        Ok(Loan {
            client: Arc::new(pool.open().await?),
            pool: pool.clone(),
            _slot: slot,
        })
    }

    async fn open(&self) -> Result<Client> {
        let timeout = self.connect_timeout;
        let opening = async {
            let (client, connection) = self.config.connect(self.tls.clone()).await?;
            #[expect(
                clippy::disallowed_methods,
                reason = "the wire's own loop: it ends with its client, so shutdown need not wait for it"
            )]
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a PostgreSQL connection ended");
                }
            });
            client.batch_execute(SESSION).await?;
            Ok(client)
        };
        let what = format!("connecting to {}", self.address);
        let opened = self.within(timeout, &what, opening).await;
        opened.map_err(|error| match error {
            Error::Upstream { provider, message } if message.starts_with(UNREACHED) => {
                let address = &self.address;
                Error::upstream(
                    provider,
                    format!(
                        "{address} cannot be reached: {message}; check host and port, and that a PostgreSQL server \
                         runs there and lets this machine in"
                    ),
                )
            }
            other => other,
        })
    }

    /// Waits so long for the server, and says what it said if it refused.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        what: &str,
        act: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        match tokio::time::timeout(limit, act).await {
            Ok(done) => done.map_err(|error| self.error(limit, &error)),
            Err(_) => Err(Error::Timeout {
                what: format!("{}: {what}", self.name),
                limit,
            }),
        }
    }

    pub(super) fn error(&self, limit: Duration, error: &tokio_postgres::Error) -> Error {
        explain(&self.name, &self.password, limit, error)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn tls(&self) -> MakeRustlsConnect {
        self.tls.clone()
    }
}

impl Waiting {
    async fn is_usable(&self) -> bool {
        if self.client.is_closed() {
            return false;
        }
        if self.since.elapsed() < FRESH {
            return true;
        }
        let answer = tokio::time::timeout(PROOF, self.client.batch_execute("")).await;
        matches!(answer, Ok(Ok(())))
    }
}

impl Loan {
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The same client for a query that begins later. The connection is closed once both are gone.
    pub(super) fn share(&self) -> Arc<Client> {
        self.client.clone()
    }

    /// Keeps the connection for the next run. Only for one that is known to be between transactions.
    pub(super) fn give_back(self) {
        let Self {
            pool,
            client,
            _slot,
        } = self;
        pool.idle.keep(Waiting {
            client,
            since: Instant::now(),
        });
    }
}
