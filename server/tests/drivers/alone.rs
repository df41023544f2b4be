//! A test in a process of its own, where nothing else takes memory; and what this process takes.

const ALONE: &str = "TIDEGATE_TEST_ALONE";

/// Whether this process was started for one test.
pub(crate) fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

/// Runs one test of this program in a process of its own. Its words are ours.
pub(crate) async fn run(test: &str) {
    let program = std::env::current_exe().expect("a running program has a path");
    let output = tokio::process::Command::new(program)
        .args(["--exact", test, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .await
        .expect("starts");
    let said = String::from_utf8_lossy(&output.stdout);
    say(&said);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Bytes of memory this process has; nothing where the system does not tell.
pub(crate) fn resident() -> Option<usize> {
    memory("VmRSS:")
}

/// The most memory this process has ever had; nothing where the system does not tell.
pub(crate) fn peak() -> Option<usize> {
    memory("VmHWM:")
}

fn memory(label: &str) -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with(label))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Figures of a run, for whoever reads its output.
#[expect(clippy::print_stdout, reason = "a test's output is for its reader")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}
