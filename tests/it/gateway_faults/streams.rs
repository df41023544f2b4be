//! Streams whose reader leaves, or takes its time.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use axum::{
    Router,
    body::{Body, Bytes},
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures::StreamExt as _;
use tempfile::TempDir;
use tidegate_tests::{
    memory::resident,
    mock::{Act, Mock, Script, says},
};
use tokio::net::TcpListener;

use super::{asked, begin, over, say, text_of, with};
use crate::support::{eventually, program};

/// What the sockets of two connections may hold of a stream that nobody reads, and more than that.
const IN_SOCKETS: u64 = 96 << 20;
/// What is read beyond it.
const MORE: u64 = 8 << 20;
/// What the server may need for one such stream.
const IN_MEMORY: u64 = 32 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_ends_the_call_upstream_and_frees_its_place() -> Result<()> {
    let slow = Act::words(5_000).pause(Duration::from_millis(20));
    let mock = Mock::start(Script::default().when(says("slowly"), slow)).await?;
    let app = over(&[with(&mock.model("m"), "max_concurrent = 1\n")], "").await?;
    let user = app.anonymous();
    let response = begin(&user, &asked("m", "slowly", true)).await?;
    let mut pieces = response.bytes_stream();
    pieces.next().await.context("a piece")??;
    // As many as may be are under way.
    let refused = say(&user, "m", "hi", false).await?;
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(mock.counts().requests, 1, "refused at the door");
    drop(pieces);
    eventually("the end of the call upstream", || async {
        let counts = mock.counts();
        Ok((counts.aborted == 1 && counts.running == 0).then_some(()))
    })
    .await?;
    let reply = eventually("a free place", || async {
        let reply = say(&user, "m", "hi", false).await?;
        Ok((reply.status == 200).then_some(reply))
    })
    .await?;
    assert!(!text_of(&reply, false)?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_before_the_first_word_ends_the_call_too() -> Result<()> {
    let mock = Mock::start(Script::default().when(says("never"), Act::silent())).await?;
    let app = over(&[mock.model("m")], "").await?;
    let user = app.anonymous();
    for stream in [false, true] {
        let before = mock.counts();
        let body = asked("m", "never", stream);
        let waiting = begin(&user, &body);
        let gave_up = tokio::time::timeout(Duration::from_millis(700), waiting).await;
        assert!(gave_up.is_err(), "nobody answers");
        eventually("the end of the call upstream", || async {
            let counts = mock.counts();
            Ok((counts.aborted > before.aborted && counts.running == 0).then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_slows_the_upstream_and_nothing_piles_up_in_between() -> Result<()> {
    let fountain = Fountain::start().await?;
    let dir = TempDir::new()?;
    let model = format!(
        "[[models]]\nname = \"m\"\nprovider = \"proxy\"\nbase_url = \"http://{}/v1\"\n",
        fountain.address
    );
    let server = program(dir.path(), &model)?.serve(&[])?;
    let user = server.anonymous();
    let before = resident(server.id())?;
    let response = begin(&user, &asked("m", "hi", true)).await?;
    let mut pieces = response.bytes_stream();
    pieces.next().await.context("a piece")??;
    // Until nothing more is taken, which is when every buffer on the way is full.
    let held = eventually("the upstream's standstill", || async {
        let sent = fountain.sent();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        Ok((fountain.sent() == sent).then_some(sent))
    })
    .await?;
    assert!(held < IN_SOCKETS, "{held} bytes were taken for nobody");
    let grown = resident(server.id())?.saturating_sub(before);
    assert!(grown < IN_MEMORY, "the server grew by {grown} bytes");
    // Who reads on gets more.
    let mut read = 0;
    while read < held + MORE {
        read += pieces.next().await.context("a piece")??.len() as u64;
    }
    assert!(fountain.sent() > held);
    drop(pieces);
    eventually("the end of the call upstream", || async {
        Ok((fountain.open() == 0).then_some(()))
    })
    .await
}

/// An upstream whose answer has no end, and which counts what is taken of it.
struct Fountain {
    address: SocketAddr,
    flow: Arc<Flow>,
}

#[derive(Default)]
struct Flow {
    sent: AtomicU64,
    open: AtomicU64,
}

/// Counts a stream as open until it is dropped.
struct Open(Arc<Flow>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Fountain {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's task ends with the test"
    )]
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let flow = Arc::new(Flow::default());
        let flowing = Arc::clone(&flow);
        let router = Router::new().route(
            "/v1/chat/completions",
            post(move || async move { flowing.respond() }),
        );
        tokio::spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("a listener on loopback does not fail");
        });
        Ok(Self { address, flow })
    }

    fn sent(&self) -> u64 {
        self.flow.sent.load(Ordering::Relaxed)
    }

    fn open(&self) -> u64 {
        self.flow.open.load(Ordering::Relaxed)
    }
}

impl Flow {
    fn respond(self: Arc<Self>) -> Response {
        self.open.fetch_add(1, Ordering::Relaxed);
        let open = Open(self);
        let word = "word ".repeat(200);
        let frame = Bytes::from(format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":\
             [{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}},\"finish_reason\":null}}]}}\n\n"
        ));
        let frames = futures::stream::repeat(frame).map(move |frame| {
            let Open(flow) = &open;
            flow.sent.fetch_add(frame.len() as u64, Ordering::Relaxed);
            Ok::<_, Infallible>(frame)
        });
        (
            [(CONTENT_TYPE, "text/event-stream")],
            Body::from_stream(frames),
        )
            .into_response()
    }
}
