//! A sequence under way: what has been said, and what may come next.

use std::sync::Arc;

use super::{
    Action, GrammarError, Legal, MAX_INNER, MAX_ITEMS, MAX_PREDICATES, MAX_VIA, Step,
    forms::{
        AGGREGATES, BUCKETS, COLUMN_AGGREGATES, COLUMN_PREDICATES, COMPARISONS, LIKES, PLAIN_ITEMS,
        PRODUCT_AGGREGATES, WHENS, bits, form,
    },
    rules::Rules,
};
use crate::{
    query::{
        Aggregate, Argument, Comparison, Function, Having, Item, Order, Predicate, Query, Value,
    },
    question::Question,
    schema::{ColumnId, Kind, Schema, TableId},
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

    /// What may come next; nothing once the sequence has ended.
    pub fn legal(&self) -> Legal {
        let mut legal = Legal {
            actions: 0,
            columns: vec![false; self.rules.columns.len()],
            tables: vec![false; self.rules.tables.len()],
            values: vec![false; self.rules.values.len()],
        };
        match self.expect {
            Expect::Part => legal.actions = self.parts(),
            Expect::Predicate => legal.actions = self.predicates(self.place),
            Expect::HavingComparison => legal.actions = bits(&COMPARISONS.map(|(a, _)| a)),
            Expect::HavingAggregate(comparison) => {
                legal.actions = self.items(Use::Having(comparison));
            }
            Expect::OrderItem(descending) => legal.actions = self.items(Use::Order(descending)),
            Expect::Item(_, Action::Count) => {
                fill(&mut legal.tables, |t| {
                    self.in_reach(self.rules.tables[t].component)
                });
                if let Expect::Item(Use::Select, _) = self.expect {
                    for item in &self.query.select {
                        if let Item::Aggregate(Aggregate {
                            argument: Argument::Rows(t),
                            ..
                        }) = *item
                        {
                            legal.tables[t] = false;
                        }
                    }
                }
            }
            Expect::Item(_, Action::ShowAll) => fill(&mut legal.tables, |t| self.may_show_all(t)),
            Expect::Item(use_, action) => {
                fill(&mut legal.columns, |c| self.may_use(use_, action, c));
            }
            Expect::Factor(use_, action, first) => {
                fill(&mut legal.columns, |c| {
                    self.may_multiply(use_, action, first, c)
                });
            }
            Expect::Via => fill(&mut legal.columns, |c| self.may_join_by(c)),
            Expect::Column(action) => {
                fill(&mut legal.columns, |c| {
                    self.may_compare(self.place, action, c)
                });
            }
            Expect::Value(action, column) => {
                fill(&mut legal.values, |v| {
                    self.may_point(self.place, action, column, v)
                });
            }
            Expect::Second(action, _, first) => {
                fill(&mut legal.values, |v| self.rules.follows(action, first, v));
            }
            Expect::Exists(is) => fill(&mut legal.tables, |t| self.may_exist(is, t)),
            Expect::HavingValue(..) => {
                fill(&mut legal.values, |v| {
                    self.rules.values[v].number().is_some()
                });
            }
            Expect::Limit => fill(&mut legal.values, |v| self.rules.values[v].limit.is_some()),
            Expect::Nothing => {}
        }
        legal
    }

    /// Takes a step, if it is legal here.
    pub fn advance(&mut self, step: Step) -> Result<(), GrammarError> {
        if !self.legal().admits(step) {
            return Err(GrammarError::Illegal {
                position: self.steps,
                step,
                before: self.before,
            });
        }
        self.steps += 1;
        self.before = Some(step);
        match step {
            Step::Act(action) => self.act(action),
            Step::Column(column) => self.point_at_column(column),
            Step::Table(table) => self.point_at_table(table),
            Step::Value(value) => self.point_at_value(value),
        }
        Ok(())
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

    // What may come next.

    fn parts(&self) -> u128 {
        let query = &self.query;
        let mut legal = 0;
        if query.select.is_empty() {
            let open = self.items(Use::Select);
            if !query.distinct {
                if query.via.len() < MAX_VIA
                    && (0..self.rules.columns.len()).any(|c| self.may_join_by(c))
                {
                    legal |= Action::Via.bit();
                }
                if open & bits(&PLAIN_ITEMS) != 0 {
                    legal |= Action::Distinct.bit();
                }
            }
            return legal | open;
        }
        legal |= Action::End.bit();
        if query.limit.is_some() {
            return legal;
        }
        let keyed = query
            .select
            .iter()
            .any(|item| !matches!(item, Item::Aggregate(_)));
        if keyed {
            legal |= Action::One.bit();
            if self.rules.values.iter().any(|v| v.limit.is_some()) {
                legal |= Action::Limit.bit();
            }
        }
        if query.order.is_some() {
            return legal;
        }
        if keyed && self.items(Use::Order(true)) != 0 {
            legal |= Action::Asc.bit() | Action::Desc.bit();
        }
        if query.having.is_some() {
            return legal;
        }
        if keyed && !query.distinct && self.rules.values.iter().any(|v| v.number().is_some()) {
            legal |= Action::Having.bit();
        }
        if query.filter.iter().map(Vec::len).sum::<usize>() < MAX_PREDICATES {
            let open = self.predicates(Place::Clause);
            legal |= open;
            if open != 0 && !query.filter.is_empty() {
                legal |= Action::Or.bit();
            }
        }
        if let Some(Predicate::Exists(_, _, inner)) = query.filter.last().and_then(|c| c.last())
            && inner.len() < MAX_INNER
            && self.predicates(Place::Inner) != 0
        {
            legal |= Action::With.bit();
        }
        if query.filter.is_empty() && query.select.len() < MAX_ITEMS {
            legal |= self.items(Use::Select);
        }
        legal
    }

    fn items(&self, use_: Use) -> u128 {
        let mut legal = 0;
        let admitted = self.admitted();
        let distinct = self.query.distinct;
        let tables = || 0..self.rules.tables.len();
        let mut consider = |action: Action| {
            let may = match action {
                Action::Count => tables().any(|t| {
                    self.in_reach(self.rules.tables[t].component)
                        && (use_ != Use::Select
                            || !self.query.select.contains(&Item::Aggregate(rows(t))))
                }),
                Action::ShowAll => use_ == Use::Select && tables().any(|t| self.may_show_all(t)),
                _ => {
                    admitted & action.bit() != 0
                        && (0..self.rules.columns.len()).any(|c| self.may_use(use_, action, c))
                }
            };
            if may {
                legal |= action.bit();
            }
        };
        if !matches!(use_, Use::Having(_)) {
            PLAIN_ITEMS.into_iter().for_each(&mut consider);
        }
        if !distinct {
            AGGREGATES.into_iter().for_each(&mut consider);
        }
        legal
    }

    fn predicates(&self, place: Place) -> u128 {
        let admitted = self.admitted();
        let mut legal = 0;
        for action in COLUMN_PREDICATES {
            if admitted & action.bit() != 0
                && (0..self.rules.columns.len()).any(|c| self.may_compare(place, action, c))
            {
                legal |= action.bit();
            }
        }
        if place != Place::Inner {
            for (action, is) in [(Action::Has, true), (Action::HasNo, false)] {
                if (0..self.rules.tables.len()).any(|t| self.may_exist(is, t)) {
                    legal |= action.bit();
                }
            }
        }
        legal
    }

    /// Actions that any column in reach admits: a quick first sieve.
    fn admitted(&self) -> u128 {
        match self.component {
            Some(component) => self.rules.components[component],
            None => self.rules.components.iter().fold(0, |all, c| all | c),
        }
    }

    fn in_reach(&self, component: usize) -> bool {
        self.component.is_none_or(|c| c == component)
    }

    fn may_join_by(&self, column: ColumnId) -> bool {
        self.rules.columns[column].via
            && self.in_reach(self.rules.component(column))
            && self.query.via.last().is_none_or(|&last| last < column)
    }

    fn may_show_all(&self, table: TableId) -> bool {
        self.in_reach(self.rules.tables[table].component)
            && !self.query.select.iter().any(|item| match *item {
                Item::AllOf(t) => t == table,
                Item::Column(c) => self.rules.columns[c].table == table,
                _ => false,
            })
    }

    fn may_use(&self, use_: Use, action: Action, column: ColumnId) -> bool {
        let rule = &self.rules.columns[column];
        if rule.actions & action.bit() == 0 || !self.in_reach(self.rules.component(column)) {
            return false;
        }
        if form(&PRODUCT_AGGREGATES, action).is_some() {
            return (column + 1..self.rules.columns.len())
                .any(|second| self.may_multiply(use_, action, column, second));
        }
        let Some(item) = item(action, column, None) else {
            return false;
        };
        match use_ {
            Use::Select => !self.is_shown(&item),
            Use::Having(_) => {
                !matches!(action, Action::Min | Action::Max) || rule.kind == Kind::Number
            }
            Use::Order(_) => match item {
                Item::Aggregate(_) => true,
                Item::Column(_) if !self.is_grouped() && !self.query.distinct => {
                    rule.kind != Kind::Flag
                }
                _ => self.is_shown(&item),
            },
        }
    }

    fn may_multiply(&self, use_: Use, action: Action, first: ColumnId, second: ColumnId) -> bool {
        self.rules.multiplies(first, second)
            && (use_ != Use::Select
                || item(action, first, Some(second)).is_some_and(|item| !self.is_shown(&item)))
    }

    fn is_shown(&self, item: &Item) -> bool {
        self.query.select.contains(item)
            || matches!(item, Item::Column(c)
                if self.query.select.contains(&Item::AllOf(self.rules.columns[*c].table)))
    }

    fn is_grouped(&self) -> bool {
        self.query.having.is_some()
            || self
                .query
                .select
                .iter()
                .any(|item| matches!(item, Item::Aggregate(_)))
    }

    fn may_compare(&self, place: Place, action: Action, column: ColumnId) -> bool {
        let rule = &self.rules.columns[column];
        if rule.actions & action.bit() == 0 || !self.in_reach(self.rules.component(column)) {
            return false;
        }
        if place == Place::Inner && !self.is_inside(rule.table) {
            return false;
        }
        let scope = self.scope(place);
        let said =
            |said: &Said| said.scope == scope && said.action == action && said.column == column;
        if !self.said.iter().any(said) {
            return true;
        }
        // Said before: only again with another value, if it takes any.
        (0..self.rules.values.len()).any(|v| self.may_point(place, action, column, v))
    }

    fn may_point(&self, place: Place, action: Action, column: ColumnId, value: usize) -> bool {
        let said = Said {
            scope: self.scope(place),
            action,
            column,
            value: Some(value),
        };
        self.rules.fits(action, column, value) && !self.said.contains(&said)
    }

    /// Whether the last existence test may speak of this table: its own, or one that is not shown.
    fn is_inside(&self, table: TableId) -> bool {
        match self.query.filter.last().and_then(|clause| clause.last()) {
            Some(&Predicate::Exists(subject, _, _)) => {
                table == subject || !self.shown_tables().any(|t| t == table)
            }
            _ => false,
        }
    }

    fn may_exist(&self, is: bool, table: TableId) -> bool {
        let rules = &self.rules.tables;
        self.in_reach(rules[table].component)
            && (rules[table].own_key
                || !self.shown_tables().any(|shown| {
                    // What a shown row belongs to always exists, unless it also belongs to the row.
                    shown == table || (rules[shown].up[table] && !rules[table].up[shown])
                }))
            && !self.query.filter.iter().flatten().any(|said| match said {
                Predicate::Exists(t, i, inner) => *t == table && *i == is && inner.is_empty(),
                _ => false,
            })
    }

    fn shown_tables(&self) -> impl Iterator<Item = TableId> + '_ {
        self.query.select.iter().map(|item| match *item {
            Item::AllOf(table) => table,
            Item::Column(c) | Item::Bucket(_, c) => self.rules.columns[c].table,
            Item::Aggregate(aggregate) => self.table_of(aggregate),
        })
    }

    fn table_of(&self, aggregate: Aggregate) -> TableId {
        match aggregate.argument {
            Argument::Rows(table) => table,
            Argument::Column(c) | Argument::Product(c, _) => self.rules.columns[c].table,
        }
    }

    fn scope(&self, place: Place) -> usize {
        match place {
            Place::Clause | Place::Alternative => 0,
            Place::Inner => self.query.filter.iter().map(Vec::len).sum(),
        }
    }

    // What a legal step does.

    fn act(&mut self, action: Action) {
        self.expect = match (self.expect, action) {
            (Expect::HavingComparison, _) => match form(&COMPARISONS, action) {
                Some(comparison) => Expect::HavingAggregate(comparison),
                None => Expect::Part,
            },
            (Expect::HavingAggregate(comparison), _) => {
                Expect::Item(Use::Having(comparison), action)
            }
            (Expect::OrderItem(descending), _) => Expect::Item(Use::Order(descending), action),
            (_, Action::End) => Expect::Nothing,
            (_, Action::Via) => Expect::Via,
            (_, Action::Distinct) => {
                self.query.distinct = true;
                Expect::Part
            }
            (_, Action::Or) => {
                self.place = Place::Alternative;
                Expect::Predicate
            }
            (_, Action::With) => {
                self.place = Place::Inner;
                Expect::Predicate
            }
            (_, Action::Has) => Expect::Exists(true),
            (_, Action::HasNo) => Expect::Exists(false),
            (_, Action::Having) => Expect::HavingComparison,
            (_, Action::Asc) => Expect::OrderItem(false),
            (_, Action::Desc) => Expect::OrderItem(true),
            (_, Action::One) => {
                self.query.limit = Some(1);
                Expect::Part
            }
            (_, Action::Limit) => Expect::Limit,
            (_, action) if COLUMN_PREDICATES.contains(&action) => Expect::Column(action),
            (_, action) => Expect::Item(Use::Select, action),
        };
    }

    fn point_at_column(&mut self, column: ColumnId) {
        self.component = Some(self.rules.component(column));
        match self.expect {
            Expect::Via => {
                self.query.via.push(column);
                self.expect = Expect::Part;
            }
            Expect::Item(use_, action) if form(&PRODUCT_AGGREGATES, action).is_some() => {
                self.expect = Expect::Factor(use_, action, column);
            }
            Expect::Item(use_, action) => self.take_item(use_, item(action, column, None)),
            Expect::Factor(use_, action, first) => {
                self.take_item(use_, item(action, first, Some(column)));
            }
            Expect::Column(action) => {
                let alone = match action {
                    Action::IsNull => Some(Predicate::Null(column, true)),
                    Action::NotNull => Some(Predicate::Null(column, false)),
                    Action::Yes => Some(Predicate::Flag(column, true)),
                    Action::No => Some(Predicate::Flag(column, false)),
                    Action::AboveAverage => Some(Predicate::AverageOf(column, true)),
                    Action::BelowAverage => Some(Predicate::AverageOf(column, false)),
                    _ => None,
                };
                match alone {
                    Some(predicate) => self.take_predicate(action, column, None, predicate),
                    None => self.expect = Expect::Value(action, column),
                }
            }
            _ => {}
        }
    }

    fn point_at_table(&mut self, table: TableId) {
        self.component = Some(self.rules.tables[table].component);
        match self.expect {
            Expect::Item(use_, Action::Count) => {
                self.take_item(use_, Some(Item::Aggregate(rows(table))));
            }
            Expect::Item(use_, Action::ShowAll) => self.take_item(use_, Some(Item::AllOf(table))),
            Expect::Exists(is) => self.push(Predicate::Exists(table, is, Vec::new())),
            _ => {}
        }
    }

    fn point_at_value(&mut self, value: usize) {
        match self.expect {
            Expect::Value(action @ (Action::Between | Action::DateBetween), column) => {
                self.expect = Expect::Second(action, column, value);
            }
            Expect::Value(action, column) => {
                let literal = self.rules.resolve(action, column, value);
                let predicate = comparison(action, column, literal);
                self.take_predicate(action, column, Some(value), predicate);
            }
            Expect::Second(action, column, first) => {
                let low = self.rules.resolve(action, column, first);
                let high = self.rules.resolve(action, column, value);
                let predicate = if action == Action::Between {
                    Predicate::Between(column, low, high)
                } else {
                    Predicate::DateBetween(column, low, high)
                };
                self.take_predicate(action, column, Some(first), predicate);
            }
            Expect::HavingValue(comparison, aggregate) => {
                let number = self.rules.values[value].number().unwrap_or_default();
                self.query.having = Some(Having {
                    aggregate,
                    comparison,
                    value: Value::Number(number),
                });
                self.expect = Expect::Part;
            }
            Expect::Limit => {
                self.query.limit = self.rules.values[value].limit;
                self.expect = Expect::Part;
            }
            _ => {}
        }
    }

    fn take_item(&mut self, use_: Use, item: Option<Item>) {
        self.expect = Expect::Part;
        let Some(item) = item else { return };
        match (use_, item) {
            (Use::Select, item) => self.query.select.push(item),
            (Use::Order(descending), by) => self.query.order = Some(Order { by, descending }),
            (Use::Having(comparison), Item::Aggregate(aggregate)) => {
                self.expect = Expect::HavingValue(comparison, aggregate);
            }
            (Use::Having(_), _) => {}
        }
    }

    fn take_predicate(
        &mut self,
        action: Action,
        column: ColumnId,
        value: Option<usize>,
        predicate: Predicate,
    ) {
        self.said.push(Said {
            scope: self.scope(self.place),
            action,
            column,
            value,
        });
        self.push(predicate);
    }

    fn push(&mut self, predicate: Predicate) {
        let filter = &mut self.query.filter;
        match (self.place, filter.last_mut()) {
            (Place::Alternative, Some(clause)) => clause.push(predicate),
            (Place::Inner, Some(clause)) => {
                if let Some(Predicate::Exists(_, _, inner)) = clause.last_mut() {
                    inner.push(predicate);
                }
            }
            _ => filter.push(vec![predicate]),
        }
        self.place = Place::Clause;
        self.expect = Expect::Part;
    }
}

fn fill(list: &mut [bool], legal: impl Fn(usize) -> bool) {
    for (index, flag) in list.iter_mut().enumerate() {
        *flag = legal(index);
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

fn comparison(action: Action, column: ColumnId, literal: Value) -> Predicate {
    if let Some(like) = form(&LIKES, action) {
        return Predicate::Like(column, like, literal);
    }
    if let Some(when) = form(&WHENS, action) {
        return Predicate::Date(column, when, literal);
    }
    Predicate::Compare(
        column,
        form(&COMPARISONS, action).unwrap_or(Comparison::Eq),
        literal,
    )
}
