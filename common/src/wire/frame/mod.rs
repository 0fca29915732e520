//! Every frame type, as tables: its number, its fields, and which of them are required (`req`),
//! optional (`opt`) or repeatable (`rep`). PROTOCOL.md, "Frame types", says what each means.
//!
//! A line of a table is the only place that knows a frame's layout; the macros of `layout.rs` make
//! encoder and decoder of it, so the two cannot differ.

mod allowance;
mod client;
mod event;
mod figure;
mod moderation;
mod server;
mod values;

use byteorder::{BigEndian, ByteOrder};

use crate::wire::field::{DecodeError, Fields};
use crate::wire::header::{HEADER_BYTES, Header};

pub use allowance::*;
pub use client::*;
pub use event::*;
pub use figure::*;
pub use moderation::*;
pub use server::*;
pub use values::*;

/// A frame whose value is a list of fields.
///
/// ```
/// use chatshelf_common::text::Nick;
/// use chatshelf_common::wire::frame::{ClientFrame, Frame, Rename};
///
/// let rename = Rename { nick: Nick::new("lovelace")? };
/// let bytes = rename.to_bytes();
/// assert_eq!(bytes[0], Rename::KIND);
/// // A header of six bytes comes before the value.
/// assert_eq!(ClientFrame::decode(bytes[0], &bytes[6..])?, rename.into());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Frame: Sized {
    /// The frame's type number.
    const KIND: u8;
    /// The flags it is sent with.
    const FLAGS: u8;

    /// Appends the fields.
    fn put_fields(&self, out: &mut Vec<u8>);

    /// Reads the frame from its fields.
    ///
    /// # Errors
    /// When a field is missing, there twice, or not what it must be.
    fn take_fields(fields: &Fields<'_>) -> Result<Self, DecodeError>;

    /// Appends the whole frame: header, then fields.
    fn encode(&self, out: &mut Vec<u8>) {
        let head = out.len();
        out.extend_from_slice(
            &Header { kind: Self::KIND, flags: Self::FLAGS, length: 0 }.to_bytes(),
        );
        self.put_fields(out);
        let length = out.len() - head - HEADER_BYTES;
        BigEndian::write_u32(&mut out[head + 2..], length as u32);
    }

    /// The whole frame as bytes of its own.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

/// Capability bit: the server answers `StatsRequest`.
pub const CAPABILITY_STATS: u32 = 1;
/// Capability bit: the room has operators.
pub const CAPABILITY_OPERATORS: u32 = 1 << 1;
/// Capability bit: the client can show a password; the room asks for one.
pub const CAPABILITY_PASSWORD: u32 = 1 << 2;
/// Capability bit: the client takes large data frames; the server may send them.
pub const CAPABILITY_LARGE_DATA: u32 = 1 << 3;

/// The four bytes in a [`Hello`] that say the peer speaks this protocol.
pub const MAGIC: [u8; 4] = *b"CHSH";
