//! Turns of positions, scaled in every way that is known.

use serde_json::{Value, json};

use super::*;

/// Positions of heads of 8 numbers in a model of 64 positions.
fn read(config: &Value, architecture: Architecture) -> Result<Rope> {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let path = directory.path().join("config.json");
    std::fs::write(&path, config.to_string()).expect("writable");
    let fields = Fields::read(&path)?;
    Rope::read(&fields, architecture, 8, 64).map(|(rope, _)| rope)
}

fn near(found: &[f32], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len());
    for (one, other) in found.iter().zip(wanted) {
        assert!(
            (f64::from(*one) / other - 1.0).abs() < 1e-6,
            "{found:?} {wanted:?}"
        );
    }
}

#[test]
fn turns_slow_down_by_powers_of_theta() {
    let rope = read(&json!({"rope_theta": 10000.0}), Architecture::Llama).expect("reads");
    near(&rope.frequencies(1), &[1.0, 0.1, 0.01, 0.001]);
    assert_eq!(
        (
            rope.rotary_width(),
            rope.attention_factor(9),
            rope.regime(999)
        ),
        (8, 1.0, 0)
    );
}

#[test]
fn dynamic_positions_slow_down_with_the_length_once_it_is_beyond_theirs() {
    let config = json!({"rope_scaling": {"type": "dynamic", "factor": 2.0}});
    let rope = read(&config, Architecture::Llama).expect("reads");
    near(&rope.frequencies(64), &[1.0, 0.1, 0.01, 0.001]);
    assert_eq!(
        (rope.regime(64), rope.regime(65), rope.reach(64)),
        (0, Rope::ALONE, 128)
    );
    // Twice as long: the base grows by 3 to the power of 8/6.
    let theta = 10_000.0 * 3.0_f64.powf(8.0 / 6.0);
    let wanted: Vec<f64> = (0..4)
        .map(|pair| theta.powf(-f64::from(pair) / 4.0))
        .collect();
    near(&rope.frequencies(128), &wanted);
}

#[test]
fn yarn_leaves_fast_turns_and_stretches_slow_ones() {
    let config = json!({"rope_parameters": {
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 32,
        "beta_fast": 4.0, "beta_slow": 1.0,
    }});
    let rope = read(&config, Architecture::Qwen2).expect("reads");
    let found = rope.frequencies(1);
    near(&found[..1], &[1.0]);
    near(&found[2..], &[0.01 / 4.0, 0.001 / 4.0]);
    assert!((rope.attention_factor(1) - (0.1 * 4.0_f32.ln() + 1.0)).abs() < 1e-6);
    assert_eq!(rope.reach(64), 128);
}

#[test]
fn longrope_has_one_set_of_factors_for_short_texts_and_one_for_long_ones() {
    let config = json!({
        "original_max_position_embeddings": 16, "partial_rotary_factor": 0.5,
        "rope_scaling": {"type": "su", "short_factor": [1.0, 2.0], "long_factor": [4.0, 8.0]},
    });
    let rope = read(&config, Architecture::Phi3).expect("reads");
    assert_eq!(rope.rotary_width(), 4);
    near(&rope.frequencies(16), &[1.0, 0.01 / 2.0]);
    near(&rope.frequencies(17), &[1.0 / 4.0, 0.01 / 8.0]);
    assert_eq!((rope.regime(16), rope.regime(17)), (0, 1));
    let factor = (1.0 + 4.0_f64.ln() / 16.0_f64.ln()).sqrt();
    assert!((f64::from(rope.attention_factor(1)) - factor).abs() < 1e-6);
}

#[test]
fn what_a_kind_of_positions_lacks_is_named() {
    let said = |config: Value, architecture| {
        read(&config, architecture)
            .expect_err("must be refused")
            .to_string()
    };
    let longrope =
        json!({"rope_scaling": {"type": "longrope", "short_factor": [1.0], "long_factor": [1.0]}});
    let text = said(longrope, Architecture::Phi3);
    assert!(
        text.contains("rope_scaling.short_factor: holds 1 numbers; it must hold 4"),
        "{text}"
    );
    let linear = json!({"rope_scaling": {"type": "linear", "factor": -1}});
    let text = said(linear, Architecture::Llama);
    assert!(
        text.contains("rope_scaling.factor: is -1; it must be above 0"),
        "{text}"
    );
    let text = said(json!({"rope_theta": 0}), Architecture::Llama);
    assert!(
        text.contains("rope_theta: is 0; it must be above 0"),
        "{text}"
    );
    let odd = json!({"partial_rotary_factor": 0.4});
    let text = said(odd, Architecture::Phi3);
    assert!(text.contains("leaves 3 of 8 numbers to turn"), "{text}");
}
