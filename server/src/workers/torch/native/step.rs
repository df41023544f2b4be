//! One step: from tokens to scores, all sequences together.

use tidegate_kernels::{
    activation::{self, cap_rows, gated_rows},
    attention::{Batch, Heads},
    norm::{add_rms_norm_rows, rms_norm_rows},
};

use super::{
    Native, NativeCache,
    cache::no_room,
    linear::Linear,
    rooms::{Asked, Rooms},
    turns::Span,
};
use crate::workers::torch::{
    error::Result,
    files::{
        shape::{Activation, Shape},
        weights::Layer,
    },
    network::{Cache as _, Segment, Wanted},
};

impl Native {
    /// Runs segments that were checked.
    pub(super) fn run(
        &mut self,
        segments: &mut [Segment<'_, NativeCache>],
    ) -> Result<Vec<Vec<f32>>> {
        let spans: Vec<Span> = segments.iter().map(span).collect();
        let rows: usize = spans.iter().map(|span| span.count).sum();
        let asked = asked(segments);
        let answers: usize = asked.iter().map(|asked| asked.count).sum();
        self.tables.reach(&self.shape.ropes, &spans)?;
        // Taken out while they are used: should a panic end the step, the next one begins with new ones.
        let mut rooms = std::mem::take(&mut self.rooms);
        rooms.make(&self.shape, rows, answers)?;
        self.embed(segments, &mut rooms);
        let sequences = segments
            .iter_mut()
            .map(|segment| (segment.cache.kept(), segment.tokens.len()));
        let mut batch = Batch::new(sequences).map_err(|error| no_room(&error))?;
        self.layers(&mut rooms, &mut batch, rows, &asked);
        let scores = self.scores(&mut rooms, &asked)?;
        // Only now: what was written behind a cache's end is nothing as long as the end is not moved.
        batch.commit();
        self.rooms = rooms.kept(rows, answers);
        Ok(scores)
    }

    fn embed(&self, segments: &[Segment<'_, NativeCache>], rooms: &mut Rooms) {
        let tokens = segments.iter().flat_map(|segment| segment.tokens);
        let rows = rooms.states.chunks_exact_mut(self.shape.hidden);
        for (&token, row) in tokens.zip(rows) {
            self.weights.embedding.row(token as usize, row);
            if let Some(scale) = self.shape.embedding_scale {
                for number in row {
                    *number *= scale;
                }
            }
        }
    }

    /// Leaves the states of the rows that are asked for, normed, at the beginning of `rooms.normed`.
    fn layers(&self, rooms: &mut Rooms, batch: &mut Batch<'_>, rows: usize, asked: &[Asked]) {
        let (team, shape) = (&self.team, &self.shape);
        let layers = &self.weights.layers;
        let tables: Vec<_> = (0..shape.ropes.len())
            .map(|rope| self.tables.of(rope))
            .collect();
        let activation = kernel(shape.activation);
        // The weights of the norm before each layer; behind the last one stands the model's own.
        let norm = |index: usize| {
            let layer = layers.get(index);
            layer.map_or(&self.weights.norm, |layer| &layer.attention_norm)
        };
        let mut room = rooms.of(shape, rows);
        rms_norm_rows(team, room.states, norm(0), shape.epsilon, room.normed);
        for (index, layer) in layers.iter().enumerate() {
            layer.qkv.apply(team, room.normed, room.rows, room.qkv);
            let heads = heads(shape, index, layer);
            let turns = &tables[shape.layers[index].rope];
            batch.attend(team, index, &heads, turns, room.qkv, room.attended);
            if index + 1 == layers.len() {
                // Keys and values are kept of all rows; beyond that, the last layer is for those asked for.
                let answers = room.gather(shape, asked);
                room = rooms.of(shape, answers);
            }
            layer
                .output
                .apply(team, room.attended, room.rows, room.delta);
            add_rms_norm_rows(
                team,
                room.states,
                room.delta,
                layer.after_attention.as_deref(),
                &layer.feed_norm,
                shape.epsilon,
                room.normed,
            );
            layer
                .gate_up
                .apply(team, room.normed, room.rows, room.gate_up);
            gated_rows(team, activation, room.gate_up, shape.feed_forward, room.fed);
            layer.down.apply(team, room.fed, room.rows, room.delta);
            add_rms_norm_rows(
                team,
                room.states,
                room.delta,
                layer.after_feed.as_deref(),
                norm(index + 1),
                shape.epsilon,
                room.normed,
            );
        }
    }

    /// Scores of the rows that are asked for, by sequence.
    fn scores(&self, rooms: &mut Rooms, asked: &[Asked]) -> Result<Vec<Vec<f32>>> {
        let answers: usize = asked.iter().map(|asked| asked.count).sum();
        if answers == 0 {
            return Ok(vec![Vec::new(); asked.len()]);
        }
        let head = self
            .weights
            .head
            .as_ref()
            .unwrap_or(&self.weights.embedding);
        let states = &rooms.normed[..answers * self.shape.hidden];
        let scores = &mut rooms.scores[..answers * self.shape.vocabulary];
        head.apply(&self.team, states, answers, scores);
        if let Some(cap) = self.shape.score_cap {
            cap_rows(&self.team, scores, cap);
        }
        rooms.hand_out(self.shape.vocabulary, asked)
    }
}

fn span(segment: &Segment<'_, NativeCache>) -> Span {
    let (first, count) = (segment.cache.tokens(), segment.tokens.len());
    Span {
        first,
        count,
        total: (first + count).max(segment.prompt),
    }
}

fn asked(segments: &[Segment<'_, NativeCache>]) -> Vec<Asked> {
    let mut from = 0;
    let rows = segments.iter().map(|segment| {
        let until = from + segment.tokens.len();
        let first = match segment.wanted {
            Wanted::None => until,
            Wanted::Last => until - 1,
            Wanted::All => from,
        };
        from = until;
        Asked::new(first, until - first)
    });
    rows.collect()
}

fn heads<'a>(shape: &Shape, index: usize, layer: &'a Layer<Linear, Vec<f32>>) -> Heads<'a> {
    Heads {
        heads: shape.heads,
        kv_heads: shape.kv_heads,
        width: shape.head_width,
        scale: shape.query_scale,
        cap: shape.attention_cap,
        window: shape.layers[index].window,
        query_norm: layer.query_norm.as_deref(),
        key_norm: layer.key_norm.as_deref(),
        epsilon: shape.epsilon,
    }
}

fn kernel(activation: Activation) -> activation::Activation {
    match activation {
        Activation::Silu => activation::Activation::Silu,
        Activation::GeluTanh => activation::Activation::GeluTanh,
    }
}
