//! Decoders on both executors: their scores, and the tokens they choose alone and side by side. And the chats written
//! out for them.

use std::path::Path;

use serde_json::Value;
use tch::Device;
use tidegate_kernels::Format;

use super::{checkpoints, expected, floats, ids};
use crate::workers::{
    PromptMessage, Speaker,
    torch::{
        dense::Dense,
        error::Result,
        files::{checkpoint::Checkpoint, shape::Shape},
        native::Native,
        network::{Cache, Network, Segment, Wanted},
        template::ChatTemplate,
        tokens::{Detokeniser, Tokens},
    },
};

pub(super) const DECODERS: [&str; 15] = [
    "llama",
    "llama-biased",
    "llama-yarn",
    "llama-dynamic",
    "qwen2",
    "qwen2-sliding",
    "qwen3",
    "qwen3-biased",
    "mistral",
    "mistral-sliding",
    "gemma2",
    "gemma3",
    "gemma3-sees",
    "phi3",
    "phi3-long",
];
/// Farthest that a score may be from the one transformers gives, in f32.
pub(super) const TOLERANCE: f32 = 1e-4;

pub(super) fn dense(directory: &Path, format: Format) -> Dense {
    // Tests run side by side: more threads than cores would only fight.
    tch::set_num_threads(1);
    let shape = Shape::read(directory).expect("config.json is known");
    let checkpoint = Checkpoint::open_as(directory, format).expect("whole files");
    Dense::load(&checkpoint, shape, format, device()).expect("loads")
}

/// Where tensors are computed: on the GPU of a machine that has one, where `TIDEGATE_TEST_DEVICE` says `cuda`.
fn device() -> Device {
    match std::env::var_os("TIDEGATE_TEST_DEVICE") {
        Some(named) if named == "cuda" => Device::Cuda(0),
        _ => Device::Cpu,
    }
}

pub(super) fn native(directory: &Path, format: Format) -> Native {
    let shape = Shape::read(directory).expect("config.json is known");
    let checkpoint = Checkpoint::open_as(directory, format).expect("whole files");
    Native::load(&checkpoint, shape, format, 1).expect("loads")
}

/// Runs one part of one sequence.
pub(super) fn run<N: Network>(
    network: &mut N,
    cache: &mut N::Cache,
    tokens: &[u32],
    wanted: Wanted,
    prompt: usize,
) -> Result<Vec<f32>> {
    let mut segments = [Segment {
        tokens,
        cache,
        wanted,
        prompt,
    }];
    let mut told = network.step(&mut segments)?;
    assert_eq!(told.len(), 1, "scores for each segment");
    Ok(told.swap_remove(0))
}

fn likeliest(scores: &[f32]) -> u32 {
    scores
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(b.1))
        .map(|(id, _)| id as u32)
        .expect("a vocabulary")
}

pub(super) fn farthest(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter()
        .zip(other)
        .map(|(a, b)| if a.is_nan() { f32::MAX } else { (a - b).abs() })
        .fold(0.0, f32::max)
}

fn scores_as_expected<N: Network>(network: &mut N, directory: &Path, who: &str) {
    let ids = ids(&expected(directory)["ids"]);
    let (_, wanted) = floats(&directory.join("expected.safetensors"), "scores");
    // Whole, in pieces so that masks over earlier keys are tried too, and token by token.
    let singles: Vec<usize> = (0..=ids.len()).collect();
    for cuts in [vec![0, ids.len()], vec![0, 5, 6, ids.len()], singles] {
        let mut cache = network.cache(ids.len()).expect("room");
        let mut found = Vec::new();
        for part in cuts.windows(2) {
            let tokens = &ids[part[0]..part[1]];
            found.extend(run(network, &mut cache, tokens, Wanted::All, ids.len()).expect("runs"));
        }
        assert_eq!(cache.tokens(), ids.len());
        let off = farthest(&found, &wanted);
        assert!(
            off <= TOLERANCE,
            "{who}, {} parts: {off} away",
            cuts.len() - 1
        );
    }
}

#[test]
fn decoders_score_as_transformers_does() {
    let Some(made) = checkpoints() else { return };
    for name in DECODERS {
        let directory = made.join(name);
        scores_as_expected(
            &mut dense(&directory, Format::F32),
            &directory,
            &format!("{name}, dense"),
        );
        scores_as_expected(
            &mut native(&directory, Format::F32),
            &directory,
            &format!("{name}, native"),
        );
    }
}

/// The next 64 tokens of one sequence alone.
fn alone<N: Network>(network: &mut N, prompt: &[u32]) -> Vec<u32> {
    let mut cache = network.cache(prompt.len() + 64).expect("room");
    let mut scores = run(network, &mut cache, prompt, Wanted::Last, prompt.len()).expect("runs");
    let mut chosen = vec![likeliest(&scores)];
    while chosen.len() < 64 {
        let last = &chosen[chosen.len() - 1..];
        scores = run(network, &mut cache, last, Wanted::Last, prompt.len()).expect("runs");
        chosen.push(likeliest(&scores));
    }
    chosen
}

#[test]
fn decoders_choose_the_same_64_tokens() {
    let Some(made) = checkpoints() else { return };
    for name in DECODERS {
        let directory = made.join(name);
        let expected = expected(&directory);
        let tokens = Tokens::load(&directory).expect("a tokenizer");
        let prompt = tokens
            .encode(expected["prompt"].as_str().expect("text"), true)
            .expect("encodes");
        assert_eq!(
            prompt,
            ids(&expected["ids"]),
            "{name}: tokens of the prompt"
        );
        let wanted = ids(&expected["greedy"]);
        let chosen = alone(&mut dense(&directory, Format::F32), &prompt);
        assert_eq!(chosen, wanted, "{name}, dense");
        assert_eq!(
            alone(&mut native(&directory, Format::F32), &prompt),
            wanted,
            "{name}, native"
        );
        let mut text = (Detokeniser::default(), String::new());
        for id in chosen {
            text.1 += &text.0.push(&tokens, id).expect("decodes");
        }
        text.1 += &text.0.finish(&tokens).expect("decodes");
        assert_eq!(text.1, expected["text"].as_str().expect("text"), "{name}");
    }
}

/// The next 64 tokens of several sequences of different lengths, all in the same steps.
fn together<N: Network>(network: &mut N, prompts: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let mut caches: Vec<N::Cache> = prompts
        .iter()
        .map(|prompt| network.cache(prompt.len()).expect("room"))
        .collect();
    let mut next: Vec<Vec<u32>> = prompts.to_vec();
    let mut chosen: Vec<Vec<u32>> = vec![Vec::new(); prompts.len()];
    for _ in 0..64 {
        let mut segments: Vec<Segment<'_, N::Cache>> = caches
            .iter_mut()
            .zip(&next)
            .zip(prompts)
            .map(|((cache, tokens), prompt)| Segment {
                tokens,
                cache,
                wanted: Wanted::Last,
                prompt: prompt.len(),
            })
            .collect();
        let told = network.step(&mut segments).expect("runs");
        next = told.iter().map(|scores| vec![likeliest(scores)]).collect();
        for (chosen, next) in chosen.iter_mut().zip(&next) {
            chosen.extend(next);
        }
    }
    chosen
}

#[test]
fn sequences_that_share_steps_choose_as_they_do_alone() {
    let Some(made) = checkpoints() else { return };
    for name in DECODERS {
        let directory = made.join(name);
        let expected = expected(&directory);
        let more = expected["more"].as_array().expect("a list");
        let prompts: Vec<Vec<u32>> = more.iter().map(|one| ids(&one["ids"])).collect();
        let wanted: Vec<Vec<u32>> = more.iter().map(|one| ids(&one["greedy"])).collect();
        let found = together(&mut dense(&directory, Format::F32), &prompts);
        assert_eq!(found, wanted, "{name}, dense");
        let found = together(&mut native(&directory, Format::F32), &prompts);
        assert_eq!(found, wanted, "{name}, native");
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
        ..PromptMessage::default()
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
                .write(&messages(&chat["messages"]), &[], &serde_json::Map::new())
                .expect("renders");
            assert_eq!(written, chat["text"].as_str().expect("text"), "{name}");
        }
    }
}
