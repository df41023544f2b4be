//! Decoders: their scores, the tokens they choose, the chats written out for them.

use std::path::Path;

use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::{checkpoints, expected, floats, ids};
use crate::workers::{
    PromptMessage, Speaker,
    torch::{
        decoder::{Cache, Decoder},
        generation::{Generation, Plan},
        sampling::Sampler,
        shape::Shape,
        stops::Stops,
        template::ChatTemplate,
        tokens::{Detokeniser, Tokens},
    },
};

const DECODERS: [&str; 4] = ["llama", "llama-biased", "qwen2", "mistral"];

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
        mask: None,
        limit: 3,
    };
    let Err(error) = Generation::new(plan).step(&decoder, &tokens, &[]) else {
        panic!("9999 is no token")
    };
    assert!(error.to_string().contains("vocab_size 640"), "{error}");
}
