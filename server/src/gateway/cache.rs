//! Answers that are the same each time, kept for models that are configured so. Bounded by bytes.

use std::{
    fmt::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::workers::{Chunk, ChunkStream, GenerateRequest, Piece, ResponseFormat};

/// Most bytes of one answer that is kept.
const ANSWER_BYTES: usize = 1 << 20;
/// What an entry costs beside what is in it.
const ENTRY_BYTES: usize = 256;

/// What was asked of whom, hashed.
pub(super) type Key = [u8; 32];

/// What is kept.
#[derive(Clone)]
pub(super) struct Cache {
    entries: moka::future::Cache<Key, Entry>,
}

#[derive(Clone)]
struct Entry {
    until: Instant,
    kept: Kept,
}

#[derive(Clone)]
enum Kept {
    Answer(Arc<[Chunk]>),
    Vector(Arc<[f32]>),
}

impl Cache {
    /// Keeps at most so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let entries = moka::future::Cache::<Key, Entry>::builder()
            .max_capacity(bytes)
            .weigher(|_, entry| u32::try_from(entry.bytes()).unwrap_or(u32::MAX))
            .build();
        Self { entries }
    }

    /// The answer that is kept under a key, as the stream it was.
    pub(super) async fn answer(&self, key: &Key) -> Option<ChunkStream> {
        let Kept::Answer(chunks) = self.find(key).await? else {
            return None;
        };
        Some(stream::iter((0..chunks.len()).map(move |at| Ok(chunks[at].clone()))).boxed())
    }

    /// The vector that is kept under a key.
    pub(super) async fn vector(&self, key: &Key) -> Option<Vec<f32>> {
        match self.find(key).await? {
            Kept::Vector(vector) => Some(vector.to_vec()),
            Kept::Answer(_) => None,
        }
    }

    async fn find(&self, key: &Key) -> Option<Kept> {
        let entry = self.entries.get(key).await?;
        (Instant::now() < entry.until).then_some(entry.kept)
    }

    /// Keeps a vector for so long.
    pub(super) async fn keep_vector(&self, key: Key, vector: &[f32], time: Duration) {
        self.insert(key, Kept::Vector(vector.into()), time).await;
    }

    async fn insert(&self, key: Key, kept: Kept, time: Duration) {
        let now = Instant::now();
        if let Some(until) = now.checked_add(time) {
            self.entries.insert(key, Entry { until, kept }).await;
        }
    }

    /// Passes an answer on and keeps it when it is whole: all of its `answers` have ended, and nothing failed.
    pub(super) fn keep(
        &self,
        key: Key,
        time: Duration,
        answers: u32,
        mut pieces: ChunkStream,
    ) -> ChunkStream {
        let cache = self.clone();
        async_stream::stream! {
            let mut kept: Option<Vec<Chunk>> = Some(Vec::new());
            let (mut bytes, mut ended) = (0_usize, 0_u32);
            while let Some(piece) = pieces.next().await {
                match &piece {
                    Ok(chunk) => {
                        if let Some(chunks) = &mut kept {
                            bytes += chunk_bytes(chunk);
                            ended += u32::from(matches!(chunk, Chunk::End { .. }));
                            chunks.push(chunk.clone());
                        }
                    }
                    Err(_) => kept = None,
                }
                if bytes > ANSWER_BYTES {
                    kept = None;
                }
                // Before the last one is told: who has it may not ask for more.
                let whole = (ended >= answers).then(|| kept.take()).flatten();
                if let Some(chunks) = whole {
                    cache.insert(key, Kept::Answer(chunks.into()), time).await;
                }
                yield piece;
            }
        }
        .boxed()
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        ENTRY_BYTES
            + match &self.kept {
                Kept::Answer(chunks) => chunks.iter().map(chunk_bytes).sum::<usize>(),
                Kept::Vector(vector) => size_of_val::<[f32]>(vector),
            }
    }
}

fn chunk_bytes(chunk: &Chunk) -> usize {
    size_of::<Chunk>()
        + match chunk {
            Chunk::Thinking(piece) | Chunk::Text(piece) => piece_bytes(piece),
            Chunk::ToolCall {
                id,
                name,
                arguments,
                ..
            } => {
                let named = id.iter().chain(name).map(String::len).sum::<usize>();
                named + arguments.len()
            }
            Chunk::Alternatives(others) => others
                .iter()
                .map(|other| size_of_val(other) + other.sql.len() + other.thoughts.len())
                .sum::<usize>(),
            Chunk::End { .. } => 0,
        }
}

fn piece_bytes(piece: &Piece) -> usize {
    let told = piece
        .logprobs
        .iter()
        .flat_map(|token| std::iter::once(&token.told).chain(&token.top))
        .map(|likelihood| size_of_val(likelihood) + likelihood.token.len() + likelihood.bytes.len())
        .sum::<usize>();
    piece.text.len() + told
}

/// The key of a request that is answered the same each time: greedy or seeded, without tools, and no question about a
/// database, whose answer lies in the database.
pub(super) fn answer_key(name: &str, request: &GenerateRequest) -> Option<Key> {
    let repeats = request.temperature == Some(0.0) || request.seed.is_some();
    if !repeats || !request.tools.is_empty() || request.task.is_some() {
        return None;
    }
    let mut asked = GenerateRequest {
        // Who asks and how long they have changes no answer.
        deadline: None,
        fair_key: None,
        ..request.clone()
    };
    // Objects in one order, however they were written.
    asked.template_values.sort_keys();
    for value in asked.template_values.values_mut() {
        value.sort_all_objects();
    }
    if let Some(ResponseFormat::Demanded(form) | ResponseFormat::Wished(form)) =
        &mut asked.response_format
    {
        form.sort_all_objects();
    }
    key(format_args!("answer {name:?} {asked:?}"))
}

/// The key of a text's vector.
pub(super) fn vector_key(
    name: &str,
    text: &str,
    prompt: Option<&str>,
    dimensions: Option<u32>,
) -> Option<Key> {
    key(format_args!(
        "vector {name:?} {prompt:?} {dimensions:?} {text:?}"
    ))
}

fn key(words: fmt::Arguments<'_>) -> Option<Key> {
    let mut hash = Hashing(Sha256::new());
    hash.write_fmt(words).ok()?;
    Some(hash.0.finalize().into())
}

/// Hashes what is written, so that a long prompt is not written out first.
struct Hashing(Sha256);

impl fmt::Write for Hashing {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text);
        Ok(())
    }
}
