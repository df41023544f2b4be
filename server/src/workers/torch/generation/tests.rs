//! Answers to scripted scores.

mod forms;
mod several;

use serde_json::{Map, Value, json};
use tokenizers::Tokenizer;

use super::*;
use crate::workers::{
    GenerateRequest,
    torch::sampling::{Defaults, Sampling},
};

/// Ends answers.
pub(in crate::workers::torch) const END: u32 = 256;
/// Scores of a step: the bytes, and the end.
pub(in crate::workers::torch) const VOCABULARY: usize = 257;

/// A tokenizer whose tokens are the bytes, and one mark that ends answers.
pub(in crate::workers::torch) fn tokens() -> Arc<Tokens> {
    let vocabulary: Map<String, Value> = (0..=255_u8)
        .map(|byte| (sign(byte).to_string(), Value::from(byte)))
        .collect();
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [{"id": END, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}],
        "normalizer": null, "pre_tokenizer": byte_level, "post_processor": null, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocabulary, "merges": []},
    });
    let tokenizer = Tokenizer::from_bytes(file.to_string().as_bytes()).expect("a tokenizer");
    Arc::new(Tokens::of(tokenizer).ending_with(&[END]))
}

/// How a byte is written in such vocabularies: as itself where it shows, else as one of the letters behind Latin 1.
fn sign(byte: u8) -> char {
    let shows = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if shows(&byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|other| !shows(other)).count();
    char::from_u32(256 + before as u32).expect("a letter")
}

fn plan(change: impl FnOnce(&mut Plan)) -> Plan {
    let request = GenerateRequest::default();
    let sampling =
        Sampling::new(&request, &Defaults::default(), VOCABULARY).expect("the defaults are valid");
    let mut plan = Plan {
        prompt: vec![u32::from(b'h'), u32::from(b'i')],
        choices: 1,
        tries: 1,
        sampling: Arc::new(sampling),
        seed: 7,
        stops: Vec::new(),
        stop_ids: Vec::new(),
        ends: vec![END],
        ignore_ends: false,
        constraint: None,
        reader: None,
        limit: 100,
        least: 0,
        logprobs: None,
        echo: None,
        deadline: None,
        allowed: None,
        cacheable: true,
        fair_key: None,
        tokens: tokens(),
    };
    change(&mut plan);
    plan
}

/// Scores of a model that likes one token, and another one next best.
fn likes(token: u32, next: u32) -> Vec<f32> {
    let mut scores = vec![0.0; VOCABULARY];
    scores[next as usize] = 8.0;
    scores[token as usize] = 9.0;
    scores
}

/// What came of a text that the model likes to write, byte by byte, and of its end behind it.
struct Written {
    told: Vec<Chunk>,
    finish: Option<FinishReason>,
    made: usize,
    takes: usize,
}

impl Written {
    fn text(&self) -> String {
        let texts = self.told.iter().filter_map(|chunk| match chunk {
            Chunk::Text(piece) => Some(piece.text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    fn logprobs(&self) -> Vec<TokenLogprob> {
        let pieces = self.told.iter().filter_map(|chunk| match chunk {
            Chunk::Text(piece) => Some(piece.logprobs.clone()),
            _ => None,
        });
        pieces.flatten().collect()
    }
}

fn write(plan: &Plan, text: &[u8]) -> Written {
    let mut generation = Generation::new(plan, 0);
    let wanted: Vec<u32> = text.iter().copied().map(u32::from).chain([END]).collect();
    let (mut told, mut finish, mut takes, mut at) = (Vec::new(), None, 0, 0);
    while finish.is_none() && at < wanted.len() {
        if let Some(constraint) = generation.constraint() {
            constraint.compute().expect("a mask");
        }
        let mut scores = likes(wanted[at], u32::from(b'x'));
        let progress = generation.take(&mut scores).expect("no failure");
        assert_eq!(progress.run.is_empty(), progress.finish.is_some());
        takes += 1;
        at += progress.run.len();
        told.extend(progress.told);
        finish = progress.finish;
    }
    Written {
        told,
        finish,
        made: generation.made(),
        takes,
    }
}

#[test]
fn an_answer_ends_at_its_mark_which_is_neither_told_nor_counted() {
    let written = write(&plan(|_| {}), b"Yes.");
    assert_eq!(written.text(), "Yes.");
    assert_eq!(
        (written.finish, written.made),
        (Some(FinishReason::Stop), 4)
    );
}

#[test]
fn characters_are_told_whole() {
    let written = write(&plan(|_| {}), "aé€".as_bytes());
    let texts: Vec<Chunk> = ["a", "é", "€"].map(Chunk::text).into();
    assert_eq!(written.told, texts);
    // What never becomes whole is told all the same.
    let cut = write(&plan(|plan| plan.limit = 2), "a€".as_bytes());
    assert_eq!(cut.text(), "a\u{FFFD}");
    assert_eq!(cut.finish, Some(FinishReason::Length));
}

#[test]
fn a_stop_text_ends_it_over_the_borders_of_tokens_and_tokens_that_stop_do() {
    let stops = plan(|plan| plan.stops = vec!["END".to_owned()]);
    let written = write(&stops, b"a EEND of it");
    assert_eq!((written.text().as_str(), written.made), ("a E", 6));
    assert_eq!(written.finish, Some(FinishReason::Stop));
    let ids = plan(|plan| plan.stop_ids = vec![u32::from(b'!')]);
    let written = write(&ids, b"Hey! You");
    assert_eq!((written.text().as_str(), written.made), ("Hey", 3));
    assert_eq!(written.finish, Some(FinishReason::Stop));
}

#[test]
fn what_was_held_back_for_a_stop_text_is_told_when_it_was_none() {
    let stops = plan(|plan| {
        plan.stops = vec!["END".to_owned()];
        plan.limit = 3;
    });
    let written = write(&stops, b"aEN");
    assert_eq!(written.text(), "aEN");
    assert_eq!(written.finish, Some(FinishReason::Length));
}

#[test]
fn nothing_ends_it_before_the_fewest_tokens() {
    let least = plan(|plan| {
        plan.least = 4;
        plan.stops = vec!["b".to_owned()];
        plan.stop_ids = vec![u32::from(b'!')];
    });
    let mut generation = Generation::new(&least, 0);
    let mut text = String::new();
    // The next best comes in the place of an end.
    for liked in [u32::from(b'b'), END, u32::from(b'!'), END] {
        let progress = generation
            .take(&mut likes(liked, u32::from(b'x')))
            .expect("no failure");
        assert_eq!(progress.finish, None);
        for chunk in progress.told {
            let Chunk::Text(piece) = chunk else { continue };
            text += &piece.text;
        }
    }
    assert_eq!(text, "bxxx");
    let over = generation
        .take(&mut likes(u32::from(b'b'), 0))
        .expect("no failure");
    assert_eq!(over.finish, Some(FinishReason::Stop), "behind them it does");
}

#[test]
fn the_models_own_ends_can_be_passed_over() {
    let on = plan(|plan| {
        plan.ignore_ends = true;
        plan.limit = 3;
    });
    let mut generation = Generation::new(&on, 0);
    let mut finish = None;
    for liked in [END, u32::from(b'a'), END] {
        let progress = generation.take(&mut likes(liked, 0)).expect("no failure");
        finish = progress.finish;
    }
    assert_eq!((finish, generation.made()), (Some(FinishReason::Length), 3));
}

#[test]
fn likelihoods_are_of_the_raw_scores_and_come_with_their_text() {
    let told = plan(|plan| {
        plan.logprobs = Some(2);
        plan.stops = vec!["END".to_owned()];
        let request = GenerateRequest {
            logit_bias: [(u32::from(b'E'), 5.0)].into(),
            ..GenerateRequest::default()
        };
        let sampling = Sampling::new(&request, &Defaults::default(), VOCABULARY);
        plan.sampling = Arc::new(sampling.expect("valid"));
    });
    let written = write(&told, b"aENx");
    // e^9 of e^9 + e^8 + 255.
    let share = 9.0_f32 - (9.0_f32.exp() + 8.0_f32.exp() + 255.0).ln();
    let logprobs = written.logprobs();
    let names: Vec<&str> = logprobs.iter().map(|one| one.told.token.as_str()).collect();
    assert_eq!(names, ["a", "E", "N", "x"]);
    for one in &logprobs[..3] {
        let own = one.told.logprob.expect("a likelihood");
        assert!((own - share).abs() < 1e-4, "{own} {share}");
        assert_eq!(one.top.len(), 2);
        assert_eq!(one.top[0], one.told);
        assert_eq!(one.top[1].token, "x");
    }
    let held: Vec<(String, usize)> = written
        .told
        .iter()
        .filter_map(|chunk| match chunk {
            Chunk::Text(piece) => Some((piece.text.clone(), piece.logprobs.len())),
            _ => None,
        })
        .collect();
    assert_eq!(held, [("a".to_owned(), 1), ("ENx".to_owned(), 3)]);
    // What a stop text cuts off is not told of either.
    let cut = write(&told, b"aEND");
    assert_eq!(cut.logprobs().len(), 1);
}

#[test]
fn a_prompt_that_is_told_back_comes_first_with_its_likelihoods() {
    let echoed = plan(|plan| {
        plan.echo = Some("hi".to_owned());
        plan.logprobs = Some(1);
    });
    assert!(echoed.weighs_prompt());
    let mut generation = Generation::new(&echoed, 0);
    generation.weigh_prompt(u32::from(b'i'), &likes(u32::from(b'i'), 0));
    let mut other = Generation::new(&echoed, 1);
    other.share_prompt(&generation);
    for (choice, generation) in [(0, &mut generation), (1, &mut other)] {
        let progress = generation
            .take(&mut likes(u32::from(b'!'), 0))
            .expect("no failure");
        let Some(Chunk::Text(piece)) = progress.told.first() else {
            panic!("{progress:?}")
        };
        assert_eq!((piece.choice, piece.text.as_str()), (choice, "hi!"));
        let likelihoods: Vec<bool> = piece
            .logprobs
            .iter()
            .map(|one| one.told.logprob.is_some())
            .collect();
        assert_eq!(
            likelihoods,
            [false, true, true],
            "nothing stands before the first"
        );
    }
}

#[test]
fn scores_that_are_no_numbers_are_an_error_that_says_so() {
    let mut generation = Generation::new(&plan(|_| {}), 0);
    let mut scores = vec![f32::NAN; VOCABULARY];
    let error = generation.take(&mut scores).expect_err("no numbers");
    assert!(error.to_string().contains("not numbers"), "{error}");
}
