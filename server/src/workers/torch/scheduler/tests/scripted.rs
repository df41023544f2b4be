//! A stand-in for networks: the next token follows from all tokens before it, so that a cache that holds anything else
//! shows at once.

use std::sync::{Arc, LazyLock, Mutex};

use serde_json::json;

use crate::workers::torch::{
    error::{ModelError, Result},
    files::shape::Shape,
    network::{self, Cache, Network, Segment, Wanted},
    tokens::Tokens,
};

pub(super) const VOCABULARY: usize = 100;
pub(super) const WINDOW: usize = 512;
pub(super) const PER_TOKEN: u64 = 8;
/// No answer has it: a prompt with it makes a network fail that is told to.
pub(super) const POISON: u32 = 99;
/// Tokens below are no answer's either.
const FIRST: u32 = 2;

/// How a network fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// By an error, before anything is changed, at the poison.
    Error,
    /// By a panic halfway through, at the poison.
    Panic,
    /// By scores that are not numbers, at the poison.
    NotNumbers,
    /// By an error, whatever is run.
    Always,
}

/// What was run: of each step, from where and how many tokens of each segment.
pub(super) type Log = Arc<Mutex<Vec<Vec<(usize, usize)>>>>;

/// The stand-in.
pub(super) struct Scripted {
    shape: Shape,
    failure: Option<Failure>,
    pub(super) log: Log,
}

impl Scripted {
    pub(super) fn new() -> Self {
        Self {
            shape: SHAPE.clone(),
            failure: None,
            log: Log::default(),
        }
    }

    pub(super) fn that_fails(failure: Failure) -> Self {
        Self {
            failure: Some(failure),
            ..Self::new()
        }
    }
}

static SHAPE: LazyLock<Shape> = LazyLock::new(|| {
    let config = json!({
        "model_type": "llama", "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1,
        "intermediate_size": 8, "vocab_size": VOCABULARY, "max_position_embeddings": WINDOW,
    });
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    std::fs::write(directory.path().join("config.json"), config.to_string()).expect("writable");
    Shape::read(directory.path()).expect("a known architecture")
});

/// A vocabulary of words: token 7 is "t7".
pub(super) fn tokens() -> Arc<Tokens> {
    static TOKENS: LazyLock<Arc<Tokens>> = LazyLock::new(|| {
        let vocabulary: serde_json::Map<String, serde_json::Value> = (0..VOCABULARY)
            .map(|id| (format!("t{id}"), json!(id)))
            .collect();
        let file = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
            "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "t0"},
        });
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let path = directory.path().join("tokenizer.json");
        std::fs::write(path, file.to_string()).expect("writable");
        Arc::new(Tokens::load(directory.path()).expect("a tokenizer"))
    });
    Arc::clone(&TOKENS)
}

/// A token of prompts and answers.
pub(super) fn wrap(number: usize) -> u32 {
    FIRST + (number % (POISON - FIRST) as usize) as u32
}

fn next(tokens: &[u32]) -> u32 {
    let mixed = tokens
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &token| {
            (hash ^ u64::from(token)).wrapping_mul(0x0100_0000_01b3)
        });
    wrap((mixed >> 20) as usize)
}

/// The tokens that follow a prompt.
pub(super) fn follow(prompt: &[u32], count: usize) -> Vec<u32> {
    let mut all = prompt.to_vec();
    for _ in 0..count {
        all.push(next(&all));
    }
    all.split_off(prompt.len())
}

/// The same as text.
pub(super) fn words(prompt: &[u32], count: usize) -> String {
    let words: Vec<String> = follow(prompt, count)
        .iter()
        .map(|token| format!("t{token}"))
        .collect();
    words.join(" ")
}

/// The tokens run, and the room there is for more.
pub(super) struct Remembered {
    tokens: Vec<u32>,
    room: usize,
}

impl Cache for Remembered {
    fn tokens(&self) -> usize {
        self.tokens.len()
    }

    fn bytes(&self) -> u64 {
        self.room as u64 * PER_TOKEN
    }

    fn truncate(&mut self, tokens: usize) {
        self.tokens.truncate(tokens);
    }

    fn fork(&self, tokens: usize) -> Result<Self> {
        Ok(Self {
            tokens: self.tokens[..tokens].to_vec(),
            room: tokens,
        })
    }
}

impl Scripted {
    fn fail(&self, segments: &mut [Segment<'_, Remembered>]) -> Result<()> {
        let poisoned = segments
            .iter()
            .any(|segment| segment.tokens.contains(&POISON));
        match self.failure {
            Some(Failure::Always) => Err(ModelError::Text("out of order".to_owned())),
            Some(Failure::Error) if poisoned => Err(ModelError::Text("poisoned".to_owned())),
            Some(Failure::Panic) if poisoned => {
                for segment in segments {
                    segment.cache.tokens.push(0);
                }
                panic!("poisoned");
            }
            _ => Ok(()),
        }
    }

    fn scores(&self, tokens: &[u32]) -> Vec<f32> {
        let mut scores = vec![0.0; VOCABULARY];
        scores[next(tokens) as usize] = 4.0;
        if self.failure == Some(Failure::NotNumbers) && tokens.contains(&POISON) {
            scores.fill(f32::NAN);
        }
        // Neither the tokens below nor the poison are ever chosen.
        for token in (0..FIRST).chain([POISON]) {
            scores[token as usize] = f32::NEG_INFINITY;
        }
        scores
    }
}

impl Network for Scripted {
    type Cache = Remembered;

    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn cache(&self, tokens: usize) -> Result<Remembered> {
        Ok(Remembered {
            tokens: Vec::new(),
            room: tokens,
        })
    }

    fn step(&mut self, segments: &mut [Segment<'_, Remembered>]) -> Result<Vec<Vec<f32>>> {
        network::check(&self.shape, segments)?;
        self.fail(segments)?;
        let ran = segments
            .iter()
            .map(|segment| (segment.cache.tokens(), segment.tokens.len()))
            .collect();
        self.log.lock().expect("nobody panics with it").push(ran);
        let mut told = Vec::new();
        for segment in segments {
            let cache = &mut *segment.cache;
            let held = cache.tokens.len();
            cache.tokens.extend(segment.tokens);
            let all = cache.tokens.len();
            if all > cache.room {
                cache.room = all.max(2 * cache.room).min(WINDOW);
            }
            let wanted = match segment.wanted {
                Wanted::None => all..all,
                Wanted::Last => all - 1..all,
                Wanted::All => held..all,
            };
            told.push(
                wanted
                    .flat_map(|at| self.scores(&cache.tokens[..=at]))
                    .collect(),
            );
        }
        Ok(told)
    }

    fn bytes(&self) -> u64 {
        0
    }
}
