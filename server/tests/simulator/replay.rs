//! A run of the server that has ended in good order, replayed: what the journal holds of it makes
//! the same room, byte for byte.

use chatshelf_common::id::{Seq, UnixMillis};
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::Action;
use chatshelf_server::engine::LOG_WINDOW_BYTES;
use chatshelf_server::room::{Past, Room};

use super::sabotage::Sabotage;

/// How a run of the server began.
pub(crate) struct Beginning {
    pub(crate) past: Past,
    pub(crate) keep: usize,
    pub(crate) is_topic_locked: bool,
    pub(crate) at: UnixMillis,
}

/// A run that is over, and the room that it has left.
pub(crate) struct Ended {
    pub(crate) beginning: Beginning,
    pub(crate) room: Room,
}

impl Ended {
    /// Replays the run from the events that the next start has found. Where some of it is missing,
    /// for the disk would not take it or it was too much to keep, there is nothing to compare.
    pub(crate) fn check(mut self, found: &[Event], sabotage: Option<Sabotage>) {
        let Beginning { past, keep, is_topic_locked, at } = self.beginning;
        let past_has_redaction = past
            .events
            .iter()
            .any(|event| matches!(event, Event::Moderated(it) if it.action == Action::REDACT));
        let mut replayed = Room::restore(past, LOG_WINDOW_BYTES, keep, at).room;
        replayed.lock_topic(is_topic_locked);
        let (from, to) = (replayed.log().next_seq(), self.room.log().next_seq());
        let found: Vec<&Event> = found.iter().filter(|event| event.seq() >= from).collect();
        let is_whole = found.iter().map(|event| event.seq()).eq((from.0..to.0).map(Seq));
        if !is_whole {
            return;
        }
        // The text of a redacted line is gone, and by it repetitions were known.
        let is_redaction =
            |event: &&Event| matches!(event, Event::Moderated(it) if it.action == Action::REDACT);
        if past_has_redaction || found.iter().any(is_redaction) {
            return;
        }
        let left_out = usize::from(sabotage == Some(Sabotage::ShortReplay));
        for event in &found[..found.len().saturating_sub(left_out)] {
            replayed.commit((*event).clone());
            if replayed.log().is_overfull() {
                replayed.release_log(replayed.log().end());
                replayed.trim_log();
            }
        }
        replayed.assert_same(&mut self.room);
    }
}
