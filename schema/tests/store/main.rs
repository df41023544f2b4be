//! The store on both backends. Every test has a database of its own.

#![expect(
    clippy::unwrap_used,
    reason = "a test that fails to arrange has failed"
)]

mod agreement;
mod catalogues;
mod conversations;
mod datasources;
mod deployments;
mod examples;
mod feedback;
mod instances;
mod keeping;
mod keys;
mod kill;
mod messages;
mod opening;
mod place;
mod turns;
mod uploads;
mod usage;
