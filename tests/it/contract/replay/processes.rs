//! The processes of a cluster that exchanges were recorded with, as ours: under the addresses they had there, whatever
//! they listen at.

use anyhow::{Result, ensure};
use serde_json::json;
use tidegate_tests::{TestApp, User, upstream::Upstream};

/// Ports they had.
const LLM: u16 = 8001;
const EMBEDDING: u16 = 8002;
/// The port the recorded web server had.
pub(super) const WEB: u16 = 5670;

/// A process that is a controller and runs a model that writes, and one whose model embeds.
pub(super) struct Processes {
    writing: TestApp,
    embedding: TestApp,
}

impl Processes {
    /// Starts them.
    pub(super) async fn start(upstream: &Upstream) -> Result<Self> {
        let start = async |port: u16, model: String| {
            TestApp::builder()
                .config(&format!("[server]\nport = {port}"))
                .known_at(port)
                .model(&model)
                .start()
                .await
        };
        let writing = start(LLM, upstream.model("mock-gpt")).await?;
        let embedding = start(EMBEDDING, upstream.embedder("text-embedding-3-small")).await?;
        for model in ["WorkerManager@service", "text-embedding-3-small@text2vec"] {
            let instance = json!({"model_name": model, "host": "127.0.0.1", "port": EMBEDDING});
            let user = writing.anonymous();
            let told = user.post("/api/controller/models", &instance).await?;
            ensure!(told.status == 200, "{} {}", told.status, told.text);
        }
        Ok(Self { writing, embedding })
    }

    /// Someone who asks the process of a name.
    pub(super) fn named(&self, server: &str) -> Option<User> {
        match server {
            "controller" | "llm-worker" => Some(self.writing.anonymous()),
            "embedding-worker" => Some(self.embedding.anonymous()),
            _ => None,
        }
    }
}
