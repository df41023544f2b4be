//! A question as words and literal candidates.
//!
//! Literals are not spelled out by the model: every number, date expression, quoted or capitalised piece and
//! every value of the database that stands in the question is found here first, and the model points at one.
//! Finding is deterministic and knows no network; when in doubt it offers a candidate too many.

use std::ops::Range;

use chrono::NaiveDate;

use crate::{
    query::Value,
    schema::{ColumnId, Schema},
};

mod calendar;
mod dates;
mod names;
mod numbers;
mod values;
mod words;

pub use values::ValueIndex;
pub(crate) use words::{fold, is_stopword, stem};

use names::Sureness;
use values::Hit;
use words::Cut;

/// Most candidates of one question; the least sure fall out first.
const MOST_CANDIDATES: usize = 24;

/// One word of the question, with where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// As written.
    pub text: String,
    /// Lower case, accents kept.
    pub lower: String,
    /// Porter stem of `lower`.
    pub stem: String,
    /// Byte range in the question.
    pub range: std::ops::Range<usize>,
}

/// A literal found in the question.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The words it covers.
    pub words: std::ops::Range<usize>,
    /// The literal itself; for text, as written in the question.
    pub value: Value,
    /// Columns whose known values contain it, with the database's own spelling.
    pub matches: Vec<(ColumnId, String)>,
    /// Whether it stood in quotes.
    pub quoted: bool,
}

/// A question, ready for the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The text as asked.
    pub text: String,
    /// Its words.
    pub words: Vec<Word>,
    /// The literals found in it, in order of their first word.
    pub candidates: Vec<Candidate>,
}

impl Question {
    /// Cuts `text` into words and finds the literals in it. `today` resolves "last year" and the like.
    pub fn read(text: &str, schema: &Schema, today: NaiveDate) -> Self {
        Self::read_with(text, &ValueIndex::new(schema), today)
    }

    /// [`Question::read`] with an index built once per schema, for many questions over the same one.
    pub fn read_with(text: &str, values: &ValueIndex, today: NaiveDate) -> Self {
        let cut = words::cut(text);
        let mut drafts: Vec<Draft> = Vec::new();
        quoted(&cut, text, values, &mut drafts);
        literals(&cut, today, &mut drafts);
        texts(&cut, text, values, &mut drafts);
        drafts.sort_by_key(|draft| draft.rank);
        drafts.truncate(MOST_CANDIDATES);
        let mut candidates: Vec<Candidate> =
            drafts.into_iter().map(|draft| draft.candidate).collect();
        candidates.sort_by_key(|c| (c.words.start, std::cmp::Reverse(c.words.end)));
        Self {
            text: text.to_owned(),
            words: cut.words,
            candidates,
        }
    }
}

/// [`Draft::rank`] of codes and capitalised words.
const RANK_SHAPE: u8 = 4;

/// A candidate with its place in the queue; lower ranks are surer.
struct Draft {
    rank: u8,
    candidate: Candidate,
}

/// The question's own spelling of a run of words.
fn spelling<'a>(cut: &Cut, text: &'a str, words: &Range<usize>) -> &'a str {
    &text[cut.words[words.start].range.start..cut.words[words.end - 1].range.end]
}

fn quoted(cut: &Cut, text: &str, values: &ValueIndex, drafts: &mut Vec<Draft>) {
    for quote in &cut.quotes {
        let inside = |w: &Word| quote.start < w.range.end && w.range.start < quote.end;
        let Some(start) = cut.words.iter().position(inside) else {
            continue;
        };
        let count = cut.words[start..].iter().take_while(|w| inside(w)).count();
        let content = text[quote.clone()].trim();
        drafts.push(Draft {
            rank: 0,
            candidate: Candidate {
                words: start..start + count,
                value: Value::Text(content.to_owned()),
                matches: values.find_exact(content),
                quoted: true,
            },
        });
    }
}

/// Dates and numbers.
fn literals(cut: &Cut, today: NaiveDate, drafts: &mut Vec<Draft>) {
    let dates = dates::find(&cut.words, &cut.starts, today);
    for (words, value) in numbers::find(&cut.words) {
        // A bare year is a number too ("more than 2000 pages"); the 5 of "5 March" is not.
        let in_date = dates.iter().any(|d| {
            let overlaps = d.words.start < words.end && words.start < d.words.end;
            overlaps
                && !(d.words == words && calendar::year(&cut.words[words.start].lower).is_some())
        });
        if !in_date {
            drafts.push(draft(1, words, Value::Number(value), Vec::new()));
        }
    }
    for found in dates {
        drafts.push(draft(
            1,
            found.words,
            Value::Dates {
                start: found.start,
                end: found.end,
            },
            Vec::new(),
        ));
    }
}

/// Known values, and text that only the question knows.
fn texts(cut: &Cut, text: &str, values: &ValueIndex, drafts: &mut Vec<Draft>) {
    let mut hits = values.find(cut);
    hits.sort_by_key(|hit| (std::cmp::Reverse(hit.words.len()), !hit.exact));
    let mut kept: Vec<Hit> = Vec::new();
    for hit in hits {
        let covered = |column: &ColumnId| {
            kept.iter().any(|k| {
                k.words.start <= hit.words.start
                    && hit.words.end <= k.words.end
                    && k.matches.iter().any(|(c, _)| c == column)
            })
        };
        // Part of a longer value of the same column: the longer one is meant.
        if !hit.matches.iter().all(|(column, _)| covered(column)) {
            kept.push(hit);
        }
    }
    for hit in &kept {
        if drafts
            .iter()
            .any(|d| d.candidate.quoted && d.candidate.words == hit.words && hit.exact)
        {
            continue;
        }
        let value = Value::Text(spelling(cut, text, &hit.words).to_owned());
        drafts.push(draft(
            if hit.exact { 2 } else { 3 },
            hit.words.clone(),
            value,
            hit.matches.clone(),
        ));
    }
    for (words, sureness) in names::find(cut, values) {
        let same_words =
            |d: &Draft| d.candidate.words == words && matches!(d.candidate.value, Value::Text(_));
        // "from Frankfurt am Main": the capitals know better where the name ends.
        let cut_short = |d: &Draft| {
            sureness == Sureness::Preposition
                && d.rank == RANK_SHAPE
                && d.candidate.words.start == words.start
        };
        let inside_quotes = |d: &Draft| {
            d.candidate.quoted
                && d.candidate.words.start <= words.start
                && words.end <= d.candidate.words.end
        };
        let inside_value = kept
            .iter()
            .any(|k| k.words.start <= words.start && words.end <= k.words.end);
        let literal = |d: &Draft| {
            d.rank == 1
                && d.candidate.words.start < words.end
                && words.start < d.candidate.words.end
        };
        // A code of digits stays beside the number.
        let code = words.len() == 1 && names::is_code(&cut.words[words.start].text);
        if drafts
            .iter()
            .any(|d| same_words(d) || cut_short(d) || inside_quotes(d) || (literal(d) && !code))
            || inside_value
        {
            continue;
        }
        let rank = match sureness {
            Sureness::Shape => RANK_SHAPE,
            Sureness::Cue => 5,
            Sureness::Preposition => 6,
        };
        let value = Value::Text(spelling(cut, text, &words).to_owned());
        drafts.push(draft(rank, words, value, Vec::new()));
    }
}

fn draft(rank: u8, words: Range<usize>, value: Value, matches: Vec<(ColumnId, String)>) -> Draft {
    Draft {
        rank,
        candidate: Candidate {
            words,
            value,
            matches,
            quoted: false,
        },
    }
}

#[cfg(test)]
mod tests;
