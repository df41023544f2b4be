//! A tiny random encoder and made-up examples: enough to see that everything is wired and learns.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use safetensors::{Dtype, tensor::TensorView};
use tch::{Device, Kind, Tensor};

use super::{
    batch::{Batch, Input, Instance, Lesson, Outline},
    encoder::{Encoder, pool},
    model::{Config, Net, Regularisation},
    tokens::{QuestionPieces, SchemaPieces, Tokens},
    weights::{metadata, read},
};
use crate::{
    features::{FLAGS, Features, KINDS, RELATIONS},
    grammar::{ACTIONS, Action, Step},
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

#[test]
fn words_know_their_pieces() {
    let folder = tiny_encoder("pieces");
    let tokens = Tokens::load(&folder).expect("loads");
    let schema = crate::schema::Schema::default();
    let today = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day");
    let question = crate::question::Question::read("ab über c?", &schema, today);
    let pieces = tokens.question(&question).expect("pieces");
    // [CLS] a b u b e r c [UNK] [SEP]: longer than the eight of the file.
    assert_eq!(pieces.ids.len(), 10);
    let words: Vec<&str> = question
        .words
        .iter()
        .map(|word| word.text.as_str())
        .collect();
    assert_eq!(words, ["ab", "über", "c"]);
    assert_eq!(pieces.pools[..3], [vec![1, 2], vec![3, 4, 5, 6], vec![7]]);
    std::fs::remove_dir_all(folder).ok();
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
fn example(seed: &mut u64, schema: &Arc<SchemaPieces>, steps: usize) -> Instance {
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

fn pieces(seed: &mut u64, columns: usize) -> Arc<SchemaPieces> {
    let texts = (0..columns + 2)
        .map(|_| (0..4).map(|_| noise(seed) as u32 % WORDS as u32).collect())
        .collect();
    let items = (0..columns + 2)
        .map(|at| (at, (at + 1) % (columns + 2)))
        .collect();
    Arc::new(SchemaPieces { texts, items })
}

const HOW: Regularisation = Regularisation {
    dropout: 0.0,
    smoothing: 0.0,
    usage: 0.1,
};

#[test]
fn learns_a_handful_of_examples_by_heart() {
    let folder = tiny_encoder("learns");
    let encoder = Encoder::load(&folder, Kind::Float, Device::Cpu).expect("loads");
    let net = Net::new(small(), &encoder);
    let mut seed = 11;
    let schemas = [pieces(&mut seed, 5), pieces(&mut seed, 9)];
    let examples: Vec<Instance> = (0..12)
        .map(|at| example(&mut seed, &schemas[at % 2], 3 + at % 4))
        .collect();
    let batch = Batch::gather(&examples, Kind::Float, Device::Cpu).expect("gathers");
    let mut flat = net.layout.initial(1).set_requires_grad(true);
    let mut velocity = flat.zeros_like();
    let mut spread = flat.zeros_like();
    let mut last = f64::MAX;
    let mut first = 0.0;
    for step in 0..900 {
        let weights = net.layout.cut(&flat, Kind::Float);
        let merged = encoder.merge(&net.changes, &weights);
        let losses = net.losses(&weights, &merged, &batch, HOW);
        losses.total.backward();
        last = losses.steps.double_value(&[]);
        if step == 0 {
            first = last;
        }
        let slope = flat.grad();
        assert!(slope.isfinite().all().int64_value(&[]) == 1, "step {step}");
        tch::no_grad(|| {
            velocity = &velocity * 0.9 + &slope * 0.1;
            spread = &spread * 0.98 + slope.square() * 0.02;
            flat -= &velocity / (spread.sqrt() + 1e-6) * 0.005;
        });
        flat.zero_grad();
    }
    assert!(last < 0.25 * first, "from {first} to {last}");
    // The changes to the sentence encoder learn too.
    let before = net.layout.cut(&net.layout.initial(1), Kind::Float);
    let after = net.layout.cut(&flat.detach(), Kind::Float);
    let same = encoder.merge(&net.changes, &before);
    let moved = encoder.merge(&net.changes, &after);
    let texts = &batch.texts;
    let distance = same.forward(&texts.ids, &texts.mask) - moved.forward(&texts.ids, &texts.mask);
    assert!(distance.abs().max().double_value(&[]) > 1e-3);
    std::fs::remove_dir_all(folder).ok();
}

#[test]
fn padding_changes_nothing() {
    let folder = tiny_encoder("padding");
    let encoder = Encoder::load(&folder, Kind::Float, Device::Cpu).expect("loads");
    let net = Net::new(small(), &encoder);
    let weights = net.layout.cut(&net.layout.initial(3), Kind::Float);
    let merged = encoder.merge(&net.changes, &weights);
    let mut seed = 23;
    let (short, long) = (pieces(&mut seed, 4), pieces(&mut seed, 25));
    let examples = [example(&mut seed, &short, 3), example(&mut seed, &long, 9)];
    let alone: f64 = examples
        .iter()
        .map(|one| {
            let one = std::slice::from_ref(one);
            let batch = Batch::gather(one, Kind::Float, Device::Cpu).expect("gathers");
            net.losses(&weights, &merged, &batch, HOW)
                .total
                .double_value(&[])
        })
        .sum();
    let batch = Batch::gather(&examples, Kind::Float, Device::Cpu).expect("gathers");
    let together = net
        .losses(&weights, &merged, &batch, HOW)
        .total
        .double_value(&[]);
    assert!(
        (together - alone / 2.0).abs() < 1e-4,
        "{together} and {}",
        alone / 2.0
    );
    std::fs::remove_dir_all(folder).ok();
}

#[test]
fn stepwise_decoding_agrees_with_decoding_at_once() {
    let folder = tiny_encoder("stepwise");
    let encoder = Encoder::load(&folder, Kind::Float, Device::Cpu).expect("loads");
    let net = Net::new(small(), &encoder);
    let weights = net.layout.cut(&net.layout.initial(4), Kind::Float);
    let tuned = encoder.merge(&net.changes, &weights);
    let mut seed = 31;
    let schema = pieces(&mut seed, 6);
    let one = [example(&mut seed, &schema, 5)];
    let batch = Batch::gather(&one, Kind::Float, Device::Cpu).expect("gathers");
    let memory = net.memory(&weights, &tuned, &batch, 0.0);
    let lessons = &batch.lessons;
    let whole = net.decode(
        &weights,
        &memory,
        &lessons.codes,
        &lessons.pointed,
        &lessons.points,
        &mut None,
        0,
        0.0,
    );
    let mut past = None;
    for step in 0..5 {
        // Two rows over one memory, as the beam has them.
        let twice = |x: Tensor| Tensor::cat(&[&x, &x], 0);
        let next = net.decode(
            &weights,
            &memory,
            &twice(lessons.codes.narrow(1, step, 1)),
            &twice(lessons.pointed.narrow(0, step, 1)),
            &twice(lessons.points.narrow(1, step, 1)),
            &mut past,
            step as usize,
            0.0,
        );
        let expected = whole.get(0).get(step);
        for row in 0..2 {
            let far = (next.get(row).get(0) - &expected)
                .abs()
                .max()
                .double_value(&[]);
            assert!(far < 1e-4, "step {step}, row {row}: {far}");
        }
    }
    std::fs::remove_dir_all(folder).ok();
}

#[test]
fn weights_survive_a_file() {
    let folder = tiny_encoder("file");
    let encoder = Encoder::load(&folder, Kind::Float, Device::Cpu).expect("loads");
    let net = Net::new(small(), &encoder);
    let flat = net.layout.initial(9);
    let about = HashMap::from([("config".to_owned(), "{}".to_owned())]);
    let bytes = net.layout.to_bytes(&flat, about).expect("written");
    assert_eq!(metadata(&bytes).expect("metadata")["config"], "{}");
    let again = net.layout.from_bytes(&bytes).expect("read");
    let far = (again - &flat).abs().max().double_value(&[]);
    assert!(far < 2e-3, "{far}");
    assert!(net.layout.from_bytes(&bytes[..bytes.len() / 2]).is_err());
    std::fs::remove_dir_all(folder).ok();
}

/// With the published encoder at hand (`TIDEGATE_ENCODER`), near meanings lie near.
#[test]
fn published_encoder_knows_what_words_mean() {
    let Some(folder) = std::env::var_os("TIDEGATE_ENCODER").map(PathBuf::from) else {
        return;
    };
    let tokens = Tokens::load(&folder).expect("tokenizer");
    let encoder = Encoder::load(&folder, Kind::Float, Device::Cpu).expect("encoder");
    let net = Net::new(Config::default(), &encoder);
    let weights = net.layout.cut(&net.layout.initial(1), Kind::Float);
    let tuned = encoder.tune(&net.changes, &weights);
    let vector = |text: &str| {
        let ids = tokens.text(text, 64).expect("pieces");
        let texts = super::batch::Texts::pad(&[&ids], Device::Cpu);
        let last = tuned.forward(&texts.ids, &texts.mask).narrow(-1, 384, 384);
        read(&pool(&last, &texts.mask)).expect("values")
    };
    let near = |a: &str, b: &str| {
        let (a, b) = (vector(a), vector(b));
        let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
        dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
    };
    assert!(near("how many cars are there", "number of vehicles") > 0.6);
    assert!(near("how many cars are there", "a ripe yellow banana") < 0.2);
}
