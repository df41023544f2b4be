//! Other engines for `cargo xtask bench`: a Python of their own in the user's cache, over the tests' one.
//!
//! PyTorch and transformers are taken from the tests' Python, which has them without CUDA's gigabytes. What is beside
//! them is installed part by part, each with a stamp of its own, so that a run that was cut goes on where it stood. A
//! part that cannot be had is said so, and the measurement goes without it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::lock;
use crate::{process, progress, test::python};

/// An engine that is measured beside ours.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// llama.cpp, built here from the package's source for this very processor, and what writes its files.
    LlamaCpp,
    /// sentence-transformers.
    SentenceTransformers,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::LlamaCpp => "llama.cpp",
            Self::SentenceTransformers => "sentence-transformers",
        }
    }

    /// Packages that come ready made. What is measured is pinned; what it leans on only has to fit the Python at hand.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::LlamaCpp => &["gguf==0.19.0", "diskcache==5.6.3"],
            Self::SentenceTransformers => &[
                "sentence-transformers==6.2.0",
                "scikit-learn>=1.5",
                "scipy>=1.11",
                "joblib>=1.4",
                "cloudpickle>=3",
                "threadpoolctl>=3.5",
                "narwhals>=2",
            ],
        }
    }

    /// The package that is built from its source.
    fn source(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::LlamaCpp => Some(("llama-cpp-python", "0.3.36")),
            Self::SentenceTransformers => None,
        }
    }

    /// What proves that it works.
    fn proof(self) -> &'static str {
        match self {
            Self::LlamaCpp => "import gguf, llama_cpp; llama_cpp.llama_backend_init()",
            Self::SentenceTransformers => {
                "import sentence_transformers; sentence_transformers.SentenceTransformer"
            }
        }
    }

    /// All that it is made of: another text means another installation.
    fn made_of(self, processor: &str) -> String {
        let mut text = self.packages().join("\n");
        if let Some((name, version)) = self.source() {
            text.push_str(&format!(
                "\n{name}=={version} for {processor}, {WHOLE_STORES}"
            ));
        }
        text
    }
}

/// The interpreter with the parts that could be had.
pub fn find_or_make(cache: &Path, parts: &[Part]) -> Result<PathBuf> {
    // It takes the cache's lock itself.
    let base = python::find_or_make(cache)?;
    let _lock = lock(cache)?;
    let dir = cache.join("bench-python");
    let interpreter = environment(&dir, &base)?;
    let processor = processor();
    for &part in parts {
        let stamp = dir.join(format!("made-of-{}", part.name()));
        let made_of = part.made_of(&processor);
        if fs::read_to_string(&stamp).is_ok_and(|text| text == made_of) {
            continue;
        }
        let installed = install(cache, &interpreter, part, &processor);
        match installed {
            // Last: a part without its stamp is installed again.
            Ok(()) => fs::write(&stamp, made_of)?,
            Err(error) => progress::say(&format!(
                "{} cannot be installed and is left out: {error:#}",
                part.name()
            )),
        }
    }
    Ok(interpreter)
}

/// The environment itself: empty, with the tests' packages in sight. It is made anew when those are others.
fn environment(dir: &Path, base: &Path) -> Result<PathBuf> {
    let interpreter = dir.join("bin/python");
    let stamp = dir.join("made-over");
    let over = base
        .parent()
        .and_then(Path::parent)
        .context("an interpreter lies in bin")?
        .join("made-of");
    let over = fs::read_to_string(&over)
        .with_context(|| format!("{} says what the Python is made of", over.display()))?;
    if interpreter.exists() && fs::read_to_string(&stamp).is_ok_and(|text| text == over) {
        return Ok(interpreter);
    }
    progress::say(&format!(
        "making the measurements' Python environment in {}",
        dir.display()
    ));
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("{} cannot be removed", dir.display()))?;
    }
    process::output(Command::new(base).args(["-m", "venv"]).arg(dir))?;
    let site = |python: &Path| {
        let ask = "import sysconfig; print(sysconfig.get_path('purelib'))";
        process::output(Command::new(python).args(["-c", ask]))
    };
    // Python adds each line of such a file to where it looks for packages, behind its own.
    let own = PathBuf::from(site(&interpreter)?.trim());
    fs::write(own.join("tests.pth"), site(base)?)?;
    fs::write(&stamp, over)?;
    Ok(interpreter)
}

/// GCC 12 takes the instruction that shapes AMX's tiles to read 8 bytes of the 64 that it reads, and drops the stores to
/// the others: llama.cpp ends with an invalid instruction on processors that have tiles. So no store is dropped.
const WHOLE_STORES: &str = "-fno-tree-dse -fno-dse";

fn install(cache: &Path, interpreter: &Path, part: Part, processor: &str) -> Result<()> {
    progress::say(&format!("installing {}", part.name()));
    // Without what they ask for: that is in sight already or in the list, and PyTorch's wishes are CUDA's gigabytes.
    let pip = |act: &str| {
        let mut command = Command::new(interpreter);
        command
            .args(["-m", "pip", act, "--disable-pip-version-check", "--no-deps"])
            // Standard output belongs to results.
            .stdout(Stdio::from(std::io::stderr()));
        command
    };
    process::run(
        pip("install")
            .arg("--only-binary=:all:")
            .args(part.packages()),
    )?;
    if let Some((name, version)) = part.source() {
        let wheels = cache.join("bench-wheels-2").join(processor);
        let start = format!("{}-{version}-", name.replace('-', "_"));
        if wheel(&wheels, &start).is_none() {
            progress::say(&format!(
                "building {name} {version} from its source (some ten minutes on two cores)"
            ));
            process::run(
                pip("wheel")
                    // Its cache does not ask what a package was built with.
                    .arg("--no-cache-dir")
                    .arg(format!("--no-binary={name}"))
                    .arg("--wheel-dir")
                    .arg(&wheels)
                    .arg(format!("{name}=={version}"))
                    .env("CMAKE_ARGS", "-DGGML_NATIVE=ON -DCMAKE_BUILD_TYPE=Release")
                    .env("CXXFLAGS", WHOLE_STORES),
            )?;
        }
        let built = wheel(&wheels, &start)
            .with_context(|| format!("pip built no {start}*.whl in {}", wheels.display()))?;
        process::run(pip("install").arg("--force-reinstall").arg(built))?;
    }
    process::output(Command::new(interpreter).args(["-c", part.proof()]))
        .with_context(|| format!("{} does not run once installed", part.name()))?;
    Ok(())
}

/// A finished package whose name begins so.
fn wheel(dir: &Path, start: &str) -> Option<PathBuf> {
    fs::read_dir(dir)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with(start) && name.ends_with(".whl"))
        })
}

/// What the processor offers, as a short name: what was built for one does not run on every other.
fn processor() -> String {
    let offers = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| features(&text).map(str::to_owned));
    let offers = offers.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    hex::encode(&Sha256::digest(offers)[..6])
}

fn features(cpuinfo: &str) -> Option<&str> {
    cpuinfo
        .lines()
        .find(|line| line.starts_with("flags") || line.starts_with("Features"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_processor_means_another_build_of_what_is_built_and_of_nothing_else() {
        assert_ne!(Part::LlamaCpp.made_of("a"), Part::LlamaCpp.made_of("b"));
        let sentences = Part::SentenceTransformers;
        assert_eq!(sentences.made_of("a"), sentences.made_of("b"));
    }

    #[test]
    fn finds_what_a_processor_offers_on_both_kinds_of_machine() {
        assert_eq!(
            features("model : x\nflags\t: avx2 fma\nflags\t: other\n"),
            Some("flags\t: avx2 fma")
        );
        assert_eq!(features("Features\t: asimd\n"), Some("Features\t: asimd"));
        assert_eq!(features("nothing\n"), None);
    }

    #[test]
    fn finds_the_package_of_one_version() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in [
            "a_b-1.0-py3-none-any.whl",
            "a_b-2.0-py3-none-any.whl",
            "a_b-3.0-x",
        ] {
            fs::write(dir.path().join(name), "").expect("written");
        }
        let found = wheel(dir.path(), "a_b-2.0-").expect("there");
        assert!(found.ends_with("a_b-2.0-py3-none-any.whl"));
        assert_eq!(wheel(dir.path(), "a_b-3.0-"), None);
        assert_eq!(wheel(&dir.path().join("none"), "a"), None);
    }
}
