//! Fields: the type-length-value units inside a control frame or event (PROTOCOL.md, "Fields").

use std::fmt;

use byteorder::{BigEndian, ByteOrder, WriteBytesExt};

use crate::id::{
    BanId, Digest, ItemId, LinkToken, MessageId, Mode, ResumeToken, Seq, TransferId, UnixMillis,
    UploadKey,
};
use crate::password::Password;
use crate::text::{FileName, LinkBase, Message, Nick, Note, TextError, Topic};
use crate::wire::Code;
use crate::wire::numbers::numbers;

/// Bytes before a field's value: tag (1) and length (2, big-endian).
pub const FIELD_HEAD_BYTES: usize = 3;

/// What a field says. Tags are never used again for something else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tag(pub u8);

numbers! {
    #[allow(missing_docs, reason = "PROTOCOL.md, \"Fields\", is the table of these")]
    Tag, "tag", TAGS;
    MAGIC = 1
    VERSION_MIN = 2
    VERSION_MAX = 3
    VERSION = 4
    CAPABILITIES = 5
    SOFTWARE = 6
    NICK = 7
    HISTORY = 8
    SEQ = 9
    AT = 10
    MESSAGE_ID = 11
    TEXT = 12
    STYLE = 13
    TO = 14
    TOPIC = 15
    TRANSFER = 16
    NAME = 17
    SIZE = 18
    DIGEST = 19
    ITEM = 20
    OFFSET = 21
    CODE = 22
    LIMIT = 23
    DETAIL = 24
    ABOUT = 25
    SUGGESTION = 26
    FROM_SEQ = 27
    TO_SEQ = 28
    PART = 29
    MEMBER = 30
    SHELF_ITEM = 31
    SHELF_TOPIC = 32
    FILE_BYTES_MAX = 33
    SHELF_ITEMS_MAX = 34
    TRANSFERS_MAX = 35
    HISTORY_MAX = 36
    SINCE = 37
    RESUME = 38
    REPEAT = 39
    UPLOAD_KEY = 40
    MODE = 41
    MODIFIED = 42
    QUIET = 43
    FIGURE = 44
    ALLOWANCE = 45
    DEADLINE = 46
    RETRY_MS = 47
    PASSWORD = 48
    ACTION = 49
    LINE = 50
    SECONDS = 51
    UNTIL = 52
    REASON = 53
    BAN = 54
    ADDRESS = 55
    BAN_ENTRY = 56
    LINK_TOKEN = 57
    LINK_BASE = 58
}

/// Slots for known tags; one more than the highest.
const SLOTS: usize = {
    let (mut highest, mut at) = (0, 0);
    while at < TAGS.len() {
        if TAGS[at].0.0 > highest {
            highest = TAGS[at].0.0;
        }
        at += 1;
    }
    highest as usize + 1
};

/// Why a frame's value could not be decoded, with the field at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The value does not end with a whole field.
    Truncated,
    /// A required field is not there.
    Missing(Tag),
    /// A field that may be there once is there twice.
    Duplicate(Tag),
    /// A field's value does not have the length of its kind.
    Length(Tag),
    /// A number that means nothing here.
    Value(Tag),
    /// Text that breaks the rules.
    Text(Tag, TextError),
    /// A frame type that this side does not know, or that only this side sends.
    UnknownType(u8),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("a field is cut short"),
            Self::Missing(tag) => write!(f, "field {tag:?} is missing"),
            Self::Duplicate(tag) => write!(f, "field {tag:?} is there twice"),
            Self::Length(tag) => write!(f, "field {tag:?} has a wrong length"),
            Self::Value(tag) => write!(f, "field {tag:?} has a value that means nothing"),
            Self::Text(tag, why) => write!(f, "field {tag:?} is refused: {why}"),
            Self::UnknownType(kind) => write!(f, "frame type {kind:#04x} is unknown"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// The fields of one frame, found in one pass and without allocation.
pub struct Fields<'a> {
    value: &'a [u8],
    /// Start and end in `value` of the first field with each tag; `(0, 0)` if there is none, for
    /// the value of a field starts at byte 3 at the earliest.
    slots: [(u32, u32); SLOTS],
    /// Bit `t` is set when tag `t` is there more than once.
    repeated: u64,
}

impl<'a> Fields<'a> {
    /// Finds the fields of a value.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when the value is not a sequence of whole fields.
    pub fn parse(value: &'a [u8]) -> Result<Self, DecodeError> {
        let mut fields = Self { value, slots: [(0, 0); SLOTS], repeated: 0 };
        let mut at = 0;
        while at < value.len() {
            let (tag, start, end) = field_at(value, at)?;
            if let Some(slot) = fields.slots.get_mut(usize::from(tag.0)) {
                if *slot == (0, 0) {
                    *slot = (start as u32, end as u32);
                } else {
                    fields.repeated |= 1 << tag.0;
                }
            }
            at = end;
        }
        Ok(fields)
    }

    /// The value of a field that may be absent. Only the tags of [`TAGS`] are found.
    ///
    /// # Errors
    /// When it is there twice or its value is not a `T`.
    pub fn optional<T: FieldValue>(&self, tag: Tag) -> Result<Option<T>, DecodeError> {
        match self.slots.get(usize::from(tag.0)) {
            None | Some((0, 0)) => Ok(None),
            Some(_) if self.repeated & (1 << tag.0) != 0 => Err(DecodeError::Duplicate(tag)),
            Some(&(start, end)) => {
                T::take(tag, &self.value[start as usize..end as usize]).map(Some)
            }
        }
    }

    /// The value of a field that must be there once.
    ///
    /// # Errors
    /// When it is absent, there twice, or its value is not a `T`.
    pub fn required<T: FieldValue>(&self, tag: Tag) -> Result<T, DecodeError> {
        self.optional(tag)?.ok_or(DecodeError::Missing(tag))
    }

    /// The values of a field that may be there any number of times, in their order.
    ///
    /// # Errors
    /// When one of them is not a `T`.
    pub fn repeated<T: FieldValue>(&self, tag: Tag) -> Result<Vec<T>, DecodeError> {
        let mut values = Vec::new();
        let mut at = match self.slots.get(usize::from(tag.0)) {
            None | Some((0, 0)) => return Ok(values),
            Some(&(start, _)) => start as usize - FIELD_HEAD_BYTES,
        };
        while at < self.value.len() {
            let (found, start, end) = field_at(self.value, at)?;
            if found == tag {
                values.push(T::take(tag, &self.value[start..end])?);
            }
            at = end;
        }
        Ok(values)
    }
}

/// The field that begins at `at`: its tag, and where its value starts and ends.
fn field_at(value: &[u8], at: usize) -> Result<(Tag, usize, usize), DecodeError> {
    let start = at + FIELD_HEAD_BYTES;
    let head = value.get(at..start).ok_or(DecodeError::Truncated)?;
    let end = start + usize::from(BigEndian::read_u16(&head[1..]));
    if end > value.len() {
        return Err(DecodeError::Truncated);
    }
    Ok((Tag(head[0]), start, end))
}

/// Appends one field: tag, length, value.
///
/// The value is at most 65,535 bytes: every [`FieldValue`] is far shorter, by its type.
pub fn put<T: FieldValue>(out: &mut Vec<u8>, tag: Tag, value: &T) {
    let head = out.len();
    out.extend_from_slice(&[tag.0, 0, 0]);
    value.put(out);
    let length = out.len() - head - FIELD_HEAD_BYTES;
    debug_assert!(length <= usize::from(u16::MAX));
    BigEndian::write_u16(&mut out[head + 1..], length as u16);
}

/// A kind of value that a field can hold.
pub trait FieldValue: Sized {
    /// Appends the value, without tag and length.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads the value from exactly its bytes.
    ///
    /// # Errors
    /// When the bytes are not such a value; the error names `tag`.
    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError>;
}

impl<const N: usize> FieldValue for [u8; N] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        bytes.try_into().map_err(|_| DecodeError::Length(tag))
    }
}

/// A big-endian integer, bare or inside a newtype.
macro_rules! integer_value {
    ($($int:ident $write:ident $read:ident: $($outer:ident)*;)*) => {$(
        impl FieldValue for $int {
            fn put(&self, out: &mut Vec<u8>) {
                out.$write::<BigEndian>(*self).expect("a Vec takes every byte");
            }

            fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
                if bytes.len() == size_of::<$int>() {
                    Ok(BigEndian::$read(bytes))
                } else {
                    Err(DecodeError::Length(tag))
                }
            }
        }

        $(impl FieldValue for $outer {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }

            fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
                $int::take(tag, bytes).map($outer)
            }
        })*
    )*};
}

integer_value! {
    u16 write_u16 read_u16: Code;
    u32 write_u32 read_u32: TransferId;
    u64 write_u64 read_u64: Seq ItemId MessageId UnixMillis BanId;
}

impl FieldValue for Mode {
    fn put(&self, out: &mut Vec<u8>) {
        self.bits().put(out);
    }

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::new(u16::take(tag, bytes)?).ok_or(DecodeError::Value(tag))
    }
}

impl FieldValue for u8 {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        match *bytes {
            [byte] => Ok(byte),
            _ => Err(DecodeError::Length(tag)),
        }
    }
}

impl FieldValue for Password {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::new(bytes).ok_or(DecodeError::Length(tag))
    }
}

macro_rules! bytes_value {
    ($($name:ident)*) => {$(
        impl FieldValue for $name {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }

            fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
                FieldValue::take(tag, bytes).map($name)
            }
        }
    )*};
}

bytes_value!(Digest LinkToken ResumeToken UploadKey);

macro_rules! text_value {
    ($($name:ident)*) => {$(
        impl FieldValue for $name {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self.as_str().as_bytes());
            }

            fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
                Self::from_bytes(bytes).map_err(|why| DecodeError::Text(tag, why))
            }
        }
    )*};
}

text_value!(Nick FileName Message Topic Note LinkBase);

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of<T: FieldValue>(tag: Tag, value: &T) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, tag, value);
        out
    }

    #[test]
    fn slots_cover_every_tag_and_fit_the_mask() {
        assert!(TAGS.iter().all(|(tag, _)| usize::from(tag.0) < SLOTS));
        const { assert!(SLOTS <= 64) };
    }

    #[test]
    fn a_mode_is_permission_bits_and_no_other() {
        assert_eq!(Mode::take(Tag::MODE, &[1, 0o355]), Ok(Mode::new(0o755).unwrap()));
        for wrong in [[2, 0], [0o10, 0], [255, 255]] {
            assert_eq!(Mode::take(Tag::MODE, &wrong), Err(DecodeError::Value(Tag::MODE)));
        }
    }

    #[test]
    fn a_field_is_tag_length_value() {
        assert_eq!(bytes_of(Tag::HISTORY, &7u32), [8, 0, 4, 0, 0, 0, 7]);
        assert_eq!(bytes_of(Tag::NICK, &Nick::new("ada").unwrap()), *b"\x07\x00\x03ada");
    }

    #[test]
    fn unknown_tags_are_skipped_and_order_is_free() {
        let mut value = bytes_of(Tag(200), &1u16);
        value.extend(bytes_of(Tag::TRANSFER, &9u32));
        value.extend(bytes_of(Tag(200), &2u16));
        value.extend(bytes_of(Tag::OFFSET, &1u64));
        let fields = Fields::parse(&value).unwrap();
        assert_eq!(fields.required::<u64>(Tag::OFFSET), Ok(1));
        assert_eq!(fields.required::<u32>(Tag::TRANSFER), Ok(9));
        assert_eq!(fields.optional::<u64>(Tag::SIZE), Ok(None));
        assert_eq!(fields.optional::<u16>(Tag(200)), Ok(None));
        assert_eq!(fields.repeated::<u16>(Tag(63)), Ok(vec![]));
    }

    #[test]
    fn every_fault_has_its_error() {
        let one = bytes_of(Tag::HISTORY, &1u32);
        let two = [one.clone(), one.clone()].concat();
        let parse = |bytes| Fields::parse(bytes).map(|fields| fields.value.len());
        assert_eq!(parse(&one[..2]), Err(DecodeError::Truncated));
        assert_eq!(parse(&one[..6]), Err(DecodeError::Truncated));
        assert_eq!(parse(&[&two[..], &[0]].concat()), Err(DecodeError::Truncated));
        let fields = Fields::parse(&two).unwrap();
        assert_eq!(fields.required::<u32>(Tag::HISTORY), Err(DecodeError::Duplicate(Tag::HISTORY)));
        assert_eq!(fields.repeated::<u32>(Tag::HISTORY), Ok(vec![1, 1]));
        assert_eq!(fields.required::<u32>(Tag::TRANSFER), Err(DecodeError::Missing(Tag::TRANSFER)));
        let fields = Fields::parse(&one).unwrap();
        assert_eq!(fields.required::<u64>(Tag::HISTORY), Err(DecodeError::Length(Tag::HISTORY)));
        assert_eq!(fields.required::<u8>(Tag::HISTORY), Err(DecodeError::Length(Tag::HISTORY)));
        let text = bytes_of(Tag::NICK, &Message::new("a b").unwrap());
        let refused = Fields::parse(&text).unwrap().required::<Nick>(Tag::NICK);
        assert_eq!(refused, Err(DecodeError::Text(Tag::NICK, TextError::Forbidden(' '))));
    }
}
