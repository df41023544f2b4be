//! Date expressions in a question, resolved to half-open spans of days.

mod named;
mod ranges;
mod relative;

use std::ops::Range;

use chrono::{Datelike, NaiveDate};

use super::{
    Word,
    calendar::{Part, year},
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
}
