//! Requests at a given rate: what an answer takes when the server is not driven to its limit.
//!
//! One thread asks over all connections. A thread for each would have to be woken for every answer, which costs about
//! as much as the answer itself and fills the processors that are measured. A runtime's timers tick in milliseconds,
//! so that requests would come in bunches, and what is measured here is a tenth of one.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    os::fd::{AsFd as _, OwnedFd},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, CreateFlags, Event, EventData, EventFlags},
    io::Errno,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create,
        timerfd_settime,
    },
};

use crate::bench::http::load::{Process, Request, Shape};

/// What is read at once.
const ROOM: usize = 64 << 10;
/// Events that are taken at once.
const EVENTS: usize = 256;
/// Longest wait for the last answers.
const PATIENCE: Duration = Duration::from_mins(1);
/// What wakes the thread although nothing has come: it looks whether it has waited for too long.
const LOOK: Duration = Duration::from_secs(1);

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
///
/// The first answer of each connection is not counted: the server opens connections of its own for it.
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
    let mut callers = Callers::open(process, request, at_once)?;
    callers.ask_each_once()?;
    let taken = callers.ask_at(Duration::from_secs_f64(1.0 / per_second), time)?;
    ensure!(!taken.is_empty(), "nothing was answered in time");
    Ok(Delays {
        first: Percentiles::of(taken.iter().map(|one| one.first).collect()),
        whole: Percentiles::of(taken.iter().map(|one| one.whole).collect()),
    })
}

/// All connections, and what tells which of them has something to be read.
struct Callers {
    request: Vec<u8>,
    all: Vec<Caller>,
    ready: Ready,
    room: Vec<u8>,
}

impl Callers {
    fn open(process: Process, request: &Request, at_once: usize) -> Result<Self> {
        let ready = Ready::new()?;
        let all = (0..at_once)
            .map(|nth| {
                let caller = Caller::open(process)?;
                ready.add(&caller.stream, nth)?;
                Ok(caller)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            request: request.bytes(process.address),
            all,
            ready,
            room: vec![0; ROOM],
        })
    }

    fn ask_each_once(&mut self) -> Result<()> {
        let now = Instant::now();
        for caller in &mut self.all {
            caller.ask(&self.request, now)?;
        }
        self.read_all(&mut Vec::new())
    }

    /// Asks whenever the interval has passed, the next of the connections each time.
    fn ask_at(&mut self, interval: Duration, time: Duration) -> Result<Vec<Taken>> {
        let mut taken = Vec::new();
        let (started, mut nth) = (Instant::now(), 0);
        // Begun after the time was taken: when it wakes the thread, what it wakes it for is due.
        self.ready.wake_every(interval)?;
        let (mut due, until) = (started + interval, started + time);
        while due < until {
            let now = Instant::now();
            while due <= now && due < until {
                let next = nth % self.all.len();
                let caller = &mut self.all[next];
                if caller.is_waiting() {
                    caller.owed.push_back(due);
                } else {
                    // However late the system wakes the thread: that is not the server's doing.
                    caller.ask(&self.request, Instant::now())?;
                }
                nth += 1;
                due += interval;
            }
            self.read_into(&mut taken)?;
        }
        self.read_all(&mut taken)?;
        Ok(taken)
    }

    /// Reads until no answer is awaited any more.
    fn read_all(&mut self, taken: &mut Vec<Taken>) -> Result<()> {
        let begun = Instant::now();
        self.ready.wake_every(LOOK)?;
        while self.all.iter().any(Caller::is_waiting) {
            ensure!(begun.elapsed() < PATIENCE, "an answer did not come");
            self.read_into(taken)?;
        }
        Ok(())
    }

    /// Waits until something can be read or the clock ticks; whole answers are put beside those that were taken.
    fn read_into(&mut self, taken: &mut Vec<Taken>) -> Result<()> {
        for nth in self.ready.wait()? {
            let Some(caller) = self.all.get_mut(nth) else {
                continue;
            };
            let Some(one) = caller.read(&mut self.room)? else {
                continue;
            };
            taken.push(one);
            // An answer that took longer than the interval delays the next request, which counts.
            if let Some(due) = caller.owed.pop_front() {
                caller.ask(&self.request, due)?;
            }
        }
        Ok(())
    }
}

/// Connections to be read, and a clock.
struct Ready {
    epoll: OwnedFd,
    clock: OwnedFd,
    events: Vec<Event>,
}

impl Ready {
    /// What the clock's events carry; no connection has that number.
    const CLOCK: u64 = u64::MAX;

    fn new() -> Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let clock = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        let data = EventData::new_u64(Self::CLOCK);
        epoll::add(&epoll, &clock, data, EventFlags::IN)?;
        Ok(Self {
            epoll,
            clock,
            events: Vec::with_capacity(EVENTS),
        })
    }

    fn add(&self, stream: &TcpStream, nth: usize) -> Result<()> {
        let data = EventData::new_u64(nth as u64);
        Ok(epoll::add(
            &self.epoll,
            stream.as_fd(),
            data,
            EventFlags::IN,
        )?)
    }

    fn wake_every(&self, interval: Duration) -> Result<()> {
        let interval = interval.try_into()?;
        let ticks = Itimerspec {
            it_interval: interval,
            it_value: interval,
        };
        timerfd_settime(&self.clock, TimerfdTimerFlags::empty(), &ticks)?;
        Ok(())
    }

    /// The numbers of those that can be read; none where the clock alone has ticked.
    fn wait(&mut self) -> Result<Vec<usize>> {
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("waiting for answers"),
        }
        let mut numbers = Vec::with_capacity(self.events.len());
        for event in &self.events {
            match event.data.u64() {
                Self::CLOCK => self.rewind()?,
                number => numbers.push(number as usize),
            }
        }
        Ok(numbers)
    }

    /// Has the clock go on: one that has ticked stands until that is read.
    fn rewind(&self) -> Result<()> {
        let mut ticks = [0; size_of::<u64>()];
        match rustix::io::read(&self.clock, &mut ticks) {
            // Set anew since it ticked, it has nothing to be read.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(error) => Err(error).context("reading the clock"),
        }
    }
}

/// A connection that is kept, and what waits on it.
struct Caller {
    stream: TcpStream,
    /// Since when its answer counts; nothing where none is awaited.
    begun: Option<Instant>,
    /// When requests were due that could not be sent, for an answer was awaited.
    owed: VecDeque<Instant>,
    answer: Answer,
}

impl Caller {
    fn open(process: Process) -> Result<Self> {
        let stream = TcpStream::connect(process.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            begun: None,
            owed: VecDeque::new(),
            answer: Answer::default(),
        })
    }

    fn is_waiting(&self) -> bool {
        self.begun.is_some()
    }

    fn ask(&mut self, request: &[u8], begun: Instant) -> Result<()> {
        // It is small, and the answer before it was read: there is room for it.
        self.stream.write_all(request).context("asking")?;
        self.begun = Some(begun);
        self.answer.clear();
        Ok(())
    }

    /// Reads what is there; the answer, if that was the last of it.
    fn read(&mut self, room: &mut [u8]) -> Result<Option<Taken>> {
        let read = match self.stream.read(room) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error).context("waiting for an answer"),
        };
        ensure!(read > 0, "the server closed the connection");
        let now = Instant::now();
        let Some(begun) = self.begun else {
            bail!("the server says something that was not asked for");
        };
        if !self.answer.take(&room[..read], now)? {
            return Ok(None);
        }
        self.begun = None;
        Ok(Some(Taken {
            first: self
                .answer
                .first
                .unwrap_or(now)
                .saturating_duration_since(begun),
            whole: now.saturating_duration_since(begun),
        }))
    }
}

/// What has come of an answer.
#[derive(Debug, Default)]
struct Answer {
    bytes: Vec<u8>,
    shape: Option<Shape>,
    /// When the first byte of its body came.
    first: Option<Instant>,
}

impl Answer {
    fn clear(&mut self) {
        self.bytes.clear();
        (self.shape, self.first) = (None, None);
    }

    /// Takes what has come now; whether that was the last of it.
    fn take(&mut self, bytes: &[u8], now: Instant) -> Result<bool> {
        self.bytes.extend_from_slice(bytes);
        if self.shape.is_none() {
            self.shape = Shape::of(&self.bytes)?;
        }
        let Some(shape) = self.shape else {
            return Ok(false);
        };
        if self.first.is_none() {
            let end = self.bytes.windows(4).position(|four| four == b"\r\n\r\n");
            self.first = end.filter(|end| self.bytes.len() > end + 4).map(|_| now);
        }
        Ok(shape.is_whole(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        thread::{JoinHandle, sleep},
    };

    use super::*;

    /// What a server of these tests answers with, in two pieces.
    const PIECES: [&[u8]; 2] = [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
        b"0\r\n\r\n",
    ];

    /// A server of so many callers that waits so long before the second piece; it ends with its callers.
    fn serve(callers: usize, pause: Duration) -> (Process, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = std::thread::spawn(move || {
            std::thread::scope(|scope| {
                for _ in 0..callers {
                    let (mut stream, _) = listener.accept().expect("a caller");
                    scope.spawn(move || {
                        let mut room = [0; 4096];
                        while stream.read(&mut room).is_ok_and(|read| read > 0) {
                            stream.write_all(PIECES[0]).expect("sent");
                            sleep(pause);
                            if stream.write_all(PIECES[1]).is_err() {
                                break;
                            }
                        }
                    });
                }
            });
        });
        let id = std::process::id();
        (Process { id, address }, server)
    }

    fn request() -> Request {
        Request {
            path: "/".to_owned(),
            body: None,
        }
    }

    /// What one caller of such a server waits.
    fn measured(pause: Duration, per_second: f64, time: Duration) -> Delays {
        let (process, server) = serve(1, pause);
        let delays = measure(process, &request(), 1, per_second, time).expect("answers");
        server.join().expect("the server ends with its callers");
        delays
    }

    #[test]
    fn percentiles_are_of_sorted_times() {
        let times = (1..=101).rev().map(Duration::from_millis).collect();
        let found = Percentiles::of(times);
        assert_eq!((found.p50, found.p99), (51.0, 100.0));
        assert!(Percentiles::of(Vec::new()).p50.is_nan());
    }

    #[test]
    fn the_first_piece_is_told_apart_from_the_whole() {
        let time = Duration::from_millis(400);
        let delays = measured(Duration::from_millis(30), 10.0, time);
        assert!(delays.whole.p50 >= 30.0, "{delays:?}");
        assert!(delays.first.p50 < delays.whole.p50, "{delays:?}");
    }

    #[test]
    fn each_connection_has_its_turn_and_the_rate_is_held() {
        let (process, server) = serve(4, Duration::ZERO);
        let mut callers = Callers::open(process, &request(), 4).expect("connections");
        callers.ask_each_once().expect("first answers");
        let interval = Duration::from_millis(2);
        let taken = callers.ask_at(interval, Duration::from_millis(201));
        // The hundredth is due at 200 ms.
        assert_eq!(taken.expect("answers").len(), 100);
        drop(callers);
        server.join().expect("the server ends with its callers");
    }

    #[test]
    fn a_request_that_waits_for_the_answer_before_it_counts_from_when_it_was_due() {
        // Twice as many are asked for as are answered: the last of them waits for about as long as was asked.
        let time = Duration::from_millis(300);
        let delays = measured(Duration::from_millis(10), 200.0, time);
        assert!(delays.whole.p99 >= 200.0, "{delays:?}");
    }
}
