//! Which peers a setting concerns: none, those on this machine, or all.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Peers, by where they connect from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerScope {
    /// None.
    None,
    /// Those on this machine.
    Loopback,
    /// All.
    Any,
}

impl PeerScope {
    /// The words that [`Self::from_str`] accepts.
    pub const WORDS: &[&str] = &["none", "loopback", "any"];

    /// Returns true if the peer is one of them.
    #[inline] // Asked for each line.
    #[must_use]
    pub fn includes(self, peer: SocketAddr) -> bool {
        match (self, peer.ip()) {
            (Self::None, _) => false,
            (Self::Any, _) => true,
            (Self::Loopback, IpAddr::V4(address)) => address.is_loopback(),
            // A dual-stack socket reports IPv4 addresses as IPv4-mapped IPv6.
            (Self::Loopback, IpAddr::V6(address)) => address.to_canonical().is_loopback(),
        }
    }
}

impl FromStr for PeerScope {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "none" => Ok(Self::None),
            "loopback" => Ok(Self::Loopback),
            "any" => Ok(Self::Any),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_told_apart_by_where_they_come_from() {
        let machines = ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"];
        let others = ["192.0.2.7:1", "[2001:db8::1]:1", "[::ffff:192.0.2.1]:1", "0.0.0.0:1"];
        for (peers, of_this_machine) in [(machines, true), (others, false)] {
            for peer in peers.map(|peer| peer.parse().unwrap()) {
                assert_eq!(PeerScope::Loopback.includes(peer), of_this_machine, "{peer}");
                assert!(!PeerScope::None.includes(peer) && PeerScope::Any.includes(peer));
            }
        }
    }

    #[test]
    fn the_words_are_those_that_are_accepted() {
        let all = [PeerScope::None, PeerScope::Loopback, PeerScope::Any];
        assert!(PeerScope::WORDS.iter().map(|word| word.parse()).eq(all.map(Ok)));
        assert_eq!("Any".parse::<PeerScope>(), Err(()));
    }
}
