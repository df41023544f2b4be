//! Synthetic questions to train and to test on.
//!
//! A [`Domain`] is material written by hand: tables, nouns, phrases, values, example questions. From it come
//! schema instances under ever other names, and over those either an example carried over, with other values,
//! or a query made up and put into words. Every question is read back ([`Question::read_with`]) and its query
//! turned into steps, so that nothing is handed out that the model could not say.

mod canonical;
mod compose;
mod dates;
mod dice;
mod domain;
mod filters;
mod finish;
mod instance;
mod measures;
mod naming;
mod normal;
mod numbers;
mod owned;
mod ranks;
mod rows;
mod say;
mod settle;
pub mod sql;
mod values;
mod words;
mod written;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{Days, NaiveDate};
use rand::Rng;

pub use domain::{
    Domain, DomainColumn, DomainError, DomainExample, DomainLink, DomainMeasure, DomainTable, Sort,
};

use canonical::Canonical;
use compose::Asked;
use dice::Dice;
use instance::Instance;
use say::Composer;
use written::Written;

use crate::{
    grammar::{self, Step},
    query::Query,
    question::{Question, ValueIndex},
    render::{Dialect, render},
    schema::Schema,
};

/// A question over a schema with its right answer.
#[derive(Debug, Clone)]
pub struct Example {
    /// The schema it is asked over; instances are shared, so the same address means the same schema.
    pub schema: Arc<Schema>,
    /// As asked.
    pub text: String,
    /// What "last year" is relative to.
    pub today: NaiveDate,
    /// The right query.
    pub query: Query,
    /// The question, read over the schema.
    pub question: Question,
    /// The query as steps over that reading.
    pub steps: Vec<Step>,
    /// Where it comes from.
    pub source: Source,
}

/// Where an example comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Written by hand.
    Written {
        /// Name of the domain.
        domain: String,
        /// Position among the domain's examples.
        example: usize,
    },
    /// Made up.
    Composed {
        /// Name of the domain.
        domain: String,
        /// The kind of question.
        intent: &'static str,
    },
}

/// Which part of the material is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Domains and wordings to learn from.
    Train,
    /// Domains kept out of training, in the wordings of training and hand-written.
    HeldOutDomains,
    /// Domains of training, in sentence frames kept out of training.
    HeldOutFrames,
}

/// How a [`Generator`] works.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Which part of the material is used.
    pub split: Split,
    /// Share of hand-written questions, from 0 to 1.
    pub written: f64,
    /// Schema instances kept ready at a time.
    pub pool: usize,
    /// Questions asked over an instance before it is replaced.
    pub reuse: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            split: Split::Train,
            written: 0.45,
            pool: 24,
            reuse: 50,
        }
    }
}

impl Options {
    /// The usual options of a split.
    pub fn of(split: Split) -> Self {
        let written = match split {
            Split::Train | Split::HeldOutDomains => 0.45,
            Split::HeldOutFrames => 0.0,
        };
        Self {
            split,
            written,
            ..Self::default()
        }
    }
}

/// Counts of what was made and of why questions were dropped.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Examples handed out, by kind.
    pub made: BTreeMap<String, u64>,
    /// Attempts dropped, by kind and reason.
    pub dropped: BTreeMap<String, u64>,
}

/// An instance in use.
#[derive(Debug, Clone)]
struct Pooled {
    instance: Instance,
    values: Arc<ValueIndex>,
    left: u32,
}

/// What all generators of a set of domains share.
#[derive(Debug)]
struct Material {
    domains: Vec<Canonical>,
    written: Vec<Vec<Option<Written>>>,
    refused: Vec<String>,
}

/// Makes examples. Each worker has its own, seeded on its own; cloning one is cheap.
#[derive(Debug, Clone)]
pub struct Generator {
    material: Arc<Material>,
    options: Options,
    pool: Vec<Pooled>,
    stats: Stats,
}

impl Generator {
    /// A generator over the domains of the options' split.
    pub fn new(domains: Vec<Domain>, options: Options) -> Self {
        let held = options.split == Split::HeldOutDomains;
        let domains: Vec<Canonical> = domains
            .into_iter()
            .filter(|d| d.held_out() == held)
            .map(Canonical::new)
            .collect();
        let mut refused = Vec::new();
        let written = domains
            .iter()
            .map(|d| written::read(d, &mut refused))
            .collect();
        Self {
            material: Arc::new(Material {
                domains,
                written,
                refused,
            }),
            options,
            pool: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// Hand-written examples that could not be used, each with the reason.
    pub fn refused(&self) -> &[String] {
        &self.material.refused
    }

    /// Changes the share of hand-written questions, from 0 to 1.
    pub fn set_written(&mut self, share: f64) {
        self.options.written = share;
    }

    /// How many domains the split has.
    pub fn domains(&self) -> usize {
        self.material.domains.len()
    }

    /// What was made and dropped so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The next example; `None` only if the split has no domains, or none that anything can be asked of.
    pub fn example(&mut self, rng: &mut impl Rng) -> Option<Example> {
        if self.material.domains.is_empty() {
            return None;
        }
        for _ in 0..2000 {
            let mut dice = Dice::new(rng.next_u64(), false);
            if let Some(example) = self.attempt(&mut dice) {
                return Some(example);
            }
        }
        None
    }

    fn attempt(&mut self, dice: &mut Dice) -> Option<Example> {
        let slot = self.slot(dice);
        let pooled = &self.pool[slot];
        let today = today(dice);
        let domain = pooled.instance.domain;
        let hand = dice.chance(self.options.written) && !pooled.instance.examples.is_empty();
        let (asked, source) = if hand {
            let &at = dice.pick(&pooled.instance.examples)?;
            let written = self.material.written[domain][at].as_ref()?;
            let asked = written::ask(
                written,
                &self.material.domains[domain],
                &pooled.instance,
                dice,
            );
            let name = self.material.domains[domain].domain.name.clone();
            (
                asked,
                Source::Written {
                    domain: name,
                    example: at,
                },
            )
        } else {
            dice.held_out = self.options.split == Split::HeldOutFrames;
            let mut composer = Composer::new(&pooled.instance, dice, today);
            let asked = composer.ask();
            let intent = composer.intent;
            let unused = dice.held_out && !dice.used_held_out;
            dice.held_out = false;
            if unused {
                return None;
            }
            let asked = asked.map(|a| Asked {
                text: finish::finish(&a.text, dice),
                query: a.query,
            });
            let name = self.material.domains[domain].domain.name.clone();
            (
                asked,
                Source::Composed {
                    domain: name,
                    intent,
                },
            )
        };
        let kind = match &source {
            Source::Written { .. } => "written",
            Source::Composed { intent, .. } => intent,
        };
        let made = asked
            .ok_or_else(|| "no material".to_owned())
            .and_then(|asked| self.check(slot, asked, today));
        match made {
            Ok((asked, question, steps)) => {
                *self.stats.made.entry(kind.to_owned()).or_default() += 1;
                Some(Example {
                    schema: Arc::clone(&self.pool[slot].instance.schema),
                    text: asked.text,
                    today,
                    query: asked.query,
                    question,
                    steps,
                    source,
                })
            }
            Err(reason) => {
                let reason: String = reason.chars().take(100).collect();
                let which = match &source {
                    Source::Written { domain, example } => format!("written, {domain} {example}"),
                    Source::Composed { intent, .. } => (*intent).to_owned(),
                };
                *self
                    .stats
                    .dropped
                    .entry(format!("{which}: {reason}"))
                    .or_default() += 1;
                None
            }
        }
    }

    /// Reads the question back and says the query in steps.
    fn check(
        &self,
        slot: usize,
        asked: Asked,
        today: NaiveDate,
    ) -> Result<(Asked, Question, Vec<Step>), String> {
        let pooled = &self.pool[slot];
        let schema = &pooled.instance.schema;
        let query = normal::normalised(asked.query, schema);
        if normal::ambiguous(&query, schema) {
            return Err("joins in more than one way".to_owned());
        }
        let question = Question::read_with(&asked.text, &pooled.values, today);
        let query = settle::settled(query, &question);
        let steps =
            grammar::encode(&query, schema, &question).map_err(|error| error.to_string())?;
        render(&query, schema, Dialect::Sqlite).map_err(|error| error.to_string())?;
        Ok((
            Asked {
                text: asked.text,
                query,
            },
            question,
            steps,
        ))
    }

    /// An instance to ask about: one of the pool, made anew when it is used up.
    fn slot(&mut self, dice: &mut Dice) -> usize {
        let slot = dice.below(self.options.pool.max(1));
        if slot >= self.pool.len() {
            let fresh = self.fresh(dice);
            self.pool.push(fresh);
            return self.pool.len() - 1;
        }
        if self.pool[slot].left == 0 {
            self.pool[slot] = self.fresh(dice);
        }
        self.pool[slot].left -= 1;
        slot
    }

    fn fresh(&self, dice: &mut Dice) -> Pooled {
        let mut dice = Dice::new(dice.seed(), false);
        let domain = dice.below(self.material.domains.len());
        let instance = Instance::make(
            &self.material.domains,
            domain,
            &self.material.written[domain],
            &mut dice,
        );
        let values = Arc::new(ValueIndex::new(&instance.schema));
        Pooled {
            instance,
            values,
            left: self.options.reuse,
        }
    }
}

/// Some day of the years in which the model may be asked.
fn today(dice: &mut Dice) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2023, 1, 1).unwrap_or_default();
    first + Days::new(dice.below(4 * 365) as u64)
}
