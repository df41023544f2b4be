//! Composed questions about the best: which group has most, the top five, the longest, the latest.

use super::{
    compose::{Asked, best},
    domain::Sort,
    measures::{GroupSort, Measure},
    numbers,
    say::Composer,
};
use crate::{
    query::{Function, Item, Order, Query},
    schema::{ColumnId, TableId},
};

impl Composer<'_> {
    fn measure_for_rank(&mut self, table: TableId) -> Option<Measure> {
        if self.dice.chance(0.5) {
            Some(Self::count_measure(table))
        } else {
            let function = if self.dice.chance(0.6) {
                Function::Sum
            } else {
                Function::Avg
            };
            self.number_measure(table, Some(function))
        }
    }

    pub(super) fn best_group(&mut self, table: TableId) -> Option<Asked> {
        let group = self.group(table)?;
        let measure = self.measure_for_rank(table)?;
        self.speak_of(&measure);
        // a condition on the group itself: "which premium customer …"
        let (one, many, mut filter) = if group.sort == GroupSort::Entity && self.dice.chance(0.15) {
            let found = self.own_mod(group.table)?;
            if found
                .clause
                .iter()
                .any(|p| matches!(p, crate::query::Predicate::AverageOf(..)))
            {
                return None;
            }
            let mods = [found];
            (
                self.noun_phrase(group.table, &mods, false),
                self.noun_phrase(group.table, &mods, true),
                mods.iter().map(|m| m.clause.clone()).collect(),
            )
        } else {
            (group.one.clone(), group.many.clone(), Vec::new())
        };
        let mut mods = self.mods(table, &[0.6, 0.34, 0.06]);
        if matches!(group.sort, GroupSort::Time(_)) && self.dice.chance(0.35) {
            mods.extend(self.period_mod(&group));
        }
        let subject = self.subject(table, mods, true);
        let descending = self.dice.chance(0.78);
        let both = self.dice.chance(0.12);
        let limit = if self.dice.chance(0.16) {
            self.dice.between(2, 10) as u32
        } else {
            1
        };
        let frame = self.best_frame(&measure, group.sort, descending, limit > 1);
        let one_row = self.noun(table, false);
        let rows = if measure.is_count() || subject.phrase == self.noun(table, true) {
            String::new()
        } else {
            self.dice
                .fill("[of|for|from|on|across] {np}", &[("np", &subject.phrase)])
        };
        let head = self.superlative_head(&measure, descending);
        let extreme = match (measure.is_count(), descending) {
            (true, true) => self.dice.word(&[
                "most",
                "most",
                "most",
                "largest number of",
                "highest number of",
                "greatest number of",
            ]),
            (true, false) => self.dice.word(&[
                "fewest",
                "fewest",
                "least",
                "smallest number of",
                "lowest number of",
            ]),
            (false, true) => "most",
            (false, false) => "least",
        };
        let k = numbers::count_text(limit, self.dice);
        let mut frame = frame;
        if limit == 1
            && group.sort == GroupSort::Entity
            && one == group.one
            && self.is_person(group.table)
            && self.dice.chance(0.35)
        {
            frame = if measure.is_count() {
                self.dice.word(&[
                    "who has the {x} {np}",
                    "who had the {x} {np}",
                    "who has {x} {np}",
                    "who is the {g} with the {x} {np}",
                    "tell me who has the {x} {np}",
                    "who comes with the {x} {np}",
                ])
            } else {
                self.dice.word(&[
                    "who has the {h} {rows}",
                    "who had the {h} {rows}",
                    "who is the {g} with the {h} {rows}",
                    "tell me who has the {h} {rows}",
                ])
            };
        }
        let attribute = if limit == 1 && group.sort == GroupSort::Entity && self.dice.chance(0.1) {
            self.attribute_of(group.table)
        } else {
            None
        };
        if attribute.is_some() {
            frame = if measure.is_count() {
                self.dice.word(&[
                    "{w} of the {g} with the {x} {np}",
                    "what is the {w} of the {g} with the {x} {np}",
                    "show the {w} of the {g} that has the {x} {np}",
                    "what {w} does the {g} with the {x} {np} have",
                    "the {w} of the {g} having the {x} {np}",
                ])
            } else {
                self.dice.word(&[
                    "{w} of the {g} with the {h} {rows}",
                    "what is the {w} of the {g} with the {h} {rows}",
                    "tell me the {w} of the {g} that has the {h} {rows}",
                    "what {w} does the {g} with the {h} {rows} have",
                ])
            };
        }
        let wanted = attribute
            .as_ref()
            .map(|(_, w)| w.clone())
            .unwrap_or_default();
        let slots = [
            ("w", wanted.as_str()),
            ("g", one.as_str()),
            ("gs", &many),
            ("np", &subject.phrase),
            ("one", &one_row),
            ("h", &head),
            ("rows", &rows),
            ("x", extreme),
            ("k", &k),
            ("p", &measure.phrase),
        ];
        let mut text = self.sentence(frame, &slots, &subject);
        let mut select = vec![attribute.map_or(group.item, |(column, _)| Item::Column(column))];
        if both && wanted.is_empty() {
            let more = if measure.is_count() {
                self.dice.word(&[
                    " and how many",
                    " and how many are there",
                    ", and how many is that",
                    ", with the count",
                ])
            } else {
                self.dice.word(&[
                    " and how much",
                    " and how much is it",
                    ", with the amount",
                    " and what is it",
                    ", including the figure",
                ])
            };
            text.push_str(more);
            select.push(Item::Aggregate(measure.aggregate));
        }
        filter.extend(subject.clauses);
        let query = Query {
            select,
            filter,
            ..Query::default()
        };
        Some(Asked {
            text,
            query: best(query, measure.aggregate, descending, limit),
        })
    }

    /// "highest average price", "most revenue".
    fn superlative_head(&mut self, measure: &Measure, descending: bool) -> String {
        if measure.is_count() {
            return String::new();
        }
        let sum = measure.aggregate.function == Function::Sum;
        if sum && !measure.unit.is_empty() && self.dice.chance(0.4) {
            let word = if descending { "most" } else { "fewest" };
            return format!("{word} {}", measure.unit);
        }
        if sum && self.dice.chance(0.2) {
            let word = if descending { "most" } else { "least" };
            return format!("{word} {}", measure.phrase);
        }
        let word = if descending {
            self.dice
                .word(&["highest", "highest", "largest", "greatest", "biggest"])
        } else {
            self.dice.word(&["lowest", "lowest", "smallest"])
        };
        format!("{word} {}", measure.head)
    }

    fn best_frame(
        &mut self,
        measure: &Measure,
        sort: GroupSort,
        descending: bool,
        several: bool,
    ) -> &'static str {
        if several {
            return self.dice.frame(if measure.is_count() {
                &[
                    "which {k} {gs} have the {x} {np}",
                    "which {k} {gs} had the {x} {np}",
                    "what {k} {gs} have the {x} {np}",
                    "which are the {k} {gs} with the {x} {np}",
                    "name the {k} {gs} that have the {x} {np}",
                ]
            } else {
                &[
                    "which {k} {gs} have the {h} {rows}",
                    "which {k} {gs} had the {h} {rows}",
                    "which are the {k} {gs} with the {h} {rows}",
                    "name the {k} {gs} that have the {h} {rows}",
                ]
            });
        }
        let counting: &[&str] = &[
            "which {g} has the {x} {np}",
            "which {g} had the {x} {np}",
            "what {g} has the {x} {np}",
            "{g} with the {x} {np}",
            "the {g} with the {x} {np}",
            "which {g} do we have the {x} {np} for",
            "find the {g} with the {x} {np}",
            "show [me |]the {g} [having|with] the {x} {np}",
            "name the {g} that has the {x} {np}",
            "tell me which {g} has the {x} {np}",
            "which {g} accounts for the {x} {np}",
            "which {g} comes [up |]with the {x} {np}",
            "what is the {g} with the {x} {np}",
            "i want to know which {g} has the {x} {np}",
            "which {g} leads in number of {np}",
            "looking for the {g} with the {x} {np}",
            "by number of {np}, which {g} is first",
            "the {x} {np}: which {g}",
        ];
        let categories: &[&str] = &[
            "what is the most common {g} [among|of|for] {np}",
            "most common {g} among {np}",
            "which {g} [occurs|appears|comes up] most often among {np}",
            "most frequent {g} of {np}",
            "what {g} do most {np} have",
            "what's the most frequent {g} for {np}",
            "which {g} is most common among {np}",
            "predominant {g} among {np}",
        ];
        let times: &[&str] = &[
            "in which {g} were there the {x} {np}",
            "which {g} had the {x} {np}",
            "which {g} saw the {x} {np}",
            "{g} with the {x} {np}",
            "when did we have the {x} {np}, by {g}",
            "what {g} had the {x} {np}",
            "in what {g} did we have the {x} {np}",
            "which was the {g} with the {x} {np}",
            "during which {g} were the {x} {np} recorded",
        ];
        let busiest: &[&str] = &[
            "busiest {g} for {np}",
            "what was the busiest {g} for {np}",
            "which {g} was the busiest for {np}",
            "which {g} was busiest, by {np}",
            "the {g} that was busiest in terms of {np}",
            "strongest {g} by number of {np}",
        ];
        let measured: &[&str] = &[
            "which {g} has the {h} {rows}",
            "which {g} had the {h} {rows}",
            "what {g} has the {h} {rows}",
            "{g} with the {h} {rows}",
            "the {g} with the {h} {rows}",
            "find the {g} with the {h} {rows}",
            "show [me |]the {g} that has the {h} {rows}",
            "what is the {g} with the {h} {rows}",
            "tell me which {g} has the {h} {rows}",
            "which {g} shows the {h} {rows}",
            "which {g} comes out with the {h} {rows}",
            "name the {g} with the {h} {rows}",
            "i'd like to know which {g} has the {h} {rows}",
        ];
        let measured_times: &[&str] = &[
            "in which {g} was the {h} {rows} reached",
            "which {g} had the {h} {rows}",
            "which {g} saw the {h} {rows}",
            "{g} with the {h} {rows}",
            "what {g} brought the {h} {rows}",
            "in what {g} did we have the {h} {rows}",
            "which was the {g} with the {h} {rows}",
        ];
        let time = matches!(sort, GroupSort::Time(_));
        let frames = match (measure.is_count(), time) {
            (true, true) if descending && self.dice.chance(0.25) => busiest,
            (true, true) => times,
            (true, false) if sort == GroupSort::Category && descending && self.dice.chance(0.3) => {
                categories
            }
            (true, false) => counting,
            (false, true) => measured_times,
            (false, false) => measured,
        };
        let frame = self.dice.frame(frames);
        if !descending && (frame.contains("leads in") || frame.contains("is first")) {
            return "which {g} has the {x} {np}";
        }
        frame
    }

    /// "top 5 customers by revenue": label and figure.
    pub(super) fn top_groups(&mut self, table: TableId) -> Option<Asked> {
        let group = self.group(table)?;
        let measure = self.measure_for_rank(table)?;
        self.speak_of(&measure);
        let mods = self.mods(table, &[0.66, 0.3, 0.04]);
        let subject = self.subject(table, mods, true);
        let head = self.measure_phrase(&measure, table, &subject);
        let descending = self.dice.chance(0.86);
        let limit = *self
            .dice
            .pick(&[3_u32, 3, 5, 5, 5, 10, 10, 2, 4, 6, 7, 8, 15, 20])?;
        let k = numbers::count_text(limit, self.dice);
        let frames: &[&str] = if descending {
            &[
                "top {k} {gs} by {h}",
                "top {k} {gs} by {h}",
                "top {k} {gs} by {h}",
                "show [me |]the top {k} {gs} by {h}",
                "what are the top {k} {gs} by {h}",
                "who are the top {k} {gs} by {h}",
                "the {k} best {gs} by {h}",
                "{k} leading {gs} by {h}",
                "give me the top {k} {gs} [by|in terms of|according to|ranked by] {h}",
                "list the {k} {gs} with the highest {h} and the figure",
                "best {k} {gs} in terms of {h}",
                "ranking of the top {k} {gs} by {h}",
                "rank {gs} by {h}, top {k}",
                "{gs} ranked by {h}, first {k}",
                "top {k} {gs} according to {h}",
                "{h} of the top {k} {gs}",
                "i need the {k} top {gs} measured by {h}",
                "biggest {k} {gs} by {h}",
                "largest {k} {gs} by {h}",
            ]
        } else {
            &[
                "bottom {k} {gs} by {h}",
                "the {k} worst {gs} by {h}",
                "lowest {k} {gs} by {h}",
                "show the bottom {k} {gs} by {h}",
                "what are the bottom {k} {gs} by {h}",
                "the {k} {gs} ranking lowest by {h}, with the figure",
                "{k} smallest {gs} by {h}",
                "give me the last {k} {gs} by {h}",
            ]
        };
        let frame = self.dice.frame(frames);
        let head = if frame.contains("highest {h}") && !measure.is_count() {
            measure.head.clone()
        } else {
            head
        };
        if frame.starts_with("{h} of")
            && (!measure.is_count() && head.contains(" of ") || measure.is_count())
        {
            return None;
        }
        if frame.contains("highest {h}") && !measure.is_count() && subject.modified {
            return None;
        }
        let text = self.sentence(
            frame,
            &[
                ("k", &k),
                ("gs", &group.many),
                ("g", &group.one),
                ("h", &head),
            ],
            &subject,
        );
        let select = vec![group.item, Item::Aggregate(measure.aggregate)];
        let query = Query {
            select,
            filter: subject.clauses,
            ..Query::default()
        };
        Some(Asked {
            text,
            query: best(query, measure.aggregate, descending, limit),
        })
    }

    /// The longest, the cheapest, the latest: by one of the rows' own columns.
    pub(super) fn superlative(&mut self, table: TableId) -> Option<Asked> {
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
