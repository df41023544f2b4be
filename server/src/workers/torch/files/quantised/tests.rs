//! A model of a few hundred weights, quantised, read again, spoilt.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, tensor::TensorView};
use serde_json::json;
use tempfile::TempDir;
use tidegate_kernels::{Format, Matrix};
use tidegate_schema::Error;

use super::{Quantised, file_name, quantise};
use crate::workers::torch::offline::{Made, Quantise};

const HIDDEN: usize = 16;
const QKV: &str = "model.layers.0.self_attn.qkv_proj";

/// Numbers of a tensor: other ones for each seed, spread around nothing.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|at| ((at * 37 + seed * 101) % 113) as f32 / 113.0 - 0.5)
        .collect()
}

/// Every tensor of a llama of one layer with its shape.
fn tensors() -> Vec<(String, Vec<usize>)> {
    let layer = |name: &str| format!("model.layers.0.{name}.weight");
    vec![
        ("model.embed_tokens.weight".to_owned(), vec![40, HIDDEN]),
        ("model.norm.weight".to_owned(), vec![HIDDEN]),
        (layer("input_layernorm"), vec![HIDDEN]),
        (layer("post_attention_layernorm"), vec![HIDDEN]),
        (layer("self_attn.q_proj"), vec![HIDDEN, HIDDEN]),
        (layer("self_attn.k_proj"), vec![8, HIDDEN]),
        (layer("self_attn.v_proj"), vec![8, HIDDEN]),
        (layer("self_attn.o_proj"), vec![HIDDEN, HIDDEN]),
        (layer("mlp.gate_proj"), vec![24, HIDDEN]),
        (layer("mlp.up_proj"), vec![24, HIDDEN]),
        (layer("mlp.down_proj"), vec![HIDDEN, 24]),
    ]
}

fn write_weights(directory: &Path, seed: usize) {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors()
        .into_iter()
        .enumerate()
        .map(|(at, (name, shape))| {
            let numbers = numbers(shape.iter().product(), at + seed);
            let bytes = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            (name, shape, bytes)
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("as long as its shape");
        (name.clone(), view)
    });
    let file = safetensors::serialize(views.collect::<Vec<_>>(), None).expect("serialises");
    std::fs::write(directory.join("model.safetensors"), file).expect("writable");
}

fn model() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let config = json!({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": HIDDEN,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 24,
        "vocab_size": 40, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu",
        "tie_word_embeddings": true, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "eos_token_id": 1, "dtype": "float32",
    });
    std::fs::write(dir.path().join("config.json"), config.to_string()).expect("writable");
    write_weights(dir.path(), 0);
    dir
}

fn wanted(directory: &Path, format: &str) -> Quantise {
    Quantise {
        directory: directory.to_owned(),
        format: format.to_owned(),
        out: None,
        again: false,
    }
}

fn make(wanted: &Quantise) -> Made {
    quantise(wanted, &mut |_, _| ()).expect("is quantised")
}

fn opened(directory: &Path, format: Format) -> Option<Quantised> {
    Quantised::open(directory, format).expect("nothing is wrong")
}

fn row(matrix: &Matrix, row: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; matrix.columns()];
    matrix.row(row, &mut numbers);
    numbers
}

#[test]
fn what_is_read_is_what_quantising_while_loading_gives() {
    for format in [Format::Int8, Format::Int4] {
        let dir = model();
        assert!(opened(dir.path(), format).is_none());
        let mut steps = Vec::new();
        let made = quantise(&wanted(dir.path(), format.name()), &mut |done, all| {
            steps.push((done, all));
        })
        .expect("is quantised");
        // Embedding, queries with keys and values, output, gate with what it lets through, down.
        assert_eq!(made.matrices, 5);
        assert_eq!(steps, (0..=5).map(|done| (done, 5)).collect::<Vec<_>>());
        assert_eq!(made.path, dir.path().join(file_name(format)));
        assert_eq!(
            made.bytes,
            std::fs::metadata(&made.path).expect("there").len()
        );
        let read = opened(dir.path(), format).expect("it fits");
        let found = read.matrix(QKV).expect("no fault").expect("is in it");
        let whole: Vec<f32> = [(16, 4), (8, 5), (8, 6)]
            .into_iter()
            .flat_map(|(rows, seed)| numbers(rows * HIDDEN, seed))
            .collect();
        let fresh = Matrix::from_f32(format, 32, HIDDEN, &whole).expect("is rounded");
        assert_eq!((found.rows(), found.columns()), (32, HIDDEN));
        for at in 0..32 {
            assert_eq!(row(&found, at), row(&fresh, at));
        }
        assert!(read.matrix("lm_head").expect("no fault").is_none());
    }
}

#[test]
fn a_file_of_other_weights_or_a_damaged_one_is_not_used() {
    let dir = model();
    let made = make(&wanted(dir.path(), "int8"));
    write_weights(dir.path(), 1);
    assert!(opened(dir.path(), Format::Int8).is_none());
    write_weights(dir.path(), 0);
    assert!(opened(dir.path(), Format::Int8).is_some());
    assert!(opened(dir.path(), Format::Int4).is_none());

    let whole = std::fs::read(&made.path).expect("readable");
    std::fs::write(&made.path, &whole[..whole.len() - 1]).expect("writable");
    assert!(opened(dir.path(), Format::Int8).is_none());
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("not empty") ^= 1;
    std::fs::write(&made.path, flipped).expect("writable");
    let read = opened(dir.path(), Format::Int8).expect("its header is whole");
    let damaged = |name: &str| read.matrix(name).expect("no fault").is_none();
    assert!(!damaged(QKV));
    assert!(damaged("model.layers.0.mlp.down_proj"));
}

#[test]
fn what_fits_is_not_made_again_unless_asked() {
    let dir = model();
    make(&wanted(dir.path(), "int8"));
    let refused = quantise(&wanted(dir.path(), "int8"), &mut |_, _| ()).expect_err("is there");
    assert!(matches!(refused, Error::Conflict { .. }), "{refused}");
    make(&Quantise {
        again: true,
        ..wanted(dir.path(), "int8")
    });
    // What no longer fits is in nobody's way.
    write_weights(dir.path(), 2);
    make(&wanted(dir.path(), "int8"));
    assert!(opened(dir.path(), Format::Int8).is_some());
    let out = dir.path().join("elsewhere/below");
    let made = make(&Quantise {
        out: Some(out.clone()),
        ..wanted(dir.path(), "int8")
    });
    assert_eq!(made.path, out.join(file_name(Format::Int8)));
    let left: Vec<PathBuf> = std::fs::read_dir(&out)
        .expect("readable")
        .map(|entry| entry.expect("readable").path())
        .collect();
    assert_eq!(left, [made.path]);
}

#[test]
fn what_cannot_be_quantised_is_refused_with_the_field() {
    let dir = model();
    let said = |wanted: &Quantise| {
        quantise(wanted, &mut |_, _| ())
            .expect_err("is refused")
            .to_string()
    };
    let text = said(&wanted(dir.path(), "int2"));
    assert!(
        text.contains("to: 'int2'") && text.contains("int8 and int4"),
        "{text}"
    );
    let text = said(&wanted(&dir.path().join("none"), "int8"));
    assert!(text.contains("is no directory"), "{text}");
    std::fs::remove_file(dir.path().join("model.safetensors")).expect("removed");
    let text = said(&wanted(dir.path(), "int8"));
    assert!(text.contains("model.safetensors"), "{text}");
    let quantised = r#"{"model_type": "llama", "quantization_config": {"quant_method": "gptq"}}"#;
    std::fs::write(dir.path().join("config.json"), quantised).expect("writable");
    let text = said(&wanted(dir.path(), "int8"));
    assert!(text.contains("gptq"), "{text}");
}

#[test]
fn a_number_that_is_none_is_told_with_its_matrix_and_leaves_nothing_behind() {
    let dir = model();
    let path = dir.path().join("model.safetensors");
    let mut bytes = std::fs::read(&path).expect("readable");
    let end = bytes.len();
    // More than the norms hold, wherever they lie: a matrix is among what is spoilt.
    let nan = f32::NAN.to_le_bytes();
    for at in (end - 4 * 500..end).step_by(4) {
        bytes[at..at + 4].copy_from_slice(&nan);
    }
    std::fs::write(&path, bytes).expect("writable");
    let said = quantise(&wanted(dir.path(), "int4"), &mut |_, _| ())
        .expect_err("is refused")
        .to_string();
    assert!(
        said.contains("not finite") && said.contains("model."),
        "{said}"
    );
    let left = std::fs::read_dir(dir.path()).expect("readable").count();
    assert_eq!(left, 2, "the configuration and the weights");
}
