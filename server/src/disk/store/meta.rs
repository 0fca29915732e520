//! Meta files: the description next to each content.
//!
//! ```text
//! magic (4)    "csi" for an item, "csu" for an upload, then the format's number: 1
//! fields       as on the wire: the item's, or the offer's and the time of the interruption
//! seal (32)    BLAKE3 of everything before
//! ```
//!
//! An incomplete or damaged file, or one of the other kind, is never accepted. An upload key is a
//! secret of the client that made it: these files, and the names of folders, contain an
//! [`UploadId`] instead. Files of earlier versions, without magic and seal, are read as well.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;

use chatshelf_common::id::{Digest, UnixMillis, UploadKey};
use chatshelf_common::text::FileName;
use chatshelf_common::wire::field::{self, DecodeError, FIELD_HEAD_BYTES, FieldValue, Fields, Tag};
use chatshelf_common::wire::frame::Item;

use crate::disk::Uploader;
use crate::disk::files::{self, Files};
use crate::room::shelf::is_item_id;

/// How much of a meta file is read, in bytes.
const META_BYTES_MAX: u64 = 4096;

/// Bytes of the seal.
const SEAL_BYTES: usize = 32;

/// The first bytes of an item's meta file, and of an upload's. Read as a field, either would be
/// longer than any meta file.
const ITEM_MAGIC: [u8; 4] = *b"csi\x01";
const UPLOAD_MAGIC: [u8; 4] = *b"csu\x01";

/// The hash of an upload key, which stands for the key on the disk and does not reveal it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UploadId([u8; 32]);

impl UploadId {
    /// Digits in its text form.
    pub(super) const DIGITS: usize = 64;

    /// The id of a key.
    #[must_use]
    pub fn of(key: &UploadKey) -> Self {
        Self(blake3::derive_key("chatshelf 2026-11-29 an upload key's name on the disk", &key.0))
    }
}

impl fmt::Display for UploadId {
    /// Sixty-four lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UploadId({self})")
    }
}

/// The field of an upload's meta file that holds the uploader, not a nick as on the wire.
const UPLOADER: Tag = Tag::MEMBER;

/// What identifies an upload with a key when it is offered again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) id: UploadId,
    pub(super) name: FileName,
    /// In bytes.
    pub(super) size: u64,
    /// Who offered it; unknown for items, and for uploads that an earlier version has kept.
    pub(super) uploader: Option<Uploader>,
}

/// What a meta file from before [`UPLOAD_MAGIC`] contains.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OldOffer {
    /// The key itself, which also names the folder.
    pub(super) key: UploadKey,
    pub(super) offer: Offer,
    /// When the upload was interrupted, if it was.
    pub(super) interrupted: Option<UnixMillis>,
}

impl Offer {
    pub(super) fn new(key: &UploadKey, name: FileName, size: u64, uploader: Uploader) -> Self {
        Self { id: UploadId::of(key), name, size, uploader: Some(uploader) }
    }

    /// True for two offers of the same upload, whoever sends them.
    pub(super) fn is_of_same_upload(&self, other: &Self) -> bool {
        (self.id, &self.name, self.size) == (other.id, &other.name, other.size)
    }

    /// The bytes of a meta file. A running upload has no `interrupted`: if the server dies, the
    /// time of the next startup counts.
    pub(super) fn encode(&self, interrupted: Option<UnixMillis>) -> Vec<u8> {
        let mut out = UPLOAD_MAGIC.to_vec();
        field::put(&mut out, Tag::UPLOAD_KEY, &self.id.0);
        field::put(&mut out, Tag::NAME, &self.name);
        field::put(&mut out, Tag::SIZE, &self.size);
        if let Some(at) = interrupted {
            field::put(&mut out, Tag::AT, &at);
        }
        if let Some(Uploader(uploader)) = &self.uploader {
            field::put(&mut out, UPLOADER, uploader);
        }
        seal(out)
    }

    /// Reads the bytes of a meta file.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, Option<UnixMillis>), DecodeError> {
        let fields = Fields::parse(unseal(UPLOAD_MAGIC, bytes)?)?;
        let id = UploadId(fields.required(Tag::UPLOAD_KEY)?);
        Self::of_fields(id, &fields)
    }

    /// Reads the bytes of a meta file from before [`UPLOAD_MAGIC`]: it contains the key itself, and
    /// its seal is a field.
    pub(super) fn decode_old(bytes: &[u8]) -> Result<OldOffer, DecodeError> {
        let end = bytes.len().checked_sub(FIELD_HEAD_BYTES + SEAL_BYTES);
        let (before, seal) = bytes.split_at(end.ok_or(DecodeError::Truncated)?);
        if Fields::parse(seal)?.required::<Digest>(Tag::DIGEST)? != blake3::hash(before).into() {
            return Err(DecodeError::Value(Tag::DIGEST));
        }
        let fields = Fields::parse(before)?;
        let key: UploadKey = fields.required(Tag::UPLOAD_KEY)?;
        let (offer, interrupted) = Self::of_fields(UploadId::of(&key), &fields)?;
        Ok(OldOffer { key, offer, interrupted })
    }

    fn of_fields(
        id: UploadId,
        fields: &Fields<'_>,
    ) -> Result<(Self, Option<UnixMillis>), DecodeError> {
        let (name, size) = (fields.required(Tag::NAME)?, fields.required(Tag::SIZE)?);
        let uploader = fields.optional(UPLOADER)?.map(Uploader);
        Ok((Self { id, name, size, uploader }, fields.optional(Tag::AT)?))
    }
}

/// The bytes of an item's meta file, with the upload's id if it had a key.
pub(super) fn encode_item(item: &Item, id: Option<UploadId>) -> Vec<u8> {
    let mut out = ITEM_MAGIC.to_vec();
    item.put(&mut out);
    if let Some(id) = id {
        field::put(&mut out, Tag::UPLOAD_KEY, &id.0);
    }
    seal(out)
}

/// Reads the bytes of an item's meta file.
pub(super) fn decode_item(bytes: &[u8]) -> Result<(Item, Option<UploadId>), DecodeError> {
    let (fields, is_sealed) = if bytes.starts_with(&ITEM_MAGIC) {
        (unseal(ITEM_MAGIC, bytes)?, true)
    } else {
        (bytes, false)
    };
    let item = Item::take(Tag::SHELF_ITEM, fields)?;
    if !is_item_id(item.id) {
        return Err(DecodeError::Value(Tag::ITEM));
    }
    let fields = Fields::parse(fields)?;
    let id = if is_sealed {
        fields.optional(Tag::UPLOAD_KEY)?.map(UploadId)
    } else {
        fields.optional(Tag::UPLOAD_KEY)?.map(|key| UploadId::of(&key))
    };
    Ok((item, id))
}

fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let seal = blake3::hash(&bytes);
    bytes.extend_from_slice(seal.as_bytes());
    bytes
}

/// The bytes between magic and seal, if both are right.
fn unseal(magic: [u8; 4], bytes: &[u8]) -> Result<&[u8], DecodeError> {
    let (sealed, seal) = bytes.split_last_chunk::<SEAL_BYTES>().ok_or(DecodeError::Truncated)?;
    if blake3::hash(sealed) != *seal {
        return Err(DecodeError::Value(Tag::DIGEST));
    }
    sealed.strip_prefix(&magic).ok_or(DecodeError::Value(Tag::MAGIC))
}

/// The number of a meta file's format, if that is a later one. A seal that is wrong means damage,
/// whatever the number.
pub(super) fn newer_format(bytes: &[u8]) -> Option<u8> {
    let (sealed, seal) = bytes.split_last_chunk::<SEAL_BYTES>()?;
    let (magic, _) = sealed.split_first_chunk::<4>()?;
    let known = [ITEM_MAGIC, UPLOAD_MAGIC];
    let is_newer = known.iter().any(|it| magic[..3] == it[..3] && magic[3] > it[3]);
    (is_newer && blake3::hash(sealed) == *seal).then_some(magic[3])
}

/// Reads a folder's meta file.
pub(super) fn read(files: &impl Files, dir: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    files.open(&dir.join("meta"))?.take(META_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes the meta file of a new folder. A crash may leave it incomplete.
pub(super) fn create(files: &impl Files, dir: &Path, bytes: &[u8]) -> io::Result<()> {
    files.create(&dir.join("meta"))?.write_all(bytes)
}

/// Gives a folder a meta file, or another one, and makes that durable with the folder's names. A
/// crash leaves the one or the other.
pub(super) fn replace(files: &impl Files, dir: &Path, bytes: &[u8]) -> io::Result<()> {
    files::replace(files, &dir.join("meta"), bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::room::shelf::ITEM_ID_MAX;
    use chatshelf_common::id::ItemId;
    use chatshelf_common::text::Nick;

    const KEY: UploadKey = UploadKey([0xAB; 16]);

    fn offer() -> Offer {
        let name = FileName::new("notes.txt").unwrap();
        Offer { id: UploadId::of(&KEY), name, size: 1 << 40, uploader: None }
    }

    fn item() -> Item {
        let (name, nick) = (FileName::new("notes.txt").unwrap(), Nick::new("ada").unwrap());
        let (size, digest, at) = (1 << 40, Digest([7; 32]), UnixMillis(9));
        Item::new(ItemId(3), name, size, digest, nick, at)
    }

    /// An upload's meta file as it was before there were magic and seal.
    pub(in crate::disk::store) fn old_upload(
        key: UploadKey,
        offer: &Offer,
        interrupted: Option<UnixMillis>,
    ) -> Vec<u8> {
        let mut out = Vec::new();
        field::put(&mut out, Tag::UPLOAD_KEY, &key);
        field::put(&mut out, Tag::NAME, &offer.name);
        field::put(&mut out, Tag::SIZE, &offer.size);
        interrupted.iter().for_each(|at| field::put(&mut out, Tag::AT, at));
        let digest = Digest::from(blake3::hash(&out));
        field::put(&mut out, Tag::DIGEST, &digest);
        out
    }

    /// Every way in which one byte can be wrong, or the end be missing.
    fn damages(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
        let cut = (0..bytes.len()).map(|at| bytes[..at].to_vec());
        let flipped = (0..bytes.len()).flat_map(|at| (1..=255).map(move |by| (at, by)));
        cut.chain(flipped.map(|(at, by)| {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= by;
            damaged
        }))
    }

    #[test]
    fn a_meta_reads_back_as_it_was_written() {
        for interrupted in [None, Some(UnixMillis(0)), Some(UnixMillis(u64::MAX))] {
            let bytes = offer().encode(interrupted);
            assert_eq!(Offer::decode(&bytes), Ok((offer(), interrupted)));
            let known = Offer { uploader: Some(Uploader(7)), ..offer() };
            assert_eq!(Offer::decode(&known.encode(interrupted)), Ok((known, interrupted)));
            let old = old_upload(KEY, &offer(), interrupted);
            assert_eq!(
                Offer::decode_old(&old),
                Ok(OldOffer { key: KEY, offer: offer(), interrupted })
            );
        }
        for id in [None, Some(UploadId::of(&KEY))] {
            assert_eq!(decode_item(&encode_item(&item(), id)), Ok((item(), id)));
        }
    }

    #[test]
    fn an_items_meta_from_before_the_seal_is_read() {
        let mut bytes = Vec::new();
        item().put(&mut bytes);
        assert_eq!(decode_item(&bytes), Ok((item(), None)));
        field::put(&mut bytes, Tag::UPLOAD_KEY, &KEY);
        assert_eq!(decode_item(&bytes), Ok((item(), Some(UploadId::of(&KEY)))));
    }

    #[test]
    fn a_meta_that_is_damaged_anywhere_is_not_believed() {
        for damaged in damages(&offer().encode(Some(UnixMillis(7)))) {
            assert!(Offer::decode(&damaged).is_err() && Offer::decode_old(&damaged).is_err());
        }
        for damaged in damages(&encode_item(&item(), Some(UploadId::of(&KEY)))) {
            assert!(decode_item(&damaged).is_err(), "{damaged:?}");
        }
        let more = [&offer().encode(None)[..], &[0]].concat();
        assert!(Offer::decode(&more).is_err() && Offer::decode(&[0; 200]).is_err());
    }

    #[test]
    fn a_later_format_is_told_from_damage() {
        for mut bytes in [offer().encode(None), encode_item(&item(), None)] {
            assert_eq!(newer_format(&bytes), None);
            bytes[3] = 2;
            assert_eq!(newer_format(&bytes), None, "a flipped bit");
            bytes.truncate(bytes.len() - SEAL_BYTES);
            assert_eq!(newer_format(&seal(bytes.clone())), Some(2));
            bytes[0] = b'x';
            assert_eq!(newer_format(&seal(bytes)), None);
        }
        assert_eq!((newer_format(&[]), newer_format(&[7; SEAL_BYTES + 3])), (None, None));
    }

    #[test]
    fn one_kind_is_never_taken_for_the_other() {
        let id = Some(UploadId::of(&KEY));
        assert!(Offer::decode(&encode_item(&item(), id)).is_err());
        assert!(decode_item(&offer().encode(Some(UnixMillis(7)))).is_err());
    }

    #[test]
    fn numbers_that_leave_none_to_come_are_damage() {
        for id in [0, ITEM_ID_MAX.0 + 1, u64::MAX] {
            let item = Item { id: ItemId(id), ..item() };
            assert!(decode_item(&encode_item(&item, None)).is_err(), "{id}");
        }
        let item = Item { id: ITEM_ID_MAX, ..item() };
        assert!(decode_item(&encode_item(&item, None)).is_ok());
    }

    #[test]
    fn the_key_is_nowhere() {
        let key = UploadKey(*b"secret key, 16 b");
        let offer = Offer { id: UploadId::of(&key), ..offer() };
        let metas = [offer.encode(None), encode_item(&item(), Some(offer.id))];
        for meta in metas {
            assert!(!meta.windows(16).any(|bytes| bytes == key.0), "{meta:?}");
        }
        assert!(!offer.id.to_string().contains(&key.to_string()));
    }
}
