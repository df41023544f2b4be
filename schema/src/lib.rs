//! Shapes and storage of Tidegate: no web server, no GraphQL execution, no inference.
//!
//! [`model`] holds plain domain structs, [`wire`] what travels and its mapping from and to the model,
//! [`store`] the repository over SQLite or PostgreSQL.

pub mod error;
pub mod ids;
pub mod model;
pub mod store;
mod tables;
#[cfg(feature = "testing")]
pub mod testing;
pub mod wire;

pub use error::{Error, Result};
