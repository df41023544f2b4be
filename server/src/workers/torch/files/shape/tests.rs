//! Decoders out of `config.json`.

use serde_json::{Value, json};

use super::*;

fn read(change: impl FnOnce(&mut Value)) -> Result<Shape> {
    let mut config = json!({
        "model_type": "llama", "hidden_size": 64, "num_attention_heads": 8, "num_hidden_layers": 2,
        "intermediate_size": 128, "vocab_size": 100, "max_position_embeddings": 512,
    });
    change(&mut config);
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    std::fs::write(directory.path().join("config.json"), config.to_string()).expect("writable");
    Shape::read(directory.path())
}

fn complaint(change: impl FnOnce(&mut Value)) -> String {
    read(change).expect_err("must be refused").to_string()
}

/// Windows of the layers.
fn windows(change: impl FnOnce(&mut Value)) -> Vec<Option<usize>> {
    let shape = read(change).expect("reads");
    shape.layers.iter().map(|layer| layer.window).collect()
}

#[test]
fn reads_older_and_newer_ways_of_saying_positions_and_dtypes() {
    let older = read(|c| {
        c["rope_theta"] = json!(5e5);
        c["rope_scaling"] = json!({"type": "linear", "factor": 2.0});
        c["torch_dtype"] = json!("bfloat16");
    })
    .expect("reads");
    let newer = read(|c| {
        c["rope_parameters"] = json!({"rope_type": "linear", "rope_theta": 5e5, "factor": 2.0});
        c["dtype"] = json!("bfloat16");
    })
    .expect("reads");
    assert_eq!(older.ropes, newer.ropes);
    assert_eq!(
        (older.dtype, newer.dtype),
        (Some(Kind::BFloat16), Some(Kind::BFloat16))
    );
    assert_ne!(older.ropes, read(|_| ()).expect("reads").ropes);
}

#[test]
fn errors_name_file_field_and_what_is_known() {
    let unknown = complaint(|c| c["model_type"] = json!("gpt2"));
    assert!(
        unknown.ends_with(
            "config.json: model_type: 'gpt2' is not known; known here are llama, mistral, qwen2, qwen3, gemma2, \
             gemma3_text, gemma3, phi3"
        ),
        "{unknown}"
    );
    let cases: [(&str, Value, &str); 13] = [
        ("hidden_size", json!(-3), "config.json: hidden_size: is -3"),
        (
            "num_key_value_heads",
            json!(3),
            "config.json: num_key_value_heads: is 3; 8 query heads",
        ),
        (
            "hidden_act",
            json!("relu"),
            "config.json: hidden_act: 'relu'",
        ),
        (
            "num_attention_heads",
            json!(7),
            "config.json: hidden_size: 64 is not a multiple of 7",
        ),
        (
            "head_dim",
            json!(15),
            "config.json: head_dim: is 15; positions need an even width",
        ),
        (
            "hidden_size",
            json!(1_u64 << 33),
            "config.json: hidden_size: is 8589934592; no model",
        ),
        (
            "num_hidden_layers",
            json!(5000),
            "config.json: num_hidden_layers: is 5000",
        ),
        (
            "rope_scaling",
            json!({"rope_type": "spiral"}),
            "config.json: rope_scaling.rope_type: 'spiral'",
        ),
        (
            "rope_scaling",
            json!({"rope_type": "llama3", "factor": 0}),
            "config.json: rope_scaling.low_freq_factor: is missing",
        ),
        (
            "partial_rotary_factor",
            json!(0.5),
            "config.json: partial_rotary_factor: is 0.5; of the architectures",
        ),
        (
            "quantization_config",
            json!({"quant_method": "gptq"}),
            "config.json: quantization_config: weights quantised by gptq",
        ),
        (
            "eos_token_id",
            json!([1, "x"]),
            "config.json: eos_token_id: holds \"x\"",
        ),
        (
            "dtype",
            json!("float8"),
            "config.json: dtype: 'float8' is not known",
        ),
    ];
    for (field, value, wanted) in cases {
        let said = complaint(|c| c[field] = value);
        assert!(said.contains(wanted), "{said}");
    }
    let said = complaint(|c| drop(c.as_object_mut().expect("an object").remove("vocab_size")));
    assert!(
        said.contains("config.json: vocab_size: is missing"),
        "{said}"
    );
    let nowhere = Shape::read(Path::new("/nonexistent"))
        .expect_err("no such directory")
        .to_string();
    assert!(
        nowhere.contains("Hugging Face model directory"),
        "{nowhere}"
    );
}

#[test]
fn layers_slide_where_their_architecture_lets_them() {
    let sliding = |name: &'static str| {
        move |c: &mut Value| {
            c["model_type"] = json!(name);
            c["sliding_window"] = json!(128);
        }
    };
    assert_eq!(windows(sliding("llama")), [None, None]);
    assert_eq!(windows(sliding("mistral")), [Some(128), Some(128)]);
    assert_eq!(windows(sliding("phi3")), [Some(128), Some(128)]);
    assert_eq!(windows(sliding("qwen2")), [None, None]);
    assert_eq!(windows(sliding("gemma2")), [Some(128), None]);
    let used = |c: &mut Value| {
        sliding("qwen2")(c);
        c["use_sliding_window"] = json!(true);
        c["max_window_layers"] = json!(1);
    };
    assert_eq!(windows(used), [None, Some(128)]);
    let listed = |c: &mut Value| {
        used(c);
        c["layer_types"] = json!(["sliding_attention", "full_attention"]);
    };
    assert_eq!(windows(listed), [Some(128), None]);
    let gemma3 = |c: &mut Value| {
        sliding("gemma3_text")(c);
        c["num_hidden_layers"] = json!(7);
        c["sliding_window_pattern"] = json!(3);
    };
    let wide: Vec<usize> = windows(gemma3)
        .iter()
        .enumerate()
        .filter(|(_, window)| window.is_none())
        .map(|(index, _)| index)
        .collect();
    assert_eq!(wide, [2, 5]);
    // Null says there is none; silence means the usual one.
    let usual = |c: &mut Value| c["model_type"] = json!("mistral");
    assert_eq!(windows(usual), [Some(4096), Some(4096)]);
    assert_eq!(
        windows(|c| {
            usual(c);
            c["sliding_window"] = Value::Null;
        }),
        [None, None]
    );
}

#[test]
fn windows_and_layer_types_that_contradict_are_refused() {
    let said = complaint(|c| {
        c["model_type"] = json!("mistral");
        c["sliding_window"] = json!(0);
    });
    assert!(
        said.contains("sliding_window: is 0; it must be a whole number above 0"),
        "{said}"
    );
    let qwen = |types: Value| {
        complaint(move |c| {
            c["model_type"] = json!("qwen2");
            c["layer_types"] = types;
        })
    };
    let said = qwen(json!(["full_attention"]));
    assert!(
        said.contains("layer_types: names 1 layers, but num_hidden_layers is 2"),
        "{said}"
    );
    let said = qwen(json!(["full_attention", "sliding_attention"]));
    assert!(said.contains("no sliding_window in use"), "{said}");
    let said = qwen(json!(["full_attention", "chunked_attention"]));
    assert!(said.contains("'chunked_attention' is not known"), "{said}");
}

#[test]
fn a_model_that_sees_is_read_as_the_text_model_within() {
    let shape = read(|c| {
        *c = json!({
            "model_type": "gemma3", "eos_token_id": [1, 106], "torch_dtype": "bfloat16",
            "vision_config": {"hidden_size": 3},
            "text_config": {
                "model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34,
                "sliding_window": 1024, "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
            },
        });
    })
    .expect("reads");
    assert_eq!((shape.heads, shape.kv_heads, shape.head_width), (8, 4, 256));
    assert_eq!((shape.vocabulary, shape.window), (262_208, 131_072));
    assert!(shape.tied && shape.sandwich && shape.query_key_norm && shape.centred_norms);
    assert_eq!(shape.ends, [1, 106]);
    // 50.596… as bf16 holds it.
    assert_eq!(shape.embedding_scale, Some(50.5));
    assert_eq!(shape.query_scale, 1.0 / 16.0);
    assert_eq!((shape.attention_cap, shape.score_cap), (None, None));
    assert_eq!(
        shape.layers[0],
        LayerShape {
            window: Some(1024),
            rope: 1
        }
    );
    assert_eq!(
        shape.layers[5],
        LayerShape {
            window: None,
            rope: 0
        }
    );
    let slowest = |rope: &Rope| rope.frequencies(1)[1];
    assert!(slowest(&shape.ropes[0]) < slowest(&shape.ropes[1]) / 4.0);
}

#[test]
fn gemma2_caps_and_scales_unless_it_says_otherwise() {
    let gemma = |c: &mut Value| {
        c["model_type"] = json!("gemma2");
        c["query_pre_attn_scalar"] = json!(64);
    };
    let shape = read(gemma).expect("reads");
    assert_eq!(
        (shape.attention_cap, shape.score_cap),
        (Some(50.0), Some(30.0))
    );
    assert_eq!(
        (shape.query_scale, shape.embedding_scale),
        (0.125, Some(8.0))
    );
    assert_eq!(shape.activation, Activation::GeluTanh);
    let shape = read(|c| {
        gemma(c);
        c["attn_logit_softcapping"] = Value::Null;
        c["final_logit_softcapping"] = json!(7.0);
    })
    .expect("reads");
    assert_eq!((shape.attention_cap, shape.score_cap), (None, Some(7.0)));
}

#[test]
fn a_tokenizer_with_more_tokens_than_rows_is_refused_with_both_figures() {
    let shape = read(|c| c["vocab_size"] = json!(3)).expect("reads");
    let tokenizer = |count: usize| {
        let vocabulary: Value = (0..count).map(|id| (format!("t{id}"), json!(id))).collect();
        let text = json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "pre_tokenizer": null,
            "post_processor": null, "decoder": null,
            "added_tokens": [{
                "id": count, "content": "<image>", "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true,
            }],
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "t0"},
        });
        Tokenizer::from_bytes(text.to_string()).expect("a tokenizer")
    };
    let directory = Path::new("model");
    shape
        .check_tokenizer(directory, &tokenizer(3))
        .expect("the mark beyond does not count");
    let said = shape
        .check_tokenizer(directory, &tokenizer(5))
        .expect_err("two too many")
        .to_string();
    assert!(
        said.contains("tokens up to 4, but config.json says vocab_size 3"),
        "{said}"
    );
}
