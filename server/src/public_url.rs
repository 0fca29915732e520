//! The address by which others reach the server's page, where it is not one that the server knows
//! by itself: behind a reverse proxy, or under a name of the Internet.

use std::fmt;
use std::str::FromStr;

use chatshelf_common::text::LinkBase;

/// An origin: `https://HOST` or `http://HOST`, with a port unless it is the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: LinkBase,
    /// Where the host begins.
    host: usize,
}

impl PublicUrl {
    /// Returns true if a `Host` names this server.
    #[must_use]
    pub fn has(&self, host: &str) -> bool {
        self.origin.as_str()[self.host..].eq_ignore_ascii_case(host)
    }

    /// Returns scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &LinkBase {
        &self.origin
    }

    /// Returns true if an `Origin` is that of its pages.
    #[must_use]
    pub fn is_origin(&self, origin: &str) -> bool {
        self.origin.as_str().eq_ignore_ascii_case(origin)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.origin)
    }
}

impl FromStr for PublicUrl {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (scheme, host) = text.split_once("://").ok_or(())?;
        let host = host.strip_suffix('/').unwrap_or(host);
        let default_port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(()),
        };
        let host = host.strip_suffix(default_port).unwrap_or(host);
        let origin = LinkBase::new(&format!("{scheme}://{host}")).map_err(drop)?;
        Ok(Self { origin, host: scheme.len() + 3 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_an_origin() {
        for (text, shown, host) in [
            ("https://room.example.org", "https://room.example.org/", "Room.example.org"),
            ("https://room.example.org:443/", "https://room.example.org/", "room.example.org"),
            (
                "http://room.example.org:8080",
                "http://room.example.org:8080/",
                "room.example.org:8080",
            ),
            ("https://[2001:db8::1]:9000", "https://[2001:db8::1]:9000/", "[2001:db8::1]:9000"),
        ] {
            let url: PublicUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(url.has(host) && !url.has("example.org"), "{text}");
            assert!(url.is_origin(shown.strip_suffix('/').unwrap()), "{text}");
            assert!(!url.is_origin("https://example.org") && !url.is_origin("null"));
        }
        for text in [
            "",
            "room.example.org",
            "ftp://x",
            "https://",
            "https://a/b",
            "https://a b",
            "https://a\"b",
            "https://a@b",
            &format!("https://{}", "a".repeat(262)),
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(()), "{text}");
        }
    }
}
