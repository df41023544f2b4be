//! Answers held to forms, by a whole model behind the seam, and chats with tools written out.

mod chats;
mod schemas;

use std::path::Path;

use futures::StreamExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_schema::Result;

use self::schemas::Schemas;
use super::checkpoints;
use crate::workers::{
    Chunk, FinishReason, GenerateRequest, LanguageModel, ModelKind, ModelMetadata, Prompt,
    PromptMessage, ResponseFormat, Tool, ToolChoice,
    torch::llm::{Options, TorchModel},
};

/// Templates in the manner of the common ones: Hermes and Qwen, Llama 3, Mistral.
const TEMPLATES: [(&str, &str); 3] = [
    ("hermes", include_str!("templates/hermes.jinja")),
    ("llama", include_str!("templates/llama.jinja")),
    ("mistral", include_str!("templates/mistral.jinja")),
];
/// Schemas tried.
const TRIALS: u64 = 1_000;
/// Answers written at once.
const AT_ONCE: usize = 8;

fn loaded(directory: &Path) -> TorchModel {
    let options = Options {
        threads: 1,
        sequences: AT_ONCE,
        ..Options::default()
    };
    TorchModel::load(
        ModelMetadata::new("tiny", ModelKind::Llm),
        directory,
        &options,
    )
    .expect("loads")
}

/// A copy of a checkpoint with another template, and a window that holds tools.
fn with_template(made: &Path, template: &str) -> TempDir {
    let copy = tempfile::tempdir().expect("the temporary directory is writable");
    for file in std::fs::read_dir(made.join("qwen2")).expect("made by the script") {
        let file = file.expect("readable");
        std::fs::copy(file.path(), copy.path().join(file.file_name())).expect("writable");
    }
    let config = copy.path().join("config.json");
    let text = std::fs::read(&config).expect("made by the script");
    let mut fields: Value = serde_json::from_slice(&text).expect("JSON");
    fields["max_position_embeddings"] = 2_048.into();
    std::fs::write(&config, fields.to_string()).expect("writable");
    std::fs::write(copy.path().join("chat_template.jinja"), template).expect("writable");
    copy
}

/// What came of a request: its text, its calls with their arguments, and why it ended.
struct Answer {
    text: String,
    calls: Vec<(String, String)>,
    finish: FinishReason,
}

async fn answer(model: &TorchModel, request: GenerateRequest) -> Result<Answer> {
    let mut stream = model.generate(request).await?;
    let (mut text, mut calls, mut end) = (String::new(), Vec::new(), None);
    while let Some(chunk) = stream.next().await {
        match chunk? {
            Chunk::Text(piece) => text += &piece.text,
            Chunk::ToolCall {
                name, arguments, ..
            } => calls.push((name.unwrap_or_default(), arguments)),
            Chunk::End { finish, .. } => end = Some(finish),
            other => panic!("unexpected {other:?}"),
        }
    }
    Ok(Answer {
        text,
        calls,
        finish: end.expect("an end"),
    })
}

fn request(format: Value) -> GenerateRequest {
    GenerateRequest {
        prompt: Prompt::Text("orders".to_owned()),
        temperature: Some(1.0),
        response_format: Some(ResponseFormat::Demanded(format)),
        ..GenerateRequest::default()
    }
}

fn of_schema(schema: &Value) -> GenerateRequest {
    request(json!({"type": "json_schema", "json_schema": {"name": "trial", "schema": schema}}))
}

/// Whether a text is JSON that the schema takes; what is wrong if not.
fn fits(schema: &Value, text: &str) -> std::result::Result<(), String> {
    let read: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| error.to_string())?;
    validator.validate(&read).map_err(|error| error.to_string())
}

#[tokio::test]
async fn answers_of_a_thousand_random_schemas_parse_and_validate() {
    let Some(made) = checkpoints() else { return };
    let model = loaded(&made.join("qwen2"));
    let mut schemas = Schemas::new(11);
    let trials: Vec<(u64, Value)> = (0..TRIALS).map(|nth| (nth, schemas.draw())).collect();
    let wrong: Vec<String> = futures::stream::iter(trials)
        .map(|(nth, schema)| {
            let model = &model;
            async move {
                let request = GenerateRequest {
                    seed: Some(nth),
                    ..of_schema(&schema)
                };
                match answer(model, request).await {
                    Ok(said) if said.finish != FinishReason::Stop => {
                        Some(format!("{nth}: was cut: {} of {schema}", said.text))
                    }
                    Ok(said) => fits(&schema, &said.text)
                        .err()
                        .map(|reason| format!("{nth}: {reason}: {} of {schema}", said.text)),
                    Err(error) => Some(format!("{nth}: {error}: {schema}")),
                }
            }
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(futures::future::ready)
        .collect()
        .await;
    assert!(
        wrong.is_empty(),
        "{} of {TRIALS}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test]
async fn jumping_ahead_makes_no_difference_to_a_greedy_answer() {
    let Some(made) = checkpoints() else { return };
    let model = loaded(&made.join("qwen2"));
    let mut schemas = Schemas::new(12);
    for _ in 0..20 {
        let greedy = GenerateRequest {
            temperature: Some(0.0),
            ..of_schema(&schemas.draw())
        };
        // Where likelihoods are told, every token goes through the model.
        let slow = GenerateRequest {
            logprobs: Some(0),
            ..greedy.clone()
        };
        let (jumped, went) = (answer(&model, greedy).await, answer(&model, slow).await);
        assert_eq!(jumped.expect("answers").text, went.expect("answers").text);
    }
}

#[tokio::test]
async fn regular_expressions_and_grammars_are_kept_to() {
    let Some(made) = checkpoints() else { return };
    let model = loaded(&made.join("qwen2"));
    let lark = "start: \"SELECT \" column (\", \" column)? \";\"\ncolumn: /[a-z]{1,6}/";
    let shape = regex::Regex::new("^SELECT [a-z]{1,6}(, [a-z]{1,6})?;$").expect("a pattern");
    for seed in 0..10 {
        for format in [
            json!({"type": "regex", "pattern": shape.as_str()}),
            json!({"type": "grammar", "syntax": "lark", "grammar": lark}),
        ] {
            let request = GenerateRequest {
                seed: Some(seed),
                ..request(format)
            };
            let said = answer(&model, request).await.expect("answers");
            assert_eq!(said.finish, FinishReason::Stop);
            assert!(shape.is_match(&said.text), "{}", said.text);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_held_to_is_refused_before_any_work() {
    let Some(made) = checkpoints() else { return };
    let model = loaded(&made.join("qwen2"));
    for (format, place) in [
        (
            json!({"type": "json_schema", "json_schema": {"schema": {"properties": {"a": {"uniqueItems": true}}}}}),
            "response_format.json_schema.schema.properties.a.uniqueItems: ",
        ),
        (
            json!({"type": "json_schema", "json_schema": {"schema": {"type": "integer", "minimum": 2, "maximum": 1}}}),
            "response_format.json_schema.schema: ",
        ),
        (
            json!({"type": "regex", "pattern": "("}),
            "response_format.pattern: ",
        ),
        (
            json!({"type": "grammar", "syntax": "lark", "grammar": "start: x"}),
            "response_format.grammar: ",
        ),
    ] {
        let Err(error) = model.generate(request(format)).await else {
            panic!("{place} is taken")
        };
        assert!(error.to_string().starts_with(place), "{error}");
    }
}

#[tokio::test]
async fn a_forced_call_comes_whole_in_every_format() {
    let Some(made) = checkpoints() else { return };
    let parameters = json!({
        "type": "object",
        "properties": {"a": {"enum": ["x", "y"]}, "n": {"type": "integer", "minimum": 0, "maximum": 99}},
        "required": ["a", "n"], "additionalProperties": false,
    });
    let tool = |name: &str| Tool {
        name: name.to_owned(),
        description: None,
        parameters: parameters.clone(),
        strict: Some(true),
    };
    for (name, template) in TEMPLATES {
        let directory = with_template(&made, template);
        let model = loaded(directory.path());
        for (choice, wanted) in [
            (ToolChoice::Required, None),
            (ToolChoice::Function("g".to_owned()), Some("g")),
        ] {
            for seed in 0..4 {
                let request = GenerateRequest {
                    tools: vec![tool("f"), tool("g")],
                    tool_choice: choice.clone(),
                    parallel_tool_calls: Some(false),
                    temperature: Some(1.0),
                    seed: Some(seed),
                    ..GenerateRequest::of(vec![PromptMessage::user("go")])
                };
                let said = answer(&model, request).await.expect("answers");
                assert_eq!(said.text, "", "{name}");
                assert_eq!(said.finish, FinishReason::ToolCalls, "{name}");
                let [(called, arguments)] = said.calls.as_slice() else {
                    panic!("{name}: {:?}", said.calls)
                };
                assert!(["f", "g"].contains(&called.as_str()));
                assert!(wanted.is_none_or(|wanted| wanted == called), "{name}");
                fits(&parameters, arguments).expect("fits");
            }
        }
    }
}
