//! What the operator sets. Only values: what each makes the engine do is written where it is read.

use std::net::SocketAddr;

use chatshelf_common::rate::Rate;
use chatshelf_common::text::LinkBase;
use chatshelf_common::wire::frame::{Allowance, AllowanceKind, Deadline, DeadlineKind};

use super::limits;
use crate::disk::Durability;
use crate::peer_scope::PeerScope;
use crate::web_mode::WebMode;

/// The operator's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The largest file accepted, in bytes.
    pub file_bytes_max: u64,
    /// The number of items the shelf keeps, at least one.
    pub keep: usize,
    /// The most history lines sent to a joining client.
    pub history_max: u32,
    /// The most members.
    pub members_max: usize,
    /// What members and addresses are allowed in a given time.
    pub allowances: Allowances,
    /// How long the server waits for peers.
    pub deadlines: Deadlines,
    /// When an event is safe enough to be sent.
    pub durability: Durability,
    /// True if joining takes the room's password.
    pub asks_password: bool,
    /// True if those who know the operators' password can become operators.
    pub has_operators: bool,
    /// What links to items begin with.
    pub links: Links,
}

impl Settings {
    /// Returns true if there is any password to verify.
    #[must_use]
    pub fn has_passwords(&self) -> bool {
        self.asks_password || self.has_operators
    }
}

/// What links to items begin with (PROTOCOL.md, "Links to items"), for whoever comes from there;
/// `None` is not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// From this machine.
    pub here: Option<LinkBase>,
    /// From a private network.
    pub private: Option<LinkBase>,
    /// From elsewhere.
    pub public: Option<LinkBase>,
}

impl Links {
    /// Nobody is told a base.
    pub const UNTOLD: Self = Self { here: None, private: None, public: None };

    /// Returns what a peer is told.
    pub(super) fn told_to(&self, peer: SocketAddr) -> Option<LinkBase> {
        let told = match () {
            () if PeerScope::Loopback.includes(peer) => &self.here,
            () if WebMode::is_private(peer.ip()) => &self.private,
            () => &self.public,
        };
        told.clone()
    }
}

/// What members and addresses are allowed in a time; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowances {
    /// The peers that they do not apply to.
    pub exempt: PeerScope,
    /// `Say`s and `Tell`s of a member.
    pub lines: Option<Rate>,
    /// `Rename`s and `SetTopic`s of a member.
    pub changes: Option<Rate>,
    /// File bytes that a member uploads.
    pub uploads: Option<Rate>,
    /// File bytes that all members of an address upload.
    pub address_uploads: Option<Rate>,
    /// Connections from an address.
    pub connections: Option<Rate>,
    /// Joins from an address that resume no membership.
    pub joins: Option<Rate>,
    /// Bytes of snapshots and history to an address.
    pub replies: Option<Rate>,
    /// Connections that may be open from one address.
    pub address_connections_max: usize,
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const HOUR_MS: u32 = 3_600_000;

impl Allowances {
    /// The allowances of a server whose operator sets none: generous enough for a class of 300
    /// behind one address.
    pub const DEFAULT: Self = Self {
        exempt: PeerScope::Loopback,
        lines: Rate::new(20, 5, 1_000),
        changes: Rate::new(10, 10, 60_000),
        uploads: Rate::new(20 * GIB, 20 * GIB, HOUR_MS),
        address_uploads: Rate::new(200 * GIB, 200 * GIB, HOUR_MS),
        connections: Rate::new(2_000, 50, 1_000),
        joins: Rate::new(1_000, 10, 1_000),
        replies: Rate::new(256 * MIB, 8 * MIB, 1_000),
        address_connections_max: 2_000,
    };

    /// No limits.
    pub const UNLIMITED: Self = Self { exempt: PeerScope::Any, ..Self::DEFAULT };

    /// Returns those that a peer is told.
    pub(super) fn told_to(&self, peer: SocketAddr) -> Vec<Allowance> {
        if self.exempt.includes(peer) {
            return Vec::new();
        }
        let told = [
            (AllowanceKind::LINES, self.lines),
            (AllowanceKind::CHANGES, self.changes),
            (AllowanceKind::UPLOADS, self.uploads),
            (AllowanceKind::ADDRESS_UPLOADS, self.address_uploads),
            (AllowanceKind::CONNECTIONS, self.connections),
            (AllowanceKind::JOINS, self.joins),
            (AllowanceKind::REPLIES, self.replies),
        ];
        let told =
            told.into_iter().filter_map(|(kind, rate)| Some(Allowance { kind, rate: rate? }));
        told.collect()
    }
}

/// How long the server waits for peers, in milliseconds (PROTOCOL.md, "Phases and deadlines").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// From accept to `Hello`; an encrypted connection's handshake is part of it.
    pub hello_ms: u64,
    /// From `Hello` to a `Join` that is accepted.
    pub join_ms: u64,
    /// Silence after which a member is asked for a sign of life.
    pub keepalive_ms: u64,
    /// From that question to giving up.
    pub pong_ms: u64,
    /// Output that the peer does not take.
    pub output_ms: u64,
    /// An upload that waits for its client.
    pub upload_ms: u64,
}

impl Deadlines {
    /// The longest that an operator can set.
    pub const MS_MAX: u64 = 3_600_000;

    /// Those of PROTOCOL.md.
    pub const DEFAULT: Self = Self {
        hello_ms: limits::HELLO_MS,
        join_ms: limits::JOIN_MS,
        keepalive_ms: limits::KEEPALIVE_MS,
        pong_ms: limits::PONG_MS,
        output_ms: limits::WRITE_STALL_MS,
        upload_ms: limits::UPLOAD_STALL_MS,
    };

    /// Returns those that differ from PROTOCOL.md: clients know the others.
    pub(super) fn told(&self) -> Vec<Deadline> {
        let all = |it: &Self| {
            [
                (DeadlineKind::HELLO, it.hello_ms),
                (DeadlineKind::JOIN, it.join_ms),
                (DeadlineKind::KEEPALIVE, it.keepalive_ms),
                (DeadlineKind::PONG, it.pong_ms),
                (DeadlineKind::OUTPUT, it.output_ms),
                (DeadlineKind::UPLOAD, it.upload_ms),
            ]
        };
        let changed =
            all(self).into_iter().zip(all(&Self::DEFAULT)).filter(|(set, page)| set != page);
        changed.map(|((kind, ms), _)| Deadline { kind, ms: ms as u32 }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 4000)
    }

    #[test]
    fn a_peer_is_told_what_holds_for_it() {
        let away = peer("192.0.2.1");
        assert_eq!(Allowances::DEFAULT.told_to(away).len(), 7);
        assert_eq!(Allowances::DEFAULT.told_to(peer("127.0.0.1")), []);
        let some = Allowances { lines: None, ..Allowances::DEFAULT };
        assert!(some.told_to(away).iter().all(|told| told.kind != AllowanceKind::LINES));
        assert_eq!(Deadlines::DEFAULT.told(), []);
        let short = Deadlines { pong_ms: 1, ..Deadlines::DEFAULT };
        assert_eq!(short.told(), [Deadline { kind: DeadlineKind::PONG, ms: 1 }]);
    }
}
