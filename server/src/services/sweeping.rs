//! What is swept in the background, for as long as the server runs.

use std::time::Duration;

use crate::app::App;

/// From one sweep to the next.
pub(super) const HOUR: Duration = Duration::from_hours(1);

/// Sweeps once an hour in the background until the server stops: for the first time after `first`.
pub(super) fn sweep_hourly<S>(
    app: &App,
    first: Duration,
    sweep: impl Fn(App) -> S + Send + Sync + 'static,
) where
    S: Future<Output = ()> + Send + 'static,
{
    let swept = app.clone();
    app.tasks.spawn(async move {
        let mut rest = first;
        loop {
            tokio::select! {
                biased;
                () = swept.stopping.cancelled() => return,
                () = tokio::time::sleep(rest) => {}
            }
            sweep(swept.clone()).await;
            rest = HOUR;
        }
    });
}
