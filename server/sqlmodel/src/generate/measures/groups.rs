//! What rows are grouped by: a column, a row they belong to, a calendar unit.

use super::{Group, GroupSort};
use crate::{
    generate::{
        dates,
        domain::{DomainColumn, Sort},
        instance::Link,
        say::{Composer, Mod},
        words::plural,
    },
    query::{Bucket, Item},
    schema::{ColumnId, Kind, TableId},
};

impl Composer<'_> {
    /// Something to group the rows of a table by.
    pub(in super::super) fn group(&mut self, base: TableId) -> Option<Group> {
        let parents = self.parents(base);
        let over = if parents.is_empty() { 0.0 } else { 1.0 };
        match self
            .dice
            .weighted(&[4.0, 3.2, 3.6 * over, 1.5 * over, 0.9 * over])
        {
            0 => {
                let columns = self.groupable(base);
                let column = *self.dice.pick(&columns)?;
                let one = self.phrase(column);
                Some(self.category_group(column, one))
            }
            1 => self.time_group(base),
            2 => {
                let link = self.dice.pick(&parents)?.clone();
                self.entity_group(&link)
            }
            3 => {
                let link = self.dice.pick(&parents)?.clone();
                let columns = self.groupable(link.parent);
                let column = *self.dice.pick(&columns)?;
                self.take(&link)?;
                let one = self.full_phrase(column);
                Some(self.category_group(column, one))
            }
            _ => {
                let link = self.dice.pick(&parents)?.clone();
                let above = self.parents(link.parent);
                let up = self.dice.pick(&above)?.clone();
                if up.parent == base
                    || self.adjacent(base, up.parent)
                    || self.ways(base, up.parent) > 1
                {
                    return None;
                }
                self.take(&link)?;
                if self.dice.chance(0.6) {
                    return self.entity_group(&up);
                }
                self.take(&up)?;
                let columns = self.groupable(up.parent);
                let column = *self.dice.pick(&columns)?;
                let one = self.full_phrase(column);
                Some(self.category_group(column, one))
            }
        }
    }

    fn groupable(&self, table: TableId) -> Vec<ColumnId> {
        let mut columns = self.columns_of(table, |s| {
            s.kind == Sort::Category
                || (s.kind == Sort::Text && !s.with.is_empty() && !is_contact(s))
        });
        columns.retain(|c| !self.spoken.contains(c));
        columns
    }

    fn category_group(&mut self, column: ColumnId, one: String) -> Group {
        self.spoken.push(column);
        Group {
            item: Item::Column(column),
            many: plural(&one),
            one,
            sort: GroupSort::Category,
            table: self.inst.schema.columns[column].table,
        }
    }

    pub(in super::super) fn entity_group(&mut self, link: &Link) -> Option<Group> {
        let label = self.label(link.parent)?;
        if self.spoken.contains(&label) {
            return None;
        }
        self.take(link)?;
        self.spoken.push(label);
        Some(Group {
            item: Item::Column(label),
            one: self.noun(link.parent, false),
            many: self.noun(link.parent, true),
            sort: GroupSort::Entity,
            table: link.parent,
        })
    }

    /// A calendar unit of one of the table's dates.
    pub(in super::super) fn time_group(&mut self, base: TableId) -> Option<Group> {
        let main = self.main_date(base)?;
        let column = if self.dice.chance(0.85) {
            main
        } else {
            let dates = self.columns_of(base, |s| s.kind == Sort::Date);
            *self.dice.pick(&dates)?
        };
        debug_assert_eq!(self.inst.schema.columns[column].kind, Kind::Date);
        self.spoken.push(column);
        let buckets = [
            Bucket::Month,
            Bucket::Year,
            Bucket::Quarter,
            Bucket::Day,
            Bucket::Weekday,
        ];
        let bucket = buckets[self.dice.weighted(&[5.0, 4.0, 0.9, 0.8, 0.9])];
        let unit = match bucket {
            Bucket::Month => self
                .dice
                .word(&["month", "month", "month", "calendar month"]),
            Bucket::Year => self.dice.word(&["year", "year", "year", "calendar year"]),
            Bucket::Quarter => "quarter",
            Bucket::Day => self.dice.word(&["day", "date", "calendar day"]),
            Bucket::Weekday => self.dice.word(&["weekday", "day of the week", "week day"]),
        };
        let one = if self.event_date(base) == Some(column) {
            unit.to_owned()
        } else {
            let phrase = self.phrase(column);
            self.dice
                .fill("[{u} of {p}|{p} {u}]", &[("u", unit), ("p", &phrase)])
        };
        let many = if one == "day of the week" {
            "days of the week".to_owned()
        } else {
            plural(&one)
        };
        Some(Group {
            item: Item::Bucket(bucket, column),
            one,
            many,
            sort: GroupSort::Time(bucket),
            table: base,
        })
    }

    /// A stretch of time that makes sense with a calendar unit: months of a year, years since another.
    pub(in super::super) fn period_mod(&mut self, group: &Group) -> Option<Mod> {
        let Item::Bucket(bucket, column) = group.item else {
            return None;
        };
        let range = self.inst.spec(column).and_then(|s| s.range);
        let (predicate, text) = dates::period(column, range, bucket, self.today, self.dice);
        let free = (self.event_date(group.table) == Some(column)).then(|| text.clone());
        let wrap = if free.is_some() {
            format!("{{n}} {text}")
        } else {
            let verbs = self
                .inst
                .spec(column)
                .map(|s| s.verb.clone())
                .unwrap_or_default();
            format!("{{n}} {} {text}", self.dice.pick(&verbs)?)
        };
        Some(Mod {
            clause: vec![predicate],
            wrap,
            free,
            bare: Some(text),
        })
    }

    /// "per city", "by month", "for each customer".
    pub(in super::super) fn per(&mut self, group: &Group) -> String {
        let slots = [("g", group.one.as_str()), ("gs", group.many.as_str())];
        let plain_time = !group.one.contains(' ');
        match group.sort {
            GroupSort::Time(bucket) if plain_time && self.dice.chance(0.3) => match bucket {
                Bucket::Month => self.dice.fill("[month by month|monthly|each month|every month]", &[]),
                Bucket::Year => self.dice.fill("[year by year|yearly|annually|each year|every year]", &[]),
                Bucket::Quarter => self.dice.fill("[quarterly|each quarter|every quarter]", &[]),
                Bucket::Day => self.dice.fill("[day by day|daily|each day|every day]", &[]),
                Bucket::Weekday => self.dice.fill("[by weekday|on each weekday]", &[]),
            },
            GroupSort::Time(_) => self.dice.fill(
                "[per {g}|per {g}|by {g}|by {g}|for each {g}|broken down by {g}|grouped by {g}|in each {g}|split by {g}|for every {g}|over the {gs}]",
                &slots,
            ),
            _ => self.dice.fill(
                "[per {g}|per {g}|per {g}|by {g}|by {g}|by {g}|for each {g}|for each {g}|for every {g}|broken down by {g}|split by {g}|grouped by {g}|in each {g}|across {gs}|for all {gs}|according to {g}|separately for each {g}|depending on {g}|within each {g}]",
                &slots,
            ),
        }
    }
}

/// Telephone numbers and the like: text that nobody groups by.
pub(in super::super) fn is_contact(spec: &DomainColumn) -> bool {
    spec.phrases.iter().any(|p| {
        [
            "phone", "mail", "address", "number", "contact", "link", "url",
        ]
        .iter()
        .any(|w| p.contains(w))
    })
}
