//! OpenAI's dialect: chat completions, embeddings, models, error body.

mod answer;
mod chat;
mod embeddings;
mod error;
mod likelihoods;
mod models;

pub use answer::{
    CallOut, CallPiece, ChatChunk, ChatOut, Choice, ChunkChoice, ChunkDelta, FunctionPiece,
    MessageOut, UsageOut, answer_markdown,
};
pub use chat::{
    Call, CallIn, ChatIn, ChatMessage, FunctionCall, FunctionIn, StreamOptions, ToolChoiceIn,
    ToolIn, TurnIn,
};
pub use embeddings::{EmbeddingIn, EmbeddingOut, EmbeddingRow, EmbeddingValue, Inputs};
pub use error::{ErrorBody, ErrorOut};
pub use likelihoods::{LogprobOut, LogprobsOut, TopLogprobOut};
pub use models::{ModelCard, ModelList, ModelPermission};
