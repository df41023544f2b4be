//! How a request gets to its server: straight, or through all that reqwest looks after.
//!
//! reqwest is the client everywhere else. It reads every address three times, holds every request ready for redirects
//! and retries that none of ours takes, and has a task for every connection. What needs neither TLS nor a proxy, which is
//! to say a model server on this machine or beside it, is asked over connections of ours.

use std::{error::Error as _, sync::OnceLock, time::Duration};

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_util::client::{legacy::connect::HttpConnector, proxy::matcher::Matcher};
use reqwest::{
    Body, Method, Request, Url,
    header::{HOST, HeaderMap, HeaderValue},
};
use url::Position;

use super::connections::{Connections, Unanswered};
use crate::workers::http_client_within;

/// How often a silent connection is probed, and after how long at first.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Probes without an answer that end it.
const PROBES: u32 = 3;

/// What a server answers. reqwest's own type would have an address parsed for each.
pub(super) type Answer = http::Response<Body>;

/// Where a server is asked for something, as each of the clients has it.
#[derive(Debug)]
pub(super) struct Address {
    url: Url,
    /// What a request itself says of it.
    path: Uri,
    host: HeaderValue,
}

impl Address {
    /// # Errors
    /// Characters that no request carries; the error does not tell the address, which may carry secrets.
    pub(super) fn of(url: Url) -> anyhow::Result<Self> {
        let uri: Uri = url.as_str().parse()?;
        let path = uri
            .path_and_query()
            .cloned()
            .map_or_else(Uri::default, Uri::from);
        let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort])?;
        Ok(Self { url, path, host })
    }

    /// As text.
    #[cfg(test)]
    pub(super) fn as_str(&self) -> &str {
        self.url.as_str()
    }
}

/// The way to one server.
pub(super) struct Wire {
    /// HTTP/1.1 over connections of ours, where nothing else is needed.
    straight: Option<Connections>,
    /// With TLS, a proxy, a password in the address, or a server that sends its callers on.
    around: OnceLock<reqwest::Client>,
    connect: Duration,
}

impl Wire {
    /// The way to the server of an address, each connection to which may take so long to open. Nothing is sent yet.
    pub(super) fn open(base_url: &str, connect: Duration) -> anyhow::Result<Self> {
        let straight = plain(base_url).map(|server| straight(server, connect));
        let around = match straight {
            Some(_) => OnceLock::new(),
            None => http_client_within(connect)?.into(),
        };
        Ok(Self {
            straight,
            around,
            connect,
        })
    }

    /// Posts a body to an address of the server, and waits for the head of the answer.
    ///
    /// # Errors
    /// What failed, in words without the address, which may carry secrets.
    pub(super) async fn post(
        &self,
        to: &Address,
        headers: impl Fn() -> HeaderMap,
        body: Bytes,
    ) -> Result<Answer, String> {
        let straight = self.straight.as_ref();
        let Some(straight) = straight.filter(|_| self.around.get().is_none()) else {
            return self.post_around(to, headers(), body).await;
        };
        let mut request = http::Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = to.path.clone();
        *request.headers_mut() = headers();
        request.headers_mut().insert(HOST, to.host.clone());
        let response = straight.ask(request).await.map_err(|error| match &error {
            Unanswered::Unreachable(error) => words(true, false, Some(error.as_ref())),
            Unanswered::Broken(error) => words(false, false, Some(error)),
        })?;
        if response.status().is_redirection() {
            // From now on, too.
            return self.post_around(to, headers(), body).await;
        }
        Ok(response.map(Body::wrap))
    }

    async fn post_around(
        &self,
        to: &Address,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, String> {
        let client = if let Some(client) = self.around.get() {
            client
        } else {
            let new = http_client_within(self.connect).map_err(|e| format!("{e:#}"))?;
            self.around.get_or_init(|| new)
        };
        let mut request = Request::new(Method::POST, to.url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into());
        let answer = client.execute(request).await.map_err(|e| describe(&e))?;
        Ok(answer.into())
    }
}

fn straight(server: Uri, connect: Duration) -> Connections {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(connect));
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEP_ALIVE));
    connector.set_keepalive_interval(Some(KEEP_ALIVE));
    connector.set_keepalive_retries(Some(PROBES));
    Connections::to(server, connector)
}

/// The address that is asked over connections of ours, where nothing but one is needed.
fn plain(base_url: &str) -> Option<Uri> {
    let url = Url::parse(base_url).ok()?;
    let is_bare = url.username().is_empty() && url.password().is_none();
    let address = url.as_str().parse().ok()?;
    let is_direct = || Matcher::from_env().intercept(&address).is_none();
    (url.scheme() == "http" && is_bare && is_direct()).then_some(address)
}

/// A reqwest error without its URL, which may carry secrets.
pub(super) fn describe(error: &reqwest::Error) -> String {
    words(error.is_connect(), error.is_timeout(), error.source())
}

/// What failed, and what was at the bottom of it.
fn words(
    connecting: bool,
    is_late: bool,
    mut source: Option<&(dyn std::error::Error + 'static)>,
) -> String {
    let mut text = if connecting {
        "cannot be reached".to_owned()
    } else if is_late {
        "did not answer in time".to_owned()
    } else {
        "the request failed".to_owned()
    };
    while let Some(inner) = source {
        if inner.source().is_none() {
            text = format!("{text}: {inner}");
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode, response::Redirect, routing::post};
    use http_body_util::BodyExt as _;
    use reqwest::header::HeaderName;
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn what_needs_tls_or_a_password_is_not_asked_straight() {
        assert!(plain("http://127.0.0.1:8000/v1").is_some());
        for around in [
            "https://127.0.0.1:8000/v1",
            "http://user:secret@127.0.0.1:8000/v1",
            "127.0.0.1:8000",
        ] {
            assert_eq!(plain(around), None, "{around}");
        }
    }

    #[tokio::test]
    async fn both_ways_say_the_same() {
        let router = Router::new()
            .route(
                "/echo",
                post(|body: String| async move { format!("{body}!") }),
            )
            .route("/no", post(|| async { (StatusCode::CONFLICT, "taken") }))
            .route("/away", post(|| async { Redirect::temporary("/echo") }));
        let base = served(router).await;
        let [straight, around] = both(&base);
        assert!(straight.straight.is_some());
        let ask = async |wire: &Wire, base: &str, path: &str| {
            let to = at(&format!("{base}{path}"));
            wire.post(&to, HeaderMap::new, Bytes::from_static(b"tide"))
                .await
        };
        for (path, status, text) in [("/echo", 200, "tide!"), ("/no", 409, "taken")] {
            for wire in [&straight, &around] {
                let answer = ask(wire, &base, path).await.expect("answers");
                assert_eq!(answer.status(), status);
                assert_eq!(body_of(answer).await, text);
            }
        }
        let nobody = nobody().await;
        for wire in both(&nobody) {
            let error = ask(&wire, &nobody, "/echo").await.expect_err("nobody");
            assert!(error.starts_with("cannot be reached: "), "{error}");
            assert!(
                error.contains("refused") && !error.contains("127.0.0.1"),
                "{error}"
            );
        }
        assert!(straight.around.get().is_none(), "asked straight so far");
        for wire in [&straight, &around] {
            let answer = ask(wire, &base, "/away").await.expect("sent on");
            assert_eq!(body_of(answer).await, "tide!");
        }
        assert!(straight.around.get().is_some(), "and not any more");
    }

    #[tokio::test]
    async fn a_key_does_not_follow_to_another_server() {
        let router = Router::new().fallback(|headers: HeaderMap| async move {
            format!("{:?} was given away", headers.get("api-key"))
        });
        let there = served(router).await;
        let away = Redirect::temporary(&format!("{there}/echo?token=hidden"));
        let base = served(Router::new().route("/away", post(|| async { away }))).await;
        let wire = Wire::open(&base, KEEP_ALIVE).expect("a client");
        let key = (
            HeaderName::from_static("api-key"),
            HeaderValue::from_static("secret"),
        );
        let headers = || HeaderMap::from_iter([key.clone()]);
        let error = wire
            .post(&at(&format!("{base}/away")), headers, Bytes::new())
            .await;
        let error = error.expect_err("it is not asked");
        assert!(
            error.contains(&there) && !error.contains("hidden"),
            "{error}"
        );
    }

    /// The address at which a router answers.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's task ends with the test"
    )]
    async fn served(router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    /// Both ways to a server.
    fn both(base: &str) -> [Wire; 2] {
        let straight = Wire::open(base, KEEP_ALIVE).expect("a client");
        let around = Wire {
            straight: None,
            ..Wire::open(base, KEEP_ALIVE).expect("a client")
        };
        [straight, around]
    }

    fn at(url: &str) -> Address {
        Address::of(Url::parse(url).expect("a URL")).expect("an address")
    }

    async fn body_of(answer: Answer) -> Bytes {
        let body = answer.into_body().collect().await;
        body.expect("a whole body").to_bytes()
    }

    /// An address that nobody listens on any more.
    async fn nobody() -> String {
        let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        format!("http://{}", closed.local_addr().expect("an address"))
    }
}
