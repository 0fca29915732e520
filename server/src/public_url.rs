//! The address by which others reach the server's page, where it is not one that the server knows
//! by itself: behind a reverse proxy, or under a name of the Internet.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::str::FromStr;

use chatshelf_common::text::LinkBase;

use crate::authority::{in_brackets, split_port};

/// Bytes of a name, and of each of its labels (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// An origin: `https://HOST` or `http://HOST`, with a port unless it is the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: LinkBase,
    /// Where the host begins.
    host: usize,
}

impl PublicUrl {
    /// Returns true if a `Host` names this server: with the scheme's own port or without it, and
    /// with a dot behind the name or without it.
    #[must_use]
    pub fn has(&self, host: &str) -> bool {
        let (scheme, own) = self.origin.as_str().split_at(self.host);
        let default_port = default_port(scheme.trim_end_matches("://"));
        let split = |text| {
            let (name, port) = split_port(text);
            (name, port.filter(|port| !port.is_empty() && Some(*port) != default_port))
        };
        let ((own_name, own_port), (name, port)) = (split(own), split(host));
        let name = name.strip_suffix('.').unwrap_or(name);
        own_name.eq_ignore_ascii_case(name) && own_port == port
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
        let default_port = default_port(scheme).ok_or(())?;
        if !is_authority(host) {
            return Err(());
        }
        let (name, port) = split_port(host);
        let host = if port == Some(default_port) { name } else { host };
        let origin = LinkBase::new(&format!("{scheme}://{host}")).map_err(drop)?;
        Ok(Self { origin, host: scheme.len() + 3 })
    }
}

/// The port that an address of this scheme leads to if it names none.
fn default_port(scheme: &str) -> Option<&'static str> {
    match scheme {
        "https" => Some("443"),
        "http" => Some("80"),
        _ => None,
    }
}

/// True for a name or an address, with a port or without.
fn is_authority(text: &str) -> bool {
    let (host, port) = split_port(text);
    let is_port = |text: &str| text.parse().is_ok_and(|it: NonZeroU16| it.to_string() == text);
    let is_host =
        in_brackets(host).map_or_else(|| is_name(host), |it| it.parse::<Ipv6Addr>().is_ok());
    is_host && port.is_none_or(is_port)
}

/// True for a name of the domain name system, or an address of IPv4.
fn is_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    // Browsers take what ends in a number for an address.
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= NAME_BYTES_MAX
        && text.split('.').all(is_label)
        && (!is_number || text.parse::<Ipv4Addr>().is_ok())
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
            ("https://192.0.2.1:65535", "https://192.0.2.1:65535/", "192.0.2.1:65535"),
            ("http://my-box-1/", "http://my-box-1/", "my-box-1"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]/", "[2001:db8::1]"),
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
            "https://a:99999",
            "https://a:65536",
            "https://a:0",
            "https://a:",
            "https://a:080",
            "https://a:+80",
            "https://a:b",
            "https://a:1:2",
            "https://a:443:443",
            "https://:9000",
            "https://..",
            "https://a..b",
            "https://.a",
            "https://a.",
            "https://-",
            "https://-a",
            "https://a-.b",
            "https://a%20b",
            "https://192.0.2.256",
            "https://192.0.2",
            "https://2001:db8::1",
            "https://[2001:db8::1",
            "https://[2001:db8::1]9000",
            "https://[a]",
            "https://[192.0.2.1]",
            &format!("https://{}.org", "a".repeat(64)),
            &format!("https://{}a", "a.".repeat(127)),
            &format!("https://{}", "a".repeat(262)),
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(()), "{text}");
        }
    }

    #[test]
    fn a_host_is_the_same_with_its_schemes_port_or_a_dot() {
        for (text, own, others) in [
            (
                "https://a.org",
                "a.org a.org: a.org. A.org:443 a.org.:443",
                "a.org:80 a.org:8443 a.org..",
            ),
            ("http://a.org", "a.org a.org:80 a.org.:", "a.org:443 a.org:8080"),
            ("https://a.org:80", "a.org:80 a.org.:80", "a.org a.org:443 a.org:"),
            ("https://[::1]", "[::1] [::1]:443", "[::1]:80 [::2]:443 ::1"),
        ] {
            let url: PublicUrl = text.parse().unwrap();
            assert!(own.split(' ').all(|host| url.has(host)), "{text}");
            assert!(!others.split(' ').any(|host| url.has(host)), "{text}");
        }
    }
}
