//! Running other programs, with errors that name the program and its last words.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::progress;

/// Runs a command with our own input and output; an error unless it ends well.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command
        .status()
        .with_context(|| format!("`{shown}` cannot be started"))?;
    ensure!(status.success(), "`{shown}` ended with {status}");
    Ok(())
}

/// Runs a command and returns what it printed; an error with its complaint unless it ends well.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let out = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{shown}` cannot be started"))?;
    if !out.status.success() {
        let words = String::from_utf8_lossy(&out.stderr);
        let last: Vec<&str> = words.lines().rev().take(12).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        bail!("`{shown}` ended with {}:\n{}", out.status, last.join("\n"));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// The program as it would be typed, short.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let mut text = program.to_string_lossy().into_owned();
    for argument in command.get_args().take(8) {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    if command.get_args().len() > 8 {
        text.push_str(" …");
    }
    text
}

/// A program on the search path.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// Whether we may install packages.
pub fn is_root() -> bool {
    static ROOT: OnceLock<bool> = OnceLock::new();
    *ROOT.get_or_init(|| output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0"))
}

/// Makes sure that a condition holds, installing Debian packages when it does not and we may.
pub fn ensure_installed(what: &str, there: impl Fn() -> bool, packages: &[&str]) -> Result<()> {
    if there() {
        return Ok(());
    }
    let wanted = packages.join(" ");
    ensure!(
        is_root() && find("apt-get").is_some(),
        "{what} is needed and missing; install it, on Debian or Ubuntu with `sudo apt-get install {wanted}`"
    );
    progress::say(&format!("installing {what} ({wanted})"));
    let apt = |arguments: &[&OsStr]| {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["-qq", "-o", "DPkg::Lock::Timeout=300"])
            .args(arguments);
        output(&mut command)
    };
    let mut install: Vec<&OsStr> = ["install", "-y", "--no-install-recommends"]
        .map(OsStr::new)
        .to_vec();
    install.extend(packages.iter().map(OsStr::new));
    // The package lists of a fresh image are empty or old.
    apt(&[OsStr::new("update")])?;
    apt(&install)?;
    ensure!(there(), "{what} is still missing after installing {wanted}");
    Ok(())
}
