//! Beginnings that are kept and found again.

use proptest::prelude::*;

use super::*;

/// Remembers how many tokens it holds, two bytes each.
struct Counted(usize);

impl Cache for Counted {
    fn tokens(&self) -> usize {
        self.0
    }

    fn bytes(&self) -> u64 {
        2 * self.0 as u64
    }

    fn truncate(&mut self, tokens: usize) {
        self.0 = self.0.min(tokens);
    }

    fn fork(&self, tokens: usize) -> Result<Self> {
        Ok(Self(tokens.min(self.0)))
    }
}

fn key(tokens: &[u32]) -> Key {
    Key {
        regime: vec![0],
        tokens: tokens.to_vec(),
    }
}

fn kept(all: &[&[u32]]) -> Kept<Counted> {
    let mut kept = Kept::new();
    for tokens in all {
        kept.keep(key(tokens), Counted(tokens.len()));
    }
    kept
}

#[test]
fn finds_what_begins_alike_longest() {
    let mut kept = kept(&[&[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4, 9], &[7, 7, 7, 7]]);
    let hit = kept.find(&key(&[1, 2, 3, 4, 5, 8])).expect("five alike");
    assert_eq!((hit.tokens, hit.whole), (5, false));
    let hit = kept.find(&key(&[7, 7, 7, 7, 1])).expect("four alike");
    assert_eq!((hit.tokens, hit.whole), (4, true));
    assert_eq!(
        kept.find(&key(&[1, 2, 3, 7])),
        None,
        "three are not worth it"
    );
    assert_eq!(kept.find(&key(&[])), None);
}

#[test]
fn regimes_are_kept_apart() {
    let mut kept = kept(&[&[1, 2, 3, 4, 5]]);
    let other = Key {
        regime: vec![1],
        tokens: vec![1, 2, 3, 4, 5],
    };
    assert_eq!(kept.find(&other), None);
    kept.keep(other.clone(), Counted(5));
    assert_eq!(kept.find(&other).map(|hit| hit.tokens), Some(5));
    assert_eq!(kept.bytes(), 20);
}

#[test]
fn a_cache_that_holds_more_stands_for_one_that_holds_less() {
    let mut kept = kept(&[&[1, 2, 3, 4], &[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4, 5]]);
    assert_eq!(kept.bytes(), 12);
    let hit = kept.find(&key(&[1, 2, 3, 4])).expect("alike");
    assert_eq!((hit.tokens, hit.whole), (4, false));
    let copy = kept.fork(hit.id, 4).expect("is there").expect("copies");
    assert_eq!(copy.tokens(), 4);
    assert_eq!(kept.take(hit.id).map(|cache| cache.0), Some(6));
    assert_eq!((kept.bytes(), kept.evict(None)), (0, false));
}

#[test]
fn the_longest_unused_goes_first_and_the_spared_one_never() {
    let mut kept = kept(&[&[1; 5], &[2; 5], &[3; 5]]);
    let first = kept.find(&key(&[1; 6])).expect("alike").id;
    assert!(kept.evict(Some(first)));
    assert_eq!(kept.find(&key(&[2; 6])), None);
    assert!(kept.evict(Some(first)));
    assert!(!kept.evict(Some(first)));
    assert_eq!(kept.bytes_of(first), 10);
    kept.clear();
    assert_eq!((kept.bytes(), kept.find(&key(&[1; 6]))), (0, None));
}

proptest! {
    #[test]
    fn a_hit_is_as_long_as_the_longest_there_is(
        all in proptest::collection::vec(proptest::collection::vec(0_u32..3, 4..12), 1..12),
        asked in proptest::collection::vec(0_u32..3, 0..12),
    ) {
        let mut kept = Kept::new();
        for tokens in &all {
            kept.keep(key(tokens), Counted(tokens.len()));
        }
        let longest = all.iter().map(|tokens| common(tokens, &asked)).max().unwrap_or(0);
        let found = kept.find(&key(&asked)).map_or(0, |hit| hit.tokens);
        prop_assert_eq!(found, if is_worth(longest) { longest } else { 0 });
        let held: u64 = kept.entries.iter().map(|(_, entry)| entry.bytes).sum();
        prop_assert_eq!(held, kept.bytes());
        prop_assert_eq!(kept.order.len(), kept.entries.len());
    }
}
