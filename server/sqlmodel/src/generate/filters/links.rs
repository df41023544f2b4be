//! Conditions over foreign keys: on what the rows belong to, and on what belongs to them.

use crate::{
    generate::{
        dates,
        instance::Link,
        say::{Composer, Mod},
    },
    query::{Comparison, Predicate},
    schema::TableId,
};

impl Composer<'_> {
    /// A condition on the parent: "orders of Anna Berg", "orders of premium customers".
    pub(in super::super) fn parent_mod(&mut self, link: &Link, reach: usize) -> Option<Mod> {
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
    pub(in super::super) fn exists_mod(&mut self, link: &Link, wanted: bool) -> Option<Mod> {
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
}
