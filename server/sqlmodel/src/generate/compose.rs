//! Composed questions: a query with a meaning, and one of very many ways to ask for it.

use super::{
    measures::{GroupSort, Measure, Subject},
    numbers,
    say::Composer,
};
use crate::{
    query::{Aggregate, Argument, Comparison, Function, Having, Item, Order, Query, Value},
    schema::TableId,
};

/// A question with its meaning.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) text: String,
    pub(super) query: Query,
}

/// A kind of question: name, weight, how it is made.
type Intent<'b> = (
    &'static str,
    f64,
    fn(&mut Composer<'b>, TableId) -> Option<Asked>,
);

/// How many conditions a question has.
const FEW: &[f64] = &[0.34, 0.46, 0.17, 0.03];
const SOME: &[f64] = &[0.14, 0.56, 0.25, 0.05];

impl<'b> Composer<'b> {
    /// One question of some kind; `None` where the schema has no material for the kind drawn.
    pub(super) fn ask(&mut self) -> Option<Asked> {
        let table = self.table()?;
        let kinds: [Intent<'b>; 17] = [
            ("count", 13.0, Self::count),
            ("scalar", 10.0, Self::scalar),
            ("several", 3.0, Self::several),
            ("grouped", 15.0, Self::grouped),
            ("each", 3.0, Self::each),
            ("best group", 10.0, Self::best_group),
            ("top groups", 6.0, Self::top_groups),
            ("having", 5.0, Self::having),
            ("list", 17.0, Self::list),
            ("superlative", 8.0, Self::superlative),
            ("lookup", 6.0, Self::lookup),
            ("when", 4.0, Self::when),
            ("distinct", 5.0, Self::distinct),
            ("everything", 4.0, Self::everything),
            ("sorted", 4.0, Self::sorted),
            ("owned", 9.0, Self::owned),
            ("through", 4.0, Self::through),
        ];
        let weights: Vec<f64> = kinds.iter().map(|k| k.1).collect();
        let (name, _, make) = kinds[self.dice.weighted(&weights)];
        self.intent = name;
        let mut asked = make(self, table)?;
        asked.query.via.clone_from(&self.via);
        Some(asked)
    }

    /// A table to ask about; those of the main domain first.
    fn table(&mut self) -> Option<TableId> {
        let weights: Vec<f64> = (0..self.inst.schema.tables.len())
            .map(|t| if self.inst.own[t] { 1.0 } else { 0.15 })
            .collect();
        let table = self.dice.weighted(&weights);
        (table < self.inst.schema.tables.len()).then_some(table)
    }

    #[expect(clippy::unnecessary_wraps, reason = "one signature for all kinds")]
    fn count(&mut self, table: TableId) -> Option<Asked> {
        let mods = self.mods(table, SOME);
        let subject = self.subject(table, mods, true);
        let one = self.noun(table, false);
        let frames: &[&str] = &[
            "how many {np} [are there|do we have|exist|are on record|are in the [database|system]|did we have|have we got]",
            "how many {np} are there",
            "how many {np} do we have",
            "how many {np}",
            "how many {np} can you find",
            "number of {np}",
            "count {np}",
            "count [all|] the {np}",
            "count of {np}",
            "what is the [total |]number of {np}",
            "what's the [number|count] of {np}",
            "tell me how many {np} [there are|we have|exist]",
            "[i need|i want|give me|show me|get] [the number|a count|the count] of {np}",
            "do you know how many {np} there are",
            "# of {np}",
            "{np}, how many are there",
            "{np} count",
            "total number of {np}",
            "how large is the number of {np}",
            "i'd like to know how many {np} [there are|we have]",
            "what number of {np} do we have",
            "what is the count of {np}",
            "how many {np} were there",
            "{np}: how many",
            "how many different {np} are in the data",
            "in total how many {np} do we have",
            "how many {np} [all together|altogether|in total|overall]",
            "[find out|check|see] how many {np} there are",
            "count how many {np} there are",
            "calculate the number of {np}",
            "can you count the {np}",
            "we have how many {np}",
            "just the number of {np}",
            "how big is our number of {np}",
            "quantity of {np}",
        ];
        let plain: &[&str] = &[
            "{one} count",
            "total {one} count",
            "how many {np} in all",
            "what is the {one} count",
        ];
        let frame = if subject.modified || self.dice.chance(0.85) {
            self.dice.frame(frames)
        } else {
            self.dice.frame(plain)
        };
        let text = self.sentence(frame, &[("np", &subject.phrase), ("one", &one)], &subject);
        Some(scalar_query(text, &[Self::count_measure(table)], subject))
    }

    fn scalar(&mut self, table: TableId) -> Option<Asked> {
        let measure = self.number_measure(table, None)?;
        self.speak_of(&measure);
        let mods = self.mods(table, FEW);
        let subject = self.subject(table, mods, true);
        let head = self.measure_phrase(&measure, table, &subject);
        let frames: &[&str] = &[
            "what is the {h}",
            "what is the {h}",
            "what's the {h}",
            "{h}",
            "{h}",
            "show [me |]the {h}",
            "give me the {h}",
            "[calculate|compute|work out|determine] the {h}",
            "how [high|large|big|much] is the {h}",
            "i need the {h}",
            "tell me the {h}",
            "find the {h}",
            "what was the {h}",
            "what would be the {h}",
            "i'd like to [see|know] the {h}",
            "do we know the {h}",
            "report the {h}",
            "return the {h}",
            "what {h} do we have",
            "get the {h}",
            "[could|can] i see the {h}",
            "let me know the {h}",
            "what does the {h} look like",
            "the {h}, what is it",
        ];
        let sum: &[&str] = &[
            "how much {p} [do|did] {np} have [in total|altogether|overall|combined|all together]",
            "what does the {p} of {np} [add up to|come to|amount to]",
            "add up the {p} of {np}",
            "sum up the {p} [of|for|over] {np}",
            "what do {np} add up to in {p}",
            "total {p}, {np}",
        ];
        let sum_units: &[&str] = &[
            "how many {u} [do|did] {np} have [in total|altogether|overall|combined]",
            "how many {u} are there [in total|altogether|] across [all |]{np}",
            "how many {u} in total for {np}",
            "how many {u} do {np} add up to",
            "number of {u} over all {np}",
            "total {u} [of|for] {np}",
        ];
        let average: &[&str] = &[
            "on average, what is the {p} of {np}",
            "what is the {p} of {np} on average",
            "what {p} do {np} have on average",
            "average out the {p} of {np}",
            "what's a typical {p} for {np}",
            "how [high|large] is the {p} of {np} on average",
            "{np}: average {p}",
            "mean {p}, {np}",
        ];
        let own = match measure.aggregate.function {
            Function::Sum if !measure.unit.is_empty() && self.dice.chance(0.3) => Some(sum_units),
            Function::Sum if self.dice.chance(0.22) && !measure.phrase.starts_with("number") => {
                Some(sum)
            }
            Function::Avg if self.dice.chance(0.28) => Some(average),
            _ => None,
        };
        let frame = self.dice.frame(own.unwrap_or(frames));
        let text = self.sentence(
            frame,
            &[
                ("h", &head),
                ("np", &subject.phrase),
                ("p", &measure.phrase),
                ("u", &measure.unit),
            ],
            &subject,
        );
        Some(scalar_query(text, &[measure], subject))
    }

    fn several(&mut self, table: TableId) -> Option<Asked> {
        let columns = self.numbers(table);
        let column = *self.dice.pick(&columns)?;
        let summable = self.inst.spec(column).is_some_and(|s| s.summable);
        let sets: &[(&str, &[Function])] = &[
            (
                "[minimum|lowest|smallest] and [maximum|highest|largest] {p}",
                &[Function::Min, Function::Max],
            ),
            (
                "[highest|maximum|max] and [lowest|minimum|min] {p}",
                &[Function::Max, Function::Min],
            ),
            (
                "[average|mean] and [maximum|highest] {p}",
                &[Function::Avg, Function::Max],
            ),
            (
                "[lowest|minimum], [average|mean] and [highest|maximum] {p}",
                &[Function::Min, Function::Avg, Function::Max],
            ),
            (
                "[minimum|min], [maximum|max] and [average|avg] {p}",
                &[Function::Min, Function::Max, Function::Avg],
            ),
            (
                "[average|mean] and [lowest|smallest] {p}",
                &[Function::Avg, Function::Min],
            ),
            (
                "[total|overall] and [average|mean] {p}",
                &[Function::Sum, Function::Avg],
            ),
            (
                "[average|mean] and [total|summed] {p}",
                &[Function::Avg, Function::Sum],
            ),
            (
                "[number of {ns}|{one} count] and [average|mean] {p}",
                &[Function::Count, Function::Avg],
            ),
            (
                "[number|count] and total {p}",
                &[Function::Count, Function::Sum],
            ),
        ];
        let (template, functions) = *self.dice.pick(sets)?;
        if !summable && functions.contains(&Function::Sum) {
            return None;
        }
        let mut measures = Vec::new();
        for &function in functions {
            measures.push(if function == Function::Count {
                Self::count_measure(table)
            } else {
                self.column_measure(column, function)?
            });
        }
        self.spoken.push(column);
        let phrase = self.phrase(column);
        let mods = self.mods(table, FEW);
        let subject = self.subject(table, mods, true);
        let (one, many) = (self.noun(table, false), self.noun(table, true));
        let head = self
            .dice
            .fill(template, &[("p", &phrase), ("one", &one), ("ns", &many)]);
        let group = if self.dice.chance(0.3) {
            self.group(table)
        } else {
            None
        };
        let per = group.as_ref().map(|g| self.per(g)).unwrap_or_default();
        let frames: &[&str] = &[
            "what are the {h} of {np}",
            "{h} of [all |the |]{np}",
            "show [me |]the {h} of {np}",
            "[what is|what's] the {h} for {np}",
            "give me [the |]{h} for {np}",
            "{h}, {np}",
            "for {np}, what [is|are] the {h}",
            "i need the {h} of {np}",
            "{np}: {h}",
            "tell me the {h} across {np}",
        ];
        let frame = self.dice.frame(frames);
        let frame = if per.is_empty() {
            frame.to_owned()
        } else {
            format!("{frame} {per}")
        };
        let text = self.sentence(&frame, &[("h", &head), ("np", &subject.phrase)], &subject);
        let mut asked = scalar_query(text, &measures, subject);
        if let Some(group) = group {
            asked.query.select.insert(0, group.item);
        }
        Some(asked)
    }

    fn grouped(&mut self, table: TableId) -> Option<Asked> {
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
    fn each(&mut self, table: TableId) -> Option<Asked> {
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

    fn having(&mut self, table: TableId) -> Option<Asked> {
        let group = self
            .group(table)
            .filter(|g| !matches!(g.sort, GroupSort::Time(_)))?;
        let measure = if self.dice.chance(0.68) {
            Self::count_measure(table)
        } else {
            let function = if self.dice.chance(0.55) {
                Function::Sum
            } else {
                Function::Avg
            };
            self.number_measure(table, Some(function))?
        };
        self.speak_of(&measure);
        let mods = self.mods(table, &[0.72, 0.28]);
        let subject = self.subject(table, mods, true);
        let value = if measure.is_count() {
            *self.dice.pick(&[
                1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 5.0, 5.0, 6.0, 8.0, 10.0, 10.0, 12.0, 15.0, 20.0,
                50.0, 100.0,
            ])?
        } else {
            let range = measure.range.map(|[low, high]| {
                let more = if measure.aggregate.function == Function::Sum {
                    4.0
                } else {
                    1.0
                };
                [low * more, high * more]
            });
            numbers::round_value(range, false, self.dice)
        };
        let said = numbers::text(value, measure.money, self.dice);
        let up = self.dice.chance(0.75);
        let (comparison, words) = if measure.is_count() && self.dice.chance(0.5) {
            if up {
                (Comparison::Gt, format!("more than {said}"))
            } else {
                (Comparison::Lt, format!("fewer than {said}"))
            }
        } else if measure.is_count() && self.dice.chance(0.08) {
            (Comparison::Eq, format!("exactly {said}"))
        } else {
            self.comparison(up, &said)
        };
        let counting: &[&str] = &[
            "{gs} with {cmp} {np}",
            "which {gs} have {cmp} {np}",
            "which {gs} had {cmp} {np}",
            "{gs} that have {cmp} {np}",
            "list [the |]{gs} with {cmp} {np}",
            "show [me |]{gs} with {cmp} {np}",
            "what {gs} have {cmp} {np}",
            "find {gs} having {cmp} {np}",
            "give me the {gs} that have {cmp} {np}",
            "are there {gs} with {cmp} {np}",
            "[name|get] the {gs} with {cmp} {np}",
            "{gs} where the number of {np} is {cmp}",
            "which {gs} come with {cmp} {np}",
            "{gs} whose number of {np} is {cmp}",
        ];
        let measured: &[&str] = &[
            "{gs} with [a |]{h} {cmp}",
            "{gs} whose {h} is {cmp}",
            "which {gs} have [a |an |]{h} {cmp}",
            "list {gs} where the {h} is {cmp}",
            "show {gs} with {h} {cmp}",
            "find the {gs} whose {h} is {cmp}",
            "which {gs} show a {h} {cmp}",
            "in which {gs} is the {h} {cmp}",
            "give me {gs} with a {h} of {cmp}",
        ];
        let frame = self.dice.frame(if measure.is_count() {
            counting
        } else {
            measured
        });
        let head = if measure.is_count() {
            String::new()
        } else if subject.phrase == self.noun(table, true) {
            measure.head.clone()
        } else {
            format!("{} of {}", measure.head, subject.phrase)
        };
        let text = self.sentence(
            frame,
            &[
                ("gs", &group.many),
                ("cmp", &words),
                ("np", &subject.phrase),
                ("h", &head),
            ],
            &subject,
        );
        let query = Query {
            select: vec![group.item],
            filter: subject.clauses,
            having: Some(Having {
                aggregate: measure.aggregate,
                comparison,
                value: Value::Number(value),
            }),
            ..Query::default()
        };
        Some(Asked { text, query })
    }

    pub(super) fn speak_of(&mut self, measure: &Measure) {
        match measure.aggregate.argument {
            Argument::Column(c) => self.spoken.push(c),
            Argument::Product(a, b) => self.spoken.extend([a, b]),
            Argument::Rows(_) => {}
        }
    }
}

fn scalar_query(text: String, measures: &[Measure], subject: Subject) -> Asked {
    let query = Query {
        select: measures
            .iter()
            .map(|m| Item::Aggregate(m.aggregate))
            .collect(),
        filter: subject.clauses,
        ..Query::default()
    };
    Asked { text, query }
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

/// Sorted by an aggregate, the first so many.
pub(super) fn best(mut query: Query, aggregate: Aggregate, descending: bool, limit: u32) -> Query {
    query.order = Some(Order {
        by: Item::Aggregate(aggregate),
        descending,
    });
    query.limit = Some(limit);
    query
}
