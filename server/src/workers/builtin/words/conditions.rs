//! What rows and groups have to be, in words.

use std::fmt::Write as _;

use tidegate_sqlmodel::query::{Comparison, Having, Like, Predicate, When};

use super::{
    Words,
    values::{is_one_day, literal},
};

impl Words<'_> {
    /// Conditions of which one has to hold.
    pub(super) fn any_of(&self, any: &[Predicate]) -> String {
        let parts: Vec<String> = any
            .iter()
            .map(|predicate| self.predicate(predicate))
            .collect();
        parts.join(" or ")
    }

    fn predicate(&self, predicate: &Predicate) -> String {
        match predicate {
            Predicate::Compare(column, comparison, value) => {
                format!(
                    "{} {} {}",
                    self.column(*column),
                    compared(*comparison),
                    literal(value)
                )
            }
            Predicate::Between(column, low, high) => {
                format!(
                    "{} is from {} to {}",
                    self.column(*column),
                    literal(low),
                    literal(high)
                )
            }
            Predicate::Like(column, like, value) => {
                let how = match like {
                    Like::Contains => "contains",
                    Like::StartsWith => "starts with",
                    Like::EndsWith => "ends with",
                };
                format!("{} {how} {}", self.column(*column), literal(value))
            }
            Predicate::Date(column, when, value) => {
                let how = match when {
                    When::During if is_one_day(value) => "is on",
                    When::During => "is in",
                    When::Before => "is before",
                    When::After => "is after",
                    When::Since => "is since",
                    When::Until => "is until",
                };
                format!("{} {how} {}", self.column(*column), literal(value))
            }
            Predicate::DateBetween(column, from, to) => {
                format!(
                    "{} is from {} to {}",
                    self.column(*column),
                    literal(from),
                    literal(to)
                )
            }
            Predicate::Null(column, true) => format!("{} is missing", self.column(*column)),
            Predicate::Null(column, false) => format!("{} is given", self.column(*column)),
            Predicate::Flag(column, set) => format!(
                "{} is {}",
                self.column(*column),
                if *set { "yes" } else { "no" }
            ),
            Predicate::AverageOf(column, above) => {
                format!(
                    "{} is {} its average",
                    self.column(*column),
                    if *above { "above" } else { "below" }
                )
            }
            Predicate::Exists(table, exists, inner) => {
                let mut text = format!(
                    "there {} {}",
                    if *exists { "are" } else { "are no" },
                    self.table(*table)
                );
                if !inner.is_empty() {
                    let inner: Vec<String> = inner
                        .iter()
                        .map(|predicate| self.predicate(predicate))
                        .collect();
                    let _ = write!(text, " whose {}", inner.join(" and "));
                }
                text
            }
        }
    }

    /// What the groups have to be.
    pub(super) fn having(&self, having: &Having) -> String {
        format!(
            "{} {} {}",
            self.aggregate(having.aggregate),
            compared(having.comparison),
            literal(&having.value)
        )
    }
}

fn compared(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Eq => "is",
        Comparison::Ne => "is not",
        Comparison::Lt => "is below",
        Comparison::Le => "is at most",
        Comparison::Gt => "is above",
        Comparison::Ge => "is at least",
    }
}
