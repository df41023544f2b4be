//! Rotary positions: each pair of a head's numbers turns by an angle that grows with the position.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled without the set's instructions"
)]

use crate::{
    matrix::KernelError,
    vector::{Kernel, Vector, dispatch},
};

/// Turns the first `2 * cos.len()` numbers of a head: number `i` of their first half together with number `i` of their
/// second by the `i`th angle. The rest stays.
///
/// # Panics
///
/// When the head is shorter, or `cos` and `sin` differ in length.
pub fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    assert_eq!(cos.len(), sin.len(), "a sine per cosine");
    assert!(head.len() >= 2 * cos.len(), "two numbers per angle");
    dispatch(Rotate { head, cos, sin });
}

struct Rotate<'a> {
    head: &'a mut [f32],
    cos: &'a [f32],
    sin: &'a [f32],
}

impl Kernel for Rotate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, _: V) {
        let half = self.cos.len();
        let (first, rest) = self.head.split_at_mut(half);
        for (((a, b), cos), sin) in first.iter_mut().zip(rest).zip(self.cos).zip(self.sin) {
            let (x, y) = (*a, *b);
            *a = x * cos - y * sin;
            *b = y * cos + x * sin;
        }
    }
}

/// Cosines and sines of the positions so far.
#[derive(Debug, Clone)]
pub struct Turns {
    frequencies: Vec<f32>,
    factor: f32,
    /// The first position there is.
    first: usize,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Turns {
    /// No positions yet. `frequencies` are the angles by which each pair turns from one position to the next, `factor`
    /// multiplies cosines and sines.
    pub fn new(frequencies: Vec<f32>, factor: f32) -> Self {
        Self {
            frequencies,
            factor,
            first: 0,
            cos: Vec::new(),
            sin: Vec::new(),
        }
    }

    /// The same without the positions before `first`.
    pub fn starting_at(mut self, first: usize) -> Self {
        self.first = first;
        self.cos.clear();
        self.sin.clear();
        self
    }

    /// What [`Turns::new`] was given.
    pub fn frequencies(&self) -> &[f32] {
        &self.frequencies
    }

    /// What [`Turns::new`] was given.
    pub fn factor(&self) -> f32 {
        self.factor
    }

    /// Pairs that turn.
    pub fn pairs(&self) -> usize {
        self.frequencies.len()
    }

    /// The first position there is.
    pub fn first(&self) -> usize {
        self.first
    }

    /// The position behind the last there is.
    pub fn positions(&self) -> usize {
        let made = self.cos.len().checked_div(self.pairs());
        made.map_or(usize::MAX, |made| self.first + made)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        (self.cos.capacity() + self.sin.capacity()) * size_of::<f32>()
    }

    /// Makes the positions before `positions`, if they are not there.
    ///
    /// # Errors
    ///
    /// [`KernelError::Memory`].
    pub fn reach(&mut self, positions: usize) -> Result<(), KernelError> {
        let have = self.positions();
        if positions <= have {
            return Ok(());
        }
        let more = (positions - have).saturating_mul(self.pairs());
        for numbers in [&mut self.cos, &mut self.sin] {
            numbers
                .try_reserve(more)
                .map_err(|_| KernelError::Memory { bytes: more * 4 })?;
        }
        for position in have..positions {
            for frequency in &self.frequencies {
                // The angle is rounded to f32, as where the models were trained; its cosine is then exact.
                let angle = f64::from(position as f32 * frequency);
                self.cos.push((angle.cos() as f32) * self.factor);
                self.sin.push((angle.sin() as f32) * self.factor);
            }
        }
        Ok(())
    }

    /// Cosines and sines of a position.
    ///
    /// # Panics
    ///
    /// When it comes before the first, or [`Turns::reach`] was not asked for it.
    pub fn at(&self, position: usize) -> (&[f32], &[f32]) {
        let position = position - self.first;
        let (from, to) = (position * self.pairs(), (position + 1) * self.pairs());
        (&self.cos[from..to], &self.sin[from..to])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Level;

    #[test]
    fn turns_pairs_by_their_angle_and_leaves_the_rest() {
        for pairs in [1, 4, 8, 20, 32, 33, 64] {
            let frequencies: Vec<f32> = (0..pairs).map(|i| 0.9_f32.powi(i)).collect();
            let mut turns = Turns::new(frequencies.clone(), 1.25);
            turns.reach(4).expect("there is memory");
            turns.reach(30).expect("there is memory");
            let pairs = pairs as usize;
            let head: Vec<f32> = (0..2 * pairs + 3).map(|i| (i as f32).sin()).collect();
            for level in Level::available() {
                for position in [0, 3, 17, 29] {
                    let mut turned = head.clone();
                    let (cos, sin) = turns.at(position);
                    level.force(|| rotate(&mut turned, cos, sin));
                    for pair in 0..pairs {
                        let angle = f64::from(position as f32 * frequencies[pair]);
                        let (x, y) = (f64::from(head[pair]), f64::from(head[pair + pairs]));
                        let wanted = [
                            1.25 * (x * angle.cos() - y * angle.sin()),
                            1.25 * (y * angle.cos() + x * angle.sin()),
                        ];
                        let got = [turned[pair], turned[pair + pairs]];
                        for (wanted, got) in wanted.into_iter().zip(got) {
                            assert!((wanted - f64::from(got)).abs() < 4e-7, "{wanted} {got}");
                        }
                    }
                    assert_eq!(turned[2 * pairs..], head[2 * pairs..]);
                }
            }
        }
    }

    #[test]
    fn a_table_may_start_later() {
        let mut whole = Turns::new(vec![1.0, 0.5], 1.0);
        whole.reach(10).expect("there is memory");
        let mut late = whole.clone().starting_at(7);
        late.reach(5).expect("nothing to make");
        assert_eq!((late.first(), late.positions()), (7, 7));
        late.reach(10).expect("there is memory");
        assert_eq!((late.at(7), late.at(9)), (whole.at(7), whole.at(9)));
    }

    #[test]
    fn a_model_without_turns_has_every_position() {
        let mut turns = Turns::new(Vec::new(), 1.0);
        turns.reach(100).expect("nothing to make");
        assert_eq!(turns.at(99), (&[][..], &[][..]));
    }
}
