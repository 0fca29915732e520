//! The sequencer: gives proposals their order, and each its number and its time.
//!
//! This one is alone with its room. Proposals get the order in which they are made, and each is
//! decided and committed at once. Item numbers are given here as well, ahead of the event, because
//! an item's files are published under its number before the room hears of it.
//!
//! A sequencer that orders the proposals of several servers answers in a later turn, and the seam
//! is made for that. The engine hands a proposal over together with what follows from its outcome,
//! as data (`engine/proposals.rs`), and looks at nothing else when the call returns. Such a
//! sequencer would keep that data, give its proposals out as the engine gives out disk requests,
//! and take ordered batches in as the engine takes disk replies. Of a batch each proposal,
//! whichever server made it, is decided against the room and committed, with the batch's time; the
//! outcome of those that were made here goes to the engine. A connection whose join or rename is on
//! its way is not read until then, as while its nick is contested. Numbers of events need nobody's
//! consent: everyone counts the events that the same order of proposals gives. Numbers of items
//! would be given then, too, and the room's bounds, which this server settles for itself today,
//! would be events.

use chatshelf_common::id::{ItemId, UnixMillis};
use chatshelf_common::wire::Code;

use crate::room::Room;
use crate::room::proposal::Proposal;

/// Orders what happens in one room.
#[derive(Debug)]
pub struct Sequencer {
    /// Higher than every number of an item that was ever given out.
    next_item: ItemId,
}

impl Sequencer {
    /// The sequencer of this room, which nobody else's proposals change.
    #[must_use]
    pub fn new(room: &Room) -> Self {
        Self { next_item: after(room.shelf().newest()) }
    }

    /// Puts a proposal next in the order. The room has it, or it is refused, when this returns.
    ///
    /// `at` is what the clock says now. It may be less than the last time: people set clocks, and
    /// nothing in the room depends on it.
    ///
    /// # Errors
    /// As [`Proposal::decide`].
    pub fn order(
        &mut self,
        room: &mut Room,
        proposal: Proposal,
        at: UnixMillis,
    ) -> Result<(), Code> {
        if let Proposal::Shelve { item } = &proposal {
            self.next_item = self.next_item.max(after(item.id));
        }
        proposal.decide(room, at).map(|event| room.commit(event))
    }

    /// Takes a number for an item that is about to be published.
    pub fn reserve_item_id(&mut self) -> ItemId {
        let id = self.next_item;
        self.next_item = after(id);
        id
    }
}

fn after(id: ItemId) -> ItemId {
    ItemId(id.0.saturating_add(1))
}

#[cfg(test)]
mod tests;
