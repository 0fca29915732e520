//! Keys of uploads that are on the shelf. By its key an item is known to be ours, so that a later run
//! of the program can take it off.
//!
//! One small file for each beside those of `state`. While the program runs that uploaded the item,
//! its file is locked: then only a run under the same name may use it, for two people who share an
//! account are still two. Where nothing can be kept, the item is ours for this session only.

use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chatshelf_common::id::{ItemId, UploadKey};
use chatshelf_common::text::Nick;

use super::state::{Entry, State, parse_key};

/// Keys that are kept of all servers; the oldest go for newer ones.
pub(super) const KEYS_KEPT_MAX: usize = 500;
/// Files that one run keeps locked, of its latest uploads.
const KEYS_LOCKED_MAX: usize = 64;
/// Longest text of such a file, in bytes: a key and a nick.
const TEXT_BYTES_MAX: u64 = 128;
/// What its name begins with.
pub(super) const KEY: &str = "key-";

/// Those of this run's own uploads.
#[derive(Debug, Default)]
pub(super) struct Keys {
    held: VecDeque<(ItemId, UploadKey, Entry)>,
}

impl Keys {
    /// An upload is on the shelf as `item`.
    pub(super) fn keep(&mut self, state: &State, item: ItemId, key: UploadKey, name: &Nick) {
        self.forget(state, item);
        let entry = state.key_path(item).and_then(|path| Entry::create(&path));
        let written = entry.map(|mut entry| (entry.write(&format!("{key} {name}")), entry));
        match written {
            Some((true, entry)) => self.held.push_back((item, key, entry)),
            Some((false, entry)) => entry.remove(),
            None => {}
        }
        if self.held.len() > KEYS_LOCKED_MAX {
            self.held.pop_front();
        }
    }

    /// The key that an item was uploaded by, if whoever goes by this name may use it.
    pub(super) fn find(&self, state: &State, item: ItemId, name: &Nick) -> Option<UploadKey> {
        if let Some((_, key, _)) = self.held.iter().find(|(held, ..)| *held == item) {
            return Some(*key);
        }
        let mut file = File::open(state.key_path(item)?).ok()?;
        let is_in_use = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        let mut text = String::new();
        Read::by_ref(&mut file).take(TEXT_BYTES_MAX).read_to_string(&mut text).ok()?;
        let (key, owner) = text.strip_suffix('\n')?.split_once(' ')?;
        if is_in_use && owner != name.as_str() { None } else { parse_key(key) }
    }

    /// An item is off the shelf.
    pub(super) fn forget(&mut self, state: &State, item: ItemId) {
        if let Some(place) = self.held.iter().position(|(held, ..)| *held == item) {
            self.held.remove(place);
        }
        if let Some(path) = state.key_path(item) {
            // Mostly there is none.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Removes what there is too much of, the oldest first.
pub(super) fn prune(directory: &Path) -> std::io::Result<()> {
    let mut keys: Vec<(SystemTime, PathBuf)> = Vec::new();
    for found in std::fs::read_dir(directory)? {
        let found = found?;
        if found.file_name().to_string_lossy().starts_with(KEY) {
            keys.push((found.metadata()?.modified()?, found.path()));
        }
    }
    keys.sort();
    let surplus = keys.len().saturating_sub(KEYS_KEPT_MAX);
    keys[..surplus].iter().try_for_each(|(_, path)| std::fs::remove_file(path))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tempfile::TempDir;

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
    fn only_so_many_are_kept_and_only_some_of_them_open() {
        let dir = tempfile::tempdir().unwrap();
        let opened = state(&dir, "a:1");
        let mut keys = Keys::default();
        for number in 0..KEYS_KEPT_MAX as u64 + 3 {
            keys.keep(&opened, ItemId(number), SECRET, &nick("ada"));
            let (_, _, entry) = keys.held.back().unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(number);
            entry.set_modified(time);
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
