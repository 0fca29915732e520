//! Solution 3: serves sockets whose readiness is told once (edge-triggered), within a budget.

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
        for &socket in events {
            if !self.queue.contains(&socket) {
                self.queue.push_back(socket);
            }
        }
        // Those that are in the queue now; whoever is put back waits for the next turn.
        for _ in 0..self.queue.len() {
            let Some(socket) = self.queue.pop_front() else { break };
            let mut left = budget;
            while let Read::Bytes(bytes) = read(socket) {
                left = left.saturating_sub(bytes);
                if left == 0 {
                    self.queue.push_back(socket);
                    break;
                }
            }
        }
        !self.queue.is_empty()
    }
}
