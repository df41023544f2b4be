//! The encoder that comes with the product, in every format it can be held as.

use std::path::{Path, PathBuf};

use tidegate_kernels::Format;

use super::{least, options, vectors_of};
use crate::workers::{
    builtin,
    torch::{
        encoder::{Loaded, Network, cpu_format},
        llm::Executor,
        parity::{floats, python, run, script},
    },
};

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

/// MiniLM's vectors by the Python twin, and its directory.
fn minilm(python: &Path) -> (PathBuf, Vec<f32>) {
    #[expect(
        clippy::disallowed_methods,
        reason = "what was provisioned for the tests is told there"
    )]
    let configured = std::env::var("TIDEGATE_BUILTIN_ENCODER").unwrap_or_default();
    let directory = builtin::encoder_directory(&configured, &std::env::temp_dir())
        .expect("provisioned by `cargo xtask test`");
    let scratch = tempfile::tempdir().expect("the temporary directory is writable");
    let (asked, told) = (
        scratch.path().join("texts.json"),
        scratch.path().join("vectors.safetensors"),
    );
    std::fs::write(&asked, serde_json::to_vec(&texts()).expect("JSON")).expect("writable");
    run(
        python,
        &script("embed_texts.py"),
        &[&directory, &asked, &told],
    );
    let (_, wanted) = floats(&told, "vectors");
    (directory, wanted)
}

#[test]
fn minilm_embeds_as_its_python_twin_in_every_format() {
    let Some(python) = python() else { return };
    let (directory, wanted) = minilm(&python);
    let _guard = tch::no_grad_guard();
    tch::set_num_threads(1);
    let formats = [
        (Executor::Native, Format::F32, 0.99999),
        (Executor::Torch, Format::F32, 0.99999),
        (Executor::Native, cpu_format(), 0.999),
        (Executor::Native, Format::Bf16, 0.999),
        (Executor::Native, Format::Int8, 0.995),
    ];
    let ask = vectors_of(&texts(), None);
    for (executor, format, bound) in formats {
        let options = options(executor, format);
        let mut network =
            Network::load(Loaded::Embedder, &directory, &options, None).expect("loads");
        let cosine = least(&network.answer(&ask).expect("embeds"), &wanted);
        assert!(cosine >= bound, "{executor:?} as {format:?}: {cosine}");
    }
}
