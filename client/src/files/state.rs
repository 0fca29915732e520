//! What lets a later run of the program resume transfers: one small file per transfer in a
//! directory of ours, named by a hash of what the transfer is recognised by. Owns that directory;
//! opens no file that is transferred.
//!
//! An entry is locked while its transfer runs, so that no other run resumes it too. Where the
//! directory cannot be used everything works, but nothing survives the end of the program.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chatshelf_common::id::{ItemId, UploadKey};
use chatshelf_common::wire::frame::Item;
use data_encoding::HEXLOWER;

use super::stamp::Stamp;
use crate::state_dir;

/// Servers have forgotten an interrupted upload whose entry is older.
const UPLOAD_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const UPLOAD: &str = "upload-";
const DOWNLOAD: &str = "download-";
const KEY: &str = "key-";
/// Keys that are kept, of all servers together; the oldest make room for newer ones.
pub(super) const KEYS_KEPT_MAX: usize = 500;
/// Longest content of an entry, in bytes: a path.
const TEXT_BYTES_MAX: u64 = 16 * 1024;

/// The directory, if there is one.
#[derive(Debug)]
pub(super) struct State {
    directory: Option<PathBuf>,
    /// `HOST:PORT` of the server that uploads go to.
    server: String,
}

/// The file of one transfer, locked.
#[derive(Debug)]
pub(super) struct Entry {
    file: File,
    path: PathBuf,
}

impl State {
    /// Creates the directory, and removes from it what is of no more use.
    pub(super) fn open(directory: Option<PathBuf>, server: String) -> Self {
        if directory.is_none() {
            log::info!("there is no state directory; no transfer can be resumed after this run");
        }
        let usable = directory.filter(|directory| match state_dir::create(directory) {
            Ok(()) => true,
            Err(error) => {
                log::info!(
                    "{}: {error}; no transfer can be resumed after this run",
                    directory.display()
                );
                false
            }
        });
        let state = Self { directory: usable, server };
        if let Some(directory) = &state.directory
            && let Err(error) = tidy(directory)
        {
            log::info!("{}: {error}", directory.display());
        }
        state
    }

    /// The path of the entry for an upload of this state of a file; `None` for a file without a
    /// path or a modification time.
    fn upload_path(&self, source: &Path, stamp: &Stamp) -> Option<PathBuf> {
        let (parts, source) = (stamp.parts()?, source.canonicalize().ok()?);
        let mut hasher = blake3::Hasher::new();
        put(&mut hasher, self.server.as_bytes());
        put(&mut hasher, source.as_os_str().as_encoded_bytes());
        parts.iter().for_each(|part| put(&mut hasher, part));
        self.path(UPLOAD, &hasher)
    }

    /// The key with which an earlier run has offered this file, or a fresh one, and where it is
    /// stored. `None` without randomness: then the upload cannot be resumed.
    pub(super) fn upload(&self, source: &Path, stamp: &Stamp) -> Option<UploadOrigin> {
        let path = self.upload_path(source, stamp);
        if let Some(mut entry) = path.as_deref().and_then(Entry::open) {
            match entry.text().as_deref().and_then(parse_key) {
                Some(key) => return Some(UploadOrigin { key, entry: Some(entry), path: None }),
                None => entry.remove(),
            }
        }
        Some(UploadOrigin { key: fresh_key()?, entry: None, path })
    }

    /// The path of the entry for a download of `item` to `wanted`, which is absolute.
    fn download_path(&self, wanted: &Path, item: &Item) -> Option<PathBuf> {
        let mut hasher = blake3::Hasher::new();
        put(&mut hasher, wanted.as_os_str().as_encoded_bytes());
        put(&mut hasher, &item.digest.0);
        put(&mut hasher, &item.size.to_be_bytes());
        self.path(DOWNLOAD, &hasher)
    }

    /// Finds what an earlier run has left of a download of `item` to `wanted`: its path, and the
    /// entry.
    pub(super) fn find_part(&self, wanted: &Path, item: &Item) -> Option<(PathBuf, Entry)> {
        let wanted = absolute(wanted)?;
        let mut entry = Entry::open(&self.download_path(&wanted, item)?)?;
        let part = PathBuf::from(entry.text()?);
        // Only a regular file beside the wanted one is ours: no link to elsewhere.
        let is_file = std::fs::symlink_metadata(&part).is_ok_and(|metadata| metadata.is_file());
        if part.parent() == wanted.parent() && is_file {
            return Some((part, entry));
        }
        entry.remove();
        None
    }

    /// Notes that `part` is the beginning of `item`, which is to become `wanted`.
    pub(super) fn note_part(&self, wanted: &Path, item: &Item, part: &Path) -> Option<Entry> {
        let (wanted, part) = (absolute(wanted)?, absolute(part)?);
        let mut entry = Entry::create(&self.download_path(&wanted, item)?)?;
        entry.write(part.to_str()?).then_some(entry)
    }

    /// Where the key is stored that an item was uploaded with.
    pub(super) fn key_path(&self, item: ItemId) -> Option<PathBuf> {
        let mut hasher = blake3::Hasher::new();
        put(&mut hasher, self.server.as_bytes());
        put(&mut hasher, &item.0.to_be_bytes());
        self.path(KEY, &hasher)
    }

    fn path(&self, kind: &str, hasher: &blake3::Hasher) -> Option<PathBuf> {
        let name = format!("{kind}{:.32}", hasher.finalize().to_hex());
        self.directory.as_ref().map(|directory| directory.join(name))
    }
}

/// The key that an upload is offered with.
#[derive(Debug)]
pub(super) struct UploadOrigin {
    pub(super) key: UploadKey,
    /// Where the key is stored.
    entry: Option<Entry>,
    /// Where to store it once the file is offered.
    path: Option<PathBuf>,
}

impl UploadOrigin {
    /// The file is offered: stores the key for a later run.
    pub(super) fn keep(self) -> Option<Entry> {
        let path = match (self.entry, self.path) {
            (None, Some(path)) => path,
            (entry, _) => return entry,
        };
        // One that exists by now belongs to another upload of the same file.
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let mut entry = Entry::locked(file, &path)?;
        entry.write(&self.key.to_string()).then_some(entry)
    }
}

impl Entry {
    fn open(path: &Path) -> Option<Self> {
        Self::locked(OpenOptions::new().read(true).write(true).open(path), path)
    }

    pub(super) fn create(path: &Path) -> Option<Self> {
        let mut options = OpenOptions::new();
        Self::locked(options.read(true).write(true).create(true).truncate(false).open(path), path)
    }

    /// The opened file as an entry; `None` if it could not be opened, or is in use.
    fn locked(file: io::Result<File>, path: &Path) -> Option<Self> {
        match file {
            Ok(file) if file.try_lock().is_ok() => Some(Self { file, path: path.to_owned() }),
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                log::info!("{}: {error}", path.display());
                None
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        let mut text = String::new();
        self.file.rewind().ok()?;
        (&self.file).take(TEXT_BYTES_MAX).read_to_string(&mut text).ok()?;
        text.strip_suffix('\n').map(str::to_owned)
    }

    /// Replaces the content; false if that fails, and then the entry is of no use.
    pub(super) fn write(&mut self, text: &str) -> bool {
        let mut replace = || {
            self.file.rewind()?;
            self.file.set_len(0)?;
            writeln!(self.file, "{text}")
        };
        let written = replace();
        if let Err(error) = &written {
            log::info!("{}: {error}", self.path.display());
        }
        written.is_ok()
    }

    /// The entry of an upload that continues under another key.
    pub(super) fn with_key(mut self, key: UploadKey) -> Option<Self> {
        self.write(&key.to_string()).then_some(self)
    }

    /// The transfer is over: removes the file.
    pub(super) fn remove(self) {
        let Self { file, path } = self;
        drop(file);
        if let Err(error) = std::fs::remove_file(&path) {
            log::info!("{}: {error}", path.display());
        }
    }
}

/// A key that nobody can guess.
pub(super) fn fresh_key() -> Option<UploadKey> {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Some(UploadKey(bytes)),
        Err(error) => {
            log::warn!("no random numbers: {error}; uploads cannot be resumed");
            None
        }
    }
}

pub(super) fn parse_key(text: &str) -> Option<UploadKey> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(UploadKey)
}

/// Adds a part to a hash, with its length: no two lists of parts have the same hash.
fn put(hasher: &mut blake3::Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
}

/// The path with its directory, which must exist, made absolute and free of links.
fn absolute(path: &Path) -> Option<PathBuf> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Some(parent.unwrap_or(Path::new(".")).canonicalize().ok()?.join(path.file_name()?))
}

/// Removes entries of old uploads, of downloads whose part is gone, and surplus keys.
fn tidy(directory: &Path) -> io::Result<()> {
    let mut keys: Vec<(SystemTime, PathBuf)> = Vec::new();
    for found in std::fs::read_dir(directory)? {
        let found = found?;
        let path = found.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(KEY) {
            keys.push((found.metadata()?.modified()?, path));
            continue;
        }
        let is_download = name.starts_with(DOWNLOAD);
        if (is_download || name.starts_with(UPLOAD))
            && let Some(mut entry) = Entry::open(&path)
            && (if is_download { !entry.has_part() } else { entry.is_old() })
        {
            entry.remove();
        }
    }
    keys.sort();
    let surplus = keys.len().saturating_sub(KEYS_KEPT_MAX);
    keys[..surplus].iter().try_for_each(|(_, path)| std::fs::remove_file(path))
}

impl Entry {
    fn has_part(&mut self) -> bool {
        self.text().is_some_and(|part| Path::new(&part).exists())
    }

    #[cfg(test)]
    pub(super) fn set_modified(&self, time: SystemTime) {
        self.file.set_modified(time).unwrap();
    }

    fn is_old(&self) -> bool {
        let modified = self.file.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        age.is_some_and(|age| age > UPLOAD_AGE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::UnixMillis;
    use chatshelf_common::text::{FileName, Nick};
    use tempfile::TempDir;

    use super::*;

    fn state(dir: &TempDir, place: &str) -> State {
        State::open(Some(dir.path().join("state")), place.into())
    }

    fn origin(state: &State, path: &Path) -> UploadOrigin {
        state.upload(path, &Stamp::of(&std::fs::metadata(path).unwrap())).unwrap()
    }

    fn item(content: &[u8]) -> Item {
        let (name, nick) = (FileName::new("a.txt").unwrap(), Nick::new("ada").unwrap());
        let (size, digest) = (content.len() as u64, blake3::hash(content).into());
        Item::new(ItemId(7), name, size, digest, nick, UnixMillis(0))
    }

    #[test]
    fn the_key_of_a_file_is_found_again_until_its_upload_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("up");
        std::fs::write(&path, "content").unwrap();
        let first = origin(&state(&dir, "a:1"), &path);
        let key = first.key;
        drop(first.keep());
        let again = origin(&state(&dir, "a:1"), &path);
        assert_eq!(again.key, key);
        again.keep().unwrap().remove();
        assert_ne!(origin(&state(&dir, "a:1"), &path).key, key);
    }

    #[test]
    fn another_server_file_size_or_time_is_another_upload() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("up"), dir.path().join("other"));
        std::fs::write(&path, "content").unwrap();
        std::fs::copy(&path, &other).unwrap();
        let time = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let set_time = |seconds| {
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            file.set_modified(time(seconds)).unwrap();
        };
        set_time(1_000_000);
        let first = origin(&state(&dir, "a:1"), &path);
        let key = first.key;
        drop(first.keep());
        assert_ne!(origin(&state(&dir, "a:2"), &path).key, key);
        assert_ne!(origin(&state(&dir, "a:1"), &other).key, key);
        set_time(1_000_001);
        assert_ne!(origin(&state(&dir, "a:1"), &path).key, key);
        std::fs::write(&path, "contents").unwrap();
        set_time(1_000_000);
        assert_ne!(origin(&state(&dir, "a:1"), &path).key, key);
        std::fs::write(&path, "content").unwrap();
        set_time(1_000_000);
        assert_eq!(origin(&state(&dir, "a:1"), &path).key, key);
    }

    #[test]
    fn what_runs_is_not_taken_up_a_second_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("up");
        std::fs::write(&path, "content").unwrap();
        let state = state(&dir, "a:1");
        let (first, second) = (origin(&state, &path), origin(&state, &path));
        assert_ne!(first.key, second.key, "neither is offered yet");
        let held = first.keep().unwrap();
        assert!(second.keep().is_none());
        let third = origin(&state, &path);
        assert!(third.keep().is_none());
        held.remove();
    }

    #[test]
    fn a_part_is_found_for_the_same_item_at_the_same_place_only() {
        let dir = tempfile::tempdir().unwrap();
        let (wanted, part) = (dir.path().join("a.txt"), dir.path().join("a.txt.part"));
        let state = state(&dir, "a:1");
        std::fs::write(&part, "beg").unwrap();
        assert!(state.find_part(&wanted, &item(b"begins")).is_none(), "somebody else's");
        drop(state.note_part(&wanted, &item(b"begins"), &part).unwrap());
        assert!(state.find_part(&wanted, &item(b"others")).is_none());
        assert!(state.find_part(&dir.path().join("b.txt"), &item(b"begins")).is_none());
        let (found, entry) = state.find_part(&wanted, &item(b"begins")).unwrap();
        assert_eq!(found, part.canonicalize().unwrap());
        assert!(state.find_part(&wanted, &item(b"begins")).is_none(), "it is in use");
        drop(entry);
        std::fs::remove_file(&part).unwrap();
        assert!(state.find_part(&wanted, &item(b"begins")).is_none());
        assert_eq!(std::fs::read_dir(dir.path().join("state")).unwrap().count(), 0);
    }

    #[test]
    fn at_the_start_what_is_of_no_use_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("up");
        std::fs::write(&path, "content").unwrap();
        let kept = origin(&state(&dir, "a:1"), &path).keep().unwrap();
        let file = kept.path.clone();
        let old = SystemTime::now() - UPLOAD_AGE_MAX - Duration::from_secs(60);
        kept.file.set_modified(old).unwrap();
        state(&dir, "a:1");
        assert!(file.exists(), "it is in use");
        drop(kept);
        std::fs::write(file.with_file_name("of somebody else"), "").unwrap();
        state(&dir, "a:1");
        assert!(!file.exists());
        assert!(file.with_file_name("of somebody else").exists());
    }

    #[test]
    fn without_a_directory_or_with_a_broken_entry_everything_starts_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("up");
        std::fs::write(&path, "content").unwrap();
        for unusable in [None, Some(path.clone())] {
            let state = State::open(unusable, "a:1".into());
            assert!(origin(&state, &path).keep().is_none());
            assert!(state.note_part(&path, &item(b"x"), &path).is_none());
            assert!(state.find_part(&path, &item(b"x")).is_none());
        }
        let state = state(&dir, "a:1");
        for broken in ["", "no key\n", "zz000000000000000000000000000000\n"] {
            let kept = origin(&state, &path).keep().unwrap();
            std::fs::write(&kept.path, broken).unwrap();
        }
        assert_eq!(parse_key(&UploadKey([0xa5; 16]).to_string()), Some(UploadKey([0xa5; 16])));
    }
}
