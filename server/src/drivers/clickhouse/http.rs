//! The way to a ClickHouse server: its HTTP interface, and who we are there.

use std::time::Duration;

use reqwest::{
    Client, Response, StatusCode, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use tidegate_schema::{
    Error, Result,
    model::{Connection, Engine},
};
use uuid::Uuid;

use super::{
    address,
    fault::{Exception, Told},
};
use crate::drivers::{
    causes::with_causes,
    secret,
    slots::{Slot, Slots},
};

/// Queries on one server at a time.
const QUERIES: usize = 8;
/// Servers close a connection that was idle for three seconds; we let go of it before.
const IDLE: Duration = Duration::from_secs(2);
/// Most of a refusal or a short answer that is read.
const SHORT_BYTES: usize = 1 << 16;
/// For reading one, and for telling the server to stop a query.
pub(super) const SHORT_ACT: Duration = Duration::from_secs(5);

/// A server, and how to speak to it.
pub(super) struct Server {
    name: String,
    client: Client,
    url: Url,
    user: String,
    password: String,
    database: String,
    connect_timeout: Duration,
    slots: Slots,
}

/// Why a query was not begun.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server said so.
    Server(Exception),
    /// Something else than a ClickHouse server did.
    Other(Error),
}

impl Failure {
    /// The error for the caller.
    pub(super) fn explain(self, told: &Told<'_>) -> Error {
        match self {
            Self::Server(exception) => exception.explain(told),
            Self::Other(error) => error,
        }
    }
}

impl Server {
    /// Nothing is sent yet.
    pub(super) fn new(
        name: &str,
        connection: &Connection,
        connect_timeout: Duration,
    ) -> Result<Self> {
        let url = address::read(&connection.host, connection.port)?;
        let password = secret::password(connection)?;
        let user = match connection.user.trim() {
            "" => "default",
            user => user,
        };
        // The password goes by a header: an address is written to logs along the way.
        let mut headers = HeaderMap::new();
        for (header, field, value) in [
            ("x-clickhouse-user", "user", user),
            ("x-clickhouse-key", "password", password.as_str()),
        ] {
            let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
                Error::invalid(field, "has a control character, which HTTP cannot carry")
            })?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(header), value);
        }
        Ok(Self {
            name: name.to_owned(),
            client: client(&url, headers, connect_timeout)?,
            url,
            user: user.to_owned(),
            password,
            database: connection.database.trim().to_owned(),
            connect_timeout,
            slots: Slots::new(QUERIES),
        })
    }

    /// What its exceptions are told with.
    pub(super) fn told(&self, limit: Duration) -> Told<'_> {
        Told {
            provider: &self.name,
            user: &self.user,
            database: &self.database,
            limit,
        }
    }

    /// How long connecting may take.
    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// An error in the server's name, without the password.
    pub(super) fn error(&self, message: &str) -> Error {
        Error::upstream(&self.name, secret::without(message, &self.password))
    }

    /// An error of something that took too long.
    pub(super) fn late(&self, what: &str, limit: Duration) -> Error {
        Error::Timeout {
            what: format!("{}: {what}", self.name),
            limit,
        }
    }

    /// The same of connecting.
    pub(super) fn late_connecting(&self, limit: Duration) -> Error {
        self.late(&format!("connecting to {}", self.at()), limit)
    }

    /// A place among the queries that may run at a time.
    pub(super) async fn slot(&self, patience: Duration) -> Result<Slot> {
        self.slots.take(patience).await
    }

    /// Sends a statement and waits for the beginning of its answer.
    pub(super) async fn post(
        &self,
        sql: String,
        id: &str,
        format: &str,
        settings: &[(String, String)],
    ) -> reqwest::Result<Response> {
        let mut url = self.url.clone();
        {
            let mut pairs = url.query_pairs_mut();
            pairs.append_pair("query_id", id);
            pairs.append_pair("default_format", format);
            if !self.database.is_empty() {
                pairs.append_pair("database", &self.database);
            }
            for (name, value) in settings {
                pairs.append_pair(name, value);
            }
        }
        self.client.post(url).body(sql).send().await
    }

    /// Reads what the server says if it refused.
    pub(super) async fn accept(&self, mut response: Response) -> Result<Response, Failure> {
        let status = response.status();
        let failed = header(&response, "x-clickhouse-exception-code");
        if status.is_success() && failed.is_none_or(|code| code == "0") {
            return Ok(response);
        }
        let text = self.short(&mut response).await;
        Err(match Exception::read(&text) {
            Some(exception) => Failure::Server(exception),
            None => Failure::Other(self.stranger(status, &text)),
        })
    }

    /// A short answer, as far as it comes in a short time.
    pub(super) async fn short(&self, response: &mut Response) -> String {
        let mut bytes = Vec::new();
        let reading = async {
            while bytes.len() < SHORT_BYTES
                && let Ok(Some(piece)) = response.chunk().await
            {
                bytes.extend_from_slice(&piece);
            }
        };
        if tokio::time::timeout(SHORT_ACT, reading).await.is_err() {
            tracing::debug!("an answer did not come to its end in time");
        }
        bytes.truncate(SHORT_BYTES);
        secret::without(&String::from_utf8_lossy(&bytes), &self.password)
    }

    /// What answers is no ClickHouse server, or not at its HTTP port.
    pub(super) fn stranger(&self, status: StatusCode, text: &str) -> Error {
        let line = text.lines().find(|line| !line.trim().is_empty());
        let said: String = line.unwrap_or("nothing").trim().chars().take(200).collect();
        self.error(&format!(
            "{} is no ClickHouse server's HTTP port: it answered {} and said: {said}; give the port of its HTTP \
             interface, {} unless configured otherwise",
            self.at(),
            status.as_u16(),
            Engine::ClickHouse.default_port()
        ))
    }

    /// What went wrong on the way, with its causes and what to do.
    pub(super) fn transport(&self, error: reqwest::Error) -> Error {
        let error = error.without_url();
        if error.is_connect() && error.is_timeout() {
            return self.late_connecting(self.connect_timeout);
        }
        let message = if error.is_connect() {
            format!("{} cannot be reached", self.at())
        } else {
            "the connection broke".to_owned()
        };
        let mut message = with_causes(message, &error);
        message.push_str(remedy(&message, self.url.scheme() == "https"));
        self.error(&message)
    }

    /// A name for one query.
    pub(super) fn new_id() -> String {
        format!("tidegate-{}", Uuid::new_v4().simple())
    }

    /// Host and port, for people.
    fn at(&self) -> String {
        let port = self.url.port_or_known_default().unwrap_or_default();
        format!("{}:{port}", self.url.host_str().unwrap_or_default())
    }

    /// Tells the server to stop a query: its answer's first word, or nothing if there is no such query.
    pub(super) async fn stop(&self, id: &str) -> Result<Option<String>> {
        let sql = format!("KILL QUERY WHERE query_id = '{id}' ASYNC");
        let telling = async {
            let response = self
                .post(sql, &Self::new_id(), "TabSeparated", &[])
                .await
                .map_err(|error| self.transport(error))?;
            let accepted = self.accept(response).await;
            let mut response =
                accepted.map_err(|failure| failure.explain(&self.told(SHORT_ACT)))?;
            let text = self.short(&mut response).await;
            Ok(text.split_whitespace().next().map(str::to_owned))
        };
        tokio::time::timeout(SHORT_ACT, telling)
            .await
            .map_err(|_| self.late("stopping a query", SHORT_ACT))?
    }
}

/// A header of an answer, if it is there and plain text.
pub(super) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// Speaks HTTP/1.1 alone, directly, and follows nobody elsewhere with a password in hand.
fn client(url: &Url, headers: HeaderMap, connect_timeout: Duration) -> Result<Client> {
    // A second install is refused and harmless: whoever came first chose ring too.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .default_headers(headers)
        .user_agent("tidegate")
        .http1_only()
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(connect_timeout)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(30))
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(QUERIES);
    if url.scheme() == "http" {
        // No TLS is spoken: the machine's certificates are not looked for, as there may be none in a container.
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    builder.build().map_err(|error| {
        Error::internal(
            "preparing the way to a ClickHouse server",
            error.without_url(),
        )
    })
}

/// What to do about a failure that has a known cause.
fn remedy(message: &str, tls: bool) -> &'static str {
    let says = |part: &str| message.contains(part);
    if tls && (says("InvalidContentType") || says("corrupt message")) {
        "; the port speaks no TLS: write the host as http://HOST, or give the port that does"
    } else if tls && says("certificate") {
        "; have this machine trust the authority that signed the server's certificate"
    } else if !tls && says("invalid HTTP") {
        "; if the port speaks TLS, write the host as https://HOST"
    } else {
        ""
    }
}
