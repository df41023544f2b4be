//! The Python that tests compare with: OpenAI's own client, and `transformers` for the numbers of our models.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{process, progress, provision};

/// Pinned, so that a run today and one next year compare with the same thing. PyTorch itself is not in the list:
/// its package asks for gigabytes of CUDA, so its own files are unpacked without.
const PACKAGES: [&str; 9] = [
    "openai==3.54.0",
    "transformers==5.23.0",
    "numpy==2.4.6",
    "typing_extensions==4.16.0",
    "sympy==1.14.0",
    "networkx==3.6.1",
    "Jinja2==3.1.6",
    "fsspec==2026.9.0",
    "filelock==4.2.12",
];

/// The environment's interpreter; the environment is made when it is missing or of other packages.
pub fn find_or_make(cache: &Path) -> Result<PathBuf> {
    let _lock = provision::lock(cache)?;
    let dir = cache.join("test-python");
    let python = dir.join("bin/python");
    let stamp = dir.join("made-of");
    let made_of = format!(
        "{}\ntorch=={}\n",
        PACKAGES.join("\n"),
        provision::libtorch::VERSION
    );
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|text| text == made_of) {
        return Ok(python);
    }
    let host = host()?;
    progress::say(&format!(
        "making the tests' Python environment in {}",
        dir.display()
    ));
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("{} cannot be removed", dir.display()))?;
    }
    process::output(Command::new(host).args(["-m", "venv"]).arg(&dir))?;
    process::output(
        Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--only-binary=:all:",
            ])
            .args(PACKAGES),
    )?;
    torch(cache, &python)?;
    // PyTorch's own checks run at import, and once more when the interpreter takes everything down.
    process::output(Command::new(&python).args([
        "-c",
        "import openai, torch, transformers; torch.ones(2) @ torch.ones(2)",
    ]))
    .context("the tests' Python environment does not work")?;
    // Last: an environment without it is made anew.
    fs::write(&stamp, made_of)?;
    Ok(python)
}

/// A Python that there is a PyTorch for, with the means to make an environment.
pub(super) fn host() -> Result<PathBuf> {
    let python = provision::python()?;
    let can =
        || process::output(Command::new(&python).args(["-c", "import venv, ensurepip"])).is_ok();
    process::ensure_installed("Python's venv module", can, &["python3-venv"])?;
    let script = "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))";
    if process::output(Command::new(&python).args(["-c", script])).is_err() {
        bail!("the tests need Python 3.10 to 3.14 as `python3`");
    }
    Ok(python)
}

/// Unpacks PyTorch without its CUDA half and stands in for the CUDA libraries it names.
fn torch(cache: &Path, python: &Path) -> Result<()> {
    let ask = "import sysconfig; print(sysconfig.get_path('platlib'))";
    let site = PathBuf::from(process::output(Command::new(python).args(["-c", ask]))?.trim());
    let package = provision::libtorch::package(&provision::libtorch::tag())?.fetch(cache)?;
    // What only a GPU's user loads is left out.
    provision::wheel::unpack(&package, &site, "unpacking PyTorch for the tests", |name| {
        let left_out = [
            "torch/include/",
            "torch/test/",
            "torch/lib/libtorch_cuda",
            "torch/lib/libtorch_nvshmem",
            "torch/lib/libcaffe2_nvrtc",
        ];
        (!left_out.iter().any(|start| name.starts_with(start)) && !name.ends_with("/RECORD"))
            .then(|| name.to_owned())
    })?;
    let lib = site.join("torch/lib");
    provision::stubs::complete(&lib, &provision::stubs::libraries(&lib)?)?;
    executable(&site.join("torch/bin"))?;
    fs::remove_file(&package).ok();
    Ok(())
}

/// PyTorch starts a helper program of its own when processes share memory.
fn executable(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_file() {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}
