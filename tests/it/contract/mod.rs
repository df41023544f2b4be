//! What clients were promised: recorded exchanges replayed, errors in every shape, nothing left uncovered.

mod cases;
mod differences;
mod edges;
mod errors;
mod ledger;
mod model_routes;
mod own;
mod play;
mod replay;
