//! What may come next.

use super::{Expect, Place, Said, State, Use, item, rows};
use crate::{
    grammar::{
        Action, Legal, MAX_INNER, MAX_ITEMS, MAX_PREDICATES, MAX_VIA,
        forms::{
            AGGREGATES, COLUMN_PREDICATES, COMPARISONS, PLAIN_ITEMS, PRODUCT_AGGREGATES, bits, form,
        },
    },
    query::{Aggregate, Argument, Item, Predicate},
    schema::{ColumnId, Kind, TableId},
};

impl State {
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
}

fn fill(list: &mut [bool], legal: impl Fn(usize) -> bool) {
    for (index, flag) in list.iter_mut().enumerate() {
        *flag = legal(index);
    }
}
