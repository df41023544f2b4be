//! What the product does: one file per noun. Services check, call engines, and remember; skins call them.

pub mod chat;
pub mod conversations;
pub mod databases;
pub mod datasources;
pub mod keys;
pub mod models;
pub mod sql;
