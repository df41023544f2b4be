//! What a legal step does.

use super::{Expect, Place, Said, State, Use, item, rows};
use crate::{
    grammar::{
        Action, GrammarError, Step,
        forms::{COLUMN_PREDICATES, COMPARISONS, LIKES, PRODUCT_AGGREGATES, WHENS, form},
    },
    query::{Comparison, Having, Item, Order, Predicate, Value},
    schema::{ColumnId, TableId},
};

impl State {
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
