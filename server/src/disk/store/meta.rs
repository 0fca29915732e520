//! Meta files: what stands beside a content and says whose it is.
//!
//! That of an item holds the item's fields. That of an upload with a key holds what its offer
//! said, the time at which it was interrupted unless it still runs, and the BLAKE3 of all that:
//! half a file, another file or an item's is never taken for one.

use std::io::{self, Read, Write};
use std::path::Path;

use chatshelf_common::id::{Digest, UnixMillis, UploadKey};
use chatshelf_common::text::FileName;
use chatshelf_common::wire::field::{self, DecodeError, FIELD_HEAD_BYTES, Fields, Tag};

use crate::disk::files::{Files, StoredFile};

/// Longest meta file that is believed, in bytes.
const META_BYTES_MAX: u64 = 4096;

/// Bytes of the field with the digest, the last of an upload's meta.
const DIGEST_FIELD_BYTES: usize = FIELD_HEAD_BYTES + 32;

/// What an upload with a key is known by when it is offered again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) key: UploadKey,
    pub(super) name: FileName,
    /// In bytes.
    pub(super) size: u64,
}

impl Offer {
    /// A meta file's bytes. An upload that runs has no `interrupted`: should the server die, its
    /// time is that of the start that finds it.
    pub(super) fn encode(&self, interrupted: Option<UnixMillis>) -> Vec<u8> {
        let mut out = Vec::new();
        field::put(&mut out, Tag::UPLOAD_KEY, &self.key);
        field::put(&mut out, Tag::NAME, &self.name);
        field::put(&mut out, Tag::SIZE, &self.size);
        if let Some(at) = interrupted {
            field::put(&mut out, Tag::AT, &at);
        }
        let digest = Digest::from(blake3::hash(&out));
        field::put(&mut out, Tag::DIGEST, &digest);
        out
    }

    /// Back from a meta file's bytes.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, Option<UnixMillis>), DecodeError> {
        let end = bytes.len().checked_sub(DIGEST_FIELD_BYTES).ok_or(DecodeError::Truncated)?;
        let digest = Fields::parse(&bytes[end..])?.required::<Digest>(Tag::DIGEST)?;
        if digest != Digest::from(blake3::hash(&bytes[..end])) {
            return Err(DecodeError::Value(Tag::DIGEST));
        }
        let fields = Fields::parse(&bytes[..end])?;
        let offer = Self {
            key: fields.required(Tag::UPLOAD_KEY)?,
            name: fields.required(Tag::NAME)?,
            size: fields.required(Tag::SIZE)?,
        };
        Ok((offer, fields.optional(Tag::AT)?))
    }
}

/// Reads a folder's meta file.
pub(super) fn read(files: &impl Files, dir: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    files.open(&dir.join("meta"))?.take(META_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes the meta file of a new folder. Whether a crash leaves it whole is not said.
pub(super) fn create(files: &impl Files, dir: &Path, bytes: &[u8]) -> io::Result<()> {
    files.create(&dir.join("meta"))?.write_all(bytes)
}

/// Gives a folder a meta file, or another one, and makes that durable with the folder's names. A
/// crash leaves the one or the other.
pub(super) fn replace(files: &impl Files, dir: &Path, bytes: &[u8]) -> io::Result<()> {
    let (meta, new) = (dir.join("meta"), dir.join("meta.new"));
    // What a crash has left of an earlier try; mostly there is none.
    let _ = files.remove_file(&new);
    let mut file = files.create(&new)?;
    file.write_all(bytes)?;
    file.sync()?;
    drop(file);
    files.rename(&new, &meta)?;
    files.sync_dir(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> Offer {
        let name = FileName::new("notes.txt").unwrap();
        Offer { key: UploadKey([0xAB; 16]), name, size: 1 << 40 }
    }

    #[test]
    fn a_meta_reads_back_as_it_was_written() {
        for interrupted in [None, Some(UnixMillis(0)), Some(UnixMillis(u64::MAX))] {
            let bytes = offer().encode(interrupted);
            assert_eq!(Offer::decode(&bytes), Ok((offer(), interrupted)));
        }
    }

    #[test]
    fn a_meta_that_is_damaged_anywhere_is_not_believed() {
        let bytes = offer().encode(Some(UnixMillis(7)));
        for at in 0..bytes.len() {
            assert!(Offer::decode(&bytes[..at]).is_err(), "cut at {at}");
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Offer::decode(&damaged).is_err(), "damaged at {at}");
        }
        assert!(Offer::decode(&vec![0; bytes.len()]).is_err());
        let more = [&bytes[..], &[0]].concat();
        assert!(Offer::decode(&more).is_err());
    }
}
