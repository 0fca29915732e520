//! A link to a room that says which key its server has: `chatshelf://HOST:PORT#SHA256:…`. Whoever
//! follows it knows the server at the first contact. Understands text; looks nothing up.

use std::fmt;
use std::str::FromStr;

use crate::address::{AddressError, ServerAddress, split_fragment};
use crate::fingerprint::{self, Fingerprint};

/// A server's address and, if whoever wrote it knew it, its fingerprint. Read from every form that
/// [`ServerAddress`] has; shown as a link.
///
/// ```
/// use chatshelf_common::join_link::JoinLink;
///
/// let written = "chatshelf://lab.local:9000#SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
/// let link: JoinLink = written.parse()?;
/// assert_eq!(link.address.host(), "lab.local");
/// assert!(link.fingerprint.is_some());
/// assert_eq!(link.to_string(), written);
/// # Ok::<(), chatshelf_common::address::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinLink {
    /// Where the server is.
    pub address: ServerAddress,
    /// The fingerprint of its key.
    pub fingerprint: Option<Fingerprint>,
}

impl JoinLink {
    /// Creates the link to a server at this host (a name, or an address without brackets).
    #[must_use]
    pub fn new(host: &str, port: u16, fingerprint: Fingerprint) -> Self {
        Self { address: ServerAddress::new(host, Some(port)), fingerprint: Some(fingerprint) }
    }
}

impl fmt::Display for JoinLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The percent sign before a zone is escaped in a link (RFC 6874).
        write!(f, "chatshelf://{}", self.address.to_string().replacen('%', "%25", 1))?;
        self.fingerprint.map_or(Ok(()), |fingerprint| write!(f, "#{fingerprint}"))
    }
}

impl FromStr for JoinLink {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (place, fragment) = split_fragment(text);
        let fingerprint = match fragment {
            Some(fragment) if fingerprint::strip_prefix(fragment).is_some() => {
                Some(fragment.parse().map_err(|_| AddressError::Fingerprint)?)
            }
            Some(_) => return Ok(Self { address: text.parse()?, fingerprint: None }),
            None => None,
        };
        Ok(Self { address: place.parse()?, fingerprint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

    #[test]
    fn a_link_brings_the_address_and_the_fingerprint() {
        for (place, shown) in [
            ("chatshelf://lab:9100", "chatshelf://lab:9100"),
            ("CHATSHELF://Lab/", "chatshelf://lab:9000"),
            ("chatshelf://[::1]:7", "chatshelf://[::1]:7"),
            ("chatshelf://[fe80::1%25eth0]:7", "chatshelf://[fe80::1%25eth0]:7"),
            ("lab:9100", "chatshelf://lab:9100"),
            ("::1", "chatshelf://[::1]:9000"),
        ] {
            let plain: JoinLink = place.parse().unwrap();
            assert_eq!((plain.to_string(), plain.fingerprint), (shown.to_owned(), None));
            let pinned: JoinLink = format!("{place}#{PIN}").parse().unwrap();
            assert_eq!(pinned.to_string(), format!("{shown}#{PIN}"), "{place}");
            assert_eq!(pinned.address, plain.address);
            assert_eq!(pinned.to_string().parse(), Ok(pinned));
        }
        assert_eq!("chatshelf://lab#".parse::<JoinLink>().unwrap().fingerprint, None);
    }

    #[test]
    fn a_bad_fingerprint_is_never_taken_for_none() {
        for (text, why) in [
            ("chatshelf://lab#SHA256:47DEQpj8HBSa", AddressError::Fingerprint),
            ("chatshelf://lab#sha256:", AddressError::Fingerprint),
            ("lab#SHA256:x", AddressError::Fingerprint),
            ("chatshelf://lab#SHA1:47DEQpj8HBSa", AddressError::Trailing),
            ("chatshelf://lab#room", AddressError::Trailing),
            ("lab#room", AddressError::Host),
        ] {
            assert_eq!(text.parse::<JoinLink>(), Err(why), "{text}");
        }
        let nowhere = format!("http://lab#{PIN}");
        assert_eq!(nowhere.parse::<JoinLink>(), Err(AddressError::Scheme));
        assert_eq!(format!("chatshelf://#{PIN}").parse::<JoinLink>(), Err(AddressError::Host));
    }
}
