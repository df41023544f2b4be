//! The built-in question-to-SQL model `tidegate-sql`.
//!
//! A question in plain words and a schema go in; a [`query::Query`] comes out, a small typed form that always
//! renders to valid SQL. The rooms, in the order a question passes through them:
//!
//! - [`schema`]: what the model sees of a database (names, kinds, keys, sampled values).
//! - [`question`]: words of the question, and the literal candidates found in it (numbers, dates, values).
//! - [`features`]: lexical relations between words, candidates, tables and columns.
//! - [`grammar`]: the query form as a sequence of actions with pointers, and which action may come next.
//! - `net` (feature `torch`): sentence encoder, relation-aware encoder, pointer decoder, beam search.
//! - [`render`]: from the query form to SQL of a dialect.
//! - `generate` (feature `generate`): synthetic schemas, queries and wordings to train on.
//! - `train` (feature `train`): the training loop, evaluation and calibration.
//!
//! This crate knows no server, no store and no driver: a caller hands it plain data.

#[cfg(test)]
mod fixtures;

pub mod features;
pub mod grammar;
pub mod query;
pub mod question;
pub mod render;
pub mod schema;

#[cfg(feature = "generate")]
pub mod generate;
#[cfg(feature = "torch")]
pub mod net;
#[cfg(feature = "train")]
pub mod train;
