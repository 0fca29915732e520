//! The shelf: the newest items, in the order in which they were completed.

use std::collections::VecDeque;

use chatshelf_common::id::ItemId;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Item;

use crate::work;

/// The highest number that an item may have. What names a higher one is damaged: after it there
/// would be no numbers left to come.
pub const ITEM_ID_MAX: ItemId = ItemId(u64::MAX >> 1);

/// The newest `keep` items. Says what is on it, never touches a file.
#[derive(Debug)]
pub struct Shelf {
    /// Oldest first; ids ascend.
    items: VecDeque<Item>,
    keep: usize,
    /// Higher than every id that was ever given out.
    next_id: ItemId,
    /// The highest id that was ever on the shelf; 0 before the first.
    newest: ItemId,
}

impl Shelf {
    /// An empty shelf for `keep` items, at least one.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        debug_assert!(keep > 0);
        Self { items: VecDeque::new(), keep, next_id: ItemId(1), newest: ItemId(0) }
    }

    /// Takes a new number for an item that is about to be published.
    pub fn reserve_id(&mut self) -> ItemId {
        let id = self.next_id;
        self.next_id = ItemId(id.0.saturating_add(1));
        id
    }

    /// Takes note that this item was on the shelf once.
    pub fn note_id(&mut self, id: ItemId) {
        self.newest = self.newest.max(id);
        self.next_id = self.next_id.max(ItemId(id.0.saturating_add(1)));
    }

    /// Puts an item on; its id must be higher than those of all before it.
    pub fn add(&mut self, item: Item) {
        debug_assert!(self.items.back().is_none_or(|last| last.id < item.id));
        self.note_id(item.id);
        self.items.push_back(item);
    }

    /// The oldest item when there are more than the shelf keeps.
    #[must_use]
    pub fn surplus(&self) -> Option<&Item> {
        self.items.front().filter(|_| self.items.len() > self.keep)
    }

    /// Takes an item off.
    pub fn remove(&mut self, id: ItemId) {
        if let Ok(place) = self.place_of(id) {
            self.items.remove(place);
        }
    }

    /// The item with this number.
    ///
    /// # Errors
    /// [`Code::ITEM_DROPPED`] when it was there once, [`Code::ITEM_UNKNOWN`] when it never was.
    pub fn find(&self, id: ItemId) -> Result<&Item, Code> {
        self.place_of(id).map(|place| &self.items[place]).map_err(|_| {
            if id.0 > 0 && id <= self.newest { Code::ITEM_DROPPED } else { Code::ITEM_UNKNOWN }
        })
    }

    /// Where an item is among the others, however many there are.
    fn place_of(&self, id: ItemId) -> Result<usize, usize> {
        self.items.binary_search_by_key(&id, |item| {
            work::spend(1);
            item.id
        })
    }

    /// The items, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.iter()
    }

    /// How many items the shelf keeps.
    #[must_use]
    pub fn keep(&self) -> usize {
        self.keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatshelf_common::id::{Digest, UnixMillis};
    use chatshelf_common::text::{FileName, Nick};

    fn item(id: u64) -> Item {
        let (name, nick) = (FileName::new("f").unwrap(), Nick::new("ada").unwrap());
        Item::new(ItemId(id), name, id, Digest([0; 32]), nick, UnixMillis(id))
    }

    #[test]
    fn the_oldest_is_surplus_and_known_as_dropped_afterwards() {
        let mut shelf = Shelf::new(2);
        for id in 1..=3 {
            assert_eq!(shelf.surplus(), None);
            assert_eq!(shelf.reserve_id(), ItemId(id));
            shelf.add(item(id));
        }
        assert_eq!(shelf.surplus(), Some(&item(1)));
        shelf.remove(ItemId(1));
        assert_eq!(shelf.surplus(), None);
        assert_eq!(shelf.find(ItemId(1)), Err(Code::ITEM_DROPPED));
        assert_eq!(shelf.find(ItemId(2)), Ok(&item(2)));
        assert_eq!(shelf.find(ItemId(4)), Err(Code::ITEM_UNKNOWN));
        assert_eq!(shelf.find(ItemId(0)), Err(Code::ITEM_UNKNOWN));
        assert!(shelf.iter().map(|item| item.id.0).eq([2, 3]));
    }

    #[test]
    fn numbers_go_on_after_what_was_found_on_disk() {
        let mut shelf = Shelf::new(5);
        shelf.add(item(41));
        assert_eq!(shelf.find(ItemId(40)), Err(Code::ITEM_DROPPED));
        assert_eq!(shelf.reserve_id(), ItemId(42));
        assert_eq!(shelf.find(ItemId(42)), Err(Code::ITEM_UNKNOWN));
    }
}
