//! What a refusal leaves of a connection: a caller goes on with it, also where the body was not read.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result};
use tidegate_tests::TestApp;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

/// A connection that is written to by hand.
struct Line(BufReader<TcpStream>);

impl Line {
    async fn open(to: SocketAddr) -> Result<Self> {
        Ok(Self(BufReader::new(TcpStream::connect(to).await?)))
    }

    async fn say(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.0.get_mut().write_all(bytes).await?)
    }

    /// The head of a request whose body is `length` bytes long.
    async fn head(&mut self, path: &str, length: usize) -> Result<()> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer tg-wrong\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        self.say(head.as_bytes()).await
    }

    /// The status of the next answer, which is read whole.
    async fn status(&mut self) -> Result<u16> {
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            let read = timeout(Duration::from_secs(20), self.0.read_line(&mut line)).await??;
            anyhow::ensure!(read > 0, "the connection was closed");
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if status.is_none() {
                status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
            }
            if let Some(found) = line.strip_prefix("content-length:") {
                length = found.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        status.context("no status")
    }
}

#[tokio::test]
async fn a_connection_goes_on_where_a_request_was_refused_before_its_body_came() -> Result<()> {
    let app = TestApp::builder().dummy("m").start().await?;
    app.keyed("k", false, None).await?;
    for (at, path) in [
        (app.openai, "/v1/chat/completions"),
        (app.web, "/v1/chat/completions"),
        (app.web, "/api/v1/chat/completions"),
        (app.web, "/graphql"),
        (app.web, "/api/v1/nowhere"),
    ] {
        let mut line = Line::open(at).await?;
        for _ in 0..3 {
            line.head(path, 2).await?;
            let status = line.status().await.with_context(|| path.to_owned())?;
            assert!((400..500).contains(&status), "{path}: {status}");
            line.say(b"{}").await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn who_sends_too_much_may_send_it_all_and_then_reads_why_it_was_refused() -> Result<()> {
    let app = TestApp::builder()
        .config("[server]\nmax_body_bytes = 1000")
        .start()
        .await?;
    let piece = vec![b'x'; 1 << 20];
    for (at, path) in [(app.openai, "/v1/responses"), (app.web, "/graphql")] {
        let mut line = Line::open(at).await?;
        for _ in 0..2 {
            line.head(path, 16 << 20).await?;
            for _ in 0..16 {
                line.say(&piece).await.with_context(|| path.to_owned())?;
            }
            assert_eq!(line.status().await?, 413, "{path}");
        }
    }
    Ok(())
}
