//! Python programs that tests speak with and that agree with nobody about their packages: each in an environment of its
//! own, in the user's cache.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::python;
use crate::{process, progress, provision};

/// An environment: what it is called, what is installed, and what proves that it works.
#[derive(Debug, Clone, Copy)]
pub struct Environment {
    /// The end of its folder's name.
    pub name: &'static str,
    /// Packages. What is tested is pinned; what it leans on is its own choice, so OpenAI's package may be another one
    /// than the tests' own.
    pub packages: &'static [&'static str],
    /// A line of Python that fails where it does not work.
    pub proof: &'static str,
}

/// LangChain's chat model over OpenAI's package.
pub const LANGCHAIN: Environment = Environment {
    name: "langchain",
    packages: &["langchain-openai==1.7.4"],
    proof: "import langchain_openai; langchain_openai.ChatOpenAI",
};

/// LlamaIndex's language model over OpenAI's package.
pub const LLAMA_INDEX: Environment = Environment {
    name: "llama-index",
    packages: &["llama-index-llms-openai-like==0.8.1"],
    proof: "from llama_index.llms.openai_like import OpenAILike",
};

impl Environment {
    /// The environment's interpreter; the environment is made when it is missing or of other packages.
    pub fn find_or_make(&self, cache: &Path) -> Result<PathBuf> {
        let _lock = provision::lock(cache)?;
        let dir = cache.join(format!("test-{}", self.name));
        let interpreter = dir.join("bin/python");
        let stamp = dir.join("made-of");
        let made_of = self.packages.join("\n");
        if interpreter.exists() && fs::read_to_string(&stamp).is_ok_and(|text| text == made_of) {
            return Ok(interpreter);
        }
        let host = python::host()?;
        progress::say(&format!("making a Python with {} for the tests", self.name));
        if dir.exists() {
            fs::remove_dir_all(&dir)
                .with_context(|| format!("{} cannot be removed", dir.display()))?;
        }
        process::output(Command::new(host).args(["-m", "venv"]).arg(&dir))?;
        process::output(
            Command::new(&interpreter)
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "--prefer-binary",
                ])
                .args(self.packages),
        )?;
        process::output(Command::new(&interpreter).args(["-c", self.proof]))
            .with_context(|| format!("the tests' Python with {} does not work", self.name))?;
        // Last: an environment without it is made anew.
        fs::write(&stamp, made_of)?;
        Ok(interpreter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tested_is_pinned() {
        for environment in [LANGCHAIN, LLAMA_INDEX] {
            let pinned = |package: &&str| package.contains("==");
            assert!(environment.packages.iter().all(pinned), "{environment:?}");
        }
    }
}
