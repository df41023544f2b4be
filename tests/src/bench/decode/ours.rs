//! Our engine, as the server has it: loaded by configuration, asked through the seam.

use std::{
    fmt::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, future::try_join_all};
use tempfile::TempDir;
use tidegate_server::{
    app::App,
    clock::Clock,
    config::Config,
    workers::{Chunk, GenerateRequest, LanguageModel, Prompt},
};
use tokio::time::timeout;

/// Longest one answer may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// An application with the random model in several formats, each under the format's name.
pub(super) struct Ours {
    app: App,
    _dir: TempDir,
}

impl Ours {
    /// Loads the model in each format, for so many sequences at once.
    pub(super) async fn start(
        model: &Path,
        formats: &[&str],
        device: &str,
        threads: usize,
        sequences: usize,
    ) -> Result<Self> {
        let dir = TempDir::new()?;
        let mut text = format!(
            "[data]\ndir = {:?}\nsample = false\n[builtin]\nenabled = false\nthreads = {threads}\n\
             [log]\nfilter = \"warn\"\n",
            dir.path().display().to_string()
        );
        for format in formats {
            write!(
                text,
                "[[models]]\nname = \"{format}\"\nprovider = \"torch\"\npath = {:?}\ndtype = \"{format}\"\n\
                 device = \"{device}\"\nmax_sequences = {sequences}\nqueue = {sequences}\n",
                model.display().to_string()
            )?;
        }
        let app = App::start(Config::from_toml(&text)?, Clock::system()).await?;
        let ours = Self { app, _dir: dir };
        for format in formats {
            ours.model(format).await?;
        }
        Ok(ours)
    }

    /// The model in a format, loaded.
    pub(super) async fn model(&self, format: &str) -> Result<Arc<dyn LanguageModel>> {
        self.app
            .models()
            .language(Some(format))
            .await
            .with_context(|| format!("loading the random model as {format}"))
    }

    /// Puts everything away.
    pub(super) async fn stop(self) {
        self.app.stop().await;
    }
}

/// How long it takes until each of some prompts has been gone on with by so many tokens, all at once.
pub(super) async fn write(
    model: &Arc<dyn LanguageModel>,
    prompts: Vec<Vec<u32>>,
    tokens: usize,
) -> Result<Duration> {
    let started = Instant::now();
    try_join_all(
        prompts
            .into_iter()
            .map(|prompt| one(model.as_ref(), prompt, tokens)),
    )
    .await?;
    Ok(started.elapsed())
}

async fn one(model: &dyn LanguageModel, prompt: Vec<u32>, tokens: usize) -> Result<()> {
    let request = GenerateRequest {
        prompt: Prompt::Tokens(prompt),
        temperature: Some(0.0),
        max_tokens: Some(tokens as u32),
        ignore_eos: true,
        ..GenerateRequest::default()
    };
    let answer = async {
        let mut stream = model.generate(request).await?;
        let mut written = None;
        while let Some(chunk) = stream.next().await {
            if let Chunk::End { usage, .. } = chunk? {
                written = Some(usage.completion_tokens as usize);
            }
        }
        anyhow::Ok(written)
    };
    let written = timeout(PATIENCE, answer)
        .await
        .context("an answer took longer than five minutes")??;
    ensure!(
        written == Some(tokens),
        "{tokens} tokens were asked for and {written:?} came"
    );
    Ok(())
}
