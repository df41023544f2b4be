//! Encoders and cross-encoders: their states, vectors and scores beside those of their Python twins.
//!
//! The tiny models are made by `tests/python/make_encoders.py`.

mod minilm;

use std::path::{Path, PathBuf};

use serde_json::Value;
use tidegate_kernels::Format;
use tidegate_schema::Error;

use super::{cosine, floats, made_by};
use crate::workers::{
    Embedder as _, ModelKind, ModelMetadata, Reranker as _,
    torch::{
        TorchEmbedder,
        encoder::{Ask, Loaded, Network, TorchReranker},
        llm::{Executor, Options},
    },
};

const EMBEDDERS: [&str; 7] = [
    "bert",
    "bert-dense",
    "roberta",
    "xlm-roberta",
    "distilbert",
    "modernbert",
    "modernbert-biased",
];
const RERANKERS: [&str; 6] = [
    "bert-reranker",
    "roberta-reranker",
    "xlm-roberta-reranker",
    "distilbert-reranker",
    "modernbert-reranker",
    "modernbert-reranker-mean",
];

/// The directory of tiny models.
fn made() -> Option<PathBuf> {
    made_by("make_encoders.py")
}

/// One thread: tests run side by side, and more threads than cores would only fight.
fn options(executor: Executor, format: Format) -> Options {
    Options {
        executor,
        format: Some(format),
        threads: 1,
        ..Options::default()
    }
}

fn load(what: Loaded, directory: &Path, executor: Executor) -> Network {
    Network::load(what, directory, &options(executor, Format::F32), None)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
}

fn asked(made: &Path, field: &str) -> Value {
    let text = std::fs::read(made.join("texts.json")).expect("made by the script");
    let mut value: Value = serde_json::from_slice(&text).expect("JSON");
    value[field].take()
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().expect("a list");
    list.iter()
        .map(|text| text.as_str().expect("a text").to_owned())
        .collect()
}

fn vectors_of(texts: &[String], prompt: Option<&str>) -> Ask {
    Ask::Vectors {
        texts: texts.to_vec(),
        prompt: prompt.map(str::to_owned),
    }
}

fn farthest(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    let apart = one.iter().zip(other).map(|(a, b)| (a - b).abs());
    // A number that is none is as far as can be.
    apart.fold(0.0, |most, off| {
        if off > most || off.is_nan() {
            off
        } else {
            most
        }
    })
}

/// The least cosine of vectors, `wanted` being one after the other.
fn least(found: &[Vec<f32>], wanted: &[f32]) -> f64 {
    let width = wanted.len() / found.len();
    found
        .iter()
        .zip(wanted.chunks(width))
        .map(|(ours, theirs)| {
            let length: f64 = ours.iter().map(|x| f64::from(x * x)).sum();
            assert!((length - 1.0).abs() < 1e-5, "unit length");
            cosine(ours, theirs)
        })
        .fold(1.0, f64::min)
}

#[test]
fn encoders_embed_as_transformers_does() {
    let Some(made) = made() else { return };
    let _guard = tch::no_grad_guard();
    tch::set_num_threads(1);
    let texts = strings(&asked(&made, "texts"));
    for name in EMBEDDERS {
        let directory = made.join(name);
        let expected = directory.join("expected.safetensors");
        let (_, states) = floats(&expected, "states");
        let (_, vectors) = floats(&expected, "vectors");
        for executor in [Executor::Native, Executor::Torch] {
            let mut network = load(Loaded::Embedder, &directory, executor);
            let found = network.states_of(&texts).expect("runs");
            let off = farthest(&found, &states);
            assert!(off <= 1e-4, "{name} on {executor:?}: states {off} away");
            let found = network.answer(&vectors_of(&texts, None)).expect("runs");
            let off = farthest(&found.concat(), &vectors);
            assert!(off <= 1e-4, "{name} on {executor:?}: vectors {off} away");
            let cosine = least(&found, &vectors);
            assert!(cosine >= 0.99999, "{name} on {executor:?}: {cosine}");
        }
    }
}

#[test]
fn a_text_gets_the_same_numbers_alone_and_among_others() {
    let Some(made) = made() else { return };
    let _guard = tch::no_grad_guard();
    let texts = strings(&asked(&made, "texts"));
    for name in EMBEDDERS {
        let mut network = load(Loaded::Embedder, &made.join(name), Executor::Native);
        let together = network.answer(&vectors_of(&texts, None)).expect("runs");
        for (text, among) in texts.iter().zip(together) {
            let one = std::slice::from_ref(text);
            let alone = network.answer(&vectors_of(one, None)).expect("runs");
            assert_eq!(alone, [among], "{name}: {text}");
        }
    }
}

#[test]
fn prompts_stand_before_texts_and_outside_of_their_vectors_where_the_model_says_so() {
    let Some(made) = made() else { return };
    let _guard = tch::no_grad_guard();
    let directory = made.join("bert-dense");
    let texts = strings(&asked(&made, "texts"));
    let (_, wanted) = floats(&directory.join("expected.safetensors"), "prompted");
    let mut network = load(Loaded::Embedder, &directory, Executor::Native);
    let found = network
        .answer(&vectors_of(&texts, Some("query")))
        .expect("runs");
    let off = farthest(&found.concat(), &wanted);
    assert!(off <= 1e-4, "{off} away");
    let refused = network.answer(&vectors_of(&texts, Some("title")));
    let Err(Error::Invalid { field, reason }) = refused else {
        panic!("there is no such prompt")
    };
    assert!(
        field == "prompt" && reason.contains("document, query"),
        "{reason}"
    );
}

#[test]
fn cross_encoders_score_as_transformers_does() {
    let Some(made) = made() else { return };
    let _guard = tch::no_grad_guard();
    tch::set_num_threads(1);
    let pairs = asked(&made, "pairs");
    for name in RERANKERS {
        let directory = made.join(name);
        let (_, wanted) = floats(&directory.join("expected.safetensors"), "scores");
        for executor in [Executor::Native, Executor::Torch] {
            let mut network = load(Loaded::Reranker, &directory, executor);
            for (pair, wanted) in pairs.as_array().expect("a list").iter().zip(&wanted) {
                let [query, document] = <[String; 2]>::try_from(strings(pair)).expect("two");
                let ask = Ask::Scores {
                    query,
                    documents: vec![document],
                };
                let found = network.answer(&ask).expect("runs").concat();
                let off = farthest(&found, &[*wanted]);
                assert!(off <= 1e-4, "{name} on {executor:?}: {pair}: {off} away");
            }
        }
    }
}

/// A copy of a model whose `config.json` was changed.
fn altered(directory: &Path, change: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("the temporary directory is writable");
    for file in std::fs::read_dir(directory).expect("made by the script") {
        let path = file.expect("readable").path();
        if path.is_file() {
            let name = path.file_name().expect("a file");
            std::fs::copy(&path, copy.path().join(name)).expect("writable");
        }
    }
    let path = copy.path().join("config.json");
    let text = std::fs::read(&path).expect("made by the script");
    let mut config: Value = serde_json::from_slice(&text).expect("JSON");
    change(&mut config);
    std::fs::write(&path, config.to_string()).expect("writable");
    copy
}

#[test]
fn directories_that_cannot_be_used_are_refused_with_what_and_where() {
    let Some(made) = made() else { return };
    let refused = |what: Loaded, name: &str, change: fn(&mut Value)| {
        let copy = altered(&made.join(name), change);
        let options = options(Executor::Native, Format::F32);
        let Err(error) = Network::load(what, copy.path(), &options, None) else {
            panic!("{name} must be refused")
        };
        error.to_string()
    };
    let embedder = |change: fn(&mut Value)| refused(Loaded::Embedder, "bert", change);
    let said = embedder(|config| config["model_type"] = "electra".into());
    assert!(
        said.contains("model_type: 'electra'") && said.contains("bert, roberta"),
        "{said}"
    );
    let said = embedder(|config| config["vocab_size"] = 10.into());
    assert!(
        said.contains("tokenizer.json") && said.contains("vocab_size 10"),
        "{said}"
    );
    let said = embedder(|config| config["hidden_size"] = 44.into());
    assert!(said.contains("asks for [") && said.contains("44"), "{said}");
    let said = embedder(|config| config["num_hidden_layers"] = 4.into());
    assert!(said.contains("encoder.layer.3."), "{said}");
    let said = refused(Loaded::Reranker, "bert", |_| ());
    assert!(said.contains("architectures: is BertModel"), "{said}");
    let said = refused(Loaded::Reranker, "bert", |config| {
        config["architectures"] = serde_json::json!(["BertForSequenceClassification"]);
        config["id2label"] = serde_json::json!({"0": "fits"});
    });
    assert!(said.contains("has no tensor 'classifier.weight'"), "{said}");
    let said = refused(Loaded::Reranker, "roberta-reranker", |config| {
        config["id2label"] = serde_json::json!({"0": "no", "1": "perhaps", "2": "yes"});
    });
    assert!(
        said.contains("id2label: has the labels no, perhaps, yes"),
        "{said}"
    );
}

#[tokio::test]
async fn behind_the_seam_a_reranker_ranks_and_refuses_a_query_that_fills_its_window() {
    let Some(made) = made() else { return };
    let metadata = ModelMetadata::new("rank", ModelKind::Reranker);
    let options = options(Executor::Native, Format::F32);
    let directory = made.join("bert-reranker");
    let model = TorchReranker::load(metadata, &directory, &options).expect("loads");
    let told = model.metadata();
    assert_eq!(
        (told.context_length, told.dtype.as_deref()),
        (Some(64), Some("f32"))
    );
    let documents = vec!["orders".to_owned(), "a lazy dog".to_owned()];
    let scores = model
        .rerank("orders per city".to_owned(), documents.clone())
        .await
        .expect("scores");
    assert!(scores.len() == 2 && scores.iter().all(|score| (0.0..=1.0).contains(score)));
    let long = "orders ".repeat(100);
    let refused = model.rerank(long, documents).await;
    let Err(Error::Invalid { field, reason }) = refused else {
        panic!("no document would be read")
    };
    assert!(
        field == "query" && reason.contains("61 of query and document"),
        "{reason}"
    );
    let nothing = model.rerank("orders".to_owned(), Vec::new()).await;
    assert!(nothing.expect("nothing to score").is_empty());
}

#[tokio::test]
async fn behind_the_seam_requests_of_all_sizes_are_answered_side_by_side() {
    let Some(made) = made() else { return };
    let metadata = ModelMetadata::new("embed", ModelKind::Embedding);
    let options = options(Executor::Native, Format::F32);
    let model = TorchEmbedder::load(metadata, &made.join("bert"), &options, None).expect("loads");
    let many: Vec<String> = (0..600).map(|at| format!("orders of city {at}")).collect();
    let few = vec!["orders of city 7".to_owned()];
    let (many, few) = tokio::join!(model.embed(many, None), model.embed(few, None));
    let (many, few) = (many.expect("embeds"), few.expect("embeds"));
    assert_eq!(many.len(), 600);
    assert_eq!(few, [many[7].clone()], "alone or among others");
    let nothing = model
        .embed(Vec::new(), None)
        .await
        .expect("nothing to embed");
    assert!(nothing.is_empty());
}
