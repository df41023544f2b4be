//! What there is to learn and what is set aside: the generator's examples by split.

use std::{collections::HashSet, path::Path, sync::Arc};

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::{feed::Draw, prepare::Task};
use crate::{
    generate::{Domain, DomainError, Example, Generator, Options, Source, Split},
    net::NetError,
};

/// Questions drawn at most for one that is kept, where only different ones are kept.
const PATIENCE: usize = 40;

/// The domains to learn from and the questions set aside.
#[derive(Debug)]
pub struct Course {
    generator: Generator,
    held: Vec<(String, Task)>,
    fixed: Option<Arc<Vec<Task>>>,
    written_refused: Vec<String>,
}

impl From<DomainError> for NetError {
    fn from(error: DomainError) -> Self {
        Self::Course(error.to_string())
    }
}

impl Course {
    /// Reads the folder of domains and sets questions aside: `held` of every set. With `overfit`, only so
    /// many fixed questions are learnt, and they are a set of their own.
    pub fn load(
        domains: &Path,
        seed: u64,
        held: usize,
        overfit: Option<usize>,
    ) -> Result<Self, NetError> {
        let domains = Domain::read_all(domains)?;
        let mut generator = Generator::new(domains.clone(), Options::of(Split::Train));
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
        let mut tasks = Vec::new();
        let fixed = overfit.map(|count| {
            let drawn: Vec<Task> = (0..count)
                .filter_map(|_| generator.example(&mut rng))
                .map(Task::from)
                .collect();
            tasks.extend(drawn.iter().map(|task| ("learnt".to_owned(), task.clone())));
            Arc::new(drawn)
        });
        let mut written_refused = generator.refused().to_vec();
        if fixed.is_none() {
            let sets = [
                (
                    "domains",
                    Options {
                        written: 0.0,
                        ..Options::of(Split::HeldOutDomains)
                    },
                ),
                (
                    "frames",
                    Options {
                        written: 0.0,
                        ..Options::of(Split::HeldOutFrames)
                    },
                ),
                (
                    "hand",
                    Options {
                        written: 1.0,
                        reuse: 12,
                        ..Options::of(Split::HeldOutDomains)
                    },
                ),
            ];
            for (name, options) in sets {
                let mut generator = Generator::new(domains.clone(), options);
                let distinct = options.written > 0.0;
                let drawn = set(&mut generator, &mut rng, held, distinct);
                tasks.extend(drawn.into_iter().map(|task| (name.to_owned(), task)));
                if distinct {
                    written_refused.extend_from_slice(generator.refused());
                }
            }
        }
        if generator.domains() == 0 {
            return Err(NetError::Course("no domain to learn from".to_owned()));
        }
        Ok(Self {
            generator,
            held: tasks,
            fixed,
            written_refused,
        })
    }

    /// The same with another share of hand-written questions to learn from.
    pub fn with_written(mut self, share: f64) -> Self {
        self.generator.set_written(share);
        self
    }

    /// Questions set aside, with the name of their set: `domains` (subjects never seen), `frames` (sentences
    /// never seen), `hand` (hand-written, on subjects never seen).
    pub fn held_out(&self) -> &[(String, Task)] {
        &self.held
    }

    /// Hand-written questions that cannot be used, each with the reason.
    pub fn written_refused(&self) -> &[String] {
        &self.written_refused
    }

    /// One endless source of examples per worker.
    pub fn sources(&self, workers: usize, seed: u64) -> Vec<Draw> {
        (0..workers.max(1) as u64)
            .map(|worker| -> Draw {
                if let Some(fixed) = self.fixed.clone() {
                    let mut at = worker as usize;
                    return Box::new(move || {
                        at += workers.max(1);
                        fixed.get(at % fixed.len().max(1)).cloned()
                    });
                }
                let mut generator = self.generator.clone();
                let mut rng =
                    ChaCha8Rng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9).wrapping_add(worker));
                Box::new(move || generator.example(&mut rng).map(Task::from))
            })
            .collect()
    }
}

/// Draws `count` examples; with `distinct`, every hand-written one at most once.
fn set(generator: &mut Generator, rng: &mut ChaCha8Rng, count: usize, distinct: bool) -> Vec<Task> {
    let mut known: HashSet<(String, usize)> = HashSet::new();
    let mut tasks = Vec::with_capacity(count);
    for _ in 0..PATIENCE * count {
        if tasks.len() >= count {
            break;
        }
        let Some(example) = generator.example(rng) else {
            break;
        };
        if distinct
            && let Source::Written {
                domain,
                example: at,
            } = &example.source
            && !known.insert((domain.clone(), *at))
        {
            continue;
        }
        tasks.push(Task::from(example));
    }
    tasks
}

impl From<Example> for Task {
    fn from(example: Example) -> Self {
        let (domain, kind) = match example.source {
            Source::Written { domain, .. } => (domain, "written".to_owned()),
            Source::Composed { domain, intent } => (domain, intent.to_owned()),
        };
        Self {
            schema: example.schema,
            question: example.question,
            today: example.today,
            steps: example.steps,
            domain,
            kind,
        }
    }
}
