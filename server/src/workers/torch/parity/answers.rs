//! A whole model behind the seam: it streams, stops, counts, and keeps its answers apart.

use std::path::Path;

use futures::StreamExt as _;
use tch::Device;

use super::{checkpoints, expected, ids};
use crate::workers::{
    Chunk, FinishReason, GenerateRequest, LanguageModel, ModelKind, ModelMetadata, PromptMessage,
    Speaker, torch::llm::TorchModel,
};

fn request(text: &str, max_tokens: Option<u32>) -> GenerateRequest {
    GenerateRequest {
        messages: vec![PromptMessage {
            speaker: Speaker::User,
            text: text.to_owned(),
        }],
        temperature: Some(0.0),
        top_p: None,
        max_tokens,
        stop: Vec::new(),
        seed: None,
        response_format: None,
        task: None,
    }
}

fn loaded(made: &Path, name: &str) -> TorchModel {
    let metadata = ModelMetadata {
        name: name.to_owned(),
        kind: ModelKind::Llm,
        context_length: None,
        sql_only: false,
    };
    TorchModel::load(metadata, &made.join(name), None, Device::Cpu, 1).expect("loads")
}

async fn answer(model: &TorchModel, request: GenerateRequest) -> (String, FinishReason, u32) {
    let mut stream = model.generate(request).await.expect("is taken in");
    let (mut text, mut end) = (String::new(), None);
    while let Some(chunk) = stream.next().await {
        assert!(end.is_none(), "nothing follows the end");
        match chunk.expect("no failure") {
            Chunk::Text(piece) => text += &piece,
            Chunk::End { finish, usage, .. } => end = Some((finish, usage.completion_tokens)),
            other => panic!("unexpected {other:?}"),
        }
    }
    let (finish, tokens) = end.expect("an end");
    (text, finish, tokens)
}

#[tokio::test]
async fn a_model_behind_the_seam_streams_stops_and_counts() {
    let Some(made) = checkpoints() else { return };
    let model = loaded(&made, "qwen2");
    let (text, finish, tokens) = answer(&model, request("How many orders?", Some(40))).await;
    assert_eq!((finish, tokens), (FinishReason::Length, 40));
    assert!(text.chars().count() > 20, "{text}");
    let middle: String = text
        .chars()
        .skip(text.chars().count() / 2)
        .take(4)
        .collect();
    let stopped = GenerateRequest {
        stop: vec![middle.clone()],
        ..request("How many orders?", Some(40))
    };
    let (short, finish, _) = answer(&model, stopped).await;
    assert_eq!(finish, FinishReason::Stop);
    assert_eq!(short, text[..text.find(&middle).expect("it is in there")]);
    let seeded = |seed| GenerateRequest {
        temperature: Some(1.0),
        top_p: Some(0.9),
        seed: Some(seed),
        ..request("How many orders?", Some(16))
    };
    let first = answer(&model, seeded(3)).await;
    assert_eq!(first.0, answer(&model, seeded(3)).await.0);
    assert_ne!(first.0, answer(&model, seeded(4)).await.0);
    let expected = expected(&made.join("qwen2"));
    let counted = model
        .count_tokens(expected["prompt"].as_str().expect("text"))
        .await
        .expect("counts");
    // All but the mark at the start.
    assert_eq!(counted as usize, ids(&expected["ids"]).len() - 1);
}

#[tokio::test]
async fn side_by_side_answers_do_not_mix() {
    let Some(made) = checkpoints() else { return };
    let model = loaded(&made, "llama");
    let questions = [
        "How many orders?",
        "SELECT city FROM customers",
        "日本語 😀",
    ];
    let mut alone = Vec::new();
    for question in questions {
        alone.push(answer(&model, request(question, Some(24))).await.0);
    }
    let together =
        futures::future::join_all(questions.map(|q| answer(&model, request(q, Some(24))))).await;
    assert_eq!(
        together
            .into_iter()
            .map(|(text, ..)| text)
            .collect::<Vec<_>>(),
        alone
    );
}

#[tokio::test]
async fn a_prompt_beyond_the_window_is_refused_with_figures() {
    let Some(made) = checkpoints() else { return };
    let model = loaded(&made, "llama");
    let Err(error) = model.generate(request(&"orders ".repeat(400), None)).await else {
        panic!("256 tokens do not hold it")
    };
    let text = error.to_string();
    assert!(
        text.starts_with("messages: the prompt has ") && text.contains("takes 256"),
        "{text}"
    );
    // A prompt that fits is answered up to the window's end, whatever was asked for.
    let (_, finish, tokens) = answer(&model, request("orders", Some(100_000))).await;
    assert!(finish == FinishReason::Stop || tokens > 200, "{tokens}");
}

#[tokio::test]
async fn a_dropped_stream_frees_its_place() {
    let Some(made) = checkpoints() else { return };
    let model = loaded(&made, "mistral");
    // More than are taken in at once: only if dropped ones are let go can all of them be.
    for _ in 0..40 {
        let mut stream = loop {
            match model.generate(request("orders", None)).await {
                Ok(stream) => break stream,
                Err(tidegate_schema::Error::Overloaded { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        };
        assert!(stream.next().await.is_some());
    }
    assert_eq!(
        answer(&model, request("orders", Some(3))).await.1,
        FinishReason::Length
    );
}
