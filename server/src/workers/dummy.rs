//! The tests' scripted stand-in: the model's name chooses what it does. Never a default, never in production.
//!
//! - `dummy/echo` repeats the last message, word by word.
//! - `dummy/slow` does the same, 20 ms a word.
//! - `dummy/fails-midway` breaks off after three words.
//! - `dummy/script` answers from the file named in `path`: a JSON object from question to answer text; a list of
//!   texts is gone through turn by turn, so that repairs can be scripted.
//! - `dummy/embed` embeds by hashing words.
//! - `dummy/rerank` counts the words of a query that a document has.
//!
//! Its tokens are the bytes of a text.
//!
//! It writes as many answers as are asked for, one after the other, and looks at nothing else that is said of choosing.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::StreamExt as _;
use serde_json::Value;
use tidegate_schema::{Error, Result, model::Usage};

use super::{
    Chunk, ChunkStream, Embedder, FinishReason, GenerateRequest, LanguageModel, ModelKind,
    ModelMetadata, Piece, Prompt, Reranker, Speaker, no_tokens, registry::Model,
};
use crate::config;

struct Dummy {
    metadata: ModelMetadata,
    script: HashMap<String, Vec<String>>,
}

/// Makes the stand-in of a configured name.
pub fn open(model: &config::Model) -> (ModelMetadata, Model) {
    let kind = match model.kind {
        config::Kind::Llm => ModelKind::Llm,
        config::Kind::Embedding => ModelKind::Embedding,
        config::Kind::Reranker => ModelKind::Reranker,
    };
    let metadata = ModelMetadata::new(&model.name, kind);
    let dummy = Arc::new(Dummy {
        metadata: metadata.clone(),
        script: read_script(&model.path),
    });
    match kind {
        ModelKind::Llm => (metadata, Model::Language(dummy)),
        ModelKind::Embedding => (metadata, Model::Embedder(dummy)),
        ModelKind::Reranker => (metadata, Model::Reranker(dummy)),
    }
}

fn read_script(path: &str) -> HashMap<String, Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let entries: HashMap<String, Value> = serde_json::from_str(&text).unwrap_or_default();
    entries
        .into_iter()
        .map(|(question, answer)| {
            let answers = match answer {
                Value::Array(turns) => turns,
                one => vec![one],
            };
            let texts = answers
                .into_iter()
                .map(|a| a.as_str().map_or(a.to_string(), str::to_owned))
                .collect();
            (question, texts)
        })
        .collect()
}

impl Dummy {
    fn answer(&self, request: &GenerateRequest) -> Result<String> {
        let asked: Vec<&str> = match &request.prompt {
            Prompt::Messages(messages) => messages
                .iter()
                .filter(|m| m.speaker == Speaker::User)
                .map(|m| m.text.as_str())
                .collect(),
            Prompt::Text(text) => vec![text.as_str()],
            Prompt::Tokens(_) => return Err(no_tokens(&self.metadata.name)),
        };
        if self.script.is_empty() {
            return Ok((*asked.last().unwrap_or(&"")).to_owned());
        }
        let found = asked.iter().enumerate().rev().find_map(|(i, text)| {
            let key = self
                .script
                .keys()
                .find(|key| *text == key.as_str() || text.contains(key.as_str()))?;
            Some((asked.len() - 1 - i, &self.script[key]))
        });
        let Some((repairs, answers)) = found else {
            return Err(Error::upstream(
                &self.metadata.name,
                "the script has no answer to this question",
            ));
        };
        Ok(answers[repairs.min(answers.len() - 1)].clone())
    }
}

#[async_trait]
impl LanguageModel for Dummy {
    fn metadata(&self) -> ModelMetadata {
        self.metadata.clone()
    }

    async fn generate(&self, request: GenerateRequest) -> Result<ChunkStream> {
        request.refuse_demands(&self.metadata.name)?;
        let text = self.answer(&request)?;
        let words = |text: &str| text.split_whitespace().count() as u32;
        let prompt_tokens: u32 = match &request.prompt {
            Prompt::Messages(messages) => messages.iter().map(|m| words(&m.text)).sum(),
            Prompt::Text(text) => words(text),
            Prompt::Tokens(tokens) => tokens.len() as u32,
        };
        let choices = request.choices();
        let pieces: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        let name = self.metadata.name.clone();
        let pause = Duration::from_millis(if name.ends_with("slow") { 20 } else { 0 });
        let fails_after = if name.ends_with("fails-midway") {
            3
        } else {
            usize::MAX
        };
        let limit = request.max_tokens.map_or(usize::MAX, |n| n as usize);
        let stream = async_stream::try_stream! {
            let mut usage = Usage::default();
            for choice in 0..choices {
                // Each answer is counted with its prompt, as the recorded server did.
                usage.prompt_tokens += prompt_tokens;
                let mut finish = FinishReason::Stop;
                for (i, piece) in pieces.iter().enumerate() {
                    if i == fails_after {
                        Err(Error::upstream(&name, "broke off on purpose"))?;
                    }
                    if i == limit {
                        finish = FinishReason::Length;
                        break;
                    }
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                    usage.completion_tokens += 1;
                    yield Chunk::Text(Piece::of(choice, piece.as_str()));
                }
                yield Chunk::End { choice, finish, usage, confidence: None };
            }
        };
        Ok(stream.boxed())
    }

    async fn count_tokens(&self, text: &str) -> Result<u32> {
        Ok(text.split_whitespace().count() as u32)
    }

    async fn tokenise(&self, text: &str) -> Result<Vec<u32>> {
        Ok(text.bytes().map(u32::from).collect())
    }

    async fn tokenise_request(&self, request: &GenerateRequest) -> Result<Vec<u32>> {
        match &request.prompt {
            Prompt::Messages(messages) => {
                let texts: Vec<&str> = messages.iter().map(|one| one.text.as_str()).collect();
                self.tokenise(&texts.join("\n")).await
            }
            Prompt::Text(text) => self.tokenise(text).await,
            Prompt::Tokens(tokens) => Ok(tokens.clone()),
        }
    }

    async fn detokenise(&self, ids: &[u32]) -> Result<String> {
        let bytes: Option<Vec<u8>> = ids.iter().map(|id| u8::try_from(*id).ok()).collect();
        let bytes = bytes.ok_or_else(|| Error::invalid("tokens", "must be bytes, 0 to 255"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[async_trait]
impl Embedder for Dummy {
    fn metadata(&self) -> ModelMetadata {
        self.metadata.clone()
    }

    async fn embed(&self, texts: Vec<String>, _: Option<u32>) -> Result<Vec<Vec<f32>>> {
        Ok(texts
            .iter()
            .map(|text| {
                let mut vector = [1e-3_f32; 8];
                for byte in text.bytes() {
                    vector[usize::from(byte) % 8] += 1.0;
                }
                let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
                vector.iter().map(|x| x / length).collect()
            })
            .collect())
    }
}

#[async_trait]
impl Reranker for Dummy {
    fn metadata(&self) -> ModelMetadata {
        self.metadata.clone()
    }

    async fn rerank(&self, query: String, documents: Vec<String>) -> Result<Vec<f32>> {
        let words: Vec<&str> = query.split_whitespace().collect();
        let fit = |document: &String| {
            let found = words.iter().filter(|word| document.contains(**word));
            found.count() as f32 / words.len().max(1) as f32
        };
        Ok(documents.iter().map(fit).collect())
    }
}
