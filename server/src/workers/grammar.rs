//! The form an answer is held to: what a caller may ask for, read and bounded before any work.
//!
//! A schema that could only be held to in part is refused by name and place. Knows no tensor and no tokenizer: `torch`
//! makes masks over a vocabulary of a [`Form`].

mod dates;
mod form;
mod pieces;
mod schema;

pub use self::{
    form::{CallFormat, Callable, Calls, Form},
    pieces::{Pieces, of_byte_level, of_sentence_piece},
};
