//! Composed questions for the rows that come first by a column of theirs: the longest, the latest.

use crate::{
    generate::{compose::Asked, domain::Sort, numbers, say::Composer},
    query::{Item, Order, Query},
    schema::{ColumnId, TableId},
};

impl Composer<'_> {
    /// The longest, the cheapest, the latest: by one of the rows' own columns.
    pub(in super::super) fn superlative(&mut self, table: TableId) -> Option<Asked> {
        let mut columns = self.columns_of(table, |s| {
            matches!(s.kind, Sort::Number | Sort::Money | Sort::Date)
        });
        let common = 100;
        columns.retain(|&c| self.inst.columns[c].rank < common || self.dice.chance(0.2));
        let by = *self.dice.pick(&columns)?;
        let spec = self.inst.columns[by].spec.clone()?;
        self.spoken.push(by);
        let date = spec.kind == Sort::Date;
        let descending = self.dice.chance(0.66);
        let adjectives = match (date, descending) {
            (true, true) => &spec.newest,
            (true, false) => &spec.oldest,
            (false, true) => &spec.most,
            (false, false) => &spec.least,
        };
        let main = self.event_date(table) == Some(by);
        let mods = self.mods(table, &[0.62, 0.33, 0.05]);
        let limit = if self.dice.chance(0.3) {
            *self.dice.pick(&[2_u32, 3, 3, 4, 5, 5, 7, 10, 10, 20])?
        } else {
            1
        };
        let subject = self.subject(table, mods, limit > 1);
        let k = numbers::count_text(limit, self.dice);
        let phrase = self.phrase(by);
        let adjective = match self.dice.pick(adjectives) {
            Some(own) if !own.contains(['{', '(']) => own.clone(),
            _ if date && main => {
                let words: &[&str] = if descending {
                    &["latest", "newest", "most recent", "last"]
                } else {
                    &["oldest", "earliest", "first"]
                };
                self.dice.word(words).to_owned()
            }
            _ => String::new(),
        };
        let extreme = match (date, descending) {
            (true, true) => self.dice.word(&["latest", "most recent", "newest"]),
            (true, false) => self.dice.word(&["earliest", "oldest", "first"]),
            (false, true) => self.dice.word(&[
                "highest", "highest", "largest", "biggest", "greatest", "maximum",
            ]),
            (false, false) => self.dice.word(&["lowest", "lowest", "smallest", "least"]),
        };
        let display = self.inst.schema.display_column(table)?;
        let mut select = vec![Item::Column(display)];
        let has_adjective = !adjective.is_empty() && self.dice.chance(0.7);
        let noun = self.noun(table, limit > 1);
        let frames: &[&str] = match (limit > 1, has_adjective) {
            (false, true) => &[
                "[which|what] is the {a} {np}",
                "the {a} {np}",
                "{a} {np}",
                "which {np} is the {a}",
                "show [me |]the {a} {np}",
                "what's the {a} {np}",
                "find the {a} {np}",
                "name the {a} {np}",
                "give me the {a} {np}",
                "which {np} is {a}",
                "which one is the {a} {np}",
                "tell me the {a} {np}",
                "i'm looking for the {a} {np}",
                "what is our {a} {np}",
                "do you know the {a} {np}",
                "which of the {ns} is the {a}",
            ],
            (false, false) => &[
                "which {np} has the {x} {p}",
                "{np} with the {x} {p}",
                "the {np} with the {x} {p}",
                "what {np} has the {x} {p}",
                "find the {np} with the {x} {p}",
                "show [me |]the {np} having the {x} {p}",
                "which {np} had the {x} {p}",
                "name the {np} that has the {x} {p}",
                "what is the {np} with the {x} {p}",
                "{x} {p}: which {np}",
                "tell me which {np} has the {x} {p}",
            ],
            (true, true) => &[
                "the {k} {a} {np}",
                "{k} {a} {np}",
                "which are the {k} {a} {np}",
                "what are the {k} {a} {np}",
                "show [me |]the {k} {a} {np}",
                "give me the {k} {a} {np}",
                "list the {k} {a} {np}",
                "name the {k} {a} {np}",
                "i want the {k} {a} {np}",
                "find the {k} {a} {np}",
            ],
            (true, false) => &[
                "top {k} {np} by {p}",
                "[show|list|give] [me |]the top {k} {np} by {p}",
                "what are the top {k} {np} by {p}",
                "which {k} {np} have the {x} {p}",
                "the {k} {np} with the {x} {p}",
                "{k} {np} with the {x} {p}",
                "list the {k} {np} with the {x} {p}",
                "show the {k} {np} that have the {x} {p}",
                "top {k} {np} in terms of {p}",
            ],
        };
        let mut frame = self.dice.frame(frames);
        let ns = self.noun(table, true);
        if frame.contains("{ns}") && (subject.modified || limit > 1) {
            frame = "which {np} is the {a}";
        }
        if frame.contains("top {k}") {
            if date || self.spoken.is_empty() {
                frame = "{k} {np} with the {x} {p}";
            } else if !descending {
                frame = "bottom {k} {np} by {p}";
            }
            if frame.contains("by {p}") || frame.contains("terms of") {
                select.push(Item::Column(by));
            }
        }
        let slots = [
            ("a", adjective.as_str()),
            ("np", &subject.phrase),
            ("ns", &ns),
            ("n", &noun),
            ("k", &k),
            ("x", extreme),
            ("p", &phrase),
        ];
        let mut text = self.sentence(frame, &slots, &subject);
        if limit == 1 && self.dice.chance(0.22) {
            // something else about the winner
            let others: Vec<ColumnId> = self
                .plain_columns(table)
                .into_iter()
                .filter(|&c| c != display && !self.spoken.contains(&c) && c != by)
                .filter(|&c| !matches!(self.kind(c), Some(Sort::Flag)))
                .collect();
            if has_adjective && let Some(&other) = self.dice.pick(&others) {
                let wanted = self.phrase(other);
                let pattern = self.dice.frame(&[
                    "{w} of the {a} {np}",
                    "what is the {w} of the {a} {np}",
                    "what's the {a} {np}'s {w}",
                    "show the {w} of the {a} {np}",
                    "which {w} does the {a} {np} have",
                    "tell me the {w} of the {a} {np}",
                    "the {a} {np}: what is its {w}",
                    "give me the {w} for the {a} {np}",
                ]);
                let pattern = if subject.modified {
                    pattern.replace("the {a} {np}'s {w}", "the {w} of the {a} {np}")
                } else {
                    pattern.to_owned()
                };
                let mut slots = slots.to_vec();
                slots.push(("w", &wanted));
                text = self.sentence(&pattern, &slots, &subject);
                select = vec![Item::Column(other)];
            } else if !date {
                let pattern = self.dice.word(&[
                    " and what is its {p}",
                    " and its {p}",
                    ", with the {p}",
                    " together with its {p}",
                ]);
                text.push_str(&self.dice.fill(pattern, &[("p", &phrase)]));
                select.push(Item::Column(by));
            }
        }
        let query = Query {
            select,
            filter: subject.clauses,
            order: Some(Order {
                by: Item::Column(by),
                descending,
            }),
            limit: Some(limit),
            ..Query::default()
        };
        Some(Asked { text, query })
    }
}
