//! A tiny encoder of random weights, and examples with random looks.

use std::{path::PathBuf, sync::Arc};

use safetensors::{Dtype, tensor::TensorView};

use crate::{
    features::{FLAGS, Features, KINDS, RELATIONS},
    grammar::{ACTIONS, Action, Step},
    net::{
        batch::{Input, Instance, Lesson, Outline},
        model::Config,
        tokens::{QuestionPieces, SchemaPieces},
    },
};

const WIDTH: usize = 16;
/// Special pieces, then letters and digits alone and as continuations.
const WORDS: usize = 4 + 2 * 36;

/// Fixed numbers that look random.
fn noise(seed: &mut u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// A folder with a two-layer BERT of random weights.
pub(crate) fn tiny_encoder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tidegate-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let config = serde_json::json!({
        "hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 32, "layer_norm_eps": 1e-12, "max_position_embeddings": 128,
    });
    std::fs::write(folder.join("config.json"), config.to_string()).expect("written");
    std::fs::write(folder.join("tokenizer.json"), tokenizer().to_string()).expect("written");
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        (
            "embeddings.word_embeddings.weight".into(),
            vec![WORDS, WIDTH],
        ),
        (
            "embeddings.position_embeddings.weight".into(),
            vec![128, WIDTH],
        ),
        (
            "embeddings.token_type_embeddings.weight".into(),
            vec![2, WIDTH],
        ),
    ];
    let mut both = |name: String, to: usize, from: Option<usize>| {
        let weight = from.map_or(vec![to], |from| vec![to, from]);
        shapes.push((format!("{name}.weight"), weight));
        shapes.push((format!("{name}.bias"), vec![to]));
    };
    both("embeddings.LayerNorm".into(), WIDTH, None);
    for layer in 0..2 {
        let part = |part: &str| format!("encoder.layer.{layer}.{part}");
        for name in ["query", "key", "value"] {
            both(part(&format!("attention.self.{name}")), WIDTH, Some(WIDTH));
        }
        both(part("attention.output.dense"), WIDTH, Some(WIDTH));
        both(part("attention.output.LayerNorm"), WIDTH, None);
        both(part("intermediate.dense"), 32, Some(WIDTH));
        both(part("output.dense"), WIDTH, Some(32));
        both(part("output.LayerNorm"), WIDTH, None);
    }
    let mut seed = 5;
    let values: Vec<Vec<u8>> = shapes
        .iter()
        .map(|(_, shape)| {
            (0..shape.iter().product::<usize>())
                .flat_map(|_| ((noise(&mut seed) % 1000) as f32 / 500.0 - 1.0).to_le_bytes())
                .collect()
        })
        .collect();
    let views = shapes.iter().zip(&values).map(|((name, shape), data)| {
        (
            name,
            TensorView::new(Dtype::F32, shape.clone(), data).expect("a fitting view"),
        )
    });
    let file = safetensors::serialize(views, None).expect("serialised");
    std::fs::write(folder.join("model.safetensors"), file).expect("written");
    folder
}

/// A WordPiece tokenizer that knows single characters only.
fn tokenizer() -> serde_json::Value {
    let mut vocabulary = serde_json::Map::new();
    let specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
    let characters: Vec<char> = ('a'..='z').chain('0'..='9').collect();
    let pieces = specials
        .iter()
        .map(ToString::to_string)
        .chain(characters.iter().map(char::to_string))
        .chain(characters.iter().map(|ch| format!("##{ch}")));
    for (id, piece) in pieces.enumerate() {
        vocabulary.insert(piece, id.into());
    }
    let special = |token: &str, id: u32| {
        serde_json::json!({
            "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    };
    serde_json::json!({
        "version": "1.0",
        "truncation": { "max_length": 8, "strategy": "LongestFirst", "stride": 0, "direction": "Right" },
        "padding": {
            "strategy": { "Fixed": 16 }, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
        },
        "added_tokens": specials.iter().zip(0..).map(|(t, id)| special(t, id)).collect::<Vec<_>>(),
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true,
        },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                { "SpecialToken": { "id": "[CLS]", "type_id": 0 } },
                { "Sequence": { "id": "A", "type_id": 0 } },
                { "SpecialToken": { "id": "[SEP]", "type_id": 0 } },
            ],
            "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } }],
            "special_tokens": {
                "[CLS]": { "id": "[CLS]", "ids": [2], "tokens": ["[CLS]"] },
                "[SEP]": { "id": "[SEP]", "ids": [3], "tokens": ["[SEP]"] },
            },
        },
        "decoder": null,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary,
        },
    })
}

pub(crate) fn small() -> Config {
    Config {
        width: 32,
        heads: 4,
        encoder_layers: 2,
        encoder_inner: 64,
        decoder_layers: 2,
        decoder_inner: 64,
        rank: 4,
        ..Config::default()
    }
}

/// An example with random looks and a random answer of `steps` steps.
pub(super) fn example(seed: &mut u64, schema: &Arc<SchemaPieces>, steps: usize) -> Instance {
    let words = 3 + noise(seed) as usize % 4;
    let columns = schema.items.len() - 2;
    let outline = Outline {
        words,
        candidates: 1,
        tables: 2,
        columns,
    };
    let n = outline.items();
    let ids: Vec<u32> = (0..words + 2)
        .map(|_| noise(seed) as u32 % WORDS as u32)
        .collect();
    let mut pools: Vec<Vec<u16>> = (0..words as u16).map(|at| vec![at + 1]).collect();
    pools.push(vec![1, 2]);
    let mut lesson = Lesson {
        inputs: vec![Input::START],
        targets: vec![],
        legal: vec![],
    };
    for _ in 0..steps {
        let step = match noise(seed) % 3 {
            0 => Step::Act(Action::ALL[noise(seed) as usize % ACTIONS]),
            1 => Step::Table(noise(seed) as usize % 2),
            _ => Step::Column(noise(seed) as usize % columns),
        };
        lesson.targets.push(outline.output(step) as u16);
        lesson
            .legal
            .push((0..ACTIONS + n).map(|at| at as u16).collect());
        lesson.inputs.push(Input::of(step, &outline));
    }
    lesson.inputs.pop();
    Instance {
        vectors: None,
        question: QuestionPieces { ids, pools },
        schema: schema.clone(),
        features: Features {
            words,
            candidates: 1,
            tables: 2,
            columns,
            flags: (0..n).map(|_| [(noise(seed) % 2) as f32; FLAGS]).collect(),
            kinds: (0..n).map(|_| (noise(seed) % KINDS as u64) as u8).collect(),
            relations: (0..n * n)
                .map(|_| (noise(seed) % RELATIONS as u64) as u8)
                .collect(),
        },
        lesson,
    }
}

pub(super) fn pieces(seed: &mut u64, columns: usize) -> Arc<SchemaPieces> {
    let texts = (0..columns + 2)
        .map(|_| (0..4).map(|_| noise(seed) as u32 % WORDS as u32).collect())
        .collect();
    let items = (0..columns + 2)
        .map(|at| (at, (at + 1) % (columns + 2)))
        .collect();
    Arc::new(SchemaPieces { texts, items })
}
