//! Names of connections: a slot of the slab and the generation of its tenant.
//!
//! Slots are used again; generations are not (until 2^32 connections on 64-bit machines). So
//! an event, a timer or a disk reply that comes late meets no stranger.

/// Names one connection for its whole life, and no other after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(usize);

const HALF: u32 = usize::BITS / 2;

impl Token {
    /// Packs a slot and a generation; of the generation the lower half of a word counts.
    ///
    /// Slots stay far below half a word: they are bounded by the connections the server takes.
    #[must_use]
    pub const fn new(slot: usize, generation: usize) -> Self {
        debug_assert!(slot >> HALF == 0);
        Self(generation << HALF | slot)
    }

    /// No connection at all.
    pub const NOBODY: Self = Self(usize::MAX);

    /// The place in the slab.
    #[must_use]
    pub fn slot(self) -> usize {
        self.0 & ((1 << HALF) - 1)
    }

    /// As the poll knows it.
    #[must_use]
    pub fn to_mio(self) -> usize {
        self.0
    }

    /// Back from the poll.
    #[must_use]
    pub fn from_mio(word: usize) -> Self {
        Self(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_used_again_has_another_token() {
        let (first, second) = (Token::new(7, 1), Token::new(7, 2));
        assert_eq!((first.slot(), second.slot()), (7, 7));
        assert_ne!(first, second);
        assert_eq!(Token::from_mio(second.to_mio()), second);
    }
}
