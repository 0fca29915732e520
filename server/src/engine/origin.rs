//! Origins: the unit by which resources are shared out. An origin is a peer's address or, for IPv6,
//! its site's network.
//!
//! Connections are cheap and nicks are free; addresses less so. Still, one address may be a whole
//! school behind a router: resources counted by origin are shared out, never refused outright.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::disk::Uploader;

/// Bits of an IPv6 address that name a site's network, whose owner has all the addresses in it.
const SITE_BITS: u32 = 64;

/// A peer's address, or its IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Origin(IpAddr);

impl From<SocketAddr> for Origin {
    fn from(peer: SocketAddr) -> Self {
        Self::of(peer.ip())
    }
}

/// An IPv4 address as IPv6 has it.
impl From<Ipv6Addr> for Origin {
    fn from(address: Ipv6Addr) -> Self {
        Self::of(IpAddr::V6(address))
    }
}

impl Origin {
    fn of(address: IpAddr) -> Self {
        // A dual-stack socket reports IPv4 addresses as IPv4-mapped IPv6.
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let site = address.to_bits() >> SITE_BITS << SITE_BITS;
                IpAddr::V6(Ipv6Addr::from_bits(site))
            }
            address @ IpAddr::V4(_) => address,
        })
    }

    /// Returns it as an IPv6 address: the network's first, or an IPv4 address as IPv6 has it.
    pub(super) fn address(self) -> Ipv6Addr {
        match self.0 {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        }
    }

    /// Returns the name by which the disk knows it.
    pub(super) fn uploader(self) -> Uploader {
        let Self(address) = self;
        let octets = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(&octets).as_bytes();
        Uploader(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(address: &str) -> Origin {
        Origin::from(SocketAddr::new(address.parse().unwrap(), 4000))
    }

    #[test]
    fn an_ipv4_address_is_an_origin_however_it_is_written() {
        assert_eq!(origin("192.0.2.1"), origin("::ffff:192.0.2.1"));
        assert_ne!(origin("192.0.2.1"), origin("192.0.2.2"));
        assert_ne!(origin("127.0.0.1"), origin("127.0.0.2"));
    }

    #[test]
    fn an_uploader_is_an_origin() {
        assert_eq!(origin("2001:db8::1").uploader(), origin("2001:db8::2").uploader());
        assert_ne!(origin("192.0.2.1").uploader(), origin("192.0.2.2").uploader());
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_origin() {
        assert_eq!(origin("2001:db8:1:2::1"), origin("2001:db8:1:2:ffff::7"));
        assert_ne!(origin("2001:db8:1:2::1"), origin("2001:db8:1:3::1"));
        assert_ne!(origin("::1"), origin("127.0.0.1"));
    }
}
