//! What becomes of transfers when their connection breaks: they wait in the queue for the next
//! one. And how an upload whose receipt was lost is recognised on the shelf, so that it is not put
//! there twice.

use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::Item;

use super::{Transfer, Transfers};
use crate::session::event::{Outcome, SessionEvent, TransferHandle};
use crate::session::outgoing::Outgoing;

impl Transfers {
    /// The connection is gone, on which we were `nick`: what runs goes to the front of the queue.
    /// A download that is whole needs no connection and stays.
    pub(in crate::session) fn lost(
        &mut self,
        nick: &Nick,
        out: &mut Outgoing,
    ) -> Vec<SessionEvent> {
        let shown = |(handle, transfer): (&TransferHandle, &Transfer)| match transfer {
            Transfer::Up(up) => up.shown_as().map(|item| (*handle, item)),
            Transfer::Down(_) => None,
        };
        let uploaded: Vec<_> = self.active.iter().filter_map(shown).collect();
        let ended = uploaded
            .into_iter()
            .filter_map(|(handle, item)| self.remove(handle, Outcome::Uploaded(item), out))
            .collect();
        let active = std::mem::take(&mut self.active);
        for (handle, mut transfer) in active.into_iter().rev() {
            let is_whole = matches!(transfer, Transfer::Down(_)) && transfer.has_passed();
            match &mut transfer {
                Transfer::Up(up) => up.lose(nick),
                Transfer::Down(_) if is_whole => {}
                Transfer::Down(down) => down.lose(),
            }
            if is_whole {
                self.active.insert(handle, transfer);
            } else {
                self.queue.push_front((handle, transfer));
            }
        }
        for (_, transfer) in &mut self.queue {
            if let Transfer::Down(down) = transfer {
                down.outlive_connection();
            }
        }
        self.numbers.clear();
        self.last_number_before = self.last_number;
        ended
    }

    /// An item was seen on the shelf. It may be one of our uploads: then its end, if we are not
    /// going to be told of it otherwise. We are `nick`.
    pub(in crate::session) fn seen_on_shelf(
        &mut self,
        item: &Item,
        nick: &Nick,
        out: &mut Outgoing,
    ) -> Option<SessionEvent> {
        let handle = if self.own_items.contains(&item.id) { None } else { self.made(item, nick) };
        self.newest_item = self.newest_item.max(Some(item.id));
        let handle = handle?;
        self.own_items.insert(item.id);
        match self.get_mut(handle) {
            Some(Transfer::Up(up)) if up.is_done() => {
                up.show_as(item.id);
                None
            }
            _ => self.end(handle, Outcome::Uploaded(item.id), out),
        }
    }

    /// The upload that this item was made of.
    fn made(&self, item: &Item, nick: &Nick) -> Option<TransferHandle> {
        let queued = self.queue.iter().map(|(handle, transfer)| (handle, transfer));
        let fits = |transfer: &Transfer| match transfer {
            Transfer::Up(up) => up.was_made(item, nick),
            Transfer::Down(_) => false,
        };
        let mut all = self.active.iter().chain(queued);
        all.find(|(_, transfer)| fits(transfer)).map(|(handle, _)| *handle)
    }
}
