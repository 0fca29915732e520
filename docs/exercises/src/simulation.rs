//! Exercise 10: say what must always be true of a room, so that a simulation finds what breaks it.

/// Something that one member saw: the number of the event, and its text.
pub type Seen = (u64, String);

/// What happened in one run of the simulation.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The lines that were said and acknowledged, in the order of each sender: sender and text.
    pub said: Vec<(usize, String)>,
    /// What each member saw, from its first moment to the end. All were there all the time.
    pub seen: Vec<Vec<Seen>>,
}

/// Checks a run. A room is sound if all members see the same events in the same order, numbered
/// from 1 without a gap; and if each line that was acknowledged is there exactly once, those of one
/// sender in the order in which they were said. (No two lines have the same text.)
///
/// # Errors
/// With a sentence that says what is wrong.
pub fn check(run: &Run) -> Result<(), String> {
    todo!("check {run:?}")
}
