//! Contract, end-to-end and fault tests, each over a server of its own.

mod contract;
mod e2e;
mod faults;
mod grants;
mod graphql_limits;
mod keys;
mod start;
mod support;
mod turns;
mod upstreams;
