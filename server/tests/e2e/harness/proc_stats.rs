//! What a process uses, where the system tells (/proc of Linux).

use std::fs;
use std::path::Path;

use super::names;

/// Most memory that a process ever had, in KiB.
pub(crate) fn peak_memory_kib(pid: u32) -> Option<usize> {
    status(pid, "VmHWM:")
}

/// Memory that a process has now, in KiB.
#[cfg(target_os = "linux")]
pub(crate) fn memory_kib(pid: u32) -> Option<usize> {
    status(pid, "VmRSS:")
}

/// Threads of a process.
#[cfg(target_os = "linux")]
pub(crate) fn threads(pid: u32) -> Option<usize> {
    status(pid, "Threads:")
}

fn status(pid: u32, name: &str) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Numbers of the open descriptors of a process; none where the system does not tell.
pub(crate) fn descriptors(pid: u32) -> Vec<usize> {
    let dir = format!("/proc/{pid}/fd");
    let dir = Path::new(&dir);
    let names = if dir.exists() { names(dir) } else { Vec::new() };
    names.iter().filter_map(|name| name.parse().ok()).collect()
}
