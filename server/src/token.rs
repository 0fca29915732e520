//! Names of connections: a slot in the slab and the generation of its occupant.
//!
//! Slots are reused; generations are not (until 2^32 connections on 64-bit machines). So a late
//! event, timer or disk reply never reaches a different connection.

use std::fmt;
use std::num::NonZeroUsize;

/// Names one connection for its whole life, and no other after it.
///
/// Stored as the poll's word plus one, so that an `Option<Token>` is no larger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(NonZeroUsize);

const HALF: u32 = usize::BITS / 2;

impl Token {
    /// Packs a slot and the lower half-word of a generation.
    ///
    /// Slots stay far below half a word: the limit on connections bounds them.
    #[must_use]
    pub const fn new(slot: usize, generation: usize) -> Self {
        debug_assert!(slot >> HALF == 0);
        Self::from_mio(generation << HALF | slot)
    }

    /// Returns the index in the slab.
    #[must_use]
    pub fn slot(self) -> usize {
        self.to_mio() & ((1 << HALF) - 1)
    }

    /// Returns the lower half-word of the generation.
    #[must_use]
    pub fn generation(self) -> u32 {
        (self.to_mio() >> HALF) as u32
    }

    /// Returns the word by which the poll knows it.
    #[must_use]
    pub fn to_mio(self) -> usize {
        self.0.get() - 1
    }

    /// Converts the poll's word back. The highest word, which no connection has, becomes the one
    /// below.
    #[must_use]
    pub const fn from_mio(word: usize) -> Self {
        Self(NonZeroUsize::MIN.saturating_add(word))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Token").field(&self.to_mio()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_used_again_has_another_token() {
        let (first, second) = (Token::new(7, 1), Token::new(7, 2));
        assert_eq!((first.slot(), second.slot()), (7, 7));
        assert_eq!((first.generation(), second.generation()), (1, 2));
        assert_ne!(first, second);
        assert_eq!(Token::from_mio(second.to_mio()), second);
    }

    #[test]
    fn every_word_of_the_poll_is_taken_and_none_costs_an_option_memory() {
        for word in [0, 1, usize::MAX - 1] {
            assert_eq!(Token::from_mio(word).to_mio(), word);
        }
        assert_eq!(Token::from_mio(usize::MAX), Token::from_mio(usize::MAX - 1));
        assert_eq!(size_of::<Option<Token>>(), size_of::<usize>());
    }
}
