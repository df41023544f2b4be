//! Which tables hang together over which keys, and the shortest way from some tables to another.

use crate::schema::{ColumnId, Schema, TableId, identifier_words};

/// Cost of one key on a way; the rest are nudges smaller than that.
const STEP: u32 = 100;
/// A key the query names is as good as free against one it does not.
const NAMED: u32 = 60;
/// Through a table that the query speaks of anyway.
const SPOKEN_OF: u32 = 10;
/// Towards more rows.
const DOWN: u32 = 1;
/// Over a key that is not named after the table it leads to (`manager_id` against `department_id`).
const OFF_NAME: u32 = 4;

/// A foreign key, of one column or several.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    pub(super) child: TableId,
    pub(super) parent: TableId,
    /// Referring and referred columns.
    pub(super) pairs: Vec<(ColumnId, ColumnId)>,
    /// Whether the query names the key.
    named: bool,
    /// Whether the key is named after the table it leads to.
    telling: bool,
}

/// One key walked in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) edge: usize,
    pub(super) from: TableId,
    pub(super) to: TableId,
}

pub(super) struct Graph {
    pub(super) edges: Vec<Edge>,
    /// The key by which a table refers to itself.
    own: Vec<Option<usize>>,
    spoken_of: Vec<bool>,
}

impl Graph {
    /// Of several keys of one table to another, the one in `via` counts, else the one named after the other
    /// table, else the first.
    pub(super) fn new(schema: &Schema, via: &[ColumnId], spoken_of: Vec<bool>) -> Self {
        let mut edges: Vec<Edge> = Vec::new();
        let mut own = vec![None; schema.tables.len()];
        for (from, to) in schema.foreign_keys() {
            let (Some(child), Some(parent)) = (schema.columns.get(from), schema.columns.get(to))
            else {
                continue;
            };
            let named = via.contains(&from);
            let telling = is_telling(&child.name, &schema.tables[parent.table].name);
            let (child, parent) = (child.table, parent.table);
            let edge = Edge {
                child,
                parent,
                pairs: vec![(from, to)],
                named,
                telling,
            };
            if child == parent {
                if own[child].is_none() || named {
                    own[child] = Some(edges.len());
                    edges.push(edge);
                }
                continue;
            }
            let composite = schema.columns[to].primary && schema.primary_key(parent).is_none();
            match edges
                .iter_mut()
                .find(|e| e.child == child && e.parent == parent)
            {
                Some(known) if composite && known.pairs.iter().all(|&(_, p)| p != to) => {
                    known.pairs.push((from, to));
                }
                Some(known) if (named, telling) > (known.named, known.telling) => *known = edge,
                Some(_) => {}
                None => edges.push(edge),
            }
        }
        Self {
            edges,
            own,
            spoken_of,
        }
    }

    /// The key by which a table refers to itself.
    pub(super) fn own_key(&self, table: TableId) -> Option<&Edge> {
        self.own[table].map(|edge| &self.edges[edge])
    }

    /// Whether a hop leads from many rows to one.
    pub(super) fn is_up(&self, hop: Hop) -> bool {
        self.edges[hop.edge].child == hop.from
    }

    /// The cheapest way from any of `sources` to `target` that enters no `blocked` table.
    pub(super) fn path(
        &self,
        sources: &[TableId],
        target: TableId,
        blocked: &[TableId],
    ) -> Option<Vec<Hop>> {
        let count = self.own.len();
        let mut cost = vec![u32::MAX; count];
        let mut came: Vec<Option<Hop>> = vec![None; count];
        let mut done = vec![false; count];
        for &source in sources {
            cost[source] = 0;
        }
        loop {
            let next = (0..count)
                .filter(|&t| !done[t] && cost[t] != u32::MAX)
                .min_by_key(|&t| {
                    (
                        cost[t],
                        sources.iter().position(|&s| s == t).unwrap_or(usize::MAX),
                    )
                })?;
            if next == target {
                break;
            }
            done[next] = true;
            for (index, edge) in self.edges.iter().enumerate() {
                let to = match next {
                    t if edge.child == edge.parent && t == edge.child => continue,
                    t if t == edge.child => edge.parent,
                    t if t == edge.parent => edge.child,
                    _ => continue,
                };
                if blocked.contains(&to) {
                    continue;
                }
                let price = STEP
                    - if edge.named { NAMED } else { 0 }
                    - if self.spoken_of[to] { SPOKEN_OF } else { 0 }
                    + if to == edge.child { DOWN } else { 0 }
                    + if edge.telling { 0 } else { OFF_NAME };
                if cost[next] + price < cost[to] {
                    cost[to] = cost[next] + price;
                    came[to] = Some(Hop {
                        edge: index,
                        from: next,
                        to,
                    });
                }
            }
        }
        let mut hops = Vec::new();
        let mut at = target;
        while let Some(hop) = came[at] {
            hops.push(hop);
            at = hop.from;
        }
        hops.reverse();
        Some(hops)
    }

    /// The smallest set of keys that connects these tables, as hops outwards from the first of them.
    /// `Err` is the table that cannot be reached.
    pub(super) fn tree(&self, terminals: &[TableId]) -> Result<Vec<Hop>, TableId> {
        let Some(&root) = terminals.first() else {
            return Ok(Vec::new());
        };
        let mut best: Option<(usize, Vec<usize>)> = None;
        // Growing from each terminal in turn finds the smallest tree in all but contrived cases.
        for &start in terminals {
            let edges = self.grow(start, terminals)?;
            if best.as_ref().is_none_or(|(size, _)| edges.len() < *size) {
                best = Some((edges.len(), edges));
            }
        }
        let mut rest = best.map(|(_, edges)| edges).unwrap_or_default();
        let mut reached = vec![root];
        let mut hops = Vec::new();
        while let Some(at) = rest.iter().position(|&e| {
            reached.contains(&self.edges[e].child) != reached.contains(&self.edges[e].parent)
        }) {
            let index = rest.remove(at);
            let edge = &self.edges[index];
            let (from, to) = if reached.contains(&edge.child) {
                (edge.child, edge.parent)
            } else {
                (edge.parent, edge.child)
            };
            reached.push(to);
            hops.push(Hop {
                edge: index,
                from,
                to,
            });
        }
        Ok(hops)
    }

    fn grow(&self, start: TableId, terminals: &[TableId]) -> Result<Vec<usize>, TableId> {
        let mut reached = vec![start];
        let mut edges = Vec::new();
        loop {
            let mut nearest: Option<Vec<Hop>> = None;
            for &terminal in terminals.iter().filter(|t| !reached.contains(t)) {
                let path = self.path(&reached, terminal, &[]).ok_or(terminal)?;
                if nearest.as_ref().is_none_or(|best| path.len() < best.len()) {
                    nearest = Some(path);
                }
            }
            let Some(path) = nearest else {
                return Ok(edges);
            };
            for hop in path {
                reached.push(hop.to);
                edges.push(hop.edge);
            }
        }
    }
}

fn is_telling(key: &str, parent: &str) -> bool {
    let parent = identifier_words(parent);
    identifier_words(key)
        .iter()
        .filter(|word| word.len() > 2)
        .any(|word| {
            parent
                .iter()
                .any(|other| other.starts_with(word.as_str()) || word.starts_with(other.as_str()))
        })
}

/// Whether another key leads from the same table to the same table, and neither is named after it more.
pub(super) fn is_toss_up(schema: &Schema, key: ColumnId) -> bool {
    let target = |key: ColumnId| schema.columns[key].references;
    let Some(parent) = target(key).map(|to| schema.columns[to].table) else {
        return false;
    };
    let telling =
        |key: ColumnId| is_telling(&schema.columns[key].name, &schema.tables[parent].name);
    let child = schema.columns[key].table;
    child != parent
        && schema.tables[child].columns.clone().any(|other| {
            other != key && target(other) == target(key) && telling(other) == telling(key)
        })
}
