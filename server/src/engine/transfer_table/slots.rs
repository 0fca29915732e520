//! Slots: which transfers are running, out of those the server can run at once, and who may begin
//! another.
//!
//! The fewer slots are free, the fewer each member may hold: a member no more than are still free,
//! an address no more than a few times that. A greedy member is therefore stopped well before the
//! last slot, and one without a transfer finds a slot. A slot stays taken until the disk thread has
//! released its transfer, even if the member cancelled it long ago: a client that begins and
//! cancels without end uses up only its own slots.

use std::collections::HashMap;

use crate::disk::TransferKey;
use crate::engine::limits::{
    MEMBER_SLOTS_MAX, MEMBER_TRANSFERS_MAX, NEWCOMER_FREE_SLOTS_MIN, ORIGIN_SHARE, TRANSFERS_MAX,
    UPLOADS_MAX, WRITE_BUDGET_BYTES, WRITE_BUDGET_SHARED_BYTES,
};
use crate::engine::origin::Origin;
use crate::token::Token;
use crate::work;

/// The transfers known to the disk thread.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// At most [`TRANSFERS_MAX`], so visiting all of them is cheap.
    taken: HashMap<TransferKey, Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    origin: Origin,
    way: Way,
}

/// The direction of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Way {
    Up,
    Down,
}

/// A connection that requests a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) connection: Token,
    pub(super) origin: Origin,
    /// Its running transfers, without those that have ended and are still held by the disk thread.
    pub(super) running: usize,
}

impl Slots {
    /// Returns how many are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken.len()
    }

    /// Returns about how many bytes may be sent to one connection in a turn. The more transfers
    /// there are, the less each moves before it is another's turn.
    #[inline]
    pub(super) fn write_budget(&self) -> usize {
        match self.taken() {
            0 => WRITE_BUDGET_BYTES,
            transfers => (WRITE_BUDGET_SHARED_BYTES / transfers).max(WRITE_BUDGET_BYTES),
        }
    }

    /// Returns true if the transfer has a slot.
    pub(super) fn has(&self, transfer: TransferKey) -> bool {
        self.taken.contains_key(&transfer)
    }

    /// Takes a slot, which [`Self::limit_reached`] must have allowed.
    pub(super) fn take(&mut self, transfer: TransferKey, origin: Origin, way: Way) {
        debug_assert!(self.taken() < TRANSFERS_MAX);
        let before = self.taken.insert(transfer, Slot { origin, way });
        debug_assert!(before.is_none(), "{transfer:?} has a slot");
        debug_assert!(self.uploads() <= UPLOADS_MAX);
    }

    /// Frees the slot of a transfer that the disk thread has released.
    pub(super) fn free(&mut self, transfer: TransferKey) {
        let slot = self.taken.remove(&transfer);
        debug_assert!(slot.is_some(), "{transfer:?} had no slot");
    }

    /// Returns the limit that forbids another transfer: of all, of this member's or of its
    /// address's. Returns `None` if another is allowed.
    pub(super) fn limit_reached(&self, asker: Asker, way: Way) -> Option<usize> {
        let free = self.free_for(way);
        let uploads = if way == Way::Up { self.uploads() } else { 0 };
        let own = self.count(|transfer, _| transfer.connection == asker.connection);
        let of_origin = self.count(|_, slot| slot.origin == asker.origin);
        // Without this, greedy members would shut out everyone else behind the same address.
        let is_newcomer = asker.running == 0 && free > NEWCOMER_FREE_SLOTS_MIN;
        let origin_max = if is_newcomer { TRANSFERS_MAX } else { ORIGIN_SHARE * free };
        let limits = [
            (asker.running, MEMBER_TRANSFERS_MAX),
            (own, MEMBER_SLOTS_MAX),
            (self.taken(), TRANSFERS_MAX),
            (uploads, UPLOADS_MAX),
            (own, free),
            (of_origin, origin_max),
        ];
        limits.into_iter().find(|(held, most)| held >= most).map(|(_, most)| most)
    }

    /// Returns true if few are left: a transfer that hardly moves is then in others' way.
    pub(super) fn are_scarce(&self, way: Way) -> bool {
        let all = if way == Way::Up { UPLOADS_MAX } else { TRANSFERS_MAX };
        self.free_for(way) < all / 4
    }

    fn free_for(&self, way: Way) -> usize {
        let free = TRANSFERS_MAX - self.taken();
        match way {
            Way::Up => free.min(UPLOADS_MAX - self.uploads()),
            Way::Down => free,
        }
    }

    /// Iterates over the uploads from an address.
    pub(super) fn uploads_from(&self, origin: Origin) -> impl Iterator<Item = TransferKey> {
        work::spend_passing(self.taken.len());
        let is_meant = move |slot: &Slot| slot.way == Way::Up && slot.origin == origin;
        self.taken.iter().filter(move |(_, slot)| is_meant(slot)).map(|(transfer, _)| *transfer)
    }

    fn uploads(&self) -> usize {
        self.count(|_, slot| slot.way == Way::Up)
    }

    fn count(&self, is_meant: impl Fn(&TransferKey, &Slot) -> bool) -> usize {
        work::spend_passing(self.taken.len());
        self.taken.iter().filter(|(transfer, slot)| is_meant(transfer, slot)).count()
    }
}

#[cfg(test)]
mod tests;
