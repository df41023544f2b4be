//! A small pool: connections are opened when needed, proved before reuse and thrown away when in doubt.

use std::{
    io,
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

use tiberius::{AuthMethod, Client, Config, EncryptionLevel, error::Error as Said};
use tidegate_schema::{Error, Result, model::Connection};
use tokio_rustls::TlsConnector;

use super::{
    FAREWELL, SMALL_ACT, errors,
    shape::Wrong,
    tls,
    wire::{self, Wire},
};
use crate::drivers::{
    place, secret,
    slots::{Idle, Slot, Slots},
};

/// Connections to one database at a time.
const CONNECTIONS: usize = 8;
/// An idle connection older than this is asked whether it still lives: firewalls forget quietly.
const FRESH: Duration = Duration::from_secs(20);
/// For that question.
const PROOF: Duration = Duration::from_secs(2);
/// For the server to hear that a statement it is working on is not wanted any more.
const STOPPING: Duration = Duration::from_millis(200);
/// As other clients of the server ask for.
const PACKET_BYTES: u32 = 8_000;
/// Servers of a group may send a reader on to one that is for reading, once.
const HOPS: usize = 2;

/// Every session stops at its first error and waits for nobody for long. If it has to be one of two that block each
/// other, it is the one that gives way.
const SESSION: &str = "
    SET XACT_ABORT ON; SET IMPLICIT_TRANSACTIONS OFF; SET DEADLOCK_PRIORITY LOW; SET LOCK_TIMEOUT 5000;
    SET QUOTED_IDENTIFIER ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON;
    SET CONCAT_NULL_YIELDS_NULL ON; SET NUMERIC_ROUNDABORT OFF; SET DATEFORMAT ymd; SET NOCOUNT OFF;";

/// An error has rolled back already, as `XACT_ABORT` has it.
const ROLLBACK: &str = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION";

/// How to reach the database, and the connections that wait for work.
pub(super) struct Pool {
    name: String,
    host: String,
    port: u16,
    config: Config,
    password: String,
    tls: TlsConnector,
    connect_timeout: Duration,
    idle: Idle<Waiting>,
    slots: Slots,
}

/// A connection, and its socket once more.
struct Session {
    client: Client<Wire>,
    socket: TcpStream,
}

/// One that waits for work.
struct Waiting {
    session: Session,
    since: Instant,
}

/// One connection on loan. Dropped, it is closed; [`Loan::give_back`] and [`Loan::finish`] return it.
pub(super) struct Loan {
    pool: Arc<Pool>,
    session: Session,
    _slot: Slot,
}

/// Runs a text of the driver's own that has nothing to say.
pub(super) async fn batch(client: &mut Client<Wire>, sql: &str) -> Result<(), Said> {
    client.simple_query(sql).await?.into_results().await?;
    Ok(())
}

impl Pool {
    pub(super) fn new(
        name: &str,
        connection: &Connection,
        connect_timeout: Duration,
    ) -> Result<Self> {
        let host = place::host(&connection.host)?;
        if host.contains(['\\', ',']) {
            return Err(Error::invalid(
                "host",
                format!(
                    "'{host}' names an instance or a port; give the host alone, and the port its instance listens at"
                ),
            ));
        }
        let port = place::port(connection);
        let password = secret::password(connection)?;
        let mut config = Config::new();
        config.host(host);
        config.port(port);
        if !connection.database.is_empty() {
            config.database(&connection.database);
        }
        config.authentication(AuthMethod::sql_server(&connection.user, &password));
        config.application_name("tidegate");
        // Else the library tells the machine's name.
        config.client_name("tidegate");
        config.packet_size(PACKET_BYTES);
        config.lossy_utf16_decoding(true);
        // The wire below is encrypted where it can be.
        config.encryption(EncryptionLevel::NotSupported);
        // Everything is under a clock of our own.
        config.handshake_timeout(None);
        config.command_timeout(None);
        Ok(Self {
            name: name.to_owned(),
            host: host.to_owned(),
            port,
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
            if let Some(session) = idle.proved().await {
                return Ok(pool.lend(session, slot));
            }
        }
        let session = pool.open(true).await?;
        Ok(pool.lend(session, slot))
    }

    /// A new connection to a server that takes changes. It is not to be given back.
    pub(super) async fn borrow_to_write(pool: &Arc<Self>) -> Result<Loan> {
        let slot = pool.slots.take(SMALL_ACT).await?;
        let session = pool.open(false).await?;
        Ok(pool.lend(session, slot))
    }

    fn lend(self: &Arc<Self>, session: Session, slot: Slot) -> Loan {
        Loan {
            pool: self.clone(),
            session,
            _slot: slot,
        }
    }

    async fn open(&self, readonly: bool) -> Result<Session> {
        let limit = self.connect_timeout;
        if let Ok(opened) = tokio::time::timeout(limit, Box::pin(self.log_in(readonly))).await {
            return opened;
        }
        let what = format!("connecting to {}:{}", self.host, self.port);
        Err(self.late(&what, limit))
    }

    async fn log_in(&self, readonly: bool) -> Result<Session> {
        let (mut host, mut port) = (self.host.clone(), self.port);
        let mut hop = 1;
        loop {
            let dialled = wire::dial(&host, port, &self.tls).await;
            let dialled = dialled.map_err(|words| self.upstream(&words))?;
            let mut config = self.config.clone();
            config.readonly(readonly);
            let mut client = match Client::connect(config, dialled.wire).await {
                Ok(client) => client,
                Err(Said::Routing {
                    host: next_host,
                    port: next_port,
                }) if hop < HOPS => {
                    (host, port, hop) = (next_host, next_port, hop + 1);
                    continue;
                }
                Err(error) => return Err(self.error(&error)),
            };
            batch(&mut client, SESSION)
                .await
                .map_err(|error| self.error(&error))?;
            return Ok(Session {
                client,
                socket: dialled.socket,
            });
        }
    }

    /// Waits so long for the server, and says what it said if it refused.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        what: &str,
        act: impl Future<Output = Result<T, Said>>,
    ) -> Result<T> {
        match tokio::time::timeout(limit, act).await {
            Ok(done) => done.map_err(|error| self.error(&error)),
            Err(_) => Err(self.late(what, limit)),
        }
    }

    fn late(&self, what: &str, limit: Duration) -> Error {
        Error::Timeout {
            what: format!("{}: {what}", self.name),
            limit,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn error(&self, error: &Said) -> Error {
        let place = format!("{}:{}", self.host, self.port);
        self.upstream(&errors::message(&place, error))
    }

    /// What the server will not run, without having tried.
    pub(super) fn refused(&self, wrong: &Wrong) -> Error {
        self.upstream(&errors::wrong(wrong))
    }

    pub(super) fn upstream(&self, message: &str) -> Error {
        Error::upstream(&self.name, secret::without(message, &self.password))
    }
}

impl Session {
    /// An idle server has nothing to say; if it has, it says farewell.
    fn is_open(&self) -> bool {
        let peeked = self.socket.peek(&mut [0]);
        matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Waiting {
    async fn proved(mut self) -> Option<Session> {
        if !self.session.is_open() {
            return None;
        }
        if self.since.elapsed() >= FRESH {
            let answer = batch(&mut self.session.client, "SELECT 1");
            let answer = tokio::time::timeout(PROOF, answer).await;
            if !matches!(answer, Ok(Ok(()))) {
                return None;
            }
        }
        Some(self.session)
    }
}

impl Loan {
    pub(super) fn client(&mut self) -> &mut Client<Wire> {
        &mut self.session.client
    }

    /// Keeps the connection for the next run. Only for one that is known to be between transactions.
    pub(super) fn give_back(self) {
        let Self {
            pool,
            session,
            _slot,
        } = self;
        pool.idle.keep(Waiting {
            session,
            since: Instant::now(),
        });
    }

    /// Rolls back and returns the connection, or throws it away if that fails.
    pub(super) async fn finish(mut self) {
        let rolled_back = batch(&mut self.session.client, ROLLBACK);
        let rolled_back = tokio::time::timeout(FAREWELL, rolled_back).await;
        if matches!(rolled_back, Ok(Ok(()))) {
            self.give_back();
        }
    }

    /// Stops a statement of which no further row is wanted, and keeps the connection if the server agrees.
    pub(super) async fn stop(mut self) {
        let stopped = tokio::time::timeout(FAREWELL, self.session.client.cancel_query()).await;
        if matches!(stopped, Ok(Ok(()))) {
            self.finish().await;
        }
    }

    /// Stops a statement in the middle of whatever it was sending. The connection goes with it: nobody knows where
    /// in the stream the next answer would begin. The server rolls back either way.
    pub(super) async fn abandon(mut self) {
        let stopped = tokio::time::timeout(STOPPING, self.session.client.cancel_query()).await;
        if !matches!(stopped, Ok(Ok(()))) {
            tracing::debug!("a statement was stopped by closing its connection");
        }
    }
}
