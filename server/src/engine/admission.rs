//! Admission: who may come in, who comes back, under which nick, and who gives way.
//!
//! Owns what the engine knows of members that is not the room's: which connections have not joined
//! and which are leaving (`door`), on which connection each session goes on (`sessions`, `resume`),
//! whose connection is lost but whose membership still stands (`absence`), which nicks somebody is
//! waiting for (`contest`), and who is to be welcomed (`joining`). These children share its fields;
//! nobody else sees them.

mod absence;
mod contest;
mod door;
mod joining;
mod resume;
mod sessions;

use std::net::SocketAddr;

use chatshelf_common::id::Seq;

use crate::token::Token;
use absence::Absentees;
use contest::Wanted;
use door::Door;
use joining::Joiner;
use sessions::Sessions;

pub(in crate::engine) use contest::Claim;
pub use resume::Secret;
pub(in crate::engine) use resume::Session;

/// Who waits to come in, and on what terms they do.
#[derive(Debug)]
pub(super) struct Admission {
    door: Door,
    sessions: Sessions,
    absentees: Absentees,
    /// Nicks that are waited for, in the order in which they were asked for.
    wanted: Vec<Wanted>,
    /// Joined in this turn; welcomed, all with one snapshot, at its end.
    joiners: Vec<Joiner>,
    /// The newest event when the server started: later ones that it had before are lost.
    started_at: Seq,
}

impl Admission {
    /// Nobody has come yet; `started_at` is the newest event that the start has found.
    pub(super) fn new(members_max: usize, secret: Secret, started_at: Seq) -> Self {
        Self {
            door: Door::new(members_max),
            sessions: Sessions::new(secret),
            absentees: Absentees::default(),
            wanted: Vec::new(),
            joiners: Vec::new(),
            started_at,
        }
    }

    /// A connection has joined, or is on its way out: the door counts it no more.
    pub(super) fn forget_unjoined(&mut self, peer: SocketAddr, token: Token) {
        self.door.forget(peer, token);
    }

    /// The connection on which a session was last.
    pub(super) fn connection_of(&self, session: Token) -> Token {
        self.sessions.connection(session)
    }

    /// Sessions that are on another connection than they began on.
    pub(super) fn sessions_moved(&self) -> usize {
        self.sessions.moved()
    }

    /// Members without a connection.
    pub(super) fn absent(&self) -> usize {
        self.absentees.len()
    }

    /// True while somebody has joined and is not welcomed.
    pub(super) fn has_joiners(&self) -> bool {
        !self.joiners.is_empty()
    }

    /// When to look next at absent members and at nicks that are waited for.
    pub(super) fn next_deadline(&self, now_ms: u64) -> Option<u64> {
        let look_ms = (!self.wanted.is_empty()).then_some(now_ms + contest::LOOK_AGAIN_MS);
        self.absentees.next().into_iter().chain(look_ms).min()
    }

    /// Bytes that the tables take.
    pub(super) fn table_bytes(&self) -> usize {
        self.absentees.table_bytes() + self.sessions.table_bytes()
    }

    /// Gives back what a crowd took.
    pub(super) fn shrink(&mut self) {
        self.sessions.shrink();
    }
}
