//! What a schema and a question admit at all, worked out once per question: which action goes with which
//! column, which candidate with which column, which tables hang together.

use chrono::NaiveDate;

use super::{
    Action,
    forms::{BUCKETS, COLUMN_PREDICATES},
};
use crate::{
    query::Value,
    question::Question,
    schema::{ColumnId, Kind, Schema, TableId},
};

/// Largest limit a query may have; larger numbers are hardly ever meant as one.
const MAX_LIMIT: f64 = 1000.0;

#[derive(Debug)]
pub(super) struct Rules {
    pub(super) columns: Vec<ColumnRule>,
    pub(super) tables: Vec<TableRule>,
    pub(super) values: Vec<ValueRule>,
    /// Actions that some column or table of a component admits, by component.
    pub(super) components: Vec<u128>,
    /// The largest number among the candidates, and the latest start of a span.
    largest: Option<f64>,
    latest: Option<NaiveDate>,
}

#[derive(Debug)]
pub(super) struct ColumnRule {
    pub(super) table: TableId,
    pub(super) kind: Kind,
    /// Whether the column holds words of the database's own (so an id is a code, not a number).
    spelled: bool,
    nullable: bool,
    /// Whether a query may name it as a key to join by.
    pub(super) via: bool,
    /// Actions that admit it as their (first) column.
    pub(super) actions: u128,
}

#[derive(Debug)]
pub(super) struct TableRule {
    pub(super) component: usize,
    /// Whether a key of the table refers to the table itself.
    pub(super) own_key: bool,
    /// Tables reached from here by following keys, itself not included unless there is a cycle.
    pub(super) up: Vec<bool>,
    /// Tables next to this one over one key.
    near: Vec<bool>,
}

#[derive(Debug)]
pub(super) struct ValueRule {
    value: Value,
    /// The database's own spelling, by column.
    matches: Vec<(ColumnId, String)>,
    /// The value as a limit.
    pub(super) limit: Option<u32>,
}

impl Rules {
    pub(super) fn new(schema: &Schema, question: &Question) -> Self {
        let tables = tables(schema);
        let via = ambiguous_keys(schema, &tables);
        let values: Vec<ValueRule> = question
            .candidates
            .iter()
            .map(|c| ValueRule {
                value: c.value.clone(),
                matches: c.matches.clone(),
                limit: match c.value {
                    Value::Number(n) if n.fract() == 0.0 && (2.0..=MAX_LIMIT).contains(&n) => {
                        Some(n as u32)
                    }
                    _ => None,
                },
            })
            .collect();
        let columns = schema
            .columns
            .iter()
            .zip(via)
            .map(|(c, via)| ColumnRule {
                table: c.table,
                kind: c.kind,
                spelled: !c.values.is_empty(),
                nullable: c.nullable && !c.primary,
                via,
                actions: 0,
            })
            .collect();
        let numbers = values.iter().filter_map(ValueRule::number);
        let starts = values.iter().filter_map(ValueRule::dates).map(|d| d.0);
        let mut rules = Self {
            columns,
            components: vec![0; tables.iter().map(|t| t.component + 1).max().unwrap_or(0)],
            largest: numbers.reduce(f64::max),
            latest: starts.max(),
            tables,
            values,
        };
        for column in 0..rules.columns.len() {
            let actions = rules.column_actions(column);
            rules.columns[column].actions = actions;
            let component = rules.component(column);
            rules.components[component] |= actions;
        }
        rules
    }

    pub(super) fn component(&self, column: ColumnId) -> usize {
        self.tables[self.columns[column].table].component
    }

    /// Whether the candidate may stand after this condition and column.
    pub(super) fn fits(&self, action: Action, column: ColumnId, value: usize) -> bool {
        let (rule, value) = (&self.columns[column], &self.values[value]);
        match action {
            Action::Eq | Action::Ne => match rule.kind {
                Kind::Number => value.number().is_some(),
                Kind::Text => value.text().is_some() || value.spelling(column).is_some(),
                Kind::Id | Kind::Key if rule.spelled => {
                    value.text().is_some() || value.spelling(column).is_some()
                }
                Kind::Id | Kind::Key => {
                    value.number().is_some_and(|n| n.fract() == 0.0)
                        || value
                            .text()
                            .is_some_and(|t| t.contains(|c: char| c.is_ascii_digit()))
                }
                Kind::Date | Kind::Flag => false,
            },
            Action::Lt | Action::Le | Action::Gt | Action::Ge => {
                self.ordered(column) && value.number().is_some()
            }
            Action::Between => {
                self.ordered(column) && value.number().is_some_and(|n| Some(n) < self.largest)
            }
            Action::Contains | Action::StartsWith | Action::EndsWith => {
                rule.kind == Kind::Text && value.text().is_some_and(|t| !t.is_empty())
            }
            Action::During | Action::Before | Action::After | Action::Since | Action::Until => {
                rule.kind == Kind::Date && value.dates().is_some()
            }
            Action::DateBetween => {
                rule.kind == Kind::Date && value.dates().is_some_and(|d| Some(d.0) < self.latest)
            }
            _ => false,
        }
    }

    /// Whether the candidate may be the second of two, after `first`.
    pub(super) fn follows(&self, action: Action, first: usize, second: usize) -> bool {
        let (first, second) = (&self.values[first], &self.values[second]);
        match action {
            Action::Between => match (first.number(), second.number()) {
                (Some(low), Some(high)) => low < high,
                _ => false,
            },
            Action::DateBetween => match (first.dates(), second.dates()) {
                (Some(first), Some(second)) => first.0 < second.0,
                _ => false,
            },
            _ => false,
        }
    }

    /// The literal the candidate stands for in a comparison with the column.
    pub(super) fn resolve(&self, action: Action, column: ColumnId, value: usize) -> Value {
        let rule = &self.values[value];
        match (action, rule.spelling(column)) {
            (Action::Eq | Action::Ne, Some(text)) if self.columns[column].kind != Kind::Number => {
                Value::Text(text.to_owned())
            }
            _ => rule.value.clone(),
        }
    }

    /// Whether two columns may be multiplied, the smaller id first.
    pub(super) fn multiplies(&self, first: ColumnId, second: ColumnId) -> bool {
        let (a, b) = (&self.columns[first], &self.columns[second]);
        first < second
            && a.kind == Kind::Number
            && b.kind == Kind::Number
            && (a.table == b.table || self.tables[a.table].near[b.table])
    }

    fn ordered(&self, column: ColumnId) -> bool {
        let rule = &self.columns[column];
        rule.kind == Kind::Number || (rule.kind == Kind::Id && !rule.spelled)
    }

    fn column_actions(&self, column: ColumnId) -> u128 {
        let rule = &self.columns[column];
        let mut bits = Action::Show.bit();
        let mut add = |actions: &[Action], admitted: bool| {
            if admitted {
                bits |= super::forms::bits(actions);
            }
        };
        let number = rule.kind == Kind::Number;
        let date = rule.kind == Kind::Date;
        add(&BUCKETS.map(|(action, _)| action), date);
        add(&[Action::CountDistinct], rule.kind != Kind::Flag);
        add(
            &[
                Action::Sum,
                Action::Avg,
                Action::AboveAverage,
                Action::BelowAverage,
            ],
            number,
        );
        add(&[Action::Min, Action::Max], number || date);
        add(
            &[
                Action::SumProduct,
                Action::AvgProduct,
                Action::MinProduct,
                Action::MaxProduct,
            ],
            number && (column + 1..self.columns.len()).any(|b| self.multiplies(column, b)),
        );
        add(&[Action::IsNull, Action::NotNull], rule.nullable);
        add(&[Action::Yes, Action::No], rule.kind == Kind::Flag);
        for action in COLUMN_PREDICATES {
            add(
                &[action],
                (0..self.values.len()).any(|v| self.fits(action, column, v)),
            );
        }
        bits
    }
}

impl ValueRule {
    pub(super) fn number(&self) -> Option<f64> {
        match self.value {
            Value::Number(number) if number.is_finite() => Some(number),
            _ => None,
        }
    }

    fn dates(&self) -> Option<(NaiveDate, NaiveDate)> {
        match self.value {
            Value::Dates { start, end } => Some((start, end)),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn spelling(&self, column: ColumnId) -> Option<&str> {
        self.matches
            .iter()
            .find(|(c, _)| *c == column)
            .map(|(_, text)| text.as_str())
    }
}

fn tables(schema: &Schema) -> Vec<TableRule> {
    let count = schema.tables.len();
    let mut near = vec![vec![false; count]; count];
    let mut up = vec![vec![false; count]; count];
    let mut own_key = vec![false; count];
    for (from, to) in schema.foreign_keys() {
        let (from, to) = (schema.columns[from].table, schema.columns[to].table);
        if from == to {
            own_key[from] = true;
            continue;
        }
        near[from][to] = true;
        near[to][from] = true;
        up[from][to] = true;
    }
    for middle in 0..count {
        let reached = up[middle].clone();
        for row in &mut up {
            if row[middle] {
                for (flag, &more) in row.iter_mut().zip(&reached) {
                    *flag |= more;
                }
            }
        }
    }
    let mut component = vec![usize::MAX; count];
    let mut next = 0;
    for table in 0..count {
        if component[table] != usize::MAX {
            continue;
        }
        let mut open = vec![table];
        while let Some(table) = open.pop() {
            if component[table] == usize::MAX {
                component[table] = next;
                open.extend((0..count).filter(|&other| near[table][other]));
            }
        }
        next += 1;
    }
    near.into_iter()
        .zip(up)
        .enumerate()
        .map(|(table, (near, up))| TableRule {
            component: component[table],
            own_key: own_key[table],
            up,
            near,
        })
        .collect()
}

/// Keys of one table that lead, directly or over further keys, to the same table, and keys of two tables that
/// refer to each other.
fn ambiguous_keys(schema: &Schema, tables: &[TableRule]) -> Vec<bool> {
    let keys: Vec<(ColumnId, TableId, TableId)> = schema
        .foreign_keys()
        .map(|(from, to)| (from, schema.columns[from].table, schema.columns[to].table))
        .filter(|(_, child, parent)| child != parent)
        .collect();
    let mut via = vec![false; schema.columns.len()];
    let meet = |a: TableId, b: TableId| {
        a == b
            || tables[a].up[b]
            || tables[b].up[a]
            || tables[a]
                .up
                .iter()
                .zip(&tables[b].up)
                .any(|(a, b)| *a && *b)
    };
    for (index, &(key, child, parent)) in keys.iter().enumerate() {
        for &(other, other_child, other_parent) in &keys[index + 1..] {
            let mutual = child == other_parent && parent == other_child;
            if mutual || (child == other_child && meet(parent, other_parent)) {
                via[key] = true;
                via[other] = true;
            }
        }
    }
    via
}
