//! OpenAI's dialect: chat completions, embeddings, models, error body.

mod answer;
mod chat;
mod embeddings;
mod error;
mod models;

pub use answer::{
    ChatChunk, ChatOut, Choice, ChunkChoice, ChunkDelta, MessageOut, UsageOut, answer_markdown,
};
pub use chat::{ChatIn, ChatMessage, StreamOptions, TurnIn};
pub use embeddings::{EmbeddingIn, EmbeddingOut, EmbeddingRow, EmbeddingValue, Inputs};
pub use error::{ErrorBody, ErrorOut};
pub use models::{ModelCard, ModelList, ModelPermission};
