//! A count of what the engine does, in steps, for tests: a peer may make it work for the bytes it
//! sends, but not for the size of the room or of the log (docs/ARCHITECTURE.md, "What each frame
//! can cost").
//!
//! A step is one look into a table, one connection visited, up to 8 small elements passed over, or
//! up to 64 bytes copied, compared or encoded. Steps are counted for each thread, in builds with
//! debug assertions; in others all this is nothing.

use std::cell::Cell;

/// Bytes that make a step.
const STEP_BYTES: usize = 64;
/// Small elements that make one.
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

/// Counts the steps that so many bytes make.
#[inline]
pub(crate) fn spend_bytes(bytes: usize) {
    spend(bytes.div_ceil(STEP_BYTES));
}

/// Counts the steps that it takes to pass over so many small elements.
#[inline]
pub(crate) fn spend_passing(elements: usize) {
    spend(elements.div_ceil(STEP_ELEMENTS));
}

/// Counts a frame, or a part of a file, of so many bytes that has come and is looked at now; and
/// the steps for that.
#[inline]
pub(crate) fn take_in(bytes: usize) {
    if cfg!(debug_assertions) {
        INPUT_BYTES.set(INPUT_BYTES.get() + bytes as u64);
        spend(1);
        spend_bytes(bytes);
    }
}

/// Takes the number of bytes that were looked at on this thread since the last time.
#[must_use]
pub fn take_input_bytes() -> u64 {
    INPUT_BYTES.take()
}

/// Takes the steps that were counted on this thread since the last time; 0 in a build that counts
/// none.
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
