//! The sequencer: puts proposals in order, and gives each event its seq and its time.
//!
//! This one serves a single server. Proposals are ordered as they are made, and each is decided and
//! committed at once. Item numbers are also assigned here, ahead of the event, because an item's
//! files are published under its number before the room hears of it.
//!
//! A sequencer that orders the proposals of several servers would answer in a later turn, and the
//! seam allows for that. The engine hands over a proposal together with what follows from its
//! outcome, as data (`engine/proposals.rs`), and reads nothing else when the call returns. Such a
//! sequencer would keep that data, send its proposals out as the engine sends disk requests, and
//! receive ordered batches as the engine receives disk replies. Each proposal of a batch, whichever
//! server made it, would be decided against the room and committed with the batch's time; the
//! outcomes of local proposals would go to the engine. A connection whose join or rename is
//! undecided would not be read until then, just as while its nick is contested. Event numbers need
//! no agreement: every server counts the events that the same order of proposals yields. Item
//! numbers would be assigned at that point too, and the room's limits, which this server enforces
//! by itself today, would become events.

use chatshelf_common::id::{ItemId, UnixMillis};
use chatshelf_common::wire::Code;

use crate::room::Room;
use crate::room::proposal::Proposal;

/// Orders the events of one room.
#[derive(Debug)]
pub struct Sequencer {
    /// Higher than every item number ever assigned.
    next_item: ItemId,
}

impl Sequencer {
    /// Creates the sequencer of this room, which no other sequencer changes.
    #[must_use]
    pub fn new(room: &Room) -> Self {
        Self { next_item: after(room.shelf().newest()) }
    }

    /// Makes a proposal the next in the order. When this returns, it is committed to the room or
    /// refused.
    ///
    /// `at` is the current time by the system clock. It may be earlier than the last one: clocks
    /// are set back, and nothing in the room depends on their order.
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

    /// Reserves a number for an item that is about to be published.
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
