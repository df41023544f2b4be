//! Composed questions for a figure per group: by month, per customer, for every parent.

use super::Asked;
use crate::{
    generate::{
        measures::{GroupSort, Measure, Subject},
        say::Composer,
    },
    query::{Item, Order, Query},
    schema::TableId,
};

impl Composer<'_> {
    pub(super) fn grouped(&mut self, table: TableId) -> Option<Asked> {
        let group = self.group(table)?;
        let measure = if self.dice.chance(0.5) {
            Self::count_measure(table)
        } else {
            self.number_measure(table, None)?
        };
        self.speak_of(&measure);
        let second = if self.dice.chance(0.07) {
            self.group(table).filter(|g| g.item != group.item)
        } else {
            None
        };
        let mut mods = self.mods(table, &[0.55, 0.36, 0.09]);
        if matches!(group.sort, GroupSort::Time(_)) && self.dice.chance(0.45) {
            mods.extend(self.period_mod(&group));
        }
        let mut subject = self.subject(table, mods, true);
        let mut per = self.per(&group);
        let mut select = vec![group.item.clone()];
        if let Some(second) = second {
            per = format!(
                "{} {} and {}",
                self.dice
                    .word(&["by", "per", "by", "grouped by", "for each"]),
                group.one,
                second.one
            );
            select.push(second.item);
        }
        let head = self.measure_phrase(&measure, table, &subject);
        let single = select.len() == 1;
        let counting: &[&str] = &[
            "how many {np} {per}",
            "how many {np} are there {per}",
            "how many {np} do we have {per}",
            "{np} {per}",
            "{np} {per}",
            "number of {np} {per}",
            "number of {np} {per}",
            "count [the |]{np} {per}",
            "count of {np} {per}",
            "what is the number of {np} {per}",
            "show [me |]the number of {np} {per}",
            "how many {np} were there {per}",
            "{per}, how many {np} are there",
            "give me the [count|number] of {np} {per}",
            "i'd like [to see |]the number of {np} {per}",
            "total {np} {per}",
        ];
        let counting_single: &[&str] = &[
            "distribution of {np} by {g}",
            "how are {np} distributed across {gs}",
            "for each {g}, how many {np} are there",
            "for every {g}, count the {np}",
            "break {np} down by {g}",
            "a breakdown of {np} by {g}",
            "list [each {g}|the {gs}|all {gs}] with [the|their] number of {np}",
            "{gs} and [their|the] number of {np}",
            "show each {g} together with how many {np} it has",
            "how many {np} fall into each {g}",
            "split {np} by {g}",
            "{g} and number of {np}",
            "how do {np} break down by {g}",
            "what does the split of {np} by {g} look like",
            "every {g} with its {np} count",
            "how many {np} does each {g} have",
            "how many {np} does every {g} have",
            "group {np} by {g} and count them",
        ];
        let measured: &[&str] = &[
            "{h} {per}",
            "{h} {per}",
            "{h} {per}",
            "what is the {h} {per}",
            "what's the {h} {per}",
            "show [me |]the {h} {per}",
            "show {h} {per}",
            "give me the {h} {per}",
            "i want to see the {h} {per}",
            "{per}, what is the {h}",
            "{per}: {h}",
            "calculate the {h} {per}",
            "[could you|can you] list the {h} {per}",
            "list the {h} {per}",
            "what was the {h} {per}",
            "i need {h} {per}",
            "report {h} {per}",
            "tell me the {h} {per}",
        ];
        let measured_single: &[&str] = &[
            "break down the {h} by {g}",
            "how does the {h} [vary|differ|change] by {g}",
            "compare the {h} across {gs}",
            "list each {g} with its {h}",
            "list the {gs} with their {h}",
            "{gs} and their {h}",
            "what {h} does each {g} have",
            "for each {g}, show the {h}",
            "a table of {h} by {g}",
            "{g} and {h}",
            "{h}, one row per {g}",
            "each {g} and its {h}",
            "how is the {h} distributed over {gs}",
            "for every {g}, what is the {h}",
        ];
        let time = matches!(group.sort, GroupSort::Time(_));
        let own = single && self.dice.chance(0.38);
        let frames = match (measure.is_count(), own) {
            (true, false) => counting,
            (true, true) => counting_single,
            (false, false) => measured,
            (false, true) => measured_single,
        };
        let mut frame = self.dice.frame(frames);
        if time
            && (frame.contains("does each")
                || frame.contains("does every")
                || frame.contains("it has"))
        {
            frame = if measure.is_count() {
                "how many {np} {per}"
            } else {
                "{h} {per}"
            };
        }
        if frame.ends_with("count them") {
            subject.tail = None.or(subject.tail.take());
        }
        let plain_time = time && !group.one.contains(' ') && single;
        if plain_time && self.dice.chance(0.1) {
            let adverb = match group.one.as_str() {
                "month" => "monthly",
                "year" => self.dice.word(&["yearly", "annual"]),
                "quarter" => "quarterly",
                "day" => "daily",
                _ => "",
            };
            if !adverb.is_empty() {
                per = String::new();
                frame = if measure.is_count() {
                    self.dice.word(&[
                        "{adv} number of {np}",
                        "{adv} {np}",
                        "show the {adv} count of {np}",
                    ])
                } else {
                    self.dice.word(&[
                        "{adv} {h}",
                        "show me the {adv} {h}",
                        "what is the {adv} {h}",
                    ])
                };
            }
            let text = self.sentence(
                frame,
                &[
                    ("adv", adverb),
                    ("h", &head),
                    ("np", &subject.phrase),
                    ("per", &per),
                    ("g", &group.one),
                    ("gs", &group.many),
                ],
                &subject,
            );
            return Some(grouped_query(text, select, &measure, subject));
        }
        let slots = [
            ("h", head.as_str()),
            ("np", &subject.phrase),
            ("per", &per),
            ("g", &group.one),
            ("gs", &group.many),
        ];
        let text = self.sentence(frame, &slots, &subject);
        let mut asked = grouped_query(text, select, &measure, subject);
        if single && self.dice.chance(0.2) {
            self.order_groups(&mut asked, &measure, time);
        }
        Some(asked)
    }

    /// Adds a wish for an order to a question with groups.
    fn order_groups(&mut self, asked: &mut Asked, measure: &Measure, time: bool) {
        let (by, descending, words) = if time && self.dice.chance(0.7) {
            let newest = self.dice.chance(0.2);
            let words = if newest {
                "[newest first|latest first|most recent first|in reverse chronological order]"
            } else {
                "[in chronological order|oldest first|chronologically|in order of time|sorted by date|earliest first]"
            };
            (asked.query.select[0].clone(), newest, words)
        } else {
            let descending = self.dice.chance(0.75);
            let words = match (measure.is_count(), descending) {
                (true, true) => {
                    "[most first|sorted by count descending|in descending order|from most to least|highest first|largest first|sorted from most to fewest|ordered by count, highest first|biggest first|ranked by number]"
                }
                (true, false) => {
                    "[fewest first|sorted by count ascending|in ascending order|from least to most|lowest first|smallest first]"
                }
                (false, true) => {
                    "[highest first|in descending order|from highest to lowest|sorted from high to low|largest first|sorted descending|ranked|ordered from highest to lowest|top ones first]"
                }
                (false, false) => {
                    "[lowest first|in ascending order|from lowest to highest|smallest first|sorted ascending|sorted from low to high]"
                }
            };
            (Item::Aggregate(measure.aggregate), descending, words)
        };
        let said = self.dice.fill(words, &[]);
        let comma = if self.dice.chance(0.6) { "," } else { "" };
        asked.text = format!("{}{comma} {said}", asked.text);
        asked.query.order = Some(Order { by, descending });
    }

    /// The phrases a link has for its count per parent.
    pub(super) fn each(&mut self, table: TableId) -> Option<Asked> {
        let links = self.children(table);
        let link = self.dice.pick(&links)?.clone();
        let template = self.dice.pick(&link.words.each)?.clone();
        let group = self.entity_group(&link)?;
        let mods = self.mods(link.child, &[0.7, 0.3]);
        let mut subject = self.subject(link.child, mods, true);
        if !template.contains("{c}") {
            // there is no noun to carry conditions
            if subject.phrase != self.noun(link.child, true) {
                return None;
            }
        } else if subject.phrase.contains(" that ") || subject.phrase.contains(" whose ") {
            return None;
        }
        let text = template
            .replace("{c}", &subject.phrase)
            .replace("{p}", &group.one);
        subject.front = subject.front.filter(|_| true);
        let text = self.sentence("{x}", &[("x", &text)], &subject);
        let measure = Self::count_measure(link.child);
        Some(grouped_query(text, vec![group.item], &measure, subject))
    }
}

fn grouped_query(
    text: String,
    mut select: Vec<Item>,
    measure: &Measure,
    subject: Subject,
) -> Asked {
    select.push(Item::Aggregate(measure.aggregate));
    Asked {
        text,
        query: Query {
            select,
            filter: subject.clauses,
            ..Query::default()
        },
    }
}
