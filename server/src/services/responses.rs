//! Responses kept for a while, so that a conversation can go on from one: in memory, by whoever asked for them.

use std::{sync::Arc, time::Duration};

use moka::{future::Cache, policy::EvictionPolicy};
use tidegate_schema::{
    Error, Result,
    model::{Act, Caller},
};

use crate::{app::App, workers::PromptMessage};

/// How long a response is kept.
const KEPT_FOR: Duration = Duration::from_hours(1);
/// Bytes of all that are kept; the longest unused go first.
const MOST_BYTES: u64 = 1 << 26;
/// What a response takes beside its texts.
const OVERHEAD: usize = 256;
/// What a message takes beside its texts.
const MESSAGE_OVERHEAD: usize = 128;

/// A response that is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptResponse {
    /// The conversation up to it, with what it said; without the instructions, which are said anew each time.
    pub messages: Vec<PromptMessage>,
    /// What was answered, as JSON.
    pub body: String,
}

impl KeptResponse {
    fn bytes(&self) -> usize {
        let texts = self.messages.iter().map(|message| {
            let calls = message.tool_calls.iter();
            let calls = calls.map(|call| call.name.len() + call.arguments.len() + call.id.len());
            MESSAGE_OVERHEAD + message.text.len() + calls.sum::<usize>()
        });
        OVERHEAD + self.body.len() + texts.sum::<usize>()
    }
}

/// Whose response, and which.
type Place = (String, String);

/// The responses of this process.
pub struct ResponseMemory(Cache<Place, Arc<KeptResponse>>);

impl Default for ResponseMemory {
    fn default() -> Self {
        Self::bounded(MOST_BYTES)
    }
}

impl ResponseMemory {
    fn bounded(most_bytes: u64) -> Self {
        let weigh = |place: &Place, kept: &Arc<KeptResponse>| {
            u32::try_from(place.0.len() + place.1.len() + kept.bytes()).unwrap_or(u32::MAX)
        };
        Self(
            Cache::builder()
                .max_capacity(most_bytes)
                .weigher(weigh)
                .eviction_policy(EvictionPolicy::lru())
                .time_to_live(KEPT_FOR)
                .build(),
        )
    }
}

/// The service.
pub struct Responses<'a>(pub(crate) &'a App);

impl Responses<'_> {
    /// Keeps a response for its caller.
    pub async fn keep(&self, caller: &Caller, id: &str, kept: KeptResponse) {
        let memory = &self.0.responses.0;
        memory.insert(place(caller, id), Arc::new(kept)).await;
    }

    /// A response of the caller's.
    ///
    /// # Errors
    /// [`Error::NotFound`] for one that is not kept, or not the caller's.
    pub async fn get(&self, caller: &Caller, id: &str) -> Result<Arc<KeptResponse>> {
        caller.may(Act::Ask)?;
        let memory = &self.0.responses.0;
        let found = memory.get(&place(caller, id)).await;
        found.ok_or_else(|| unknown(id))
    }

    /// The conversation that a new response goes on from.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one that is not kept, or not the caller's.
    pub async fn previous(&self, caller: &Caller, id: &str) -> Result<Arc<KeptResponse>> {
        match self.get(caller, id).await {
            Err(Error::NotFound { .. }) => Err(Error::invalid(
                "previous_response_id",
                format!(
                    "no response '{id}' of yours is kept: {}; send the whole conversation in input",
                    how_long()
                ),
            )),
            other => other,
        }
    }

    /// Forgets a response of the caller's.
    ///
    /// # Errors
    /// [`Error::NotFound`] for one that is not kept, or not the caller's.
    pub async fn delete(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.may(Act::Ask)?;
        let memory = &self.0.responses.0;
        let gone = memory.remove(&place(caller, id)).await;
        gone.map(|_| ()).ok_or_else(|| unknown(id))
    }
}

fn place(caller: &Caller, id: &str) -> Place {
    (caller.audit_name(), id.to_owned())
}

fn unknown(id: &str) -> Error {
    Error::NotFound {
        what: "response",
        name: id.to_owned(),
        hint: Some(how_long()),
    }
}

fn how_long() -> String {
    let minutes = KEPT_FOR.as_secs() / 60;
    format!(
        "responses are kept for {minutes} minutes by the process that made them, those with \"store\": false not at all"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> Arc<KeptResponse> {
        Arc::new(KeptResponse {
            messages: vec![PromptMessage::user(text)],
            body: "{}".to_owned(),
        })
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded_by_bytes_and_the_longest_unused_goes_first() {
        let memory = ResponseMemory::bounded(4096);
        let place = |id: &str| ("a".to_owned(), id.to_owned());
        for id in ["1", "2", "3", "4"] {
            memory.0.insert(place(id), kept(&"x".repeat(1000))).await;
            memory.0.run_pending_tasks().await;
        }
        memory.0.run_pending_tasks().await;
        assert!(memory.0.weighted_size() <= 4096);
        assert!(memory.0.get(&place("1")).await.is_none());
        assert!(memory.0.get(&place("4")).await.is_some());
        let other = ("b".to_owned(), "4".to_owned());
        assert!(memory.0.get(&other).await.is_none());
    }
}
