//! How long conversations are kept.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tidegate_schema::Result;

use super::Conversations;
use crate::services::sweeping::sweep_hourly;

/// Conversations removed in one step, and the rest after it: questions asked meanwhile find the store free.
const AT_ONCE: u32 = 50;
const REST: Duration = Duration::from_millis(200);
/// Longest a turn may last, whatever is configured.
const LONGEST_TURN_SECONDS: u64 = 30 * 24 * 3600;

impl Conversations<'_> {
    /// Removes what is too old now and once an hour, in the background. Nothing where everything is kept.
    pub fn keep_swept(&self) {
        if self.0.config.conversations.keep_days == 0 {
            return;
        }
        sweep_hourly(self.0, Duration::ZERO, |app| async move {
            match app.conversations().sweep().await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "removed conversations that were too old"),
                Err(error) => tracing::warn!(
                    error = error.log_chain(),
                    "conversations that are too old could not be removed; that is tried again in an hour"
                ),
            }
        });
    }

    /// Removes the conversations in which nothing was said for as many days as they are kept; how many. One that is
    /// being answered stays, and so does what the audit log says of their statements.
    pub async fn sweep(&self) -> Result<u64> {
        let limits = &self.0.config.limits;
        let Some(before) = too_old(
            self.0.clock.now(),
            self.0.config.conversations.keep_days,
            limits.turn_seconds,
        ) else {
            return Ok(0);
        };
        let mut count = 0;
        loop {
            let some = self
                .0
                .store
                .delete_conversations_before(before, AT_ONCE)
                .await?;
            self.0.uploads().forget_conversations(&some).await;
            count += some.len() as u64;
            if some.is_empty() || self.0.stopping.is_cancelled() {
                return Ok(count);
            }
            tokio::time::sleep(REST).await;
        }
    }
}

/// The time before which a conversation is too old; none where nothing is.
///
/// A question brings its conversation's time forward. The time that a turn may take comes on top, so that none goes that
/// is still being answered.
fn too_old(now: DateTime<Utc>, keep_days: u32, turn_seconds: u64) -> Option<DateTime<Utc>> {
    if keep_days == 0 {
        return None;
    }
    let turn = turn_seconds.min(LONGEST_TURN_SECONDS);
    let kept = TimeDelta::try_days(i64::from(keep_days))?;
    let turn = TimeDelta::try_seconds(turn as i64)?;
    now.checked_sub_signed(kept)?.checked_sub_signed(turn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_for_ever_is_never_too_old() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).expect("a time");
        assert_eq!(too_old(now, 0, 300), None);
        let before = too_old(now, 2, 300).expect("a time");
        assert_eq!(now - before, TimeDelta::days(2) + TimeDelta::seconds(300));
        assert_eq!(too_old(now, u32::MAX, u64::MAX), None, "before all time");
    }
}
