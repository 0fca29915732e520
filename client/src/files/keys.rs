//! Keys of our uploads that are on the shelf. The key proves that an item is ours, so that a later
//! run of the program can take it off the shelf.
//!
//! Each key has a small file in the directory of `state`, locked while the run that uploaded the
//! item goes on: then only a run under the same name may use it, because two people who share an
//! account are still two. Where nothing can be stored, the item is ours for this session only.

use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::io::Read;

use chatshelf_common::id::{ItemId, UploadKey};
use chatshelf_common::text::Nick;

use super::state::{Entry, State, parse_key};

/// Files that one run keeps locked: those of its latest uploads.
const KEYS_LOCKED_MAX: usize = 64;
/// Longest content of such a file, in bytes: a key and a nick.
const TEXT_BYTES_MAX: u64 = 128;

/// The keys of this run's own uploads.
#[derive(Debug, Default)]
pub(super) struct Keys {
    held: VecDeque<Held>,
}

#[derive(Debug)]
struct Held {
    item: ItemId,
    key: UploadKey,
    /// Locked as long as it is held.
    _entry: Entry,
}

impl Keys {
    /// Stores the key of an upload that is on the shelf as `item`.
    pub(super) fn keep(&mut self, state: &State, item: ItemId, key: UploadKey, name: &Nick) {
        self.forget(state, item);
        let Some(mut entry) = state.key_path(item).and_then(|path| Entry::create(&path)) else {
            return;
        };
        if !entry.write(&format!("{key} {name}")) {
            return entry.remove();
        }
        self.held.push_back(Held { item, key, _entry: entry });
        if self.held.len() > KEYS_LOCKED_MAX {
            self.held.pop_front();
        }
    }

    /// Finds the key that an item was uploaded with, if a member of this name may use it.
    pub(super) fn find(&self, state: &State, item: ItemId, name: &Nick) -> Option<UploadKey> {
        if let Some(held) = self.held.iter().find(|held| held.item == item) {
            return Some(held.key);
        }
        let mut file = File::open(state.key_path(item)?).ok()?;
        let is_in_use = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        let mut text = String::new();
        Read::by_ref(&mut file).take(TEXT_BYTES_MAX).read_to_string(&mut text).ok()?;
        let (key, owner) = text.strip_suffix('\n')?.split_once(' ')?;
        if is_in_use && owner != name.as_str() { None } else { parse_key(key) }
    }

    /// Forgets the key of an item that is off the shelf.
    pub(super) fn forget(&mut self, state: &State, item: ItemId) {
        self.held.retain(|held| held.item != item);
        if let Some(path) = state.key_path(item) {
            // There is none for the items of others.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use tempfile::TempDir;

    use super::super::state::KEYS_KEPT_MAX;
    use super::*;

    const SECRET: UploadKey = UploadKey([0xa5; 16]);

    fn state(dir: &TempDir, place: &str) -> State {
        State::open(Some(dir.path().join("state")), place.into())
    }

    fn nick(name: &str) -> Nick {
        Nick::new(name).unwrap()
    }

    #[test]
    fn a_later_run_finds_the_key_whatever_its_name_until_the_item_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = Keys::default();
        first.keep(&state(&dir, "a:1"), ItemId(7), SECRET, &nick("ada"));
        drop(first);
        let mut later = Keys::default();
        let find = |keys: &Keys, place, item| keys.find(&state(&dir, place), item, &nick("bob"));
        assert_eq!(find(&later, "a:1", ItemId(7)), Some(SECRET));
        assert_eq!(find(&later, "a:2", ItemId(7)), None, "another server");
        assert_eq!(find(&later, "a:1", ItemId(8)), None, "another item");
        later.forget(&state(&dir, "a:1"), ItemId(7));
        assert_eq!(find(&later, "a:1", ItemId(7)), None);
    }

    #[cfg(unix)]
    #[test]
    fn while_the_uploader_runs_others_of_that_account_are_others() {
        let dir = tempfile::tempdir().unwrap();
        let state = state(&dir, "a:1");
        let (mut running, other) = (Keys::default(), Keys::default());
        running.keep(&state, ItemId(7), SECRET, &nick("ada"));
        assert_eq!(running.find(&state, ItemId(7), &nick("lovelace")), Some(SECRET));
        assert_eq!(other.find(&state, ItemId(7), &nick("bob")), None);
        assert_eq!(other.find(&state, ItemId(7), &nick("ada")), Some(SECRET));
    }

    #[test]
    fn a_bounded_number_is_kept_and_only_some_of_them_open() {
        let dir = tempfile::tempdir().unwrap();
        let opened = state(&dir, "a:1");
        let mut keys = Keys::default();
        for number in 0..KEYS_KEPT_MAX as u64 + 3 {
            keys.keep(&opened, ItemId(number), SECRET, &nick("ada"));
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(number);
            keys.held.back().unwrap()._entry.set_modified(time);
        }
        assert_eq!(keys.held.len(), KEYS_LOCKED_MAX);
        drop(keys);
        let state = state(&dir, "a:1");
        let find = |item| Keys::default().find(&state, ItemId(item), &nick("ada"));
        assert_eq!((find(2), find(3)), (None, Some(SECRET)));
    }

    #[test]
    fn a_broken_file_or_no_directory_is_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let opened = state(&dir, "a:1");
        for text in ["", "\n", "a5\n", "zz000000000000000000000000000000 ada\n"] {
            std::fs::write(opened.key_path(ItemId(1)).unwrap(), text).unwrap();
            assert_eq!(Keys::default().find(&opened, ItemId(1), &nick("ada")), None, "{text:?}");
        }
        let none = State::open(None, "a:1".into());
        let mut keys = Keys::default();
        keys.keep(&none, ItemId(1), SECRET, &nick("ada"));
        assert_eq!(keys.find(&none, ItemId(1), &nick("ada")), None);
    }
}
