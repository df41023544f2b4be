//! One call, from its admission to its end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use tidegate_schema::{
    Error,
    model::{CallStatus, Caller, Usage, UsageEntry},
};

use super::{Allowance, Call, Meters};
use crate::{
    telemetry::TracedCall,
    workers::{
        Chunk, ChunkStream,
        metrics::{self, CallLabel, Series, UnderWay},
    },
};

/// Bytes of a prompt that are taken for a token before the model has told.
const BYTES_OF_A_TOKEN: usize = 4;

/// Counts one call. Dropped before [`Meter::done`] or [`Meter::failed`], the call was cancelled.
#[must_use = "a meter that is dropped counts a cancelled call"]
pub struct Meter(Box<Running>);

struct Running {
    meters: Arc<Meters>,
    series: Arc<Series>,
    allowance: Option<Arc<Allowance>>,
    entry: UsageEntry,
    begun: Instant,
    first: Option<Duration>,
    /// Tokens set aside, and of them those of the prompt.
    reserved: u64,
    expected_prompt: u64,
    /// Whether the model told its tokens.
    told: bool,
    /// Pieces seen, which stand for tokens where the model does not tell.
    pieces: u64,
    /// Whether the answer's end was seen, so that it ended well where nothing else is said before it is dropped.
    ended: bool,
    traced: Option<TracedCall>,
    _open: UnderWay,
}

impl Meter {
    pub(super) fn begin(
        meters: Arc<Meters>,
        at: DateTime<Utc>,
        caller: &Caller,
        call: Call,
        series: Arc<Series>,
        allowance: Option<Arc<Allowance>>,
    ) -> Self {
        let open = metrics::shared().calls().begun(&series);
        let traced = meters.telemetry.begin_call(at);
        Self(Box::new(Running {
            meters,
            series,
            allowance,
            entry: UsageEntry {
                at,
                key: caller.key.clone(),
                key_name: caller.key_name.clone(),
                model: call.model,
                served_by: String::new(),
                operation: call.operation,
                prompt_tokens: 0,
                completion_tokens: 0,
                cached_tokens: 0,
                status: CallStatus::Cancelled,
                error: String::new(),
                first_token_ms: None,
                duration_ms: 0,
                streamed: call.streamed,
            },
            begun: Instant::now(),
            first: None,
            reserved: 0,
            expected_prompt: 0,
            told: false,
            pieces: 0,
            ended: false,
            traced,
            _open: open,
        }))
    }

    /// Sets tokens aside for the call, so that others of its key do not use them meanwhile: those of a prompt of so
    /// many bytes, and the most that the answer may have, where that is known. What is not used comes back at the end.
    pub fn expect(&mut self, prompt_bytes: usize, most_tokens: Option<u32>) {
        let prompt = prompt_bytes.div_ceil(BYTES_OF_A_TOKEN) as u64;
        let count = prompt.saturating_add(u64::from(most_tokens.unwrap_or(0)));
        self.0.expected_prompt = prompt;
        if let Some(allowance) = &self.0.allowance {
            allowance.reserve(count);
            self.0.reserved = self.0.reserved.saturating_add(count);
        }
    }

    /// Which model answers.
    pub fn served_by(&mut self, model: &str) {
        model.clone_into(&mut self.0.entry.served_by);
    }

    /// Something of the answer is there. Only the first time counts.
    pub fn first_token(&mut self) {
        let running = &mut *self.0;
        if running.first.is_none() {
            let time = running.begun.elapsed();
            running.first = Some(time);
            metrics::shared().calls().first(&running.series, time);
        }
    }

    /// The tokens of the whole call so far, in the place of what was told before.
    pub fn usage(&mut self, usage: Usage) {
        self.0.told = true;
        self.0.entry.prompt_tokens = u64::from(usage.prompt_tokens);
        self.0.entry.completion_tokens = u64::from(usage.completion_tokens);
    }

    /// Tokens of the prompt that the model had kept from before.
    pub fn cached(&mut self, tokens: u32) {
        self.0.entry.cached_tokens = u64::from(tokens);
    }

    /// So many more pieces of the answer went by. They stand for its tokens where the model does not tell.
    pub fn pieces(&mut self, count: u64) {
        self.0.pieces = self.0.pieces.saturating_add(count);
    }

    /// The call has ended well.
    pub fn done(mut self) {
        self.0.entry.status = CallStatus::Done;
    }

    /// The call has failed.
    pub fn failed(mut self, error: &Error) {
        error.kind().clone_into(&mut self.0.entry.error);
        self.0.entry.status = CallStatus::Failed;
    }

    /// Counts what a model answers while it goes by, to its end. Dropped before that, the call was cancelled.
    pub fn around(self, mut chunks: ChunkStream) -> ChunkStream {
        let mut meter = self;
        Box::pin(async_stream::stream! {
            while let Some(chunk) = chunks.next().await {
                match &chunk {
                    Ok(Chunk::End { usage, .. }) => {
                        meter.usage(*usage);
                        // Whoever has seen the last end may ask for no more.
                        meter.0.ended = true;
                    }
                    Ok(Chunk::Alternatives(_)) => {}
                    Ok(_) => {
                        meter.first_token();
                        meter.pieces(1);
                    }
                    Err(error) => {
                        meter.failed(error);
                        yield chunk;
                        return;
                    }
                }
                yield chunk;
            }
            meter.done();
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let time = self.begun.elapsed();
        // Tokens stand at the end of a whole answer, whose last byte ends it: nobody looks for more behind that.
        let ended = self.ended || (self.told && !self.entry.streamed);
        if ended && self.entry.status == CallStatus::Cancelled {
            self.entry.status = CallStatus::Done;
        }
        // A prompt that was refused cost nothing; one that was answered, or had an answer begun, was read.
        let was_read = self.first.is_some() || self.entry.status == CallStatus::Done;
        if !self.told && was_read {
            self.entry.prompt_tokens = self.expected_prompt;
            self.entry.completion_tokens = self.pieces;
        }
        self.entry.first_token_ms = self.first.map(milliseconds);
        self.entry.duration_ms = milliseconds(time);
        let calls = metrics::shared().calls();
        // A model that answered has series of its own.
        if self.entry.status == CallStatus::Done && *self.series.label().model != *self.entry.model
        {
            self.series = calls.series(&CallLabel {
                model: calls.models.make_known(&self.entry.model),
                ..self.series.label().clone()
            });
        }
        let error = match self.entry.status {
            CallStatus::Done => "",
            CallStatus::Failed => self.entry.error.as_str(),
            CallStatus::Cancelled => CallStatus::Cancelled.name(),
        };
        let (input, output) = (self.entry.prompt_tokens, self.entry.completion_tokens);
        calls.ended(&self.series, error, time);
        calls.used(&self.series, input, output);
        if let Some(traced) = self.traced.take() {
            self.meters.telemetry.end_call(traced, &self.entry, time);
        }
        if let Some(allowance) = &self.allowance {
            allowance.settle(self.reserved, input.saturating_add(output));
        }
        let entry = UsageEntry {
            at: self.entry.at,
            key: self.entry.key.take(),
            key_name: std::mem::take(&mut self.entry.key_name),
            model: std::mem::take(&mut self.entry.model),
            served_by: std::mem::take(&mut self.entry.served_by),
            error: std::mem::take(&mut self.entry.error),
            ..self.entry.clone()
        };
        self.meters.store(entry, self.allowance.take());
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
