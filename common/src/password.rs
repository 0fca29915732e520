//! A password on its way to the server: never shown, and compared by nobody but the server.

use std::fmt;

use crate::limits::PASSWORD_BYTES_MAX;

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
    #[must_use]
    pub fn of_file(bytes: &[u8]) -> Option<Self> {
        let line = bytes.split(|byte| *byte == b'\n').next()?;
        Self::new(line.strip_suffix(b"\r").unwrap_or(line))
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
        let of = |text: &str| Password::of_file(text.as_bytes()).map(|it| it.as_bytes().to_vec());
        assert_eq!(of("open sesame\n").as_deref(), Some(&b"open sesame"[..]));
        assert_eq!(of(" two\r\nthree").as_deref(), Some(&b" two"[..]), "blanks belong to it");
        assert_eq!((of(""), of("\nabc")), (None, None));
        assert!(Password::new(&[b'x'; PASSWORD_BYTES_MAX]).is_some());
        assert!(Password::new(&[b'x'; PASSWORD_BYTES_MAX + 1]).is_none());
    }
}
