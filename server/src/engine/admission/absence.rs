//! Absent members: their connection is lost, but they may be back in a moment. They stay in the
//! room for a grace period, so that a broken connection is not announced to everyone as a leave and
//! a join.
//!
//! An absent member who reconnects in time resumes the session (PROTOCOL.md, "Coming back"), even
//! in a full room, because their place is kept. One who does not, or whose nick someone else
//! requests, is announced as having left.

use std::collections::{BTreeSet, HashMap};

use chatshelf_common::text::Nick;
use chatshelf_common::wire::Code;

use crate::engine::Engine;
use crate::engine::limits::RETURN_GRACE_MS;
use crate::engine::proposals::Proposer;
use crate::engine::transport::Transport;
use crate::room::proposal::Proposal;
use crate::token::Token;

/// The absent members, by session.
#[derive(Debug, Default)]
pub(super) struct Absentees {
    members: HashMap<Token, Absent>,
    /// When each of them is given up, earliest first.
    deadlines: BTreeSet<(u64, Token)>,
}

#[derive(Debug)]
struct Absent {
    nick: Nick,
    /// Why the connection ended.
    code: Code,
    by_ms: u64,
}

impl Absentees {
    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns the bytes of the table.
    pub(super) fn table_bytes(&self) -> usize {
        self.members.capacity() * size_of::<(Token, Absent)>()
    }

    /// Returns when the next of them is given up.
    pub(super) fn next(&self) -> Option<u64> {
        self.deadlines.first().map(|&(by_ms, _)| by_ms)
    }

    /// Returns the next one to be given up by now.
    fn due(&self, now_ms: u64) -> Option<Token> {
        let &(by_ms, session) = self.deadlines.first()?;
        (by_ms <= now_ms).then_some(session)
    }

    fn add(&mut self, session: Token, absent: Absent) {
        self.deadlines.insert((absent.by_ms, session));
        self.members.insert(session, absent);
    }

    fn remove(&mut self, session: Token) -> Option<Absent> {
        let absent = self.members.remove(&session)?;
        self.deadlines.remove(&(absent.by_ms, session));
        // A whole crowd may have been absent at once.
        if self.members.len() * 4 < self.members.capacity() {
            self.members.shrink_to_fit();
        }
        Some(absent)
    }
}

/// Returns true for ends that the client did not ask for and reconnects after.
fn may_be_back_after(code: Code) -> bool {
    matches!(code, Code::CONNECTION_LOST | Code::TIMED_OUT | Code::TOO_SLOW)
}

impl<T: Transport> Engine<T> {
    /// Handles the end of a member's connection: the member leaves, at once or unless they return
    /// in time.
    pub(in crate::engine) fn end_membership(&mut self, session: Token, nick: Nick, code: Code) {
        self.admission.sessions.leave(session);
        // At shutdown there is nobody left to tell.
        if self.shutting_down {
            return;
        }
        if may_be_back_after(code) {
            let by_ms = self.now.mono_ms() + RETURN_GRACE_MS;
            self.admission.absentees.add(session, Absent { nick, code, by_ms });
        } else {
            self.operators.forget(session);
            self.propose_leave(nick, code);
        }
    }

    fn propose_leave(&mut self, nick: Nick, code: Code) {
        self.peer_log.left(self.now.mono_ms(), &nick, code);
        self.propose(Proposer::Server, Proposal::Leave { nick, code });
    }

    /// Returns the nick of a returning member, if the session's membership still stands. If the
    /// session has another connection, it is replaced.
    pub(super) fn return_to(&mut self, session: Token) -> Option<Nick> {
        if let Some(absent) = self.admission.absentees.remove(session) {
            return Some(absent.nick);
        }
        let ghost = self.connection_of(session)?;
        self.replace(ghost)
    }

    /// Returns the nick of a session's member, if the membership still stands.
    pub(in crate::engine) fn member_of(&self, session: Token) -> Option<&Nick> {
        match self.admission.absentees.members.get(&session) {
            Some(absent) => Some(&absent.nick),
            None => self.connections.get(self.connection_of(session)?)?.nick(),
        }
    }

    /// Gives up an absent member, who leaves the room for this reason, or else because the
    /// connection has ended; false if they are not absent.
    pub(in crate::engine) fn give_up(&mut self, session: Token, why: Option<Code>) -> bool {
        let Some(Absent { nick, code, .. }) = self.admission.absentees.remove(session) else {
            return false;
        };
        if !self.shutting_down {
            self.operators.forget(session);
            self.propose_leave(nick, why.unwrap_or(code));
        }
        true
    }

    /// Gives up the members who have been absent too long.
    pub(in crate::engine) fn give_up_absentees(&mut self) {
        while let Some(session) = self.admission.absentees.due(self.now.mono_ms()) {
            self.give_up(session, None);
        }
    }
}
