//! DB-GPT's wire between its own processes: `/api/controller/…` and `/api/worker/…`.
//!
//! No envelope. What comes is read field by field, so that every field that is wrong is named at once and numbers
//! written as text pass, as DB-GPT's own validation has it; nulls count as left out. What we send has its keys and no
//! others, since older readers take none they do not know.

mod apply;
mod encode;
mod instance;
mod output;
mod prompt;
mod read;

pub use self::{
    apply::{
        ApplyBody, ApplyOut, ApplyType, CountBody, DescriptionsQuery, EmbeddingsBody, MetadataOut,
        ModelBody, StartupBody, WorkerSupportsOut,
    },
    encode::{Teller, frame},
    instance::{InstanceBody, InstanceKey, InstanceQuery, instances},
    output::{
        Content, Media, MediaData, MetricsOut, ModelContextOut, Output, OutputBody, OutputUsage,
        PeerError,
    },
    prompt::{MessageIn, PromptBody, Said},
    read::{FieldProblem, Problems, Reader, RefusalBody, body, query},
};

/// The header by which our own processes know each other. Between them texts come in pieces and errors with their kind;
/// DB-GPT's processes know neither.
pub const PEER_HEADER: &str = "x-tidegate-peer";

/// What DB-GPT puts before the text of an answer that failed.
pub const FAILED: &str = "**LLMServer Generate Error, Please CheckErrorInfo.**: ";

/// DB-GPT's words, as they are spelled there, for a model that a worker does not have.
pub fn no_worker(model: &str, kind: &str) -> String {
    format!("Cound not found worker instances for model name {model} and worker type {kind}")
}

/// Whether a text says that a worker does not have the model.
pub fn says_no_worker(text: &str) -> bool {
    text.contains("not found worker instances")
}
