//! Date expressions in a question, resolved to half-open spans of days.

use std::ops::Range;

use chrono::{Datelike, Months, NaiveDate};

use super::{
    Word,
    calendar::{Part, Unit, around, back, day_number, forward, month, ordinal, season, unit, year},
    numbers::number_at,
};

/// A date expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    /// The words it covers.
    pub(super) words: Range<usize>,
    /// First day.
    pub(super) start: NaiveDate,
    /// First day after.
    pub(super) end: NaiveDate,
}

#[derive(Debug, Clone)]
struct Piece {
    words: Range<usize>,
    part: Part,
    year: Option<i32>,
}

/// Every date expression of the question, in order, not overlapping. `starts` marks words that begin a
/// sentence, where a capital says nothing.
pub(super) fn find(words: &[Word], starts: &[bool], today: NaiveDate) -> Vec<Found> {
    let reader = Reader {
        words,
        starts,
        today,
    };
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match reader.piece_at(at, pieces.last()) {
            Some(piece) => {
                at = piece.words.end;
                pieces.push(piece);
            }
            None => at += 1,
        }
    }
    reader.add_bare_days(&mut pieces);
    reader.share_years(&mut pieces);
    let mut found: Vec<Found> = pieces
        .into_iter()
        .filter_map(|piece| {
            let (start, end) = match piece.year {
                Some(year) => piece.part.in_year(year)?,
                None => piece
                    .part
                    .latest(today)
                    .map(|(_, start, end)| (start, end))?,
            };
            Some(Found {
                words: piece.words,
                start,
                end,
            })
        })
        .collect();
    found.sort_by_key(|f| f.words.start);
    found
}

fn is_link(lower: &str) -> bool {
    is_range(lower) || matches!(lower, "or" | "," | "vs" | "versus" | "&")
}

/// Words that may stand between the two ends of a range.
fn is_range(lower: &str) -> bool {
    matches!(
        lower,
        "and" | "to" | "until" | "till" | "through" | "thru" | "-" | "–" | "—"
    )
}

struct Reader<'a> {
    words: &'a [Word],
    starts: &'a [bool],
    today: NaiveDate,
}

impl Reader<'_> {
    fn lower(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |w| w.lower.as_str())
    }

    fn before(&self, at: usize) -> &str {
        at.checked_sub(1).map_or("", |i| self.lower(i))
    }

    fn piece_at(&self, at: usize, previous: Option<&Piece>) -> Option<Piece> {
        self.written(at)
            .or_else(|| self.relative(at))
            .or_else(|| self.day_and_month(at))
            .or_else(|| self.part_of_year(at))
            .or_else(|| self.bare_month(at, previous))
            .or_else(|| self.year_first(at))
    }

    /// Skips `of`, `in`, `the`, commas and slashes before a year; the year and the word after it.
    fn year_after(&self, mut at: usize) -> Option<(i32, usize)> {
        let mut skipped = 0;
        while skipped < 3 && matches!(self.lower(at), "of" | "," | "in" | "the" | "year") {
            at += 1;
            skipped += 1;
        }
        if let Some(year) = year(self.lower(at)) {
            return Some((year, at + 1));
        }
        let shift = match self.lower(at) {
            "this" | "current" => 0,
            "last" | "previous" => -1,
            "next" => 1,
            _ => return None,
        };
        (self.lower(at + 1) == "year").then(|| (self.today.year() + shift, at + 2))
    }

    fn with_year(&self, part: Part, start: usize, end: usize) -> Piece {
        match self.year_after(end) {
            Some((year, end)) => Piece {
                words: start..end,
                part,
                year: Some(year),
            },
            None => Piece {
                words: start..end,
                part,
                year: None,
            },
        }
    }

    /// One word: `2024-03-05`, `05/03/2024`, `5.3.24`, `2024-03`, `03/2024`, `1990s`.
    fn written(&self, at: usize) -> Option<Piece> {
        let lower = self.lower(at);
        let fixed = |part: Part, year: i32| {
            part.in_year(year).map(|_| Piece {
                words: at..at + 1,
                part,
                year: Some(year),
            })
        };
        if let Some(decade) = lower.strip_suffix('s')
            && decade.ends_with('0')
            && decade.bytes().all(|b| b.is_ascii_digit())
        {
            let year = match decade.len() {
                4 => year(decade)?,
                // "the 90s"; "in their 30s" is an age.
                2 if self.before(at) == "the" => {
                    let short: i32 = decade.parse().ok()?;
                    if short < 30 {
                        2000 + short
                    } else {
                        1900 + short
                    }
                }
                _ => return None,
            };
            let start = NaiveDate::from_ymd_opt(year, 1, 1)?;
            let part = Part::Fixed(start, start.checked_add_months(Months::new(120))?);
            return Some(Piece {
                words: at..at + 1,
                part,
                year: Some(year),
            });
        }
        if !lower.starts_with(|c: char| c.is_ascii_digit()) || !lower.contains(['-', '/', '.']) {
            return None;
        }
        let pieces: Vec<&str> = lower.split(['-', '/', '.']).collect();
        if pieces
            .iter()
            .any(|p| p.is_empty() || !p.bytes().all(|b| b.is_ascii_digit()))
        {
            return None;
        }
        let numbers: Vec<u32> = pieces.iter().filter_map(|p| p.parse().ok()).collect();
        match (numbers.as_slice(), pieces[0].len()) {
            (&[year, month, day], 4) => fixed(Part::Day(month, day), year as i32),
            (&[first, second, year], _) => {
                let year = if pieces[2].len() == 2 {
                    2000 + year
                } else {
                    year
                };
                let (day, month) = if second > 12 {
                    (second, first)
                } else {
                    (first, second)
                };
                fixed(Part::Day(month, day), year as i32)
            }
            (&[year, month], 4) if !lower.contains('.') => fixed(Part::Month(month), year as i32),
            (&[month, year], _) if pieces[1].len() == 4 => fixed(Part::Month(month), year as i32),
            _ => None,
        }
    }

    /// `5 March 2024`, `5th of March`, `March 5th, 2024`, `march of 2024`.
    fn day_and_month(&self, at: usize) -> Option<Piece> {
        if let Some(day) = day_number(self.lower(at)) {
            let counts = matches!(
                self.before(at),
                "top" | "first" | "last" | "bottom" | "than"
            );
            let month_at = if self.lower(at + 1) == "of" {
                at + 2
            } else {
                at + 1
            };
            let (month, _) = month(self.lower(month_at))?;
            if counts || NaiveDate::from_ymd_opt(2000, month, day).is_none() {
                return None;
            }
            return Some(self.with_year(Part::Day(month, day), at, month_at + 1));
        }
        let (month, _) = month(self.lower(at))?;
        if self.year_after(at + 1).is_some() {
            return Some(self.with_year(Part::Month(month), at, at + 1));
        }
        let day_at = if self.lower(at + 1) == "the" {
            at + 2
        } else {
            at + 1
        };
        let day = day_number(self.lower(day_at))?;
        NaiveDate::from_ymd_opt(2000, month, day)?;
        Some(self.with_year(Part::Day(month, day), at, day_at + 1))
    }

    /// `Q1 2024`, `first quarter of 2024`, `H1`, `second half of 2023`, `summer 2023`.
    fn part_of_year(&self, at: usize) -> Option<Piece> {
        let lower = self.lower(at);
        let nth = |letter: char, most: u32| {
            let digits = lower.strip_prefix(letter)?;
            digits
                .parse::<u32>()
                .ok()
                .filter(|n| digits.len() == 1 && (1..=most).contains(n))
        };
        if let Some(quarter) = nth('q', 4) {
            return Some(self.with_year(Part::Quarter(quarter), at, at + 1));
        }
        if let Some(half) = nth('h', 2) {
            return Some(self.with_year(Part::Half(half), at, at + 1));
        }
        if let Some(first) = season(lower) {
            let (year, end) = self.year_after(at + 1)?;
            return Some(Piece {
                words: at..end,
                part: Part::Season(first),
                year: Some(year),
            });
        }
        let count = match self.lower(at + 1) {
            "quarter" => 4,
            "half" => 2,
            _ => return None,
        };
        let year = self.year_after(at + 2);
        let nth = match lower {
            // "last quarter" alone is the quarter before this one.
            "last" | "final" if year.is_some() => count,
            _ => ordinal(lower).filter(|&n| n <= count)?,
        };
        let part = if count == 4 {
            Part::Quarter(nth)
        } else {
            Part::Half(nth)
        };
        if year.is_none() && self.lower(at + 2) == "of" {
            // "first half of the match"
            let of_the_year = self.lower(at + 3) == "the" && self.lower(at + 4) == "year";
            return of_the_year.then(|| Piece {
                words: at..at + 5,
                part,
                year: Some(self.today.year()),
            });
        }
        if year.is_none() && count == 2 {
            return None;
        }
        Some(self.with_year(part, at, at + 2))
    }

    /// `March`, where it is the month and not the verb.
    fn bare_month(&self, at: usize, previous: Option<&Piece>) -> Option<Piece> {
        let (number, sure) = month(self.lower(at))?;
        let introduced = matches!(
            self.before(at),
            "in" | "of"
                | "since"
                | "from"
                | "to"
                | "until"
                | "till"
                | "before"
                | "after"
                | "during"
                | "between"
                | "last"
                | "this"
                | "through"
                | "by"
                | "for"
                | "past"
                | "every"
                | "each"
        ) || (at >= 2
            && is_link(self.before(at))
            && previous.is_some_and(|p| p.words.end == at - 1 && p.part.takes_year()));
        let capital = self.words[at].text.starts_with(char::is_uppercase) && !self.starts[at];
        let every = matches!(self.before(at), "every" | "each");
        if every || !(sure || introduced || capital) {
            return None;
        }
        Some(Piece {
            words: at..at + 1,
            part: Part::Month(number),
            year: None,
        })
    }

    /// `2024`, `2024 Q1`, `2024 March`.
    fn year_first(&self, at: usize) -> Option<Piece> {
        if self.lower(at) == "fy"
            && let Some(number) = year(self.lower(at + 1))
        {
            return Some(Piece {
                words: at..at + 2,
                part: Part::Year,
                year: Some(number),
            });
        }
        let number = year(self.lower(at))?;
        if let Some(piece) = self.part_of_year(at + 1)
            && piece.words.len() == 1
            && piece.year.is_none()
        {
            return Some(Piece {
                words: at..at + 2,
                part: piece.part,
                year: Some(number),
            });
        }
        if let Some((month, sure)) = month(self.lower(at + 1))
            && (sure || self.words[at + 1].text.starts_with(char::is_uppercase))
            && year(self.lower(at + 2)).is_none()
            && day_number(self.lower(at + 2)).is_none()
        {
            return Some(Piece {
                words: at..at + 2,
                part: Part::Month(month),
                year: Some(number),
            });
        }
        Some(Piece {
            words: at..at + 1,
            part: Part::Year,
            year: Some(number),
        })
    }

    /// `today`, `last month`, `past 30 days`, `two weeks ago`, `last March`, `so far this year`.
    fn relative(&self, at: usize) -> Option<Piece> {
        let today = self.today;
        let tomorrow = today.succ_opt()?;
        let piece = |end: usize, from: NaiveDate, to: NaiveDate| {
            (from < to).then(|| Piece {
                words: at..end,
                part: Part::Fixed(from, to),
                year: Some(from.year()),
            })
        };
        match self.lower(at) {
            "today" => return piece(at + 1, today, tomorrow),
            "yesterday" => return piece(at + 1, today.pred_opt()?, today),
            "tomorrow" => return piece(at + 1, tomorrow, tomorrow.succ_opt()?),
            "ytd" => {
                return piece(
                    at + 1,
                    NaiveDate::from_ymd_opt(today.year(), 1, 1)?,
                    tomorrow,
                );
            }
            "year" if self.lower(at + 1) == "to" && self.lower(at + 2) == "date" => {
                return piece(
                    at + 3,
                    NaiveDate::from_ymd_opt(today.year(), 1, 1)?,
                    tomorrow,
                );
            }
            _ => {}
        }
        if let Some((length, count)) = number_at(self.words, at)
            && let Some((unit, _)) = unit(self.lower(at + length))
            && self.lower(at + length + 1) == "ago"
        {
            let day = back(today, unit, count)?;
            return piece(at + length + 2, day, day.succ_opt()?);
        }
        let which = self.lower(at);
        if !matches!(
            which,
            "this" | "current" | "last" | "past" | "previous" | "next" | "coming" | "recent"
        ) {
            return None;
        }
        if let Some((unit, plural)) = unit(self.lower(at + 1)) {
            // "last quarter of 2023"
            if unit == Unit::Quarter && self.year_after(at + 2).is_some() {
                return None;
            }
            let (from, to) = match (which, plural) {
                ("past" | "recent", false) => (back(today, unit, 1.0)?, tomorrow),
                (_, true) => return None,
                _ => {
                    let (start, end) = around(today, unit)?;
                    match which {
                        "this" | "current" => (start, end),
                        "next" | "coming" => around(end, unit)?,
                        _ => around(start.pred_opt()?, unit)?,
                    }
                }
            };
            return piece(at + 2, from, to);
        }
        if let Some((length, count)) = number_at(self.words, at + 1)
            && let Some((unit, _)) = unit(self.lower(at + 1 + length))
        {
            let end = at + length + 2;
            return if matches!(which, "next" | "coming") {
                piece(end, today, forward(today, unit, count)?)
            } else {
                piece(end, back(today, unit, count)?, tomorrow)
            };
        }
        // "last March", "this summer"
        let part = match month(self.lower(at + 1)) {
            Some((number, _)) => Part::Month(number),
            None => Part::Season(season(self.lower(at + 1))?),
        };
        if self.year_after(at + 2).is_some() {
            return None;
        }
        let (from, to) = match which {
            "last" | "past" | "previous" => {
                let (year, from, to) = part.latest(today)?;
                if to > today {
                    part.in_year(year - 1)?
                } else {
                    (from, to)
                }
            }
            "this" | "current" => part.in_year(today.year())?,
            "next" | "coming" => {
                let (from, to) = part.in_year(today.year())?;
                if from > today {
                    (from, to)
                } else {
                    part.in_year(today.year() + 1)?
                }
            }
            _ => return None,
        };
        piece(at + 2, from, to)
    }

    /// The other day of `between 3 and 10 March 2024` and `March 3 to 10, 2024`.
    fn add_bare_days(&self, pieces: &mut Vec<Piece>) {
        let mut added: Vec<Piece> = Vec::new();
        let mut dropped: Vec<usize> = Vec::new();
        for (position, piece) in pieces.iter_mut().enumerate() {
            let Part::Day(month, _) = piece.part else {
                continue;
            };
            let start = piece.words.start;
            if start >= 2
                && is_range(self.lower(start - 1))
                && day_number(self.lower(start)).is_some()
                && let Some(day) = day_number(self.lower(start - 2))
                && NaiveDate::from_ymd_opt(2000, month, day).is_some()
            {
                added.push(Piece {
                    words: start - 2..start - 1,
                    part: Part::Day(month, day),
                    year: piece.year,
                });
            }
            let end = piece.words.end;
            let month_first = day_number(self.lower(start)).is_none();
            if month_first
                && piece.year.is_none()
                && is_range(self.lower(end))
                && let Some(day) = day_number(self.lower(end + 1))
                && NaiveDate::from_ymd_opt(2000, month, day).is_some()
                && super::calendar::month(self.lower(end + 2)).is_none()
            {
                let (year, after) = self
                    .year_after(end + 2)
                    .map_or((None, end + 2), |(y, e)| (Some(y), e));
                piece.year = year;
                added.push(Piece {
                    words: end + 1..after,
                    part: Part::Day(month, day),
                    year,
                });
                dropped.push(position + 1);
            }
        }
        // A year that went to such a day is no expression of its own any more.
        let taken: Vec<Range<usize>> = added.iter().map(|p| p.words.clone()).collect();
        let mut position = 0;
        pieces.retain(|piece| {
            let keep = !(dropped.contains(&position)
                && taken
                    .iter()
                    .any(|t| t.start <= piece.words.start && piece.words.end <= t.end));
            position += 1;
            keep
        });
        pieces.append(&mut added);
        pieces.sort_by_key(|p| p.words.start);
    }

    /// Where only one end of a range or list names its year, the other takes it over.
    fn share_years(&self, pieces: &mut [Piece]) {
        let position = |part: Part| part.in_year(2000).map(|(start, _)| start);
        let linked = |a: &Piece, b: &Piece| {
            let mut between = a.words.end..b.words.start;
            let link = between.next().map(|i| self.lower(i))?;
            let rest = between.all(|i| matches!(self.lower(i), "and" | "or" | "in" | "the" | "of"));
            (is_link(link) && rest && a.part.takes_year() && b.part.takes_year())
                .then(|| is_range(link))
        };
        for i in (1..pieces.len()).rev() {
            let (left, right) = pieces.split_at_mut(i);
            let (a, b) = (&mut left[i - 1], &right[0]);
            if let (None, Some(year), Some(range)) = (a.year, b.year, linked(a, b)) {
                let wraps = range && position(a.part) > position(b.part);
                a.year = Some(if wraps { year - 1 } else { year });
            }
        }
        for i in 1..pieces.len() {
            let (left, right) = pieces.split_at_mut(i);
            let (a, b) = (&mut left[i - 1], &mut right[0]);
            let Some(range) = linked(a, b) else { continue };
            match (a.year, b.year) {
                (Some(year), None) => {
                    let wraps = range && position(a.part) > position(b.part);
                    b.year = Some(if wraps { year + 1 } else { year });
                }
                (None, None) if range => {
                    // Both are the latest of their kind, but the first must not lie after the second.
                    let (Some(first), Some(second)) =
                        (a.part.latest(self.today), b.part.latest(self.today))
                    else {
                        continue;
                    };
                    b.year = Some(second.0);
                    a.year = Some(if first.1 > second.1 {
                        first.0 - 1
                    } else {
                        first.0
                    });
                }
                _ => {}
            }
        }
    }
}
