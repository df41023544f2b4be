//! Conditions: on a table's own columns, on what it belongs to, on what belongs to it.

use super::{
    dates,
    domain::{DomainColumn, Sort},
    instance::Link,
    numbers,
    say::{Composer, Mod},
    words::{article, listed},
};
use crate::{
    query::{Comparison, Like, Predicate, Value},
    schema::{ColumnId, TableId},
};

impl Composer<'_> {
    /// Some conditions on the rows of a table: usually none or one, rarely three.
    pub(super) fn mods(&mut self, table: TableId, weights: &[f64]) -> Vec<Mod> {
        let count = self.dice.weighted(weights);
        let mut mods = Vec::new();
        for _ in 0..count {
            mods.extend(self.any_mod(table, 2));
        }
        mods
    }

    /// A condition on a table, directly or over foreign keys up to so many steps away.
    pub(super) fn any_mod(&mut self, table: TableId, reach: usize) -> Option<Mod> {
        let parents = self.parents(table);
        let children = self.children(table);
        let over_parent = if parents.is_empty() || reach == 0 {
            0.0
        } else {
            3.0
        };
        let over_child = if children.is_empty() || reach < 2 {
            0.0
        } else {
            0.9
        };
        match self.dice.weighted(&[6.5, over_parent, over_child]) {
            0 => self.own_mod(table),
            1 => {
                let link = self.dice.pick(&parents)?.clone();
                self.parent_mod(&link, reach)
            }
            _ => {
                let link = self.dice.pick(&children)?.clone();
                let wanted = self.dice.chance(0.45);
                self.exists_mod(&link, wanted)
            }
        }
    }

    /// A condition on one of the table's own columns.
    pub(super) fn own_mod(&mut self, table: TableId) -> Option<Mod> {
        let columns: Vec<ColumnId> = self
            .plain_columns(table)
            .into_iter()
            .filter(|c| !self.spoken.contains(c))
            .collect();
        let weights: Vec<f64> = columns
            .iter()
            .map(|&c| match self.kind(c) {
                Some(Sort::Category) => 4.0,
                Some(Sort::Date) => {
                    if self.main_date(table) == Some(c) {
                        4.5
                    } else {
                        1.5
                    }
                }
                Some(Sort::Number | Sort::Money) => 2.2,
                Some(Sort::Flag) => 2.0,
                Some(Sort::Text) => 1.3,
                Some(Sort::Label) => 0.7,
                _ => 0.3,
            })
            .collect();
        let column = *columns.get(self.dice.weighted(&weights))?;
        self.column_mod(column)
    }

    /// A condition on one column.
    pub(super) fn column_mod(&mut self, column: ColumnId) -> Option<Mod> {
        let spec = self.inst.columns[column].spec.clone()?;
        self.spoken.push(column);
        let nullable = self.inst.schema.columns[column].nullable;
        if nullable && (!spec.missing.is_empty() || spec.nullable) && self.dice.chance(0.25) {
            return Some(self.null_mod(column, &spec));
        }
        match spec.kind {
            Sort::Category => self.category_mod(column, &spec),
            Sort::Text | Sort::Label | Sort::Id => self.text_mod(column, &spec),
            Sort::Number | Sort::Money => Some(self.number_mod(column, &spec)),
            Sort::Date => Some(self.date_mod(column, &spec)),
            Sort::Flag => Some(self.flag_mod(column, &spec)),
        }
    }

    fn null_mod(&mut self, column: ColumnId, spec: &DomainColumn) -> Mod {
        let missing = self.dice.chance(0.65);
        let own = if missing {
            &spec.missing
        } else {
            &spec.present
        };
        if !own.is_empty() && self.dice.chance(0.6) {
            let wrap = self.dice.pick(own).cloned().unwrap_or_default();
            return Mod::one(Predicate::Null(column, missing), wrap);
        }
        let phrase = self.phrase(column);
        let a = article(&phrase);
        let template = if missing {
            "{n} [without [{a} |any |]{p}|with no {p}|whose {p} is [missing|unknown|empty|not set|blank|not known|null]|that have no {p}|lacking {a} {p}|where {p} is [missing|null|empty]|with [a missing|an unknown|an empty] {p}|missing {a} {p}]"
        } else {
            "{n} [with {a} {p}|that have {a} {p}|whose {p} is [known|set|not empty|filled in]|where {p} is not null|having {a} {p}]"
        };
        let wrap = self
            .dice
            .fill(template, &[("n", "{n}"), ("p", &phrase), ("a", a)]);
        Mod::one(Predicate::Null(column, missing), wrap)
    }

    fn category_mod(&mut self, column: ColumnId, spec: &DomainColumn) -> Option<Mod> {
        let (text, value) = self.text_value(column, &[])?;
        if self.dice.chance(0.12) {
            return Some(self.negated(column, &text, value));
        }
        let mut clause = vec![Predicate::Compare(column, Comparison::Eq, value)];
        let mut said = text.clone();
        if self.dice.chance(0.13) {
            let mut texts = vec![text];
            for _ in 0..self.dice.weighted(&[0.0, 4.0, 1.0]) {
                if let Some((text, value)) = self.text_value(column, &texts) {
                    let predicate = Predicate::Compare(column, Comparison::Eq, value);
                    if !clause.contains(&predicate) {
                        clause.push(predicate);
                        texts.push(text);
                    }
                }
            }
            let word = self.dice.word(&["or", "or", "or", "and"]);
            said = listed(&texts, word);
            if word == "or" && texts.len() == 2 && self.dice.chance(0.15) {
                said = format!("either {said}");
            }
        }
        let phrase = self.phrase(column);
        let slots = [("n", "{n}"), ("p", phrase.as_str()), ("v", said.as_str())];
        let wrap = if !spec.with.is_empty() && self.dice.chance(0.72) {
            self.dice.pick(&spec.with)?.replace("{v}", &said)
        } else {
            self.dice.fill(
                "{n} [with {p} {v}|with {p} {v}|whose {p} is {v}|where [the |]{p} is {v}|with {v} as [the |]{p}|having {p} {v}|that have {p} {v}|of {p} {v}|where {p} = {v}|with a {p} of {v}|({p} {v})]",
                &slots,
            )
        };
        let free = self
            .dice
            .fill("[for {p} {v}|where [the |]{p} is {v}|with {p} {v}]", &slots);
        Some(Mod {
            clause,
            wrap,
            free: self.dice.chance(0.12).then_some(free),
            bare: Some(said),
        })
    }

    fn negated(&mut self, column: ColumnId, text: &str, value: Value) -> Mod {
        let phrase = self.phrase(column);
        let wrap = self.dice.fill(
            "{n} [that are not {v}|whose {p} is not {v}|with [a |any |]{p} other than {v}|other than {v} ones|excluding {v} ones|except {v} ones|not {v}|where {p} is not {v}|which aren't {v}|with any {p} but {v}|without {p} {v}|where {p} isn't {v}]",
            &[("n", "{n}"), ("p", &phrase), ("v", text)],
        );
        Mod::one(Predicate::Compare(column, Comparison::Ne, value), wrap)
    }

    fn text_mod(&mut self, column: ColumnId, spec: &DomainColumn) -> Option<Mod> {
        let whole = match spec.kind {
            Sort::Label => 0.3,
            _ if spec.with.is_empty() => 0.25,
            _ => 0.8,
        };
        let phrase = self.phrase(column);
        if self.dice.chance(whole) {
            let (text, value) = self.text_value(column, &[])?;
            let predicate = Predicate::Compare(column, Comparison::Eq, value);
            let slots = [("n", "{n}"), ("p", phrase.as_str()), ("v", text.as_str())];
            let wrap = if !spec.with.is_empty() && self.dice.chance(0.75) {
                self.dice.pick(&spec.with)?.replace("{v}", &text)
            } else if spec.kind == Sort::Label {
                self.dice.fill(
                    "{n} [named|called|with the {p}|by the name of|with {p}] {v}",
                    &slots,
                )
            } else {
                self.dice.fill(
                    "{n} [with {p} {v}|whose {p} is {v}|where {p} is {v}]",
                    &slots,
                )
            };
            return Some(Mod {
                clause: vec![predicate],
                wrap,
                free: None,
                bare: Some(text),
            });
        }
        let (text, _) = self.text_value(column, &[])?;
        let plain: String = text.trim_matches(['"', '\'']).to_owned();
        let words: Vec<&str> = plain
            .split_whitespace()
            .filter(|w| w.chars().all(char::is_alphanumeric))
            .collect();
        let (like, piece, template) = match self.dice.below(4) {
            0 => {
                let word = (*words.first()?).to_owned();
                let piece = match self.dice.below(3) {
                    0 => word.chars().take(1).collect::<String>().to_uppercase(),
                    1 => word.chars().take(3).collect(),
                    _ => word,
                };
                (
                    Like::StartsWith,
                    piece,
                    "{n} [whose {p} [starts|begins] with {v}|with [a |]{p} [starting|beginning] with {v}|starting with {v}|beginning with {v}|where {p} starts with {v}|with {p} that starts with {v}]",
                )
            }
            1 => {
                let word = (*words.last()?).to_owned();
                let tail: String = word
                    .chars()
                    .rev()
                    .take(3)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect();
                let piece = if self.dice.chance(0.5) { tail } else { word };
                (
                    Like::EndsWith,
                    piece,
                    "{n} [whose {p} ends [in|with] {v}|with [a |]{p} ending [in|with] {v}|ending in {v}|where {p} ends with {v}]",
                )
            }
            _ => {
                let long: Vec<&&str> = words.iter().filter(|w| w.len() > 2).collect();
                let word = (**self.dice.pick(&long)?).to_owned();
                (
                    Like::Contains,
                    word,
                    "{n} [whose {p} contains {v}|with {v} in [the|their] {p}|containing {v} in the {p}|whose {p} includes {v}|with the word {v} in the {p}|where {p} contains {v}|with a {p} containing {v}|that mention {v} in the {p}|having {v} in their {p}|matching {v} in the {p}]",
                )
            }
        };
        let quoted = self.dice.chance(0.65);
        let said = match self.dice.below(3) {
            _ if !quoted => piece.clone(),
            0 => format!("'{piece}'"),
            _ => format!("\"{piece}\""),
        };
        let wrap = self
            .dice
            .fill(template, &[("n", "{n}"), ("p", &phrase), ("v", &said)]);
        Some(Mod::one(
            Predicate::Like(column, like, Value::Text(piece)),
            wrap,
        ))
    }

    fn number_mod(&mut self, column: ColumnId, spec: &DomainColumn) -> Mod {
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
    pub(super) fn comparison(&mut self, up: bool, text: &str) -> (Comparison, String) {
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

    fn date_mod(&mut self, column: ColumnId, spec: &DomainColumn) -> Mod {
        let (predicate, text) = dates::condition(column, spec.range, self.today, self.dice);
        let main = self.event_date(self.inst.schema.columns[column].table) == Some(column);
        let phrase = self.phrase(column);
        let verb = self.dice.pick(&spec.verb).cloned().unwrap_or_default();
        let template = if main && (verb.is_empty() || self.dice.chance(0.45)) {
            "{n} {d}"
        } else if verb.is_empty() || self.dice.chance(0.18) {
            "{n} [with [a |]{p} {d}|whose {p} [is|was|falls] {d}|where {p} is {d}]"
        } else {
            "{n} {verb} {d}"
        };
        let wrap = self.dice.fill(
            template,
            &[("n", "{n}"), ("d", &text), ("p", &phrase), ("verb", &verb)],
        );
        let free = if main {
            Some(text.clone())
        } else if verb.is_empty() {
            None
        } else {
            Some(format!("{verb} {text}"))
        };
        Mod {
            clause: vec![predicate],
            wrap,
            free: free.filter(|_| main),
            bare: main.then_some(text),
        }
    }

    fn flag_mod(&mut self, column: ColumnId, spec: &DomainColumn) -> Mod {
        let set = self.dice.chance(0.6);
        let own = if set { &spec.yes } else { &spec.no };
        let phrase = self
            .dice
            .pick(&spec.phrases)
            .cloned()
            .unwrap_or_else(|| spec.name.clone());
        let wrap = match self.dice.pick(own) {
            Some(wrap) => wrap.clone(),
            None if set => format!("{{n}} that are {phrase}"),
            None => format!("{{n}} that are not {phrase}"),
        };
        Mod::one(Predicate::Flag(column, set), wrap)
    }

    /// A condition on the parent: "orders of Anna Berg", "orders of premium customers".
    pub(super) fn parent_mod(&mut self, link: &Link, reach: usize) -> Option<Mod> {
        let label = self.label(link.parent).filter(|c| !self.spoken.contains(c));
        self.take(link)?;
        if let Some(label) = label
            && self.dice.chance(0.55)
        {
            self.spoken.push(label);
            let (text, value) = self.text_value(label, &[])?;
            let noun = self.noun(link.parent, false);
            let named = match self.dice.weighted(&[7.0, 2.0, 0.7]) {
                0 => text.clone(),
                1 => format!("{noun} {text}"),
                _ => format!("the {noun} {text}"),
            };
            let clause = vec![Predicate::Compare(label, Comparison::Eq, value)];
            let of = self.template(&link.words.of, "{c}", "{c} of {p}");
            let wrap = if self.dice.chance(0.82) {
                of.replace("{p}", &named).replace("{c}", "{n}")
            } else {
                self.dice.fill(
                    "{n} [for|of|by|where the {noun} is|whose {noun} is|belonging to] {v}",
                    &[("n", "{n}"), ("noun", &noun), ("v", &text)],
                )
            };
            let free = of.strip_prefix("{c} ").map(|f| f.replace("{p}", &named));
            return Some(Mod {
                clause,
                wrap,
                free,
                bare: Some(text),
            });
        }
        // rows of a parent that meets a condition of its own
        let inner = if reach > 1 && self.dice.chance(0.2) {
            let parents = self.parents(link.parent);
            let up = self.dice.pick(&parents)?.clone();
            if self.adjacent(link.child, up.parent) || self.ways(link.child, up.parent) > 1 {
                return None;
            }
            self.parent_mod(&up, 1)?
        } else {
            self.own_mod(link.parent)?
        };
        if matches!(
            inner.clause.first(),
            Some(Predicate::AverageOf(..) | Predicate::Null(..))
        ) {
            return None;
        }
        let noun = self.noun(link.parent, true);
        let parent = inner.wrap.replace("{n}", &noun);
        let of = self.template(&link.words.of, "{c}", "{c} of {p}");
        let of = if of.contains("{p}'s") {
            "{c} of {p}".to_owned()
        } else {
            of
        };
        let wrap = match self.carried_over(&inner, link.child) {
            Some(carried) if self.dice.chance(0.5) => carried,
            _ => of.replace("{p}", &parent).replace("{c}", "{n}"),
        };
        Some(Mod {
            clause: inner.clause,
            wrap,
            free: None,
            bare: inner.bare,
        })
    }

    /// "orders from Oslo" for orders of customers from Oslo: place phrases carry over to the children.
    fn carried_over(&self, inner: &Mod, child: TableId) -> Option<String> {
        let wrap = inner.wrap.strip_prefix("{n} ")?;
        let place = wrap.starts_with("from ") || wrap.starts_with("in ");
        let Some(Predicate::Compare(column, Comparison::Eq, _)) = inner.clause.first() else {
            return None;
        };
        let spec = self.inst.spec(*column)?;
        let similar = self.columns_of(child, |s| {
            s.phrases.iter().any(|p| spec.phrases.contains(p))
                || s.values.iter().any(|v| spec.values.contains(v))
        });
        (place && similar.is_empty()).then(|| inner.wrap.clone())
    }

    /// A condition on whether there are children: "customers with orders in 2024", "books never lent".
    pub(super) fn exists_mod(&mut self, link: &Link, wanted: bool) -> Option<Mod> {
        if self.met.contains(&link.child) {
            return None;
        }
        self.met.push(link.child);
        self.take(link)?;
        let own = if wanted {
            &link.words.with
        } else {
            &link.words.without
        };
        let usual = if wanted {
            "{p} with {c}"
        } else {
            "{p} without {c}"
        };
        let template = self.template(own, "{p}", usual);
        let mut children = self.noun(link.child, true);
        let mut inner = Vec::new();
        let mut template = template;
        if template.contains("{c}") {
            if self.dice.chance(if wanted { 0.75 } else { 0.35 })
                && let Some(found) = self.own_mod(link.child)
                && found.clause.len() == 1
                && !matches!(
                    found.clause[0],
                    Predicate::AverageOf(..) | Predicate::Null(..)
                )
            {
                children = found.wrap.replace("{n}", &children);
                inner.extend(found.clause);
            } else if wanted && self.dice.chance(0.5) {
                children = format!(
                    "{} {children}",
                    self.dice.word(&["any", "some", "at least one of the"])
                );
                children = children.replace("at least one of the ", "");
            } else if !wanted && template.contains("without {c}") && self.dice.chance(0.3) {
                template = template.replace("without {c}", "without any {c}");
            }
        } else if self.dice.chance(0.4)
            && let Some(date) = self.event_date(link.child)
            && !self.spoken.contains(&date)
        {
            self.spoken.push(date);
            let range = self.inst.spec(date).and_then(|s| s.range);
            let (predicate, text) = dates::plain(date, range, self.today, self.dice);
            inner.push(predicate);
            template = format!("{template} {text}");
        }
        let wrap = template.replace("{c}", &children).replace("{p}", "{n}");
        Some(Mod::one(Predicate::Exists(link.child, wanted, inner), wrap))
    }

    /// A noun phrase: the noun with all its conditions around it.
    pub(super) fn noun_phrase(&mut self, table: TableId, mods: &[Mod], many: bool) -> String {
        let mut phrase = self.noun(table, many);
        let mut order: Vec<&Mod> = mods.iter().collect();
        self.dice.shuffle(&mut order);
        // what stands before the noun goes on first, so that it stays close to it
        order.sort_by_key(|m| u8::from(!m.wrap.ends_with("{n}")));
        for found in order {
            phrase = found.wrap.replace("{n}", &phrase);
        }
        if many {
            phrase
        } else {
            singular_clauses(&phrase)
        }
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

/// "that are" after a singular noun is "that is".
fn singular_clauses(phrase: &str) -> String {
    let mut text = phrase.to_owned();
    for (many, one) in [
        (" that are ", " that is "),
        (" who are ", " who is "),
        (" which are ", " which is "),
        (" that have ", " that has "),
        (" who have ", " who has "),
        (" which have ", " which has "),
        (" that were ", " that was "),
        (" who were ", " who was "),
        (" aren't ", " isn't "),
        (" in their ", " in its "),
    ] {
        if text.contains(many) {
            text = text.replace(many, one);
        }
    }
    text
}
