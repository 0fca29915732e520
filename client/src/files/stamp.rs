//! What the file system says of a file: by this a change is seen without reading it. Owns no file.

use std::fs::Metadata;
use std::time::{Duration, SystemTime};

/// File systems tell times apart that are at least so far from each other; FAT is the coarsest.
/// What was written within this before a look can be written again without another time.
const TIME_RESOLUTION: Duration = Duration::from_secs(2);

/// One look at a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    /// When content or anything else of it was changed, which no program can set: seconds and
    /// nanoseconds; its device and its number there. Where the system has such a thing.
    inode: Option<[i64; 4]>,
    /// A change from now on gives it other times.
    pub(super) is_settled: bool,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok();
        let inode = inode(metadata);
        let now = SystemTime::now();
        // The time that nobody can set, where it is known; one in the future never settles.
        let changed = inode.map_or(modified, |[seconds, nanos, ..]| {
            let since = Duration::new(seconds.try_into().ok()?, nanos.try_into().ok()?);
            SystemTime::UNIX_EPOCH.checked_add(since)
        });
        let age = changed.and_then(|changed| now.duration_since(changed).ok());
        let is_settled = age.is_some_and(|age| age > TIME_RESOLUTION);
        Self { size: metadata.len(), modified, inode, is_settled }
    }

    /// True when a later look shows that the content was changed. That it does not is no proof: a
    /// program may have set the time back.
    pub(super) fn has_new_content(&self, later: &Self) -> bool {
        (self.size, self.modified) != (later.size, later.modified)
    }

    /// True when a later look shows the same in everything. If this one was settled, nothing was
    /// changed in between.
    pub(super) fn is_of_same_state(&self, later: &Self) -> bool {
        (self.size, self.modified, self.inode) == (later.size, later.modified, later.inode)
    }

    /// Size and time of change, by which a later run knows the file again; `None` for one without a
    /// time. No more than that: what the server has kept is compared before it is built upon.
    pub(super) fn parts(&self) -> Option<[[u8; 16]; 2]> {
        let since = self.modified?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some([u128::from(self.size).to_be_bytes(), since.as_nanos().to_be_bytes()])
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> Option<[i64; 4]> {
    use std::os::unix::fs::MetadataExt;
    let (device, number) = (metadata.dev().cast_signed(), metadata.ino().cast_signed());
    Some([metadata.ctime(), metadata.ctime_nsec(), device, number])
}

#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> Option<[i64; 4]> {
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
