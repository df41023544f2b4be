//! Building blocks: linear layers, norms, relation-aware encoder layers, decoder layers.

use tch::{Kind, Tensor};

use super::weights::{Init, Layout, Slot, Weights};

/// A linear layer among the weights.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Slot,
    bias: Slot,
}

impl Linear {
    /// Adds one that maps `from` values to `to`.
    pub fn add(layout: &mut Layout, name: &str, from: i64, to: i64) -> Self {
        let deviation = (2.0 / (from + to) as f64).sqrt();
        Self {
            weight: layout.add(
                format!("{name}.weight"),
                &[to, from],
                Init::Normal(deviation),
                1.0,
            ),
            bias: layout.add(format!("{name}.bias"), &[to], Init::Zeros, 1.0),
        }
    }

    /// Maps the last dimension.
    pub fn apply(&self, weights: &Weights, x: &Tensor) -> Tensor {
        x.linear(&weights[self.weight], Some(&weights[self.bias]))
    }
}

/// A layer norm among the weights.
#[derive(Debug, Clone)]
pub struct Norm {
    weight: Slot,
    bias: Slot,
    width: i64,
}

impl Norm {
    /// Adds one.
    pub fn add(layout: &mut Layout, name: &str, width: i64) -> Self {
        Self {
            weight: layout.add(format!("{name}.weight"), &[width], Init::Ones, 1.0),
            bias: layout.add(format!("{name}.bias"), &[width], Init::Zeros, 1.0),
            width,
        }
    }

    /// Normalises the last dimension.
    pub fn apply(&self, weights: &Weights, x: &Tensor) -> Tensor {
        x.layer_norm(
            [self.width],
            Some(&weights[self.weight]),
            Some(&weights[self.bias]),
            1e-5,
            true,
        )
    }
}

/// Two linear layers with a GELU between.
#[derive(Debug, Clone)]
pub struct Feed {
    norm: Norm,
    up: Linear,
    down: Linear,
}

impl Feed {
    fn add(layout: &mut Layout, name: &str, width: i64, inner: i64) -> Self {
        Self {
            norm: Norm::add(layout, &format!("{name}.norm"), width),
            up: Linear::add(layout, &format!("{name}.up"), width, inner),
            down: Linear::add(layout, &format!("{name}.down"), inner, width),
        }
    }

    fn apply(&self, weights: &Weights, x: &Tensor, dropout: f64) -> Tensor {
        let inner = self
            .up
            .apply(weights, &self.norm.apply(weights, x))
            .gelu("none");
        x + drop(&self.down.apply(weights, &inner), dropout)
    }
}

/// Dropout of `[batch, positions, width]`, the same at all positions of an example: one small mask instead of
/// a large one, which on a CPU is most of its cost. No work at all when `rate` is 0.
pub fn drop(x: &Tensor, rate: f64) -> Tensor {
    if rate <= 0.0 {
        return x.shallow_clone();
    }
    let size = x.size();
    let kept = Tensor::ones([size[0], 1, size[size.len() - 1]], (x.kind(), x.device()));
    x * kept.dropout(rate, true)
}

/// What one encoder pass has in common for all layers.
#[derive(Debug)]
pub struct Relations {
    /// `[1, batch, items, items]`: the relation from one item to another, the number of relations where the
    /// other is padding.
    pub names: Tensor,
    /// `[1, batch, items, items]`: how alike the sentence encoder finds the two.
    pub alike: Tensor,
}

/// Self-attention that knows how items relate: the relation changes both the weight a pair gets (a bias per
/// head and a term that depends on the query) and what flows along it; likeness changes the weight alone.
#[derive(Debug, Clone)]
pub struct RelationLayer {
    norm: Norm,
    qkv: Linear,
    output: Linear,
    keys: Slot,
    biases: Slot,
    values: Slot,
    likeness: Slot,
    feed: Feed,
    heads: i64,
    width: i64,
}

impl RelationLayer {
    /// Adds one.
    pub fn add(
        layout: &mut Layout,
        name: &str,
        (width, heads): (i64, i64),
        inner: i64,
        relations: i64,
    ) -> Self {
        let head = width / heads;
        let mut relation = |part: &str, shape: &[i64], init| {
            layout.add(format!("{name}.relation.{part}"), shape, init, 1.0)
        };
        let keys = relation("keys", &[heads, head, relations], Init::Normal(0.02));
        let biases = relation("biases", &[heads, 1, relations], Init::Zeros);
        let values = relation("values", &[heads, relations, head], Init::Normal(0.02));
        let likeness = relation("likeness", &[heads, 1, 1, 1], Init::Normal(1.5));
        Self {
            norm: Norm::add(layout, &format!("{name}.norm"), width),
            qkv: Linear::add(layout, &format!("{name}.qkv"), width, 3 * width),
            output: Linear::add(layout, &format!("{name}.output"), width, width),
            keys,
            biases,
            values,
            likeness,
            feed: Feed::add(layout, &format!("{name}.feed"), width, inner),
            heads,
            width,
        }
    }

    /// `x` is `[batch, items, width]`.
    pub fn apply(&self, weights: &Weights, x: &Tensor, shared: &Relations, dropout: f64) -> Tensor {
        let (batch, items) = (x.size()[0], x.size()[1]);
        let (heads, head) = (self.heads, self.width / self.heads);
        let qkv = self.qkv.apply(weights, &self.norm.apply(weights, x));
        // Heads first, so that one small matrix per head serves every item of the batch.
        let by_head = qkv
            .view([batch, items, 3, heads, head])
            .permute([2, 3, 0, 1, 4])
            .contiguous();
        let flat = [heads * batch, items, head];
        let query = by_head.get(0) * (1.0 / (head as f64).sqrt());
        let (key, value) = (by_head.get(1).view(flat), by_head.get(2).view(flat));
        let relations = weights[self.biases].size()[2];
        let wanted = weights[self.biases].baddbmm(
            &query.view([heads, batch * items, head]),
            &weights[self.keys],
            1.0,
            1.0,
        );
        let padding = Tensor::full([heads, batch * items, 1], -1e4, (x.kind(), x.device()));
        let wanted = Tensor::cat(&[wanted, padding], -1).view([heads, batch, items, relations + 1]);
        let names = shared.names.expand([heads, batch, items, items], false);
        let related = wanted
            .gather(-1, &names, false)
            .addcmul(&shared.alike, &weights[self.likeness]);
        let scores = related.view([heads * batch, items, items]).baddbmm(
            &query.view(flat),
            &key.transpose(1, 2),
            1.0,
            1.0,
        );
        let attention = scores.softmax(-1, None::<Kind>);
        let plain = attention.bmm(&value);
        let per_relation =
            Tensor::zeros([heads, batch, items, relations + 1], (x.kind(), x.device()))
                .scatter_add(-1, &names, &attention.view([heads, batch, items, items]));
        let carried = per_relation
            .view([heads, batch * items, relations + 1])
            .bmm(&weights[self.values].constant_pad_nd([0, 0, 0, 1]));
        let attended = (plain.view([heads, batch, items, head])
            + carried.view([heads, batch, items, head]))
        .permute([1, 2, 0, 3])
        .reshape([batch, items, self.width]);
        let x = x + drop(&self.output.apply(weights, &attended), dropout);
        self.feed.apply(weights, &x, dropout)
    }
}

/// Keys and values, `[rows, heads, positions, head width]` each.
#[derive(Debug)]
pub struct KeyValue {
    /// Keys.
    pub keys: Tensor,
    /// Values.
    pub values: Tensor,
}

impl KeyValue {
    /// Rows `rows` of both, in that order.
    pub fn select(&self, rows: &Tensor) -> Self {
        Self {
            keys: self.keys.index_select(0, rows),
            values: self.values.index_select(0, rows),
        }
    }

    /// Both with another number of rows, repeating the only one.
    pub fn expand(&self, rows: i64) -> Self {
        let expand = |x: &Tensor| {
            let size = x.size();
            x.expand([rows, size[1], size[2], size[3]], false)
        };
        Self {
            keys: expand(&self.keys),
            values: expand(&self.values),
        }
    }
}

/// A decoder layer: looks back at earlier steps, then at the items.
#[derive(Debug, Clone)]
pub struct DecoderLayer {
    norm: Norm,
    qkv: Linear,
    output: Linear,
    cross_norm: Norm,
    cross_query: Linear,
    cross_pair: Linear,
    cross_output: Linear,
    feed: Feed,
    heads: i64,
    width: i64,
}

impl DecoderLayer {
    /// Adds one.
    pub fn add(layout: &mut Layout, name: &str, (width, heads): (i64, i64), inner: i64) -> Self {
        let part = |part: &str| format!("{name}.{part}");
        Self {
            norm: Norm::add(layout, &part("norm"), width),
            qkv: Linear::add(layout, &part("qkv"), width, 3 * width),
            output: Linear::add(layout, &part("output"), width, width),
            cross_norm: Norm::add(layout, &part("cross.norm"), width),
            cross_query: Linear::add(layout, &part("cross.query"), width, width),
            cross_pair: Linear::add(layout, &part("cross.pair"), width, 2 * width),
            cross_output: Linear::add(layout, &part("cross.output"), width, width),
            feed: Feed::add(layout, &part("feed"), width, inner),
            heads,
            width,
        }
    }

    fn heads(&self, x: &Tensor, parts: i64) -> Tensor {
        let (rows, length) = (x.size()[0], x.size()[1]);
        x.view([rows, length, parts, self.heads, self.width / self.heads])
            .permute([2, 0, 3, 1, 4])
    }

    /// Keys and values of the items, the same for every step.
    pub fn memory(&self, weights: &Weights, items: &Tensor) -> KeyValue {
        let pair = self.heads(&self.cross_pair.apply(weights, items), 2);
        KeyValue {
            keys: pair.get(0),
            values: pair.get(1),
        }
    }

    /// Runs new positions `x` `[rows, new, width]` after those in `past`; with no past all positions are
    /// new and each sees those before it. Gives the output and keys and values to go on from.
    pub fn apply(
        &self,
        weights: &Weights,
        x: &Tensor,
        past: Option<&KeyValue>,
        memory: &KeyValue,
        mask: Option<&Tensor>,
        dropout: f64,
    ) -> (Tensor, KeyValue) {
        let (rows, length) = (x.size()[0], x.size()[1]);
        let join = |x: &Tensor| x.transpose(1, 2).reshape([rows, length, self.width]);
        let qkv = self.heads(&self.qkv.apply(weights, &self.norm.apply(weights, x)), 3);
        let (mut keys, mut values) = (qkv.get(1), qkv.get(2));
        if let Some(past) = past {
            keys = Tensor::cat(&[&past.keys, &keys], 2);
            values = Tensor::cat(&[&past.values, &values], 2);
        }
        let attended = Tensor::scaled_dot_product_attention(
            &qkv.get(0),
            &keys,
            &values,
            None::<&Tensor>,
            0.0,
            past.is_none(),
            None,
            false,
        );
        let x = x + drop(&self.output.apply(weights, &join(&attended)), dropout);
        let query = self.heads(
            &self
                .cross_query
                .apply(weights, &self.cross_norm.apply(weights, &x)),
            1,
        );
        let attended = Tensor::scaled_dot_product_attention(
            &query.get(0),
            &memory.keys,
            &memory.values,
            mask,
            0.0,
            false,
            None,
            false,
        );
        let x = x + drop(&self.cross_output.apply(weights, &join(&attended)), dropout);
        (
            self.feed.apply(weights, &x, dropout),
            KeyValue { keys, values },
        )
    }
}
