//! Streams that are open at once: what the server needs for each, and whether all of them come to their end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use super::upstream::{PAUSE, SLOW_TOKENS};
use crate::{
    bench::http::load::{Process, Request, Shape},
    memory::resident,
};

/// Frames of a whole stream: its tokens, the reason of its end, and the end.
const FRAMES: usize = SLOW_TOKENS + 2;
/// Between the last stream's first token and the look at memory.
const REST: Duration = Duration::from_secs(2);
/// Longest a stream may live: all of its pauses, and as long again for a machine that is busy.
const LIFE: Duration = PAUSE.saturating_mul(2 * SLOW_TOKENS as u32);
/// Open files of the server beside two for each stream.
const OTHER_FILES: u64 = 500;
/// Between two looks at how many have begun.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What was measured.
#[derive(Debug)]
pub(super) struct Held {
    /// Memory of the server for each stream, bytes.
    pub(super) bytes_each: f64,
    /// Streams that did not come to their end, with why of the first.
    pub(super) lost: Vec<String>,
    /// From the first connection to the last stream's first token.
    pub(super) opened_in: Duration,
}

/// Lets this process, and those it starts from now on, open as many files as so many streams need.
pub(super) fn raise_file_limit(streams: usize) -> Result<()> {
    let wanted = 2 * streams as u64 + OTHER_FILES;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    ensure!(
        limit.maximum.is_none_or(|most| most >= wanted),
        "{streams} streams need {wanted} open files and this machine allows {}; raise its hard limit or hold fewer \
         streams with --open",
        limit.maximum.unwrap_or_default()
    );
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        },
    )
    .context("raising the limit on open files")
}

/// Opens so many streams, reads the server's memory while all are open, and waits for all to end.
pub(super) async fn measure(process: Process, request: &Request, count: usize) -> Result<Held> {
    let bytes: Arc<[u8]> = request.bytes(process.address).into();
    let begun = Arc::new(AtomicUsize::new(0));
    let before = resident(process.id)?;
    let started = Instant::now();
    let mut streams = JoinSet::new();
    for _ in 0..count {
        // One after the other: a burst would overflow the server's queue of connections, which is not what is asked.
        let stream = TcpStream::connect(process.address).await?;
        let hold = hold(stream, Arc::clone(&bytes), Arc::clone(&begun));
        streams.spawn(timeout(LIFE, hold));
    }
    while begun.load(Ordering::Relaxed) < count {
        ensure!(
            started.elapsed() < PAUSE * (SLOW_TOKENS as u32 - 1),
            "of {count} streams {} have begun before the first ones end: the machine is too slow to hold them at once",
            begun.load(Ordering::Relaxed)
        );
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let opened_in = started.elapsed();
    tokio::time::sleep(REST).await;
    let open = resident(process.id)?;
    let mut lost = Vec::new();
    while let Some(ended) = streams.join_next().await {
        let ended = ended.context("a caller panicked")?;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => lost.push(format!("{error:#}")),
            Err(_) => lost.push(format!("it did not end within {} s", LIFE.as_secs())),
        }
    }
    Ok(Held {
        bytes_each: open.saturating_sub(before) as f64 / count as f64,
        lost,
        opened_in,
    })
}

/// Reads one stream to its end.
async fn hold(mut stream: TcpStream, request: Arc<[u8]>, begun: Arc<AtomicUsize>) -> Result<()> {
    stream.write_all(&request).await?;
    let mut answer = Vec::with_capacity(2048);
    let mut shape = None;
    let mut counted = false;
    loop {
        let read = stream.read_buf(&mut answer).await?;
        ensure!(read > 0, "the server closed the connection");
        if shape.is_none() {
            shape = Shape::of(&answer)?;
        }
        if !counted && frames(&answer) > 0 {
            counted = true;
            begun.fetch_add(1, Ordering::Relaxed);
        }
        if shape.is_some_and(|shape: Shape| shape.is_whole(&answer)) {
            let frames = frames(&answer);
            ensure!(
                frames == FRAMES,
                "{frames} frames came where {FRAMES} were sent"
            );
            return Ok(());
        }
    }
}

fn frames(answer: &[u8]) -> usize {
    answer.windows(6).filter(|six| six == b"data: ").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_frames_wherever_chunks_are_cut() {
        assert_eq!(frames(b"data: {}\n\n\r\n5\r\ndata: [DONE]\n\n"), 2);
        assert_eq!(frames(b"dat"), 0);
    }
}
