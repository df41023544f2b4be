//! Lists with an order: by name, by date, by a number, and the first so many.

use crate::{
    generate::{compose::Asked, domain::Sort, numbers, say::Composer},
    query::{Item, Order, Query},
    schema::TableId,
};

impl Composer<'_> {
    /// Lists with an order.
    pub(in super::super) fn sorted(&mut self, table: TableId) -> Option<Asked> {
        let display = self.inst.schema.display_column(table)?;
        let mods = self.mods(table, &[0.55, 0.4, 0.05]);
        let subject = self.subject(table, mods, true);
        let frame = self.dice.frame(&[
            "{np}",
            "list {np}",
            "show [me |]{np}",
            "list the {np}",
            "give me {np}",
            "which {np} are there",
            "{np} please",
            "display the {np}",
            "i want {np}",
            "get {np}",
        ]);
        let mut inner = subject.clone();
        let front = inner.front.take();
        let text = self.sentence(frame, &[("np", &subject.phrase)], &inner);
        let query = Query {
            select: vec![Item::Column(display)],
            filter: subject.clauses.clone(),
            ..Query::default()
        };
        let (mut text, query) = self.add_order(table, &text, query)?;
        if let Some(front) = front {
            text = format!("{front}, {text}");
        }
        Some(Asked { text, query })
    }

    pub(super) fn add_order(
        &mut self,
        table: TableId,
        text: &str,
        mut query: Query,
    ) -> Option<(String, Query)> {
        let columns = self.columns_of(table, |s| {
            matches!(
                s.kind,
                Sort::Number | Sort::Money | Sort::Date | Sort::Label
            )
        });
        let by = *self.dice.pick(&columns)?;
        let kind = self.kind(by)?;
        let phrase = self.phrase(by);
        let mut descending = self.dice.chance(0.5);
        let main = self.event_date(table) == Some(by);
        let template = match (kind, descending) {
            (Sort::Label, true) => {
                "[sorted by {p} descending|in reverse alphabetical order|by {p} from Z to A|sorted by {p}, Z to A]"
            }
            (Sort::Label, false) => {
                "[in alphabetical order|alphabetically|sorted by {p}|ordered by {p}|from A to Z|sorted alphabetically|by {p}, A to Z]"
            }
            (Sort::Date, true) if main => {
                "[newest first|latest first|most recent first|sorted by {p} descending|starting with the newest|in reverse chronological order]"
            }
            (Sort::Date, false) if main => {
                "[oldest first|earliest first|in chronological order|sorted by {p}|ordered by {p}|by {p}|starting with the oldest]"
            }
            (Sort::Date, true) => {
                "[sorted by {p} descending|by {p}, newest first|ordered by {p}, latest first|most recent {p} first]"
            }
            (Sort::Date, false) => {
                "[sorted by {p}|by {p}, oldest first|ordered by {p}|earliest {p} first]"
            }
            (_, true) => {
                "[sorted by {p} descending|by {p}, highest first|ordered by {p} from high to low|highest {p} first|by descending {p}|from highest to lowest {p}|sorted by {p} in descending order|with the highest {p} first|ranked by {p}]"
            }
            (_, false) => {
                "[sorted by {p}|by {p}, lowest first|ordered by {p} from low to high|lowest {p} first|by ascending {p}|from lowest to highest {p}|in order of {p}|sorted by {p} ascending|ordered by {p}]"
            }
        };
        let words = self.dice.fill(template, &[("p", &phrase)]);
        let comma = if self.dice.chance(0.4) { "," } else { "" };
        if kind == Sort::Label && words == "alphabetically" {
            descending = false;
        }
        query.order = Some(Order {
            by: Item::Column(by),
            descending,
        });
        let mut text = format!("{text}{comma} {words}");
        if self.dice.chance(0.2) {
            let limit = *self.dice.pick(&[3_u32, 5, 5, 10, 10, 15, 20])?;
            let k = numbers::count_text(limit, self.dice);
            let pattern = self.dice.word(&[
                ", first {k}",
                ", only the first {k}",
                " (first {k})",
                ", limit {k}",
                ", max {k}",
            ]);
            text.push_str(&self.dice.fill(pattern, &[("k", &k)]));
            query.limit = Some(limit);
        }
        Some((text, query))
    }
}
