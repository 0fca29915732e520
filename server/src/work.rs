//! Counts the engine's work in steps, for tests: a peer may cause work in proportion to the bytes
//! it sends, but not to the size of the room or of the log (docs/ARCHITECTURE.md, "What each frame
//! can cost").
//!
//! A step is one table lookup, one connection visited, up to 8 small elements passed over, or up to
//! 64 bytes copied, compared or encoded. Each thread counts its own steps, in builds with debug
//! assertions only; other builds compile all of this to nothing.

use std::cell::Cell;

/// Bytes per step.
const STEP_BYTES: usize = 64;
/// Small elements per step.
const STEP_ELEMENTS: usize = 8;

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
    static INPUT_BYTES: Cell<u64> = const { Cell::new(0) };
}

/// Counts steps.
#[inline]
pub(crate) fn spend(steps: usize) {
    if cfg!(debug_assertions) {
        STEPS.set(STEPS.get() + steps as u64);
    }
}

/// Counts the steps for this many bytes.
#[inline]
pub(crate) fn spend_bytes(bytes: usize) {
    spend(bytes.div_ceil(STEP_BYTES));
}

/// Counts the steps for passing over this many small elements.
#[inline]
pub(crate) fn spend_passing(elements: usize) {
    spend(elements.div_ceil(STEP_ELEMENTS));
}

/// Counts a frame, or a part of a file, that has arrived and is being handled, with the steps for
/// its bytes.
#[inline]
pub(crate) fn take_in(bytes: usize) {
    if cfg!(debug_assertions) {
        INPUT_BYTES.set(INPUT_BYTES.get() + bytes as u64);
        spend(1);
        spend_bytes(bytes);
    }
}

/// Returns the input bytes this thread has counted since the last call, and resets the count.
#[must_use]
pub fn take_input_bytes() -> u64 {
    INPUT_BYTES.take()
}

/// Returns the steps this thread has counted since the last call, and resets the count; always 0 in
/// a build that counts none.
#[must_use]
pub fn take_steps() -> u64 {
    STEPS.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_add_up_until_they_are_taken() {
        spend(2);
        spend_bytes(0);
        spend_bytes(65);
        spend_passing(9);
        assert_eq!((take_steps(), take_steps()), (6, 0));
        take_in(9);
        assert_eq!((take_steps(), take_input_bytes(), take_input_bytes()), (2, 9, 0));
    }
}
