//! Members whose connection is lost and who may be back in a moment: their membership stands for
//! a while, so that a broken connection is not told to everyone as a leaving and a coming.
//!
//! Whoever comes back in time goes on (PROTOCOL.md, "Coming back"), also in a full room, for their
//! place is kept. Who does not, or has a name that somebody else wants, is said to have left.

use std::collections::{BTreeSet, HashMap};

use chatshelf_common::text::Nick;
use chatshelf_common::wire::Code;

use crate::engine::Engine;
use crate::engine::limits::RETURN_GRACE_MS;
use crate::engine::proposals::Proposer;
use crate::engine::transport::Transport;
use crate::room::proposal::Proposal;
use crate::token::Token;

/// Members without a connection, by their session.
#[derive(Debug, Default)]
pub(super) struct Absentees {
    members: HashMap<Token, Absent>,
    /// When each of them is given up, the first one first.
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
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Bytes of their table.
    pub(super) fn table_bytes(&self) -> usize {
        self.members.capacity() * size_of::<(Token, Absent)>()
    }

    /// When the next of them is given up.
    pub(super) fn next(&self) -> Option<u64> {
        self.deadlines.first().map(|&(by_ms, _)| by_ms)
    }

    /// The one who has been away for longest.
    fn oldest(&self) -> Option<Token> {
        self.deadlines.first().map(|&(_, session)| session)
    }

    fn add(&mut self, session: Token, absent: Absent) {
        self.deadlines.insert((absent.by_ms, session));
        self.members.insert(session, absent);
    }

    fn remove(&mut self, session: Token) -> Option<Absent> {
        let absent = self.members.remove(&session)?;
        self.deadlines.remove(&(absent.by_ms, session));
        // A whole crowd may have been away at once.
        if self.members.len() * 4 < self.members.capacity() {
            self.members.shrink_to_fit();
        }
        Some(absent)
    }
}

/// True for ends that a client did not ask for and comes back after.
fn may_be_back_after(code: Code) -> bool {
    matches!(code, Code::CONNECTION_LOST | Code::TIMED_OUT | Code::TOO_SLOW)
}

impl<T: Transport> Engine<T> {
    /// A member's connection has ended: they leave, now or if they are not back in time.
    pub(in crate::engine) fn end_membership(&mut self, session: Token, nick: Nick, code: Code) {
        self.admission.sessions.leave(session);
        // Nobody is left to hear of it when the server itself goes.
        if self.shutting_down {
            return;
        }
        if may_be_back_after(code) {
            let by_ms = self.now.mono_ms + RETURN_GRACE_MS;
            self.admission.absentees.add(session, Absent { nick, code, by_ms });
        } else {
            self.propose(Proposer::Server, Proposal::Leave { nick, code });
        }
    }

    /// A member is back: who they are, if the membership of that session stands. The connection
    /// that it had, if there is one, is replaced.
    pub(super) fn return_to(&mut self, session: Token) -> Option<Nick> {
        if let Some(absent) = self.admission.absentees.remove(session) {
            return Some(absent.nick);
        }
        let ghost = self.connection_of(session)?;
        self.replace(ghost)
    }

    /// Who a session is, if its membership stands.
    pub(in crate::engine) fn member_of(&self, session: Token) -> Option<&Nick> {
        match self.admission.absentees.members.get(&session) {
            Some(absent) => Some(&absent.nick),
            None => self.connections.get(self.connection_of(session)?)?.nick(),
        }
    }

    /// Waits no longer for a member without a connection.
    pub(super) fn give_up(&mut self, session: Token) {
        if let Some(Absent { nick, code, .. }) = self.admission.absentees.remove(session)
            && !self.shutting_down
        {
            self.propose(Proposer::Server, Proposal::Leave { nick, code });
        }
    }

    /// Gives up those who have been away for too long.
    pub(in crate::engine) fn give_up_absentees(&mut self) {
        let now_ms = self.now.mono_ms;
        while self.admission.absentees.next().is_some_and(|by_ms| by_ms <= now_ms)
            && let Some(session) = self.admission.absentees.oldest()
        {
            self.give_up(session);
        }
    }
}
