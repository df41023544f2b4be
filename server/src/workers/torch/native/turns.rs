//! Cosines and sines of positions, made once and kept.

use tidegate_kernels::rope::Turns;

use super::cache::no_room;
use crate::workers::torch::{error::Result, files::rope::Rope};

/// Where a sequence's rows stand in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Position of its first row.
    pub(super) first: usize,
    /// Rows.
    pub(super) count: usize,
    /// Tokens of the sequence, as far as they are known.
    pub(super) total: usize,
}

impl Span {
    fn end(&self) -> usize {
        self.first + self.count
    }
}

/// Tables of a model.
#[derive(Default)]
pub(super) struct Tables {
    /// By kind of positions and regime; they grow with the longest sequence.
    shared: Vec<(usize, u8, Turns)>,
    /// Those of sequences that have turns of their own, for one step.
    own: Vec<Turns>,
    /// Per kind of positions, the table of each sequence.
    picks: Vec<Vec<Pick>>,
}

#[derive(Clone, Copy)]
enum Pick {
    Shared(usize),
    Own(usize),
}

impl Tables {
    /// Makes what the rows of a step need.
    pub(super) fn reach(&mut self, ropes: &[Rope], spans: &[Span]) -> Result<()> {
        self.own.clear();
        self.picks.clear();
        for (index, rope) in ropes.iter().enumerate() {
            let picks = spans.iter().map(|span| self.pick(index, rope, span));
            let picks = picks.collect::<Result<_>>()?;
            self.picks.push(picks);
        }
        Ok(())
    }

    /// Per sequence of the step, the table for a kind of positions.
    pub(super) fn of(&self, rope: usize) -> Vec<&Turns> {
        let table = |pick: &Pick| match *pick {
            Pick::Shared(at) => &self.shared[at].2,
            Pick::Own(at) => &self.own[at],
        };
        self.picks[rope].iter().map(table).collect()
    }

    fn pick(&mut self, index: usize, rope: &Rope, span: &Span) -> Result<Pick> {
        let made = || {
            Turns::new(
                rope.frequencies(span.total),
                rope.attention_factor(span.total),
            )
        };
        let regime = rope.regime(span.total);
        if regime == Rope::ALONE {
            let mut turns = made().starting_at(span.first);
            turns.reach(span.end()).map_err(|error| no_room(&error))?;
            self.own.push(turns);
            return Ok(Pick::Own(self.own.len() - 1));
        }
        let known = self
            .shared
            .iter()
            .position(|(of, when, _)| (*of, *when) == (index, regime));
        let at = known.unwrap_or_else(|| {
            self.shared.push((index, regime, made()));
            self.shared.len() - 1
        });
        self.shared[at]
            .2
            .reach(span.end())
            .map_err(|error| no_room(&error))?;
        Ok(Pick::Shared(at))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::workers::torch::files::shape::Shape;

    fn ropes() -> Vec<Rope> {
        let config = json!({
            "model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
            "num_hidden_layers": 2, "intermediate_size": 12, "vocab_size": 10, "max_position_embeddings": 512,
            "rope_scaling": {"rope_type": "dynamic", "factor": 2.0},
        });
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        std::fs::write(directory.path().join("config.json"), config.to_string()).expect("writable");
        Shape::read(directory.path())
            .expect("a known architecture")
            .ropes
    }

    fn span(first: usize, count: usize) -> Span {
        Span {
            first,
            count,
            total: first + count,
        }
    }

    #[test]
    fn sequences_share_a_table_until_one_has_turns_of_its_own() {
        let ropes = ropes();
        let mut tables = Tables::default();
        tables
            .reach(&ropes, &[span(0, 4), span(599, 1), span(10, 2)])
            .expect("there is memory");
        let tables_of_step = tables.of(0);
        assert!(std::ptr::eq(tables_of_step[0], tables_of_step[2]));
        assert_eq!(
            (tables_of_step[0].first(), tables_of_step[0].positions()),
            (0, 12)
        );
        let own = tables_of_step[1];
        assert_eq!((own.first(), own.positions()), (599, 600));
        assert_ne!(own.frequencies(), tables_of_step[0].frequencies());
        // What one sequence had alone is let go with its step; what is shared stays.
        tables
            .reach(&ropes, &[span(4, 1)])
            .expect("there is memory");
        assert_eq!(tables.own.len(), 0);
        assert_eq!(tables.of(0)[0].positions(), 12);
    }
}
