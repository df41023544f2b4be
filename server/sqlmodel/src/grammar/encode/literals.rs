//! Which candidates of the question stand for the literals of a query.

use chrono::NaiveDate;

use super::Encoder;
use crate::{
    grammar::{
        Action, GrammarError,
        forms::{WHENS, action},
    },
    query::{Value, When},
    schema::ColumnId,
};

impl Encoder<'_> {
    /// The candidate for a literal compared with a column.
    pub(super) fn literal(
        &mut self,
        act: Action,
        column: ColumnId,
        value: &Value,
    ) -> Result<usize, GrammarError> {
        if column >= self.schema.columns.len() {
            return Err(GrammarError::Unsupported(format!(
                "the schema has no column {column}"
            )));
        }
        let (rules, question) = (self.rules, self.question);
        self.find(value, |index| {
            if !rules.fits(act, column, index) {
                return None;
            }
            let candidate = &question.candidates[index];
            let Value::Text(text) = value else {
                return same_value(value, &candidate.value).then_some(0);
            };
            let spelled = |same: fn(&str, &str) -> bool| {
                candidate
                    .matches
                    .iter()
                    .any(|(c, s)| *c == column && same(s, text))
            };
            if spelled(|a, b| a == b) {
                Some(0)
            } else if spelled(same_text) {
                Some(1)
            } else {
                same_value(value, &candidate.value).then_some(2)
            }
        })
    }

    /// How a date condition is said with the spans of the question: "from April on" may have been asked as
    /// "after March", and a quarter as two months.
    pub(super) fn span(
        &mut self,
        column: ColumnId,
        when: When,
        value: &Value,
    ) -> Result<(Action, Vec<usize>), GrammarError> {
        let Value::Dates { start, end } = *value else {
            return Err(GrammarError::MissingValue(describe(value)));
        };
        let act = action(&WHENS, when).unwrap_or(Action::During);
        if let Ok(exact) = self.dates(act, column, value, |s, e| s == start && e == end) {
            return Ok((act, vec![exact]));
        }
        let (by_start, by_end, at) = match when {
            When::During => return self.two_spans(column, value, value),
            When::Since => (Action::Since, Action::After, start),
            When::After => (Action::Since, Action::After, end),
            When::Before => (Action::Before, Action::Until, start),
            When::Until => (Action::Before, Action::Until, end),
        };
        let mut said = [(by_start, true), (by_end, false)];
        if act == by_end {
            said.reverse();
        }
        for (act, starts) in said {
            let found = self.dates(
                act,
                column,
                value,
                |s, e| if starts { s == at } else { e == at },
            );
            if let Ok(found) = found {
                return Ok((act, vec![found]));
            }
        }
        Err(GrammarError::MissingValue(describe(value)))
    }

    /// A span from the start of one to the end of another, which one candidate may cover by itself.
    pub(super) fn two_spans(
        &mut self,
        column: ColumnId,
        first: &Value,
        last: &Value,
    ) -> Result<(Action, Vec<usize>), GrammarError> {
        let (&Value::Dates { start, .. }, &Value::Dates { end, .. }) = (first, last) else {
            return Err(GrammarError::MissingValue(describe(first)));
        };
        let act = Action::DateBetween;
        if let Ok(low) = self.dates(act, column, first, |s, e| s == start && e != end) {
            let (rules, question) = (self.rules, self.question);
            let high = self.find(last, |index| match question.candidates[index].value {
                Value::Dates { end: e, .. } if e == end && rules.follows(act, low, index) => Some(
                    u8::from(!same_value(last, &question.candidates[index].value)),
                ),
                _ => None,
            });
            if let Ok(high) = high {
                return Ok((act, vec![low, high]));
            }
        }
        let whole = Value::Dates { start, end };
        let one = self.dates(Action::During, column, &whole, |s, e| {
            s == start && e == end
        })?;
        Ok((Action::During, vec![one]))
    }

    /// A span of the question that fits, best the very one meant.
    fn dates(
        &mut self,
        act: Action,
        column: ColumnId,
        meant: &Value,
        fits: impl Fn(NaiveDate, NaiveDate) -> bool,
    ) -> Result<usize, GrammarError> {
        if column >= self.schema.columns.len() {
            return Err(GrammarError::Unsupported(format!(
                "the schema has no column {column}"
            )));
        }
        let (rules, question) = (self.rules, self.question);
        self.find(meant, |index| match question.candidates[index].value {
            Value::Dates { start, end } if rules.fits(act, column, index) && fits(start, end) => {
                Some(u8::from(!same_value(
                    meant,
                    &question.candidates[index].value,
                )))
            }
            _ => None,
        })
    }

    /// The candidate for the second of two literals.
    pub(super) fn second(
        &mut self,
        act: Action,
        first: usize,
        value: &Value,
    ) -> Result<usize, GrammarError> {
        let (rules, question) = (self.rules, self.question);
        self.find(value, |index| {
            (rules.follows(act, first, index)
                && same_value(value, &question.candidates[index].value))
            .then_some(0)
        })
    }

    /// The candidate for a plain number.
    pub(super) fn number(&mut self, value: &Value) -> Result<usize, GrammarError> {
        let question = self.question;
        self.find(value, |index| {
            same_value(value, &question.candidates[index].value).then_some(0)
        })
    }

    /// The candidate of the lowest rank; of equals, one that has not been pointed at yet.
    fn find(
        &mut self,
        value: &Value,
        rank: impl Fn(usize) -> Option<u8>,
    ) -> Result<usize, GrammarError> {
        let found = (0..self.question.candidates.len())
            .filter_map(|index| rank(index).map(|rank| (rank, self.used[index], index)))
            .min()
            .map(|(_, _, index)| index)
            .ok_or_else(|| GrammarError::MissingValue(describe(value)))?;
        self.used[found] = true;
        Ok(found)
    }
}

fn same_text(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => same_text(a, b),
        (Value::Number(a), Value::Number(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        _ => a == b,
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("the text {text:?}"),
        Value::Number(number) => format!("the number {number}"),
        Value::Dates { start, end } => format!("the days from {start} to before {end}"),
    }
}
