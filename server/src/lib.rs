//! Room under construction.

pub mod drivers;
pub mod guard;
pub mod sample;
