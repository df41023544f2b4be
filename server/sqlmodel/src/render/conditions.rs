//! Conditions: which of them speak of joined rows, and which ask whether a row elsewhere exists.
//!
//! A table that only filters and holds many rows per row shown must not be joined: it would repeat rows and
//! inflate counts and sums. Such conditions become `EXISTS`, and those that speak of the same rows share one.

mod subqueries;

use super::{
    Dialect, RenderError,
    expressions::Context,
    graph::{Graph, Hop},
    names::Names,
};
use crate::{
    query::{Comparison, Predicate},
    schema::{ColumnId, Schema, TableId},
};

/// A condition, one line of SQL or several.
pub(super) type Lines = Vec<String>;

pub(super) struct Conditions<'a> {
    pub(super) schema: &'a Schema,
    pub(super) graph: &'a Graph,
    pub(super) dialect: Dialect,
    /// The tables that are joined.
    pub(super) joined: &'a [TableId],
}

/// Clauses about the same rows of tables that are not joined.
struct Group<'q> {
    first: Hop,
    clauses: Vec<&'q [Predicate]>,
}

impl Conditions<'_> {
    pub(super) fn all(
        &self,
        filter: &[Vec<Predicate>],
        names: &mut Names,
    ) -> Result<Vec<Lines>, RenderError> {
        let mut conditions = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        for clause in filter.iter().filter(|clause| !clause.is_empty()) {
            match self.shared_hop(clause)? {
                Some(first) => {
                    let open = groups.iter_mut().find(|group| {
                        group.first.edge == first.edge
                            && group.first.from == first.from
                            && !group.clauses.iter().any(|other| contradict(other, clause))
                    });
                    match open {
                        Some(group) => group.clauses.push(clause),
                        None => groups.push(Group {
                            first,
                            clauses: vec![clause],
                        }),
                    }
                }
                None => conditions.push(self.clause(clause, names)?),
            }
        }
        for group in groups {
            conditions.push(self.semijoin(group.first, &group.clauses, names)?);
        }
        Ok(conditions)
    }

    /// The key over which all of a clause leaves the joined tables, if it does so over one.
    fn shared_hop(&self, clause: &[Predicate]) -> Result<Option<Hop>, RenderError> {
        let mut shared = None;
        for predicate in clause {
            let Some(table) = self.remote(predicate) else {
                return Ok(None);
            };
            let first = self.way(self.joined, table, &[])?.first().copied();
            if first.is_none() || shared.is_some_and(|hop| Some(hop) != first) {
                return Ok(None);
            }
            shared = first;
        }
        Ok(shared)
    }

    /// The table of a condition on a row that is not joined.
    fn remote(&self, predicate: &Predicate) -> Option<TableId> {
        let table = self.schema.columns[column(predicate)?].table;
        (!self.joined.contains(&table)).then_some(table)
    }

    fn clause(&self, clause: &[Predicate], names: &mut Names) -> Result<Lines, RenderError> {
        if clause.iter().all(|p| self.remote(p).is_none())
            && let Some(list) = self.context(names).one_of(clause)
        {
            return Ok(vec![list]);
        }
        let mut alternatives = Vec::new();
        for predicate in clause {
            alternatives.push(match predicate {
                Predicate::Exists(table, is, inner) => self.exists(*table, *is, inner, names)?,
                _ => match self.remote(predicate) {
                    Some(table) => match self.way(self.joined, table, &[])?.first() {
                        Some(&first) => {
                            self.semijoin(first, &[std::slice::from_ref(predicate)], names)?
                        }
                        None => vec![self.context(names).condition(predicate)?],
                    },
                    None => vec![self.context(names).condition(predicate)?],
                },
            });
        }
        Ok(any(alternatives))
    }

    /// The condition of a join.
    pub(super) fn on(&self, hop: Hop, names: &Names) -> String {
        let context = self.context(names);
        let up = self.graph.is_up(hop);
        self.graph.edges[hop.edge]
            .pairs
            .iter()
            .map(|&(child, parent)| {
                let (new, old) = if up { (parent, child) } else { (child, parent) };
                format!("{} = {}", context.column(new), context.column(old))
            })
            .collect::<Vec<_>>()
            .join(" AND ")
    }

    fn way(
        &self,
        from: &[TableId],
        to: TableId,
        blocked: &[TableId],
    ) -> Result<Vec<Hop>, RenderError> {
        self.graph
            .path(from, to, blocked)
            .ok_or_else(|| RenderError::Unreachable {
                from: from
                    .first()
                    .map(|&t| self.schema.tables[t].name.clone())
                    .unwrap_or_default(),
                to: self.schema.tables[to].name.clone(),
            })
    }

    fn context<'n>(&'n self, names: &'n Names) -> Context<'n> {
        Context {
            schema: self.schema,
            names,
            dialect: self.dialect,
        }
    }
}

/// The column a condition is about.
pub(crate) fn column(predicate: &Predicate) -> Option<ColumnId> {
    match predicate {
        Predicate::Compare(c, ..)
        | Predicate::Between(c, ..)
        | Predicate::Like(c, ..)
        | Predicate::Date(c, ..)
        | Predicate::DateBetween(c, ..)
        | Predicate::Null(c, _)
        | Predicate::Flag(c, _)
        | Predicate::AverageOf(c, _) => Some(*c),
        Predicate::Exists(..) => None,
    }
}

/// Whether no single row can meet both: "bought salt and bought pepper" means two rows.
fn contradict(a: &[Predicate], b: &[Predicate]) -> bool {
    matches!((a, b), (
        [Predicate::Compare(a, Comparison::Eq, x)],
        [Predicate::Compare(b, Comparison::Eq, y)],
    ) if a == b && x != y)
}

/// Alternatives, in brackets when there is more than one.
fn any(mut alternatives: Vec<Lines>) -> Lines {
    if alternatives.len() == 1 {
        return alternatives.remove(0);
    }
    if alternatives.iter().all(|lines| lines.len() == 1) {
        let parts: Vec<String> = alternatives
            .concat()
            .into_iter()
            .map(|part| {
                if part.contains(" AND ") {
                    format!("({part})")
                } else {
                    part
                }
            })
            .collect();
        return vec![format!("({})", parts.join(" OR "))];
    }
    let mut lines = vec!["(".to_owned()];
    for (index, alternative) in alternatives.into_iter().enumerate() {
        for (at, line) in alternative.into_iter().enumerate() {
            let lead = if index > 0 && at == 0 { "  OR " } else { "  " };
            lines.push(format!("{lead}{line}"));
        }
    }
    lines.push(")".to_owned());
    lines
}

/// A `WHERE` of all these conditions; nothing when there are none.
pub(super) fn every(keyword: &str, conditions: Vec<Lines>) -> Lines {
    let mut lines = Vec::new();
    for (index, condition) in conditions.into_iter().enumerate() {
        for (at, line) in condition.into_iter().enumerate() {
            lines.push(match (index, at) {
                (0, 0) => format!("{keyword} {line}"),
                (0, _) => line,
                (_, 0) => format!("  AND {line}"),
                (_, _) => format!("  {line}"),
            });
        }
    }
    lines
}
