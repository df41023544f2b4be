//! A sequence under way: what has been said.

mod advance;
mod legal;

use std::sync::Arc;

use super::{
    Action, GrammarError, Step,
    forms::{BUCKETS, COLUMN_AGGREGATES, PRODUCT_AGGREGATES, form},
    rules::Rules,
};
use crate::{
    query::{Aggregate, Argument, Comparison, Function, Item, Query},
    question::Question,
    schema::{ColumnId, Schema, TableId},
};

/// A sequence under way. Cheap to clone; it holds no reference to schema or question.
#[derive(Debug, Clone)]
pub struct State {
    rules: Arc<Rules>,
    expect: Expect,
    query: Query,
    /// The group of tables connected by keys that the query has settled on.
    component: Option<usize>,
    /// Conditions so far, to keep them from being said twice.
    said: Vec<Said>,
    /// Where the next condition goes.
    place: Place,
    steps: usize,
    before: Option<Step>,
}

/// What kind of step is due.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Expect {
    /// An action that begins a part of the query or ends it.
    Part,
    Via,
    Item(Use, Action),
    Factor(Use, Action, ColumnId),
    /// A condition, after `Or` or `With`.
    Predicate,
    Column(Action),
    Value(Action, ColumnId),
    Second(Action, ColumnId, usize),
    Exists(bool),
    HavingComparison,
    HavingAggregate(Comparison),
    HavingValue(Comparison, Aggregate),
    OrderItem(bool),
    Limit,
    Nothing,
}

/// What an item is for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Use {
    Select,
    Having(Comparison),
    Order(bool),
}

/// Where a condition goes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Clause,
    Alternative,
    Inner,
}

/// A condition, by what was pointed at.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Said {
    /// 0 outside existence tests, else the running number of the test.
    scope: usize,
    action: Action,
    column: ColumnId,
    value: Option<usize>,
}

impl State {
    /// The state before the first step.
    pub fn new(schema: &Schema, question: &Question) -> Self {
        Self {
            rules: Arc::new(Rules::new(schema, question)),
            expect: Expect::Part,
            query: Query::default(),
            component: None,
            said: Vec::new(),
            place: Place::Clause,
            steps: 0,
            before: None,
        }
    }

    /// Whether the end has been reached.
    pub fn is_done(&self) -> bool {
        self.expect == Expect::Nothing
    }

    /// The query, once the end has been reached.
    pub fn into_query(self) -> Result<Query, GrammarError> {
        if self.is_done() {
            Ok(self.query)
        } else {
            Err(GrammarError::Unfinished(self.steps))
        }
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    fn scope(&self, place: Place) -> usize {
        match place {
            Place::Clause | Place::Alternative => 0,
            Place::Inner => self.query.filter.iter().map(Vec::len).sum(),
        }
    }
}

fn rows(table: TableId) -> Aggregate {
    Aggregate {
        function: Function::Count,
        argument: Argument::Rows(table),
    }
}

fn item(action: Action, column: ColumnId, second: Option<ColumnId>) -> Option<Item> {
    if action == Action::Show {
        return Some(Item::Column(column));
    }
    if let Some(bucket) = form(&BUCKETS, action) {
        return Some(Item::Bucket(bucket, column));
    }
    let (function, argument) = match second {
        Some(second) => (
            form(&PRODUCT_AGGREGATES, action)?,
            Argument::Product(column, second),
        ),
        None => (form(&COLUMN_AGGREGATES, action)?, Argument::Column(column)),
    };
    Some(Item::Aggregate(Aggregate { function, argument }))
}
