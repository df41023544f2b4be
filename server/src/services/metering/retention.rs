//! How long rows of usage are kept.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tidegate_schema::{Result, ids::KeyId, store::UsageOf};

use super::Metering;

/// From one look at what has become too old to the next.
const EVERY: Duration = Duration::from_hours(1);
/// Rows removed in one step, and the rest after it: calls that end meanwhile find the store free.
const AT_ONCE: u32 = 500;
const REST: Duration = Duration::from_millis(200);

impl Metering<'_> {
    /// Removes what is too old now and once an hour, in the background. Nothing where everything is kept.
    pub fn keep_swept(&self) {
        if self.0.config.limits.usage_days == 0 {
            return;
        }
        let app = self.0.clone();
        self.0.tasks.spawn(async move {
            while !app.stopping.is_cancelled() {
                match app.metering().sweep().await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(count, "removed rows of usage that were too old"),
                    Err(error) => tracing::warn!(
                        error = error.log_chain(),
                        "rows of usage that are too old could not be removed; that is tried again in an hour"
                    ),
                }
                tokio::select! {
                    () = app.stopping.cancelled() => {}
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        });
    }

    /// Removes rows that are older than `limits.usage_days`; how many. Rows that a budget still counts stay as long as
    /// it does, however old.
    pub async fn sweep(&self) -> Result<u64> {
        let kept = self.0.config.limits.usage_days;
        let now = self.0.clock.now();
        let Some(before) = (kept > 0).then(|| days_before(now, kept)).flatten() else {
            return Ok(0);
        };
        let budgeted: Vec<(KeyId, Option<u32>)> = self
            .0
            .store
            .list_keys()
            .await?
            .into_iter()
            .filter(|key| key.revoked_at.is_none() && key.limits.token_budget.is_some())
            .map(|key| (key.id, key.limits.budget_days))
            .collect();
        let keys: Vec<KeyId> = budgeted.iter().map(|(key, _)| key.clone()).collect();
        let mut count = self.remove(UsageOf::AllBut(&keys), before).await?;
        for (key, days) in &budgeted {
            // Without days a budget counts all there are.
            if let Some(days) = days
                && let Some(counted) = days_before(now, *days)
            {
                count += self.remove(UsageOf::Key(key), before.min(counted)).await?;
            }
        }
        if count > 0 {
            self.0.store.delete_unused_usage_labels().await?;
        }
        Ok(count)
    }

    async fn remove(&self, of: UsageOf<'_>, before: DateTime<Utc>) -> Result<u64> {
        let mut count = 0;
        loop {
            let some = self
                .0
                .store
                .delete_usage_before(of, before, AT_ONCE)
                .await?;
            count += some;
            if some < u64::from(AT_ONCE) || self.0.stopping.is_cancelled() {
                return Ok(count);
            }
            tokio::time::sleep(REST).await;
        }
    }
}

/// The time so many days ago; none where that is before all time.
fn days_before(now: DateTime<Utc>, days: u32) -> Option<DateTime<Utc>> {
    now.checked_sub_signed(TimeDelta::try_days(i64::from(days))?)
}
