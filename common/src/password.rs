//! A password on its way to the server: never shown, and compared by nobody but the server.

use std::fmt;

use crate::limits::PASSWORD_BYTES_MAX;

/// The mark that some editors put at the beginning of a text.
const UTF_8: &[u8] = b"\xef\xbb\xbf";
const UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// The first line of a file, without the end of it and without the mark that some editors put
/// before it.
#[must_use]
pub fn first_line(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_prefix(UTF_8).unwrap_or(bytes);
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A password, as its user typed it.
///
/// ```
/// use chatshelf_common::password::Password;
///
/// let password = Password::new(b"open sesame").unwrap();
/// assert_eq!(format!("{password:?}"), "Password(…)");
/// assert!(Password::new(b"").is_none());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Box<[u8]>);

impl Password {
    /// These bytes; none if there are none, or more than [`PASSWORD_BYTES_MAX`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (1..=PASSWORD_BYTES_MAX).contains(&bytes.len()).then(|| Self(bytes.into()))
    }

    /// The password of a file or of a line: its first line, without the end of it.
    ///
    /// # Errors
    /// Why it is none.
    pub fn of_file(bytes: &[u8]) -> Result<Self, &'static str> {
        if UTF_16.iter().any(|mark| bytes.starts_with(mark)) {
            return Err("it is UTF-16 text; save it as UTF-8");
        }
        Self::new(first_line(bytes)).ok_or("its first line must have 1 to 128 bytes")
    }

    /// Its bytes, for whoever sends or verifies it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    /// It is a secret: logs do not show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_of_its_file() {
        let of = |bytes: &[u8]| Password::of_file(bytes).map(|it| it.as_bytes().to_vec());
        assert_eq!(of(b"open sesame\n").as_deref(), Ok(&b"open sesame"[..]));
        assert_eq!(of(b" two\r\nthree").as_deref(), Ok(&b" two"[..]), "blanks belong to it");
        assert_eq!(of("\u{feff}marked\n".as_bytes()).as_deref(), Ok(&b"marked"[..]));
        for none in ["", "\nabc", "\r\n", "\u{feff}", "\u{feff}\n"] {
            assert_eq!(of(none.as_bytes()), Err("its first line must have 1 to 128 bytes"));
        }
        for wide in [b"\xff\xfea\0b\0", b"\xfe\xff\0a\0b"] {
            assert_eq!(of(wide), Err("it is UTF-16 text; save it as UTF-8"));
        }
        assert!(Password::new(&[b'x'; PASSWORD_BYTES_MAX]).is_some());
        assert!(Password::new(&[b'x'; PASSWORD_BYTES_MAX + 1]).is_none());
    }
}
