//! Dates of a query said by the spans that stand in the question.
//!
//! SQL only knows a bound: `>= '2022-01-01'` may be "since 2022" or "after 2021". The question knows which.

use chrono::NaiveDate;

use crate::{
    query::{Predicate, Query, Value, When},
    question::Question,
};

type Span = (NaiveDate, NaiveDate);

/// Says every date condition by spans of the question, where it has some that mean the same days.
pub(super) fn settled(mut query: Query, question: &Question) -> Query {
    let spans: Vec<Span> = question
        .candidates
        .iter()
        .filter_map(|c| match c.value {
            Value::Dates { start, end } => Some((start, end)),
            _ => None,
        })
        .collect();
    for predicate in query.filter.iter_mut().flatten() {
        if let Predicate::Exists(_, _, inner) = predicate {
            for p in inner {
                settle(p, &spans);
            }
        } else {
            settle(predicate, &spans);
        }
    }
    query
}

fn settle(predicate: &mut Predicate, spans: &[Span]) {
    let from = |day: NaiveDate| spans.iter().copied().find(|s| s.0 == day);
    let to = |day: NaiveDate| spans.iter().copied().find(|s| s.1 == day);
    let better = match predicate {
        Predicate::Date(c, when, Value::Dates { start, end }) => {
            let (c, start, end) = (*c, *start, *end);
            if spans.contains(&(start, end)) {
                return;
            }
            match when {
                When::Since | When::After => {
                    let first = if *when == When::Since { start } else { end };
                    from(first)
                        .map(|s| Predicate::Date(c, When::Since, dates(s)))
                        .or_else(|| to(first).map(|s| Predicate::Date(c, When::After, dates(s))))
                }
                When::Before | When::Until => {
                    let limit = if *when == When::Before { start } else { end };
                    let before = || from(limit).map(|s| Predicate::Date(c, When::Before, dates(s)));
                    let until = || to(limit).map(|s| Predicate::Date(c, When::Until, dates(s)));
                    if *when == When::Before {
                        before().or_else(until)
                    } else {
                        until().or_else(before)
                    }
                }
                When::During => pair(c, start, end, spans),
            }
        }
        Predicate::DateBetween(
            c,
            Value::Dates { start, end: e },
            Value::Dates { start: s, end },
        ) => {
            if spans.contains(&(*start, *e)) && spans.contains(&(*s, *end)) {
                return;
            }
            if spans.contains(&(*start, *end)) {
                Some(Predicate::Date(*c, When::During, dates((*start, *end))))
            } else {
                pair(*c, *start, *end, spans)
            }
        }
        _ => return,
    };
    if let Some(better) = better {
        *predicate = better;
    }
}

/// From the start of one span to the end of another.
fn pair(column: usize, start: NaiveDate, end: NaiveDate, spans: &[Span]) -> Option<Predicate> {
    let first = spans.iter().copied().find(|s| s.0 == start)?;
    let last = spans.iter().copied().find(|s| s.1 == end)?;
    (first.0 < last.0).then(|| Predicate::DateBetween(column, dates(first), dates(last)))
}

fn dates((start, end): Span) -> Value {
    Value::Dates { start, end }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: &str, to: &str) -> Span {
        (
            from.parse().unwrap_or_default(),
            to.parse().unwrap_or_default(),
        )
    }

    #[test]
    fn a_bound_is_said_by_the_year_of_the_question() {
        let year = span("2022-01-01", "2023-01-01");
        let day = span("2022-01-01", "2022-01-02");
        let next = span("2023-01-01", "2023-01-02");
        for (given, days, wanted) in [
            (When::Since, day, When::Since),
            (When::Since, next, When::After),
            (When::Before, day, When::Before),
            (When::Before, next, When::Until),
        ] {
            let mut predicate = Predicate::Date(0, given, dates(days));
            settle(&mut predicate, &[year]);
            assert_eq!(predicate, Predicate::Date(0, wanted, dates(year)));
        }
    }

    #[test]
    fn several_years_run_from_one_span_to_another() {
        let (a, b) = (
            span("2015-01-01", "2016-01-01"),
            span("2018-01-01", "2019-01-01"),
        );
        let mut predicate =
            Predicate::Date(0, When::During, dates(span("2015-01-01", "2019-01-01")));
        settle(&mut predicate, &[a, b]);
        assert_eq!(predicate, Predicate::DateBetween(0, dates(a), dates(b)));
    }
}
