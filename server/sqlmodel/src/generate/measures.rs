//! Aggregates and groups in words.

mod groups;

pub(super) use self::groups::is_contact;

use super::{
    domain::Sort,
    say::{Composer, Mod},
};
use crate::{
    query::{Aggregate, Argument, Bucket, Function, Item, Predicate},
    schema::{ColumnId, TableId},
};

/// An aggregate over a table's rows with its noun phrase.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    pub(super) aggregate: Aggregate,
    /// "average price"; empty for a count of rows.
    pub(super) head: String,
    /// The phrase of the column alone: "price".
    pub(super) phrase: String,
    /// Unit nouns, if the column has any: "pages".
    pub(super) unit: String,
    pub(super) money: bool,
    pub(super) range: Option<[f64; 2]>,
}

impl Measure {
    pub(super) fn is_count(&self) -> bool {
        self.aggregate.function == Function::Count
    }
}

/// What rows are grouped by, in words.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) item: Item,
    /// Singular: "customer", "city", "month".
    pub(super) one: String,
    pub(super) many: String,
    pub(super) sort: GroupSort,
    pub(super) table: TableId,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum GroupSort {
    Category,
    Entity,
    Time(Bucket),
}

/// A table with conditions, as words at up to three places of a sentence.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject {
    pub(super) phrase: String,
    pub(super) front: Option<String>,
    pub(super) tail: Option<String>,
    pub(super) clauses: Vec<Vec<Predicate>>,
    /// Whether anything is said beyond the bare noun.
    pub(super) modified: bool,
}

impl Composer<'_> {
    /// Puts conditions around a table's noun, or at the ends of the sentence.
    pub(super) fn subject(&mut self, table: TableId, mods: Vec<Mod>, many: bool) -> Subject {
        let mut subject = Subject {
            clauses: mods.iter().map(|m| m.clause.clone()).collect(),
            modified: !mods.is_empty(),
            ..Subject::default()
        };
        if !mods.is_empty() && mods.iter().all(|m| m.bare.is_some()) && self.dice.chance(0.05) {
            let mut bare: Vec<String> = mods.iter().filter_map(|m| m.bare.clone()).collect();
            self.dice.shuffle(&mut bare);
            subject.phrase = format!("{} {}", self.noun(table, many), bare.join(" "));
            return subject;
        }
        let mut inside = Vec::new();
        for found in mods {
            match &found.free {
                Some(free) if subject.front.is_none() && self.dice.chance(0.14) => {
                    subject.front = Some(free.clone());
                }
                Some(free) if subject.tail.is_none() && self.dice.chance(0.2) => {
                    subject.tail = Some(free.clone());
                }
                _ => inside.push(found),
            }
        }
        subject.phrase = self.noun_phrase(table, &inside, many);
        subject
    }

    /// Fills a frame and puts what stands first or last around it.
    pub(super) fn sentence(
        &mut self,
        frame: &str,
        slots: &[(&str, &str)],
        subject: &Subject,
    ) -> String {
        let mut text = self.dice.fill(frame, slots);
        if let Some(tail) = &subject.tail {
            text = format!("{text} {tail}");
        }
        if let Some(front) = &subject.front {
            let mark = self.dice.word(&[",", ",", ",", "", ":"]);
            text = format!("{front}{mark} {text}");
        }
        text
    }

    /// Number columns of a table.
    pub(super) fn numbers(&self, table: TableId) -> Vec<ColumnId> {
        let mut columns = self.columns_of(table, |s| matches!(s.kind, Sort::Number | Sort::Money));
        columns.retain(|c| !self.spoken.contains(c));
        columns
    }

    /// A function over one of the table's number columns or products.
    pub(super) fn number_measure(
        &mut self,
        table: TableId,
        only: Option<Function>,
    ) -> Option<Measure> {
        let products = self.measures_of(table);
        if !products.is_empty() && self.dice.chance(0.35) {
            let function = match only {
                Some(f) => f,
                None if self.dice.chance(0.85) => Function::Sum,
                None => Function::Avg,
            };
            if matches!(function, Function::Sum | Function::Avg) {
                let (a, b, phrases) = self.dice.pick(&products)?.clone();
                let phrase = self.dice.pick(&phrases)?.clone();
                let starts_total = phrase.starts_with("total") || phrase.starts_with("overall");
                let head = match function {
                    Function::Sum if !starts_total && self.dice.chance(0.4) => self
                        .dice
                        .fill("[total|total|overall|combined] {p}", &[("p", &phrase)]),
                    Function::Sum => phrase.clone(),
                    _ if starts_total => return None,
                    _ => self.dice.fill("[average|mean|avg] {p}", &[("p", &phrase)]),
                };
                return Some(Measure {
                    aggregate: Aggregate {
                        function,
                        argument: Argument::Product(a, b),
                    },
                    head,
                    phrase,
                    unit: String::new(),
                    money: true,
                    range: Some([1000.0, 60000.0]),
                });
            }
        }
        let columns = self.numbers(table);
        let column = *self.dice.pick(&columns)?;
        let function = if let Some(function) = only {
            function
        } else {
            let summable = self.inst.spec(column).is_some_and(|s| s.summable);
            let weights = [if summable { 5.0 } else { 0.0 }, 4.0, 1.6, 1.4];
            [Function::Sum, Function::Avg, Function::Max, Function::Min]
                [self.dice.weighted(&weights)]
        };
        self.column_measure(column, function)
    }

    /// A function over a number column, in words.
    pub(super) fn column_measure(
        &mut self,
        column: ColumnId,
        function: Function,
    ) -> Option<Measure> {
        let spec = self.inst.columns[column].spec.clone()?;
        if function == Function::Sum && !spec.summable {
            return None;
        }
        let phrase = self.phrase(column);
        let own = match function {
            Function::Sum => spec.total.as_slice(),
            Function::Avg => spec.average.as_slice(),
            _ => &[],
        };
        let head = match function {
            _ if !own.is_empty() && self.dice.chance(0.45) => self.dice.pick(own)?.clone(),
            Function::Sum => self.dice.fill(
                "[total|total|total|sum of|sum of the|overall|combined|aggregate|cumulative|summed|grand total of|total of] {p}",
                &[("p", &phrase)],
            ),
            Function::Avg => self.dice.fill(
                "[average|average|average|mean|avg|typical|average of the|mean value of the] {p}",
                &[("p", &phrase)],
            ),
            Function::Max => self.dice.fill(
                "[highest|highest|maximum|max|largest|biggest|top|greatest] {p}",
                &[("p", &phrase)],
            ),
            _ => self.dice.fill("[lowest|lowest|minimum|min|smallest] {p}", &[("p", &phrase)]),
        };
        let unit = self.dice.pick(&spec.units).cloned().unwrap_or_default();
        Some(Measure {
            aggregate: Aggregate {
                function,
                argument: Argument::Column(column),
            },
            head,
            phrase,
            unit,
            money: spec.kind == Sort::Money,
            range: spec.range,
        })
    }

    pub(super) fn count_measure(table: TableId) -> Measure {
        Measure {
            aggregate: Aggregate {
                function: Function::Count,
                argument: Argument::Rows(table),
            },
            head: String::new(),
            phrase: String::new(),
            unit: String::new(),
            money: false,
            range: None,
        }
    }

    /// "average price of cancelled orders", "number of orders": the whole noun phrase of a measure.
    pub(super) fn measure_phrase(
        &mut self,
        measure: &Measure,
        table: TableId,
        subject: &Subject,
    ) -> String {
        let many = subject.phrase.as_str();
        if measure.is_count() {
            let one = self.noun(table, false);
            let template = if subject.modified && subject.phrase != self.noun(table, true) {
                "[number of {np}|number of {np}|count of {np}|total number of {np}|# of {np}|total count of {np}|amount of {np}]"
            } else {
                "[number of {np}|number of {np}|count of {np}|total number of {np}|{one} count|# of {np}|volume of {np}|{one} numbers]"
            };
            return self.dice.fill(template, &[("np", many), ("one", &one)]);
        }
        let bare = subject.phrase == self.noun(table, true);
        if bare && self.dice.chance(0.4) {
            // the measure says enough by itself
            return if self.shared_phrase(measure) {
                let one = self.noun(table, false);
                match measure.head.split_once(' ') {
                    Some((
                        first @ ("average" | "mean" | "total" | "maximum" | "minimum" | "max"
                        | "min" | "avg" | "highest" | "lowest"),
                        rest,
                    )) if !rest.starts_with("of") && !rest.contains(one.as_str()) => {
                        format!("{first} {one} {rest}")
                    }
                    _ => format!("{} of {many}", measure.head),
                }
            } else {
                measure.head.clone()
            };
        }
        self.dice.fill(
            "{h} [of|of|of|of all|of the|for|for|for all|across|across all|among|over all] {np}",
            &[("h", &measure.head), ("np", many)],
        )
    }

    fn shared_phrase(&self, measure: &Measure) -> bool {
        let Argument::Column(column) = measure.aggregate.argument else {
            return false;
        };
        self.inst.columns.iter().enumerate().any(|(other, notes)| {
            other != column
                && notes
                    .spec
                    .as_ref()
                    .is_some_and(|s| s.phrases.contains(&measure.phrase))
        })
    }
}
