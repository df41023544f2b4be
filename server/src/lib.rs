//! The Tidegate server: skins over services over engines.
//!
//! `api` (REST, OpenAI, GraphQL) and `cli` call `services`; services call engines (`scenes`, `gateway`,
//! `workers`, `drivers`, `guard`) and the store; nothing points back. `app` wires them.

pub mod api;
pub mod app;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod drivers;
pub mod export;
pub mod gateway;
pub mod guard;
pub mod linking;
pub mod sample;
pub mod scenes;
pub mod services;
pub mod telemetry;
pub mod workers;
