//! The scheduler over a scripted network: what is told, in which order, out of how much memory.

mod scripted;

mod company;
mod failures;
mod memory;

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use tidegate_schema::{Error, Result};
use tokio::sync::{
    Semaphore,
    mpsc::{UnboundedReceiver, unbounded_channel},
};

use self::scripted::{Failure, POISON, Scripted, follow, words};
use super::*;
use crate::workers::{
    Chunk, FinishReason, GenerateRequest, metrics,
    torch::{
        plan::Plan,
        sampling::{Defaults, Sampling},
    },
};

/// Bounds that nothing comes near to.
const WIDE: Bounds = Bounds {
    sequences: 16,
    chunk: 64,
    window: scripted::WINDOW,
    kv_bytes: 1 << 30,
    per_token: scripted::PER_TOKEN,
};

fn scheduler(network: Scripted, bounds: Bounds, name: &str) -> Scheduler<Scripted> {
    let shared = (Arc::default(), Health::default());
    let metrics = metrics::shared().model(name);
    Scheduler::new(name, network, bounds, metrics, shared, Box::new(|| ()))
}

fn plan(prompt: &[u32], limit: usize) -> Plan {
    let sampling = Sampling::new(
        &GenerateRequest::default(),
        &Defaults::default(),
        scripted::VOCABULARY,
    )
    .expect("nothing is asked");
    Plan {
        prompt: prompt.to_vec(),
        choices: 1,
        tries: 1,
        sampling: Arc::new(sampling),
        seed: 0,
        stops: Vec::new(),
        stop_ids: Vec::new(),
        ends: Vec::new(),
        ignore_ends: false,
        constraint: None,
        reader: None,
        limit,
        least: 0,
        logprobs: None,
        echo: None,
        deadline: None,
        allowed: None,
        cacheable: true,
        fair_key: None,
        tokens: scripted::tokens(),
    }
}

/// Who listens to a request.
struct Listener(UnboundedReceiver<Result<Chunk>>);

fn job(plan: Plan) -> (Job, Listener) {
    let (chunks, told) = unbounded_channel();
    let admission = Arc::new(Semaphore::new(1))
        .try_acquire_owned()
        .expect("one is free");
    let job = Job {
        plan,
        came: Instant::now(),
        chunks,
        _admission: admission,
    };
    (job, Listener(told))
}

fn ask(scheduler: &mut Scheduler<Scripted>, plan: Plan) -> Listener {
    let (job, listener) = job(plan);
    scheduler.take_in(job);
    listener
}

fn run(scheduler: &mut Scheduler<Scripted>) {
    let mut rounds = 0;
    while !scheduler.is_idle() {
        scheduler.round();
        rounds += 1;
        assert!(rounds < 100_000, "it never ends");
    }
}

/// What one answer came to.
#[derive(Debug, Default, PartialEq)]
struct Told {
    text: String,
    end: Option<(FinishReason, u32)>,
}

impl Listener {
    /// Everything told so far, by answer, or why it failed.
    fn all(&mut self, choices: usize) -> Result<Vec<Told>> {
        let mut all: Vec<Told> = (0..choices).map(|_| Told::default()).collect();
        while let Ok(chunk) = self.0.try_recv() {
            match chunk? {
                Chunk::Text(piece) => all[piece.choice as usize].text += &piece.text,
                Chunk::End {
                    choice,
                    finish,
                    usage,
                    ..
                } => {
                    let one = &mut all[choice as usize];
                    assert_eq!(one.end, None, "one end each");
                    one.end = Some((finish, usage.completion_tokens));
                }
                other => panic!("unexpected {other:?}"),
            }
        }
        Ok(all)
    }

    fn text(&mut self) -> String {
        let told = self.all(1).expect("no failure");
        assert!(told[0].end.is_some(), "it is over");
        told[0].text.clone()
    }

    fn failure(&mut self) -> Error {
        self.all(1).expect_err("it has failed")
    }
}

/// Prompts that have nothing in common, of these lengths.
fn prompts(lengths: &[usize]) -> Vec<Vec<u32>> {
    lengths
        .iter()
        .enumerate()
        .map(|(number, &length)| {
            (0..length)
                .map(|at| scripted::wrap(2 + 7 * number + (number + 3) * at))
                .collect()
        })
        .collect()
}

#[test]
fn an_idle_model_waits_and_a_closed_one_ends() {
    let scheduler = scheduler(Scripted::new(), WIDE, "tests/idle");
    let (jobs, taken) = mpsc::channel();
    let thread = std::thread::spawn(move || scheduler.serve(&taken));
    let (job, mut listener) = job(plan(&[2, 3, 4], 5));
    jobs.send(job).expect("it listens");
    let deadline = Instant::now() + Duration::from_mins(1);
    while !listener.0.is_closed() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(listener.text(), words(&[2, 3, 4], 5));
    drop(jobs);
    thread.join().expect("it ends by itself");
}

#[test]
fn an_answer_that_is_cut_by_the_models_end_has_no_end() {
    let mut scheduler = scheduler(Scripted::new(), WIDE, "tests/cut");
    let mut listener = ask(&mut scheduler, plan(&[2, 3, 4], 50));
    scheduler.round();
    drop(scheduler);
    let told = listener.all(1).expect("no failure");
    assert_eq!(told[0].end, None);
    assert!(listener.0.is_closed());
}
