//! Contract, end-to-end and fault tests, each over a server of its own.

mod cli_db;
mod contract;
mod e2e;
mod examples;
mod exports;
mod faults;
mod grants;
mod graphql_limits;
mod keys;
mod large_schema;
mod start;
mod support;
mod table_grants;
mod turns;
mod upstreams;
mod writes;
