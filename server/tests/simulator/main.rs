//! The simulator: the real engine, store, journal and client session, over a network, a disk and a
//! clock that do whatever a seed says, against a model of what must be true. docs/TESTING.md says
//! how it works and how a seed is run again.
//!
//! `SEEDS`, `SEED_FROM` and `SEED` in the environment choose what is run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod actions;
mod budget;
mod clock;
mod content;
mod disk;
mod end;
mod files;
mod finale;
mod guest;
mod hostile;
mod http_call;
mod impostor;
mod layered;
mod link;
mod model;
mod moderation_model;
mod net;
mod network;
mod operator;
mod pipe;
mod plan;
mod replay;
mod rights;
mod run;
mod sabotage;
mod sabotaged;
mod server;
mod shelf_model;
mod threads;
mod tls;
mod trace;
mod user;
mod verifier;
mod watched;
mod web;
mod world;

use std::fmt::Write as _;

use chatshelf_testkit::rng;
use run::Outcome;

/// Seeds that are run when nobody says how many.
const SEEDS: u64 = 300;
/// Seeds that are run twice.
const REPEATED: u64 = 20;
/// Failing seeds of which all is told.
const TOLD_MAX: usize = 3;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// What there is to say of a seed that fails.
fn report(seed: u64) -> String {
    match run::run(seed, None, false) {
        Outcome::Passed { .. } => format!("seed {seed} fails in one run and not in another"),
        Outcome::Failed { why, trace, .. } => {
            format!("{trace}\nseed {seed}: {why}\nmake simulate SEED={seed} shows all of it")
        }
    }
}

/// Runs one seed and leaves its whole trace in a file.
fn show(seed: u64) {
    let outcome = run::run(seed, None, true);
    let path = std::env::temp_dir().join(format!("chatshelf-seed-{seed}.txt"));
    std::fs::write(&path, outcome.trace()).unwrap();
    println!("the trace of seed {seed} is in {}: {}", path.display(), outcome.hash());
    if let Outcome::Failed { why, .. } = outcome {
        panic!("{}seed {seed}: {why}", newest_lines(seed));
    }
}

/// The end of a seed's trace.
fn newest_lines(seed: u64) -> String {
    run::run(seed, None, false).trace().to_owned()
}

#[test]
fn whatever_happens_nothing_is_lost_or_left_behind() {
    if let Some(seed) = number("SEED") {
        return show(seed);
    }
    let (from, count) = (number("SEED_FROM").unwrap_or(0), number("SEEDS").unwrap_or(SEEDS));
    let failed = run::run_all(from, count);
    let mut text = String::new();
    for (seed, _) in failed.iter().take(TOLD_MAX) {
        let _ = writeln!(text, "{}\n", report(*seed));
    }
    for (seed, why) in &failed {
        let _ = writeln!(text, "seed {seed}: {}", why.lines().nth(1).unwrap_or(why));
    }
    assert!(failed.is_empty(), "{text}{} of {count} seeds fail", failed.len());
}

#[test]
fn a_seed_runs_the_same_way_twice() {
    for seed in 0..REPEATED {
        let (first, second) = (run::run(seed, None, false), run::run(seed, None, false));
        assert_eq!(first.hash(), second.hash(), "seed {seed}");
    }
}
