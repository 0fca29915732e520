//! What must be true of the shelf: which items may be on it, which must be, and what is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use chatshelf_common::id::{Digest, ItemId};
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Dropped, Item};

/// All that is known of the shelf.
pub(crate) struct ShelfModel {
    keep: usize,
    published: BTreeMap<ItemId, Item>,
    /// Items that are not on the shelf any more, as the log has it.
    gone: BTreeSet<ItemId>,
    /// The same, and those that have come back since.
    ever_gone: BTreeSet<ItemId>,
    /// Of these, items that a user took off.
    taken_off: BTreeSet<ItemId>,
    /// Digests of items that were there twice.
    doubled: BTreeSet<[u8; 32]>,
    /// Files that users and guests have offered.
    files: BTreeMap<[u8; 32], Rc<Vec<u8>>>,
}

impl ShelfModel {
    pub(crate) fn new(keep: usize) -> Self {
        Self {
            keep,
            published: BTreeMap::new(),
            gone: BTreeSet::new(),
            ever_gone: BTreeSet::new(),
            taken_off: BTreeSet::new(),
            doubled: BTreeSet::new(),
            files: BTreeMap::new(),
        }
    }

    /// A user offers a file.
    pub(crate) fn offered(&mut self, content: &Rc<Vec<u8>>) {
        self.files.insert(*blake3::hash(content).as_bytes(), Rc::clone(content));
    }

    /// The content that has this digest.
    pub(crate) fn file(&self, digest: Digest) -> Option<&Rc<Vec<u8>>> {
        self.files.get(&digest.0)
    }

    /// The store says that an item is on the shelf for good.
    pub(crate) fn published(&mut self, item: &Item) {
        let is_copy = |other: &&Item| other.digest == item.digest && other.id != item.id;
        let mut copies = self.published.values().filter(is_copy);
        if copies.any(|copy| !self.gone.contains(&copy.id)) {
            self.doubled.insert(item.digest.0);
        }
        self.published.insert(item.id, item.clone());
    }

    /// The log says that an item is not on the shelf any more.
    pub(crate) fn dropped(&mut self, dropped: &Dropped) {
        self.gone.insert(dropped.item);
        self.ever_gone.insert(dropped.item);
        if dropped.nick.is_some() {
            self.taken_off.insert(dropped.item);
        }
    }

    /// A start finds these items on the disk, and these events in the log. An item comes back when
    /// the log has lost the event that it was dropped, and the disk still has it.
    pub(crate) fn found(&mut self, items: &[Item], events: &[Event]) {
        for item in items {
            self.check_item(item);
            self.published(item);
        }
        let is_dropped = |id| {
            let says_so = |event: &Event| matches!(event, Event::Dropped(it) if it.item == id);
            events.iter().any(says_so)
        };
        for id in items.iter().map(|item| item.id).filter(|id| !is_dropped(*id)) {
            self.gone.remove(&id);
            self.taken_off.remove(&id);
        }
    }

    /// An item that was ever published.
    pub(crate) fn item(&self, id: ItemId) -> Option<&Item> {
        self.published.get(&id)
    }

    /// True when an item was not on the shelf any more, at some time.
    pub(crate) fn was_gone(&self, id: ItemId) -> bool {
        self.ever_gone.contains(&id)
    }

    /// True when an item with this content was ever published.
    pub(crate) fn has_copy(&self, content: &[u8]) -> bool {
        let digest = Digest::from(blake3::hash(content));
        self.published.values().any(|item| item.digest == digest)
    }

    /// True when one was published while another was on the shelf.
    pub(crate) fn was_doubled(&self, content: &[u8]) -> bool {
        self.doubled.contains(blake3::hash(content).as_bytes())
    }

    /// What an item says of itself is true.
    pub(crate) fn check_item(&self, item: &Item) {
        let content = self.file(item.digest).unwrap_or_else(|| panic!("nobody sent {item:?}"));
        assert_eq!(content.len() as u64, item.size, "{item:?}");
    }

    /// These are on the shelf, and must be: nobody took them off, they are no more than are kept,
    /// and every item that is missing was taken off or had to make room for newer ones.
    pub(crate) fn check_shelf(&self, shelf: &[Item]) {
        assert!(shelf.len() <= self.keep, "more than {} are kept: {shelf:#?}", self.keep);
        assert!(shelf.is_sorted_by_key(|item| item.id), "oldest first: {shelf:#?}");
        for item in shelf {
            assert_eq!(self.published.get(&item.id), Some(item), "it was published");
            assert!(!self.taken_off.contains(&item.id), "it was taken off: {item:?}");
            self.check_item(item);
        }
        for (newer, item) in self.published.values().rev().enumerate() {
            let is_there = shelf.contains(item);
            let may_be_gone = newer >= self.keep || self.taken_off.contains(&item.id);
            assert!(is_there || may_be_gone, "{item:?} is lost: {shelf:#?}");
        }
    }

    /// The newest item that was ever published.
    pub(crate) fn newest(&self) -> Option<ItemId> {
        self.published.last_key_value().map(|(id, _)| *id)
    }
}
