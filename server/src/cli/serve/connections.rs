//! Connections: accepted, served to their end, and told when the process stops.
//!
//! As axum's own `serve` does it, but for one thing. hyper wakes a connection's task whenever a handler has read a
//! body, which it does while that very task runs; the runtime takes that for work to be shared, and wakes another
//! thread for it. Two calls of the system and a hop to another processor for every request: here such a task goes round
//! once more instead ([`Turns`]).

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use axum::{Router, body::Body, serve::Listener};
use futures::task::AtomicWaker;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

/// Rounds of a task that wakes itself before others have their turn.
const ROUNDS: usize = 3;

/// Serves who connects until `stop`, and then until the last has been answered.
pub async fn serve(mut listener: TcpListener, router: Router, stop: CancellationToken) {
    // Once, and not for every connection.
    let router = router.with_state(());
    let open = TaskTracker::new();
    loop {
        let (stream, _) = tokio::select! {
            // What cannot be accepted now is tried again there.
            accepted = Listener::accept(&mut listener) => accepted,
            () = stop.cancelled() => break,
        };
        // Each piece of a stream goes out when it is written.
        let _ = stream.set_nodelay(true);
        open.spawn(connection(stream, router.clone(), stop.clone()));
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// Answers one connection's requests until either side ends it.
async fn connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    let service = router.map_request(|request: http::Request<_>| request.map(Body::new));
    let builder = Builder::new(TokioExecutor::new());
    let connection = builder
        .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    let (mut connection, mut stopped) = (pin!(connection), pin!(stop.cancelled()));
    let (turns, mut is_told) = (Turns::default(), false);
    let ended = poll_fn(|context| {
        if !is_told && stopped.as_mut().poll(context).is_ready() {
            is_told = true;
            connection.as_mut().graceful_shutdown();
        }
        turns.poll(context, connection.as_mut())
    });
    if let Err(error) = ended.await {
        tracing::trace!(error, "a connection broke off");
    }
}

/// Polls a future again where it was woken while it was polled, without a word to the runtime.
struct Turns {
    bell: Arc<Bell>,
    waker: Waker,
}

/// What wakes the future.
#[derive(Default)]
struct Bell {
    /// The task that it is in.
    task: AtomicWaker,
    state: AtomicU8,
}

/// Nobody polls, and nobody rang since somebody did.
const IDLE: u8 = 0;
const POLLED: u8 = 1;
const RUNG: u8 = 2;

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Whoever polls looks for it afterwards, and a task that was woken already comes.
        if self.state.fetch_or(RUNG, Ordering::AcqRel) == IDLE {
            self.task.wake();
        }
    }
}

impl Default for Turns {
    fn default() -> Self {
        let bell = Arc::<Bell>::default();
        let waker = Waker::from(Arc::clone(&bell));
        Self { bell, waker }
    }
}

impl Turns {
    fn poll<F: Future>(
        &self,
        context: &mut Context<'_>,
        mut future: Pin<&mut F>,
    ) -> Poll<F::Output> {
        let Bell { task, state } = self.bell.as_ref();
        task.register(context.waker());
        for _ in 0..ROUNDS {
            state.swap(POLLED, Ordering::AcqRel);
            let polled = future.as_mut().poll(&mut Context::from_waker(&self.waker));
            if polled.is_ready() {
                return polled;
            }
            let was = state.compare_exchange(POLLED, IDLE, Ordering::AcqRel, Ordering::Acquire);
            if was.is_ok() {
                return Poll::Pending;
            }
        }
        state.store(IDLE, Ordering::Release);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts how often a task is woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often a future is polled that wakes itself so many times, and how often its task is woken for that.
    fn polled(wakes: usize) -> (usize, usize) {
        let count = Arc::<Count>::default();
        let waker = Waker::from(Arc::clone(&count));
        let turns = Turns::default();
        let mut polls = 0;
        let future = poll_fn(|context| {
            polls += 1;
            if polls <= wakes {
                context.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        });
        let outcome = turns.poll(&mut Context::from_waker(&waker), pin!(future));
        assert!(outcome.is_pending());
        (polls, count.0.load(Ordering::Relaxed))
    }

    #[test]
    fn a_task_that_wakes_itself_goes_round_again_and_then_lets_others_run() {
        assert_eq!(polled(0), (1, 0));
        assert_eq!(polled(1), (2, 0), "without the runtime");
        assert_eq!(polled(usize::MAX), (ROUNDS, 1), "by way of the runtime");
    }

    #[test]
    fn a_task_that_waits_is_woken_once_from_outside() {
        let count = Arc::<Count>::default();
        let waker = Waker::from(Arc::clone(&count));
        let turns = Turns::default();
        let mut future = pin!(std::future::pending::<()>());
        for nth in 1..3 {
            let mut context = Context::from_waker(&waker);
            assert!(turns.poll(&mut context, future.as_mut()).is_pending());
            turns.waker.wake_by_ref();
            turns.waker.wake_by_ref();
            assert_eq!(count.0.load(Ordering::Relaxed), nth);
        }
    }
}
