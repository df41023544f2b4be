//! A plain HTTP/1.1 caller, as light as one can be: on a small machine it shares the processors with what it
//! measures.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

/// Ticks of the processor clock in a second, as Linux counts them for programs on every machine.
const TICKS_PER_SECOND: f64 = 100.0;
/// Room for an answer that is read at once.
const ROOM: usize = 64 << 10;
/// Longest wait for the last answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server to be asked, and whose processor time is read.
#[derive(Debug, Clone, Copy)]
pub(in crate::bench) struct Process {
    pub(in crate::bench) id: u32,
    pub(in crate::bench) address: SocketAddr,
}

/// What is asked again and again.
#[derive(Debug, Clone)]
pub(in crate::bench) struct Request {
    /// Path and query.
    pub(in crate::bench) path: String,
    /// JSON to post; without it the request is a GET.
    pub(in crate::bench) body: Option<Value>,
}

/// What was measured.
#[derive(Debug)]
pub(in crate::bench) struct Figures {
    pub(in crate::bench) per_second: f64,
    pub(in crate::bench) p50_ms: f64,
    pub(in crate::bench) p99_ms: f64,
    /// Processor time of the server for each request, all its threads together.
    pub(in crate::bench) cpu_us: f64,
}

impl Request {
    /// As it goes over the wire.
    pub(in crate::bench) fn bytes(&self, host: SocketAddr) -> Vec<u8> {
        let path = &self.path;
        match &self.body {
            None => format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n").into_bytes(),
            Some(body) => {
                let body = body.to_string();
                let length = body.len();
                format!(
                    "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
                     content-length: {length}\r\n\r\n{body}"
                )
                .into_bytes()
            }
        }
    }
}

/// Asks for this long over so many connections, each of which waits for its answer before it asks again.
pub(in crate::bench) async fn measure(
    process: Process,
    request: &Request,
    at_once: usize,
    time: Duration,
) -> Result<Figures> {
    let bytes: Arc<[u8]> = request.bytes(process.address).into();
    let mut connections = Vec::with_capacity(at_once);
    for _ in 0..at_once {
        connections.push(Connection::open(process.address, Arc::clone(&bytes)).await?);
    }
    let before = cpu_seconds(process.id)?;
    let started = Instant::now();
    let deadline = started + time;
    let mut callers = JoinSet::new();
    for connection in connections {
        callers.spawn(timeout(time + PATIENCE, connection.ask_until(deadline)));
    }
    let mut times: Vec<Duration> = Vec::new();
    while let Some(asked) = callers.join_next().await {
        let asked = asked.context("a caller panicked")?;
        times.extend(asked.context("a request was not answered")??);
    }
    let whole = started.elapsed().as_secs_f64();
    let cpu = cpu_seconds(process.id)? - before;
    ensure!(!times.is_empty(), "nothing was answered in time");
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let count = times.len() as f64;
    Ok(Figures {
        per_second: count / whole,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        cpu_us: cpu / count * 1e6,
    })
}

/// A connection that is kept, and what is asked over it.
struct Connection {
    stream: TcpStream,
    request: Arc<[u8]>,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr, request: Arc<[u8]>) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            request,
            answer: Vec::with_capacity(ROOM),
        })
    }

    /// How long each answer took; the last one may come after the deadline.
    async fn ask_until(mut self, deadline: Instant) -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        let mut begun = Instant::now();
        while begun < deadline {
            self.ask().await?;
            let ended = Instant::now();
            times.push(ended - begun);
            begun = ended;
        }
        Ok(times)
    }

    async fn ask(&mut self) -> Result<()> {
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        let mut shape = None;
        loop {
            self.answer.reserve(ROOM / 4);
            let read = self.stream.read_buf(&mut self.answer).await?;
            ensure!(read > 0, "the server closed the connection");
            if shape.is_none() {
                shape = Shape::of(&self.answer)?;
            }
            if shape.is_some_and(|shape| shape.is_whole(&self.answer)) {
                return Ok(());
            }
        }
    }
}

/// Where an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bench) enum Shape {
    /// After so many bytes, the head among them.
    Length(usize),
    /// Behind its last chunk.
    Chunked,
}

impl Shape {
    /// The shape that the head tells; nothing before the head is there. Anything but 200 is an error.
    pub(in crate::bench) fn of(answer: &[u8]) -> Result<Option<Self>> {
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = std::str::from_utf8(&answer[..end]).context("the head of an answer")?;
        ensure!(head.starts_with("HTTP/1.1 200 "), "{head}");
        for line in head.lines().skip(1) {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                let length: usize = value.trim().parse().context("content-length")?;
                return Ok(Some(Self::Length(end + 4 + length)));
            }
            if name.eq_ignore_ascii_case("transfer-encoding") {
                return Ok(Some(Self::Chunked));
            }
        }
        anyhow::bail!("an answer that does not say where it ends: {head}")
    }

    pub(in crate::bench) fn is_whole(self, answer: &[u8]) -> bool {
        match self {
            Self::Length(length) => answer.len() >= length,
            Self::Chunked => answer.ends_with(b"\r\n0\r\n\r\n"),
        }
    }
}

/// Processor time that a process has had, all its threads together, in seconds.
fn cpu_seconds(id: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat"))
        .context("processor time is read from /proc, which only Linux has")?;
    ticks(&text)
        .map(|ticks| ticks as f64 / TICKS_PER_SECOND)
        .with_context(|| format!("processor time in {text:?}"))
}

/// User and system time of a line of `stat`. The program's name, in brackets, may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut times = rest.split(' ').skip(11).map(str::parse::<u64>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_an_answer_ends() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(
            Shape::of(b"HTTP/1.1 200 OK\r\n").expect("no head yet"),
            None
        );
        let shape = Shape::of(head).expect("a head").expect("with its end");
        assert_eq!(shape, Shape::Length(head.len() + 2));
        assert!(!shape.is_whole(head) && shape.is_whole(&[head.as_slice(), b"{}"].concat()));
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        assert!(
            Shape::of(chunked)
                .expect("a head")
                .is_some_and(|shape| shape.is_whole(chunked))
        );
        assert!(Shape::of(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n").is_err());
    }

    #[test]
    fn reads_user_and_system_time_behind_any_name() {
        let line = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 8 0 1 1 1";
        assert_eq!(ticks(line), Some(300));
        assert_eq!(ticks("42 (a)"), None);
    }
}
