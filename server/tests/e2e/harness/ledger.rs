//! What members were promised, over all starts of a server, and whether it was kept.

use std::collections::{BTreeMap, HashMap, HashSet};

use chatshelf_common::id::{ItemId, Seq};
use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::text::FileName;
use chatshelf_common::wire::frame::Item;
use chatshelf_common::wire::{Code, Event};
use chatshelf_testkit::files::names;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::Server;
use chatshelf_testkit::samples::{digest, event_bytes};
use chatshelf_testkit::view::View;
use chatshelf_testkit::wait::eventually;

use super::Home;
use super::workload::{Talker, Told, content_of};

/// Items that the shelf keeps.
const KEEP: usize = 5;
/// The part of the log that the disk always holds, in bytes there: each event is a record with a
/// head.
const LOG_BYTES_MIN: usize = 4 << 20;
const RECORD_HEAD_BYTES: usize = 8;

/// All that anyone was shown.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) events: BTreeMap<Seq, Event>,
    /// Everything that was ever on the shelf.
    pub(crate) items: BTreeMap<ItemId, Item>,
    /// Files whose uploader was told that they are on the shelf.
    pub(crate) stored: BTreeMap<ItemId, FileName>,
}

impl Ledger {
    pub(crate) fn note(&mut self, told: Told) {
        told.events.iter().for_each(|event| self.note_event(event));
        for (id, name) in told.stored {
            assert_eq!(self.stored.insert(id, name), None, "item {id} was stored twice");
        }
    }

    fn note_event(&mut self, event: &Event) {
        let seq = event.seq();
        if let Event::Shelved(shelved) = event {
            let item = &shelved.item;
            let known = self.items.entry(item.id).or_insert_with(|| item.clone());
            assert_eq!(known, item, "two items have one number");
        }
        let known = self.events.entry(seq).or_insert_with(|| event.clone());
        assert_eq!(known, event, "{seq} was shown in two ways");
    }

    /// Compares what a newcomer finds with what others were promised. `keyed_uploads` may be there
    /// to be resumed; nobody else is in the room.
    pub(crate) fn audit(&mut self, home: &Home, server: &Server, keyed_uploads: usize) {
        let mut auditor = Peer::join_with(server.address(), "auditor", Some(HISTORY_ALL));
        auditor.say_and_hear("what is left?");
        self.audit_log(auditor.view());
        self.audit_shelf(&mut auditor);
        home.wait_for_items_on_disk(&auditor.view().item_ids());
        let uploads = home.data_dir().join("uploads");
        let what = format!("{keyed_uploads} uploads to be resumed, at the most");
        eventually(&what, || (names(&uploads).len() <= keyed_uploads).then_some(()));
        auditor.try_leave().expect("a farewell");
        auditor.view().events().iter().for_each(|event| self.note_event(event));
    }

    /// Everything that was shown is in the log as it was shown, from where the log begins now.
    fn audit_log(&mut self, view: &View) {
        let seen = view.events();
        let first = seen[0].seq();
        let bytes: usize = seen.iter().map(|event| event_bytes(event) + RECORD_HEAD_BYTES).sum();
        assert!(first == Seq(1) || bytes >= LOG_BYTES_MIN, "{bytes} bytes from {first} on");
        for (seq, shown) in self.events.range(first..) {
            let found = seen.get((seq.0 - first.0) as usize);
            assert_eq!(found, Some(shown), "{seq} is not as it was");
        }
        let mut lines = HashSet::new();
        for event in seen {
            match event {
                Event::Said(said) if Talker::is_line(said.id) => {
                    assert!(lines.insert(said.id), "{:?} is there twice", said.id);
                }
                Event::Forgotten(forgotten) => panic!("nothing is lost: {forgotten:?}"),
                _ => {}
            }
            self.note_event(event);
        }
    }

    /// The shelf holds the newest items, whole, and nothing else can be had.
    fn audit_shelf(&mut self, auditor: &mut Peer) {
        let items = auditor.view().state().items.clone();
        let newest = self.items.values().rev().take(KEEP).rev();
        assert!(newest.eq(&items), "not the newest are on the shelf: {items:?}");
        for item in &items {
            assert_eq!(item.digest, digest(&content_of(&item.name)), "{item:?}");
            assert_eq!(auditor.download(item.id), *item);
        }
        for (id, name) in &self.stored {
            let item = self.items.get(id);
            assert_eq!(item.map(|item| &item.name), Some(name), "item {id} was never shelved");
        }
        self.audit_names();
        let next = self.items.last_key_value().map_or(1, |(id, _)| id.0 + 1);
        let dropped = self.items.keys().rev().nth(KEEP).map(|id| (*id, Code::ITEM_DROPPED));
        let unknown = [next, next + 1].map(|id| (ItemId(id), Code::ITEM_UNKNOWN));
        for (id, code) in unknown.into_iter().chain(dropped) {
            let transfer = auditor.request(id, None);
            assert_eq!(auditor.download_ready(transfer).unwrap_err().code, code, "item {id}");
        }
    }

    /// A file is on the shelf once: no two have the same name, and who offers one again is told
    /// that it is there already, unless it has been dropped meanwhile.
    fn audit_names(&self) {
        let mut places: HashMap<&FileName, usize> = HashMap::new();
        for (place, item) in self.items.values().enumerate() {
            let earlier = places.insert(&item.name, place);
            assert!(earlier.is_none_or(|it| place - it > KEEP), "{item:?} is there twice");
        }
    }
}
