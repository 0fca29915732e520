//! What a process uses, as Linux tells in `/proc` (proc(5)). None when the process is gone, and on
//! other systems.
//!
//! The load test reads the two figures that it prints by itself (`client/src/load/server.rs`): it
//! is a program that people run, and depends on no kit.

#[cfg(target_os = "linux")]
pub use linux::{children, cpu, descriptors, is_stopped, memory_kib, peak_memory_kib, threads};
#[cfg(not(target_os = "linux"))]
pub use untold::{cpu, descriptors, memory_kib, peak_memory_kib, threads};

#[cfg(target_os = "linux")]
mod linux {
    use std::time::Duration;

    use procfs::process::{Process, Status};

    /// Memory that a process has resident, in KiB (`VmRSS`).
    pub fn memory_kib(pid: u32) -> Option<u64> {
        status(pid)?.vmrss
    }

    /// Most memory that a process ever had resident, in KiB (`VmHWM`).
    pub fn peak_memory_kib(pid: u32) -> Option<u64> {
        status(pid)?.vmhwm
    }

    /// Threads of a process.
    pub fn threads(pid: u32) -> Option<u64> {
        Some(status(pid)?.threads)
    }

    /// CPU time that all threads of a process have used so far, with the kernel's share of their
    /// system calls (`/proc/PID/task/*/schedstat`).
    pub fn cpu(pid: u32) -> Option<Duration> {
        let mut total = Duration::ZERO;
        for task in process(pid)?.tasks().ok()? {
            total += Duration::from_nanos(task.ok()?.schedstat().ok()?.sum_exec_runtime);
        }
        Some(total)
    }

    /// Numbers of the descriptors that a process has open.
    pub fn descriptors(pid: u32) -> Vec<i32> {
        let open = process(pid).and_then(|process| process.fd().ok());
        open.map_or_else(Vec::new, |open| open.flatten().map(|open| open.fd).collect())
    }

    /// True while a process is stopped, as by Ctrl-Z.
    pub fn is_stopped(pid: u32) -> Option<bool> {
        Some(process(pid)?.stat().ok()?.state == 'T')
    }

    /// The processes that a process has started and not waited for, oldest first.
    pub fn children(pid: u32) -> Vec<u32> {
        let task = process(pid).and_then(|process| process.task_main_thread().ok());
        task.and_then(|task| task.children().ok()).unwrap_or_default()
    }

    fn process(pid: u32) -> Option<Process> {
        Process::new(i32::try_from(pid).ok()?).ok()
    }

    fn status(pid: u32) -> Option<Status> {
        process(pid)?.status().ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod untold {
    use std::time::Duration;

    /// Memory that a process has resident, in KiB.
    pub fn memory_kib(_pid: u32) -> Option<u64> {
        None
    }

    /// Most memory that a process ever had resident, in KiB.
    pub fn peak_memory_kib(_pid: u32) -> Option<u64> {
        None
    }

    /// Threads of a process.
    pub fn threads(_pid: u32) -> Option<u64> {
        None
    }

    /// CPU time that all threads of a process have used so far.
    pub fn cpu(_pid: u32) -> Option<Duration> {
        None
    }

    /// Numbers of the descriptors that a process has open.
    pub fn descriptors(_pid: u32) -> Vec<i32> {
        Vec::new()
    }
}
