//! Chance, in one place: a seeded source of random choices, and the template language of the wordings.

use rand::Rng;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// A seeded source of random choices; the same seed gives the same choices on every machine.
#[derive(Debug, Clone)]
pub(super) struct Dice {
    rng: ChaCha8Rng,
    /// Whether wordings set aside for testing are used instead of the others.
    pub(super) held_out: bool,
    /// Whether a wording that was set aside has been used since [`Dice::new`].
    pub(super) used_held_out: bool,
}

impl Dice {
    pub(super) fn new(seed: u64, held_out: bool) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            held_out,
            used_held_out: false,
        }
    }

    /// A number below `n`; 0 if `n` is 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        let wide = u128::from(self.rng.next_u64()) * n as u128;
        (wide >> 64) as usize
    }

    /// A whole number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low).max(0) as usize + 1) as i64
    }

    /// A number in `[0, 1)`.
    pub(super) fn unit(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(super) fn seed(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// One of the items, or `None` if there are none.
    pub(super) fn pick<'t, T>(&mut self, items: &'t [T]) -> Option<&'t T> {
        let at = self.below(items.len());
        items.get(at)
    }

    /// One of some fixed words.
    pub(super) fn word<'t>(&mut self, words: &[&'t str]) -> &'t str {
        self.pick(words).copied().unwrap_or_default()
    }

    /// An index, with chances in proportion to the weights.
    pub(super) fn weighted(&mut self, weights: &[f64]) -> usize {
        let total: f64 = weights.iter().sum();
        let mut left = self.unit() * total;
        for (at, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return at;
            }
        }
        weights.len().saturating_sub(1)
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }

    /// One of the sentence frames. About a tenth of every long list is set aside: those are used only by a
    /// generator that asks for held-out wordings.
    pub(super) fn frame<'t>(&mut self, frames: &[&'t str]) -> &'t str {
        let kept: Vec<&'t str> = frames
            .iter()
            .copied()
            .filter(|f| is_held_out(f, frames.len()) == self.held_out)
            .collect();
        if let Some(&frame) = self.pick(&kept) {
            self.used_held_out |= self.held_out;
            return frame;
        }
        let rest: Vec<&'t str> = frames
            .iter()
            .copied()
            .filter(|f| self.held_out || !is_held_out(f, frames.len()))
            .collect();
        self.word(&rest)
    }

    /// Fills a template: `[a|b|]` is one of the alternatives (they may nest), `{name}` a slot.
    pub(super) fn fill(&mut self, template: &str, slots: &[(&str, &str)]) -> String {
        let mut out = String::with_capacity(template.len() * 2);
        self.fill_into(template, slots, &mut out);
        out
    }

    fn fill_into(&mut self, template: &str, slots: &[(&str, &str)], out: &mut String) {
        let mut rest = template;
        while let Some(at) = rest.find(['[', '{']) {
            out.push_str(&rest[..at]);
            let tail = &rest[at..];
            if let Some(inner) = tail.strip_prefix('{') {
                let Some(close) = inner.find('}') else {
                    out.push_str(tail);
                    return;
                };
                let name = &inner[..close];
                if let Some((_, value)) = slots.iter().find(|(slot, _)| *slot == name) {
                    out.push_str(value);
                }
                rest = &inner[close + 1..];
            } else {
                let (options, after) = alternatives(tail);
                let chosen = self.word(&options);
                self.fill_into(chosen, slots, out);
                rest = after;
            }
        }
        out.push_str(rest);
    }
}

/// Splits `[a|b[c|d]]rest` into its alternatives and the rest.
fn alternatives(text: &str) -> (Vec<&str>, &str) {
    let mut depth = 0;
    let mut start = 1;
    let mut options = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => {
                depth -= 1;
                if depth == 0 {
                    options.push(&text[start..at]);
                    return (options, &text[at + 1..]);
                }
            }
            b'|' if depth == 1 => {
                options.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    (vec![text], "")
}

/// Whether a frame of a list of so many is set aside. Short lists keep all of theirs.
fn is_held_out(frame: &str, among: usize) -> bool {
    among >= 8 && stable_hash(frame).is_multiple_of(10)
}

/// FNV-1a with a final mix: the same on every machine and in every version.
pub(super) fn stable_hash(text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_nested_alternatives_and_slots() {
        let mut dice = Dice::new(1, false);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            seen.insert(dice.fill("[show[ me|] |]{x}!", &[("x", "books [2]")]));
        }
        let expected = ["books [2]!", "show books [2]!", "show me books [2]!"];
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_same_seed_gives_the_same_choices() {
        let draw = |seed| {
            let mut dice = Dice::new(seed, false);
            (0..32).map(|_| dice.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
