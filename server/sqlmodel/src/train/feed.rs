//! Worker threads that turn the generator's examples into batches, ahead of the training loop.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use rand::seq::SliceRandom;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use tch::{Device, Kind};

use super::{
    prepare::{Task, Workshop},
    reader::Reader,
};
use crate::net::{batch::Batch, batch::Instance, tokens::Tokens};

/// Batches waiting at most.
const WAITING: usize = 8;
/// Batches cut from one sorted drawing: alike in size, so little is padded.
const DRAWN: usize = 8;

/// Where a worker's tasks come from.
pub type Draw = Box<dyn FnMut() -> Option<Task> + Send>;

/// How batches are made.
#[derive(Debug, Clone, Copy)]
pub struct Making {
    /// Examples per batch.
    pub size: usize,
    /// Precision of the floats.
    pub kind: Kind,
    /// Where they go.
    pub device: Device,
    /// How often every question is used, each time in another batch.
    pub repeat: usize,
    /// Questions with more words, tables and columns than this are left out.
    pub items: usize,
}

/// Running workers and the batches they made.
#[derive(Debug)]
pub struct Feed {
    batches: Option<Receiver<Batch>>,
    workers: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    refused: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Feed {
    /// Starts one worker per source. `readers` has one reader per worker if the sentence encoder stays as it
    /// is, and is empty if it learns too.
    pub fn start(
        sources: Vec<Draw>,
        tokens: &Arc<Tokens>,
        mut readers: Vec<Reader>,
        making: Making,
    ) -> Self {
        let (sender, batches) = sync_channel(WAITING);
        let stop = Arc::new(AtomicBool::new(false));
        let refused = Arc::new(Mutex::new(BTreeMap::new()));
        let workers = sources
            .into_iter()
            .map(|draw| {
                let worker = Worker {
                    draw,
                    workshop: Workshop::new(tokens.clone()),
                    reader: readers.pop(),
                    making,
                    sender: sender.clone(),
                    stop: stop.clone(),
                    refused: refused.clone(),
                };
                std::thread::spawn(move || worker.run())
            })
            .collect();
        Self {
            batches: Some(batches),
            workers,
            stop,
            refused,
        }
    }

    /// The next batch; `None` once all sources have dried up.
    pub fn next(&self) -> Option<Batch> {
        self.batches.as_ref()?.recv().ok()
    }

    /// How many examples could not be used so far, by reason.
    pub fn refused(&self) -> BTreeMap<String, u64> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A worker that waits to send wakes up when nobody can receive any more.
        self.batches = None;
        for worker in self.workers.drain(..) {
            worker.join().ok();
        }
    }
}

struct Worker {
    draw: Draw,
    workshop: Workshop,
    reader: Option<Reader>,
    making: Making,
    sender: SyncSender<Batch>,
    stop: Arc<AtomicBool>,
    refused: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Worker {
    fn run(mut self) {
        let repeat = self.making.repeat.max(1);
        let wanted = DRAWN * self.making.size;
        let mut earlier: Vec<Instance> = Vec::new();
        let mut rng = ChaCha8Rng::seed_from_u64(wanted as u64);
        while !self.stop.load(Ordering::Relaxed) {
            let mut drawn: Vec<Instance> = Vec::with_capacity(wanted);
            let mut dry = false;
            while drawn.len() < wanted / repeat && !self.stop.load(Ordering::Relaxed) {
                let Some(task) = (self.draw)() else {
                    dry = true;
                    break;
                };
                match self.workshop.instance(&task) {
                    Ok(one) if one.features.items() > self.making.items => self.refuse("too large"),
                    Ok(instance) => drawn.push(instance),
                    Err(reason) => self.refuse(&reason),
                }
            }
            if let Some(reader) = &mut self.reader
                && let Err(error) = reader.fill(&mut drawn)
            {
                self.refuse(&error.to_string());
                return;
            }
            if repeat > 1 {
                let fresh = drawn.clone();
                drawn.extend_from_slice(&earlier);
                earlier.extend(fresh);
                let excess = earlier.len().saturating_sub((repeat - 1) * wanted / repeat);
                earlier.drain(..excess);
            }
            drawn.sort_by_key(|one| (one.features.items(), one.lesson.targets.len()));
            let mut parts: Vec<&[Instance]> = drawn.chunks(self.making.size).collect();
            parts.shuffle(&mut rng);
            for part in parts {
                match Batch::gather(part, self.making.kind, self.making.device) {
                    Ok(batch) => {
                        if self.sender.send(batch).is_err() {
                            return;
                        }
                    }
                    Err(error) => self.refuse(&error.to_string()),
                }
            }
            if dry {
                return;
            }
        }
    }

    /// Counts a reason under what does not vary from example to example.
    fn refuse(&self, reason: &str) {
        let reason: String = reason
            .chars()
            .map(|ch| if ch.is_ascii_digit() { '0' } else { ch })
            .take(70)
            .collect();
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(reason).or_default() += 1;
    }
}
