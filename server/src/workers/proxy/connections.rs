//! Connections to one server, each polled by whoever waits for an answer over it.
//!
//! The clients of hyper-util and of reqwest have a task for every connection. A request goes to it through a channel, its
//! answer comes back through two more, and for each way the runtime wakes a task, often on another processor. Here the
//! task that asks polls the connection itself, to the last byte of the answer: no channel crosses tasks, and bytes are
//! read when somebody takes them. HTTP/1.1 without TLS alone, as model servers beside us speak it.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1},
    rt::Executor as _,
};
use hyper_util::{
    client::legacy::connect::HttpConnector,
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::TcpStream;
use tower::Service as _;

use crate::workers::IDLE_CONNECTIONS;

/// How long a connection is kept that nobody uses; reqwest's own.
const IDLE: Duration = Duration::from_secs(90);
/// How often connections are looked at that nobody uses, whether the server has closed them.
const LOOK: Duration = Duration::from_secs(15);

/// Why nothing was answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// No connection came about.
    #[error(transparent)]
    Unreachable(Box<dyn std::error::Error + Send + Sync>),
    /// The connection broke off before the head of an answer.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// Connections to one server.
pub(super) struct Connections {
    server: Uri,
    connector: HttpConnector,
    idle: Arc<Idle>,
}

impl Connections {
    /// Those to the server of an address, made by `connector`.
    pub(super) fn to(server: Uri, connector: HttpConnector) -> Self {
        Self {
            server,
            connector,
            idle: Arc::default(),
        }
    }

    /// Sends a request, whose address is a path alone, and waits for the head of the answer. Dropped before that, or
    /// before the end of the answer's body, the connection is closed.
    pub(super) async fn ask(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<AnswerBody>, Unanswered> {
        loop {
            let (mut connection, is_new) = match self.idle.take() {
                Some(connection) => (connection, false),
                None => (self.open().await?, true),
            };
            let mut error = match connection.ask(request).await {
                Ok(response) => return Ok(self.answer(response, connection)),
                Err(error) => error,
            };
            match error.take_message() {
                // The server closed it just now: nothing of the request was sent.
                Some(unsent) if !is_new => request = unsent,
                _ => return Err(error.into_error().into()),
            }
        }
    }

    async fn open(&self) -> Result<Box<Connection>, Unanswered> {
        let opened = self.connector.clone().call(self.server.clone()).await;
        let stream = opened.map_err(|error| Unanswered::Unreachable(error.into()))?;
        let (sender, wire) = http1::handshake(stream).await?;
        // It is handed on twice for each answer, and large.
        Ok(Box::new(Connection {
            sender,
            wire: Some(wire),
        }))
    }

    fn answer(
        &self,
        response: Response<Incoming>,
        connection: Box<Connection>,
    ) -> Response<AnswerBody> {
        response.map(|incoming| AnswerBody {
            incoming,
            connection: Some(connection),
            idle: Arc::clone(&self.idle),
        })
    }
}

type Sent = Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>>;

/// A connection, with what moves its bytes.
struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// None when it is over. What waits for it learns that when it is dropped.
    wire: Option<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>,
}

impl Connection {
    /// Reads and writes what can be, and asks to be woken when there is more.
    fn drive(&mut self, context: &mut Context<'_>) {
        if let Some(wire) = &mut self.wire
            // How it ends is told by the answer.
            && Pin::new(wire).poll(context).is_ready()
        {
            self.wire = None;
        }
    }

    async fn ask(&mut self, request: Request<Full<Bytes>>) -> Sent {
        let mut sent = pin!(self.sender.try_send_request(request));
        poll_fn(|context| {
            self.drive(context);
            // It waits for nothing but what was driven just now.
            sent.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        })
        .await
    }

    /// Whether it can be asked again, by what is known now.
    fn is_open(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.wire.is_some() && self.sender.is_ready()
    }
}

/// Connections that nobody uses, the one used last at the end.
#[derive(Default)]
struct Idle(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    connections: VecDeque<(Box<Connection>, Instant)>,
    /// Whether somebody looks at them from time to time.
    is_watched: bool,
}

impl Idle {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Box<Connection>> {
        loop {
            let (mut connection, _) = self.kept().connections.pop_back()?;
            if connection.is_open() {
                return Some(connection);
            }
        }
    }

    fn put(self: &Arc<Self>, mut connection: Box<Connection>) {
        if !connection.is_open() {
            return;
        }
        let mut kept = self.kept();
        if kept.connections.len() >= IDLE_CONNECTIONS {
            return;
        }
        kept.connections.push_back((connection, Instant::now()));
        // An answer may be let go of where no runtime is, as the process ends.
        if !kept.is_watched && tokio::runtime::Handle::try_current().is_ok() {
            kept.is_watched = true;
            TokioExecutor::new().execute(watch(Arc::downgrade(self)));
        }
    }

    /// Closes what is old, or was closed by the server; whether there is more.
    fn tidy(&self) -> bool {
        let mut kept = self.kept();
        kept.connections
            .retain_mut(|(connection, since)| since.elapsed() < IDLE && connection.is_open());
        kept.is_watched = !kept.connections.is_empty();
        kept.is_watched
    }
}

/// Looks at connections that nobody uses, as long as there are any.
async fn watch(idle: Weak<Idle>) {
    loop {
        tokio::time::sleep(LOOK).await;
        if !idle.upgrade().is_some_and(|idle| idle.tidy()) {
            return;
        }
    }
}

/// The body of an answer. Read to its end, its connection can be asked again; dropped before, it is closed.
pub(super) struct AnswerBody {
    incoming: Incoming,
    /// None once it was given back, or is closed.
    connection: Option<Box<Connection>>,
    idle: Arc<Idle>,
}

impl AnswerBody {
    /// All of it was read.
    fn give_back(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.idle.put(connection);
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let unheard = &mut Context::from_waker(Waker::noop());
        let mut frame = Pin::new(&mut this.incoming).poll_frame(unheard);
        if frame.is_pending()
            && let Some(connection) = &mut this.connection
        {
            connection.drive(context);
            frame = Pin::new(&mut this.incoming).poll_frame(unheard);
        }
        let frame = ready!(frame);
        if frame.is_none() {
            this.give_back();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        // Whoever knows the length stops at its end, and does not look for more.
        if self.incoming.is_end_stream() {
            self.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body_util::BodyExt as _;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    const WHOLE: &[&[u8]] = &[b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\ntide", b"gate"];
    const CHUNKED: &[&[u8]] = &[
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\ntide\r\n",
        b"4\r\ngate\r\n0\r\n\r\n",
    ];

    /// A server that answers each request in these pieces, and so many on each connection.
    struct Server {
        accepted: Arc<AtomicUsize>,
        connections: Connections,
    }

    impl Server {
        #[expect(
            clippy::disallowed_methods,
            reason = "a test's tasks end with the test"
        )]
        async fn start(pieces: &'static [&'static [u8]], answers: usize) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let accepted = Arc::<AtomicUsize>::default();
            let count = Arc::clone(&accepted);
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    count.fetch_add(1, Ordering::Relaxed);
                    tokio::spawn(async move {
                        let mut request = [0; 1024];
                        for _ in 0..answers {
                            // Requests are small: each comes in one piece.
                            if !matches!(stream.read(&mut request).await, Ok(1..)) {
                                return;
                            }
                            for piece in pieces {
                                if stream.write_all(piece).await.is_err() {
                                    return;
                                }
                                tokio::time::sleep(Duration::from_millis(5)).await;
                            }
                        }
                    });
                }
            });
            let mut connector = HttpConnector::new();
            connector.set_nodelay(true);
            let address = format!("http://{address}/v1").parse();
            Self {
                accepted,
                connections: Connections::to(address.expect("an address"), connector),
            }
        }

        async fn ask(&self) -> Result<Response<AnswerBody>, Unanswered> {
            let request = Request::post("/v1")
                .header("host", "tide")
                .body(Full::new(Bytes::from_static(b"{}")))
                .expect("a request");
            self.connections.ask(request).await
        }

        async fn text(&self) -> Bytes {
            let answer = self.ask().await.expect("an answer");
            let body = answer.into_body().collect().await;
            body.expect("a whole body").to_bytes()
        }

        fn accepted(&self) -> usize {
            self.accepted.load(Ordering::Relaxed)
        }

        fn kept(&self) -> usize {
            self.connections.idle.kept().connections.len()
        }
    }

    #[tokio::test]
    async fn a_connection_whose_answer_was_read_is_asked_again() {
        for pieces in [WHOLE, CHUNKED] {
            let server = Server::start(pieces, usize::MAX).await;
            for _ in 0..3 {
                assert_eq!(server.text().await, "tidegate");
            }
            assert_eq!((server.accepted(), server.kept()), (1, 1));
        }
    }

    #[tokio::test]
    async fn answers_at_a_time_have_connections_of_their_own() {
        let server = Server::start(CHUNKED, usize::MAX).await;
        let (one, other) = tokio::join!(server.text(), server.text());
        assert_eq!((&one[..], &other[..]), (&b"tidegate"[..], &b"tidegate"[..]));
        assert_eq!((server.accepted(), server.kept()), (2, 2));
    }

    #[tokio::test]
    async fn a_connection_whose_answer_was_let_go_of_is_closed() {
        for pieces in [WHOLE, CHUNKED] {
            let server = Server::start(pieces, usize::MAX).await;
            let answer = server.ask().await.expect("an answer");
            drop(answer);
            assert_eq!(server.kept(), 0);
            assert_eq!(server.text().await, "tidegate");
            assert_eq!(server.accepted(), 2);
        }
    }

    #[tokio::test]
    async fn one_that_the_server_has_closed_is_not_asked() {
        let server = Server::start(WHOLE, 1).await;
        for accepted in 1..=3 {
            assert_eq!(server.text().await, "tidegate");
            assert_eq!(server.accepted(), accepted);
            // Until the server has closed it.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(server.kept(), 1);
        assert!(!server.connections.idle.tidy());
        assert_eq!(server.kept(), 0);
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_an_error() {
        let server = Server::start(&[b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ntide"], 1).await;
        let answer = server.ask().await.expect("an answer");
        assert!(answer.into_body().collect().await.is_err());
        assert_eq!(server.kept(), 0);
        let server = Server::start(&[], 1).await;
        assert!(matches!(server.ask().await, Err(Unanswered::Broken(_))));
    }
}
