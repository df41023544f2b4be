//! Asking one model after the other until one answers.

use std::{future::Future, sync::Arc, time::Duration};

use tidegate_schema::{Error, Result};
use tokio::time::{Instant, sleep, timeout};

use super::{
    policy::Span,
    retry::{Fault, Waits},
    route::in_order,
    upstream::{Call, Upstream},
};

/// When to come back to a model that has as many calls as it may have.
const SOON: Duration = Duration::from_secs(1);

/// A model that may be asked.
pub(super) struct Candidate<M: ?Sized> {
    pub(super) upstream: Arc<Upstream>,
    pub(super) model: Arc<M>,
    /// Its share among those of its tier.
    pub(super) weight: f64,
    /// 0 for those that share the calls; the others are asked when those before them do not answer.
    pub(super) tier: usize,
}

/// How long a request may take in all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    pub(super) fn within(limit: Duration) -> Self {
        // A limit beyond all time is none that anybody lives to see.
        let now = Instant::now();
        Self {
            at: now
                .checked_add(limit)
                .unwrap_or(now + Duration::from_hours(24 * 365)),
            limit,
        }
    }

    fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    fn passed(self) -> Error {
        Error::Timeout {
            what: "the request".to_owned(),
            limit: self.limit,
        }
    }
}

/// How a request goes through its candidates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial<'a> {
    /// What was asked for.
    pub(super) name: &'a str,
    pub(super) span: Span,
    pub(super) deadline: Option<Deadline>,
    pub(super) waits: Waits,
}

/// Why a candidate did not answer.
enum Miss {
    /// Another may.
    Elsewhere(Error),
    /// None will.
    Final(Error),
}

/// A place in the order.
#[derive(Debug, Clone, Copy)]
struct Step {
    at: usize,
    tier: usize,
    is_willing: bool,
}

/// Asks candidates in order until one has begun to answer: by tier, by weight within a tier, those that are left alone
/// last. `call` gets the model and how much time is left.
///
/// Dropping this ends the call under way and makes its place free.
///
/// # Errors
/// A fault of the request at once; otherwise what the last candidate said.
pub(super) async fn attempt<M, T, F, Fut>(
    candidates: &[Candidate<M>],
    trial: Trial<'_>,
    call: F,
) -> Result<(T, Call)>
where
    M: ?Sized,
    F: Fn(Arc<M>, Option<Duration>) -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let steps = steps(candidates);
    let mut last = None;
    for (at, step) in steps.iter().enumerate() {
        let candidate = &candidates[step.at];
        let behind = &steps[at + 1..];
        match ask(candidate, *step, behind, trial, &call).await {
            Ok(answered) => {
                if at > 0 {
                    candidate.upstream.numbers.stood_in(trial.name);
                }
                return Ok(answered);
            }
            Err(Miss::Final(error)) => return Err(error),
            Err(Miss::Elsewhere(error)) => {
                if !behind.is_empty() {
                    candidate.upstream.numbers.passed_over();
                    tracing::debug!(
                        model = candidate.upstream.name,
                        error = error.to_string(),
                        "another model is asked"
                    );
                }
                last = Some(error);
            }
        }
    }
    Err(last.unwrap_or_else(|| Error::Internal {
        doing: "asking a model of a route that has none".to_owned(),
        cause: None,
    }))
}

fn steps<M: ?Sized>(candidates: &[Candidate<M>]) -> Vec<Step> {
    let now = Instant::now();
    let step = |at: usize| Step {
        at,
        tier: candidates[at].tier,
        is_willing: candidates[at].upstream.breaker.is_willing(now),
    };
    if candidates.len() == 1 {
        return vec![step(0)];
    }
    let order = in_order(
        candidates.iter().map(|candidate| {
            let open = candidate.upstream.open();
            (candidate.tier, candidate.weight, open)
        }),
        rand::random,
    );
    let (mut willing, unwilling): (Vec<Step>, Vec<Step>) = order
        .into_iter()
        .map(step)
        .partition(|step| step.is_willing);
    willing.extend(unwilling);
    willing
}

/// Asks one candidate, as often as its policy has it and nobody better is `behind` it.
async fn ask<M, T, F, Fut>(
    candidate: &Candidate<M>,
    step: Step,
    behind: &[Step],
    trial: Trial<'_>,
    call: &F,
) -> Result<(T, Call), Miss>
where
    M: ?Sized,
    F: Fn(Arc<M>, Option<Duration>) -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let upstream = &candidate.upstream;
    let mut round = 0;
    loop {
        let left = trial.deadline.map(Deadline::left);
        if let Some(deadline) = trial.deadline.filter(|_| left == Some(Duration::ZERO)) {
            return Err(Miss::Final(deadline.passed()));
        }
        let Some(mut place) = upstream.enter() else {
            upstream.numbers.refused();
            return Err(Miss::Elsewhere(Error::Overloaded { retry_after: SOON }));
        };
        let is_doubtful = place.is_doubtful();
        let limit = trial.span.limit(&upstream.policy);
        let asked = call(Arc::clone(&candidate.model), left);
        let answer = match (limit, trial.deadline) {
            (limit, Some(deadline)) if limit.is_none_or(|limit| deadline.left() <= limit) => {
                // The request has too little time, which says nothing of the model.
                let Ok(answer) = timeout(deadline.left(), asked).await else {
                    return Err(Miss::Final(deadline.passed()));
                };
                answer
            }
            (Some(limit), _) => timeout(limit, asked).await.unwrap_or_else(|_| {
                Err(Error::Timeout {
                    what: format!("{} of '{}'", trial.span.words(), upstream.name),
                    limit,
                })
            }),
            (None, _) => asked.await,
        };
        let error = match answer {
            Ok(answer) => {
                place.began();
                return Ok((answer, place));
            }
            Err(error) => error,
        };
        // The place is free while we wait.
        let fault = place.failed(&error);
        if fault == Fault::Request {
            return Err(Miss::Final(error));
        }
        if !fault.passes()
            || is_doubtful
            || round == upstream.policy.retries
            || is_better_elsewhere(fault, step, behind)
        {
            return Err(Miss::Elsewhere(error));
        }
        let Some(wait) = trial.waits.before(round, fault, rand::random()) else {
            return Err(Miss::Elsewhere(error));
        };
        if trial
            .deadline
            .is_some_and(|deadline| deadline.left() <= wait)
        {
            return Err(Miss::Elsewhere(error));
        }
        round += 1;
        upstream.numbers.retried(&error);
        sleep(wait).await;
    }
}

/// Whether the next candidate is asked without trying this one again: one that shares its tier is as good, and who is
/// silent or asks for patience is not worth waiting for while anybody else is there.
fn is_better_elsewhere(fault: Fault, step: Step, behind: &[Step]) -> bool {
    let mut others = behind.iter().filter(|other| other.is_willing);
    match fault {
        Fault::Patience(_) | Fault::Silence => others.next().is_some(),
        _ => others.any(|other| other.tier == step.tier),
    }
}
