//! What this room computes against what transformers computes, on tiny models with random weights.
//!
//! The models are made by `tests/python/make_checkpoints.py`, so these tests need a Python with transformers, named
//! by `TIDEGATE_TEST_PYTHON` (`cargo xtask test` provisions one). Without it they are skipped on a developer's
//! machine and fail in CI.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use futures::StreamExt as _;
use safetensors::SafeTensors;
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::{
    decoder::{Cache, Decoder},
    embedder::Network,
    generation::{Generation, Plan},
    llm::TorchModel,
    sampling::Sampler,
    shape::Shape,
    stops::Stops,
    template::ChatTemplate,
    tokens::{Detokeniser, Tokens},
};
use crate::workers::{
    Chunk, FinishReason, GenerateRequest, LanguageModel, ModelKind, ModelMetadata, PromptMessage,
    Speaker, builtin,
};

const DECODERS: [&str; 4] = ["llama", "llama-biased", "qwen2", "mistral"];

/// The Python to compare with, unless there is none and that is allowed.
fn python() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("TIDEGATE_TEST_PYTHON") {
        return Some(PathBuf::from(path));
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "TIDEGATE_TEST_PYTHON is not set; `cargo xtask test` provisions a Python with transformers"
    );
    eprintln!("skipped: TIDEGATE_TEST_PYTHON is not set");
    None
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/python")
        .join(name)
}

fn run(python: &Path, script: &Path, arguments: &[&Path]) {
    let output = Command::new(python)
        .arg(script)
        .args(arguments)
        .output()
        .expect("Python starts");
    assert!(
        output.status.success(),
        "{}: {}",
        script.display(),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The directory of checkpoints. They are made once and kept under the script's own fingerprint; each test is a
/// process of its own, so a lock keeps two from making them at the same time.
fn checkpoints() -> Option<PathBuf> {
    let python = python()?;
    let script = script("make_checkpoints.py");
    let source = std::fs::read(&script).expect("the script is committed");
    let fingerprint = hex::encode(&<sha2::Sha256 as sha2::Digest>::digest(&source)[..8]);
    let made = std::env::temp_dir().join(format!("tidegate-checkpoints-{fingerprint}"));
    let lock = std::fs::File::create(made.with_extension("lock"))
        .expect("the temporary directory is writable");
    lock.lock().expect("locks work");
    if !made.is_dir() {
        let fresh = tempfile::tempdir_in(std::env::temp_dir())
            .expect("the temporary directory is writable");
        run(&python, &script, &[fresh.path()]);
        std::fs::rename(fresh.keep(), &made).expect("one file system");
    }
    Some(made)
}

fn expected(directory: &Path) -> Value {
    let text = std::fs::read(directory.join("expected.json")).expect("made by the script");
    serde_json::from_slice(&text).expect("JSON")
}

fn ids(value: &Value) -> Vec<u32> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(|id| id.as_u64().expect("an id") as u32)
        .collect()
}

fn floats(path: &Path, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(path).expect("made by the script");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let view = file.tensor(name).expect("the tensor");
    let values = view
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    (view.shape().to_vec(), values)
}

fn decoder(directory: &Path, kind: Kind) -> Decoder {
    // Tests run side by side: more threads than cores would only fight.
    tch::set_num_threads(1);
    let shape = Shape::read(directory).expect("config.json is known");
    Decoder::load(directory, shape, Some(kind), Device::Cpu).expect("loads")
}

fn scores(decoder: &Decoder, states: &Tensor) -> Vec<f32> {
    Vec::try_from(
        decoder
            .scores(states)
            .expect("scores")
            .contiguous()
            .view([-1]),
    )
    .expect("floats")
}

fn farthest(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter()
        .zip(other)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

#[test]
fn decoders_score_as_transformers_does() {
    let Some(made) = checkpoints() else { return };
    let _guard = tch::no_grad_guard();
    for name in DECODERS {
        let directory = made.join(name);
        let ids = ids(&expected(&directory)["ids"]);
        let (_, wanted) = floats(&directory.join("expected.safetensors"), "scores");
        let decoder = decoder(&directory, Kind::Float);
        let whole = decoder.forward(&ids, &mut Cache::default()).expect("runs");
        let off = farthest(&scores(&decoder, &whole), &wanted);
        assert!(off <= 1e-4, "{name}: {off} away");
        // The same in pieces, so that masks over earlier keys are tried too.
        let mut cache = Cache::default();
        let parts: Vec<Tensor> = [&ids[..5], &ids[5..6], &ids[6..]]
            .iter()
            .map(|part| decoder.forward(part, &mut cache).expect("runs"))
            .collect();
        let off = farthest(&scores(&decoder, &Tensor::cat(&parts, 0)), &wanted);
        assert!(off <= 1e-4, "{name} in pieces: {off} away");
    }
}

#[test]
fn decoders_choose_the_same_64_tokens() {
    let Some(made) = checkpoints() else { return };
    let _guard = tch::no_grad_guard();
    for name in DECODERS {
        let directory = made.join(name);
        let expected = expected(&directory);
        let decoder = decoder(&directory, Kind::Float);
        let tokens = Tokens::load(&directory).expect("a tokenizer");
        let prompt = tokens
            .encode(expected["prompt"].as_str().expect("text"), true)
            .expect("encodes");
        assert_eq!(
            prompt,
            ids(&expected["ids"]),
            "{name}: tokens of the prompt"
        );
        let mut cache = Cache::default();
        let mut states = decoder.forward(&prompt, &mut cache).expect("runs");
        let mut chosen = Vec::new();
        let mut text = (Detokeniser::default(), String::new());
        while chosen.len() < 64 {
            let last = states.narrow(0, states.size()[0] - 1, 1);
            let id = scores(&decoder, &last)
                .iter()
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(b.1))
                .map(|(id, _)| id as u32)
                .expect("a vocabulary");
            chosen.push(id);
            text.1 += &text.0.push(&tokens, id).expect("decodes");
            states = decoder.forward(&[id], &mut cache).expect("runs");
        }
        text.1 += &text.0.finish(&tokens).expect("decodes");
        assert_eq!(chosen, ids(&expected["greedy"]), "{name}");
        assert_eq!(text.1, expected["text"].as_str().expect("text"), "{name}");
    }
}

#[test]
fn shorter_dtypes_stay_near() {
    let Some(made) = checkpoints() else { return };
    let _guard = tch::no_grad_guard();
    let directory = made.join("qwen2");
    let ids = ids(&expected(&directory)["ids"]);
    let (_, wanted) = floats(&directory.join("expected.safetensors"), "scores");
    let norm = |values: &[f32]| {
        values
            .iter()
            .map(|x| f64::from(*x).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    for (kind, least) in [(Kind::BFloat16, 0.995), (Kind::Half, 0.9999)] {
        let decoder = decoder(&directory, kind);
        let found = scores(
            &decoder,
            &decoder.forward(&ids, &mut Cache::default()).expect("runs"),
        );
        let dot: f64 = found
            .iter()
            .zip(&wanted)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum();
        let cosine = dot / (norm(&found) * norm(&wanted));
        assert!(cosine >= least, "{kind:?}: {cosine}");
    }
}

fn messages(chat: &Value) -> Vec<PromptMessage> {
    let one = |message: &Value| PromptMessage {
        speaker: match message["role"].as_str() {
            Some("system") => Speaker::System,
            Some("user") => Speaker::User,
            _ => Speaker::Assistant,
        },
        text: message["content"].as_str().expect("text").to_owned(),
    };
    chat.as_array().expect("a list").iter().map(one).collect()
}

#[test]
fn chats_are_written_out_as_transformers_does() {
    let Some(made) = checkpoints() else { return };
    for name in DECODERS {
        let directory = made.join(name);
        let template = ChatTemplate::load(&directory).expect("a template");
        for chat in expected(&directory)["chats"].as_array().expect("a list") {
            let written = template
                .write(&messages(&chat["messages"]))
                .expect("renders");
            assert_eq!(written, chat["text"].as_str().expect("text"), "{name}");
        }
    }
}

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

#[test]
fn a_token_of_another_tokenizer_is_an_error_not_a_crash() {
    let Some(made) = checkpoints() else { return };
    let _guard = tch::no_grad_guard();
    let decoder = decoder(&made.join("llama"), Kind::Float);
    let tokens = Tokens::load(&made.join("llama")).expect("a tokenizer");
    let plan = Plan {
        prompt: vec![5, 9999],
        sampler: Sampler::new(0.0, 1.0, None).expect("valid"),
        stops: Stops::new(Vec::new()),
        limit: 3,
    };
    let Err(error) = Generation::new(plan).step(&decoder, &tokens, &[]) else {
        panic!("9999 is no token")
    };
    assert!(error.to_string().contains("vocab_size 640"), "{error}");
}

fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "a",
        "?",
        "How many orders per city in 2024?",
        "revenue",
        "total_amount",
        "unitPrice_USD2",
        "日本語のテキストです。",
        "中文句子，带标点。",
        "한국어 문장입니다",
        "😀",
        "👩‍👩‍👧‍👦 🇫🇷🚀",
        "Größere Straßen",
        "naïve café",
        "Привет, мир",
        "مرحبا بالعالم",
        "שלום עולם",
        "ไทย",
        "a\u{0301}\u{0327}",
        "\u{200b}",
        "\n\t",
        "NULL",
        "1,234.56 €",
        "2024-03-01",
        "O'Brien said \"no\"",
        "<b>bold</b> & more",
        "snake_case camelCase kebab-case",
        "x".repeat(300).as_str(),
    ]
    .map(str::to_owned)
    .to_vec();
    let words = [
        "orders",
        "customers",
        "city",
        "average",
        "price",
        "last",
        "year",
        "shipped",
        "most",
        "per",
    ];
    for length in 1..=31_usize {
        texts.push(
            (0..=length * length / 2)
                .map(|at| words[at * length % words.len()])
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    texts
}

/// The least cosine between ours and the Python twin's vectors.
fn least_cosine(python: &Path, directory: &Path) -> f64 {
    let scratch = tempfile::tempdir().expect("the temporary directory is writable");
    let (asked, told) = (
        scratch.path().join("texts.json"),
        scratch.path().join("vectors.safetensors"),
    );
    let texts = texts();
    std::fs::write(&asked, serde_json::to_vec(&texts).expect("JSON")).expect("writable");
    run(
        python,
        &script("embed_texts.py"),
        &[directory, &asked, &told],
    );
    let (shape, wanted) = floats(&told, "vectors");
    let _guard = tch::no_grad_guard();
    tch::set_num_threads(1);
    let found = Network::load(directory, Device::Cpu, None)
        .expect("loads")
        .embed(&texts, || false)
        .expect("embeds");
    assert_eq!(shape[0], found.len());
    let dot = |a: &[f32], b: &[f32]| {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum::<f64>()
    };
    found
        .iter()
        .zip(wanted.chunks(shape[1]))
        .map(|(ours, theirs)| {
            assert!((dot(ours, ours) - 1.0).abs() < 1e-5, "unit length");
            dot(ours, theirs) / (dot(ours, ours) * dot(theirs, theirs)).sqrt()
        })
        .fold(1.0, f64::min)
}

#[test]
fn any_bert_embeds_as_its_python_twin() {
    let (Some(made), Some(python)) = (checkpoints(), python()) else {
        return;
    };
    let cosine = least_cosine(&python, &made.join("bert"));
    assert!(cosine >= 0.99999, "{cosine}");
}

#[test]
fn minilm_embeds_as_its_python_twin() {
    let Some(python) = python() else { return };
    #[expect(
        clippy::disallowed_methods,
        reason = "what was provisioned for the tests is told there"
    )]
    let configured = std::env::var("TIDEGATE_BUILTIN_ENCODER").unwrap_or_default();
    let directory = builtin::encoder_directory(&configured, &std::env::temp_dir())
        .expect("provisioned by `cargo xtask test`");
    let cosine = least_cosine(&python, &directory);
    assert!(cosine >= 0.99999, "{cosine}");
}
