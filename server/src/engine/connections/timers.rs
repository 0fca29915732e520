//! The table of deadlines: when to check which connection again.
//!
//! A connection has one entry, at the earliest moment that anything can be due for it. What is due
//! then, the connection itself knows. Activity that postpones a deadline leaves the table as it is;
//! the check then comes too early and sets the entry again.

use std::collections::BTreeSet;

use crate::token::Token;
use crate::work;

/// Times are in milliseconds of the engine's monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Timers {
    entries: BTreeSet<(u64, Token)>,
}

/// A connection's place in the table: the time of its entry, if it has one. Every connection has
/// this field, so the highest value stands for none to save memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry(u64);

impl Entry {
    /// Not in the table.
    pub(super) const NONE: Self = Self(u64::MAX);
}

impl Timers {
    /// Moves the entry of `token` to `at_ms`, unless it already is earlier.
    pub(super) fn arm(&mut self, entry: &mut Entry, token: Token, at_ms: u64) {
        debug_assert_ne!(at_ms, Entry::NONE.0);
        if entry.0 <= at_ms {
            return;
        }
        self.disarm(entry, token);
        self.entries.insert((at_ms, token));
        *entry = Entry(at_ms);
    }

    /// Removes the entry of `token`.
    pub(super) fn disarm(&mut self, entry: &mut Entry, token: Token) {
        let armed = std::mem::replace(entry, Entry::NONE);
        if armed != Entry::NONE {
            self.entries.remove(&(armed.0, token));
        }
    }

    /// Takes an entry that is due. The caller clears the connection's [`Entry`].
    pub(super) fn pop_due(&mut self, now_ms: u64) -> Option<Token> {
        let &(at_ms, token) = self.entries.first()?;
        if at_ms > now_ms {
            return None;
        }
        self.entries.pop_first();
        work::spend(1);
        Some(token)
    }

    /// Returns when the next entry is due.
    pub(super) fn next(&self) -> Option<u64> {
        self.entries.first().map(|&(at_ms, _)| at_ms)
    }

    /// Returns the number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_moves_only_to_an_earlier_moment() {
        let (mut timers, token, mut entry) = (Timers::default(), Token::new(1, 1), Entry::NONE);
        timers.arm(&mut entry, token, 50);
        timers.arm(&mut entry, token, 70);
        assert_eq!(timers.next(), Some(50));
        timers.arm(&mut entry, token, 30);
        assert_eq!((timers.next(), timers.len()), (Some(30), 1));
        assert_eq!(timers.pop_due(29), None);
        assert_eq!(timers.pop_due(30), Some(token));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn due_entries_come_in_the_order_of_their_moments() {
        let mut timers = Timers::default();
        for (slot, at_ms) in [(1, 30), (2, 10), (3, 20)] {
            let mut entry = Entry::NONE;
            timers.arm(&mut entry, Token::new(slot, 0), at_ms);
        }
        let due: Vec<usize> = std::iter::from_fn(|| timers.pop_due(25)).map(Token::slot).collect();
        assert_eq!(due, [2, 3]);
    }
}
