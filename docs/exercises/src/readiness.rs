//! Exercise 3: serve sockets whose readiness is told once (edge-triggered), within a budget.

use std::collections::VecDeque;

/// What a read of a socket brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// This many bytes. There may be more.
    Bytes(usize),
    /// Nothing now. An event comes when that changes, and only then.
    WouldBlock,
}

/// The loop's memory between its turns.
#[derive(Debug, Default)]
pub struct Readiness {
    /// Sockets to be read, each in here once.
    queue: VecDeque<usize>,
}

impl Readiness {
    /// One turn: notes the sockets whose events have come (an event may come for a socket that is
    /// known to be ready), then reads each ready socket once or more, but stops at `budget` bytes
    /// or more of one socket, so that nobody has to wait for it. Returns true if the next turn must
    /// not sleep, because something is left to be read.
    pub fn turn(
        &mut self,
        events: &[usize],
        budget: usize,
        mut read: impl FnMut(usize) -> Read,
    ) -> bool {
        let _ = (&mut self.queue, events, budget, &mut read);
        todo!()
    }
}
