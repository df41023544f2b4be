//! Asking the model: beam search over the grammar's steps.

use std::{
    collections::{HashMap, hash_map::Entry},
    path::Path,
};

use tch::{Device, Kind, Tensor};

use super::{
    NetError,
    batch::{Input, Outline, Texts, items},
    confidence::{Calibration, Signals},
    encoder::{Encoder, Tuned, pool},
    layers::KeyValue,
    model::{Config, Memory, Net, STEPS, TextVectors, states},
    ranking::{Ranking, coverage},
    tokens::Tokens,
    weights::{Weights, metadata, read},
};
use crate::{
    features::{Features, SchemaIndex, extract},
    grammar::{State, Step},
    query::Query,
    question::{Question, ValueIndex},
    schema::Schema,
};

/// Most items (words, candidates, tables, columns) of one question; the relations grow with their square.
pub const ITEMS: usize = 1200;
/// Schema texts encoded at once.
const TEXTS: usize = 32;
/// A longer query may be this much less likely: scores are divided by `choices ^ LENGTH`.
pub const LENGTH: f32 = 0.3;

/// A trained model, ready to be asked. It may be sent to another thread but not shared: put a lock around it.
#[derive(Debug)]
pub struct SqlModel {
    net: Net,
    weights: Weights,
    encoder: Tuned,
    tokens: Tokens,
    calibration: Calibration,
    ranking: Option<Ranking>,
    lenience: f32,
}

/// A schema with everything that does not depend on the question.
#[derive(Debug)]
pub struct PreparedSchema {
    schema: Schema,
    index: SchemaIndex,
    values: ValueIndex,
    /// For every table and then column: rows of the two tables of vectors.
    rows: Vec<(usize, usize)>,
    own: Vec<f32>,
    context: Vec<f32>,
    meaning: Vec<f32>,
}

impl PreparedSchema {
    /// The schema itself.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Its known values, for [`Question::read_with`].
    pub fn values(&self) -> &ValueIndex {
        &self.values
    }
}

/// A query the model proposes.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The query.
    pub query: Query,
    /// What candidates are ranked by: by the fitted [`Ranking`], else the log-probability, lenient to length.
    pub score: f32,
    /// What the search saw of it; `mean` and `gap` are known of the first alone.
    pub signals: Signals,
    /// The steps it was read from.
    pub steps: Vec<Step>,
}

/// What the model has to say to a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Different queries, best first; empty when none was completed.
    pub candidates: Vec<Candidate>,
    /// What the confidence is made from.
    pub signals: Signals,
    /// Likelihood that the first candidate is right, 0 to 1.
    pub confidence: f32,
}

/// A sequence under way.
#[derive(Clone)]
struct Trail {
    state: State,
    steps: Vec<Step>,
    next: Input,
    total: f32,
    weakest: f32,
    choices: usize,
}

impl Trail {
    fn score(&self, lenience: f32) -> f32 {
        self.total / (self.choices.max(1) as f32).powf(lenience)
    }
}

impl SqlModel {
    /// Reads the sentence encoder's folder and the trained weights.
    pub fn load(encoder: &Path, weights: &[u8]) -> Result<Self, NetError> {
        let about = metadata(weights)?;
        let config = about
            .get("config")
            .ok_or_else(|| NetError::Weights("no \"config\" in the metadata".to_owned()))?;
        let config: Config = serde_json::from_str(config)
            .map_err(|error| NetError::Weights(format!("metadata \"config\": {error}")))?;
        config.check()?;
        let calibration = match about.get("calibration") {
            Some(text) => serde_json::from_str(text)
                .map_err(|error| NetError::Weights(format!("metadata \"calibration\": {error}")))?,
            None => Calibration::default(),
        };
        let ranking = about
            .get("ranking")
            .map(|text| serde_json::from_str(text))
            .transpose()
            .map_err(|error| NetError::Weights(format!("metadata \"ranking\": {error}")))?;
        let tokens = Tokens::load(encoder)?;
        let encoder = Encoder::load(encoder, Kind::Float, Device::Cpu)?;
        let net = Net::new(config, &encoder);
        let flat = net.layout.from_bytes(weights)?;
        let model = Self::assemble(net, &flat, encoder, tokens, calibration);
        Ok(Self { ranking, ..model })
    }

    /// Puts a model together from its parts, on the CPU.
    pub fn assemble(
        net: Net,
        flat: &Tensor,
        encoder: Encoder,
        tokens: Tokens,
        calibration: Calibration,
    ) -> Self {
        let weights = tch::no_grad(|| net.layout.cut(flat, Kind::Float));
        let encoder = encoder.tune(&net.changes, &weights);
        Self {
            net,
            weights,
            encoder,
            tokens,
            calibration,
            ranking: None,
            lenience: LENGTH,
        }
    }

    /// The same without its fitted ranking, as a new one is fitted on what this ranks by itself.
    pub fn unranked(mut self) -> Self {
        self.ranking = None;
        self
    }

    /// The same with another power of the length in place of [`LENGTH`], to find the best one.
    pub fn with_lenience(mut self, lenience: f32) -> Self {
        self.lenience = lenience;
        self
    }

    /// Encodes a schema's texts; do this once and keep the result for as long as the schema lasts.
    pub fn prepare(&self, schema: &Schema) -> Result<PreparedSchema, NetError> {
        let pieces = self.tokens.schema(schema)?;
        let mut order: Vec<usize> = (0..pieces.texts.len()).collect();
        order.sort_by_key(|&at| (pieces.texts[at].len(), at));
        let mut tables: [Vec<f32>; 3] = Default::default();
        for chunk in order.chunks(TEXTS) {
            let ids: Vec<&[u32]> = chunk
                .iter()
                .map(|&at| pieces.texts[at].as_slice())
                .collect();
            let texts = Texts::pad(&ids, Device::Cpu);
            let vectors = tch::no_grad(|| {
                let pooled = pool(&states(&self.encoder, &texts), &texts.mask);
                self.net.text_vectors(&self.weights, &pooled)
            });
            let parts = [vectors.own, vectors.context, vectors.meaning];
            for (vectors, all) in parts.iter().zip(&mut tables) {
                let width = vectors.size()[1] as usize;
                all.resize(pieces.texts.len() * width, 0.0);
                let vectors = read(vectors)?;
                for (row, &at) in vectors.chunks(width).zip(chunk) {
                    all[at * width..(at + 1) * width].copy_from_slice(row);
                }
            }
        }
        let [own, context, meaning] = tables;
        Ok(PreparedSchema {
            index: SchemaIndex::new(schema),
            values: ValueIndex::new(schema),
            schema: schema.clone(),
            rows: pieces.items,
            own,
            context,
            meaning,
        })
    }

    /// The likeliest queries for a question, by a search that follows `beam` sequences at a time.
    pub fn ask(
        &self,
        prepared: &PreparedSchema,
        question: &Question,
        beam: usize,
    ) -> Result<Answer, NetError> {
        let features = extract(question, &prepared.schema, &prepared.index);
        if features.items() > ITEMS {
            return Err(NetError::TooLarge(format!(
                "{} words, tables and columns together, at most {ITEMS} are taken; narrow the tables down",
                features.items()
            )));
        }
        tch::no_grad(|| {
            let memory = self.memory(prepared, question, &features)?;
            let outline = Outline::of(&features);
            let paths = self.search(
                &memory,
                &outline,
                State::new(&prepared.schema, question),
                beam.max(1),
            )?;
            let usage = read(&self.net.usage(&self.weights, &memory).sigmoid())?;
            Ok(self.answer(paths, question, &outline, &usage))
        })
    }

    fn memory(
        &self,
        prepared: &PreparedSchema,
        question: &Question,
        features: &Features,
    ) -> Result<Memory, NetError> {
        let pieces = self.tokens.question(question)?;
        let table = |values: &[f32], width: i64| Tensor::from_slice(values).view([-1, width]);
        let width = self.net.config.width;
        let vectors = TextVectors {
            own: table(&prepared.own, width),
            context: table(&prepared.context, width),
            meaning: table(&prepared.meaning, self.encoder.meaning_width()),
        };
        let texts = vectors.own.size()[0] as usize;
        let part = [(&pieces, features, prepared.rows.clone())];
        let items = items(&part, texts, (Kind::Float, Device::Cpu));
        let spans = items.pool.bmm(&states(&self.encoder, &items.questions));
        Ok(self
            .net
            .encode(&self.weights, &items, &spans, &vectors, 0.0))
    }

    fn search(
        &self,
        memory: &Memory,
        outline: &Outline,
        state: State,
        beam: usize,
    ) -> Result<Vec<Trail>, NetError> {
        let mut open = vec![Trail {
            state,
            steps: Vec::new(),
            next: Input::START,
            total: 0.0,
            weakest: 0.0,
            choices: 0,
        }];
        let mut done: Vec<Trail> = Vec::new();
        let mut past: Option<Vec<KeyValue>> = None;
        for place in 0..STEPS {
            let scores = self.scores(memory, &open, &mut past, place)?;
            let mut grown: Vec<(f32, usize, u16, f32, usize)> = Vec::new();
            for (row, path) in open.iter().enumerate() {
                let legal = outline.legal(&path.state.legal());
                let scores = &scores[row];
                let highest = legal
                    .iter()
                    .map(|&at| scores[usize::from(at)])
                    .fold(f32::MIN, f32::max);
                let sum: f32 = legal
                    .iter()
                    .map(|&at| (scores[usize::from(at)] - highest).exp())
                    .sum();
                let whole = highest + sum.ln();
                let free = usize::from(legal.len() > 1);
                for &at in &legal {
                    let likely = scores[usize::from(at)] - whole;
                    grown.push((path.total + likely, row, at, likely, free));
                }
            }
            grown.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
            let mut next = Vec::with_capacity(beam);
            let mut rows = Vec::with_capacity(beam);
            for (total, row, output, likely, free) in grown {
                if next.len() >= beam {
                    break;
                }
                let Some(step) = outline.step(usize::from(output)) else {
                    continue;
                };
                let mut path = open[row].clone();
                if path.state.advance(step).is_err() {
                    continue;
                }
                path.steps.push(step);
                path.next = Input::of(step, outline);
                path.total = total;
                path.weakest = path.weakest.min(likely);
                path.choices += free;
                if path.state.is_done() {
                    done.push(path);
                } else {
                    next.push(path);
                    rows.push(row as i64);
                }
            }
            let score = |path: &Trail| path.score(self.lenience);
            done.sort_by(|a, b| score(b).total_cmp(&score(a)));
            done.truncate(2 * beam);
            // Going on only makes a sequence less likely; length may buy back no more than this.
            let bar = done
                .get(beam.min(done.len()).saturating_sub(1))
                .map_or(f32::MIN, score);
            let hope = next.first().map_or(f32::MIN, |best: &Trail| {
                best.total / (STEPS as f32 / 2.0).powf(self.lenience)
            });
            if next.is_empty() || (done.len() >= beam && hope < bar) {
                break;
            }
            let rows = Tensor::from_slice(&rows);
            past = past.map(|all| all.iter().map(|one| one.select(&rows)).collect());
            open = next;
        }
        Ok(done)
    }

    fn scores(
        &self,
        memory: &Memory,
        open: &[Trail],
        past: &mut Option<Vec<KeyValue>>,
        place: usize,
    ) -> Result<Vec<Vec<f32>>, NetError> {
        let rows = open.len() as i64;
        let codes: Vec<i64> = open.iter().map(|path| path.next.code).collect();
        let pointed: Vec<i64> = open
            .iter()
            .map(|path| path.next.item.unwrap_or(0) as i64)
            .collect();
        let points: Vec<f32> = open
            .iter()
            .map(|path| if path.next.item.is_some() { 1.0 } else { 0.0 })
            .collect();
        let scores = self.net.decode(
            &self.weights,
            memory,
            &Tensor::from_slice(&codes).view([rows, 1]),
            &Tensor::from_slice(&pointed),
            &Tensor::from_slice(&points).view([rows, 1, 1]),
            past,
            place,
            0.0,
        );
        let width = scores.size()[2] as usize;
        Ok(read(&scores)?.chunks(width).map(<[f32]>::to_vec).collect())
    }

    fn answer(
        &self,
        paths: Vec<Trail>,
        question: &Question,
        outline: &Outline,
        usage: &[f32],
    ) -> Answer {
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut candidates: Vec<Candidate> = Vec::new();
        for path in paths {
            let (total, score) = (path.total, path.score(self.lenience));
            let (weakest, choices) = (path.weakest, path.choices);
            let Ok(query) = path.state.into_query() else {
                continue;
            };
            match seen.entry(format!("{query:?}")) {
                // Two sequences that mean the same query are one candidate, as likely as both together.
                Entry::Occupied(known) => {
                    let known = &mut candidates[*known.get()].signals;
                    known.total += (total - known.total).exp().ln_1p();
                }
                Entry::Vacant(place) => {
                    place.insert(candidates.len());
                    candidates.push(Candidate {
                        signals: Signals {
                            total,
                            weakest,
                            choices: choices as f32,
                            ..coverage(&path.steps, question, outline, usage)
                        },
                        query,
                        score,
                        steps: path.steps,
                    });
                }
            }
        }
        Answer::ranked(candidates, self.ranking.as_ref(), &self.calibration)
    }
}

impl Answer {
    /// Ranks candidates and says how far the first is to be trusted.
    pub fn ranked(
        mut candidates: Vec<Candidate>,
        ranking: Option<&Ranking>,
        calibration: &Calibration,
    ) -> Self {
        if let Some(ranking) = ranking {
            for candidate in &mut candidates {
                candidate.score = ranking.score(&candidate.signals);
            }
            candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
        }
        let signals = candidates.first().map_or(
            Signals {
                total: -20.0,
                mean: -5.0,
                weakest: -10.0,
                ..Signals::default()
            },
            |first| Signals {
                mean: first.signals.total / first.signals.choices.max(1.0),
                gap: candidates
                    .get(1)
                    .map_or(10.0, |second| first.score - second.score),
                ..first.signals
            },
        );
        let confidence = if candidates.is_empty() {
            0.0
        } else {
            calibration.confidence(&signals)
        };
        Self {
            candidates,
            signals,
            confidence,
        }
    }
}
