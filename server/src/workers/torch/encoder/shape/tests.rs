//! Encoders out of `config.json`.

use super::*;

fn shape(config: &str) -> Result<Shape> {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    std::fs::write(directory.path().join("config.json"), config).expect("writable");
    Shape::read(directory.path())
}

const ROBERTA: &str = r#"{"model_type": "xlm-roberta", "hidden_size": 8, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 66, "vocab_size": 10,
    "type_vocab_size": 1, "pad_token_id": 1}"#;
const MODERN: &str = r#"{"model_type": "modernbert", "hidden_size": 8, "num_hidden_layers": 4,
    "num_attention_heads": 2, "intermediate_size": 12, "max_position_embeddings": 64, "vocab_size": 10,
    "position_embedding_type": "absolute", "local_attention": 6, "global_attn_every_n_layers": 3,
    "global_rope_theta": 80000.0}"#;

#[test]
fn robertas_window_ends_before_the_table_does() {
    let shape = shape(ROBERTA).expect("known");
    assert_eq!(shape.window, 64);
    assert_eq!(
        shape.positions,
        Positions::Learned {
            rows: 66,
            padding: Some(1)
        }
    );
}

#[test]
fn modernberts_layers_alternate_between_all_and_the_surroundings() {
    let shape = shape(MODERN).expect("known");
    assert_eq!(shape.layers, [None, Some(3), Some(3), None]);
    let bases = Positions::Rotary {
        global: 80_000.0,
        local: 10_000.0,
    };
    assert_eq!(shape.positions, bases);
    assert!(!shape.norm_bias && shape.is_gated() && shape.is_pre_norm());
}

#[test]
fn todays_spelling_of_ropes_and_layers_counts_before_the_published_one() {
    let config = MODERN.replace(
        "\"local_attention\"",
        "\"layer_types\": [\"sliding_attention\", \"full_attention\", \"full_attention\", \"full_attention\"], \
         \"rope_parameters\": {\"sliding_attention\": {\"rope_type\": \"default\", \"rope_theta\": 5.0}, \
         \"full_attention\": {\"rope_theta\": 7.0}}, \"local_attention\"",
    );
    let shape = shape(&config).expect("known");
    assert_eq!(shape.layers, [Some(3), None, None, None]);
    let bases = Positions::Rotary {
        global: 7.0,
        local: 5.0,
    };
    assert_eq!(shape.positions, bases);
}

#[test]
fn what_is_not_known_is_named_with_what_is() {
    let refused = |from: &str, to: &str| {
        shape(&ROBERTA.replace(from, to))
            .expect_err("it cannot be run")
            .to_string()
    };
    let error = refused("xlm-roberta", "t5");
    assert!(
        error.contains("model_type: 't5'") && error.contains("modernbert"),
        "{error}"
    );
    let error = refused("\"num_attention_heads\": 2", "\"num_attention_heads\": 3");
    assert!(
        error.contains("num_attention_heads: is 3") && error.contains('8'),
        "{error}"
    );
    let error = refused(
        "\"pad_token_id\": 1",
        "\"pad_token_id\": 1, \"hidden_act\": \"mish\"",
    );
    assert!(error.contains("hidden_act: 'mish'"), "{error}");
    let error = refused(
        "\"max_position_embeddings\": 66",
        "\"max_position_embeddings\": 2",
    );
    assert!(error.contains("max_position_embeddings: is 2"), "{error}");
    let error = refused("\"pad_token_id\": 1", "\"is_decoder\": true");
    assert!(error.contains("is_decoder"), "{error}");
}
