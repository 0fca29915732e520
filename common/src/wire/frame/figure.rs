//! Numbers that a server tells of itself (PROTOCOL.md, "Statistics").

use std::fmt;

use byteorder::{BigEndian, ByteOrder};

use crate::wire::field::{DecodeError, FieldValue, Tag};

/// Bytes of a figure: what it is (2) and its value (8), both big-endian.
const FIGURE_BYTES: usize = 10;

/// What a [`Figure`] is.
///
/// Not an enum: a newer server may give figures that this version does not know.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FigureKind(pub u16);

macro_rules! figures {
    ($($number:literal $name:ident $text:literal)*) => {
        impl FigureKind {
            $(#[doc = concat!("Figure ", stringify!($number), ": ", $text, ".")]
            pub const $name: Self = Self($number);)*
        }

        impl fmt::Debug for FigureKind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $($number => f.write_str(stringify!($name)),)*
                    other => write!(f, "figure {other}"),
                }
            }
        }

        /// Every figure this version knows, with its name as PROTOCOL.md spells it.
        pub const FIGURES: &[(FigureKind, &str)] =
            &[$((FigureKind::$name, stringify!($name)),)*];
    };
}

figures! {
    1 UPTIME_MS "milliseconds since the server started"
    2 MEMBERS "members now"
    3 TRANSFERS "transfers that run now"
    4 CONNECTIONS "connections accepted since the start"
    5 JOINS "members who joined without resuming"
    6 RETURNS "members who resumed on another connection"
    7 LINES "lines said to everyone"
    8 BYTES_IN "bytes received from connections"
    9 BYTES_OUT "bytes sent to connections"
    10 UPLOADS "uploads that became items"
    11 DOWNLOADS "downloads sent whole"
    12 REFUSALS "`Refused` frames"
    13 CLOSES "connections that ended"
    14 CLOSES_LEFT "those that ended with LEFT"
    15 CLOSES_LOST "those that ended with CONNECTION_LOST"
    16 CLOSES_TIMED_OUT "those that ended with TIMED_OUT"
    17 CLOSES_TOO_SLOW "those that ended with TOO_SLOW"
}

/// One number of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What it is.
    pub kind: FigureKind,
    /// Its value; the kind says the unit.
    pub value: u64,
}

impl FieldValue for Figure {
    fn put(&self, out: &mut Vec<u8>) {
        let mut bytes = [0; FIGURE_BYTES];
        BigEndian::write_u16(&mut bytes, self.kind.0);
        BigEndian::write_u64(&mut bytes[2..], self.value);
        out.extend_from_slice(&bytes);
    }

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes: &[u8; FIGURE_BYTES] = bytes.try_into().map_err(|_| DecodeError::Length(tag))?;
        let kind = FigureKind(BigEndian::read_u16(bytes));
        Ok(Self { kind, value: BigEndian::read_u64(&bytes[2..]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_its_kind_and_a_value() {
        let figure = Figure { kind: FigureKind::LINES, value: 0x0102_0304_0506_0708 };
        let mut out = Vec::new();
        figure.put(&mut out);
        assert_eq!(out, [0, 7, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(Figure::take(Tag::FIGURE, &out), Ok(figure));
        assert_eq!(Figure::take(Tag::FIGURE, &out[1..]), Err(DecodeError::Length(Tag::FIGURE)));
    }
}
