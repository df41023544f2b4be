//! Embeddings and scores of documents.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::seen::Seen;
use crate::checkpoint::Dice;

/// Numbers of a vector where the request does not say.
const WIDTH: u64 = 8;
/// Most of them.
const WIDEST: u64 = 4096;

/// One unit-length vector for each text; the same text, the same vector.
pub(super) fn embeddings(seen: &Seen) -> Value {
    let texts: Vec<String> = match &seen.body["input"] {
        Value::Array(items) if items.iter().any(Value::is_number) => {
            vec![seen.body["input"].to_string()]
        }
        Value::Array(items) => items
            .iter()
            .map(|item| {
                item.as_str()
                    .map_or_else(|| item.to_string(), str::to_owned)
            })
            .collect(),
        input => vec![input.as_str().unwrap_or_default().to_owned()],
    };
    let width = seen.number("dimensions").unwrap_or(WIDTH).clamp(1, WIDEST) as usize;
    let packed = seen.body["encoding_format"] == "base64";
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = vector(text, width);
            let embedding = if packed {
                let bytes: Vec<u8> = vector
                    .iter()
                    .flat_map(|number| number.to_le_bytes())
                    .collect();
                Value::String(STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let tokens: usize = texts
        .iter()
        .map(|text| text.split_whitespace().count().max(1))
        .sum();
    json!({
        "object": "list", "data": data, "model": seen.model(),
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    })
}

fn vector(text: &str, width: usize) -> Vec<f32> {
    let seed = text.bytes().fold(7_u64, |seed, byte| {
        seed.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let mut dice = Dice::new(seed);
    let numbers: Vec<f32> = (0..width)
        .map(|_| dice.below(2001) as f32 / 1000.0 - 1.0)
        .collect();
    let length = numbers
        .iter()
        .map(|number| number * number)
        .sum::<f32>()
        .sqrt()
        .max(f32::MIN_POSITIVE);
    numbers.iter().map(|number| number / length).collect()
}

/// The share of the query's words that a document has; the best first, as these routes answer.
pub(super) fn rerank(seen: &Seen) -> Value {
    let words = |text: &str| -> HashSet<String> {
        text.split_whitespace().map(str::to_lowercase).collect()
    };
    let query = words(seen.body["query"].as_str().unwrap_or_default());
    let documents = seen.body["documents"].as_array();
    let mut scored: Vec<(usize, f64, String)> = documents
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, document)| {
            let text = document.as_str().or_else(|| document["text"].as_str());
            let text = text.unwrap_or_default().to_owned();
            let shared = words(&text).intersection(&query).count();
            (index, shared as f64 / query.len().max(1) as f64, text)
        })
        .collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1));
    let most = seen
        .number("top_n")
        .map_or(scored.len(), |most| most as usize);
    let with_text = seen.body["return_documents"] == true;
    let results: Vec<Value> = scored
        .into_iter()
        .take(most)
        .map(|(index, score, text)| {
            let mut row = json!({"index": index, "relevance_score": score});
            if with_text {
                row["document"] = json!({"text": text});
            }
            row
        })
        .collect();
    json!({
        "id": "rerank-mock", "model": seen.model(), "results": results,
        "usage": {"total_tokens": seen.prompt_tokens()},
    })
}
