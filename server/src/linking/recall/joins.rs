//! What joins the tables taken: those between two of them, and those they refer to.

use std::collections::HashSet;

use crate::linking::index::Tables;

/// Tables taken first whose connections come right after them, before others are taken by their own worth.
const CONNECTED_AT_ONCE: usize = 3;
/// Tables taken whose connections are looked for at all.
const CONNECTED: usize = 8;

/// The tables taken, and among them those that connect two of them: at once for the first few, at the end for others.
pub(super) fn connect(tables: &Tables, positions: &[Option<usize>], taken: &[usize]) -> Vec<usize> {
    let first = &taken[..taken.len().min(CONNECTED_AT_ONCE)];
    let more = &taken[..taken.len().min(CONNECTED)];
    let mut ordered: Vec<usize> = first.to_vec();
    for set in [first, more] {
        for (nth, &one) in set.iter().enumerate() {
            for &other in &set[..nth] {
                let between = between(tables, positions, one, other, taken);
                add(&mut ordered, between);
            }
        }
        add(&mut ordered, taken.iter().copied());
    }
    ordered
}

/// A table through which two tables are joined that do not refer to each other: one taken anyway is enough, else one
/// that refers to both (the smallest, as a table that only connects has little else), else one on the way from the
/// first to the second.
fn between(
    tables: &Tables,
    positions: &[Option<usize>],
    one: usize,
    other: usize,
    taken: &[usize],
) -> Option<usize> {
    let refers = |from: usize, to: usize| tables.facts[from].refers.contains(&to);
    if refers(one, other) || refers(other, one) {
        return None;
    }
    let usable =
        |table: &usize| positions[*table].is_some() && tables.facts[*table].marks.is_none();
    let both: Vec<usize> = tables.facts[one]
        .referred_by
        .iter()
        .copied()
        .filter(|&table| table != other && refers(table, other))
        .filter(usable)
        .collect();
    let way = |from: usize, to: usize| {
        let steps = tables.facts[from].refers.iter().copied();
        steps.filter(move |&step| refers(step, to)).find(usable)
    };
    if both.iter().any(|table| taken.contains(table)) {
        return None;
    }
    both.into_iter()
        .min_by_key(|&table| (tables.facts[table].columns, table))
        .or_else(|| way(one, other))
        .or_else(|| way(other, one))
}

/// Adds the tables that those in hand refer to, in their order: a query that joins them needs them whole.
pub(super) fn close(tables: &Tables, positions: &[Option<usize>], ordered: &mut Vec<usize>) {
    let referred: Vec<usize> = ordered
        .iter()
        .flat_map(|&table| tables.facts[table].refers.iter().copied())
        .filter(|&table| positions[table].is_some())
        .collect();
    add(ordered, referred);
}

/// Adds what is not there yet.
fn add(ordered: &mut Vec<usize>, more: impl IntoIterator<Item = usize>) {
    let mut known: HashSet<usize> = ordered.iter().copied().collect();
    ordered.extend(more.into_iter().filter(|table| known.insert(*table)));
}
