//! What a handler leaves unread of a body.
//!
//! A connection carries its next request only when the last one's body is off it. hyper closes one whose body was
//! dropped before it had come, and the answer does not say so: the caller's next request stays unanswered, and one who
//! still sends finds the connection reset and no answer. So the rest is read beside the answer, and thrown away.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::{runtime::Handle, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long the rest of one body is read: nginx's default for `lingering_time`.
const AT_MOST: Duration = Duration::from_secs(30);

/// How long a piece of it is waited for: nginx's default for `lingering_timeout`.
const PAUSE: Duration = Duration::from_secs(5);

/// Reads what is left of bodies until the process stops.
#[derive(Default)]
pub(super) struct Drain {
    pub(super) tasks: TaskTracker,
    pub(super) stopping: CancellationToken,
}

impl Drain {
    /// The same body, of which the drain reads what is left when it is dropped.
    pub(super) fn behind(self: &Arc<Self>, body: Body) -> Body {
        if body.is_end_stream() {
            return body;
        }
        Body::new(Drained {
            body,
            ended: false,
            drain: Arc::clone(self),
        })
    }
}

struct Drained {
    body: Body,
    ended: bool,
    drain: Arc<Drain>,
}

impl HttpBody for Drained {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(None | Some(Err(_))) = &frame {
            self.ended = true;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        if self.ended || self.body.is_end_stream() {
            return;
        }
        // Without a runtime there is no connection either.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let body = mem::take(&mut self.body);
        let stopping = self.drain.stopping.clone();
        let read = async move { stopping.run_until_cancelled(rest(body)).await };
        self.drain.tasks.spawn_on(read, &runtime);
    }
}

/// Reads to the end, or until it takes too long.
async fn rest(mut body: Body) {
    let pieces = async { while let Ok(Some(Ok(_))) = timeout(PAUSE, body.frame()).await {} };
    // Whoever sends for longer loses the connection, as do those who stop.
    let _ = timeout(AT_MOST, pieces).await;
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};
    use tokio::time::{Instant, sleep};

    use super::*;

    /// A piece every so often, without end.
    fn endless(pause: Duration) -> Body {
        let pieces = stream::repeat(()).then(move |()| async move {
            sleep(pause).await;
            Ok::<_, std::io::Error>("x")
        });
        Body::from_stream(pieces)
    }

    /// For how long the rest of a body is read.
    async fn read(body: Body) -> Duration {
        let drain = Arc::<Drain>::default();
        let begun = Instant::now();
        drop(drain.behind(body));
        drain.tasks.close();
        drain.tasks.wait().await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_is_read_for_as_long_as_it_comes_and_not_for_ever() {
        assert_eq!(read(Body::empty()).await, Duration::ZERO);
        let three = endless(Duration::from_secs(2)).into_data_stream().take(3);
        assert_eq!(read(Body::from_stream(three)).await.as_secs(), 6);
        assert_eq!(read(endless(Duration::from_secs(6))).await.as_secs(), 5);
        assert_eq!(read(endless(Duration::from_secs(1))).await.as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopping_process_waits_for_no_rest() {
        let drain = Arc::<Drain>::default();
        drop(drain.behind(endless(Duration::from_secs(1))));
        assert_eq!(drain.tasks.len(), 1);
        drain.stopping.cancel();
        drain.tasks.close();
        let begun = Instant::now();
        drain.tasks.wait().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test]
    async fn what_was_read_to_its_end_leaves_nothing() {
        let drain = Arc::<Drain>::default();
        let body = drain.behind(Body::from("tide"));
        let read = body.collect().await.expect("a body").to_bytes();
        assert_eq!((read.as_ref(), drain.tasks.len()), (&b"tide"[..], 0));
    }
}
