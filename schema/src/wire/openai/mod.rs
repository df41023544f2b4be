//! OpenAI's dialect: chat completions, completions, responses, embeddings, scores, tokens, models, error body.

mod answer;
mod chat;
mod completions;
mod embeddings;
mod error;
mod likelihoods;
mod models;
mod rerank;
mod responses;
mod tokens;

pub use answer::{
    CallOut, CallPiece, ChatChunk, ChatOut, Choice, ChunkChoice, ChunkDelta, FunctionPiece,
    MessageOut, UsageOut, answer_markdown,
};
pub use chat::{
    Call, CallIn, ChatIn, ChatMessage, FunctionCall, FunctionIn, StreamOptions, ToolChoiceIn,
    ToolIn, TurnIn,
};
pub use completions::{
    CompletionChoice, CompletionIn, CompletionLogprobs, CompletionOut, PromptIn,
};
pub use embeddings::{EmbeddingIn, EmbeddingOut, EmbeddingRow, EmbeddingValue, Inputs};
pub use error::{ErrorBody, ErrorOut};
pub use likelihoods::{LogprobOut, LogprobsOut, TopLogprobOut};
pub use models::{ModelCard, ModelList, ModelPermission};
pub use rerank::{
    RelevanceIn, RelevanceOut, RerankDocument, RerankIn, RerankOut, RerankRow, ranked,
};
pub use responses::{
    IncompleteDetails, ReasoningPart, ResponseDeleted, ResponseError, ResponseIn, ResponseItem,
    ResponseOut, ResponsePart, ResponseUsage, ResponseWriter, TokenDetails,
};
pub use tokens::{DetokeniseIn, DetokeniseOut, TokeniseIn, TokeniseOut, TokeniseWhat};
