//! Stopping a query at the server when nobody waits for it any more.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::http::{SHORT_ACT, Server};

/// A word to stop that overtook its query found nothing to stop; it is said again after so long.
const STOP_AGAIN: Duration = Duration::from_millis(100);

/// Holds a query at the server: dropped, it has the query stopped there.
///
/// Closing the connection alone stops a query only when it has something to write.
pub(super) struct Leash {
    server: Arc<Server>,
    id: String,
    /// Whether the query's answer has begun, so that it is over if the server knows it no more.
    begun: bool,
    held: bool,
}

impl Leash {
    /// To be made before the query is sent.
    pub(super) fn new(server: &Arc<Server>, id: &str) -> Self {
        Self {
            server: server.clone(),
            id: id.to_owned(),
            begun: false,
            held: true,
        }
    }

    /// The query's answer has begun.
    pub(super) fn begun(&mut self) {
        self.begun = true;
    }

    /// The query is over, or never was; there is nothing to stop.
    pub(super) fn let_go(&mut self) {
        self.held = false;
    }

    /// Has the query stopped, in a task of its own.
    pub(super) fn pull(&mut self) {
        if !std::mem::take(&mut self.held) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (server, id, begun) = (self.server.clone(), self.id.clone(), self.begun);
        runtime.spawn(async move {
            let end = Instant::now() + SHORT_ACT;
            while Instant::now() < end {
                match server.stop(&id).await {
                    // Known, but not yet at work.
                    Ok(Some(status)) if status == "pending" => {}
                    Ok(Some(_)) => return,
                    Ok(None) if begun => return,
                    Ok(None) => {}
                    Err(error) => tracing::debug!(%error, "a query was not stopped"),
                }
                tokio::time::sleep(STOP_AGAIN).await;
            }
        });
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.pull();
    }
}
