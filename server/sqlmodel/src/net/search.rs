//! Asking the model: beam search over the grammar's steps.

mod answer;
mod beam;

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::{
    NetError,
    batch::{Outline, Texts, items},
    confidence::Calibration,
    encoder::{Encoder, Tuned, pool},
    model::{Config, Memory, Net, TextVectors, states},
    ranking::Ranking,
    tokens::Tokens,
    weights::{Weights, metadata, read},
};
use crate::{
    features::{Features, SchemaIndex, extract},
    grammar::State,
    question::{Question, ValueIndex},
    schema::Schema,
};

pub use answer::{Answer, Candidate};

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
        let items = items_of(question, &prepared.schema);
        if items > ITEMS {
            return Err(NetError::TooLarge(format!(
                "{items} words, tables and columns together, at most {ITEMS} are taken; narrow the tables down"
            )));
        }
        let features = extract(question, &prepared.schema, &prepared.index);
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
}

/// Number of items of a question about a schema. Their relations are as many as its square, so it is known before any
/// is computed.
fn items_of(question: &Question, schema: &Schema) -> usize {
    question.words.len() + question.candidates.len() + schema.tables.len() + schema.columns.len()
}
