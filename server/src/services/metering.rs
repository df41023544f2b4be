//! What calls of models cost, and how many a key may make: admitted before any work, counted when they end.
//!
//! Admitting looks at memory alone, but for the first call of a key with a budget, which reads what it used before.
//! Rows of usage go through a bounded channel to one task that stores them in batches; a full channel loses rows, which
//! is counted, and never holds up a call.
//!
//! Several servers over one store keep request and token rates each for itself; budgets are read again from the store
//! while they are in use, at most half a minute old, so that together they may pass a budget by what they use in that
//! time.

mod allowance;
mod bucket;
mod meter;
mod read;
mod retention;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use tidegate_schema::{
    Error, Result,
    ids::KeyId,
    model::{Caller, KeyLimits, UsageEntry},
    store::Store,
};
use tokio::sync::{Notify, mpsc, oneshot};

pub use tidegate_schema::model::Operation;

pub use self::meter::Meter;
use self::{
    allowance::{Allowance, Refused},
    writer::Message,
};
use crate::{
    app::App,
    telemetry::Telemetry,
    workers::metrics::{self, CallLabel},
};

/// Rows that wait for the store, some ten megabytes of them; more are lost.
const BACKLOG: usize = 32_768;
/// Longest wait for rows to be stored before somebody reads them, or the process ends.
const PATIENCE: Duration = Duration::from_secs(5);
/// What stands for a model that nobody knows, and for having no key.
const UNKNOWN: &str = "unknown";
const NO_KEY: &str = "none";

/// The service.
pub struct Metering<'a>(pub(crate) &'a App);

/// A call of a model that somebody wants to make.
#[derive(Debug, Clone)]
pub struct Call {
    /// The model asked for.
    pub model: String,
    /// What is asked of it.
    pub operation: Operation,
    /// Whether the answer is to be streamed.
    pub streamed: bool,
}

/// What is counted in this process. Shared by the calls under way.
pub struct Meters {
    /// Keys that have limits and were used, by id. There are no more of them than keys were made.
    keys: RwLock<HashMap<KeyId, Arc<Allowance>>>,
    rows: mpsc::Sender<Message>,
    /// Has the writer not wait for more rows.
    hurry: Arc<Notify>,
    telemetry: Telemetry,
}

impl Meters {
    /// Nothing counted yet. Starts the task that stores rows; it ends when this is dropped, after the last of them.
    #[expect(
        clippy::disallowed_methods,
        reason = "the task outlives the tracked ones, whose rows it stores; it ends with its channel"
    )]
    pub(crate) fn start(store: Store, telemetry: Telemetry) -> Arc<Self> {
        let (rows, received) = mpsc::channel(BACKLOG);
        let hurry = Arc::new(Notify::new());
        tokio::spawn(writer::write(store, received, Arc::clone(&hurry)));
        Arc::new(Self {
            keys: RwLock::default(),
            rows,
            hurry,
            telemetry,
        })
    }

    /// What a key may use; none where that is without limits.
    fn allowance(&self, key: Option<&KeyId>, limits: KeyLimits) -> Option<Arc<Allowance>> {
        let key = key.filter(|_| !limits.is_unlimited())?;
        {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = keys.get(key) {
                return Some(Arc::clone(known));
            }
        }
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let known = keys
            .entry(key.clone())
            .or_insert_with(|| Arc::new(Allowance::new(key.clone(), limits, Instant::now())));
        Some(Arc::clone(known))
    }

    /// Hands a row to the writer. Where there is no room it is lost, and counted.
    fn store(&self, entry: UsageEntry, allowance: Option<Arc<Allowance>>) {
        let row = Message::Row(Box::new(writer::Row { entry, allowance }));
        if let Err(error) = self.rows.try_send(row) {
            metrics::shared().server().usage_dropped.inc();
            if let Message::Row(row) = error.into_inner() {
                row.settle();
            }
        }
    }
}

impl Metering<'_> {
    /// Lets a call begin, or refuses it before any work.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time to try again where the key made too many calls or used too many tokens of
    /// late, [`Error::QuotaExceeded`] where its budget is spent.
    pub async fn admit(&self, caller: &Caller, call: Call) -> Result<Meter> {
        let label = self.label(caller, &call.model, call.operation);
        let allowance = self.0.meters.allowance(caller.key.as_ref(), caller.limits);
        if let Some(allowance) = &allowance {
            self.allow(allowance)
                .await
                .inspect_err(|error| refused(&label, error))
                .map_err(|error| error.told(&caller.key_name))?;
        }
        Ok(Meter::begin(
            Arc::clone(&self.0.meters),
            self.0.clock.now(),
            caller,
            call,
            metrics::shared().calls().series(&label),
            allowance,
        ))
    }

    /// Whether a key may make one call more; it is counted where it may.
    async fn allow(&self, allowance: &Arc<Allowance>) -> Result<(), Refused> {
        let now = Instant::now();
        if allowance.limits.token_budget.is_some() {
            match allowance.budget_age(now) {
                None => self.read_budget(allowance).await?,
                Some(age) if age > allowance::FRESH && allowance.begin_reading() => {
                    let app = self.0.clone();
                    let allowance = Arc::clone(allowance);
                    self.0.tasks.spawn(async move {
                        if let Err(Refused::Failed(error)) =
                            app.metering().read_budget(&allowance).await
                        {
                            tracing::warn!(
                                error = error.log_chain(),
                                "what a key used could not be read again"
                            );
                        }
                        allowance.end_reading();
                    });
                }
                Some(_) => {}
            }
            if allowance.is_spent() {
                // What is old may have fallen out of the budget's days, or another server over the store removed it.
                if allowance
                    .budget_age(now)
                    .is_some_and(|age| age > allowance::STALE)
                {
                    self.read_budget(allowance).await?;
                }
                if allowance.is_spent() {
                    return Err(Refused::Spent(allowance.limits));
                }
            }
        }
        allowance.take(now)
    }

    async fn read_budget(&self, allowance: &Allowance) -> Result<(), Refused> {
        let read_at = Instant::now();
        let since = allowance.budget_begins(self.0.clock.now());
        let tokens = self
            .0
            .store
            .tokens_of_key(&allowance.key, since)
            .await
            .map_err(Refused::Failed)?;
        allowance.set_stored(tokens, read_at);
        Ok(())
    }

    fn label(&self, caller: &Caller, model: &str, operation: Operation) -> CallLabel {
        let calls = metrics::shared().calls();
        let known = calls.models.known(model).or_else(|| {
            self.0
                .gateway
                .knows(model)
                .then(|| calls.models.make_known(model))
        });
        let key = match caller.key {
            Some(_) => calls.keys.make_known(&caller.key_name),
            None => Arc::from(NO_KEY),
        };
        CallLabel {
            model: known.unwrap_or_else(|| Arc::from(UNKNOWN)),
            operation: operation.name(),
            key,
        }
    }

    /// Waits until what was counted so far is stored, as long as that is bearable.
    pub async fn flush(&self) {
        let meters = &self.0.meters;
        let (sender, stored) = oneshot::channel();
        let flushing = async {
            if meters.rows.send(Message::Flush(sender)).await.is_ok() {
                meters.hurry.notify_one();
                let _ = stored.await;
            }
        };
        if tokio::time::timeout(PATIENCE, flushing).await.is_err() {
            tracing::warn!("rows of usage are still waiting for the store");
        }
    }
}

fn refused(label: &CallLabel, error: &Refused) {
    if let Some(limit) = error.limit() {
        metrics::shared().calls().refused(&label.key, limit);
    }
}

fn rate_limited(key: &str, what: &str, limit: u32, retry_after: Duration) -> Error {
    let seconds = retry_after.as_secs().max(1);
    Error::RateLimited {
        reason: format!(
            "the key '{key}' is at its limit ({what} per minute: {limit}); try again in {seconds} s, or have a key \
             made with another `--{what}-per-minute`"
        ),
        retry_after,
    }
}

impl Refused {
    /// What the caller is told.
    fn told(self, key: &str) -> Error {
        match self {
            Self::Requests(wait, limit) => rate_limited(key, "requests", limit, wait),
            Self::Tokens(wait, limit) => rate_limited(key, "tokens", limit, wait),
            Self::Spent(limits) => {
                let budget = limits.token_budget.unwrap_or_default();
                let days = match limits.budget_days {
                    Some(1) => " of the last day".to_owned(),
                    Some(days) => format!(" of the last {days} days"),
                    None => String::new(),
                };
                Error::QuotaExceeded {
                    reason: format!(
                        "the {budget} tokens{days} that the key '{key}' may use are spent; use another key, or have \
                         one made with `tidegate key create --token-budget`"
                    ),
                }
            }
            Self::Failed(error) => error,
        }
    }
}
