//! Contests: nicks that one client requests and another holds. The holder is asked for a sign of
//! life, unless it was heard from a moment ago: a connection that broke unnoticed must not hold a
//! nick for minutes, least of all against its own user (PROTOCOL.md, "Joining").
//!
//! Owns the requests that wait for such an answer. The rules for nicks and their uniqueness are
//! decided elsewhere.

use chatshelf_common::text::Nick;
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::{Join, Rename, ServerPing};

use crate::engine::Engine;
use crate::engine::limits::{NICKS_WANTED_MAX, PROBE_MS};
use crate::engine::phase::{Membership, Phase};
use crate::engine::proposals::Proposer;
use crate::engine::transport::Transport;
use crate::room::Member;
use crate::room::proposal::Proposal;
use crate::token::Token;

/// When to look at the contests again, if nothing else causes a turn earlier.
pub(super) const LOOK_AGAIN_MS: u64 = 100;

/// A request for a nick whose holder was asked for a sign of life.
#[derive(Debug)]
pub(super) struct Wanted {
    token: Token,
    ask: Ask,
    /// When it is decided at the latest.
    by_ms: u64,
}

#[derive(Debug)]
enum Ask {
    Join(Box<Join>),
    Rename(Nick),
}

/// The state of a requested nick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Claim {
    /// It is free, possibly because its absent holder was just given up.
    Free,
    /// Its holder is alive.
    Taken,
    /// Its holder was asked for a sign of life.
    Awaited,
}

impl<T: Transport> Engine<T> {
    /// Returns whether a session, or a newcomer, can take a nick. If so, absent holders are given
    /// up.
    pub(in crate::engine) fn claim(&mut self, own: Option<Token>, nick: &Nick) -> Claim {
        let holders = self.room.holders(nick).map(Member::session);
        let others: Vec<_> = holders.filter(|session| own.is_none() || *session != own).collect();
        let (mut absent, mut claim) = (Vec::new(), Claim::Free);
        for session in others {
            // Only the server a member is connected to can ask them.
            let Some(session) = session else { return Claim::Taken };
            match self.connection_of(session) {
                None => absent.push(session),
                Some(token) if self.shows_life(token) => return Claim::Taken,
                Some(_) => claim = Claim::Awaited,
            }
        }
        if claim == Claim::Free {
            for session in absent {
                self.give_up(session, None);
            }
        }
        claim
    }

    /// Returns true for a connection that was heard from a moment ago. Any other is asked for a
    /// sign of life, once at a time.
    fn shows_life(&mut self, token: Token) -> bool {
        let now_ms = self.now.mono_ms();
        let Some(connection) = self.connections.get_mut(token) else { return false };
        let is_heard = connection.liveness_mut().was_heard_lately(now_ms);
        // Bytes that have arrived and are still unread are a sign, too.
        if is_heard
            || connection.is_readable()
            || connection.is_paused(self.transfers.hold_back(token))
        {
            return true;
        }
        if connection.liveness_mut().ask_for_name(now_ms) {
            self.connections.arm(token, now_ms + PROBE_MS);
            self.send(token, &ServerPing {});
        }
        false
    }

    /// Makes a join wait until the nick's holder answers. The connection is not read meanwhile,
    /// because the meaning of what follows depends on the join's outcome. Returns false if too many
    /// requests wait already.
    pub(in crate::engine) fn join_later(&mut self, token: Token, join: Join) -> bool {
        if !self.want(token, Ask::Join(Box::new(join))) {
            return false;
        }
        if let Some(connection) = self.connections.get_mut(token) {
            connection.phase_mut().contend();
        }
        true
    }

    /// Makes a rename wait in the same way; the member's connection is still read.
    pub(in crate::engine) fn rename_later(&mut self, token: Token, to: Nick) -> bool {
        self.want(token, Ask::Rename(to))
    }

    fn want(&mut self, token: Token, ask: Ask) -> bool {
        let has_room = self.admission.wanted.len() < NICKS_WANTED_MAX;
        if has_room {
            let by_ms = self.now.mono_ms() + PROBE_MS;
            self.admission.wanted.push(Wanted { token, ask, by_ms });
        }
        has_room
    }

    /// Refuses a member's waiting rename when the next one arrives, so that answers keep the order
    /// of the requests.
    pub(in crate::engine) fn refuse_wanted(&mut self, token: Token) {
        let is_theirs =
            |wanted: &mut Wanted| wanted.token == token && matches!(wanted.ask, Ask::Rename(_));
        let theirs: Vec<Wanted> = self.admission.wanted.extract_if(.., is_theirs).collect();
        for wanted in theirs {
            if let Ask::Rename(to) = wanted.ask {
                self.refuse_nick(token, Rename::KIND, &to);
            }
        }
    }

    /// Looks at the contested nicks again, in the order of the requests.
    pub(in crate::engine) fn settle_wanted(&mut self) {
        let now_ms = self.now.mono_ms();
        for Wanted { token, ask, by_ms } in std::mem::take(&mut self.admission.wanted) {
            let Some(connection) = self.connections.get_mut(token) else { continue };
            let own = match (connection.phase(), &ask) {
                (Phase::Contending(_), Ask::Join(_)) => None,
                (Phase::Joined(Membership { session, .. }), Ask::Rename(_)) => Some(*session),
                _ => continue,
            };
            let nick = match &ask {
                Ask::Join(join) => join.nick.clone(),
                Ask::Rename(nick) => nick.clone(),
            };
            // A client that has closed its side does not wait.
            let is_gone = connection.is_read_closed() && matches!(ask, Ask::Join(_));
            let claim = if is_gone { Claim::Taken } else { self.claim(own, &nick) };
            match (claim, ask) {
                (Claim::Awaited, ask) if now_ms < by_ms => {
                    self.admission.wanted.push(Wanted { token, ask, by_ms });
                }
                (claim, Ask::Join(join)) => self.settle_join(token, *join, claim),
                (Claim::Free, Ask::Rename(to)) => self.propose_nick(token, to),
                (_, Ask::Rename(to)) => self.refuse_nick(token, Rename::KIND, &to),
            }
        }
    }

    fn settle_join(&mut self, token: Token, join: Join, claim: Claim) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        connection.phase_mut().contend_no_more();
        if claim == Claim::Free {
            let earlier = join.resume.and_then(|resume| self.admission.secret.session(resume));
            self.admit_newcomer(token, join, earlier);
        } else {
            self.refuse_nick(token, Join::KIND, &join.nick);
        }
        self.resume_reading(token);
    }

    /// Proposes a member's new nick.
    pub(in crate::engine) fn propose_nick(&mut self, token: Token, to: Nick) {
        let Some(nick) = self.connections.get(token).and_then(|it| it.nick().cloned()) else {
            return;
        };
        let by = Proposer::Renamer { token, to: to.clone() };
        self.propose(by, Proposal::Rename { nick, to });
    }

    /// Notes a member's new nick.
    pub(in crate::engine) fn take_nick(&mut self, token: Token, to: Nick) {
        if let Some(connection) = self.connections.get_mut(token) {
            connection.rename(to);
        }
    }
}
