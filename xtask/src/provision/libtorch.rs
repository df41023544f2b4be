//! libtorch: the one named, the one an installed PyTorch carries, or a CPU build of our own in the cache.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{partial, settle, stubs, wheel};
use crate::{process, progress, workspace};

/// The version that torch-sys is written against.
pub const VERSION: &str = "2.13.0";

/// Versions whose interface is the same.
const SERIES: &str = "2.13.";

/// libtorch's root, in the order: `LIBTORCH`, an installed PyTorch, the cache, a download into the cache.
pub fn find_or_fetch(cache: &Path, keep_package: bool) -> Result<PathBuf> {
    if let Some(named) = workspace::set("LIBTORCH") {
        let named = PathBuf::from(named);
        if let Err(fault) = check(&named) {
            bail!(
                "LIBTORCH is {}, but {fault:#}; name a libtorch {VERSION}, or unset it and one is provisioned",
                named.display()
            );
        }
        return Ok(named);
    }
    if let Some(found) = installed() {
        progress::say(&format!(
            "using the installed PyTorch in {}",
            found.display()
        ));
        return Ok(found);
    }
    let target = cache.join(format!("libtorch-{VERSION}-cpu"));
    if check(&target).is_ok() {
        return Ok(target);
    }
    provision(cache, &target, keep_package)?;
    Ok(target)
}

/// Says what is wrong with a directory that should be libtorch.
pub fn check(root: &Path) -> Result<()> {
    for part in [
        "lib/libtorch_cpu.so",
        "lib/libtorch.so",
        "lib/libc10.so",
        "include/torch/csrc/api/include/torch/torch.h",
    ] {
        ensure!(root.join(part).is_file(), "{part} is not there");
    }
    let version = version(root)?;
    ensure!(
        version.starts_with(SERIES),
        "its version is {version} where {SERIES}x is needed"
    );
    Ok(())
}

/// The version that the directory states: a libtorch in `build-version`, a PyTorch in `version.py`.
fn version(root: &Path) -> Result<String> {
    if let Ok(text) = fs::read_to_string(root.join("build-version")) {
        return Ok(text.trim().to_owned());
    }
    let text = fs::read_to_string(root.join("version.py"))
        .context("neither build-version nor version.py is there")?;
    let line = text
        .lines()
        .find(|line| line.starts_with("__version__"))
        .context("version.py states no version")?;
    line.split('\'')
        .nth(1)
        .map(str::to_owned)
        .context("version.py states no version")
}

/// The PyTorch of the first `python3`, if it is of our version and loads.
fn installed() -> Option<PathBuf> {
    let python = process::find("python3")?;
    let ask = |script: &str| process::output(Command::new(&python).args(["-c", script])).ok();
    // Finding it costs nothing; importing it, which proves that its libraries load, takes seconds.
    let found = ask(
        "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')",
    )?;
    let root = PathBuf::from(found.trim());
    if found.trim().is_empty() || check(&root).is_err() {
        return None;
    }
    ask("import torch").map(|_| root)
}

/// The package that carries libtorch, for this machine and a Python of the given tag (`311`).
pub fn package(tag: &str) -> Result<wheel::Package> {
    let machine = match env::consts::ARCH {
        arch @ ("x86_64" | "aarch64") if env::consts::OS == "linux" => arch,
        arch => bail!(
            "no libtorch is known for {} on {arch}; install libtorch {VERSION} and set LIBTORCH",
            env::consts::OS
        ),
    };
    Ok(wheel::Package {
        name: "torch",
        version: VERSION,
        binary: Some((tag.to_owned(), format!("manylinux_2_28_{machine}"))),
    })
}

/// Tag of the package to fetch: the machine's own Python when there is a package for it, so that one download
/// serves the library and the parity tests.
pub fn tag() -> String {
    let own = process::output(
        Command::new("python3").args(["-c", "import sys; print('%d%d' % sys.version_info[:2])"]),
    );
    match own.as_deref().map(str::trim) {
        Ok(tag @ ("310" | "311" | "312" | "313" | "314")) => tag.to_owned(),
        _ => "311".to_owned(),
    }
}

fn provision(cache: &Path, target: &Path, keep_package: bool) -> Result<()> {
    progress::say(&format!(
        "libtorch {VERSION} is provisioned into {} (download 530 MB, 480 MB kept)",
        target.display()
    ));
    let package = package(&tag())?.fetch(cache)?;
    let filling = partial(target)?;
    wheel::unpack(&package, &filling, "unpacking libtorch", |name| {
        // On some machines the package keeps what its libraries lean on beside them.
        if let Some(library) = name.strip_prefix("torch.libs/") {
            return Some(format!("lib/{library}"));
        }
        let inner = name.strip_prefix("torch/")?;
        let wanted =
            inner.starts_with("include/") || inner.strip_prefix("lib/").is_some_and(is_cpu_library);
        wanted.then(|| inner.to_owned())
    })?;
    let lib = filling.join("lib");
    stubs::complete(&lib, &stubs::libraries(&lib)?)?;
    umbrella(&lib)?;
    fs::write(filling.join("build-version"), VERSION)?;
    check(&filling).context("the provisioned libtorch is not whole")?;
    settle(&filling, target)?;
    if !keep_package {
        fs::remove_file(&package).ok();
    }
    progress::say(&format!("libtorch is in {}", target.display()));
    Ok(())
}

/// Libraries that a program without Python and without a GPU loads.
fn is_cpu_library(name: &str) -> bool {
    const OTHERS: [&str; 8] = [
        "libtorch_cuda",
        "libtorch_nvshmem",
        "libtorch_python",
        "libtorch_global_deps",
        "libshm",
        "libc10_cuda",
        "libcaffe2",
        "libtorch.so",
    ];
    name.contains(".so")
        && !name.contains('/')
        && !OTHERS.iter().any(|other| name.starts_with(other))
}

/// The package's `libtorch.so` asks for the CUDA half; ours joins the two that are there.
fn umbrella(lib: &Path) -> Result<()> {
    let mut gcc = Command::new("gcc");
    gcc.args([
        "-shared",
        "-Wl,-soname,libtorch.so",
        "-Wl,--no-as-needed",
        "-Wl,-rpath,$ORIGIN",
        "-Wl,--allow-shlib-undefined",
    ])
    .args([
        "-o",
        "libtorch.so",
        "-x",
        "c",
        "/dev/null",
        "-x",
        "none",
        "-L.",
        "-l:libtorch_cpu.so",
        "-l:libc10.so",
    ])
    .current_dir(lib);
    process::output(&mut gcc).context("joining libtorch's libraries")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn libtorch(dir: &Path, version: &str) {
        for part in [
            "lib/libtorch_cpu.so",
            "lib/libtorch.so",
            "lib/libc10.so",
            "include/torch/csrc/api/include/torch/torch.h",
        ] {
            let file = dir.join(part);
            fs::create_dir_all(file.parent().expect("parent")).expect("made");
            fs::write(file, "").expect("written");
        }
        fs::write(dir.join("build-version"), version).expect("written");
    }

    #[test]
    fn accepts_the_pinned_series_with_or_without_a_build_tag() {
        let dir = tempfile::tempdir().expect("dir");
        for version in ["2.13.0", "2.13.0+cpu\n", "2.13.1+cu130"] {
            libtorch(dir.path(), version);
            check(dir.path()).expect(version);
        }
    }

    #[test]
    fn names_the_version_it_found_instead() {
        let dir = tempfile::tempdir().expect("dir");
        libtorch(dir.path(), "2.11.0+cu129");
        let fault = check(dir.path()).expect_err("too old").to_string();
        assert!(
            fault.contains("2.11.0+cu129") && fault.contains("2.13."),
            "{fault}"
        );
    }

    #[test]
    fn names_the_file_that_is_missing() {
        let dir = tempfile::tempdir().expect("dir");
        libtorch(dir.path(), "2.13.0");
        fs::remove_file(dir.path().join("lib/libc10.so")).expect("removed");
        assert!(
            check(dir.path())
                .expect_err("not whole")
                .to_string()
                .contains("lib/libc10.so")
        );
    }

    #[test]
    fn reads_the_version_of_an_installed_pytorch() {
        let dir = tempfile::tempdir().expect("dir");
        libtorch(dir.path(), "");
        fs::remove_file(dir.path().join("build-version")).expect("removed");
        fs::write(
            dir.path().join("version.py"),
            "__all__ = ['x']\n__version__ = '2.13.0+cu130'\n",
        )
        .expect("written");
        check(dir.path()).expect("fits");
    }

    #[test]
    fn takes_the_processor_half_only() {
        for name in [
            "libtorch_cpu.so",
            "libc10.so",
            "libgomp.so.1",
            "libarm_compute.so",
        ] {
            assert!(is_cpu_library(name), "{name}");
        }
        for name in [
            "libtorch.so",
            "libtorch_cuda.so",
            "libtorch_cuda_linalg.so",
            "libc10_cuda.so",
            "libtorch_python.so",
            "libshm/x.so",
        ] {
            assert!(!is_cpu_library(name), "{name}");
        }
    }
}
