//! Conditions: on a table's own columns, on what it belongs to, on what belongs to it.

mod amounts;
mod links;
mod texts;

use super::{
    dates,
    domain::{DomainColumn, Sort},
    say::{Composer, Mod},
    words::article,
};
use crate::{
    query::Predicate,
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
