//! `tidegate-sql` behind the seam: a thread that owns the model and answers one question after the other.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
};

use async_trait::async_trait;
use tidegate_schema::{Error, Result};
use tidegate_sqlmodel::net::NetError;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::writer::{Writer, Written};
use crate::workers::{
    Chunk, ChunkStream, FinishReason, GenerateRequest, LanguageModel, ModelKind, ModelMetadata,
    SqlTask,
    torch::{Admission, Owner, follow, panic_line, threads},
};

/// Questions taken in at once; more are refused.
const TAKEN_IN: usize = 64;

/// The model's handle.
pub(super) struct TidegateSql {
    name: String,
    owner: Owner<Job>,
}

struct Job {
    task: SqlTask,
    chunks: UnboundedSender<Result<Chunk>>,
    /// Held until the answer is told.
    _admission: Admission,
}

impl TidegateSql {
    /// Starts the thread that owns the model.
    pub(super) fn start(
        name: &str,
        mut writer: Writer,
        configured_threads: usize,
    ) -> std::io::Result<Self> {
        let own_name = name.to_owned();
        let owner = Owner::start(name, TAKEN_IN, move |jobs: &mpsc::Receiver<Job>| {
            while let Ok(job) = jobs.recv() {
                // Whoever asked has left meanwhile.
                if job.chunks.is_closed() {
                    continue;
                }
                tch::set_num_threads(threads(configured_threads));
                let written = catch_unwind(AssertUnwindSafe(|| writer.write(&job.task)));
                let chunks = match written {
                    Ok(Ok(written)) => told(written),
                    Ok(Err(error)) => vec![Err(refusal(&own_name, &error))],
                    Err(payload) => {
                        let reason = panic_line(payload.as_ref());
                        tracing::error!(model = own_name, reason, "answering a question panicked");
                        vec![Err(Error::upstream(&own_name, reason))]
                    }
                };
                for chunk in chunks {
                    // A reader who left needs no answer.
                    let _ = job.chunks.send(chunk);
                }
            }
        })?;
        Ok(Self {
            name: name.to_owned(),
            owner,
        })
    }
}

fn told(written: Written) -> Vec<Result<Chunk>> {
    let mut chunks = vec![Ok(Chunk::text(written.text))];
    if !written.alternatives.is_empty() {
        chunks.push(Ok(Chunk::Alternatives(written.alternatives)));
    }
    chunks.push(Ok(Chunk::End {
        choice: 0,
        finish: FinishReason::Stop,
        usage: written.usage,
        confidence: Some(written.confidence),
    }));
    chunks
}

fn refusal(name: &str, error: &NetError) -> Error {
    match error {
        NetError::TooLarge(reason) => Error::invalid("question", reason.clone()),
        other => Error::upstream(name, other.to_string()),
    }
}

#[async_trait]
impl LanguageModel for TidegateSql {
    fn metadata(&self) -> ModelMetadata {
        ModelMetadata {
            sql_only: true,
            ..ModelMetadata::new(&self.name, ModelKind::Llm)
        }
    }

    async fn generate(&self, request: GenerateRequest) -> Result<ChunkStream> {
        let Some(task) = request.task else {
            return Err(Error::Unsupported {
                what: format!(
                    "'{}' only answers questions about a database and cannot chat; ask with chat_mode \
                     'chat_with_db_execute' and a datasource as select_param, or configure a chat model under [[models]]",
                    self.name
                ),
            });
        };
        let (chunks, answer) = unbounded_channel();
        self.owner.submit(|admission| Job {
            task,
            chunks,
            _admission: admission,
        })?;
        Ok(follow(self.name.clone(), answer))
    }

    async fn count_tokens(&self, text: &str) -> Result<u32> {
        // It reads words.
        Ok(text.split_whitespace().count() as u32)
    }
}
