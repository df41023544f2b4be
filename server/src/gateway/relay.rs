//! Bytes through the gateway: the same failover, and nothing read.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use tidegate_schema::Result;

use super::{
    attempt::{Candidate, Trial, attempt},
    policy::Span,
    retry::Waits,
    watched::Watched,
};
use crate::workers::{Relay, RelayRequest, RelayResponse};

/// The ways for bytes of one name.
pub(super) struct Relaying {
    /// What was asked for.
    pub(super) name: String,
    pub(super) candidates: Vec<Candidate<dyn Relay>>,
    pub(super) waits: Waits,
}

#[async_trait]
impl Relay for Relaying {
    async fn relay(&self, request: &RelayRequest) -> Result<RelayResponse> {
        let trial = Trial {
            name: &self.name,
            // What is no stream says nothing until all of it is there.
            span: if request.stream {
                Span::FirstToken
            } else {
                Span::Whole
            },
            deadline: None,
            waits: self.waits,
        };
        let pass = move |relay: Arc<dyn Relay>, _| async move { relay.relay(request).await };
        let (response, call) = attempt(&self.candidates, trial, pass).await?;
        Ok(RelayResponse {
            body: Watched::whole(response.body, call).boxed(),
            ..response
        })
    }
}
