//! Training the built-in model on generated questions.
//!
//! - [`prepare`]: an example as the network takes it.
//! - [`reader`]: what the sentence encoder says of it, as long as that does not change.
//! - [`feed`]: threads that make batches.
//! - [`optimiser`]: steps, averaging, state on disk.
//! - [`evaluate`]: how often the answer is right.
//! - [`course`]: the generator's examples, and those set aside.
//! - [`train`]: the loop over all of these.

pub mod course;
pub mod evaluate;
pub mod examine;
pub mod feed;
pub mod optimiser;
pub mod prepare;
pub mod reader;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use tch::{Device, Kind, Tensor};

use self::{
    course::Course,
    evaluate::{Held, Tally, evaluate},
    feed::{Feed, Making},
    optimiser::{Optimiser, rate},
    prepare::Workshop,
    reader::Reader,
};
use crate::net::{
    NetError,
    confidence::Calibration,
    encoder::Encoder,
    model::{Config, Net, Regularisation},
    tokens::Tokens,
};

/// What a training run is told.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Folder of the sentence encoder.
    pub encoder: PathBuf,
    /// Where the weights go.
    pub out: PathBuf,
    /// Where the state to resume from goes; beside the weights by default.
    pub state: PathBuf,
    /// Go on from the state, or from the weights where there is no state.
    pub resume: bool,
    /// Seconds this run may take.
    pub seconds: Option<f64>,
    /// Seconds of the whole training, over all runs; the learning rate falls to nothing by then.
    pub whole: Option<f64>,
    /// Steps this run may take.
    pub steps: Option<u64>,
    /// Seed of weights and examples.
    pub seed: u64,
    /// Sizes of the network, unless it is resumed from weights.
    pub config: Config,
    /// Examples per step.
    pub batch: usize,
    /// How often a drawn question is used.
    pub repeat: usize,
    /// Questions with more words, tables and columns than this are not learnt from.
    pub items: usize,
    /// Worker threads.
    pub workers: usize,
    /// Highest learning rate.
    pub peak: f64,
    /// Steps until it is reached.
    pub warmup: u64,
    /// Dropout and the like.
    pub how: Regularisation,
    /// Where to compute.
    pub device: Device,
    /// In which precision.
    pub kind: Kind,
    /// In which precision an unchanging sentence encoder is asked.
    pub reading: Kind,
    /// Seconds between two evaluations.
    pub evaluate: f64,
    /// Seconds between two saves.
    pub save: f64,
    /// Steps between two reports.
    pub report: u64,
}

/// News of a training run.
#[derive(Debug, Clone)]
pub enum News {
    /// What there is to train and to test on.
    Start {
        /// Values in the network.
        weights: i64,
        /// Questions set aside, by set.
        held: BTreeMap<String, usize>,
        /// Questions set aside that cannot be used, with the reason.
        refused: Vec<String>,
        /// Steps taken in earlier runs.
        steps: u64,
    },
    /// How it goes.
    Progress {
        /// Steps so far.
        steps: u64,
        /// Seconds so far.
        seconds: f64,
        /// Mean loss of the steps since the last report, per question.
        loss: f64,
        /// Mean share of questions with every step right.
        right: f64,
        /// Learning rate.
        rate: f64,
        /// Questions per second.
        speed: f64,
        /// Share of time spent waiting for batches.
        waiting: f64,
    },
    /// Right answers on questions set aside.
    Evaluation {
        /// Steps so far.
        steps: u64,
        /// By set.
        tallies: BTreeMap<String, Tally>,
    },
    /// The weights were written.
    Saved {
        /// Where.
        path: PathBuf,
        /// How large the file is.
        bytes: usize,
    },
    /// Generated examples that could not be used, by reason.
    Refused(BTreeMap<String, u64>),
}

/// Trains; tells `news` how it goes.
pub fn train(plan: &Plan, course: &Course, news: &mut dyn FnMut(&News)) -> Result<(), NetError> {
    let started = Instant::now();
    let tokens = Arc::new(Tokens::load(&plan.encoder)?);
    let encoder = Encoder::load(&plan.encoder, plan.kind, plan.device)?;
    let net = Net::new(plan.config.clone(), &encoder);
    let mut workshop = Workshop::new(tokens.clone());
    let (mut held, refused) = evaluate::hold(&mut workshop, course.held_out());
    let frozen = plan.config.rank == 0;
    if frozen {
        let mut reader = Reader::new(Encoder::load(&plan.encoder, Kind::Float, Device::Cpu)?);
        evaluate::read_ahead(&mut reader, &mut held)?;
    }
    let readers = (0..if frozen { plan.workers } else { 0 })
        .map(|_| {
            Ok(Reader::new(Encoder::load(
                &plan.encoder,
                plan.reading,
                Device::Cpu,
            )?))
        })
        .collect::<Result<_, NetError>>()?;
    let mut optimiser = begin(plan, &net)?;
    let before = optimiser.seconds;
    let mut sets: BTreeMap<String, usize> = BTreeMap::new();
    for one in &held {
        *sets.entry(one.split.clone()).or_default() += 1;
    }
    news(&News::Start {
        weights: net.layout.len(),
        held: sets,
        refused: refused
            .iter()
            .map(|(split, task, reason)| format!("{split}: {}: {reason}", task.question.text))
            .chain(course.written_refused().iter().cloned())
            .collect(),
        steps: optimiser.steps,
    });
    let seed = plan.seed.wrapping_add(optimiser.steps.wrapping_mul(7919));
    let sources = course.sources(plan.workers, seed);
    let making = Making {
        size: plan.batch,
        kind: plan.kind,
        device: plan.device,
        repeat: plan.repeat,
        items: plan.items,
    };
    let feed = Feed::start(sources, &tokens, readers, making);
    let whole = plan.whole.or(plan.seconds.map(|seconds| before + seconds));
    let first = optimiser.steps;
    let mut window = Window::new(plan.device);
    let (mut evaluated, mut saved) = (Instant::now(), Instant::now());
    loop {
        let elapsed = started.elapsed().as_secs_f64();
        optimiser.seconds = before + elapsed;
        let taken = optimiser.steps - first;
        let over = plan.seconds.is_some_and(|limit| elapsed >= limit)
            || plan.steps.is_some_and(|limit| taken >= limit);
        if over {
            break;
        }
        let waited = Instant::now();
        let Some(batch) = feed.next() else { break };
        window.waiting += waited.elapsed().as_secs_f64();
        let share = match (whole, plan.steps) {
            (Some(whole), _) => optimiser.seconds / whole,
            (None, Some(steps)) => taken as f64 / steps as f64,
            (None, None) => 0.0,
        };
        let now = rate(plan.peak, optimiser.steps, plan.warmup, share);
        let weights = net.layout.cut(&optimiser.flat, plan.kind);
        let merged = encoder.merge(&net.changes, &weights);
        let losses = net.losses(&weights, &merged, &batch, plan.how);
        losses.total.backward();
        optimiser.step(now);
        window.add(&losses.steps, &losses.right, batch.size);
        if optimiser.steps.is_multiple_of(plan.report) {
            news(&window.report(&optimiser, now));
            window = Window::new(plan.device);
        }
        if evaluated.elapsed().as_secs_f64() >= plan.evaluate {
            tell(plan, &net, &encoder, &optimiser, &held, news)?;
            evaluated = Instant::now();
        }
        if saved.elapsed().as_secs_f64() >= plan.save {
            save(plan, &net, &optimiser, news)?;
            saved = Instant::now();
        }
    }
    news(&News::Refused(feed.refused()));
    drop(feed);
    save(plan, &net, &optimiser, news)?;
    tell(plan, &net, &encoder, &optimiser, &held, news)
}

fn begin(plan: &Plan, net: &Net) -> Result<Optimiser, NetError> {
    let fresh = net.layout.initial(plan.seed as i64);
    if !plan.resume {
        return Ok(Optimiser::new(&net.layout, &fresh, plan.device));
    }
    if plan.state.exists() {
        let mut optimiser = Optimiser::new(&net.layout, &fresh, plan.device);
        optimiser.resume(&plan.state)?;
        return Ok(optimiser);
    }
    let bytes = std::fs::read(&plan.out).map_err(|error| {
        NetError::Weights(format!(
            "{} cannot be resumed from: {error}",
            plan.out.display()
        ))
    })?;
    let flat = net.layout.from_bytes(&bytes)?;
    let mut optimiser = Optimiser::new(&net.layout, &flat, plan.device);
    let about = crate::net::weights::metadata(&bytes)?;
    let number = |name: &str| about.get(name).and_then(|text| text.parse::<f64>().ok());
    optimiser.seconds = number("seconds").unwrap_or_default();
    Ok(optimiser)
}

fn tell(
    plan: &Plan,
    net: &Net,
    encoder: &Encoder,
    optimiser: &Optimiser,
    held: &[Held],
    news: &mut dyn FnMut(&News),
) -> Result<(), NetError> {
    let weights = tch::no_grad(|| net.layout.cut(&optimiser.average, plan.kind));
    let tallies = evaluate(net, &weights, encoder, held, plan.kind, plan.device)?;
    news(&News::Evaluation {
        steps: optimiser.steps,
        tallies,
    });
    Ok(())
}

fn save(
    plan: &Plan,
    net: &Net,
    optimiser: &Optimiser,
    news: &mut dyn FnMut(&News),
) -> Result<(), NetError> {
    let about = about(
        net,
        &Calibration::default(),
        optimiser.steps,
        optimiser.seconds,
    )?;
    let bytes = net.layout.to_bytes(&optimiser.average, about)?;
    write(&plan.out, &bytes)?;
    optimiser.save(&plan.state)?;
    news(&News::Saved {
        path: plan.out.clone(),
        bytes: bytes.len(),
    });
    Ok(())
}

/// What is stored beside the weights.
pub fn about(
    net: &Net,
    calibration: &Calibration,
    steps: u64,
    seconds: f64,
) -> Result<HashMap<String, String>, NetError> {
    let text = |error: serde_json::Error| NetError::Weights(error.to_string());
    Ok(HashMap::from([
        (
            "config".to_owned(),
            serde_json::to_string(&net.config).map_err(text)?,
        ),
        (
            "calibration".to_owned(),
            serde_json::to_string(calibration).map_err(text)?,
        ),
        ("steps".to_owned(), steps.to_string()),
        ("seconds".to_owned(), format!("{seconds:.0}")),
    ]))
}

/// Writes a file whole or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), NetError> {
    let part = path.with_extension("part");
    std::fs::write(&part, bytes)
        .and_then(|()| std::fs::rename(&part, path))
        .map_err(|error| NetError::Weights(format!("{}: {error}", path.display())))
}

/// What happened since the last report. The losses stay on the device until then.
struct Window {
    started: Instant,
    loss: Tensor,
    right: Tensor,
    steps: u64,
    questions: usize,
    waiting: f64,
}

impl Window {
    fn new(device: Device) -> Self {
        let zero = || Tensor::zeros([1], (Kind::Float, device));
        Self {
            started: Instant::now(),
            loss: zero(),
            right: zero(),
            steps: 0,
            questions: 0,
            waiting: 0.0,
        }
    }

    fn add(&mut self, loss: &Tensor, right: &Tensor, questions: usize) {
        tch::no_grad(|| {
            self.loss += loss;
            self.right += right;
        });
        self.steps += 1;
        self.questions += questions;
    }

    fn report(&self, optimiser: &Optimiser, rate: f64) -> News {
        let steps = self.steps.max(1) as f64;
        // Reading the loss waits for the device, so it comes before the clock is read.
        let loss = self.loss.double_value(&[0]) / steps;
        let seconds = self.started.elapsed().as_secs_f64();
        News::Progress {
            steps: optimiser.steps,
            seconds: optimiser.seconds,
            loss,
            right: self.right.double_value(&[0]) / steps,
            rate,
            speed: self.questions as f64 / seconds,
            waiting: self.waiting / seconds,
        }
    }
}
