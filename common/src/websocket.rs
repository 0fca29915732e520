//! WebSocket frames (RFC 6455, section 5), as far as a stream of bytes needs them: binary messages,
//! whose boundaries mean nothing, and the control frames between them. Takes frames apart in the
//! buffer they were read into, and writes their heads; never sees a socket, and keeps no payload.

mod close;
mod incoming;
#[cfg(test)]
mod tests;

use data_encoding::BASE64;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

pub use close::CloseCode;
pub use incoming::{End, Incoming};

/// The longest head of a frame: two bytes, a length of eight, a mask of four.
pub const HEAD_BYTES_MAX: usize = 14;
/// The longest payload of a control frame.
pub const CONTROL_BYTES_MAX: usize = 125;
/// The version of the protocol that RFC 6455 describes.
pub const VERSION: &str = "13";

/// The bit that ends a message, and the one that says that a mask follows.
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
/// Lengths that say how many bytes of the real one follow.
const LENGTH_IN_2: u8 = 126;
const LENGTH_IN_8: u8 = 127;

/// Which side sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The client, which masks what it sends.
    Client,
    /// The server, which does not.
    Server,
}

/// What a frame is (RFC 6455, section 11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// The next part of a message.
    Continuation = 0,
    /// A text, or the first part of one.
    Text = 1,
    /// Bytes, or the first part of them.
    Binary = 2,
    /// Nothing follows.
    Close = 8,
    /// To be answered by a pong with the same payload.
    Ping = 9,
    /// The answer to a ping, or a sign of life.
    Pong = 10,
}

impl Opcode {
    fn of(number: u8) -> Option<Self> {
        use Opcode::{Binary, Close, Continuation, Ping, Pong, Text};
        [Continuation, Text, Binary, Close, Ping, Pong].into_iter().find(|it| *it as u8 == number)
    }

    fn is_control(self) -> bool {
        self as u8 >= Self::Close as u8
    }
}

/// The head of a frame, as it goes on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    bytes: [u8; HEAD_BYTES_MAX],
    length: usize,
}

impl Head {
    /// The head of a frame that is a whole message or a control frame. A client gives the mask that
    /// it applies to the payload.
    #[must_use]
    pub fn new(opcode: Opcode, payload_bytes: usize, mask: Option<[u8; 4]>) -> Self {
        let mut head = Self { bytes: [0; HEAD_BYTES_MAX], length: 0 };
        let masked = if mask.is_some() { MASKED } else { 0 };
        head.push(&[FIN | opcode as u8]);
        match (u8::try_from(payload_bytes), u16::try_from(payload_bytes)) {
            (Ok(length), _) if usize::from(length) <= CONTROL_BYTES_MAX => {
                head.push(&[masked | length]);
            }
            (_, Ok(length)) => {
                head.push(&[masked | LENGTH_IN_2]);
                head.push(&length.to_be_bytes());
            }
            _ => {
                head.push(&[masked | LENGTH_IN_8]);
                head.push(&(payload_bytes as u64).to_be_bytes());
            }
        }
        head.push(&mask.unwrap_or_default()[..if mask.is_some() { 4 } else { 0 }]);
        head
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..][..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }
}

/// A whole frame.
#[must_use]
pub fn frame(opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let head = Head::new(opcode, payload.len(), mask);
    let mut frame = head.as_bytes().to_vec();
    frame.extend_from_slice(payload);
    apply_mask(&mut frame[head.length..], mask.unwrap_or_default());
    frame
}

/// Masks bytes, or takes the mask off them: both are the same (RFC 6455, section 5.3).
pub fn apply_mask(bytes: &mut [u8], mask: [u8; 4]) {
    // Eight bytes at a time: what a member uploads passes through here.
    let wide = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    rest.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

/// The answer to a client's `Sec-WebSocket-Key`, which shows that the server speaks WebSocket
/// (RFC 6455, section 4.2.2).
///
/// ```
/// let answer = chatshelf_common::websocket::accept("dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn accept(key: &str) -> String {
    let text = [key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
    BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref())
}

/// Returns true for what a client may send as `Sec-WebSocket-Key`: 16 bytes in base64.
#[must_use]
pub fn is_key(text: &str) -> bool {
    BASE64.decode(text.as_bytes()).is_ok_and(|bytes| bytes.len() == 16)
}
