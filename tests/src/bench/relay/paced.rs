//! Requests at a given rate: what an answer takes when the server is not driven to its limit.
//!
//! Each connection has a thread of its own. A runtime's timers tick in milliseconds, so that requests would come in
//! bunches, and what is measured here is a tenth of one.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread::{Builder, scope, sleep},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::bench::http::load::{Process, Request, Shape};

/// Enough for a caller, of whom there are hundreds.
const STACK: usize = 256 << 10;
/// What is read at once.
const ROOM: usize = 64 << 10;
/// Longest wait for a piece of an answer.
const PATIENCE: Duration = Duration::from_mins(1);
/// Until the first request, so that all callers are there.
const AHEAD: Duration = Duration::from_millis(50);

/// How long answers take, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delays {
    /// Until the first byte of the body.
    pub(super) first: Percentiles,
    /// Until the last.
    pub(super) whole: Percentiles,
}

/// Of some times, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Percentiles {
    /// Half took less.
    pub(super) p50: f64,
    /// All but one in a hundred took less.
    pub(super) p99: f64,
}

impl Percentiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let last = times.len().saturating_sub(1);
            times
                .get((last as f64 * share) as usize)
                .map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
        };
        Self {
            p50: at(0.5),
            p99: at(0.99),
        }
    }
}

/// One answer.
#[derive(Debug, Clone, Copy)]
struct Taken {
    first: Duration,
    whole: Duration,
}

/// Asks so many times a second for this long, over so many connections by turns. Blocks.
pub(super) fn measure(
    process: Process,
    request: &Request,
    at_once: usize,
    per_second: f64,
    time: Duration,
) -> Result<Delays> {
    ensure!(
        per_second.is_finite() && per_second > 0.0,
        "a rate above nought is needed"
    );
    let bytes = request.bytes(process.address);
    let interval = Duration::from_secs_f64(at_once as f64 / per_second);
    let callers = (0..at_once)
        .map(|_| Caller::open(process))
        .collect::<Result<Vec<_>>>()?;
    let started = Instant::now() + AHEAD;
    let until = started + time;
    let taken = scope(|scope| {
        let mut threads = Vec::with_capacity(at_once);
        for (nth, mut caller) in callers.into_iter().enumerate() {
            let due = started + interval.mul_f64(nth as f64 / at_once as f64);
            let bytes = &bytes;
            let thread = Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, move || caller.ask_until(bytes, due, interval, until))?;
            threads.push(thread);
        }
        let mut taken = Vec::new();
        for thread in threads {
            let one = thread.join().map_err(|_| anyhow!("a caller panicked"))?;
            taken.extend(one?);
        }
        anyhow::Ok(taken)
    })?;
    ensure!(!taken.is_empty(), "nothing was answered in time");
    Ok(Delays {
        first: Percentiles::of(taken.iter().map(|one| one.first).collect()),
        whole: Percentiles::of(taken.iter().map(|one| one.whole).collect()),
    })
}

/// A connection that is kept, and who waits on it.
struct Caller {
    stream: TcpStream,
    room: Vec<u8>,
    answer: Vec<u8>,
}

impl Caller {
    fn open(process: Process) -> Result<Self> {
        let stream = TcpStream::connect(process.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            room: vec![0; ROOM],
            answer: Vec::with_capacity(ROOM),
        })
    }

    /// Asks when it is due, then an interval later. The first answer is not counted: the server opens connections of
    /// its own for it.
    fn ask_until(
        &mut self,
        request: &[u8],
        mut due: Instant,
        interval: Duration,
        until: Instant,
    ) -> Result<Vec<Taken>> {
        self.ask(request, Instant::now())?;
        // What was due while the first was answered is passed over.
        while due < Instant::now() {
            due += interval;
        }
        let mut taken = Vec::new();
        while due < until {
            let now = Instant::now();
            let begun = if due > now {
                sleep(due - now);
                // However late the system wakes it: that is not the server's doing.
                Instant::now()
            } else {
                // An answer that took longer than the interval delays the next request, which counts.
                due
            };
            taken.push(self.ask(request, begun)?);
            due += interval;
        }
        Ok(taken)
    }

    fn ask(&mut self, request: &[u8], begun: Instant) -> Result<Taken> {
        self.stream.write_all(request)?;
        self.answer.clear();
        let (mut shape, mut body, mut first) = (None, None, None);
        loop {
            let read = self
                .stream
                .read(&mut self.room)
                .context("waiting for an answer")?;
            ensure!(read > 0, "the server closed the connection");
            let now = Instant::now();
            self.answer.extend_from_slice(&self.room[..read]);
            if shape.is_none() {
                shape = Shape::of(&self.answer)?;
                let end = self.answer.windows(4).position(|four| four == b"\r\n\r\n");
                body = end.map(|end| end + 4);
            }
            if first.is_none() && body.is_some_and(|body| self.answer.len() > body) {
                first = Some(now);
            }
            if shape.is_some_and(|shape: Shape| shape.is_whole(&self.answer)) {
                return Ok(Taken {
                    first: first.unwrap_or(now).saturating_duration_since(begun),
                    whole: now.saturating_duration_since(begun),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn percentiles_are_of_sorted_times() {
        let times = (1..=101).rev().map(Duration::from_millis).collect();
        let found = Percentiles::of(times);
        assert_eq!((found.p50, found.p99), (51.0, 100.0));
        assert!(Percentiles::of(Vec::new()).p50.is_nan());
    }

    #[test]
    fn the_first_piece_is_told_apart_from_the_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            let mut room = [0; 4096];
            while stream.read(&mut room).is_ok_and(|read| read > 0) {
                let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n";
                stream.write_all(head.as_bytes()).expect("sent");
                sleep(Duration::from_millis(30));
                if stream.write_all(b"0\r\n\r\n").is_err() {
                    break;
                }
            }
        });
        let process = Process {
            id: std::process::id(),
            address,
        };
        let request = Request {
            path: "/".to_owned(),
            body: None,
        };
        let time = Duration::from_millis(400);
        let delays = measure(process, &request, 1, 10.0, time).expect("answers");
        assert!(delays.whole.p50 >= 30.0, "{delays:?}");
        assert!(delays.first.p50 < delays.whole.p50, "{delays:?}");
        server.join().expect("the server ends with its caller");
    }
}
