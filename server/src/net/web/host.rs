//! The names by which a browser may address this server. A page from elsewhere whose name suddenly
//! leads here (DNS rebinding) must not act for its visitor, so names that are not the server's own
//! are refused.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::authority::{in_brackets, split_port};

/// Returns true for an address, for `localhost`, for a name that only this network knows
/// (`.local`), and for the machine's own name.
#[must_use]
pub(super) fn is_own(host: &str, machine: &str) -> bool {
    let (host, port) = split_port(host);
    if !port.is_none_or(is_port) {
        return false;
    }
    let address = in_brackets(host);
    let name = address.unwrap_or(host);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    if address.is_some() {
        return name.parse::<Ipv6Addr>().is_ok();
    }
    let machine = machine.to_ascii_lowercase();
    let short = machine.split('.').next().unwrap_or_default();
    name.parse::<Ipv4Addr>().is_ok()
        || name == "localhost"
        || (name.ends_with(".local") && is_plain(&name))
        || (!name.is_empty() && (name == machine || name == short))
}

/// True for a port, which may be empty (RFC 3986, section 3.2.3).
fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit())
        && (port.is_empty() || port.parse::<u16>().is_ok())
}

/// True for letters, digits, hyphens and dots: a name may come back in a page.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_of_this_network_are_its_own() {
        for host in [
            "192.0.2.1",
            "192.0.2.1:9000",
            "[2001:db8::1]:9000",
            "[::1]",
            "localhost:9000",
            "LocalHost",
            "localhost:",
            "[::1]:",
            "room.local",
            "Room.local.:9000",
            "box",
            "BOX.example.org:1",
        ] {
            assert!(is_own(host, "box.example.org"), "{host}");
        }
    }

    #[test]
    fn other_names_are_not() {
        for host in [
            "",
            ":9000",
            "example.org",
            "evil.example:9000",
            "localhost.example",
            "local",
            "x\"><script>.local",
            "box.evil",
            "192.0.2.1.example",
            "192.0.2.1:port",
            "192.0.2.1:70000",
            "localhost:+80",
            "localhost:-1",
            "[::1",
            "[::1]9000",
            "[box]",
            "::1",
            "user@localhost",
        ] {
            assert!(!is_own(host, "box.example.org"), "{host}");
        }
        assert!(!is_own("", ""));
    }
}
