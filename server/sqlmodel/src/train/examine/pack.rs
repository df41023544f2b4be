//! The sentence encoder, packed small.

use std::path::Path;

use half::f16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{net::NetError, train::write};

/// Copies an encoder's folder, its weights in half precision.
pub fn pack(encoder: &Path, out: &Path) -> Result<(), NetError> {
    let fail = |path: &Path, reason: String| NetError::Encoder {
        path: path.to_owned(),
        reason,
    };
    std::fs::create_dir_all(out).map_err(|error| fail(out, error.to_string()))?;
    for name in ["config.json", "tokenizer.json"] {
        let from = encoder.join(name);
        std::fs::copy(&from, out.join(name)).map_err(|error| fail(&from, error.to_string()))?;
    }
    let from = encoder.join("model.safetensors");
    let bytes = std::fs::read(&from).map_err(|error| fail(&from, error.to_string()))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| fail(&from, e.to_string()))?;
    let mut halves: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, view) in file.tensors() {
        // Positions are counted, and the pooler is not used.
        if view.dtype() != Dtype::F32 || name.starts_with("pooler") {
            continue;
        }
        let data = view.data().chunks_exact(4).flat_map(|raw| {
            let value = f32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]);
            f16::from_f32(value).to_le_bytes()
        });
        halves.push((name, view.shape().to_vec(), data.collect()));
    }
    let mut views = Vec::with_capacity(halves.len());
    for (name, shape, data) in &halves {
        let view = TensorView::new(Dtype::F16, shape.clone(), data)
            .map_err(|error| fail(&from, error.to_string()))?;
        views.push((name, view));
    }
    let packed = safetensors::serialize(views, None).map_err(|e| fail(&from, e.to_string()))?;
    write(&out.join("model.safetensors"), &packed)
}
