//! What clients were promised: recorded exchanges replayed, errors in every shape, nothing left uncovered.

mod errors;
mod ledger;
mod own;
mod replay;
