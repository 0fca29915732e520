//! The shelf: the newest items, in the order in which their uploads completed.

use std::collections::VecDeque;

use chatshelf_common::id::ItemId;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Item;

use crate::work;

/// The highest number an item may have. A higher one means damaged data: accepting it would leave
/// no numbers for later items.
pub const ITEM_ID_MAX: ItemId = ItemId(u64::MAX >> 1);

/// Returns true for a number that an item may have.
#[must_use]
pub fn is_item_id(id: ItemId) -> bool {
    (ItemId(1)..=ITEM_ID_MAX).contains(&id)
}

/// The newest items. It knows what is on the shelf and never touches a file.
#[derive(Debug)]
pub struct Shelf {
    /// Oldest first; ids ascend.
    items: VecDeque<Item>,
    /// How many items to keep.
    keep: usize,
    /// The highest id that was ever on the shelf; 0 before the first.
    newest: ItemId,
    /// How often the items have changed.
    changes: u64,
}

impl Shelf {
    /// Creates an empty shelf for `keep` items, at least one.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        debug_assert!(keep > 0);
        Self { items: VecDeque::new(), keep, newest: ItemId(0), changes: 0 }
    }

    /// Changes how many items to keep, at least one. Items beyond that become [`Self::surplus`].
    pub fn set_keep(&mut self, keep: usize) {
        debug_assert!(keep > 0);
        self.keep = keep;
    }

    /// Returns the highest item number ever on the shelf; 0 before the first.
    #[must_use]
    pub fn newest(&self) -> ItemId {
        self.newest
    }

    /// Notes that an item with this number was once on the shelf.
    pub fn note_id(&mut self, id: ItemId) {
        self.newest = self.newest.max(id);
    }

    /// Adds an item at its place by number. An item completed before a restart may be announced
    /// after it, when later items already are on the shelf.
    pub fn add(&mut self, item: Item) {
        self.note_id(item.id);
        self.changes += 1;
        match self.place_of(item.id) {
            Ok(place) => self.items[place] = item,
            Err(place) => self.items.insert(place, item),
        }
    }

    /// Iterates over the oldest items that exceed the number to keep.
    pub fn surplus(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().take(self.items.len().saturating_sub(self.keep))
    }

    /// Removes an item.
    pub fn remove(&mut self, id: ItemId) {
        self.note_id(id);
        if let Ok(place) = self.place_of(id) {
            self.items.remove(place);
            self.changes += 1;
        }
    }

    /// Returns the item with this number.
    ///
    /// # Errors
    /// [`Code::ITEM_DROPPED`] if it was once on the shelf, [`Code::ITEM_UNKNOWN`] if it never was.
    pub fn find(&self, id: ItemId) -> Result<&Item, Code> {
        self.place_of(id).map(|place| &self.items[place]).map_err(|_| {
            if id.0 > 0 && id <= self.newest { Code::ITEM_DROPPED } else { Code::ITEM_UNKNOWN }
        })
    }

    /// Finds the index of an item, or where it would go, by binary search.
    fn place_of(&self, id: ItemId) -> Result<usize, usize> {
        self.items.binary_search_by_key(&id, |item| {
            work::spend(1);
            item.id
        })
    }

    /// Iterates over the items, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.iter()
    }

    /// Returns how often the items have changed: as long as it is the same, they are.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Returns how many items the shelf keeps.
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

    fn ids<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<u64> {
        items.map(|item| item.id.0).collect()
    }

    #[test]
    fn the_oldest_are_surplus_and_known_as_dropped_afterwards() {
        let mut shelf = Shelf::new(2);
        for id in 1..=4 {
            assert_eq!(shelf.surplus().count(), (id as usize - 1).saturating_sub(2));
            shelf.add(item(id));
        }
        assert_eq!(ids(shelf.surplus()), [1, 2]);
        shelf.remove(ItemId(1));
        shelf.remove(ItemId(2));
        assert_eq!(shelf.surplus().count(), 0);
        assert_eq!(shelf.find(ItemId(1)), Err(Code::ITEM_DROPPED));
        assert_eq!(shelf.find(ItemId(3)), Ok(&item(3)));
        assert_eq!(shelf.find(ItemId(5)), Err(Code::ITEM_UNKNOWN));
        assert_eq!(shelf.find(ItemId(0)), Err(Code::ITEM_UNKNOWN));
        assert_eq!(ids(shelf.iter()), [3, 4]);
    }

    #[test]
    fn every_number_up_to_the_newest_was_on_the_shelf() {
        let mut shelf = Shelf::new(5);
        shelf.add(item(41));
        assert_eq!(shelf.find(ItemId(40)), Err(Code::ITEM_DROPPED));
        assert_eq!(shelf.find(ItemId(42)), Err(Code::ITEM_UNKNOWN));
        shelf.remove(ItemId(50));
        assert_eq!((shelf.newest(), shelf.find(ItemId(50))), (ItemId(50), Err(Code::ITEM_DROPPED)));
    }

    #[test]
    fn an_item_that_comes_late_has_its_place_among_the_others() {
        let mut shelf = Shelf::new(2);
        [2, 4, 3].into_iter().for_each(|id| shelf.add(item(id)));
        assert_eq!((ids(shelf.iter()), ids(shelf.surplus())), (vec![2, 3, 4], vec![2]));
        assert_eq!((shelf.newest(), shelf.find(ItemId(3))), (ItemId(4), Ok(&item(3))));
        assert_eq!(shelf.changes(), 3);
        [3, 1].into_iter().for_each(|id| shelf.remove(ItemId(id)));
        assert_eq!(shelf.changes(), 4, "the first was not there");
    }
}
