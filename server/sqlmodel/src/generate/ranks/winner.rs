//! Composed questions for the group that comes first: the customer with most orders.

use crate::{
    generate::{
        compose::{Asked, best},
        measures::{GroupSort, Measure},
        numbers,
        say::Composer,
    },
    query::{Function, Item, Query},
    schema::TableId,
};

impl Composer<'_> {
    pub(in super::super) fn best_group(&mut self, table: TableId) -> Option<Asked> {
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
}
