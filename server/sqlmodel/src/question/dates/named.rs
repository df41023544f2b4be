//! Dates by their name: in digits, by day and month, by a part of the year, by the year.

use chrono::{Datelike, Months, NaiveDate};

use super::{Piece, Reader, is_link};
use crate::question::calendar::{Part, day_number, month, ordinal, season, year};

impl Reader<'_> {
    /// One word: `2024-03-05`, `05/03/2024`, `5.3.24`, `2024-03`, `03/2024`, `1990s`.
    pub(super) fn written(&self, at: usize) -> Option<Piece> {
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
    pub(super) fn day_and_month(&self, at: usize) -> Option<Piece> {
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
    pub(super) fn part_of_year(&self, at: usize) -> Option<Piece> {
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
    pub(super) fn bare_month(&self, at: usize, previous: Option<&Piece>) -> Option<Piece> {
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
    pub(super) fn year_first(&self, at: usize) -> Option<Piece> {
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
}
