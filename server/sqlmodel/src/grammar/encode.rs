//! From a query to its steps.

mod literals;

use super::{
    Action, GrammarError, State, Step,
    forms::{BUCKETS, COLUMN_AGGREGATES, COMPARISONS, LIKES, PRODUCT_AGGREGATES, action},
    rules::Rules,
};
use crate::{
    query::{Aggregate, Argument, Function, Item, Predicate, Query, Value},
    question::Question,
    schema::{ColumnId, Schema},
};

pub(super) fn encode(
    query: &Query,
    schema: &Schema,
    question: &Question,
) -> Result<Vec<Step>, GrammarError> {
    let mut state = State::new(schema, question);
    let steps = Encoder {
        rules: state.rules(),
        schema,
        question,
        used: vec![false; question.candidates.len()],
    }
    .steps(query)?;
    for &step in &steps {
        state.advance(step)?;
    }
    Ok(steps)
}

struct Encoder<'a> {
    rules: &'a Rules,
    schema: &'a Schema,
    question: &'a Question,
    /// Candidates pointed at so far: the same number said twice is meant once each.
    used: Vec<bool>,
}

/// A condition's steps, with what they are sorted by: the first candidate, then the first column.
type Keyed = ((usize, ColumnId), Vec<Step>);

impl Encoder<'_> {
    fn steps(mut self, query: &Query) -> Result<Vec<Step>, GrammarError> {
        let mut steps = Vec::new();
        let mut via = query.via.clone();
        via.sort_unstable();
        via.dedup();
        for column in via {
            steps.extend([Step::Act(Action::Via), Step::Column(column)]);
        }
        if query.distinct {
            steps.push(Step::Act(Action::Distinct));
        }
        for item in &query.select {
            Self::item(item, &mut steps)?;
        }
        let mut clauses: Vec<Keyed> = query
            .filter
            .iter()
            .map(|clause| self.clause(clause))
            .collect::<Result<_, _>>()?;
        clauses.retain(|(_, steps)| !steps.is_empty());
        clauses.sort_by_key(|(key, _)| *key);
        steps.extend(clauses.into_iter().flat_map(|(_, steps)| steps));
        if let Some(having) = &query.having {
            steps.push(Step::Act(Action::Having));
            steps.extend(action(&COMPARISONS, having.comparison).map(Step::Act));
            Self::aggregate(having.aggregate, &mut steps)?;
            let value = self.number(&having.value)?;
            steps.push(Step::Value(value));
        }
        if let Some(order) = &query.order {
            steps.push(Step::Act(if order.descending {
                Action::Desc
            } else {
                Action::Asc
            }));
            Self::item(&order.by, &mut steps)?;
        }
        match query.limit {
            None => {}
            Some(1) => steps.push(Step::Act(Action::One)),
            Some(limit) => {
                let value = self.number(&Value::Number(f64::from(limit)))?;
                steps.extend([Step::Act(Action::Limit), Step::Value(value)]);
            }
        }
        steps.push(Step::Act(Action::End));
        Ok(steps)
    }

    fn item(item: &Item, steps: &mut Vec<Step>) -> Result<(), GrammarError> {
        match *item {
            Item::Column(column) => steps.extend([Step::Act(Action::Show), Step::Column(column)]),
            Item::AllOf(table) => steps.extend([Step::Act(Action::ShowAll), Step::Table(table)]),
            Item::Bucket(bucket, column) => {
                steps.extend(action(&BUCKETS, bucket).map(Step::Act));
                steps.push(Step::Column(column));
            }
            Item::Aggregate(aggregate) => Self::aggregate(aggregate, steps)?,
        }
        Ok(())
    }

    fn aggregate(aggregate: Aggregate, steps: &mut Vec<Step>) -> Result<(), GrammarError> {
        let unsupported =
            || GrammarError::Unsupported(format!("an aggregate {aggregate:?} has no action"));
        match (aggregate.function, aggregate.argument) {
            (Function::Count, Argument::Rows(table)) => {
                steps.extend([Step::Act(Action::Count), Step::Table(table)]);
            }
            (function, Argument::Column(column)) => {
                let action = action(&COLUMN_AGGREGATES, function).ok_or_else(unsupported)?;
                steps.extend([Step::Act(action), Step::Column(column)]);
            }
            (function, Argument::Product(a, b)) => {
                let action = action(&PRODUCT_AGGREGATES, function).ok_or_else(unsupported)?;
                let (first, second) = (a.min(b), a.max(b));
                steps.extend([Step::Act(action), Step::Column(first), Step::Column(second)]);
            }
            (_, Argument::Rows(_)) => return Err(unsupported()),
        }
        Ok(())
    }

    fn clause(&mut self, clause: &[Predicate]) -> Result<Keyed, GrammarError> {
        let mut alternatives: Vec<Keyed> = clause
            .iter()
            .map(|p| self.predicate(p))
            .collect::<Result<_, _>>()?;
        alternatives.sort_by_key(|(key, _)| *key);
        let key = alternatives
            .first()
            .map_or((usize::MAX, usize::MAX), |(key, _)| *key);
        let mut steps = Vec::new();
        for (index, (_, alternative)) in alternatives.into_iter().enumerate() {
            if index > 0 {
                steps.push(Step::Act(Action::Or));
            }
            steps.extend(alternative);
        }
        Ok((key, steps))
    }

    fn predicate(&mut self, predicate: &Predicate) -> Result<Keyed, GrammarError> {
        let mut steps = Vec::new();
        let mut first = usize::MAX;
        let column = match predicate {
            Predicate::Compare(column, comparison, value) => {
                let act = action(&COMPARISONS, *comparison).unwrap_or(Action::Eq);
                first = self.literal(act, *column, value)?;
                steps.extend([Step::Act(act), Step::Column(*column), Step::Value(first)]);
                *column
            }
            Predicate::Like(column, like, value) => {
                let act = action(&LIKES, *like).unwrap_or(Action::Contains);
                first = self.literal(act, *column, value)?;
                steps.extend([Step::Act(act), Step::Column(*column), Step::Value(first)]);
                *column
            }
            Predicate::Date(column, when, value) => {
                let (said, values) = self.span(*column, *when, value)?;
                steps.extend([Step::Act(said), Step::Column(*column)]);
                steps.extend(values.iter().copied().map(Step::Value));
                first = values.into_iter().min().unwrap_or(first);
                *column
            }
            Predicate::Between(column, low, high) => {
                let (low, high) = match (low, high) {
                    (Value::Number(a), Value::Number(b)) if a > b => (high, low),
                    _ => (low, high),
                };
                first = self.literal(Action::Between, *column, low)?;
                let second = self.second(Action::Between, first, high)?;
                steps.extend([Step::Act(Action::Between), Step::Column(*column)]);
                steps.extend([Step::Value(first), Step::Value(second)]);
                first = first.min(second);
                *column
            }
            Predicate::DateBetween(column, start, end) => {
                let (said, values) = self.two_spans(*column, start, end)?;
                steps.extend([Step::Act(said), Step::Column(*column)]);
                steps.extend(values.iter().copied().map(Step::Value));
                first = values.into_iter().min().unwrap_or(first);
                *column
            }
            Predicate::Null(column, is) => {
                let act = if *is { Action::IsNull } else { Action::NotNull };
                steps.extend([Step::Act(act), Step::Column(*column)]);
                *column
            }
            Predicate::Flag(column, is) => {
                let act = if *is { Action::Yes } else { Action::No };
                steps.extend([Step::Act(act), Step::Column(*column)]);
                *column
            }
            Predicate::AverageOf(column, above) => {
                let act = if *above {
                    Action::AboveAverage
                } else {
                    Action::BelowAverage
                };
                steps.extend([Step::Act(act), Step::Column(*column)]);
                *column
            }
            Predicate::Exists(table, is, inner) => {
                let act = if *is { Action::Has } else { Action::HasNo };
                steps.extend([Step::Act(act), Step::Table(*table)]);
                let mut inner: Vec<Keyed> = inner
                    .iter()
                    .map(|p| self.predicate(p))
                    .collect::<Result<_, _>>()?;
                inner.sort_by_key(|(key, _)| *key);
                for ((value, _), more) in inner {
                    first = first.min(value);
                    steps.push(Step::Act(Action::With));
                    steps.extend(more);
                }
                self.schema
                    .tables
                    .get(*table)
                    .map_or(usize::MAX, |t| t.columns.start)
            }
        };
        Ok(((first, column), steps))
    }
}
