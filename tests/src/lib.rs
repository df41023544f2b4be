//! The harness of the tests: a whole application on real ports, users that are clients, a scripted model server,
//! databases to ask, and the rules by which answers are compared.
//!
//! Nothing in here knows how a route works; that is what the tests are for.

pub mod app;
pub mod bench;
pub mod checkpoint;
pub mod child;
pub mod client;
pub mod databases;
pub mod dbgpt;
pub mod json;
pub mod large;
pub mod mariadb;
pub mod memory;
pub mod mock;
pub mod paths;
pub mod postgres;
pub mod process;
pub mod questions;
pub mod roles;
pub mod rows;
pub mod soak;
pub mod sse;
pub mod upstream;

pub use app::TestApp;
pub use client::{Reply, User};
