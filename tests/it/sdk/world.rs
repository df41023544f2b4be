//! A server with keys, a model of its own with random weights or one behind a proxy, and what stands behind that.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Result, bail, ensure};
use tempfile::TempDir;
use tidegate_tests::{
    checkpoint::{self, Sizes},
    mock::{Act, Mock, Script, Seen, asks_for, says},
    process::{Program, Server},
};

use crate::support::{eventually, program};

/// Tokens that the local model takes: so many that an answer of all of them takes seconds.
const WINDOW: usize = 32_768;
/// Between two words of a slow answer.
const SLOWLY: Duration = Duration::from_millis(20);

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A model of the server's own process, with random weights.
    Local,
    /// A model server behind it.
    Proxied,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Proxied => "proxied",
        }
    }

    fn model(self) -> &'static str {
        match self {
            Self::Local => "sdk-local",
            Self::Proxied => "sdk-proxied",
        }
    }
}

/// What the clients' scripts speak to.
pub(super) struct World {
    server: Server,
    mock: Mock,
    target: Target,
    key: String,
    limited: String,
    // Last: the server lies in it.
    _dir: TempDir,
}

impl World {
    /// Starts all of it and waits until the models are there.
    pub(super) async fn start(target: Target) -> Result<Self> {
        let dir = TempDir::new()?;
        let mock = Mock::start(script()).await?;
        let program = program(dir.path(), &models(target, &mock, dir.path())?)?;
        let key = made(&program, &["--name", "sdk", "--admin"])?;
        let limited = made(
            &program,
            &["--name", "limited", "--requests-per-minute", "1"],
        )?;
        let server = program.serve(&[])?;
        let user = server.anonymous().with_key(&key);
        eventually("the models' loading", || async {
            let body = user.get("/ready").await?.json();
            for model in body["models"].as_array().into_iter().flatten() {
                ensure!(model["state"] != "failed", "not loaded: {model}");
            }
            Ok((body["ready"] == true).then_some(()))
        })
        .await?;
        Ok(Self {
            server,
            mock,
            target,
            key,
            limited,
            _dir: dir,
        })
    }

    /// What a script reads from its environment.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let openai = self.server.anonymous().openai();
        vec![
            ("TARGET", self.target.name().to_owned()),
            ("BASE_URL", format!("{openai}/v1")),
            ("METRICS_URL", format!("{openai}/metrics")),
            (
                "COUNTS_URL",
                format!("{}/mock/counts", self.mock.root_url()),
            ),
            ("API_KEY", self.key.clone()),
            ("LIMITED_KEY", self.limited.clone()),
            ("MODEL", self.target.model().to_owned()),
            ("VECTORS", "sdk-vectors".to_owned()),
            ("RANKS", "sdk-ranks".to_owned()),
            ("BUSY", "sdk-busy".to_owned()),
            ("BROKEN", "sdk-broken".to_owned()),
        ]
    }
}

/// What the model server does: it is too busy for one model, breaks in several ways for another, and can be slow.
fn script() -> Script {
    let breaks = |text: &'static str| {
        let says = says(text);
        move |seen: &Seen| seen.model() == "sdk-broken" && says(seen)
    };
    Script::default()
        .when(asks_for("sdk-busy"), Act::overloaded(1))
        .when(breaks("garbage"), Act::garbage())
        .when(breaks("html"), Act::html())
        .when(breaks("nothing"), Act::nothing())
        .when(breaks("hang up"), Act::hang_up())
        .when(breaks("cut"), Act::cut_after(3))
        .when(breaks("fail midway"), Act::fails_after(3))
        .when(says("slowly"), Act::words(5000).pause(SLOWLY))
}

/// The `[[models]]` tables.
fn models(target: Target, mock: &Mock, dir: &Path) -> Result<String> {
    let beside = [
        mock.reranker("sdk-ranks"),
        format!("{}retries = 0\n", mock.model("sdk-busy")),
        mock.model("sdk-broken"),
    ]
    .concat();
    let model = target.model();
    let own = match target {
        Target::Proxied => format!(
            "{}model = \"mock\"\n{}",
            mock.model(model),
            mock.embedder("sdk-vectors")
        ),
        Target::Local => {
            let weights = dir.join("weights");
            let sizes = Sizes {
                window: WINDOW,
                ..Sizes::TINY
            };
            checkpoint::make(&weights, sizes)?;
            format!(
                "[[models]]\nname = \"{model}\"\nprovider = \"torch\"\npath = {:?}\nmax_sequences = 4\n\
                 kv_cache_mb = 64\n[[models]]\nname = \"sdk-vectors\"\nprovider = \"torch\"\nkind = \"embedding\"\n\
                 path = {:?}\n",
                weights.display().to_string(),
                needed("TIDEGATE_ENCODER_DIR")?.to_string_lossy(),
            )
        }
    };
    // The first is who is asked where nobody is named.
    Ok(own + &beside)
}

/// A new key, as the command line prints it.
fn made(program: &Program, arguments: &[&str]) -> Result<String> {
    let made = program.run(&[&["key", "create"][..], arguments].concat())?;
    ensure!(made.success, "no key could be made: {}", made.err);
    Ok(made.out.trim().to_owned())
}

/// A variable that `cargo xtask test` sets.
pub(super) fn needed(name: &str) -> Result<OsString> {
    match std::env::var_os(name).filter(|value| !value.is_empty()) {
        Some(value) => Ok(value),
        None => bail!("{name} is not set; `cargo xtask test` provides what it names"),
    }
}

/// A program of a client's language, by the variable that names it.
pub(super) fn client(name: &str) -> Result<PathBuf> {
    let path = PathBuf::from(needed(name)?);
    ensure!(path.is_file(), "{name}: there is no {}", path.display());
    Ok(path)
}
