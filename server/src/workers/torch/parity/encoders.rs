//! Sentence encoders: their vectors beside those of their Python twins.

use std::path::Path;

use tch::Device;

use super::{checkpoints, floats, python, run, script};
use crate::workers::{builtin, torch::embedder::Network};

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
