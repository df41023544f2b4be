//! A user of the server: who they are, and the HTTP client that says so on every call.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result};
use reqwest::{
    Client, Method, RequestBuilder,
    header::{AUTHORIZATION, HeaderMap},
};
use serde_json::Value;

use crate::sse::{self, Frame};

/// Longest a test waits for one answer.
const PATIENCE: Duration = Duration::from_mins(2);

/// Someone who calls the server.
#[derive(Clone)]
pub struct User {
    client: Client,
    key: Option<String>,
    web: SocketAddr,
    openai: SocketAddr,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as text.
    pub text: String,
}

impl Reply {
    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as JSON; a body that is none is a JSON text.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| Value::String(self.text.clone()))
    }

    /// The payload of a successful envelope.
    ///
    /// # Panics
    /// When the answer is anything else.
    pub fn data(&self) -> Value {
        let body = self.json();
        assert!(
            self.status == 200 && body["success"] == true,
            "not a success: {} {body}",
            self.status
        );
        body["data"].clone()
    }

    /// The events of a stream.
    pub fn frames(&self) -> Vec<Frame> {
        sse::frames(&self.text)
    }
}

/// An HTTP client with the certificates provider installed, which reqwest wants even for plain HTTP.
///
/// # Panics
/// When no client can be made.
pub fn http() -> Client {
    // A second install is refused and harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .timeout(PATIENCE)
        .build()
        .expect("a client without special settings can be made")
}

impl User {
    /// Someone without a key.
    pub fn anonymous(web: SocketAddr, openai: SocketAddr) -> Self {
        Self {
            client: http(),
            key: None,
            web,
            openai,
        }
    }

    /// The same person with this key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..self.clone()
        }
    }

    /// The key, if there is one.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// `http://host:port` of the web listener.
    pub fn web(&self) -> String {
        format!("http://{}", self.web)
    }

    /// `http://host:port` of the OpenAI listener.
    pub fn openai(&self) -> String {
        format!("http://{}", self.openai)
    }

    /// A request to the web listener, or to any absolute URL.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.web())
        };
        let request = self.client.request(method, url);
        match &self.key {
            Some(key) => request.header(AUTHORIZATION, format!("Bearer {key}")),
            None => request,
        }
    }

    /// Sends and reads the answer to its end.
    pub async fn send(&self, request: RequestBuilder) -> Result<Reply> {
        let response = request.send().await.context("sending")?;
        Ok(Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.context("reading the answer")?,
        })
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// GET on the OpenAI listener.
    pub async fn openai_get(&self, path: &str) -> Result<Reply> {
        self.get(&format!("{}{path}", self.openai())).await
    }

    /// POST on the OpenAI listener.
    pub async fn openai_post(&self, path: &str, body: &Value) -> Result<Reply> {
        self.post(&format!("{}{path}", self.openai()), body).await
    }
}
