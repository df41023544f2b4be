//! Our encoder and reranker, as the server has them: loaded by configuration, asked through the seam.

use std::{fmt::Write as _, path::Path, sync::Arc, time::Instant};

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tidegate_server::{
    app::App,
    clock::Clock,
    config::Config,
    workers::{Embedder, Reranker},
};

/// The built-in encoder's name.
const ENCODER: &str = "all-minilm-l6-v2";
const RERANKER: &str = "random-cross-encoder";

/// An application with the two.
pub(super) struct Ours {
    app: App,
    embedder: Arc<dyn Embedder>,
    reranker: Option<Arc<dyn Reranker>>,
    _dir: TempDir,
}

impl Ours {
    /// Loads the built-in encoder, and a cross-encoder where there is one.
    pub(super) async fn start(
        encoder: &Path,
        reranker: Option<&Path>,
        threads: usize,
    ) -> Result<Self> {
        let dir = TempDir::new()?;
        let mut text = format!(
            "[data]\ndir = {:?}\nsample = false\n[builtin]\nencoder = {:?}\nthreads = {threads}\n\
             [log]\nfilter = \"warn\"\n",
            dir.path().display().to_string(),
            encoder.display().to_string()
        );
        if let Some(path) = reranker {
            write!(
                text,
                "[[models]]\nname = \"{RERANKER}\"\nprovider = \"torch\"\nkind = \"reranker\"\npath = {:?}\n",
                path.display().to_string()
            )?;
        }
        let app = App::start(Config::from_toml(&text)?, Clock::system()).await?;
        let embedder = app
            .registry
            .embedder(ENCODER)
            .await
            .context("there is no built-in encoder")?
            .context("loading the encoder")?;
        let judge = match reranker {
            Some(_) => Some(
                app.registry
                    .reranker(RERANKER)
                    .await
                    .context("there is no reranker")?
                    .context("loading the reranker")?,
            ),
            None => None,
        };
        Ok(Self {
            app,
            embedder,
            reranker: judge,
            _dir: dir,
        })
    }

    /// Seconds that embedding takes, so many texts at a time.
    pub(super) async fn embed(&self, texts: &[String], batch: usize) -> Result<f64> {
        let started = Instant::now();
        for part in texts.chunks(batch.max(1)) {
            std::hint::black_box(self.embedder.embed(part.to_vec(), None).await?);
        }
        Ok(started.elapsed().as_secs_f64())
    }

    /// Seconds that judging takes.
    pub(super) async fn rerank(&self, query: &str, documents: &[String]) -> Result<f64> {
        let started = Instant::now();
        std::hint::black_box(self.scores(query, documents.to_vec()).await?);
        Ok(started.elapsed().as_secs_f64())
    }

    /// The vectors of texts.
    pub(super) async fn vectors(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>> {
        Ok(self.embedder.embed(texts, None).await?)
    }

    /// The scores of documents.
    pub(super) async fn scores(&self, query: &str, documents: Vec<String>) -> Result<Vec<f32>> {
        let reranker = self.reranker.as_ref().context("no reranker was loaded")?;
        Ok(reranker.rerank(query.to_owned(), documents).await?)
    }

    /// Puts everything away.
    pub(super) async fn stop(self) {
        self.app.stop().await;
    }
}
