//! Which action stands for which part of the query form, both ways.

use super::Action;
use crate::query::{Bucket, Comparison, Function, Like, When};

pub(super) const BUCKETS: [(Action, Bucket); 5] = [
    (Action::Year, Bucket::Year),
    (Action::Quarter, Bucket::Quarter),
    (Action::Month, Bucket::Month),
    (Action::Day, Bucket::Day),
    (Action::Weekday, Bucket::Weekday),
];

pub(super) const COLUMN_AGGREGATES: [(Action, Function); 5] = [
    (Action::CountDistinct, Function::CountDistinct),
    (Action::Sum, Function::Sum),
    (Action::Avg, Function::Avg),
    (Action::Min, Function::Min),
    (Action::Max, Function::Max),
];

pub(super) const PRODUCT_AGGREGATES: [(Action, Function); 4] = [
    (Action::SumProduct, Function::Sum),
    (Action::AvgProduct, Function::Avg),
    (Action::MinProduct, Function::Min),
    (Action::MaxProduct, Function::Max),
];

pub(super) const COMPARISONS: [(Action, Comparison); 6] = [
    (Action::Eq, Comparison::Eq),
    (Action::Ne, Comparison::Ne),
    (Action::Lt, Comparison::Lt),
    (Action::Le, Comparison::Le),
    (Action::Gt, Comparison::Gt),
    (Action::Ge, Comparison::Ge),
];

pub(super) const LIKES: [(Action, Like); 3] = [
    (Action::Contains, Like::Contains),
    (Action::StartsWith, Like::StartsWith),
    (Action::EndsWith, Like::EndsWith),
];

pub(super) const WHENS: [(Action, When); 5] = [
    (Action::During, When::During),
    (Action::Before, When::Before),
    (Action::After, When::After),
    (Action::Since, When::Since),
    (Action::Until, When::Until),
];

/// Items that are not aggregates.
pub(super) const PLAIN_ITEMS: [Action; 7] = [
    Action::Show,
    Action::ShowAll,
    Action::Year,
    Action::Quarter,
    Action::Month,
    Action::Day,
    Action::Weekday,
];

pub(super) const AGGREGATES: [Action; 10] = [
    Action::Count,
    Action::CountDistinct,
    Action::Sum,
    Action::Avg,
    Action::Min,
    Action::Max,
    Action::SumProduct,
    Action::AvgProduct,
    Action::MinProduct,
    Action::MaxProduct,
];

/// Conditions that are followed by a column.
pub(super) const COLUMN_PREDICATES: [Action; 22] = [
    Action::Eq,
    Action::Ne,
    Action::Lt,
    Action::Le,
    Action::Gt,
    Action::Ge,
    Action::Between,
    Action::Contains,
    Action::StartsWith,
    Action::EndsWith,
    Action::During,
    Action::Before,
    Action::After,
    Action::Since,
    Action::Until,
    Action::DateBetween,
    Action::IsNull,
    Action::NotNull,
    Action::Yes,
    Action::No,
    Action::AboveAverage,
    Action::BelowAverage,
];

/// What the action stands for in one of the lists above.
pub(super) fn form<T: Copy>(list: &[(Action, T)], action: Action) -> Option<T> {
    list.iter()
        .find(|(a, _)| *a == action)
        .map(|&(_, form)| form)
}

/// The action for a form.
pub(super) fn action<T: Copy + PartialEq>(list: &[(Action, T)], form: T) -> Option<Action> {
    list.iter()
        .find(|(_, f)| *f == form)
        .map(|&(action, _)| action)
}

/// The bits of these actions.
pub(super) fn bits(actions: &[Action]) -> u128 {
    actions.iter().fold(0, |bits, a| bits | a.bit())
}
