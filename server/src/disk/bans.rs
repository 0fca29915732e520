//! The file of bans: who is kept out of the room, and whether its topic is locked.
//!
//! ```text
//! DATA/bans
//! magic (4)    "csb", then the format's number: 1
//! fields       as on the wire: BAN, the number of the next ban; ACTION 6 (LOCK_TOPIC) if the topic
//!              is locked; a BAN_ENTRY for each ban
//! seal (32)    BLAKE3 of everything before
//! ```
//!
//! It is replaced as a whole, so that a crash leaves the old bans or the new ones.

use std::io::{self, ErrorKind, Read};
use std::path::Path;

use chatshelf_common::id::BanId;
use chatshelf_common::wire::field::{self, DecodeError, Fields, Tag};
use chatshelf_common::wire::frame::{Action, BanEntry};

use super::files::{self, Files, set_aside};

/// The name of the file.
pub(super) const BANS: &str = "bans";

const MAGIC: [u8; 3] = *b"csb";
const FORMAT: u8 = 1;
const SEAL_BYTES: usize = 32;

/// Longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// True for the path of the file, and of those that were set aside.
#[cfg(unix)]
pub(super) fn has_name_of_bans(path: &Path) -> bool {
    let is_of_bans = path.file_prefix().is_some_and(|name| name == BANS);
    is_of_bans && (path.extension().is_none() || files::is_set_aside(path))
}

/// What is kept of what operators did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBans {
    /// The bans, oldest first.
    pub bans: Vec<BanEntry>,
    /// The number that the next ban gets.
    pub next: BanId,
    /// Only operators may set the topic.
    pub is_topic_locked: bool,
}

impl Default for KeptBans {
    fn default() -> Self {
        Self { bans: Vec::new(), next: BanId(1), is_topic_locked: false }
    }
}

impl KeptBans {
    fn encode(&self) -> Vec<u8> {
        let mut out = [&MAGIC[..], &[FORMAT]].concat();
        field::put(&mut out, Tag::BAN, &self.next);
        if self.is_topic_locked {
            field::put(&mut out, Tag::ACTION, &Action::LOCK_TOPIC);
        }
        self.bans.iter().for_each(|ban| field::put(&mut out, Tag::BAN_ENTRY, ban));
        let seal = *blake3::hash(&out).as_bytes();
        out.extend(seal);
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let content = bytes.len().checked_sub(SEAL_BYTES).ok_or(DecodeError::Truncated)?;
        let (content, seal) = bytes.split_at(content);
        let fields = content.strip_prefix(&[MAGIC[0], MAGIC[1], MAGIC[2], FORMAT]);
        let fields = fields.filter(|_| blake3::hash(content) == *seal);
        let fields = Fields::parse(fields.ok_or(DecodeError::Truncated)?)?;
        Ok(Self {
            bans: fields.repeated(Tag::BAN_ENTRY)?,
            next: fields.required(Tag::BAN)?,
            is_topic_locked: fields.optional(Tag::ACTION)? == Some(Action::LOCK_TOPIC),
        })
    }
}

/// Reads the bans; there are none without a file. A damaged file is reported and set aside: a room
/// that forgets its bans is better than none.
///
/// # Errors
/// When the file cannot be opened or read, or not be set aside.
pub fn read<F: Files>(files: &F, data_dir: &Path) -> io::Result<KeptBans> {
    let path = data_dir.join(BANS);
    files::discard_new(files, &path);
    let mut bytes = Vec::new();
    match files.open(&path) {
        Ok(file) => file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(KeptBans::default()),
        Err(why) => return Err(io::Error::new(why.kind(), format!("{}: {why}", path.display()))),
    };
    match KeptBans::decode(&bytes) {
        Ok(bans) => Ok(bans),
        Err(_) => {
            let bad = set_aside(files, &path)?;
            log::error!(
                "{} is damaged and was set aside as {}: nobody is banned now",
                path.display(),
                bad.display()
            );
            Ok(KeptBans::default())
        }
    }
}

/// Writes the bans durably, or logs why it cannot.
pub fn keep<F: Files>(files: &F, data_dir: &Path, bans: &KeptBans) {
    if let Err(why) = files::replace(files, &data_dir.join(BANS), &bans.encode()) {
        log::error!("cannot write the bans to disk, and a restart would forget the latest: {why}");
    }
}

/// The number of the file's format, if that is a later one.
pub(super) fn newer_format<F: Files>(files: &F, path: &Path) -> Option<u8> {
    let mut head = [0; MAGIC.len() + 1];
    files.open(path).ok()?.read_exact(&mut head).ok()?;
    let (magic, format) = head.split_at(MAGIC.len());
    (magic == MAGIC && format[0] > FORMAT).then_some(format[0])
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::UnixMillis;
    use chatshelf_common::text::Note;
    use chatshelf_testkit::samples::nick;

    use super::*;
    use crate::disk::fault_injection::{Fault, FaultyFiles};

    fn kept() -> KeptBans {
        let entry = |ban| BanEntry {
            ban: BanId(ban),
            to: Some(nick("bob")),
            address: "::ffff:192.0.2.7".parse().ok(),
            until: Some(UnixMillis(9)),
            nick: nick("ada"),
            at: UnixMillis(1),
            reason: Note::new("spam").ok(),
        };
        KeptBans { bans: vec![entry(3), entry(7)], next: BanId(8), is_topic_locked: true }
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let files = FaultyFiles::new();
        assert_eq!(read(&files, files.path()).unwrap(), KeptBans::default());
        keep(&files, files.path(), &kept());
        assert_eq!(read(&files, files.path()).unwrap(), kept());
        keep(&files, files.path(), &KeptBans::default());
        assert_eq!(read(&files, files.path()).unwrap(), KeptBans::default());
    }

    #[test]
    fn a_failure_at_any_step_leaves_the_old_bans_or_the_new() {
        let count = |files: &FaultyFiles| {
            let before = files.done();
            keep(files, files.path(), &KeptBans::default());
            files.done() - before
        };
        let files = FaultyFiles::new();
        keep(&files, files.path(), &kept());
        let steps = count(&files);
        for step in 0..steps {
            let files = FaultyFiles::new();
            keep(&files, files.path(), &kept());
            files.fail(Fault::Once(files.done() + step), ErrorKind::Other);
            keep(&files, files.path(), &KeptBans::default());
            let found = read(&files, files.path()).unwrap();
            assert!([kept(), KeptBans::default()].contains(&found), "step {step}: {found:?}");
        }
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_a_later_one_is_known() {
        let files = FaultyFiles::new();
        let path = files.path().join(BANS);
        let mut bytes = kept().encode();
        assert!(KeptBans::decode(&bytes[..bytes.len() - 1]).is_err());
        bytes[9] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&files, files.path()).unwrap(), KeptBans::default());
        assert!(!path.exists() && files.path().join("bans.bad").exists());
        bytes[3] = 2;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(newer_format(&files, &path), Some(2));
    }
}
