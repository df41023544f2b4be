//! Synthetic questions to train on.

pub mod sql;
