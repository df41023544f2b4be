//! The tests' scripted stand-in: the model's name chooses what it does. Never a default, never in production.
//!
//! - `dummy/echo` repeats the last message, word by word.
//! - `dummy/slow` does the same, 20 ms a word.
//! - `dummy/fails-midway` breaks off after three words.
//! - `dummy/script` answers from the file named in `path`: a JSON object from question to answer text; a list of
//!   texts is gone through turn by turn, so that repairs can be scripted.
//! - `dummy/embed` embeds by hashing words.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::StreamExt as _;
use serde_json::Value;
use tidegate_schema::{Error, Result, model::Usage};

use super::{
    Chunk, ChunkStream, Embedder, FinishReason, GenerateRequest, LanguageModel, ModelKind,
    ModelMetadata, Speaker, registry::Model,
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
    };
    let metadata = ModelMetadata {
        name: model.name.clone(),
        kind,
        context_length: None,
        sql_only: false,
    };
    let dummy = Arc::new(Dummy {
        metadata: metadata.clone(),
        script: read_script(&model.path),
    });
    match kind {
        ModelKind::Llm => (metadata, Model::Language(dummy)),
        ModelKind::Embedding => (metadata, Model::Embedder(dummy)),
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
        let asked: Vec<&str> = request
            .messages
            .iter()
            .filter(|m| m.speaker == Speaker::User)
            .map(|m| m.text.as_str())
            .collect();
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
        let prompt_tokens = request
            .messages
            .iter()
            .map(|m| m.text.split_whitespace().count() as u32)
            .sum();
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
            let mut written = 0;
            for (i, piece) in pieces.into_iter().enumerate() {
                if i == fails_after {
                    Err(Error::upstream(&name, "broke off on purpose"))?;
                }
                if i == limit {
                    let usage = Usage { prompt_tokens, completion_tokens: written };
                    yield Chunk::End { finish: FinishReason::Length, usage, confidence: None };
                    return;
                }
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                written += 1;
                yield Chunk::Text(piece);
            }
            let usage = Usage { prompt_tokens, completion_tokens: written };
            yield Chunk::End { finish: FinishReason::Stop, usage, confidence: None };
        };
        Ok(stream.boxed())
    }

    async fn count_tokens(&self, text: &str) -> Result<u32> {
        Ok(text.split_whitespace().count() as u32)
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
