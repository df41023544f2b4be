//! Dates as seen from today.

use chrono::{Datelike, NaiveDate};

use super::{Piece, Reader};
use crate::question::{
    calendar::{Part, Unit, around, back, forward, month, season, unit},
    numbers::number_at,
};

impl Reader<'_> {
    /// `today`, `last month`, `past 30 days`, `two weeks ago`, `last March`, `so far this year`.
    pub(super) fn relative(&self, at: usize) -> Option<Piece> {
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
}
