//! Threads that work together on one thing at a time, the caller being one of them.
//!
//! A step of a model is hundreds of short pieces of work, so handing one out must cost about a microsecond: the threads
//! wait for the next by spinning for some tens of microseconds, then by yielding, and only then asleep. Parts are
//! claimed, not assigned: a thread that is asleep or has lost its core leaves its part to the others instead of being
//! waited for, so a busy machine costs its share and no more.

#![expect(
    unsafe_code,
    reason = "the work is borrowed from the caller's stack, which the type system cannot see outlives its parts"
)]

use std::{
    any::Any,
    cell::{Cell, UnsafeCell},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use crate::{level::Level, product::Scratch};

/// How often a thread looks for news before it yields: some tens of microseconds.
const SPINS: usize = 1500;

/// How often it then yields before it sleeps.
const YIELDS: usize = 100;

/// The most threads a team may have; more is a mistake in a setting.
const MOST: usize = 256;

thread_local! {
    /// Whether this thread is at work for a team: work within work is done by the thread alone.
    static AT_WORK: Cell<bool> = const { Cell::new(false) };
}

/// Threads that work together. They are started with the first work, and end with the team.
pub struct Team {
    threads: usize,
    shared: Arc<Shared>,
    handles: OnceLock<Vec<JoinHandle<()>>>,
    /// One piece of work at a time.
    gate: Mutex<()>,
    /// What a product keeps between calls, so that it need not allocate.
    scratch: Mutex<Scratch>,
}

struct Shared {
    /// Upper half: which piece of work this is. Lower half: parts nobody has claimed.
    state: AtomicU64,
    /// Parts not yet done.
    running: AtomicUsize,
    job: UnsafeCell<Option<Job>>,
    /// The first panic of a part.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    stop: AtomicBool,
    /// Threads asleep for want of work.
    sleeping: AtomicUsize,
    bed: Mutex<()>,
    wake: Condvar,
    /// Whether the caller sleeps until the last part is done.
    waiting: AtomicBool,
    chair: Mutex<()>,
    done: Condvar,
}

#[derive(Clone, Copy)]
struct Job {
    work: &'static (dyn Fn(usize, usize) + Sync),
    parts: usize,
    forced: Option<Level>,
}

// SAFETY: `job` is written only by the holder of the gate while no part is claimed or running, and read only by who has
// claimed a part of it; the claim is an acquire on the `state` that the writer released.
unsafe impl Sync for Shared {}

// SAFETY: the only thing that is not `Send` by itself is the reference to the work, which is `Sync`.
unsafe impl Send for Shared {}

impl Team {
    /// A team of `threads` (at least one, the caller).
    pub fn new(threads: usize) -> Self {
        Self {
            threads: threads.clamp(1, MOST),
            shared: Arc::new(Shared {
                state: AtomicU64::new(0),
                running: AtomicUsize::new(0),
                job: UnsafeCell::new(None),
                panic: Mutex::new(None),
                stop: AtomicBool::new(false),
                sleeping: AtomicUsize::new(0),
                bed: Mutex::new(()),
                wake: Condvar::new(),
                waiting: AtomicBool::new(false),
                chair: Mutex::new(()),
                done: Condvar::new(),
            }),
            handles: OnceLock::new(),
            gate: Mutex::new(()),
            scratch: Mutex::new(Scratch::default()),
        }
    }

    /// How many threads work, the caller included.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Calls `work(part, parts)` once for each of `parts` (the number of threads) parts, on all threads, and returns
    /// when all are done. Which thread does which part is open, and one may do several.
    ///
    /// Called from within a part it does all parts on the calling thread.
    ///
    /// # Panics
    ///
    /// With the first panic of a part, after all have ended; the team stays usable.
    pub fn run(&self, work: &(dyn Fn(usize, usize) + Sync)) {
        let parts = self.threads;
        if parts == 1 || AT_WORK.get() {
            (0..parts).for_each(|part| work(part, parts));
            return;
        }
        let gate = lock(&self.gate);
        self.handles.get_or_init(|| self.start());
        let shared = &*self.shared;
        // SAFETY: the reference is used by claimed parts only, and this function does not return before all are done.
        let work = unsafe {
            std::mem::transmute::<
                &(dyn Fn(usize, usize) + Sync),
                &'static (dyn Fn(usize, usize) + Sync),
            >(work)
        };
        shared.running.store(parts, Ordering::Relaxed);
        // SAFETY: the gate is held and the last work is done: nobody reads.
        unsafe {
            *shared.job.get() = Some(Job {
                work,
                parts,
                forced: Level::forced(),
            });
        }
        let next = (shared.state.load(Ordering::Relaxed) >> 32).wrapping_add(1) << 32;
        shared.state.store(next | parts as u64, Ordering::SeqCst);
        if shared.sleeping.load(Ordering::SeqCst) > 0 {
            drop(lock(&shared.bed));
            shared.wake.notify_all();
        }
        while shared.take_part() {}
        shared.wait();
        let panic = lock(&shared.panic).take();
        drop(gate);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// What products keep between calls.
    pub(crate) fn scratch(&self) -> MutexGuard<'_, Scratch> {
        lock(&self.scratch)
    }

    /// Starts the other threads. One that cannot be started is done without: its parts fall to the others.
    fn start(&self) -> Vec<JoinHandle<()>> {
        (1..self.threads)
            .filter_map(|number| {
                let shared = Arc::clone(&self.shared);
                std::thread::Builder::new()
                    .name(format!("kernels-{number}"))
                    .spawn(move || shared.serve())
                    .ok()
            })
            .collect()
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        drop(lock(&self.shared.bed));
        self.shared.wake.notify_all();
        for handle in self.handles.take().into_iter().flatten() {
            // A part's panic was caught and told to its caller.
            let _ = handle.join();
        }
    }
}

impl std::fmt::Debug for Team {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Team")
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// A thread's life: parts, and waiting for parts.
    fn serve(&self) {
        let mut idle = 0;
        while !self.stop.load(Ordering::Relaxed) {
            if self.take_part() {
                idle = 0;
                continue;
            }
            idle += 1;
            if idle < SPINS {
                std::hint::spin_loop();
            } else if idle < SPINS + YIELDS {
                std::thread::yield_now();
            } else {
                self.sleep();
                idle = 0;
            }
        }
    }

    /// Claims and does one part. False if there is none.
    fn take_part(&self) -> bool {
        let mut state = self.state.load(Ordering::Acquire);
        let part = loop {
            let left = unclaimed(state);
            if left == 0 {
                return false;
            }
            match self.state.compare_exchange_weak(
                state,
                state - 1,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => break left as usize - 1,
                Err(now) => state = now,
            }
        };
        // SAFETY: a part of this job is claimed and not done, so nobody writes.
        let job = unsafe { *self.job.get() };
        if let Some(job) = job {
            let before = (AT_WORK.replace(true), Level::forced());
            Level::adopt(job.forced);
            let outcome = catch_unwind(AssertUnwindSafe(|| (job.work)(part, job.parts)));
            Level::adopt(before.1);
            AT_WORK.set(before.0);
            if let Err(panic) = outcome {
                lock(&self.panic).get_or_insert(panic);
            }
        }
        if self.running.fetch_sub(1, Ordering::SeqCst) == 1 && self.waiting.load(Ordering::SeqCst) {
            drop(lock(&self.chair));
            self.done.notify_all();
        }
        true
    }

    /// Waits until all parts are done.
    fn wait(&self) {
        for turn in 0..SPINS + YIELDS {
            if self.running.load(Ordering::Acquire) == 0 {
                return;
            }
            if turn < SPINS {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        let mut chair = lock(&self.chair);
        self.waiting.store(true, Ordering::SeqCst);
        while self.running.load(Ordering::SeqCst) != 0 {
            chair = self
                .done
                .wait(chair)
                .unwrap_or_else(PoisonError::into_inner);
        }
        self.waiting.store(false, Ordering::SeqCst);
    }

    /// Sleeps until there is work or the team ends.
    fn sleep(&self) {
        let mut bed = lock(&self.bed);
        self.sleeping.fetch_add(1, Ordering::SeqCst);
        while unclaimed(self.state.load(Ordering::SeqCst)) == 0 && !self.stop.load(Ordering::SeqCst)
        {
            bed = self.wake.wait(bed).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleeping.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The parts of a state that nobody has claimed.
const fn unclaimed(state: u64) -> u32 {
    state as u32
}

/// A panic cannot have left anything behind these locks half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
