//! torch-sys's C++ as a library of its own, and cargo's word that it is linked by stubs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::{FORM, Library, functions_of, is_supported};
use crate::{
    process, progress,
    provision::{partial, settle},
    workspace,
};

const FILE: &str = "libtch.so";
const CONFIG: &str = "cargo.toml";
/// The crate's sources, as its build script names them.
const SOURCES: [&str; 2] = ["torch_api", "torch_api_generated"];

/// Where the stubs of a libtorch are.
#[derive(Debug, Clone)]
pub struct Stubs {
    dir: PathBuf,
}

impl Stubs {
    /// Makes them, or finds them made; nothing where this machine has none.
    pub fn find_or_make(cache: &Path, libtorch: &Path) -> Result<Option<Self>> {
        if !is_supported() {
            return Ok(None);
        }
        let (version, source) = torch_sys()?;
        let dir = cache.join(format!("tch-{version}-{}", key(libtorch)?));
        if !dir.join(CONFIG).is_file() {
            progress::say("compiling the bindings of libtorch (about a minute, once)");
            let filling = partial(&dir)?;
            make(&filling, &source.join("libtch"), libtorch)?;
            fs::write(filling.join(CONFIG), config(&dir, libtorch))?;
            settle(&filling, &dir)?;
        }
        Ok(Some(Self { dir }))
    }

    /// The library's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Has a cargo command link the stubs in place of what torch-sys would build.
    pub fn apply(&self, cargo: &mut Command) {
        cargo.arg("--config").arg(self.dir.join(CONFIG));
    }
}

/// Another libtorch, or other stubs, take another directory.
fn key(libtorch: &Path) -> Result<String> {
    let library = libtorch.join("lib/libtorch_cpu.so");
    let facts =
        fs::metadata(&library).with_context(|| format!("{} cannot be read", library.display()))?;
    let text = format!("{FORM} {} {}", libtorch.display(), facts.len());
    Ok(hex::encode(&Sha256::digest(text)[..6]))
}

/// Version and directory of the torch-sys that the workspace uses.
fn torch_sys() -> Result<(String, PathBuf)> {
    let text = process::output(workspace::cargo().args(["metadata", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let package = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "torch-sys")
        .context("the workspace has no torch-sys")?;
    let text = |name: &str| {
        package[name]
            .as_str()
            .with_context(|| format!("cargo says no {name} of torch-sys"))
    };
    let manifest = PathBuf::from(text("manifest_path")?);
    let dir = manifest.parent().context("torch-sys lies nowhere")?;
    Ok((text("version")?.to_owned(), dir.to_owned()))
}

fn make(dir: &Path, sources: &Path, libtorch: &Path) -> Result<()> {
    compile(dir, sources, libtorch)?;
    let callbacks = callbacks(dir)?;
    let library = |functions, callbacks| Library {
        name: "tch",
        file: FILE,
        functions,
        callbacks,
        quiet: true,
    };
    fs::write(
        dir.join("callbacks.S"),
        library(Vec::new(), callbacks.clone()).callback_source(),
    )?;
    let lib = libtorch.join("lib");
    let mut link = Command::new("g++");
    link.args(["-shared", "-fPIC", "-o", FILE, "callbacks.S"])
        .args(SOURCES.map(|source| format!("{source}.o")))
        .arg(format!("-L{}", lib.display()))
        .args(["-ltorch_cpu", "-lc10"])
        .arg(format!("-Wl,-rpath,{}", lib.display()));
    // A libtorch with a GPU half: nothing calls it by name, it registers itself when it is loaded.
    if lib.join("libtorch_cuda.so").is_file() {
        link.args([
            "-Wl,--no-as-needed",
            "-ltorch_cuda",
            "-lc10_cuda",
            "-ltorch",
        ]);
    }
    process::output(link.current_dir(dir)).context("linking the bindings of libtorch")?;
    let mut functions = functions_of(&dir.join(FILE))?;
    functions.retain(|name| !callbacks.contains(name) && !name.starts_with("tidegate_"));
    library(functions, callbacks).archive(dir)
}

/// Compiles as torch-sys's build script would, both files at once.
fn compile(dir: &Path, sources: &Path, libtorch: &Path) -> Result<()> {
    let include = libtorch.join("include");
    let children = SOURCES.map(|source| {
        Command::new("g++")
            .args(["-c", "-O1", "-fPIC", "-w", "-std=c++17"])
            .args(["-D_GLIBCXX_USE_CXX11_ABI=1", "-DGLOG_USE_GLOG_EXPORT"])
            .arg("-I")
            .arg(&include)
            .arg("-I")
            .arg(include.join("torch/csrc/api/include"))
            .arg(sources.join(format!("{source}.cpp")))
            .current_dir(dir)
            .spawn()
            .context("g++ cannot be started")
    });
    for child in children {
        let status = child?.wait()?;
        anyhow::ensure!(
            status.success(),
            "compiling the bindings of libtorch in {} ended with {status}",
            libtorch.display()
        );
    }
    Ok(())
}

/// Functions of the crate that its C++ calls.
fn callbacks(dir: &Path) -> Result<Vec<String>> {
    let mut nm = Command::new("nm");
    nm.arg("--undefined-only")
        .args(SOURCES.map(|source| format!("{source}.o")));
    let text = process::output(nm.current_dir(dir))?;
    let mut names: Vec<String> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("U "))
        .filter(|name| name.starts_with("tch_"))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// What stands in for torch-sys's build script: <https://doc.rust-lang.org/cargo/reference/build-scripts.html>,
/// "Overriding Build Scripts".
fn config(dir: &Path, libtorch: &Path) -> String {
    let text = |path: &Path| toml::Value::from(path.display().to_string()).to_string();
    let search = toml::Value::from(format!("native={}", dir.display()));
    format!(
        "[target.x86_64-unknown-linux-gnu.tch]\nrustc-link-search = [{search}]\nrustc-link-lib = [\"static=tch\"]\n\
         libtorch_lib = {}\nlazy = {}\n",
        text(&libtorch.join("lib")),
        text(dir)
    )
}
