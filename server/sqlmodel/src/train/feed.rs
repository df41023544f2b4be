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

use tch::{Device, Kind};

use super::prepare::{Task, Workshop};
use crate::net::{batch::Batch, batch::Instance, tokens::Tokens};

/// Batches waiting at most.
const WAITING: usize = 8;
/// Batches cut from one sorted drawing: alike in size, so little is padded.
const DRAWN: usize = 4;

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
    /// Starts one worker per source.
    pub fn start(sources: Vec<Draw>, tokens: &Arc<Tokens>, making: Making) -> Self {
        let (sender, batches) = sync_channel(WAITING);
        let stop = Arc::new(AtomicBool::new(false));
        let refused = Arc::new(Mutex::new(BTreeMap::new()));
        let workers = sources
            .into_iter()
            .map(|draw| {
                let worker = Worker {
                    draw,
                    workshop: Workshop::new(tokens.clone()),
                    making,
                    sender: sender.clone(),
                    stop: stop.clone(),
                    refused: refused.clone(),
                };
                std::thread::spawn(move || worker.run())
            })
            .collect();
        Self { batches: Some(batches), workers, stop, refused }
    }

    /// The next batch; `None` once all sources have dried up.
    pub fn next(&self) -> Option<Batch> {
        self.batches.as_ref()?.recv().ok()
    }

    /// How many examples could not be used so far, by reason.
    pub fn refused(&self) -> BTreeMap<String, u64> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
    making: Making,
    sender: SyncSender<Batch>,
    stop: Arc<AtomicBool>,
    refused: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Worker {
    fn run(mut self) {
        let wanted = DRAWN * self.making.size;
        while !self.stop.load(Ordering::Relaxed) {
            let mut drawn: Vec<Instance> = Vec::with_capacity(wanted);
            let mut dry = false;
            while drawn.len() < wanted && !self.stop.load(Ordering::Relaxed) {
                let Some(task) = (self.draw)() else {
                    dry = true;
                    break;
                };
                match self.workshop.instance(&task) {
                    Ok(instance) => drawn.push(instance),
                    Err(reason) => self.refuse(&reason),
                }
            }
            drawn.sort_by_key(|one| (one.features.items(), one.lesson.targets.len()));
            for part in drawn.chunks(self.making.size) {
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
