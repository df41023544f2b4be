//! Which files of a repository a model is: many hold the same weights several times over, in forms we do not read.

use std::collections::BTreeSet;

/// One file with all weights.
pub(super) const WHOLE: &str = "model.safetensors";
/// The list of files that the weights are in.
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// Files beside the weights, taken where they are.
const SMALL: [&str; 13] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "LICENSE",
    INDEX,
];

/// The files beside the weights, of those that a repository lists.
pub(super) fn small(listed: &BTreeSet<String>) -> Vec<String> {
    listed
        .iter()
        .filter(|name| SMALL.contains(&name.as_str()) || is_module(name))
        .cloned()
        .collect()
}

/// A file of a module that an encoder's output goes through, as `1_Pooling/config.json`.
fn is_module(name: &str) -> bool {
    let Some((folder, file)) = name.split_once('/') else {
        return false;
    };
    let Some((number, kind)) = folder.split_once('_') else {
        return false;
    };
    !number.is_empty()
        && number.chars().all(|sign| sign.is_ascii_digit())
        && !kind.is_empty()
        && kind.chars().all(|sign| sign.is_ascii_alphanumeric())
        && matches!(file, "config.json" | WHOLE)
}

/// The files that hold the weights, by the index where there is one.
///
/// # Errors
/// Why there are none that can be read.
pub(super) fn weights(
    listed: &BTreeSet<String>,
    index: Option<&[u8]>,
) -> Result<Vec<String>, String> {
    let Some(index) = index else {
        if listed.contains(WHOLE) {
            return Ok(vec![WHOLE.to_owned()]);
        }
        return Err(
            "it holds no weights as safetensors; choose a model that has model.safetensors"
                .to_owned(),
        );
    };
    let index: serde_json::Value = serde_json::from_slice(index)
        .map_err(|error| format!("its {INDEX} is no JSON: {error}"))?;
    let map = index["weight_map"].as_object();
    let names: BTreeSet<&str> = map
        .into_iter()
        .flat_map(serde_json::Map::values)
        .filter_map(serde_json::Value::as_str)
        .collect();
    // A name that is listed and plain leads nowhere else.
    let strange = names
        .iter()
        .find(|name| name.contains(['/', '\\']) || !listed.contains(**name));
    match strange {
        Some(name) => Err(format!(
            "its {INDEX} names '{name}', which it does not hold"
        )),
        None if names.is_empty() => Err(format!("its {INDEX} names no files")),
        None => Ok(names.into_iter().map(str::to_owned).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn only_what_is_read_is_taken() {
        let listed = listed(&[
            ".gitattributes",
            "1_Pooling/config.json",
            "2_Dense/model.safetensors",
            "2_Dense/pytorch_model.bin",
            "README.md",
            "config.json",
            "onnx/model.onnx",
            "original/consolidated.safetensors",
            "pytorch_model.bin",
            "tokenizer.json",
            "../config.json",
            "x_y/config.json",
        ]);
        assert_eq!(
            small(&listed),
            [
                "1_Pooling/config.json",
                "2_Dense/model.safetensors",
                "config.json",
                "tokenizer.json"
            ]
        );
    }

    #[test]
    fn weights_are_one_file_or_those_of_the_index() {
        assert_eq!(weights(&listed(&[WHOLE]), None), Ok(vec![WHOLE.to_owned()]));
        let said = weights(&listed(&["pytorch_model.bin"]), None).expect_err("none");
        assert!(said.contains("no weights as safetensors"), "{said}");
        let shards = listed(&["a.safetensors", "b.safetensors", WHOLE]);
        let index = br#"{"weight_map": {"x": "b.safetensors", "y": "a.safetensors", "z": "a.safetensors"}}"#;
        assert_eq!(
            weights(&shards, Some(index)).expect("two"),
            ["a.safetensors", "b.safetensors"]
        );
        for bad in [
            &br#"{"weight_map": {"x": "../a.safetensors"}}"#[..],
            br#"{"weight_map": {"x": "c.safetensors"}}"#,
            br#"{"weight_map": {}}"#,
            b"no JSON",
        ] {
            weights(&shards, Some(bad)).expect_err("is refused");
        }
    }
}
