//! The real server, run as its users run it and spoken to over loopback: what it does as a program
//! (`start_up`), how it is set up (`configuration`, `reloading`), what it logs (`logging`), what it
//! does as a room (`talk`), over TLS (`encryption`), for browsers (`web`), as a shelf (`files`,
//! `downloads`), over restarts (`restart`), from a backup (`backup`), over upgrades and downgrades
//! (`formats`) and when it is killed at any moment (`crashes`), beside peers that break every rule
//! (`bad_peers`), never read (`greedy_peers`) or come in numbers (`attackers`, `crowd`), when the
//! disk is full (`full_disk`) or the system has no descriptors left to give (`scarcity`), for as
//! long as one likes (`soak`), what it keeps secret even from its disk (`secrets`), when a recorded
//! client of this version of the protocol speaks to it (`frozen`), with operators and passwords
//! (`operators`), and as those see it who watch it (`metrics`, `prometheus`).
//!
//! No test depends on how fast anything is: each waits for what must come, and only a hang ends
//! the waiting.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attackers;
#[cfg(unix)]
mod backup;
mod bad_peers;
mod configuration;
mod crashes;
#[cfg(target_os = "linux")]
mod crowd;
#[cfg(target_os = "linux")]
mod downloads;
#[cfg(unix)]
mod encryption;
mod files;
mod formats;
mod frozen;
#[cfg(target_os = "linux")]
mod full_disk;
mod greedy_peers;
mod harness;
mod logging;
mod metrics;
mod operators;
#[cfg(unix)]
mod prometheus;
#[cfg(unix)]
mod reloading;
mod restart;
#[cfg(target_os = "linux")]
mod scarcity;
mod secrets;
#[cfg(target_os = "linux")]
mod soak;
mod start_up;
mod talk;
mod web;
