//! Holding a local model to a form: which tokens may come next if the answer is to fit a JSON schema.
//!
//! Schemas of fixed shape alone (objects with known members in their order, lists, texts, choices, numbers), which is
//! what our own prompts ask for. Such a form has no recursion, so it compiles to a short program, and where an answer
//! stands in it is a handful of numbers. A general grammar engine would be a large dependency for that.
//!
//! Knows no tensor: the sampler proposes, [`Mask`] disposes.

mod pieces;
mod program;
mod text;

use std::sync::Arc;

use self::program::State;
pub use self::{
    pieces::{Pieces, of_byte_level, of_sentence_piece},
    program::Grammar,
};

/// Proposals that are tried before every token is looked at. The likeliest one nearly always fits.
const PROPOSALS: usize = 16;

/// An answer under way and what may follow.
#[derive(Debug, Clone)]
pub struct Mask {
    grammar: Arc<Grammar>,
    pieces: Arc<Pieces>,
    state: State,
}

/// What came of choosing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// This token.
    Token(u32),
    /// The sampler had none: the scores are not numbers.
    NoScores,
    /// No token fits: this vocabulary cannot write the form.
    Stuck,
}

impl Mask {
    /// At the beginning of an answer, over a vocabulary.
    pub fn new(grammar: Arc<Grammar>, pieces: Arc<Pieces>) -> Self {
        Self {
            state: Grammar::begin(),
            grammar,
            pieces,
        }
    }

    /// Whether the answer is whole.
    pub fn is_done(&self) -> bool {
        self.grammar.is_done(self.state)
    }

    /// Whether a token may come next.
    pub fn allows(&self, token: u32) -> bool {
        self.after(token).is_some()
    }

    /// Goes on behind a token that was allowed; one that was not changes nothing.
    pub fn take(&mut self, token: u32) {
        if let Some(state) = self.after(token) {
            self.state = state;
        }
    }

    /// The token that `choose` takes of those that fit. What does not fit loses its score, so that a sampler draws from
    /// the rest as if there were no others.
    pub fn choose(
        &self,
        scores: &mut [f32],
        mut choose: impl FnMut(&[f32]) -> Option<u32>,
    ) -> Chosen {
        for proposal in 0..PROPOSALS {
            let Some(token) = choose(scores) else {
                return if proposal == 0 {
                    Chosen::NoScores
                } else {
                    Chosen::Stuck
                };
            };
            if self.allows(token) {
                return Chosen::Token(token);
            }
            let Some(score) = scores.get_mut(token as usize) else {
                return Chosen::Stuck;
            };
            *score = f32::NEG_INFINITY;
        }
        for (token, score) in (0_u32..).zip(scores.iter_mut()) {
            if !self.allows(token) {
                *score = f32::NEG_INFINITY;
            }
        }
        choose(scores)
            .filter(|&token| self.allows(token))
            .map_or(Chosen::Stuck, Chosen::Token)
    }

    fn after(&self, token: u32) -> Option<State> {
        let bytes = self.pieces.of(token)?;
        let mut state = self.state;
        for &byte in bytes {
            state = self.grammar.step(state, byte)?;
        }
        Some(state)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A vocabulary of single bytes and of some longer tokens, the first of which is special.
    fn vocabulary() -> Arc<Pieces> {
        let mut tokens: Vec<Option<Vec<u8>>> = vec![None];
        tokens.extend((0..=255_u8).map(|byte| Some(vec![byte])));
        for long in ["{\"a\": ", "{\"b", "\"}", "hello", "Sure! "] {
            tokens.push(Some(long.as_bytes().to_vec()));
        }
        Arc::new(Pieces::new(tokens))
    }

    fn mask(schema: &Value) -> Mask {
        let grammar = Grammar::of_schema(schema).expect("a fixed shape");
        Mask::new(Arc::new(grammar), vocabulary())
    }

    fn schema() -> Value {
        json!({"type": "object", "properties": {"a": {"type": "string"}}})
    }

    fn greedy(scores: &[f32]) -> Option<u32> {
        let best = (0_u32..).zip(scores).max_by(|a, b| a.1.total_cmp(b.1))?;
        (*best.1 > f32::NEG_INFINITY).then_some(best.0)
    }

    #[test]
    fn the_best_token_that_fits_is_chosen_and_chatter_is_not() {
        let mut mask = mask(&schema());
        let likes = |token: usize| {
            let mut scores = vec![0.0_f32; vocabulary().len()];
            scores[token] = 9.0;
            scores
        };
        let [whole, other, end, hello, chatter] = [257, 258, 259, 260, 261];
        for (liked, chosen) in [(chatter, None), (other, None), (whole, Some(whole))] {
            let mut scores = likes(liked);
            let token = mask.choose(&mut scores, greedy);
            match chosen {
                Some(token_wanted) => assert_eq!(token, Chosen::Token(token_wanted as u32)),
                None => assert!(
                    matches!(token, Chosen::Token(token) if token != liked as u32),
                    "{liked}"
                ),
            }
        }
        mask.take(whole as u32);
        assert!(!mask.allows(hello as u32), "the quote is missing");
        mask.take(1 + u32::from(b'"'));
        mask.take(hello as u32);
        assert!(!mask.is_done());
        assert!(!mask.allows(0), "a special token writes nothing");
        mask.take(end as u32);
        assert!(mask.is_done());
        assert!(!mask.allows(hello as u32), "nothing follows");
    }

    #[test]
    fn scores_that_are_no_numbers_are_told_from_a_vocabulary_that_cannot_write_the_form() {
        let mask = mask(&schema());
        assert_eq!(mask.choose(&mut [0.0; 4], |_| None), Chosen::NoScores);
        let poor = Arc::new(Pieces::new(vec![None, Some(b"x".to_vec())]));
        let grammar = Grammar::of_schema(&schema()).expect("a fixed shape");
        let stuck = Mask::new(Arc::new(grammar), poor);
        assert_eq!(stuck.choose(&mut [0.0; 2], greedy), Chosen::Stuck);
        assert_eq!(stuck.choose(&mut [0.0; 40], greedy), Chosen::Stuck);
    }

    #[test]
    fn whatever_is_drawn_the_answer_is_json_of_the_form() {
        let form = json!({"type": "object", "properties": {
            "thoughts": {"type": "string"},
            "kind": {"type": "string", "enum": ["bar", "bars", "line"]},
            "list": {"type": "array", "items": {"type": "object", "properties": {
                "n": {"type": "integer"}, "x": {"type": "number"}, "ok": {"type": "boolean"},
            }}},
        }});
        let mut seed = 7_u64;
        let count = vocabulary().len() as u32;
        for _ in 0..20 {
            let mut mask = mask(&form);
            let mut said = Vec::new();
            for step in 0..4_000 {
                if mask.is_done() {
                    break;
                }
                let allowed: Vec<u32> = (0..count).filter(|&token| mask.allows(token)).collect();
                assert!(
                    !allowed.is_empty(),
                    "stuck behind {}",
                    String::from_utf8_lossy(&said)
                );
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let drawn = allowed[(seed >> 33) as usize % allowed.len()];
                // Whoever draws blindly must be made to end.
                let closing = [b'"', b']', b'}'].map(|sign| 1 + u32::from(sign));
                let token = closing
                    .into_iter()
                    .find(|token| step > 200 && allowed.contains(token))
                    .unwrap_or(drawn);
                said.extend_from_slice(mask.pieces.of(token).expect("a piece"));
                mask.take(token);
            }
            assert!(mask.is_done());
            let read: Value = serde_json::from_slice(&said).expect("JSON");
            assert!(read["thoughts"].is_string() && read["list"].is_array());
            assert!(
                ["bar", "bars", "line"]
                    .map(Value::from)
                    .contains(&read["kind"])
            );
        }
    }
}
