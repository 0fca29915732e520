//! What the file system says about a file, which shows a change without reading it. Owns no file.

use std::fs::Metadata;
use std::time::{Duration, SystemTime};

/// Two times this far apart differ on every file system; FAT is the coarsest. What was written more
/// recently can be written again without getting another time.
const TIME_RESOLUTION: Duration = Duration::from_secs(2);

/// One look at a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    /// Where the system has such a thing.
    inode: Option<Inode>,
    /// A change from now on gives it other times.
    pub(super) is_settled: bool,
}

/// Which file it is, and when anything about it changed: no program can set that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
    changed: Option<SystemTime>,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok();
        let inode = inode(metadata);
        let now = SystemTime::now();
        // A time in the future never settles.
        let changed = inode.map_or(modified, |inode| inode.changed);
        let age = changed.and_then(|changed| now.duration_since(changed).ok());
        let is_settled = age.is_some_and(|age| age > TIME_RESOLUTION);
        Self { size: metadata.len(), modified, inode, is_settled }
    }

    /// True when a later look shows that the content has changed. False proves nothing: a program
    /// may have set the time back.
    pub(super) fn has_new_content(&self, later: &Self) -> bool {
        (self.size, self.modified) != (later.size, later.modified)
    }

    /// True when a later look shows no difference at all. If this one was settled, nothing has
    /// changed in between.
    pub(super) fn is_of_same_state(&self, later: &Self) -> bool {
        !self.has_new_content(later) && self.inode == later.inode
    }

    /// Size and modification time, by which a later run recognises the file; `None` for a file
    /// without that time. These two are enough: before a resumed upload relies on what the server
    /// has, digests are compared.
    pub(super) fn parts(&self) -> Option<[[u8; 16]; 2]> {
        let since = self.modified?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some([u128::from(self.size).to_be_bytes(), since.as_nanos().to_be_bytes()])
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> Option<Inode> {
    use std::os::unix::fs::MetadataExt;
    let (seconds, nanos) = (metadata.ctime().try_into(), metadata.ctime_nsec().try_into());
    let since = seconds.ok().zip(nanos.ok()).map(|(seconds, nanos)| Duration::new(seconds, nanos));
    let changed = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    Some(Inode { device: metadata.dev(), number: metadata.ino(), changed })
}

#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> Option<Inode> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_written_just_now_is_not_settled() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "one").unwrap();
        let look = || Stamp::of(&std::fs::metadata(&path).unwrap());
        let before = look();
        assert!(!before.is_settled && before.is_of_same_state(&look()));
        assert!(!before.has_new_content(&look()));
        std::fs::write(&path, "longer").unwrap();
        assert!(!before.is_of_same_state(&look()) && before.has_new_content(&look()));
    }

    #[cfg(unix)]
    #[test]
    fn a_time_that_was_set_back_shows_in_the_inode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "one").unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let old = SystemTime::now() - Duration::from_secs(3600);
        file.set_modified(old).unwrap();
        let look = || Stamp::of(&std::fs::metadata(&path).unwrap());
        let before = look();
        assert!(!before.is_settled, "its inode was changed just now");
        // Until the clock of the file system has moved on.
        loop {
            std::fs::write(&path, "two").unwrap();
            file.set_modified(old).unwrap();
            if before.inode != look().inode {
                break;
            }
        }
        assert!(!before.has_new_content(&look()) && !before.is_of_same_state(&look()));
    }
}
