//! The real server, run as its users run it and spoken to over loopback: what it does as a
//! program (`start_up`), as a room (`talk`), as a shelf (`files`), over restarts and crashes
//! (`restart`), beside peers that break every rule (`bad_peers`) or never read (`greedy_peers`),
//! and when the system has nothing left to give (`scarcity`).
//!
//! No test depends on how fast anything is: each waits for what must come, and only a hang ends
//! the waiting.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_peers;
mod files;
mod greedy_peers;
mod harness;
mod restart;
#[cfg(target_os = "linux")]
mod scarcity;
mod start_up;
mod talk;
