//! A model of the cluster that writes.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use serde_json::json;
use tidegate_schema::{
    Error, Result,
    model::Usage,
    wire::cluster::{Output, PromptBody},
};
use tokio::time::Instant;

use super::{
    frames::Frames,
    link::{Link, NOBODY, Setback, describe},
    pool::Call,
    said::{Told, prompt},
};
use crate::workers::{
    Chunk, ChunkStream, FinishReason, GenerateRequest, LanguageModel, ModelMetadata,
};

/// Most answers to one request; each is asked for by a request of its own.
const MOST_ANSWERS: u32 = 128;

/// The model.
pub struct RemoteLanguage(pub(super) Arc<Link>);

impl RemoteLanguage {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self(link)
    }
}

/// An answer that has begun, at one process.
struct Answer {
    /// Counts as long as the answer goes on.
    call: Call,
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    frames: Frames,
    /// What came first, not told yet.
    first: Option<Output>,
    /// Whether anything came at all.
    spoke: bool,
    ended: bool,
}

impl Answer {
    /// What comes next; nothing at the end.
    async fn next(
        &mut self,
        link: &Link,
        until: Option<Instant>,
    ) -> Result<Option<Output>, Setback> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let frame = loop {
            if let Some(frame) = self.frames.next() {
                break frame;
            }
            if self.ended {
                return Ok(None);
            }
            let piece = link
                .in_time(until, self.body.next())
                .await
                .map_err(|late| Setback::silent(until, late))?;
            match piece {
                Some(Ok(piece)) => self.frames.push(&piece).map_err(|_| {
                    Setback::told(link.failure("a worker sent a piece longer than any answer"))
                })?,
                Some(Err(error)) => {
                    return Err(Setback::broken(link.failure(&describe(&error))));
                }
                None => {
                    self.ended = true;
                    let cut = self.frames.is_cut();
                    if let Some(last) = self.frames.last() {
                        break last;
                    }
                    if cut {
                        let broke = "its worker broke off before the answer ended";
                        return Err(Setback::broken(link.failure(broke)));
                    }
                }
            }
        };
        let output = Output::read(&frame).map_err(|why| {
            Setback::told(link.failure(&format!("a worker sent a piece that {why}")))
        })?;
        if output.error_code != 0 {
            return Err(link.told(&output.text, output.error));
        }
        self.spoke = true;
        Ok(Some(output))
    }
}

/// Asks one process after another until one has something to say.
async fn begin(link: &Link, body: &PromptBody, until: Option<Instant>) -> Result<Answer> {
    let mut tries = link.tries();
    loop {
        let call = tries.next()?;
        match begin_at(link, call, body, until).await {
            Ok(answer) => return Ok(answer),
            Err(setback) => tries.failed(setback)?,
        }
    }
}

async fn begin_at(
    link: &Link,
    call: Call,
    body: &PromptBody,
    until: Option<Instant>,
) -> Result<Answer, Setback> {
    let response = link.send(&call, "generate_stream", body, until).await?;
    let mut answer = Answer {
        call,
        body: response.bytes_stream().boxed(),
        frames: Frames::default(),
        first: None,
        spoke: false,
        ended: false,
    };
    // Pieces that say nothing are no beginning: what fails behind them can still be asked elsewhere.
    while let Some(output) = answer.next(link, until).await? {
        let says = !output.text.is_empty()
            || !output.thinking.is_empty()
            || output.finish_reason.is_some()
            || output.usage.is_some();
        if says {
            answer.first = Some(output);
            return Ok(answer);
        }
    }
    if answer.spoke {
        return Ok(answer);
    }
    Err(Setback::broken(
        link.failure("its worker ended the answer before it began"),
    ))
}

#[async_trait]
impl LanguageModel for RemoteLanguage {
    fn metadata(&self) -> ModelMetadata {
        self.0.metadata()
    }

    async fn generate(&self, request: GenerateRequest) -> Result<ChunkStream> {
        let link = Arc::clone(&self.0);
        let body = prompt(link.pool().model(), &request)?;
        let wanted = request.choices();
        if wanted == 0 || wanted > MOST_ANSWERS {
            return Err(Error::invalid(
                "n",
                format!("is {wanted}; it must be from 1 to {MOST_ANSWERS}"),
            ));
        }
        let until = request.deadline.map(|time| Instant::now() + time);
        let mut begun = Some(begin(&link, &body, until).await?);
        let stream = async_stream::try_stream! {
            let mut usage = Usage::default();
            for choice in 0..wanted {
                let mut answer = match begun.take() {
                    Some(answer) => answer,
                    None => begin(&link, &body, until).await?,
                };
                let mut told = Told::default();
                let mut finish = FinishReason::Stop;
                let mut used = None;
                loop {
                    let output = match answer.next(&link, until).await {
                        Ok(Some(output)) => output,
                        Ok(None) => break,
                        Err(setback) => {
                            if setback.broken {
                                link.broke(&answer.call.address());
                            }
                            Err(setback.error)?;
                            return;
                        }
                    };
                    used = output.usage.or(used);
                    if let Some(reason) = &output.finish_reason {
                        finish = reason_of(reason);
                    }
                    for chunk in told.news(&output, choice) {
                        yield chunk;
                    }
                }
                let used = used.unwrap_or(Usage {
                    prompt_tokens: 0,
                    completion_tokens: told.estimate(),
                });
                usage.prompt_tokens = usage.prompt_tokens.saturating_add(used.prompt_tokens);
                usage.completion_tokens = usage.completion_tokens.saturating_add(used.completion_tokens);
                yield Chunk::End { choice, finish, usage, confidence: None };
            }
        };
        Ok(stream.boxed())
    }

    async fn count_tokens(&self, text: &str) -> Result<u32> {
        let body = json!({"model": self.0.pool().model(), "prompt": text});
        let told = self.0.ask("count_token", &body).await?;
        let tokens = told.as_u64().and_then(|tokens| u32::try_from(tokens).ok());
        // -1 says that it does not know; four characters a token is the usual estimate.
        Ok(tokens.unwrap_or_else(|| (text.chars().count() as u32).div_ceil(4)))
    }

    fn failure(&self) -> Option<String> {
        (!self.0.pool().usable()).then(|| NOBODY.to_owned())
    }
}

fn reason_of(word: &str) -> FinishReason {
    match word {
        "length" => FinishReason::Length,
        "content_filter" => FinishReason::Filtered,
        _ => FinishReason::Stop,
    }
}
