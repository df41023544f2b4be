//! Looking at what was used: calls one by one, sums, and the numbers of the process.

use tidegate_schema::{
    Error, Result,
    model::{Act, Caller, UsageEntry, UsageFilter, UsageGroup, UsageId, UsageTotal},
};

use super::Metering;
use crate::workers::metrics;

/// Most calls that are told at once.
const MOST: usize = 1000;

impl Metering<'_> {
    /// Calls, the latest first: at most so many of those behind `after`. Who may not manage keys sees those of the own
    /// key alone.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: UsageFilter,
        after: Option<UsageId>,
        limit: usize,
    ) -> Result<Vec<(UsageId, UsageEntry)>> {
        let filter = within(caller, filter)?;
        self.flush().await;
        let limit = u32::try_from(limit.min(MOST)).unwrap_or(u32::MAX);
        self.0.store.list_usage(&filter, after, limit).await
    }

    /// What calls used together, by key, model or day. Who may not manage keys sees those of the own key alone.
    pub async fn totals(
        &self,
        caller: &Caller,
        filter: UsageFilter,
        group: UsageGroup,
    ) -> Result<Vec<UsageTotal>> {
        let filter = within(caller, filter)?;
        self.flush().await;
        self.0.store.sum_usage(&filter, group).await
    }

    /// All numbers of this process, as a scrape reads them. `caller` is whoever asks, where that matters: with
    /// `observability.metrics_open` it does not.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a key that may not manage keys: names of other keys are among the numbers.
    pub fn numbers(&self, caller: Option<&Caller>) -> Result<String> {
        if let Some(caller) = caller {
            caller.may(Act::ManageKeys)?;
        }
        metrics::shared()
            .text()
            .map_err(|error| Error::internal("writing the metrics", error))
    }
}

/// A filter that lets through no more than the caller may see.
fn within(caller: &Caller, filter: UsageFilter) -> Result<UsageFilter> {
    caller.may(Act::Ask)?;
    if caller.acts.contains(&Act::ManageKeys) {
        return Ok(filter);
    }
    let own = caller.key.clone();
    let asks_for_another = filter.key.is_some() && filter.key != own;
    if own.is_none() || asks_for_another {
        caller.may(Act::ManageKeys)?;
    }
    Ok(UsageFilter { key: own, ..filter })
}
