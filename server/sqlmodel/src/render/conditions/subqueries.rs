//! Conditions on rows that are not joined: whether there is one.

use super::{Conditions, Lines, any, column, every};
use crate::{
    query::Predicate,
    render::{Dialect, RenderError, graph::Hop, names::Names},
    schema::{ColumnId, TableId},
};

/// Where the tables inside an existence test hang on the tables outside.
struct Anchor {
    table: TableId,
    /// Columns inside, and the columns outside that they must equal.
    tie: Vec<(ColumnId, ColumnId)>,
}

/// A subquery as far as it differs between dialects.
struct Frame {
    /// What stands before it, up to its bracket.
    head: String,
    /// What it shows.
    shown: String,
    /// Its conditions that tie it to the tables outside.
    ties: Vec<Lines>,
    /// What closes it.
    tail: &'static str,
}

impl Conditions<'_> {
    pub(super) fn semijoin(
        &self,
        first: Hop,
        clauses: &[&[Predicate]],
        names: &mut Names,
    ) -> Result<Lines, RenderError> {
        let anchor = self.anchor(first);
        self.subquery(true, &anchor, &[], clauses, names)
    }

    pub(super) fn exists(
        &self,
        table: TableId,
        is: bool,
        inner: &[Predicate],
        names: &mut Names,
    ) -> Result<Lines, RenderError> {
        let others: Vec<TableId> = self
            .joined
            .iter()
            .copied()
            .filter(|&joined| joined != table)
            .collect();
        let clauses: Vec<&[Predicate]> = inner.iter().map(std::slice::from_ref).collect();
        if self.joined.contains(&table)
            && let Some(key) = self.graph.own_key(table)
        {
            let anchor = Anchor {
                table,
                tie: key.pairs.clone(),
            };
            return self.subquery(is, &anchor, &[], &clauses, names);
        }
        if others.is_empty() {
            // The only joined table itself: it exists, so what is left is what is said of it.
            let mut conditions = Vec::new();
            for predicate in inner {
                conditions.push(self.context(names).condition(predicate)?);
            }
            return Ok(vec![match (conditions.is_empty(), is) {
                (true, true) => "1 = 1".to_owned(),
                (true, false) => "1 = 0".to_owned(),
                (false, true) => conditions.join(" AND "),
                (false, false) => format!("NOT ({})", conditions.join(" AND ")),
            }]);
        }
        let way = self.way(&others, table, &[])?;
        let Some(&first) = way.first() else {
            return Ok(vec!["1 = 1".to_owned()]);
        };
        let anchor = self.anchor(first);
        // The table itself must be inside even if no condition speaks of it.
        self.subquery(is, &anchor, &[table], &clauses, names)
    }

    fn anchor(&self, first: Hop) -> Anchor {
        let edge = &self.graph.edges[first.edge];
        let tie = if self.graph.is_up(first) {
            edge.pairs
                .iter()
                .map(|&(child, parent)| (parent, child))
                .collect()
        } else {
            edge.pairs.clone()
        };
        Anchor {
            table: first.to,
            tie,
        }
    }

    /// Whether there is, or is not, a row of the anchor's table that meets all clauses. `wanted` tables are inside
    /// even if no clause speaks of them.
    fn subquery(
        &self,
        is: bool,
        anchor: &Anchor,
        wanted: &[TableId],
        clauses: &[&[Predicate]],
        names: &mut Names,
    ) -> Result<Lines, RenderError> {
        names.open();
        let mut from = vec![format!("FROM {}", names.add(self.schema, anchor.table))];
        let mut inside = vec![anchor.table];
        let spoken_of = clauses
            .iter()
            .flat_map(|clause| clause.iter())
            .filter_map(|predicate| Some(self.schema.columns[column(predicate)?].table));
        for table in wanted.iter().copied().chain(spoken_of) {
            if inside.contains(&table) {
                continue;
            }
            let outside: Vec<TableId> = self
                .joined
                .iter()
                .copied()
                .filter(|t| *t != table)
                .collect();
            let way = match self.way(&inside, table, &outside) {
                Ok(way) => way,
                Err(_) => self.way(&inside, table, &[])?,
            };
            for hop in way {
                inside.push(hop.to);
                let joined = names.add(self.schema, hop.to);
                from.push(format!("JOIN {joined} ON {}", self.on(hop, names)));
            }
        }
        let frame = if self.dialect == Dialect::ClickHouse {
            self.membership(is, anchor, names)
        } else {
            self.existence(is, anchor, names)
        };
        let mut conditions = frame.ties;
        for clause in clauses {
            let context = self.context(names);
            if let Some(list) = context.one_of(clause) {
                conditions.push(vec![list]);
                continue;
            }
            let alternatives = clause
                .iter()
                .map(|predicate| context.condition(predicate).map(|line| vec![line]))
                .collect::<Result<_, _>>()?;
            conditions.push(any(alternatives));
        }
        names.close();
        let mut lines = vec![frame.head, format!("  SELECT {}", frame.shown)];
        let body = from.into_iter().chain(every("WHERE", conditions));
        lines.extend(body.map(|line| format!("  {line}")));
        lines.push(frame.tail.to_owned());
        Ok(lines)
    }

    /// `EXISTS`, tied to the tables outside by its conditions.
    fn existence(&self, is: bool, anchor: &Anchor, names: &Names) -> Frame {
        let context = self.context(names);
        Frame {
            head: if is { "EXISTS (" } else { "NOT EXISTS (" }.to_owned(),
            shown: "1".to_owned(),
            ties: anchor
                .tie
                .iter()
                .map(|&(own, other)| {
                    let outer = names.outer_column(self.schema, other);
                    vec![format!("{} = {outer}", context.column(own))]
                })
                .collect(),
            tail: ")",
        }
    }

    /// `IN`, for an engine whose subqueries cannot speak of the tables around them.
    fn membership(&self, is: bool, anchor: &Anchor, names: &Names) -> Frame {
        let context = self.context(names);
        let nullable = |column: ColumnId| self.schema.columns[column].nullable;
        let (own, outer): (Vec<String>, Vec<String>) = anchor
            .tie
            .iter()
            .map(|&(own, other)| (context.column(own), names.outer_column(self.schema, other)))
            .unzip();
        let tuple = match outer.as_slice() {
            [one] => one.clone(),
            several => format!("({})", several.join(", ")),
        };
        let shown = own.join(", ");
        if is {
            return Frame {
                head: format!("{tuple} IN ("),
                shown,
                ties: Vec::new(),
                tail: ")",
            };
        }
        // A row that refers to nothing is in no list, and that it is in none must not be unknown.
        let missing: Vec<String> = anchor
            .tie
            .iter()
            .zip(&outer)
            .filter(|&(&(_, other), _)| nullable(other))
            .map(|(_, outer)| format!("{outer} IS NULL OR "))
            .collect();
        let (head, tail) = if missing.is_empty() {
            (format!("{tuple} NOT IN ("), ")")
        } else {
            (format!("({}{tuple} NOT IN (", missing.concat()), "))")
        };
        Frame {
            head,
            shown,
            ties: anchor
                .tie
                .iter()
                .zip(&own)
                .filter(|&(&(column, _), _)| nullable(column))
                .map(|(_, own)| vec![format!("{own} IS NOT NULL")])
                .collect(),
            tail,
        }
    }
}
