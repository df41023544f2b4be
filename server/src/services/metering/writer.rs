//! The one task that stores rows of usage, as many at a time as have come.

use std::{sync::Arc, time::Duration};

use tidegate_schema::{model::UsageEntry, store::Store};
use tokio::sync::{Notify, mpsc, oneshot};

use super::allowance::Allowance;
use crate::workers::metrics;

/// Rows stored at once.
const BATCH: usize = 1024;
/// How long rows gather: the end of a transaction costs as much as some dozens of them, and takes a processor from
/// those who are being answered.
const REST: Duration = Duration::from_millis(50);
/// How often rows are tried that could not be stored, and how long the writer waits in between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// What the writer is told.
pub(super) enum Message {
    /// Store this.
    Row(Box<Row>),
    /// Tell when everything before this was stored.
    Flush(oneshot::Sender<()>),
}

/// A call that ended.
pub(super) struct Row {
    pub(super) entry: UsageEntry,
    /// Whose tokens these are, where they are limited.
    pub(super) allowance: Option<Arc<Allowance>>,
}

impl Row {
    /// Its tokens are on their way to the store no more.
    pub(super) fn settle(&self) {
        settle(&self.entry, self.allowance.as_deref());
    }
}

fn settle(entry: &UsageEntry, allowance: Option<&Allowance>) {
    if let Some(allowance) = allowance {
        let tokens = entry.prompt_tokens;
        allowance.arrived(tokens.saturating_add(entry.completion_tokens));
    }
}

/// Stores what comes, until nobody can send any more.
pub(super) async fn write(store: Store, mut messages: mpsc::Receiver<Message>, hurry: Arc<Notify>) {
    let mut received = Vec::with_capacity(BATCH);
    while messages.recv_many(&mut received, BATCH).await > 0 {
        let more = received.len() == BATCH;
        let mut rows = Vec::with_capacity(received.len());
        let mut waiting = Vec::new();
        for message in received.drain(..) {
            match message {
                Message::Row(row) => rows.push(*row),
                Message::Flush(stored) => waiting.push(stored),
            }
        }
        if !rows.is_empty() {
            keep(&store, rows).await;
        }
        let flushed = !waiting.is_empty();
        for stored in waiting {
            // Whoever waited may have left.
            let _ = stored.send(());
        }
        if !flushed && !more && !messages.is_closed() {
            tokio::select! {
                () = tokio::time::sleep(REST) => {}
                () = hurry.notified() => {}
            }
        }
    }
}

async fn keep(store: &Store, rows: Vec<Row>) {
    let (entries, allowances): (Vec<UsageEntry>, Vec<Option<Arc<Allowance>>>) = rows
        .into_iter()
        .map(|row| (row.entry, row.allowance))
        .unzip();
    let server = metrics::shared().server();
    let count = entries.len() as u64;
    let entries = Arc::from(entries);
    if stored(store, &entries).await {
        server.usage_stored.inc_by(count);
    } else {
        server.usage_dropped.inc_by(count);
    }
    for (entry, allowance) in entries.iter().zip(&allowances) {
        settle(entry, allowance.as_deref());
    }
}

async fn stored(store: &Store, entries: &Arc<[UsageEntry]>) -> bool {
    for attempt in 1..=TRIES {
        match store.insert_usage(entries).await {
            Ok(()) => return true,
            Err(error) => tracing::warn!(
                error = error.log_chain(),
                rows = entries.len(),
                attempt,
                "rows of usage could not be stored"
            ),
        }
        if attempt < TRIES {
            tokio::time::sleep(PAUSE).await;
        }
    }
    false
}
