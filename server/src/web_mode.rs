//! Over what browsers are served on the room's port: HTTPS, HTTP too, or nothing.

use std::net::IpAddr;
use std::str::FromStr;

/// How browsers are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebMode {
    /// Over TLS, and without it on this machine.
    Https,
    /// Without TLS on a private network, too.
    Http,
    /// Not at all.
    Off,
}

impl WebMode {
    /// The words that [`Self::from_str`] accepts.
    pub const WORDS: &[&str] = &["https", "http", "off"];

    /// Returns true for an address that only a private network has (RFC 1918, RFC 4193), a link, or
    /// this machine.
    #[must_use]
    pub fn is_private(address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(it) => it.is_private() || it.is_link_local() || it.is_loopback(),
            IpAddr::V6(it) => {
                it.is_unique_local() || it.is_unicast_link_local() || it.is_loopback()
            }
        }
    }
}

impl FromStr for WebMode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "https" => Ok(Self::Https),
            "http" => Ok(Self::Http),
            "off" => Ok(Self::Off),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_that_are_accepted() {
        let all = [WebMode::Https, WebMode::Http, WebMode::Off];
        assert!(WebMode::WORDS.iter().map(|word| word.parse()).eq(all.map(Ok)));
        assert_eq!("HTTP".parse::<WebMode>(), Err(()));
    }

    #[test]
    fn private_addresses_are_told_from_others() {
        for (address, is_private) in [
            ("192.168.1.7", true),
            ("10.0.0.1", true),
            ("172.31.0.1", true),
            ("172.32.0.1", false),
            ("169.254.3.4", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::ffff:192.168.1.7", true),
            ("::ffff:192.0.2.1", false),
            ("192.0.2.1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(WebMode::is_private(address.parse().unwrap()), is_private, "{address}");
        }
    }
}
