//! Conditions on numbers: more or less than one, between two, above the average.

use crate::{
    generate::{
        domain::{DomainColumn, Sort},
        numbers,
        say::{Composer, Mod},
        words::article,
    },
    query::{Comparison, Predicate, Value},
    schema::ColumnId,
};

impl Composer<'_> {
    pub(super) fn number_mod(&mut self, column: ColumnId, spec: &DomainColumn) -> Mod {
        let money = spec.kind == Sort::Money;
        let phrase = self.phrase(column);
        let unit = self.dice.pick(&spec.units).cloned().unwrap_or_default();
        if self.dice.chance(0.1) {
            return self.average_mod(column, spec, &phrase);
        }
        let value = numbers::round_value(spec.range, spec.decimals, self.dice);
        let text = numbers::text(value, money, self.dice);
        if self.dice.chance(0.14) {
            let other = numbers::round_value(spec.range, spec.decimals, self.dice);
            if (other - value).abs() > f64::EPSILON {
                return self.range_mod(
                    column,
                    spec,
                    &phrase,
                    &unit,
                    value.min(other),
                    value.max(other),
                );
            }
        }
        let exact = !spec.decimals && self.dice.chance(0.14);
        if exact {
            let template = if unit.is_empty() || self.dice.chance(0.4) {
                "{n} [with {p} {v}|whose {p} is [exactly |]{v}|with a {p} of [exactly |]{v}|where {p} is {v}|where {p} equals {v}]"
            } else {
                "{n} [with exactly {v} {u}|with {v} {u}|having {v} {u}|of {v} {u}]"
            };
            let wrap = self.dice.fill(
                template,
                &[("n", "{n}"), ("p", &phrase), ("v", &text), ("u", &unit)],
            );
            return Mod::one(
                Predicate::Compare(column, Comparison::Eq, Value::Number(value)),
                wrap,
            );
        }
        let up = self.dice.chance(0.58);
        let own = if up { &spec.more } else { &spec.less };
        if !own.is_empty() && self.dice.chance(0.55) {
            let template = self.dice.pick(own).cloned().unwrap_or_default();
            let comparison = comparison_of(&template, up);
            // the template may name the unit itself
            let said = template
                .replace("{v}", &text)
                .replace("dollars dollars", "dollars");
            let wrap = if said.contains("{n}") {
                said
            } else {
                format!("{{n}} {said}")
            };
            return Mod::one(
                Predicate::Compare(column, comparison, Value::Number(value)),
                wrap,
            );
        }
        let (comparison, words) = self.comparison(up, &text);
        let with_unit = if unit.is_empty() || text.contains(['$', '€']) {
            None
        } else {
            Some(format!("{words} {unit}"))
        };
        let wrap = match with_unit {
            Some(amount) if self.dice.chance(0.55) => self.dice.fill(
                "{n} [with {v}|with {v}|having {v}|of {v}|that have {v}]",
                &[("n", "{n}"), ("v", &amount)],
            ),
            _ => self.dice.fill(
                "{n} [with {a} {p} {v}|with {p} {v}|whose {p} is {v}|where [the |]{p} is {v}|having a {p} {v}|that have a {p} {v}|with a {p} of {v}]",
                &[("n", "{n}"), ("p", &phrase), ("a", article(&phrase)), ("v", &words)],
            ),
        };
        Mod::one(
            Predicate::Compare(column, comparison, Value::Number(value)),
            wrap,
        )
    }

    /// A comparison in words, the number included.
    pub(in super::super) fn comparison(&mut self, up: bool, text: &str) -> (Comparison, String) {
        let strict = self.dice.chance(0.66);
        let (comparison, template) = match (up, strict) {
            (true, true) => (
                Comparison::Gt,
                "[over|over|above|above|more than|more than|greater than|higher than|exceeding|upwards of|north of|in excess of|beyond|larger than|bigger than|> ] {v}",
            ),
            (true, false) => (
                Comparison::Ge,
                "[at least {v}|at least {v}|no less than {v}|not less than {v}|{v} or more|{v} or above|a minimum of {v}|{v} and up|{v} or higher|{v}+|>= {v}|from {v} up|minimum {v}]",
            ),
            (false, true) => (
                Comparison::Lt,
                "[under|under|below|below|less than|less than|lower than|smaller than|short of|south of|fewer than|< ] {v}",
            ),
            (false, false) => (
                Comparison::Le,
                "[at most {v}|at most {v}|no more than {v}|not more than {v}|up to {v}|{v} or less|{v} or below|a maximum of {v}|not exceeding {v}|{v} or lower|<= {v}|maximum {v}]",
            ),
        };
        (comparison, self.dice.fill(template, &[("v", text)]))
    }

    fn range_mod(
        &mut self,
        column: ColumnId,
        spec: &DomainColumn,
        phrase: &str,
        unit: &str,
        low: f64,
        high: f64,
    ) -> Mod {
        let money = spec.kind == Sort::Money && self.dice.chance(0.3);
        let (a, b) = (
            numbers::text(low, money, self.dice),
            numbers::text(high, money, self.dice),
        );
        let with_phrase = unit.is_empty() || self.dice.chance(0.5);
        let span = self.dice.fill(
            if with_phrase {
                "[between {a} and {b}|between {a} and {b}|from {a} to {b}|in the range {a} to {b}|anywhere between {a} and {b}]"
            } else {
                "[between {a} and {b}|between {a} and {b}|{a} to {b}|from {a} to {b}]"
            },
            &[("a", &a), ("b", &b)],
        );
        let wrap = if with_phrase {
            self.dice.fill(
                "{n} [with {a} {p} {v}|with {p} {v}|whose {p} is {v}|where {p} is {v}|whose {p} lies {v}]",
                &[("n", "{n}"), ("p", phrase), ("a", article(phrase)), ("v", &span)],
            )
        } else {
            self.dice.fill(
                "{n} [with|of|having] {v} {u}",
                &[("n", "{n}"), ("v", &span), ("u", unit)],
            )
        };
        Mod::one(
            Predicate::Between(column, Value::Number(low), Value::Number(high)),
            wrap,
        )
    }

    fn average_mod(&mut self, column: ColumnId, spec: &DomainColumn, phrase: &str) -> Mod {
        let up = self.dice.chance(0.65);
        let own: Vec<String> = if up { &spec.more } else { &spec.less }
            .iter()
            .filter(|t| t.ends_with(" {v}") && comparison_of(t, up) != Comparison::Ge)
            .filter(|t| comparison_of(t, up) != Comparison::Le && !t.contains("{n}"))
            .cloned()
            .collect();
        if !own.is_empty() && self.dice.chance(0.4) {
            let word = self
                .dice
                .word(&["average", "the average", "average", "the mean"]);
            let said = self
                .dice
                .pick(&own)
                .cloned()
                .unwrap_or_default()
                .replace("{v}", word);
            return Mod::one(Predicate::AverageOf(column, up), format!("{{n}} {said}"));
        }
        let template = if up {
            "{n} [with [an |]above[-| ]average {p}|with a {p} above [the |]average|whose {p} is [above|over|higher than] [the |]average|with a higher than average {p}|where {p} exceeds the average|with more than average {p}|above the average {p}]"
        } else {
            "{n} [with [a |]below[-| ]average {p}|with a {p} below [the |]average|whose {p} is [below|under|lower than] [the |]average|with a lower than average {p}|where {p} is less than average|below the average {p}]"
        };
        let wrap = self.dice.fill(template, &[("n", "{n}"), ("p", phrase)]);
        Mod::one(Predicate::AverageOf(column, up), wrap)
    }
}

/// What a hand-written "more" or "less" template compares by.
fn comparison_of(template: &str, up: bool) -> Comparison {
    let words = template.to_lowercase();
    let any = |list: &[&str]| list.iter().any(|w| words.contains(w));
    if up {
        if any(&[
            "at least",
            "or more",
            "minimum",
            "no less",
            "not less",
            "or above",
            "or longer",
            "and up",
            "no fewer",
            "or over",
            "or higher",
            "onwards",
        ]) {
            Comparison::Ge
        } else {
            Comparison::Gt
        }
    } else if any(&[
        "at most",
        "or less",
        "or fewer",
        "up to",
        "no more",
        "not more",
        "maximum",
        "or below",
        "or under",
        "no longer than",
        "within",
        "not exceeding",
        "no higher",
        "or lower",
    ]) {
        Comparison::Le
    } else {
        Comparison::Lt
    }
}
