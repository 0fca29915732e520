//! A room of ten thousand, on one core.

use std::io;

use crate::contenders::Contender;
use crate::rooms::{self, Arrival, Sample, Work};

/// Members of a large room, and of the small one that it is held against.
pub(crate) const LARGE: usize = 10_000;
const SMALL: usize = 100;

/// One line at a time: then each write holds one line, however many members there are.
fn work(members: usize) -> Work {
    Work { members, senders: 1, in_flight: 1, lines: 400_000 / members as u64 }
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Large {
    pub(crate) arrival: Arrival,
    /// Memory that the server has with the room full, in bytes.
    pub(crate) memory_bytes: u64,
    /// What each member beyond [`SMALL`] adds to it.
    pub(crate) member_bytes: f64,
    pub(crate) large: Sample,
    pub(crate) small: Sample,
    /// From a line's being written to the last member's having read it, in milliseconds.
    pub(crate) last_hears_ms: f64,
}

/// Measures a room of [`LARGE`], `rounds` times, beside a small one.
///
/// # Errors
/// When there are not enough descriptors, or the room breaks down.
pub(crate) fn measure(
    contender: &dyn Contender,
    rounds: usize,
    progress: &mut dyn FnMut(&str),
) -> io::Result<Vec<Large>> {
    (1..=rounds)
        .map(|round| {
            let name = contender.name();
            progress(&format!("round {round} of {rounds}: {LARGE} members, {name}"));
            let process = contender.start(SMALL)?;
            let (mut crowd, _) = rooms::arrive(contender, &process, SMALL)?;
            let small_bytes = process.memory()?;
            let small = rooms::sample(&mut crowd, &process, work(SMALL))?;
            drop((crowd, process));
            let process = contender.start(LARGE)?;
            let (mut crowd, arrival) = rooms::arrive(contender, &process, LARGE)?;
            let memory_bytes = process.memory()?;
            let large = rooms::sample(&mut crowd, &process, work(LARGE))?;
            // With one line on its way at a time, all of it is the time of that line.
            let last_hears_ms = 1000.0 * LARGE as f64 / large.deliveries_per_s;
            // What a server touches once, it has touched in the small room as well.
            let grown_bytes = memory_bytes.saturating_sub(small_bytes) as f64;
            let member_bytes = grown_bytes / (LARGE - SMALL) as f64;
            Ok(Large { arrival, memory_bytes, member_bytes, large, small, last_hears_ms })
        })
        .collect()
}
