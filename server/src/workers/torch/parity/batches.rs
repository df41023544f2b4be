//! Answers beside each other on real networks: the tokens that transformers chooses for each alone, whatever shares the
//! steps, however prompts are cut, and whether their beginnings were kept.

use std::path::Path;

use serde_json::Value;

use super::{
    answers::{answer, answers, loaded, numbers, options, request},
    checkpoints,
    decoders::DECODERS,
    expected, ids,
};
use crate::workers::{
    GenerateRequest, LanguageModel as _, Prompt,
    torch::{
        files::shape::Shape,
        llm::{Executor, Options, TorchModel},
        tokens::{Detokeniser, Tokens},
    },
};

/// Times that all are asked until they have stood together.
const TRIES: usize = 10;

/// A prompt with the text of what transformers continues it with.
struct Case {
    prompt: Vec<u32>,
    text: String,
    tokens: u32,
}

/// The text of tokens as they come one by one.
fn streamed(tokens: &Tokens, ids: &[u32]) -> String {
    let mut text = Detokeniser::default();
    let mut all = String::new();
    for &id in ids {
        all += &text.push(tokens, id).expect("decodes");
    }
    all + &text.finish(tokens).expect("decodes")
}

/// The prompts of eight lengths that come with a checkpoint.
fn cases(directory: &Path) -> Vec<Case> {
    let tokens = Tokens::load(directory).expect("a tokenizer");
    let expected = expected(directory);
    let one = |case: &Value| {
        let greedy = ids(&case["greedy"]);
        Case {
            prompt: ids(&case["ids"]),
            text: streamed(&tokens, &greedy),
            tokens: greedy.len() as u32,
        }
    };
    let cases: Vec<Case> = expected["more"]
        .as_array()
        .expect("a list")
        .iter()
        .map(one)
        .collect();
    assert!(cases.len() >= 8 && cases.iter().all(|case| case.tokens == 64));
    cases
}

fn asked(case: &Case) -> GenerateRequest {
    GenerateRequest {
        prompt: Prompt::Tokens(case.prompt.clone()),
        ..request("", Some(case.tokens))
    }
}

async fn all_at_once(model: &TorchModel, cases: &[Case], said: &str) {
    let told = futures::future::join_all(cases.iter().map(|case| answer(model, asked(case)))).await;
    for (case, told) in cases.iter().zip(told) {
        assert_eq!(
            told.text,
            case.text,
            "{said}, a prompt of {}",
            case.prompt.len()
        );
        assert_eq!(told.tokens, case.tokens, "{said}");
    }
}

/// A mixed batch with prompts cut at every `chunk` tokens: once with nothing kept, once with everything.
async fn mixed(made: &Path, directory: &str, executor: Executor, chunk: usize) {
    let cases = cases(&made.join(directory));
    let name = format!("batches/{directory} {executor:?} {chunk}");
    let options = Options {
        chunk,
        ..options(executor)
    };
    // The smaller the parts, the earlier short prompts are through: their answers end before long ones begin.
    let together = match chunk {
        1 => 2,
        7 => 4,
        _ => cases.len() as u64,
    };
    // Answers so short may be over before the last question has come: then once more, with nothing kept again.
    let mut tries = 0;
    let (model, first) = loop {
        let model = loaded(made, directory, &name, &options);
        all_at_once(&model, &cases, &format!("{name}, nothing kept")).await;
        let first = numbers(&name);
        tries += 1;
        if first.largest_batch >= together || tries == TRIES {
            break (model, first);
        }
    };
    assert!(first.largest_batch >= together, "{name}: {first:?}");
    all_at_once(&model, &cases, &format!("{name}, all kept")).await;
    let second = numbers(&name);
    // Dynamic positions change with every token, so nothing of long prompts can be kept there.
    let hits = second.prefix_tokens - first.prefix_tokens;
    let least = if directory.contains("dynamic") {
        50
    } else {
        300
    };
    assert!(hits >= least, "{name}: {hits} tokens were kept");
    let prefilled = second.prefill_tokens - first.prefill_tokens;
    assert!(prefilled < first.prefill_tokens, "{name}: {prefilled}");
}

#[tokio::test]
async fn every_decoder_answers_in_a_mixed_batch_as_transformers_does_alone() {
    let Some(made) = checkpoints() else { return };
    for directory in DECODERS {
        for chunk in [1, 7, 64] {
            mixed(&made, directory, Executor::Native, chunk).await;
        }
    }
}

#[tokio::test]
async fn libtorch_answers_in_a_mixed_batch_as_transformers_does_alone() {
    let Some(made) = checkpoints() else { return };
    for chunk in [7, 64] {
        mixed(&made, "qwen2", Executor::Torch, chunk).await;
    }
    mixed(&made, "gemma2", Executor::Torch, 64).await;
}

fn sampled(case: &Case, seed: u64) -> GenerateRequest {
    GenerateRequest {
        temperature: Some(1.0),
        top_p: Some(0.95),
        seed: Some(seed),
        ..asked(case)
    }
}

#[tokio::test]
async fn a_seed_repeats_its_text_alone_and_in_any_batch() {
    let Some(made) = checkpoints() else { return };
    let cases = cases(&made.join("llama"));
    let name = "batches/seeds";
    let model = loaded(&made, "llama", name, &options(Executor::Native));
    let mut alone = Vec::new();
    for (seed, case) in (7..).zip(&cases) {
        alone.push(answer(&model, sampled(case, seed)).await.text);
    }
    let together = (7..)
        .zip(&cases)
        .map(|(seed, case)| answer(&model, sampled(case, seed)));
    let together = futures::future::join_all(together).await;
    let together: Vec<String> = together.into_iter().map(|told| told.text).collect();
    assert_eq!(together, alone);
    let other = answer(&model, sampled(&cases[0], 8)).await.text;
    assert_ne!(other, alone[0], "another seed, another text");
    // The first of several answers is the one that is alone.
    let three = GenerateRequest {
        n: Some(3),
        ..sampled(&cases[0], 7)
    };
    let three = answers(&model, three).await.expect("no failure");
    assert_eq!(three[0].text, alone[0]);
    assert!(
        three[1].text != three[0].text && three[2].text != three[1].text,
        "{three:?}"
    );
    let used = three.iter().map(|told| told.tokens).max();
    assert_eq!(used, Some(3 * 64), "the last end counts everything");
}

#[tokio::test]
async fn little_memory_makes_answers_wait_and_changes_none() {
    let Some(made) = checkpoints() else { return };
    let directory = made.join("qwen3");
    let cases = cases(&directory);
    let shape = Shape::read(&directory).expect("config.json is known");
    let tight = Options {
        kv_bytes: Some(300 * shape.bytes_per_token(tch::Kind::Float)),
        ..options(Executor::Native)
    };
    let name = "batches/memory";
    let model = loaded(&made, "qwen3", name, &tight);
    all_at_once(&model, &cases, name).await;
    let now = numbers(name);
    assert!(now.kv_bytes <= now.kv_limit, "{now:?}");
    assert!(now.largest_batch < 8, "not all fit at once: {now:?}");
    // Several answers to one prompt do not fit either: they are made one behind the other.
    let several = GenerateRequest {
        n: Some(4),
        ..asked(&cases[6])
    };
    for told in answers(&model, several).await.expect("no failure") {
        assert_eq!(told.text, cases[6].text);
    }
}

#[tokio::test]
async fn cancelled_answers_beside_others_change_none() {
    let Some(made) = checkpoints() else { return };
    let cases = cases(&made.join("mistral"));
    let model = loaded(
        &made,
        "mistral",
        "batches/cancelled",
        &options(Executor::Native),
    );
    // These leave at once, or as soon as they are heard of.
    for case in &cases {
        drop(model.generate(asked(case)).await);
    }
    all_at_once(&model, &cases, "beside those who left").await;
}

/// Kilobytes of memory that this process has.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says it");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("it is in there");
    let figure = line.trim().trim_end_matches("kB").trim();
    figure.parse().expect("a number")
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn loading_and_unloading_leaves_no_memory_behind() {
    let Some(made) = checkpoints() else { return };
    let cases = cases(&made.join("llama"));
    let mut held = Vec::new();
    let mut told = Vec::new();
    for _ in 0..20 {
        let model = loaded(&made, "llama", "batches/cycles", &options(Executor::Native));
        told.push(answer(&model, asked(&cases[7])).await);
        drop(model);
        held.push(resident());
    }
    assert!(told.iter().all(|one| one.text == cases[7].text));
    // The first rounds fill what an allocator keeps. Weights left behind in each of the others would be twice as much
    // as is allowed, and threads or tokenizers left behind more than that.
    let grown = held[19].saturating_sub(held[4]);
    assert!(
        grown < 8 * 1024,
        "{grown} kB more after 15 rounds: {held:?}"
    );
}
