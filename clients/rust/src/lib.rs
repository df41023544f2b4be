//! Typed client of the Tidegate server.
//!
//! [`rest`] and [`openai`] are generated from the committed OpenAPI documents; what a generator cannot write is
//! here by hand: [`Tidegate`] holds both with one key, and [`stream`] turns the event stream of a turn into typed
//! events.
//!
//! ```no_run
//! # async fn run() -> Result<(), tidegate_client::Error> {
//! let tidegate = tidegate_client::Tidegate::new("http://127.0.0.1:5670", None)?;
//! let answer = tidegate.ask("shop", "how many orders per city in 2024, top 5?").await?;
//! println!("{}\n{}", answer.text, answer.sql.unwrap_or_default());
//! # Ok(()) }
//! ```

mod error;
mod generated;
pub mod stream;

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

pub use error::Error;
pub use generated::{openai, rest};
pub use stream::{Asked, Evidence, TurnEvent, TurnRequest, Verdict};

/// How long a connection attempt may take.
const CONNECT: Duration = Duration::from_secs(10);

/// A server, with the key it is called with.
#[derive(Clone, Debug)]
pub struct Tidegate {
    /// Every REST operation of the web listener.
    pub rest: rest::Client,
    http: reqwest::Client,
    base_url: String,
}

impl Tidegate {
    /// A client of the web listener at `base_url` (`http://127.0.0.1:5670`).
    ///
    /// # Errors
    /// When the key cannot stand in a header.
    pub fn new(base_url: &str, key: Option<&str>) -> Result<Self, Error> {
        let http = http_client(key)?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(Self {
            rest: rest::Client::new_with_client(&base_url, http.clone()),
            http,
            base_url,
        })
    }

    /// Asks a datasource a question and waits for the answer. A query that failed is an answer too, with
    /// [`Asked::failed`] set.
    ///
    /// # Errors
    /// What the server refused, or what broke on the way.
    pub async fn ask(&self, datasource: &str, question: &str) -> Result<Asked, Error> {
        let mut events = self.turn(&TurnRequest::about(datasource, question)).await?;
        while let Some(event) = events.next().await {
            if let TurnEvent::Done(asked) = event? {
                return Ok(asked);
            }
        }
        Err(Error::Broken(
            "the stream ended before the answer did".to_owned(),
        ))
    }

    /// Begins a turn and streams what happens.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses the request at once.
    pub async fn turn(
        &self,
        request: &TurnRequest,
    ) -> Result<futures::stream::BoxStream<'static, Result<TurnEvent, Error>>, Error> {
        stream::turn(&self.http, &self.base_url, request).await
    }
}

/// A client of the OpenAI listener at `base_url` (`http://127.0.0.1:8100`).
///
/// # Errors
/// When the key cannot stand in a header.
pub fn openai_client(base_url: &str, key: Option<&str>) -> Result<openai::Client, Error> {
    Ok(openai::Client::new_with_client(
        base_url.trim_end_matches('/'),
        http_client(key)?,
    ))
}

fn http_client(key: Option<&str>) -> Result<reqwest::Client, Error> {
    // A second install is refused and harmless: whoever came first chose a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut headers = HeaderMap::new();
    if let Some(key) = key {
        let mut value =
            HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| Error::Refused {
                code: "key".to_owned(),
                message: "the key cannot stand in a header".to_owned(),
            })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(reqwest::Client::builder()
        .default_headers(headers)
        .connect_timeout(CONNECT)
        .build()?)
}
