//! A question as words and literal candidates.
//!
//! Literals are not spelled out by the model: every number, date expression, quoted or capitalised piece and
//! every value of the database that stands in the question is found here first, and the model points at one.
//! Finding is deterministic and knows no network; when in doubt it offers a candidate too many.

use chrono::NaiveDate;

use crate::{
    query::Value,
    schema::{ColumnId, Schema},
};

mod values;

pub use values::ValueIndex;

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
    pub fn read_with(_text: &str, _values: &ValueIndex, _today: NaiveDate) -> Self {
        unimplemented!()
    }
}
