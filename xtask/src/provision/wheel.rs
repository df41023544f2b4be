//! Python packages as containers of files: fetched by pip, checked against their own list, unpacked in part.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufReader, BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

use super::python;
use crate::{process, progress};

/// Which package to fetch.
#[derive(Debug, Clone)]
pub struct Package {
    /// Name in the registry.
    pub name: &'static str,
    /// Exact version.
    pub version: &'static str,
    /// Python tag (`311`) and platform of a package with machine code.
    pub binary: Option<(String, String)>,
}

impl Package {
    /// The package's file in the cache, fetched unless it is there whole.
    ///
    /// pip moves a file into its destination only when it is complete, so one that is there needs no second
    /// download; its contents are checked while they are unpacked.
    pub fn fetch(&self, cache: &Path) -> Result<PathBuf> {
        let dir = cache.join("packages");
        fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        if let Some(found) = self.in_dir(&dir)? {
            return Ok(found);
        }
        let python = python()?;
        progress::say(&format!(
            "fetching the Python package {} {}",
            self.name, self.version
        ));
        let mut pip = Command::new(python);
        pip.args([
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--disable-pip-version-check",
        ]);
        if let Some((tag, platform)) = &self.binary {
            pip.args(["--implementation", "cp", "--platform", platform])
                .args(["--python-version", tag, "--abi", &format!("cp{tag}")]);
        }
        // Standard output carries results for the shell; pip's words and bar are for the person.
        pip.arg("--dest")
            .arg(&dir)
            .arg(format!("{}=={}", self.name, self.version))
            .stdout(std::io::stderr());
        process::run(&mut pip).with_context(|| {
            format!("{} {} could not be fetched; check the connection to the Python package registry and run again", self.name, self.version)
        })?;
        self.in_dir(&dir)?
            .with_context(|| format!("pip left no file of {} in {}", self.name, dir.display()))
    }

    fn in_dir(&self, dir: &Path) -> Result<Option<PathBuf>> {
        let start = format!("{}-{}-", self.name.replace('-', "_"), self.version);
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let fits = self
                .binary
                .as_ref()
                .is_none_or(|(tag, _)| name.contains(&format!("-cp{tag}-")));
            if name.starts_with(&start) && name.ends_with(".whl") && fits {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }
}

/// What a package says about one of its files.
struct Listed {
    sha256: Vec<u8>,
    size: u64,
}

/// Unpacks the files that `place` gives a place under `into`, each checked for size and sum.
///
/// A damaged package is removed, so that the next run fetches it again.
pub fn unpack(
    package: &Path,
    into: &Path,
    what: &str,
    place: impl Fn(&str) -> Option<String>,
) -> Result<()> {
    let outcome = unpack_checked(package, into, what, place);
    if let Err(error) = outcome {
        fs::remove_file(package).ok();
        return Err(error.context(format!(
            "{} was damaged and has been removed; run again",
            package.display()
        )));
    }
    Ok(())
}

fn unpack_checked(
    package: &Path,
    into: &Path,
    what: &str,
    place: impl Fn(&str) -> Option<String>,
) -> Result<()> {
    let file =
        File::open(package).with_context(|| format!("{} cannot be opened", package.display()))?;
    let mut archive = ZipArchive::new(BufReader::new(file))?;
    let names = archive
        .file_names()
        .map(|name| Ok(name?.into_owned()))
        .collect::<Result<Vec<String>>>()?;
    let list = names
        .iter()
        .find(|name| name.ends_with(".dist-info/RECORD"))
        .context("the package has no RECORD")?;
    let mut text = String::new();
    archive.by_name(list)?.read_to_string(&mut text)?;
    let listed = record(&text)?;
    let wanted: Vec<(String, String)> = names
        .into_iter()
        .filter(|name| !name.ends_with('/'))
        .filter_map(|name| place(&name).map(|to| (name, to)))
        .collect();
    ensure!(
        !wanted.is_empty(),
        "the package holds none of the files expected"
    );
    let total = wanted
        .iter()
        .filter_map(|(name, _)| listed.get(name))
        .map(|entry| entry.size)
        .sum();
    let bar = progress::bytes(what, total);
    for (name, to) in wanted {
        let entry = listed
            .get(&name)
            .with_context(|| format!("RECORD does not list {name}"))?;
        let mut from = archive.by_name(&name)?;
        ensure!(
            Path::new(&to)
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_))),
            "{name} would leave the directory"
        );
        let target = into.join(&to);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut out = BufWriter::new(
            File::create(&target)
                .with_context(|| format!("{} cannot be written", target.display()))?,
        );
        let mut hash = Sha256::new();
        let mut size = 0u64;
        let mut buffer = vec![0u8; 1 << 18];
        loop {
            let n = from.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
            out.write_all(&buffer[..n])?;
            size += n as u64;
            bar.inc(n as u64);
        }
        out.flush()?;
        if size != entry.size || hash.finalize().as_slice() != entry.sha256.as_slice() {
            bail!("{name} does not have the size and sum that RECORD gives");
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Reads a RECORD: `path,sha256=<sum>,<size>` lines; the entry of RECORD itself has neither.
fn record(text: &str) -> Result<HashMap<String, Listed>> {
    let mut listed = HashMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut fields = line.rsplitn(3, ',');
        let (Some(size), Some(sum), Some(path)) = (fields.next(), fields.next(), fields.next())
        else {
            bail!("RECORD has a line of fewer than three fields: {line}");
        };
        let Some(sum) = sum.strip_prefix("sha256=") else {
            continue;
        };
        let sha256 = URL_SAFE_NO_PAD
            .decode(sum)
            .with_context(|| format!("RECORD has a bad sum for {path}"))?;
        let size = size
            .parse()
            .with_context(|| format!("RECORD has a bad size for {path}"))?;
        // A path with a comma is quoted as in CSV.
        let path = path
            .strip_prefix('"')
            .and_then(|path| path.strip_suffix('"'))
            .map_or_else(|| path.to_owned(), |path| path.replace("\"\"", "\""));
        listed.insert(path, Listed { sha256, size });
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package of two files; `kept.txt` is listed with the given content.
    fn package(dir: &Path, listed_content: &[u8]) -> PathBuf {
        let path = dir.join("thing-1.0-py3-none-any.whl");
        let mut zip = zip::ZipWriter::new(File::create(&path).expect("created"));
        let options = zip::write::SimpleFileOptions::default();
        let sum = URL_SAFE_NO_PAD.encode(Sha256::digest(listed_content));
        let list = format!(
            "thing/kept.txt,sha256={sum},{}\nthing-1.0.dist-info/RECORD,,\n",
            listed_content.len()
        );
        for (name, content) in [
            ("thing/kept.txt", b"true words".as_slice()),
            ("thing/left.txt", b"x"),
            ("thing-1.0.dist-info/RECORD", list.as_bytes()),
        ] {
            zip.start_file(name, options).expect("started");
            zip.write_all(content).expect("written");
        }
        zip.finish().expect("finished");
        path
    }

    fn kept(name: &str) -> Option<String> {
        name.strip_prefix("thing/")
            .filter(|name| name.starts_with("kept"))
            .map(str::to_owned)
    }

    #[test]
    fn unpacks_what_was_asked_for_and_nothing_else() {
        let dir = tempfile::tempdir().expect("dir");
        let package = package(dir.path(), b"true words");
        let into = dir.path().join("out");
        unpack(&package, &into, "test", kept).expect("unpacked");
        assert_eq!(
            fs::read(into.join("kept.txt")).expect("read"),
            b"true words"
        );
        assert!(!into.join("left.txt").exists());
        assert!(package.exists());
    }

    #[test]
    fn removes_a_package_whose_content_is_not_what_it_lists() {
        let dir = tempfile::tempdir().expect("dir");
        let package = package(dir.path(), b"other words");
        let error = unpack(&package, &dir.path().join("out"), "test", kept).expect_err("damaged");
        assert!(
            format!("{error:#}").contains("does not have the size and sum"),
            "{error:#}"
        );
        assert!(!package.exists());
    }

    #[test]
    fn reads_quoted_paths_and_skips_entries_without_a_sum() {
        let sum = URL_SAFE_NO_PAD.encode(Sha256::digest(b""));
        let listed = record(&format!("\"a,b.txt\",sha256={sum},0\nx/RECORD,,\n")).expect("read");
        assert_eq!(listed.keys().collect::<Vec<_>>(), ["a,b.txt"]);
    }
}
