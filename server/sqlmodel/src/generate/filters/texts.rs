//! Conditions on texts: one of a few values, not that value, a name or a part of it.

use crate::{
    generate::{
        domain::{DomainColumn, Sort},
        say::{Composer, Mod},
        words::listed,
    },
    query::{Comparison, Like, Predicate, Value},
    schema::ColumnId,
};

impl Composer<'_> {
    pub(super) fn category_mod(&mut self, column: ColumnId, spec: &DomainColumn) -> Option<Mod> {
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

    pub(super) fn text_mod(&mut self, column: ColumnId, spec: &DomainColumn) -> Option<Mod> {
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
}
