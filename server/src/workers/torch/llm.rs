//! A local language model behind the seam: a thread that owns the decoder and gives each answer its turn.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, mpsc},
};

use async_trait::async_trait;
use futures::StreamExt as _;
use tch::{Device, Kind};
use tidegate_schema::{Error, Result};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{
    decoder::Decoder,
    error::{self, panic_line},
    fields::Fields,
    generation::{Generation, Plan, Progress},
    memory,
    owner::{Admission, Owner},
    sampling::Sampler,
    shape::Shape,
    stops::Stops,
    template::ChatTemplate,
    tokens::Tokens,
};
use crate::workers::{
    Chunk, ChunkStream, GenerateRequest, LanguageModel, ModelMetadata, ResponseFormat,
    grammar::{Grammar, Mask},
};

/// Answers taken in at once, running and waiting; more are refused.
const TAKEN_IN: usize = 16;
/// Answers that get turns; the others wait, so that keys and values of a few are held, not of all.
const RUNNING: usize = 4;

/// How tokens are chosen where the request does not say.
#[derive(Clone, Copy)]
struct Defaults {
    temperature: f32,
    top_p: f32,
}

/// A loaded model.
pub(super) struct TorchModel {
    metadata: ModelMetadata,
    tokens: Arc<Tokens>,
    template: ChatTemplate,
    window: usize,
    defaults: Defaults,
    owner: Owner<Job>,
}

/// An answer to make.
struct Job {
    plan: Plan,
    chunks: UnboundedSender<Result<Chunk>>,
    /// Held until the answer is over.
    admission: Admission,
}

impl TorchModel {
    /// Loads a Hugging Face directory and starts the thread that owns it.
    pub(super) fn load(
        metadata: ModelMetadata,
        directory: &Path,
        kind: Option<Kind>,
        device: Device,
        threads: usize,
    ) -> error::Result<Self> {
        let shape = Shape::read(directory)?;
        let tokens = Arc::new(Tokens::load(directory)?);
        let template = ChatTemplate::load(directory)?;
        let (defaults, ends) = generation_config(directory, &shape, &template, &tokens)?;
        let window = shape.window;
        tch::set_num_threads(memory::threads(threads));
        let decoder = Decoder::load(directory, shape, kind, device)?;
        let server = Server {
            name: metadata.name.clone(),
            decoder,
            tokens: Arc::clone(&tokens),
            ends,
            threads,
        };
        let owner = Owner::start(&metadata.name, TAKEN_IN, move |jobs| server.serve(jobs))
            .map_err(|error| {
                error::ModelError::Text(format!("no thread could be started: {error}"))
            })?;
        Ok(Self {
            metadata,
            tokens,
            template,
            window,
            defaults,
            owner,
        })
    }

    fn plan(&self, request: GenerateRequest) -> Result<Plan> {
        request.refuse_demands(&self.metadata.name)?;
        let text = self.template.write(&request.messages)?;
        let prompt = self
            .tokens
            .encode(&text, !self.template.brings_marks())
            .map_err(|error| Error::invalid("messages", error.to_string()))?;
        if prompt.is_empty() {
            return Err(Error::invalid(
                "messages",
                "hold no text; say something to the model",
            ));
        }
        if prompt.len() >= self.window {
            return Err(Error::invalid(
                "messages",
                format!(
                    "the prompt has {} tokens, but '{}' takes {} for prompt and answer together; shorten it, or use a \
                     model with a longer window",
                    prompt.len(),
                    self.metadata.name,
                    self.window
                ),
            ));
        }
        let left = self.window - prompt.len();
        let limit = match request.max_tokens {
            Some(0) => return Err(Error::invalid("max_tokens", "is 0; it must be at least 1")),
            Some(most) => left.min(most as usize),
            None => left,
        };
        let sampler = Sampler::new(
            request.temperature.unwrap_or(self.defaults.temperature),
            request.top_p.unwrap_or(self.defaults.top_p),
            request.seed,
        )?;
        Ok(Plan {
            prompt,
            sampler,
            stops: Stops::new(request.stop),
            mask: self.mask(request.response_format.as_ref()),
            limit,
        })
    }

    /// What holds an answer to the form that is wished for; nothing where it is of no fixed shape.
    fn mask(&self, format: Option<&ResponseFormat>) -> Option<Mask> {
        let Some(ResponseFormat::Wished(schema)) = format else {
            return None;
        };
        let grammar = Grammar::of_schema(schema)?;
        Some(Mask::new(Arc::new(grammar), self.tokens.pieces()))
    }
}

/// Sampling and end tokens of `generation_config.json`, with what other files say where it is silent.
fn generation_config(
    directory: &Path,
    shape: &Shape,
    template: &ChatTemplate,
    tokens: &Tokens,
) -> error::Result<(Defaults, Vec<u32>)> {
    let mut defaults = Defaults {
        temperature: 0.0,
        top_p: 1.0,
    };
    let mut ends = shape.ends.clone();
    if let Some(fields) = Fields::read_if_present(&directory.join("generation_config.json"))? {
        if fields.flag("do_sample", false)? {
            defaults.temperature = fields.number_if_present("temperature")?.unwrap_or(1.0) as f32;
            defaults.top_p = fields.number_if_present("top_p")?.unwrap_or(1.0) as f32;
        }
        let own = fields.token_ids("eos_token_id")?;
        if !own.is_empty() {
            ends = own;
        }
    }
    // A chat model's template ends turns with the tokenizer's end mark, which config.json may not know of.
    ends.extend(template.eos().and_then(|mark| tokens.id(mark)));
    ends.sort_unstable();
    ends.dedup();
    Ok((defaults, ends))
}

#[async_trait]
impl LanguageModel for TorchModel {
    fn metadata(&self) -> ModelMetadata {
        self.metadata.clone()
    }

    async fn generate(&self, request: GenerateRequest) -> Result<ChunkStream> {
        let plan = self.plan(request)?;
        let (chunks, told) = unbounded_channel();
        self.owner.submit(|admission| Job {
            plan,
            chunks,
            admission,
        })?;
        Ok(follow(self.metadata.name.clone(), told))
    }

    async fn count_tokens(&self, text: &str) -> Result<u32> {
        let ids = self
            .tokens
            .encode(text, false)
            .map_err(|error| Error::invalid("text", error.to_string()))?;
        Ok(ids.len() as u32)
    }
}

/// The chunks of an answer. One that breaks off without an end was cut by the model going away.
pub(in crate::workers) fn follow(
    name: String,
    mut told: UnboundedReceiver<Result<Chunk>>,
) -> ChunkStream {
    async_stream::stream! {
        let mut over = false;
        while let Some(chunk) = told.recv().await {
            over = matches!(chunk, Err(_) | Ok(Chunk::End { .. }));
            yield chunk;
        }
        if !over {
            yield Err(Error::upstream(&name, "the model was stopped before its answer was whole"));
        }
    }
    .boxed()
}

/// What the owning thread has.
struct Server {
    name: String,
    decoder: Decoder,
    tokens: Arc<Tokens>,
    ends: Vec<u32>,
    threads: usize,
}

/// An answer that gets turns.
struct Running {
    generation: Generation,
    chunks: UnboundedSender<Result<Chunk>>,
    _admission: Admission,
}

impl Running {
    fn begin(job: Job) -> Self {
        Self {
            generation: Generation::new(job.plan),
            chunks: job.chunks,
            _admission: job.admission,
        }
    }
}

impl Server {
    /// Takes jobs in and gives those running a step each in turn, until the channel closes.
    fn serve(&self, jobs: &mpsc::Receiver<Job>) {
        let mut running: Vec<Running> = Vec::new();
        loop {
            if running.is_empty() {
                let Ok(job) = jobs.recv() else { return };
                tch::set_num_threads(memory::threads(self.threads));
                running.push(Running::begin(job));
            }
            while running.len() < RUNNING {
                match jobs.try_recv() {
                    Ok(job) => running.push(Running::begin(job)),
                    Err(mpsc::TryRecvError::Empty) => break,
                    // The model is being put away; its readers learn that their answers were cut.
                    Err(mpsc::TryRecvError::Disconnected) => return,
                }
            }
            running.retain_mut(|one| self.step(one));
        }
    }

    /// One step; whether there are more to come.
    fn step(&self, one: &mut Running) -> bool {
        // Nobody listens any more: the answer was cancelled.
        if one.chunks.is_closed() {
            return false;
        }
        let generation = &mut one.generation;
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            generation.step(&self.decoder, &self.tokens, &self.ends)
        }));
        let progress = match stepped {
            Ok(Ok(progress)) => progress,
            Ok(Err(error)) => return self.fail(one, &error.to_string()),
            Err(payload) => return self.fail(one, &panic_line(payload.as_ref())),
        };
        let Progress { text, finish } = progress;
        let heard = text.is_empty() || one.chunks.send(Ok(Chunk::Text(text))).is_ok();
        let Some(finish) = finish else { return heard };
        let end = Chunk::End {
            finish,
            usage: one.generation.usage(),
            confidence: None,
        };
        // A reader who left before the end misses nothing.
        let _ = one.chunks.send(Ok(end));
        false
    }

    fn fail(&self, one: &Running, reason: &str) -> bool {
        tracing::error!(model = self.name, reason, "generation failed");
        // Whether anyone hears of it makes no difference now.
        let _ = one.chunks.send(Err(Error::upstream(&self.name, reason)));
        false
    }
}
