//! A model server with scripted manners, for tests and measurements: right answers in every dialect a gateway speaks
//! to, late ones, broken ones, and none at all.
//!
//! It is a stand-in and no model: its words are drawn by the seed, its objects are the smallest that fit the schema.
//! It speaks chat completions, completions, embeddings, rerank, models and responses as OpenAI and its like do, under
//! any prefix, and Anthropic's messages. What it does to a request is an [`Act`]; a [`Script`] picks it.

mod body;
mod chat;
mod completions;
mod listen;
mod messages;
mod responses;
mod said;
mod script;
mod seen;
mod serve;
mod vectors;
mod words;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use anyhow::Result;
use axum::Router;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

use self::listen::{Cut, Wires};
pub use self::{
    script::{Act, Script, any, asks_for, says},
    seen::Seen,
};

/// Requests that are kept; a measurement sends millions.
const KEPT: usize = 10_000;

/// A running model server. When it is dropped it takes no connection any more and cuts those it has at their next
/// request.
pub struct Mock {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// How many requests have met which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Requests that came, looks at the models left out.
    pub requests: u64,
    /// Of these, those under way.
    pub running: u64,
    /// Of these, those whose caller left before the answer's end.
    pub aborted: u64,
}

struct Shared {
    script: Mutex<Arc<Script>>,
    seen: Mutex<VecDeque<Arc<Seen>>>,
    requests: AtomicU64,
    running: AtomicU64,
    aborted: AtomicU64,
    down: AtomicBool,
}

/// A request under way; dropped before its end it counts as left by its caller.
struct Running {
    shared: Arc<Shared>,
    is_over: bool,
}

impl Mock {
    /// Starts one on a free port of loopback.
    pub async fn start(script: Script) -> Result<Self> {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0)), script).await
    }

    /// Starts one on this address.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's task ends with the test"
    )]
    pub async fn start_on(address: SocketAddr, script: Script) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script: Mutex::new(Arc::new(script)),
            seen: Mutex::default(),
            requests: AtomicU64::new(0),
            running: AtomicU64::new(0),
            aborted: AtomicU64::new(0),
            down: AtomicBool::new(false),
        });
        let router = Router::new()
            .fallback(serve::handle)
            .with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let served = axum::serve(
                Wires(listener),
                router.into_make_service_with_connect_info::<Cut>(),
            );
            if let Err(error) = served.await {
                complain(&error);
            }
        });
        Ok(Self {
            address,
            shared,
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://host:port/v1`, as OpenAI's clients want it.
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.root_url())
    }

    /// `http://host:port`, for dialects that add the version themselves.
    pub fn root_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The `[[models]]` table of a language model behind this server, to which keys may be added.
    pub fn model(&self, name: &str) -> String {
        format!(
            "[[models]]\nname = \"{name}\"\nprovider = \"proxy\"\nbase_url = \"{}\"\n",
            self.base_url()
        )
    }

    /// The `[[models]]` table of an embedding model behind this server.
    pub fn embedder(&self, name: &str) -> String {
        format!("{}kind = \"embedding\"\n", self.model(name))
    }

    /// The `[[models]]` table of a reranking model behind this server.
    pub fn reranker(&self, name: &str) -> String {
        format!("{}kind = \"reranker\"\n", self.model(name))
    }

    /// Goes by another script from the next request on.
    pub fn follow(&self, script: Script) {
        *lock(&self.shared.script) = Arc::new(script);
    }

    /// The requests so far, oldest first; of very many the last ten thousand.
    pub fn seen(&self) -> Vec<Arc<Seen>> {
        lock(&self.shared.seen).iter().cloned().collect()
    }

    /// The bodies of the requests so far, oldest first.
    pub fn bodies(&self) -> Vec<Value> {
        self.seen().iter().map(|seen| seen.body.clone()).collect()
    }

    /// How many requests there were, are, and were left.
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.shared.down.store(true, Ordering::Relaxed);
        self.task.abort();
    }
}

impl Shared {
    fn act(&self, seen: &Seen) -> Act {
        let script = Arc::clone(&lock(&self.script));
        script.act(seen)
    }

    fn keep(&self, seen: &Arc<Seen>) {
        let mut kept = lock(&self.seen);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(seen));
    }

    fn counts(&self) -> Counts {
        Counts {
            requests: self.requests.load(Ordering::Relaxed),
            running: self.running.load(Ordering::Relaxed),
            aborted: self.aborted.load(Ordering::Relaxed),
        }
    }
}

impl Running {
    fn begin(shared: &Arc<Shared>) -> Self {
        shared.requests.fetch_add(1, Ordering::Relaxed);
        shared.running.fetch_add(1, Ordering::Relaxed);
        Self {
            shared: Arc::clone(shared),
            is_over: false,
        }
    }

    /// The answer has come to the end it was to have.
    fn finish(mut self) {
        self.is_over = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            self.shared.aborted.fetch_add(1, Ordering::Relaxed);
        }
        self.shared.running.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn complain(error: &std::io::Error) {
    // A test whose model server died fails on its own; this only says why.
    let _ = std::io::Write::write_fmt(
        &mut std::io::stderr(),
        format_args!("the model server ended: {error}\n"),
    );
}

#[cfg(test)]
mod tests;
