//! Why a connection is closed, as a number in a close frame (RFC 6455, section 7.4).

/// A status code of a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The conversation is over.
    pub const NORMAL: Self = Self(1000);
    /// The other side broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// The other side sent a text, where only bytes are understood.
    pub const UNSUPPORTED: Self = Self(1003);
    /// The other side sent a text that is not UTF-8.
    pub const NOT_UTF8: Self = Self(1007);
    /// The other side does what it may not do.
    pub const POLICY: Self = Self(1008);

    /// Returns its number, as it goes on the wire.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    /// Reads the payload of a close frame: nothing, or a code and a reason for people.
    ///
    /// # Errors
    /// The code to answer with if it is neither.
    pub(super) fn read(payload: &[u8]) -> Result<Option<Self>, Self> {
        let (code, reason) = match payload {
            [] => return Ok(None),
            [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
            [_] => return Err(Self::PROTOCOL_ERROR),
        };
        // 1004 to 1006 and 1015 are never sent; what is below 3000 belongs to the RFCs.
        if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
            return Err(Self::PROTOCOL_ERROR);
        }
        match std::str::from_utf8(reason) {
            Ok(_) => Ok(Some(Self(code))),
            Err(_) => Err(Self::NOT_UTF8),
        }
    }
}
