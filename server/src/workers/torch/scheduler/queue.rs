//! Who waits, in fair order: callers take turns, and one caller's requests go first come, first served.

use std::collections::VecDeque;

/// Things that wait, in a lane for each caller.
pub(super) struct Queue<T> {
    /// Lanes in the order of their turns; none is empty.
    lanes: VecDeque<(Option<String>, VecDeque<T>)>,
    count: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            lanes: VecDeque::new(),
            count: 0,
        }
    }
}

impl<T> Queue<T> {
    /// Things that wait.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes a thing in behind those of the same caller. Callers that give no key are one.
    pub(super) fn push(&mut self, key: Option<&str>, thing: T) {
        self.count += 1;
        if let Some((_, lane)) = self
            .lanes
            .iter_mut()
            .find(|(name, _)| name.as_deref() == key)
        {
            lane.push_back(thing);
        } else {
            self.lanes
                .push_back((key.map(str::to_owned), VecDeque::from([thing])));
        }
    }

    /// Gives out the next thing; its caller's next turn is behind all others'.
    pub(super) fn pop(&mut self) -> Option<T> {
        let (key, mut lane) = self.lanes.pop_front()?;
        let thing = lane.pop_front()?;
        self.count -= 1;
        if !lane.is_empty() {
            self.lanes.push_back((key, lane));
        }
        Some(thing)
    }

    /// Takes out what need not wait any longer; the others keep their order.
    pub(super) fn extract(&mut self, mut over: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut out = Vec::new();
        for (_, lane) in &mut self.lanes {
            let mut at = 0;
            while at < lane.len() {
                if over(&lane[at]) {
                    out.extend(lane.remove(at));
                } else {
                    at += 1;
                }
            }
        }
        self.lanes.retain(|(_, lane)| !lane.is_empty());
        self.count -= out.len();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(queue: &mut Queue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn callers_take_turns_and_keep_their_own_order() {
        let mut queue = Queue::default();
        for (key, thing) in [
            (Some("a"), 1),
            (Some("a"), 2),
            (Some("a"), 3),
            (Some("b"), 10),
            (None, 20),
            (None, 21),
        ] {
            queue.push(key, thing);
        }
        assert_eq!(queue.len(), 6);
        assert_eq!(drained(&mut queue), [1, 10, 20, 2, 21, 3]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_caller_that_comes_back_waits_behind_the_others() {
        let mut queue = Queue::default();
        queue.push(Some("a"), 1);
        queue.push(Some("b"), 10);
        assert_eq!(queue.pop(), Some(1));
        queue.push(Some("a"), 2);
        assert_eq!(drained(&mut queue), [10, 2]);
    }

    #[test]
    fn those_who_left_are_taken_out_and_nobody_moves() {
        let mut queue = Queue::default();
        for (key, thing) in [
            (Some("a"), 1),
            (Some("a"), 2),
            (Some("b"), 10),
            (Some("a"), 3),
        ] {
            queue.push(key, thing);
        }
        assert_eq!(queue.extract(|thing| [2, 10].contains(thing)), [2, 10]);
        assert_eq!(queue.len(), 2);
        assert_eq!(drained(&mut queue), [1, 3]);
    }
}
