//! OpenAI's own packages, and frameworks over them, as clients: what a program does with them works here by changing
//! `base_url`, whether a model of this process answers or one behind a proxy.
//!
//! The scenarios are scripts in the clients' languages; each is asserted by its name, so that one that is missing fails
//! as one that went wrong does. `cargo xtask test` provides the clients.

mod frameworks;
mod node;
mod python;
mod told;
mod world;

use self::world::Target;

/// What every client does with every target.
const ALWAYS: [&str; 24] = [
    "chat",
    "chat_stream",
    "chat_stream_helper",
    "tools",
    "tools_stream",
    "parallel_tools",
    "schema_parse",
    "json_object",
    "logprobs",
    "several",
    "stop",
    "seed",
    "usage_in_stream",
    "completions",
    "embeddings",
    "embeddings_base64",
    "models",
    "rerank",
    "responses",
    "responses_stream",
    "responses_tools",
    "bad_request",
    "authentication",
    "not_found",
];

/// What it does last, since these leave traces.
const LIMITS: [&str; 3] = ["rate_limit", "key_limit", "cancel"];

/// All scenarios of a target.
fn scenarios(target: Target) -> Vec<&'static str> {
    let own: &[&str] = match target {
        Target::Local => &["over_long", "image_to_a_text_model"],
        Target::Proxied => &["broken_upstreams"],
    };
    ALWAYS.iter().chain(&LIMITS).chain(own).copied().collect()
}
