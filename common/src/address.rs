//! Where a server is, as people write it: `HOST`, `HOST:PORT`, `[::1]:9000`, or a link,
//! `chatshelf://HOST:PORT`. Understands text; looks nothing up.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::fingerprint;
use crate::limits::PORT_DEFAULT;

/// What a link begins with, in any case.
const SCHEME: &str = "chatshelf";
/// Longest host, in bytes: a domain name has at most 253 (RFC 1035), an IPv6 address with its zone
/// fewer.
pub const HOST_BYTES_MAX: usize = 255;

/// Characters that no host has: some that nobody sees, such as those that editors and pages leave
/// behind, and the one for what could not be decoded.
const UNSEEN_OR_LOST: [char; 7] =
    ['\u{ad}', '\u{200b}', '\u{200e}', '\u{200f}', '\u{2060}', '\u{feff}', '\u{fffd}'];

/// A server's host and port. However it was written, the same server is the same value and is shown
/// in the same way: `HOST:PORT`, with brackets around an IPv6 address.
///
/// ```
/// use chatshelf_common::address::ServerAddress;
///
/// for written in ["lab.local:9100", "chatshelf://Lab.Local:9100/"] {
///     let address: ServerAddress = written.parse()?;
///     assert_eq!((address.host(), address.port()), ("lab.local", 9100));
///     assert_eq!(address.to_string(), "lab.local:9100");
/// }
/// let reason = "http://lab.local".parse::<ServerAddress>().unwrap_err().to_string();
/// assert_eq!(reason, "a link to a server begins with chatshelf://");
/// # Ok::<(), chatshelf_common::address::AddressError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerAddress {
    /// A name in lower case, an IPv4 address, or an IPv6 address without brackets in its usual form
    /// (RFC 5952), which for an IPv4-mapped one is the IPv4 address. Empty for an empty text: there
    /// is no such host, as looking it up will show.
    host: String,
    port: Option<u16>,
}

impl ServerAddress {
    /// This machine, at the default port.
    #[must_use]
    pub fn loopback() -> Self {
        Self::new("127.0.0.1", None)
    }

    /// The name or address of the machine, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(PORT_DEFAULT)
    }

    /// The port, if one was named.
    #[must_use]
    pub fn named_port(&self) -> Option<u16> {
        self.port
    }

    /// The same host, at this port.
    pub fn set_port(&mut self, port: u16) {
        self.port = Some(port);
    }

    pub(crate) fn new(host: &str, port: Option<u16>) -> Self {
        let (address, zone) = match host.split_once('%') {
            Some((address, zone)) => (address, Some(zone)),
            None => (host, None),
        };
        // An interface's name stays as it is; IPv4 has none.
        let host = match (address.parse::<Ipv6Addr>(), zone) {
            (Ok(address), Some(zone)) => format!("{address}%{zone}"),
            (Ok(address), None) => address.to_canonical().to_string(),
            (Err(_), _) => host.to_lowercase(),
        };
        Self { host, port }
    }
}

impl PartialEq for ServerAddress {
    fn eq(&self, other: &Self) -> bool {
        (&self.host, self.port()) == (&other.host, other.port())
    }
}

impl Eq for ServerAddress {}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (&self.host, self.port());
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Why a text names no server; its `Display` is half a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// A link of another kind, such as `http://`.
    Scheme,
    /// Something follows host and port.
    Trailing,
    /// A key's fingerprint that is malformed, or where a plain address is wanted.
    Fingerprint,
    /// The host is missing or too long, or has characters that no host has.
    Host,
    /// What is in brackets or has several colons is not an IPv6 address.
    Ipv6,
    /// The port is not a number, or out of range.
    Port,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "a link to a server begins with chatshelf://",
            Self::Trailing => "must end after host and port",
            Self::Fingerprint => {
                "a fingerprint is SHA256: and 43 characters of base64, and only a link has one"
            }
            Self::Host => "must be a host, HOST:PORT or chatshelf://HOST:PORT",
            Self::Ipv6 => "an IPv6 address is written ::1 or, with a port, [::1]:9000",
            Self::Port => "the port must be a number from 1 to 65535",
        })
    }
}

impl std::error::Error for AddressError {}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.split_once("://") {
            None => host_and_port(text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => link(rest),
            Some(_) => Err(AddressError::Scheme),
        }
    }
}

/// Cuts a text into what is before the first `#` and what is behind it.
pub(crate) fn split_fragment(text: &str) -> (&str, Option<&str>) {
    text.split_once('#').map_or((text, None), |(place, fragment)| (place, Some(fragment)))
}

/// What follows `chatshelf://`.
fn link(rest: &str) -> Result<ServerAddress, AddressError> {
    let (place, fragment) = split_fragment(rest);
    if fragment.and_then(fingerprint::strip_prefix).is_some() {
        return Err(AddressError::Fingerprint);
    }
    if fragment.is_some_and(|fragment| !fragment.is_empty()) {
        return Err(AddressError::Trailing);
    }
    let place = place.strip_suffix('/').unwrap_or(place);
    if place.is_empty() {
        return Err(AddressError::Host);
    }
    if place.contains(['/', '?']) {
        return Err(AddressError::Trailing);
    }
    // The percent sign before a zone is escaped in a link (RFC 6874).
    host_and_port(&place.replacen("%25", "%", 1))
}

fn host_and_port(text: &str) -> Result<ServerAddress, AddressError> {
    if text.to_ascii_lowercase().contains("#sha256:") {
        return Err(AddressError::Fingerprint);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(AddressError::Ipv6)?;
        check_ipv6(host)?;
        let port = match port.strip_prefix(':') {
            Some(port) => Some(port_number(port)?),
            None if port.is_empty() => None,
            None => return Err(AddressError::Trailing),
        };
        return Ok(ServerAddress::new(host, port));
    }
    let (host, port) = match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => {
            check_ipv6(text)?;
            (text, None)
        }
        Some(("", _)) => return Err(AddressError::Host),
        Some((host, port)) => (host, Some(port_number(port)?)),
        None => (text, None),
    };
    let is_strange = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || "/\\?#@[]\"'<>".contains(c)
            || UNSEEN_OR_LOST.contains(&c)
    };
    let address = ServerAddress::new(host, port);
    // Lower case can be longer.
    if address.host.len() > HOST_BYTES_MAX || host.contains(is_strange) {
        return Err(AddressError::Host);
    }
    Ok(address)
}

/// An address, perhaps with the zone in which it holds: `fe80::1%eth0`.
fn check_ipv6(text: &str) -> Result<(), AddressError> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    let is_zone = |zone: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        !zone.is_empty() && zone.len() <= HOST_BYTES_MAX - 45 && zone.chars().all(is_plain)
    };
    if address.parse::<Ipv6Addr>().is_ok() && zone.is_none_or(is_zone) {
        Ok(())
    } else {
        Err(AddressError::Ipv6)
    }
}

fn port_number(text: &str) -> Result<u16, AddressError> {
    // A number's own parser would take a plus sign.
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| is_number && *port > 0);
    port.ok_or(AddressError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_it_is_the_same_server() {
        for (text, host, port) in [
            ("lab", "lab", None),
            ("Lab.Local", "lab.local", None),
            ("lab:9100", "lab", Some(9100)),
            ("192.0.2.7", "192.0.2.7", None),
            ("192.0.2.7:1", "192.0.2.7", Some(1)),
            ("::1", "::1", None),
            ("[::1]", "::1", None),
            ("[::1]:65535", "::1", Some(65535)),
            ("2001:DB8::1", "2001:db8::1", None),
            ("2001:db8:0:0::0:1", "2001:db8::1", None),
            ("[2001:0DB8::0001]:9100", "2001:db8::1", Some(9100)),
            ("::ffff:192.0.2.7", "192.0.2.7", None),
            ("[::FFFF:c000:207]:9100", "192.0.2.7", Some(9100)),
            ("FE80:0::1%Eth0", "fe80::1%Eth0", None),
            ("fe80::1%eth0", "fe80::1%eth0", None),
            ("[fe80::1%eth0]:9100", "fe80::1%eth0", Some(9100)),
            ("chatshelf://lab", "lab", None),
            ("chatshelf://lab/", "lab", None),
            ("chatshelf://lab:9100", "lab", Some(9100)),
            ("CHATSHELF://lab:9100/", "lab", Some(9100)),
            ("chatshelf://lab:9100#", "lab", Some(9100)),
            ("chatshelf://[::1]:9100", "::1", Some(9100)),
            ("chatshelf://[fe80::1%25eth0]:9100", "fe80::1%eth0", Some(9100)),
            ("bücher.example:9100", "bücher.example", Some(9100)),
            ("", "", None),
        ] {
            let address: ServerAddress = text.parse().unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!((address.host(), address.named_port()), (host, port), "{text}");
            assert_eq!(address.port(), port.unwrap_or(PORT_DEFAULT));
            if !host.is_empty() {
                assert_eq!(address.to_string().parse(), Ok(address), "{text}");
            }
        }
    }

    #[test]
    fn it_is_shown_with_its_port_and_brackets_where_they_are_needed() {
        for (text, shown) in
            [("lab", "lab:9000"), ("::1", "[::1]:9000"), ("chatshelf://[::1]:7/", "[::1]:7")]
        {
            assert_eq!(text.parse::<ServerAddress>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_port_from_elsewhere_takes_the_place_of_the_default() {
        let mut address: ServerAddress = "lab".parse().unwrap();
        assert_eq!(address, "lab:9000".parse().unwrap());
        address.set_port(9100);
        assert_eq!(address, "lab:9100".parse().unwrap());
        assert_ne!(address, "lab".parse().unwrap());
        assert_ne!(address, "hut:9100".parse().unwrap());
    }

    #[test]
    fn a_zone_is_as_long_as_the_longest_address_leaves_room_for() {
        let address = |zone: usize| format!("fe80::1%{}", "x".repeat(zone)).parse();
        assert!(address(HOST_BYTES_MAX - 45).is_ok_and(|it: ServerAddress| it.port.is_none()));
        assert_eq!(address(HOST_BYTES_MAX - 44), Err(AddressError::Ipv6));
    }

    #[test]
    fn what_names_no_server_is_refused_with_the_reason() {
        for (text, why) in [
            ("http://lab", AddressError::Scheme),
            ("tcp://10.0.0.1:9000", AddressError::Scheme),
            ("://lab", AddressError::Scheme),
            ("chatshelf://", AddressError::Host),
            ("chatshelf:///", AddressError::Host),
            ("chatshelf://:9000", AddressError::Host),
            ("chatshelf://lab//", AddressError::Trailing),
            ("chatshelf://lab/room", AddressError::Trailing),
            ("chatshelf://lab:9000/room", AddressError::Trailing),
            ("chatshelf://lab?x", AddressError::Trailing),
            ("chatshelf://ada@lab", AddressError::Host),
            ("chatshelf://lab#room", AddressError::Trailing),
            ("chatshelf://lab:9000#SHA256:47DEQpj8HBSa", AddressError::Fingerprint),
            ("lab:9000#sha256:47DEQpj8HBSa", AddressError::Fingerprint),
            (":9000", AddressError::Host),
            ("lab:", AddressError::Port),
            ("lab:0", AddressError::Port),
            ("lab:65536", AddressError::Port),
            ("lab:+1", AddressError::Port),
            ("lab:http", AddressError::Port),
            ("lab: 9000", AddressError::Port),
            ("la b", AddressError::Host),
            ("lab\n", AddressError::Host),
            ("lab/", AddressError::Host),
            ("\u{feff}lab", AddressError::Host),
            ("l\u{200b}ab", AddressError::Host),
            ("la\u{fffd}b", AddressError::Host),
            ("a:b:c", AddressError::Ipv6),
            ("lab:9000:9000", AddressError::Ipv6),
            ("[lab]:9000", AddressError::Ipv6),
            ("[]:9000", AddressError::Ipv6),
            ("[::1", AddressError::Ipv6),
            ("[::1]9000", AddressError::Trailing),
            ("[::1]:", AddressError::Port),
            ("[192.0.2.7]:9000", AddressError::Ipv6),
            ("fe80::1%", AddressError::Ipv6),
            ("fe80::1%a b", AddressError::Ipv6),
            ("::1]:9000", AddressError::Ipv6),
        ] {
            assert_eq!(text.parse::<ServerAddress>(), Err(why), "{text}");
        }
        let long = "x".repeat(HOST_BYTES_MAX);
        assert!(long.parse::<ServerAddress>().is_ok());
        assert_eq!(format!("{long}x").parse::<ServerAddress>(), Err(AddressError::Host));
        // Two bytes, of which lower case makes three.
        let longer = "Ⱥ".repeat(HOST_BYTES_MAX / 2);
        assert_eq!(longer.parse::<ServerAddress>(), Err(AddressError::Host));
    }
}
