//! Solution 10: says what must always be true of a room, so that a simulation finds what breaks it.

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
    let log = run.seen.first().map_or(&[][..], Vec::as_slice);
    if let Some(member) = run.seen.iter().position(|seen| seen != log) {
        return Err(format!("member {member} saw something else than member 0"));
    }
    for (&(seq, _), expected) in log.iter().zip(1..) {
        if seq != expected {
            return Err(format!("event {expected} is missing: {seq} came instead"));
        }
    }
    if log.len() != run.said.len() {
        return Err(format!("{} lines were said, {} are in the room", run.said.len(), log.len()));
    }
    let place = |text: &String| log.iter().position(|(_, it)| it == text);
    let mut newest = std::collections::BTreeMap::new();
    for (sender, text) in &run.said {
        let Some(at) = place(text) else { return Err(format!("{text} was lost")) };
        if newest.insert(sender, at).is_some_and(|before| before > at) {
            return Err(format!("{text} was overtaken by a later line of its sender"));
        }
    }
    Ok(())
}
