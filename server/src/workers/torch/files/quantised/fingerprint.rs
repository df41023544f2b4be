//! What tells one set of weights from another, without reading all of them.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{Error, ErrorKind, Read as _, Result, Seek as _, SeekFrom},
    path::Path,
};

use sha2::{Digest as _, Sha256};

const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// Pieces of each file that are looked at beside its header, and their length. A model that was trained on differs
/// everywhere, so a few pieces tell; times of files do not, for copies get new ones.
const PIECES: u64 = 64;
const PIECE: u64 = 4096;
/// Longest header that is believed.
const HEADER: u64 = 100 << 20;

/// The fingerprint of the weights of a model directory.
///
/// # Errors
/// When they are not there or cannot be read.
pub(super) fn of(directory: &Path) -> Result<String> {
    let mut digest = Sha256::new();
    for name in files(directory)? {
        let mut file = File::open(directory.join(&name))?;
        let length = file.metadata()?.len();
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update(length.to_le_bytes());
        let mut eight = [0; 8];
        file.read_exact(&mut eight)?;
        let header = u64::from_le_bytes(eight).min(HEADER).min(length);
        piece(&mut file, 8, header, &mut digest)?;
        for number in 0..PIECES {
            piece(&mut file, length / PIECES * number, PIECE, &mut digest)?;
        }
    }
    Ok(hex::encode(&digest.finalize()[..16]))
}

fn piece(file: &mut File, start: u64, length: u64, digest: &mut Sha256) -> Result<()> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    digest.update(&bytes);
    Ok(())
}

/// Names of the files with weights, in order.
fn files(directory: &Path) -> Result<BTreeSet<String>> {
    let text = match std::fs::read(directory.join(INDEX)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(BTreeSet::from([WHOLE.to_owned()]));
        }
        Err(error) => return Err(error),
    };
    let index: serde_json::Value = serde_json::from_slice(&text)?;
    let map = index["weight_map"].as_object();
    let names: BTreeSet<String> = map
        .into_iter()
        .flat_map(serde_json::Map::values)
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    // The index comes with the model: its names may not lead out of the directory.
    let leads_out = |name: &String| name.contains(['/', '\\']) || name == "..";
    if names.is_empty() || names.iter().any(leads_out) {
        return Err(Error::new(ErrorKind::InvalidData, "no plain file names"));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(directory: &Path, name: &str, filling: u8) {
        let header = b"{}      ";
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend(vec![filling; 100_000]);
        std::fs::write(directory.join(name), bytes).expect("writable");
    }

    #[test]
    fn a_copy_has_the_same_and_other_weights_have_another() {
        let (one, two) = (
            tempfile::tempdir().expect("a directory"),
            tempfile::tempdir().expect("a directory"),
        );
        weights(one.path(), WHOLE, 1);
        weights(two.path(), WHOLE, 1);
        let first = of(one.path()).expect("readable");
        assert_eq!(first, of(two.path()).expect("readable"));
        weights(two.path(), WHOLE, 2);
        assert_ne!(first, of(two.path()).expect("readable"));
    }

    #[test]
    fn every_shard_counts_and_a_missing_one_is_an_error() {
        let dir = tempfile::tempdir().expect("a directory");
        let index = r#"{"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}"#;
        std::fs::write(dir.path().join(INDEX), index).expect("writable");
        weights(dir.path(), "1.safetensors", 1);
        assert!(of(dir.path()).is_err());
        weights(dir.path(), "2.safetensors", 1);
        let both = of(dir.path()).expect("readable");
        weights(dir.path(), "2.safetensors", 3);
        assert_ne!(both, of(dir.path()).expect("readable"));
        let outside = r#"{"weight_map": {"a": "../1.safetensors"}}"#;
        std::fs::write(dir.path().join(INDEX), outside).expect("writable");
        assert!(of(dir.path()).is_err());
    }
}
