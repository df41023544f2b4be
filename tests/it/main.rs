//! Contract, end-to-end and fault tests, each over a server of its own.

mod bad_databases;
mod cli_db;
mod contract;
mod e2e;
mod examples;
mod exports;
mod faults;
mod few_shot;
mod grants;
mod graphql_limits;
mod hidden_names;
mod indexing;
mod keys;
mod large_schema;
mod start;
mod support;
mod table_grants;
mod turns;
mod types;
mod upstreams;
mod verdicts;
mod writes;
