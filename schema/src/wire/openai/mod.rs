//! OpenAI's dialect: chat completions, embeddings, models, error body.

mod chat;
mod embeddings;
mod error;
mod models;

pub use chat::{
    ChatChunk, ChatIn, ChatMessage, ChatOut, Choice, ChunkChoice, ChunkDelta, MessageOut,
    StreamOptions, TurnIn, UsageOut, answer_markdown,
};
pub use embeddings::{EmbeddingIn, EmbeddingOut, EmbeddingRow, EmbeddingValue, Inputs};
pub use error::{ErrorBody, ErrorOut};
pub use models::{ModelCard, ModelList, ModelPermission};
