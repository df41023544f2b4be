//! Where instances are listed and told: a trait, and controllers over HTTP.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use reqwest::{RequestBuilder, StatusCode, header::HeaderMap};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tidegate_schema::{
    Error, Result,
    model::Instance,
    wire::cluster::{InstanceBody, instances},
};

/// Longest wait for a controller. What it is asked is small.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most of a list that is read.
const LIST_BYTES: usize = 1 << 25;
/// Most of a refusal's text that is passed on.
const REFUSAL_CHARS: usize = 300;

/// A header of the list: for how many whole seconds its controller has heard of processes.
pub const HEARD: &str = "x-tidegate-heard-seconds";

/// A list of instances.
#[derive(Debug, Clone)]
pub struct Listing {
    /// All that are known, healthy or not.
    pub instances: Vec<Instance>,
    /// How long whoever keeps it has heard of processes: one that has just begun may not have heard of all. Nothing
    /// where that is not told.
    pub heard_for: Option<Duration>,
}

/// Keeps count of instances.
#[async_trait]
pub trait Directory: Send + Sync {
    /// All instances, healthy or not.
    async fn all(&self) -> Result<Listing>;

    /// An instance is there.
    async fn register(&self, instance: &Instance) -> Result<()>;

    /// An instance is still there. One that is not known is registered.
    async fn heartbeat(&self, instance: &Instance) -> Result<()>;

    /// An instance leaves; with `remove` it is not listed any more.
    async fn deregister(&self, instance: &Instance, remove: bool) -> Result<()>;
}

/// Controllers over HTTP, any of which will do: whoever answered last is asked first, and another one where it fails.
pub struct Controllers {
    bases: Vec<String>,
    /// Which of them answered last.
    last: AtomicUsize,
    client: reqwest::Client,
    key: SecretString,
}

impl Controllers {
    /// The controllers at these addresses.
    ///
    /// # Errors
    /// No address, or one that is no HTTP URL, named by its key.
    pub fn new(
        addresses: &[String],
        client: reqwest::Client,
        key: SecretString,
    ) -> anyhow::Result<Self> {
        let bases: Vec<String> = addresses
            .iter()
            .flat_map(|address| address.split(','))
            .map(str::trim)
            .filter(|address| !address.is_empty())
            .map(base)
            .collect::<Result<_, _>>()?;
        anyhow::ensure!(
            !bases.is_empty(),
            "cluster.controllers: names no controller"
        );
        Ok(Self {
            bases,
            last: AtomicUsize::new(0),
            client,
            key,
        })
    }

    /// Each of them alone, for whoever tells all of them.
    pub fn apart(&self) -> Vec<Self> {
        self.bases
            .iter()
            .map(|base| Self {
                bases: vec![base.clone()],
                last: AtomicUsize::new(0),
                client: self.client.clone(),
                key: self.key.clone(),
            })
            .collect()
    }

    /// What to call them in the log.
    pub fn names(&self) -> String {
        self.bases.join(", ")
    }

    /// A request to each of them.
    fn each(&self, ask: impl Fn(&str) -> RequestBuilder) -> Vec<RequestBuilder> {
        self.bases.iter().map(|base| ask(base)).collect()
    }

    /// The answer of the first that does what it is asked, beginning with whoever did so last.
    async fn first(&self, requests: Vec<RequestBuilder>) -> Result<(HeaderMap, Value)> {
        let begin = self.last.load(Ordering::Relaxed).min(requests.len());
        let mut requests: Vec<(usize, RequestBuilder)> = requests.into_iter().enumerate().collect();
        requests.rotate_left(begin);
        let mut last = fault("none is configured");
        for (at, request) in requests {
            match tokio::time::timeout(PATIENCE, self.send(request)).await {
                Ok(Ok(answer)) => {
                    self.last.store(at, Ordering::Relaxed);
                    return Ok(answer);
                }
                Ok(Err(error)) => last = error,
                Err(_) => {
                    last = Error::Timeout {
                        what: "the controller".to_owned(),
                        limit: PATIENCE,
                    };
                }
            }
        }
        Err(last)
    }

    async fn send(&self, request: RequestBuilder) -> Result<(HeaderMap, Value)> {
        let key = self.key.expose_secret();
        let request = if key.is_empty() {
            request
        } else {
            request.bearer_auth(key)
        };
        let mut response = request
            .send()
            .await
            .map_err(|error| fault(describe(&error)))?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut bytes = Vec::new();
        while bytes.len() < LIST_BYTES
            && let Some(piece) = response
                .chunk()
                .await
                .map_err(|error| fault(describe(&error)))?
        {
            bytes.extend_from_slice(&piece);
        }
        if status.is_success() {
            let answer = serde_json::from_slice(&bytes)
                .map_err(|error| fault(&format!("answered what is no JSON: {error}")))?;
            return Ok((headers, answer));
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(fault(
                "wants another key; set cluster.key to the same on every process of the cluster",
            ));
        }
        let said: String = String::from_utf8_lossy(&bytes)
            .trim()
            .chars()
            .take(REFUSAL_CHARS)
            .collect();
        Err(fault(&format!("answered {status}: {said}")))
    }
}

#[async_trait]
impl Directory for Controllers {
    async fn all(&self) -> Result<Listing> {
        // DB-GPT's controllers pass over what they do not know.
        let requests = self.each(|base| {
            self.client
                .get(format!("{base}/api/controller/models?detail=true"))
        });
        let (headers, list) = self.first(requests).await?;
        if !list.is_array() {
            return Err(fault("answered no list of instances"));
        }
        let heard = headers.get(HEARD).and_then(|value| value.to_str().ok());
        Ok(Listing {
            instances: instances(&list),
            heard_for: heard
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
        })
    }

    async fn register(&self, instance: &Instance) -> Result<()> {
        let body = InstanceBody::of(instance, true);
        let requests = self.each(|base| {
            self.client
                .post(format!("{base}/api/controller/models"))
                .json(&body)
        });
        self.first(requests).await.map(drop)
    }

    async fn heartbeat(&self, instance: &Instance) -> Result<()> {
        let body = InstanceBody::of(instance, true);
        let requests = self.each(|base| {
            self.client
                .post(format!("{base}/api/controller/heartbeat"))
                .json(&body)
        });
        self.first(requests).await.map(drop)
    }

    async fn deregister(&self, instance: &Instance, remove: bool) -> Result<()> {
        let port = instance.port.to_string();
        let mut query = vec![
            ("model_name", instance.model_name.as_str()),
            ("host", instance.host.as_str()),
            ("port", port.as_str()),
        ];
        if remove {
            query.push(("remove_from_registry", "true"));
        }
        let requests = self.each(|base| {
            self.client
                .delete(format!("{base}/api/controller/models"))
                .query(&query)
        });
        self.first(requests).await.map(drop)
    }
}

fn fault(message: &str) -> Error {
    Error::upstream("controller", message)
}

/// A reqwest error without its URL.
fn describe(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        "cannot be reached; is it running, and is cluster.controllers right?"
    } else {
        "broke off before it had answered"
    }
}

/// A controller's address as paths are put behind it: a scheme is put before it where it has none.
fn base(address: &str) -> anyhow::Result<String> {
    let with_scheme = if address.contains("://") {
        address.to_owned()
    } else {
        format!("http://{address}")
    };
    let wrong = |why: &str| {
        anyhow::anyhow!(
            "cluster.controllers: '{address}' {why}; write http://host:8000, several with commas between them"
        )
    };
    let url = url::Url::parse(&with_scheme).map_err(|_| wrong("is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("is no HTTP address"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(wrong("has more than host, port and path"));
    }
    let text = url.as_str().trim_end_matches('/');
    Ok(text
        .trim_end_matches("/api/controller")
        .trim_end_matches('/')
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_with_and_without_scheme_and_path() {
        for (written, read) in [
            ("127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("http://c.example:8000/", "http://c.example:8000"),
            ("https://c.example/api/controller", "https://c.example"),
            ("[::1]:8000", "http://[::1]:8000"),
        ] {
            assert_eq!(base(written).expect(written), read);
        }
        for wrong in [
            "ftp://c",
            "http://",
            "http://me:pw@c:1",
            "http://c:1/?x=1",
            "c:port",
        ] {
            let error = base(wrong).expect_err(wrong).to_string();
            assert!(error.starts_with("cluster.controllers: "), "{error}");
        }
    }

    #[test]
    fn several_stand_in_one_text_or_in_a_list() {
        let made = |addresses: &[&str]| {
            let addresses: Vec<String> = addresses.iter().map(|&one| one.to_owned()).collect();
            let client = crate::workers::http_client().expect("a client");
            Controllers::new(&addresses, client, SecretString::from(""))
        };
        let both = made(&["a:1, b:2", "c:3"]).expect("three");
        assert_eq!(both.names(), "http://a:1, http://b:2, http://c:3");
        assert_eq!(both.apart().len(), 3);
        assert!(made(&[" , "]).is_err());
    }

    #[tokio::test]
    async fn whoever_answers_is_asked_and_all_being_gone_is_an_error_with_a_remedy() {
        use axum::{Json, Router, routing::get};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let list = || async {
            let list = serde_json::json!([{"model_name": "m@llm", "host": "h", "port": 1, "healthy": true}]);
            ([(HEARD, "7")], Json(list))
        };
        let router = Router::new().route("/api/controller/models", get(list));
        tokio_util::task::TaskTracker::new().spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let gone = {
            let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await;
            gone.expect("a port")
                .local_addr()
                .expect("bound")
                .to_string()
        };
        let client = crate::workers::http_client().expect("a client");
        let key = SecretString::from("");
        let two = Controllers::new(&[gone.clone(), address], client.clone(), key.clone());
        let two = two.expect("two");
        for _ in 0..2 {
            let listing = two.all().await.expect("a list");
            assert_eq!(listing.instances.len(), 1);
            assert_eq!(listing.heard_for, Some(Duration::from_secs(7)));
        }
        assert_eq!(two.last.load(Ordering::Relaxed), 1);
        let none = Controllers::new(&[gone], client, key).expect("one");
        let error = none.all().await.expect_err("gone").to_string();
        assert!(error.contains("is it running"), "{error}");
    }
}
