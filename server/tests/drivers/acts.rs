//! What is demanded of every engine, by theme. Each act takes an engine and makes a database of its own.

pub(crate) mod bounds;
pub(crate) mod catalogue;
pub(crate) mod changes;
pub(crate) mod damaged;
pub(crate) mod lines;
pub(crate) mod reads;
pub(crate) mod session;
pub(crate) mod stops;
pub(crate) mod streams;
pub(crate) mod ways;
