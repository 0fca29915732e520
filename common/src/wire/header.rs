//! The fixed header of every frame (PROTOCOL.md, "Frames"), and the prefix of a data frame.

use byteorder::{BigEndian, ByteOrder};

use crate::id::TransferId;

/// Bytes of a frame header: type (1), flags (1), length of the value (4, big-endian).
pub const HEADER_BYTES: usize = 6;
/// Bytes of a data frame's prefix: transfer (4) and offset (8), both big-endian.
pub const DATA_PREFIX_BYTES: usize = 12;
/// Bytes before the file bytes of a data frame.
pub const DATA_HEAD_BYTES: usize = HEADER_BYTES + DATA_PREFIX_BYTES;

/// The type of a data frame, the one frame whose value is not a list of fields.
pub const DATA: u8 = 0x20;
/// Flag: a receiver that does not know the type skips the frame.
pub const FLAG_SKIPPABLE: u8 = 0x01;

/// A frame's header.
///
/// ```
/// use chatshelf_common::wire::Header;
///
/// let header = Header { kind: 0x03, flags: 0, length: 21 };
/// assert_eq!(header.to_bytes(), [0x03, 0, 0, 0, 0, 21]);
/// assert_eq!(Header::from_bytes([0x03, 0, 0, 0, 0, 21]), header);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame is; see [`crate::wire::frame`].
    pub kind: u8,
    /// [`FLAG_SKIPPABLE`] or 0; other bits are sent as 0 and ignored.
    pub flags: u8,
    /// Bytes of the value that follows.
    pub length: u32,
}

impl Header {
    /// The header as it travels.
    #[must_use]
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [self.kind, self.flags, 0, 0, 0, 0];
        BigEndian::write_u32(&mut bytes[2..], self.length);
        bytes
    }

    /// Reads a header. Any six bytes are one; the deframer decides whether to accept it.
    #[must_use]
    pub fn from_bytes(bytes: [u8; HEADER_BYTES]) -> Self {
        Self { kind: bytes[0], flags: bytes[1], length: BigEndian::read_u32(&bytes[2..]) }
    }

    /// True when a receiver that does not know the type must skip the frame.
    #[must_use]
    pub fn is_skippable(self) -> bool {
        self.flags & FLAG_SKIPPABLE != 0
    }
}

/// What comes before `length` file bytes on the wire: frame header, transfer, offset.
///
/// `length` is at most [`crate::limits::DATA_BYTES_MAX`], or to a client that takes large data
/// frames, [`crate::limits::LARGE_DATA_BYTES_MAX`].
///
/// ```
/// use chatshelf_common::id::TransferId;
/// use chatshelf_common::wire::header::data_head;
///
/// let content = b"hello shelf\n";
/// let frame = [&data_head(TransferId(1), 0, content.len() as u32)[..], content].concat();
/// ```
#[must_use]
pub fn data_head(transfer: TransferId, offset: u64, length: u32) -> [u8; DATA_HEAD_BYTES] {
    debug_assert!(length <= crate::limits::LARGE_DATA_BYTES_MAX);
    let mut bytes = [0; DATA_HEAD_BYTES];
    let header = Header { kind: DATA, flags: 0, length: DATA_PREFIX_BYTES as u32 + length };
    bytes[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
    BigEndian::write_u32(&mut bytes[6..], transfer.0);
    BigEndian::write_u64(&mut bytes[10..], offset);
    bytes
}

/// Reads a data frame's prefix: transfer and offset.
#[must_use]
pub fn read_data_prefix(bytes: [u8; DATA_PREFIX_BYTES]) -> (TransferId, u64) {
    (TransferId(BigEndian::read_u32(&bytes)), BigEndian::read_u64(&bytes[4..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_flag_says_that_a_frame_may_be_skipped() {
        for flags in 0..=u8::MAX {
            let header = Header { kind: 0x7e, flags, length: 0 };
            assert_eq!(header.is_skippable(), flags % 2 == 1, "{flags:#04x}");
        }
    }
}
