//! How long the next piece of an answer is waited for.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A limit on each wait for a piece. Only waits count: a reader may be as slow as it likes.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    /// Since when a piece is waited for.
    waiting: Option<Instant>,
    /// Set once and moved only when it rings early, so that a piece costs no timer.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// Waits so long for each piece.
    pub(crate) fn of(limit: Duration) -> Self {
        Self {
            limit,
            waiting: None,
            alarm: None,
        }
    }

    /// The longest wait.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// A piece came.
    pub(crate) fn came(&mut self) {
        self.waiting = None;
    }

    /// Ready when the wait for a piece, which begins with the first call behind the last one that came, has been too
    /// long.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let due = *self.waiting.get_or_insert_with(Instant::now) + self.limit;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
        while alarm.as_mut().poll(context).is_ready() {
            if alarm.deadline() >= due {
                return Poll::Ready(());
            }
            // It was set for an earlier piece.
            alarm.as_mut().reset(due);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_the_wait_for_one_piece_is_limited() {
        let limit = Duration::from_secs(10);
        let mut patience = Patience::of(limit);
        for _ in 0..3 {
            assert!(
                poll_fn(|context| Poll::Ready(patience.poll(context)))
                    .await
                    .is_pending()
            );
            advance(Duration::from_secs(6)).await;
            assert!(
                poll_fn(|context| Poll::Ready(patience.poll(context)))
                    .await
                    .is_pending()
            );
            patience.came();
            // Whoever reads takes its time.
            advance(Duration::from_mins(1)).await;
        }
        let begun = Instant::now();
        poll_fn(|context| patience.poll(context)).await;
        assert!(begun.elapsed() >= limit && begun.elapsed() < 2 * limit);
    }
}
