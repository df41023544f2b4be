//! The least that standing between a caller and an upstream can cost: what no gateway on these processors can better.
//!
//! One passes bytes and knows nothing of them. The other reads requests and writes them anew, over the HTTP libraries
//! that the server is built on, and does nothing else.

use std::{fmt, io::Write as _, net::SocketAddr};

use anyhow::Result;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderName, Response, StatusCode, Uri, header, uri::Authority},
    response::IntoResponse as _,
    serve::ListenerExt as _,
};
use clap::ValueEnum;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

use super::helper::Helper;

/// How little is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Limit {
    /// Bytes are passed on, over one connection for each caller's.
    Bytes,
    /// Requests are read and asked anew over connections that are kept.
    Http,
}

impl Limit {
    pub(super) const ALL: [Self; 2] = [Self::Bytes, Self::Http];

    fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Http => "http",
        }
    }

    /// Such a process before the upstream.
    pub(super) fn start(self, upstream: SocketAddr) -> Result<Helper> {
        Helper::start(&["limit", self.name(), &upstream.to_string()])
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Passes on until it is killed; the first line on standard output says where.
pub async fn pass_on(limit: Limit, upstream: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    match limit {
        Limit::Bytes => pass_bytes(listener, upstream).await,
        Limit::Http => pass_requests(listener, upstream).await,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the process lives for its callers, and is killed with them"
)]
async fn pass_bytes(listener: TcpListener, upstream: SocketAddr) -> Result<()> {
    loop {
        let (mut caller, _) = listener.accept().await?;
        caller.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut server = TcpStream::connect(upstream).await?;
            server.set_nodelay(true)?;
            copy_bidirectional(&mut caller, &mut server).await
        });
    }
}

/// Its connections to the upstream, and where that is.
#[derive(Clone)]
struct Asking {
    client: Client<HttpConnector, Body>,
    upstream: Authority,
}

async fn pass_requests(listener: TcpListener, upstream: SocketAddr) -> Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let asking = Asking {
        client: Client::builder(TokioExecutor::new()).build(connector),
        upstream: upstream.to_string().parse()?,
    };
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, Router::new().fallback(ask).with_state(asking)).await?;
    Ok(())
}

async fn ask(State(asking): State<Asking>, mut request: Request) -> axum::response::Response {
    let path = request.uri().path_and_query().cloned();
    let uri = Uri::builder()
        .scheme("http")
        .authority(asking.upstream)
        .path_and_query(path.map_or_else(|| "/".to_owned(), |path| path.to_string()))
        .build();
    let Ok(uri) = uri else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    *request.uri_mut() = uri;
    request.headers_mut().remove(header::HOST);
    match asking.client.request(request).await {
        Ok(response) => passed(response.map(Body::new)),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// An answer without what concerns the upstream's connection alone.
fn passed(mut response: Response<Body>) -> axum::response::Response {
    const OF_THE_CONNECTION: [HeaderName; 2] = [header::CONNECTION, header::TRANSFER_ENCODING];
    for name in OF_THE_CONNECTION {
        response.headers_mut().remove(name);
    }
    response
}
