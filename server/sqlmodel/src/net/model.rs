//! The whole network: sentence vectors to items, items to steps.

mod losses;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::{
    NetError,
    batch::{Batch, Input, Items, Texts},
    encoder::{Changes, Encoder, Merged, Tuned, pool},
    layers::{DecoderLayer, KeyValue, Linear, Norm, RelationLayer, Relations, drop},
    weights::{Init, Layout, Slot, Weights},
};
use crate::{
    features::{FLAGS, KINDS, RELATIONS},
    grammar::ACTIONS,
};

pub use losses::{Losses, Regularisation};

/// Most steps a query may take.
pub const STEPS: usize = 64;

/// Sizes of a network. Stored with the weights; those of the grammar and the features must be this build's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Width of the item and step vectors.
    pub width: i64,
    /// Attention heads.
    pub heads: i64,
    /// Encoder layers.
    pub encoder_layers: usize,
    /// Inner width of the encoder's feed-forward layers.
    pub encoder_inner: i64,
    /// Decoder layers.
    pub decoder_layers: usize,
    /// Inner width of the decoder's.
    pub decoder_inner: i64,
    /// Rank of the changes to the sentence encoder; 0 leaves it as published.
    pub rank: i64,
    /// Fixed actions of the grammar.
    pub actions: usize,
    /// Flags of an item.
    pub flags: usize,
    /// Kinds of items.
    pub kinds: usize,
    /// Relations between items.
    pub relations: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            width: 192,
            heads: 6,
            encoder_layers: 3,
            encoder_inner: 384,
            decoder_layers: 2,
            decoder_inner: 384,
            rank: 0,
            actions: ACTIONS,
            flags: FLAGS,
            kinds: KINDS,
            relations: RELATIONS,
        }
    }
}

impl Config {
    /// Refuses sizes that this build's grammar and features do not have.
    pub fn check(&self) -> Result<(), NetError> {
        let ours = Self::default();
        for (name, theirs, ours) in [
            ("actions", self.actions, ours.actions),
            ("flags", self.flags, ours.flags),
            ("kinds", self.kinds, ours.kinds),
            ("relations", self.relations, ours.relations),
        ] {
            if theirs != ours {
                return Err(NetError::Weights(format!(
                    "{theirs} {name}, but this build has {ours}"
                )));
            }
        }
        Ok(())
    }
}

/// The network's parts, as slots among the weights.
#[derive(Debug)]
pub struct Net {
    /// Its sizes.
    pub config: Config,
    /// Its tensors.
    pub layout: Layout,
    /// Changes to the sentence encoder.
    pub changes: Changes,
    spans: Linear,
    own: Linear,
    context: Linear,
    flags: Linear,
    kinds: Slot,
    item_norm: Norm,
    encoder: Vec<RelationLayer>,
    memory_norm: Norm,
    usage: Linear,
    codes: Slot,
    places: Slot,
    pointed: Linear,
    decoder: Vec<DecoderLayer>,
    step_norm: Norm,
    actions: Linear,
    pointer_query: Linear,
    pointer_key: Linear,
}

/// The items' side of a pass, ready for the decoder.
#[derive(Debug)]
pub struct Memory {
    /// `[batch, items, width]`
    pub items: Tensor,
    /// What a pointed item adds to the next input: `[batch × items, width]`.
    pub pointed: Tensor,
    keys: Tensor,
    cross: Vec<KeyValue>,
    /// `[batch, 1, 1, items]`: true where an item is real.
    mask: Tensor,
}

/// Vectors of schema texts, `[texts, _]` each.
#[derive(Debug)]
pub struct TextVectors {
    /// As an item's own text.
    pub own: Tensor,
    /// As an item's text in context.
    pub context: Tensor,
    /// Of length one, for likeness.
    pub meaning: Tensor,
}

/// The last layer's half of what the sentence encoder says, at length one: products are cosines.
fn meaning(said: &Tensor) -> Tensor {
    let half = said.size()[1] / 2;
    let last = said.narrow(1, half, half).detach();
    let length = last
        .square()
        .sum_dim_intlist(1, true, None::<Kind>)
        .sqrt()
        .clamp_min(1e-6);
    last / length
}

impl Net {
    /// Lays out a network over a sentence encoder.
    pub fn new(config: Config, encoder: &Encoder) -> Self {
        let mut layout = Layout::default();
        let to = &mut layout;
        let (width, sizes) = (config.width, (config.width, config.heads));
        let sentence = encoder.output_width();
        let relations = config.relations as i64;
        Self {
            changes: Changes::add(to, encoder.shape(), config.rank, 0.5),
            spans: Linear::add(to, "items.spans", sentence, width),
            own: Linear::add(to, "items.own", sentence, width),
            context: Linear::add(to, "items.context", sentence, width),
            flags: Linear::add(to, "items.flags", config.flags as i64, width),
            kinds: to.add(
                "items.kinds".to_owned(),
                &[config.kinds as i64, width],
                Init::Normal(0.1),
                1.0,
            ),
            item_norm: Norm::add(to, "items.norm", width),
            encoder: (0..config.encoder_layers)
                .map(|at| {
                    let name = format!("encoder.{at}");
                    RelationLayer::add(to, &name, sizes, config.encoder_inner, relations)
                })
                .collect(),
            memory_norm: Norm::add(to, "memory.norm", width),
            usage: Linear::add(to, "memory.usage", width, 1),
            codes: to.add(
                "steps.codes".to_owned(),
                &[Input::CODES, width],
                Init::Normal(0.1),
                1.0,
            ),
            places: to.add(
                "steps.places".to_owned(),
                &[STEPS as i64, width],
                Init::Normal(0.02),
                1.0,
            ),
            pointed: Linear::add(to, "steps.pointed", width, width),
            decoder: (0..config.decoder_layers)
                .map(|at| {
                    DecoderLayer::add(to, &format!("decoder.{at}"), sizes, config.decoder_inner)
                })
                .collect(),
            step_norm: Norm::add(to, "steps.norm", width),
            actions: Linear::add(to, "steps.actions", width, config.actions as i64),
            pointer_query: Linear::add(to, "steps.query", width, width),
            pointer_key: Linear::add(to, "steps.key", width, width),
            config,
            layout,
        }
    }

    /// Vectors of schema texts from what the sentence encoder says of them, `[texts, encoder width]`.
    pub fn text_vectors(&self, weights: &Weights, pooled: &Tensor) -> TextVectors {
        TextVectors {
            own: self.own.apply(weights, pooled),
            context: self.context.apply(weights, pooled),
            meaning: meaning(pooled),
        }
    }

    /// Encodes a batch's items; `spans` is what the sentence encoder says of words and candidates,
    /// `[batch, spans, encoder width]`.
    pub fn encode(
        &self,
        weights: &Weights,
        batch: &Items,
        spans: &Tensor,
        texts: &TextVectors,
        dropout: f64,
    ) -> Memory {
        let width = self.config.width;
        let (count, items) = (batch.mask.size()[0], batch.mask.size()[1]);
        let kind = spans.kind();
        let zero = |width: i64| Tensor::zeros([1, width], (kind, spans.device()));
        let alike = tch::no_grad(|| {
            let half = texts.meaning.size()[1];
            let said = meaning(&spans.view([-1, 2 * half]));
            let all = Tensor::cat(&[&said, &texts.meaning, &zero(half)], 0);
            let of_items = all.index_select(0, &batch.own).view([count, items, half]);
            of_items.bmm(&of_items.transpose(1, 2)).unsqueeze(0)
        });
        let spans = self.spans.apply(weights, spans).view([-1, width]);
        let own = Tensor::cat(&[&spans, &texts.own, &zero(width)], 0).index_select(0, &batch.own);
        let context =
            Tensor::cat(&[&texts.context, &zero(width)], 0).index_select(0, &batch.context);
        let kinds = Tensor::embedding(&weights[self.kinds], &batch.kinds, -1, false, false);
        let x = (own + context).view([count, items, width])
            + kinds
            + self.flags.apply(weights, &batch.flags);
        let mut x = drop(&self.item_norm.apply(weights, &x), dropout);
        let mask = batch.mask.view([count, 1, 1, items]);
        let shared = Relations {
            names: batch.relations.unsqueeze(0),
            alike,
        };
        for layer in &self.encoder {
            x = layer.apply(weights, &x, &shared, dropout);
        }
        let x = self.memory_norm.apply(weights, &x);
        Memory {
            pointed: self.pointed.apply(weights, &x).view([-1, width]),
            keys: self.pointer_key.apply(weights, &x),
            cross: self
                .decoder
                .iter()
                .map(|layer| layer.memory(weights, &x))
                .collect(),
            mask,
            items: x,
        }
    }

    /// How likely each item is used by the query, as logits `[batch, items]`.
    pub fn usage(&self, weights: &Weights, memory: &Memory) -> Tensor {
        self.usage.apply(weights, &memory.items).squeeze_dim(-1)
    }

    /// Scores of all outputs, `[rows, new, outputs]`, for the inputs `x` `[rows, new]` that follow `past`;
    /// `first` is the place of the first of them. With `past`, there is one memory for all rows.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call per step; a struct would only rename them"
    )]
    pub fn decode(
        &self,
        weights: &Weights,
        memory: &Memory,
        codes: &Tensor,
        pointed: &Tensor,
        points: &Tensor,
        past: &mut Option<Vec<KeyValue>>,
        first: usize,
        dropout: f64,
    ) -> Tensor {
        let (rows, length) = (codes.size()[0], codes.size()[1]);
        let width = self.config.width;
        let places = weights[self.places].narrow(0, first as i64, length);
        let named = Tensor::embedding(&weights[self.codes], codes, -1, false, false);
        let items = memory
            .pointed
            .index_select(0, pointed)
            .view([rows, length, width]);
        let mut x = drop(&(named + places + items * points), dropout);
        let shared = memory.items.size()[0] != rows;
        let mask = memory
            .mask
            .expand([rows, 1, length, memory.items.size()[1]], false);
        let mut reached = Vec::with_capacity(self.decoder.len());
        for (at, layer) in self.decoder.iter().enumerate() {
            let before = past.as_ref().map(|past| &past[at]);
            let cross = if shared {
                memory.cross[at].expand(rows)
            } else {
                KeyValue {
                    keys: memory.cross[at].keys.shallow_clone(),
                    values: memory.cross[at].values.shallow_clone(),
                }
            };
            let (next, now) = layer.apply(weights, &x, before, &cross, Some(&mask), dropout);
            x = next;
            reached.push(now);
        }
        *past = Some(reached);
        let x = self.step_norm.apply(weights, &x);
        let actions = self.actions.apply(weights, &x);
        let query = self.pointer_query.apply(weights, &x) * (1.0 / (width as f64).sqrt());
        let pointers = query.matmul(&memory.keys.transpose(-2, -1));
        Tensor::cat(&[actions, pointers], -1).to_kind(Kind::Float)
    }

    /// Encodes a batch's items, asking the sentence encoder unless its words are known.
    pub fn memory(
        &self,
        weights: &Weights,
        encoder: &Merged<'_>,
        batch: &Batch,
        dropout: f64,
    ) -> Memory {
        if let Some(known) = &batch.known {
            let texts = self.text_vectors(weights, &known.texts);
            return self.encode(weights, &batch.items, &known.spans, &texts, dropout);
        }
        let forward = |texts: &Texts| encoder.forward(&texts.ids, &texts.mask);
        let pooled = pool(&forward(&batch.texts), &batch.texts.mask);
        let texts = self.text_vectors(weights, &pooled);
        let spans = batch.items.pool.bmm(&forward(&batch.items.questions));
        self.encode(weights, &batch.items, &spans, &texts, dropout)
    }
}

/// Hidden states of `texts` by a tuned encoder.
pub fn states(encoder: &Tuned, texts: &Texts) -> Tensor {
    encoder.forward(&texts.ids, &texts.mask)
}
