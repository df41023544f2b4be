//! Ranges and lists of dates: what one end says for the other.

use std::ops::Range;

use chrono::NaiveDate;

use super::{Piece, Reader, is_link, is_range};
use crate::question::calendar::{self, Part, day_number};

impl Reader<'_> {
    /// The other day of `between 3 and 10 March 2024` and `March 3 to 10, 2024`.
    pub(super) fn add_bare_days(&self, pieces: &mut Vec<Piece>) {
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
                && calendar::month(self.lower(end + 2)).is_none()
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
    pub(super) fn share_years(&self, pieces: &mut [Piece]) {
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
