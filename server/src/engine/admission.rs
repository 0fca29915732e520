//! Admission: who may join, who resumes a session, under which nick, and which connection gives
//! way.
//!
//! Owns what the engine knows about members beyond the room: which connections have not joined and
//! which are leaving (`door`), which connection carries each session (`sessions`, `resume`), which
//! members have lost their connection but are still in the room (`absence`), which nicks someone is
//! waiting for (`contest`), and who must be welcomed (`joining`). These children share its fields;
//! nothing else sees them.

mod absence;
mod contest;
mod door;
mod joining;
mod resume;
mod sessions;

use std::net::SocketAddr;

use chatshelf_common::id::{ItemId, LinkToken, Seq};

use super::Engine;
use super::phase::Membership;
use super::transport::Transport;
use crate::token::Token;
use absence::Absentees;
use contest::Wanted;
use door::Door;
use joining::Joiner;
use sessions::Sessions;

pub(in crate::engine) use contest::Claim;
pub use resume::Secret;
pub(in crate::engine) use resume::Session;

/// Connections waiting to join, sessions, absent members and contested nicks.
#[derive(Debug)]
pub(super) struct Admission {
    door: Door,
    secret: Secret,
    sessions: Sessions,
    absentees: Absentees,
    /// Nicks that someone waits for, in the order of the requests.
    wanted: Vec<Wanted>,
    /// Connections that joined in this turn; all are welcomed at its end with one snapshot.
    joiners: Vec<Joiner>,
    /// The newest event found at startup: any later ones of the previous run are lost.
    started_at: Seq,
}

impl Admission {
    /// Creates the state without any connections; `started_at` is the newest event found at
    /// startup.
    pub(super) fn new(members_max: usize, secret: Secret, started_at: Seq) -> Self {
        Self {
            door: Door::new(members_max),
            secret,
            sessions: Sessions::default(),
            absentees: Absentees::default(),
            wanted: Vec::new(),
            joiners: Vec::new(),
            started_at,
        }
    }

    /// Makes the token that opens an item to whoever has its link. The item keeps it; after a
    /// restart another one would be made.
    pub(super) fn link_token(&self, item: ItemId) -> LinkToken {
        self.secret.link_token(item)
    }

    /// Returns true while visitors who stay connected would keep newcomers out.
    pub(super) fn is_door_crowded(&self) -> bool {
        self.door.is_crowded()
    }

    /// Stops counting a connection as unjoined, because it has joined or is closing.
    pub(super) fn forget_unjoined(&mut self, peer: SocketAddr, token: Token) {
        self.door.forget(peer, token);
    }

    /// Returns the number of members without a connection.
    #[cfg(test)]
    pub(super) fn absent(&self) -> usize {
        self.absentees.len()
    }

    /// Returns when to look next at absent members and contested nicks.
    pub(super) fn next_deadline(&self, now_ms: u64) -> Option<u64> {
        let look_ms = (!self.wanted.is_empty()).then_some(now_ms + contest::LOOK_AGAIN_MS);
        self.absentees.next().into_iter().chain(look_ms).min()
    }

    /// Returns the most members it lets in.
    pub(super) fn members_max(&self) -> usize {
        self.door.members_max()
    }

    /// Returns the bytes the tables take.
    pub(super) fn table_bytes(&self) -> usize {
        self.absentees.table_bytes() + self.sessions.table_bytes()
    }

    /// Frees the memory that a crowd needed.
    pub(super) fn shrink(&mut self) {
        self.sessions.shrink();
    }
}

impl<T: Transport> Engine<T> {
    /// Checks that everyone who has come is counted where they belong, after a turn. Visits every
    /// connection: for tests.
    ///
    /// # Panics
    /// If someone is not.
    pub(super) fn assert_admission_is_sound(&self) {
        self.assert_door_is_sound();
        let (mut members, mut moved) = (self.admission.absentees.len(), 0);
        for (token, connection) in self.connections.iter() {
            let Some(Membership { nick, session, .. }) = connection.phase().member() else {
                continue;
            };
            assert_eq!(self.admission.sessions.connection(*session), token);
            moved += usize::from(*session != token);
            let member = self.room.find(nick).map(|it| (it.nick(), it.session()));
            assert_eq!(member, Some((nick, Some(*session))));
            members += 1;
        }
        if !self.shutting_down {
            assert_eq!(self.admission.sessions.moved(), moved);
            assert_eq!(self.room.members_len(), members);
        }
        assert!(self.admission.joiners.is_empty(), "a joiner was not welcomed");
    }
}
