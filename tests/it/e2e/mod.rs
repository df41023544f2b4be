//! Whole questions through every surface.

mod cli;
mod client;
mod graphql;
mod openai_python;
mod pipeline;
mod questions;
mod surfaces;
