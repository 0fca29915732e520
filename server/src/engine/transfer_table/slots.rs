//! Slots: who runs the transfers that the server can run at once, and who may have another.
//!
//! The fewer slots are free, the fewer one may hold. A member takes no more than are still free, an
//! address no more than a few times that: so whoever is greedy stops well before the last slot, and
//! someone who has none finds one. A slot is taken until the disk thread has let go of its
//! transfer, even when its member has long cancelled it: who begins and cancels without end has
//! only their own slots to spend.

use std::collections::HashMap;

use crate::disk::TransferKey;
use crate::engine::limits::{
    MEMBER_SLOTS_MAX, MEMBER_TRANSFERS_MAX, NEWCOMER_FREE_SLOTS_MIN, ORIGIN_SHARE, TRANSFERS_MAX,
    UPLOADS_MAX,
};
use crate::engine::origin::Origin;
use crate::token::Token;
use crate::work;

/// The transfers that the disk thread knows of.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// At most [`TRANSFERS_MAX`], so that looking at them all costs little.
    taken: HashMap<TransferKey, Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    origin: Origin,
    way: Way,
}

/// Which way a transfer's file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Way {
    Up,
    Down,
}

/// Who asks for a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) connection: Token,
    pub(super) origin: Origin,
    /// Transfers that it runs; not those that have ended and that the disk thread still holds.
    pub(super) running: usize,
}

impl Slots {
    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken.len()
    }

    /// True if a transfer has one.
    pub(super) fn has(&self, transfer: TransferKey) -> bool {
        self.taken.contains_key(&transfer)
    }

    /// Takes one, which must have been allowed by [`Self::limit_reached`].
    pub(super) fn take(&mut self, transfer: TransferKey, origin: Origin, way: Way) {
        debug_assert!(self.taken() < TRANSFERS_MAX);
        let before = self.taken.insert(transfer, Slot { origin, way });
        debug_assert!(before.is_none(), "{transfer:?} has a slot");
        debug_assert!(self.uploads() <= UPLOADS_MAX);
    }

    /// The disk thread has let go of a transfer.
    pub(super) fn free(&mut self, transfer: TransferKey) {
        let slot = self.taken.remove(&transfer);
        debug_assert!(slot.is_some(), "{transfer:?} had no slot");
    }

    /// What stands in the way of one more transfer: how many there may be, of all or of this
    /// member's or of its address's. None if there may be one more.
    pub(super) fn limit_reached(&self, asker: Asker, way: Way) -> Option<usize> {
        let free = self.free_for(way);
        let uploads = if way == Way::Up { self.uploads() } else { 0 };
        let own = self.count(|transfer, _| transfer.connection == asker.connection);
        let of_origin = self.count(|_, slot| slot.origin == asker.origin);
        // Without this, the greedy ones of an address would shut out everyone else behind it.
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

    /// True when few are left: then a transfer that hardly moves is in others' way.
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
