//! What the figures were measured on.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use jiff::Zoned;

/// One line: the day, the commit, the processor and the system.
///
/// # Errors
/// When the system does not tell.
pub(crate) fn described() -> io::Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model.trim());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let today = Zoned::now().strftime("%Y-%m-%d").to_string();
    let commit = commit();
    Ok(format!("{today} at commit {commit}, {cores} cores of {model}, Linux {}", kernel.trim()))
}

/// What was measured, as git names it; `-dirty` where there are changes.
fn commit() -> String {
    let described = Command::new("git")
        .args(["describe", "--always", "--dirty", "--exclude=*"])
        .current_dir(repository("."))
        .output();
    let text = described.ok().filter(|it| it.status.success()).map(|it| it.stdout);
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    if text.trim().is_empty() { "unknown".into() } else { text.trim().into() }
}

/// A folder of this package's repository, from its root.
pub(crate) fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
