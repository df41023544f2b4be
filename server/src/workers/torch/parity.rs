//! What this room computes against what transformers computes, on tiny models with random weights.
//!
//! The models are made by scripts in `tests/python`, so these tests need a Python with transformers, named by
//! `TIDEGATE_TEST_PYTHON` (`cargo xtask test` provisions one). Without it they are skipped on a developer's
//! machine and fail in CI.

mod answers;
mod batches;
mod decoders;
mod encoders;
mod executors;
mod forms;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use safetensors::SafeTensors;
use serde_json::Value;

/// The Python to compare with, unless there is none and that is allowed.
fn python() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("TIDEGATE_TEST_PYTHON") {
        return Some(PathBuf::from(path));
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "TIDEGATE_TEST_PYTHON is not set; `cargo xtask test` provisions a Python with transformers"
    );
    eprintln!("skipped: TIDEGATE_TEST_PYTHON is not set");
    None
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/python")
        .join(name)
}

fn run(python: &Path, script: &Path, arguments: &[&Path]) {
    let output = Command::new(python)
        .arg(script)
        .args(arguments)
        .output()
        .expect("Python starts");
    assert!(
        output.status.success(),
        "{}: {}",
        script.display(),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The directory of the decoders.
fn checkpoints() -> Option<PathBuf> {
    made_by("make_checkpoints.py")
}

/// What a script of `tests/python` makes in the directory it is given. It is made once and kept under the script's
/// own fingerprint; each test is a process of its own, so a lock keeps two from making it at the same time.
fn made_by(script_name: &str) -> Option<PathBuf> {
    let python = python()?;
    let script = script(script_name);
    let source = std::fs::read(&script).expect("the script is committed");
    let fingerprint = hex::encode(&<sha2::Sha256 as sha2::Digest>::digest(&source)[..8]);
    let made = std::env::temp_dir().join(format!("tidegate-checkpoints-{fingerprint}"));
    let lock = std::fs::File::create(made.with_extension("lock"))
        .expect("the temporary directory is writable");
    lock.lock().expect("locks work");
    if !made.is_dir() {
        let fresh = tempfile::tempdir_in(std::env::temp_dir())
            .expect("the temporary directory is writable");
        run(&python, &script, &[fresh.path()]);
        std::fs::rename(fresh.keep(), &made).expect("one file system");
    }
    Some(made)
}

fn expected(directory: &Path) -> Value {
    let text = std::fs::read(directory.join("expected.json")).expect("made by the script");
    serde_json::from_slice(&text).expect("JSON")
}

fn ids(value: &Value) -> Vec<u32> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(|id| id.as_u64().expect("an id") as u32)
        .collect()
}

fn floats(path: &Path, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(path).expect("made by the script");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let view = file.tensor(name).expect("the tensor");
    let values = view
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    (view.shape().to_vec(), values)
}

/// Cosine of the angle between two vectors.
fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}
