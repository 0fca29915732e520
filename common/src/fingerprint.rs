//! The fingerprint of a server's key: what a client remembers of a server, and what a link brings
//! along. Computes and reads it; never sees a key that has to stay secret.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64_NOPAD;

/// What a fingerprint begins with, in any case: the digest's name.
pub const PREFIX: &str = "SHA256:";
/// Digits of a short one.
const SHORT_DIGITS: usize = 12;
/// Bytes of the digest.
const DIGEST_BYTES: usize = 32;

/// The SHA-256 of a public key with its algorithm: a DER-encoded `SubjectPublicKeyInfo` (RFC 5280),
/// as it is in a certificate. Written as ssh does: `SHA256:` and 43 characters of base64.
///
/// ```
/// use chatshelf_common::fingerprint::Fingerprint;
///
/// let written = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
/// let fingerprint: Fingerprint = written.parse()?;
/// assert_eq!(fingerprint, Fingerprint::of(b""));
/// assert_eq!(fingerprint.to_string(), written);
/// # Ok::<(), chatshelf_common::fingerprint::FingerprintError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; DIGEST_BYTES]);

impl Fingerprint {
    /// Returns the fingerprint of a DER-encoded `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn of(public_key_info: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, public_key_info);
        let mut bytes = [0; DIGEST_BYTES];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

impl Fingerprint {
    /// Returns its beginning, for people to compare at a glance. Not enough to trust a key by.
    #[must_use]
    pub fn short(&self) -> String {
        let whole = self.to_string();
        whole[..PREFIX.len() + SHORT_DIGITS].to_owned()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", BASE64_NOPAD.encode_display(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no fingerprint; its `Display` is half a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FingerprintError;

impl fmt::Display for FingerprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fingerprint is SHA256: and 43 characters of base64")
    }
}

impl std::error::Error for FingerprintError {}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Accepts the one `=` with which base64 may end.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits = strip_prefix(text).ok_or(FingerprintError)?;
        let digits = digits.strip_suffix('=').unwrap_or(digits);
        let bytes = BASE64_NOPAD.decode(digits.as_bytes()).map_err(|_| FingerprintError)?;
        bytes.try_into().map(Self).map_err(|_| FingerprintError)
    }
}

/// Returns what follows `SHA256:`, if the text begins with it.
pub(crate) fn strip_prefix(text: &str) -> Option<&str> {
    let (prefix, digits) = text.split_at_checked(PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_openssl_computes() {
        // openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
        let info = b"abc";
        let fingerprint = Fingerprint::of(info);
        let written = "SHA256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0";
        assert_eq!(fingerprint.to_string(), written);
        for same in [written, &written.replace("SHA", "sha"), &format!("{written}=")] {
            assert_eq!(same.parse(), Ok(fingerprint), "{same}");
        }
    }

    #[test]
    fn nothing_else_is_a_fingerprint() {
        let digits = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0";
        for text in [
            "",
            "SHA256",
            "SHA256:",
            digits,
            &format!("MD5:{digits}"),
            &format!("SHA256:{}", &digits[1..]),
            &format!("SHA256:{digits}A"),
            &format!("SHA256:{digits}=="),
            &format!(" SHA256:{digits}"),
            &format!("SHA256:{digits}\n"),
            // Bits that no byte holds.
            &format!("SHA256:{}1", &digits[..42]),
            &format!("SHA256:{}é", &digits[..41]),
            "SHA25é:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0",
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(FingerprintError), "{text}");
        }
    }
}
