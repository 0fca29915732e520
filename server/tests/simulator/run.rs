//! Runs of seeds: one at a time with its trace, or many on all cores.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::Clock;
use super::impostor;
use super::plan::Plan;
use super::sabotage::Sabotage;
use super::trace::Trace;
use super::world::World;

/// How a run ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Passed {
        /// The newest lines, or all.
        trace: String,
        /// Of the whole trace.
        hash: String,
    },
    Failed {
        /// What was wrong, and where it was noticed.
        why: String,
        trace: String,
        hash: String,
    },
}

impl Outcome {
    pub(crate) fn trace(&self) -> &str {
        match self {
            Self::Passed { trace, .. } | Self::Failed { trace, .. } => trace,
        }
    }

    pub(crate) fn hash(&self) -> &str {
        match self {
            Self::Passed { hash, .. } | Self::Failed { hash, .. } => hash,
        }
    }
}

thread_local! {
    static IS_RUNNING: Cell<bool> = const { Cell::new(false) };
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Panics within a run are what it reports, not noise.
fn catch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if IS_RUNNING.get() {
                PANIC.set(Some(info.to_string()));
            } else {
                usual(info);
            }
        }));
    });
}

/// Runs one seed.
pub(crate) fn run(seed: u64, sabotage: Option<Sabotage>, keeps_all: bool) -> Outcome {
    catch_panics();
    let clock = Clock::new();
    let trace = Trace::new(clock.clone(), keeps_all);
    let plan = Plan::new(seed);
    IS_RUNNING.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let expects_more = sabotage == Some(Sabotage::ExpectsMore);
        World::new(plan, &clock, &trace, sabotage).run(expects_more);
        if sabotage.is_none() {
            impostor::meet(seed);
        }
    }));
    IS_RUNNING.set(false);
    let (hash, trace) = (trace.hash(), trace.text());
    match result {
        Ok(()) => Outcome::Passed { trace, hash },
        Err(_) => Outcome::Failed { why: PANIC.take().unwrap_or_default(), trace, hash },
    }
}

/// Runs many seeds on all cores; those that failed, in order, with why.
pub(crate) fn run_all(from: u64, count: u64) -> Vec<(u64, String)> {
    let next = AtomicU64::new(from);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut failed = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + count {
                return failed;
            }
            if let Outcome::Failed { why, .. } = run(seed, None, false) {
                failed.push((seed, why));
            }
        }
    };
    let mut failed: Vec<(u64, String)> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(|it| it.join().expect("it catches panics")).collect()
    });
    failed.sort();
    failed
}
