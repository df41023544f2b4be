//! A small pool: connections are opened when needed, reset before reuse and thrown away when in doubt.
//!
//! The client library has a pool of its own. It knows no bounded wait, it lets a result that nobody wants run to its
//! end, and it puts connections back behind our back; here a connection whose statement may still run is closed by
//! a `KILL` from outside and never used again.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use mysql_async::{Conn, DriverError, Error as Said, Row, prelude::Queryable};
use tidegate_schema::{Error, Result, model::Connection};

use super::{
    cells,
    failure::{Act, Failed, Place},
    reach::{Reach, Ways},
    session::Flavour,
};
use crate::drivers::slots::{Idle, Slot, Slots};

/// Connections to one database at a time.
const CONNECTIONS: usize = 8;
/// One that waited longer is closed: servers and firewalls hang up quietly.
const IDLE: Duration = Duration::from_mins(5);
/// For asking an idle connection whether it still lives.
const PROOF: Duration = Duration::from_secs(2);
/// For stopping a statement from outside.
const KILL: Duration = Duration::from_secs(3);
/// For the rollback after a run, and for parting.
pub(super) const FAREWELL: Duration = Duration::from_secs(5);
/// The server stops a statement itself; this much later we stop waiting for it to do so.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// How to reach the database, and the connections that wait for work.
pub(super) struct Pool {
    place: Place,
    /// With the database chosen.
    database: Ways,
    /// To the server alone, for stopping statements.
    server: Ways,
    /// The server offers no TLS.
    plain: AtomicBool,
    flavour: OnceLock<Flavour>,
    connect_timeout: Duration,
    idle: Idle<Waiting>,
    slots: Slots,
}

/// One that waits for work.
struct Waiting {
    conn: Conn,
    since: Instant,
}

/// One connection on loan. Dropped, it is closed, and what runs on it is stopped; [`Loan::give_back`] returns it.
pub(super) struct Loan {
    pool: Arc<Pool>,
    /// Taken on parting.
    conn: Option<Conn>,
    slot: Option<Slot>,
    /// A statement may be running.
    busy: bool,
}

impl Pool {
    pub(super) fn new(
        name: &str,
        connection: &Connection,
        connect_timeout: Duration,
    ) -> Result<Self> {
        let reach = Reach::of(connection)?;
        Ok(Self {
            place: Place {
                name: name.to_owned(),
                address: reach.address,
                password: reach.password,
            },
            database: reach.database,
            server: reach.server,
            // The library sends a request for TLS into a socket and then speaks without.
            plain: AtomicBool::new(reach.is_socket),
            flavour: OnceLock::new(),
            connect_timeout,
            idle: Idle::new(),
            slots: Slots::new(CONNECTIONS),
        })
    }

    /// An idle connection that still lives, with nothing left of its last run, or a new one.
    pub(super) async fn borrow(pool: &Arc<Self>, patience: Duration) -> Result<Loan> {
        let slot = pool.slots.take(patience).await?;
        while let Some(mut idle) = pool.idle.take() {
            if idle.is_usable().await {
                return Ok(Loan::new(pool, idle.conn, slot));
            }
        }
        Ok(Loan::new(pool, pool.open().await?, slot))
    }

    async fn open(&self) -> Result<Conn> {
        let limit = self.connect_timeout;
        let opening = async {
            let mut conn = self.dial(&self.database).await?;
            if self.flavour.get().is_none() {
                let said: Option<Row> = conn
                    .query_first("SELECT VERSION(), @@version_comment")
                    .await?;
                let said = said.map(cells::texts).unwrap_or_default();
                let said: Vec<String> = said.into_iter().flatten().collect();
                self.learn(Flavour::of(&said.join(" ")));
            }
            Ok::<_, Said>(conn)
        };
        match tokio::time::timeout(limit, opening).await {
            Ok(opened) => {
                opened.map_err(|error| self.place.failed(Act::Connecting, limit, &error).error)
            }
            Err(_) => Err(Error::Timeout {
                what: format!("{}: connecting to {}", self.place.name, self.place.address),
                limit,
            }),
        }
    }

    /// Without TLS only where the server says that it has none; that is remembered, as a server that is left
    /// waiting too often shuts its door.
    async fn dial(&self, ways: &Ways) -> mysql_async::Result<Conn> {
        if !self.plain.load(Ordering::Relaxed) {
            match Conn::new(ways.secure.clone()).await {
                Err(Said::Driver(DriverError::NoClientSslFlagFromServer)) => {
                    self.plain.store(true, Ordering::Relaxed);
                }
                done => return done,
            }
        }
        Conn::new(ways.plain.clone()).await
    }

    fn learn(&self, flavour: Flavour) {
        let known = self.flavour.get_or_init(|| flavour);
        if !known.has_read_only() {
            tracing::warn!(
                datasource = self.place.name,
                product = ?known,
                "it knows no read-only sessions; give Tidegate a user that may only read"
            );
        }
    }

    /// What answers; known from the first connection on.
    pub(super) fn flavour(&self) -> Flavour {
        self.flavour.get().copied().unwrap_or(Flavour::MySql)
    }

    /// Waits so long for the server, and says what it said if it refused.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        what: &str,
        act: impl Future<Output = mysql_async::Result<T>>,
    ) -> Result<T, Failed> {
        match tokio::time::timeout(limit, act).await {
            Ok(done) => done.map_err(|error| self.failed(limit, &error)),
            Err(_) => Err(Failed::late(format!("{}: {what}", self.place.name), limit)),
        }
    }

    /// As [`Pool::within`], for the user's own statement: the server's clock goes first.
    pub(super) async fn running<T>(
        &self,
        time: Duration,
        act: impl Future<Output = mysql_async::Result<T>>,
    ) -> Result<T, Failed> {
        match tokio::time::timeout(time.saturating_add(GRACE), act).await {
            Ok(done) => done.map_err(|error| self.failed(time, &error)),
            Err(_) => Err(Failed::late("the query", time)),
        }
    }

    pub(super) fn failed(&self, limit: Duration, error: &Said) -> Failed {
        self.place.failed(Act::Running, limit, error)
    }

    /// The datasource's name.
    pub(super) fn name(&self) -> &str {
        &self.place.name
    }

    /// Ends a connection of ours from outside, with what runs on it. `KILL QUERY` would do nothing if it overtook
    /// its query, and the connection is thrown away in any case.
    async fn kill(&self, id: u32) {
        let killing = async {
            let mut conn = self.dial(&self.server).await?;
            conn.query_drop(format!("KILL {id}")).await?;
            conn.disconnect().await
        };
        match tokio::time::timeout(KILL, killing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let failed = self.failed(KILL, &error);
                tracing::debug!(error = %failed.error, "a statement may not have been stopped");
            }
            Err(_) => tracing::debug!("a statement was not stopped in time"),
        }
    }
}

impl Waiting {
    /// Takes back everything the last run may have left in the session; who answers lives.
    async fn is_usable(&mut self) -> bool {
        if self.since.elapsed() > IDLE {
            return false;
        }
        let cleared = async {
            match self.conn.reset().await {
                Ok(true) => Ok(()),
                // Old servers do not know the command; the run's opening sets what matters.
                Ok(false) | Err(Said::Server(_)) => self.conn.ping().await,
                Err(error) => Err(error),
            }
        };
        matches!(tokio::time::timeout(PROOF, cleared).await, Ok(Ok(())))
    }
}

impl Loan {
    fn new(pool: &Arc<Pool>, conn: Conn, slot: Slot) -> Self {
        Self {
            pool: pool.clone(),
            conn: Some(conn),
            slot: Some(slot),
            busy: false,
        }
    }

    /// The connection, for statements: from here on one may be running.
    pub(super) fn conn(&mut self) -> mysql_async::Result<&mut Conn> {
        self.busy = true;
        self.conn
            .as_mut()
            .ok_or(Said::Driver(DriverError::ConnectionClosed))
    }

    /// Asks whether the server answers.
    pub(super) async fn ping(&mut self) -> mysql_async::Result<()> {
        match self.conn.as_mut() {
            Some(conn) => conn.ping().await,
            None => Err(Said::Driver(DriverError::ConnectionClosed)),
        }
    }

    /// Keeps the connection for the next run. Only for one that is known to be between transactions.
    pub(super) fn give_back(mut self) {
        let Some(conn) = self.conn.take() else {
            return;
        };
        let idle = &self.pool.idle;
        idle.retain(|kept| kept.since.elapsed() <= IDLE);
        idle.keep(Waiting {
            conn,
            since: Instant::now(),
        });
    }

    /// Lets a connection go that is gone already: there is nothing to stop, and its number may be another's by now.
    pub(super) fn abandon(mut self) {
        self.busy = false;
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (pool, slot, busy) = (self.pool.clone(), self.slot.take(), self.busy);
        runtime.spawn(async move {
            if busy {
                pool.kill(conn.id()).await;
            }
            // It reads what is still on its way first, which is little once the statement is stopped.
            if !matches!(
                tokio::time::timeout(FAREWELL, conn.disconnect()).await,
                Ok(Ok(()))
            ) {
                tracing::debug!("a MySQL connection ended without a farewell");
            }
            drop(slot);
        });
    }
}
