//! The shelf as JSON, as `chatshelf list --json` shows it. Each of its states is written once, and
//! shared by all visitors who are sent it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::{Rc, Weak};

use chatshelf_common::id::UnixMillis;
use chatshelf_common::json;
use chatshelf_common::wire::frame::Item;
use jiff::Timestamp;

use crate::engine::Transport;
use crate::room::shelf::Shelf;

/// Bytes of all lists that are being sent. Beyond that, those who have been reading the oldest one
/// are dropped.
const LISTS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The lists of the shelf that are being sent, and the newest one.
#[derive(Debug, Default)]
pub(super) struct Lists {
    newest: RefCell<Option<Rc<List>>>,
    /// Oldest first; some may be gone.
    held: RefCell<VecDeque<Weak<List>>>,
}

/// The list of one state of the shelf.
#[derive(Debug)]
pub(super) struct List {
    /// The state.
    changes: u64,
    /// Empty once it takes too much memory.
    bytes: RefCell<Vec<u8>>,
}

impl Lists {
    /// Returns the list of the shelf as it is now.
    pub(super) fn of(&self, shelf: &Shelf) -> Rc<List> {
        let mut newest = self.newest.borrow_mut();
        if let Some(list) = newest.as_ref().filter(|it| it.changes == shelf.changes()) {
            return Rc::clone(list);
        }
        // What nobody is being sent goes before the next one is made.
        *newest = None;
        let bytes = RefCell::new(json(shelf.iter()).into_bytes());
        let list = Rc::new(List { changes: shelf.changes(), bytes });
        self.bound(list.length());
        self.held.borrow_mut().push_back(Rc::downgrade(&list));
        Rc::clone(newest.insert(list))
    }

    /// Gives up the oldest lists until there is room for one more of this length.
    fn bound(&self, length: usize) {
        let mut held = self.held.borrow_mut();
        held.retain(|list| list.strong_count() > 0);
        let mut all: usize = held.iter().filter_map(Weak::upgrade).map(|it| it.length()).sum();
        while all + length > LISTS_BYTES_MAX
            && let Some(oldest) = held.pop_front()
        {
            let Some(oldest) = oldest.upgrade() else { continue };
            all -= oldest.length();
            oldest.bytes.take();
        }
    }
}

impl List {
    /// Returns the number of its bytes.
    pub(super) fn length(&self) -> usize {
        self.bytes.borrow().len()
    }

    /// Returns true once it took too much memory: the list of nothing has bytes, too.
    fn is_given_up(&self) -> bool {
        self.bytes.borrow().is_empty()
    }
}

/// A list on its way to a visitor.
#[derive(Debug)]
pub(super) struct Sending {
    list: Rc<List>,
    sent: usize,
}

impl Sending {
    pub(super) fn new(list: Rc<List>) -> Self {
        Self { list, sent: 0 }
    }

    /// Sends some of it to the transport below; returns how many bytes were sent.
    ///
    /// # Errors
    /// As [`Transport::write`]; `ConnectionAborted` if the list is given up.
    pub(super) fn send(&mut self, below: &mut impl Transport) -> io::Result<usize> {
        if self.list.is_given_up() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let count = below.write(&self.list.bytes.borrow()[self.sent..])?;
        self.sent += count;
        Ok(count)
    }

    /// Returns true once all of it is sent.
    pub(super) fn is_sent(&self) -> bool {
        !self.list.is_given_up() && self.sent == self.list.length()
    }
}

/// An array of the items, oldest first.
fn json<'a>(items: impl Iterator<Item = &'a Item>) -> String {
    let items: Vec<String> = items.map(object).collect();
    format!("[{}]\n", items.join(","))
}

fn object(item: &Item) -> String {
    let mode = item.mode.map(|mode| mode.to_string());
    format!(
        "{{\"id\":{},\"name\":{},\"size\":{},\"nick\":{},\"at\":{},\"digest\":\"{}\",\"mode\":{},\
         \"modified\":{}}}",
        item.id,
        json::string(item.name.as_str()),
        item.size,
        json::string(item.nick.as_str()),
        time(Some(item.at)),
        item.digest,
        mode.map_or("null".into(), |mode| json::string(&mode)),
        time(item.modified),
    )
}

/// A moment in RFC 3339; null if there is none, or if it is beyond the calendar.
fn time(at: Option<UnixMillis>) -> String {
    let moment = at.and_then(|at| Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok());
    let shown = moment.map(|moment| moment.strftime("\"%Y-%m-%dT%H:%M:%S%.3fZ\"").to_string());
    shown.unwrap_or_else(|| "null".into())
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::Mode;
    use chatshelf_testkit::samples;

    use super::*;
    use crate::net::fake::Fake;

    /// A shelf of so many items with long names.
    fn shelf(items: u64) -> Shelf {
        let mut shelf = Shelf::new(1_000);
        let name = "\"".repeat(255);
        (1..=items).for_each(|id| shelf.add(samples::item(id, &name, 5, samples::digest(b"a"))));
        shelf
    }

    #[test]
    fn a_list_is_made_once_for_all_until_the_shelf_changes() {
        let (lists, mut shelf) = (Lists::default(), shelf(3));
        let first = lists.of(&shelf);
        assert!(Rc::ptr_eq(&first, &lists.of(&shelf)));
        shelf.remove(chatshelf_common::id::ItemId(2));
        let second = lists.of(&shelf);
        assert!(second.length() < first.length());
        assert_eq!(lists.held.borrow().len(), 2);
        drop((first, second));
        shelf.remove(chatshelf_common::id::ItemId(1));
        lists.of(&shelf);
        assert_eq!(lists.held.borrow().len(), 1, "nobody reads the others");
    }

    #[test]
    fn whoever_has_read_the_oldest_list_for_longest_is_dropped() {
        let (lists, mut shelf) = (Lists::default(), shelf(900));
        let mut readers: Vec<Sending> = Vec::new();
        let mut all = 0;
        while all <= 2 * LISTS_BYTES_MAX {
            let list = lists.of(&shelf);
            all += list.length();
            let mut reader = Sending::new(list);
            reader.send(&mut Fake { room: 10, ..Fake::new() }).unwrap();
            readers.push(reader);
            shelf.remove(chatshelf_common::id::ItemId(readers.len() as u64));
        }
        let held = |readers: &[Sending]| readers.iter().map(|it| it.list.length()).sum::<usize>();
        assert!((LISTS_BYTES_MAX / 2..=LISTS_BYTES_MAX).contains(&held(&readers)));
        let (mut first, mut last) = (readers.remove(0), readers.pop().unwrap());
        let why = first.send(&mut Fake::new()).unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::ConnectionAborted);
        assert!(!first.is_sent());
        let mut whole = Fake::new();
        last.send(&mut whole).unwrap();
        assert!(last.is_sent() && whole.sent.ends_with(b"}]\n"));
    }

    #[test]
    fn the_shelf_is_an_array_of_objects() {
        assert_eq!(json([].into_iter()), "[]\n");
        let plain = Item { at: UnixMillis(0), ..samples::item(1, "a", 5, samples::digest(b"a")) };
        let (mode, modified) = (Mode::new(0o755), Some(UnixMillis(1_700_000_000_123)));
        let full = Item { mode, modified, at: UnixMillis(u64::MAX), ..plain.clone() };
        let parsed: serde_json::Value =
            serde_json::from_str(&json([&plain, &full].into_iter())).unwrap();
        assert_eq!(parsed[0]["id"], 1);
        assert_eq!(parsed[0]["at"], "1970-01-01T00:00:00.000Z");
        assert_eq!(parsed[0]["digest"], samples::digest(b"a").to_string());
        assert!(parsed[0]["mode"].is_null() && parsed[1]["at"].is_null());
        assert_eq!(parsed[1]["modified"], "2023-11-14T22:13:20.123Z");
    }
}
