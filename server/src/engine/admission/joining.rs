//! Joining and resuming: from a `Join` to the welcome at the end of the turn (PROTOCOL.md,
//! "Joining" and "Coming back").

use chatshelf_common::id::{ResumeToken, Seq, UnixMillis};
use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::field::{DecodeError, Fields, Tag};
use chatshelf_common::wire::frame::{Goodbye, Join, Welcome};
use chatshelf_common::wire::{Code, Frame, Header};

use super::contest::Claim;
use super::resume::Session;
use crate::engine::connection::Connection;
use crate::engine::proposals::Proposer;
use crate::engine::transport::Transport;
use crate::engine::{Engine, limits};
use crate::room::proposal::Proposal;
use crate::token::Token;

/// A connection that has joined and must be welcomed, and the part of the past it gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joiner {
    token: Token,
    /// The session it resumes, if any; that session may see what it missed.
    earlier: Option<Session>,
    /// The most lines of history, where it is not known to have been present.
    lines: u32,
    /// The newest event the client has, and its time.
    since: Option<(Seq, Option<UnixMillis>)>,
}

impl<T: Transport> Engine<T> {
    /// Gives a frame that cannot be decoded a second chance: a join that resumes a membership may
    /// carry an invalid nick, because the member already has one.
    pub(in crate::engine) fn decode_resume(
        &self,
        header: Header,
        value: &[u8],
        why: DecodeError,
    ) -> Result<Join, DecodeError> {
        if header.kind != Join::KIND || !matches!(why, DecodeError::Text(Tag::NICK, _)) {
            return Err(why);
        }
        let fields = Fields::parse(value)?;
        let resume: Option<ResumeToken> = fields.optional(Tag::RESUME)?;
        let session = resume.and_then(|resume| self.admission.secret.session(resume));
        let Some(nick) = session.and_then(|session| self.member_of(session.name)) else {
            return Err(why);
        };
        Ok(Join {
            nick: nick.clone(),
            history: fields.optional(Tag::HISTORY)?,
            since: fields.optional(Tag::SINCE)?,
            since_at: fields.optional(Tag::AT)?,
            resume,
            quiet: fields.optional(Tag::QUIET)?,
            password: fields.optional(Tag::PASSWORD)?,
        })
    }

    pub(in crate::engine) fn join(&mut self, token: Token, join: Join) {
        let earlier = join.resume.and_then(|resume| self.admission.secret.session(resume));
        let resumes = earlier.is_some_and(|session| self.member_of(session.name).is_some());
        // Whoever has a token was let in before.
        let join = if earlier.is_some() { Some(join) } else { self.show_password(token, join) };
        let Some(join) = join.filter(|_| self.may_enter(token, resumes)) else { return };
        if let Some(nick) = earlier.and_then(|session| self.return_to(session.name)) {
            self.counters.returns += 1;
            if let Some(connection) = self.connections.get(token) {
                log::debug!("{nick} is back, from {}", connection.peer());
            }
            return self.enter(token, nick, &join, earlier);
        }
        self.admit_newcomer(token, join, earlier);
    }

    /// Lets somebody join who resumes no membership, if the nick may be had.
    pub(super) fn admit_newcomer(&mut self, token: Token, join: Join, earlier: Option<Session>) {
        if let Err(why) = join.nick.check_new() {
            return self.refuse_new_nick(token, Join::KIND, &why);
        }
        let peer = self.connections.get(token).map(Connection::peer);
        if let Some(farewell) = peer.and_then(|peer| self.why_banned(peer, &join.nick)) {
            return self.close_with(token, farewell);
        }
        match self.claim(None, &join.nick) {
            Claim::Awaited if self.join_later(token, join.clone()) => return,
            Claim::Free if self.room.members_len() >= self.admission.door.members_max() => {
                let limit = Some(self.admission.door.members_max() as u64);
                return self.close_with(token, Goodbye { limit, ..Goodbye::new(Code::ROOM_FULL) });
            }
            // If the nick is taken, the room refuses it.
            Claim::Free | Claim::Awaited | Claim::Taken => {}
        }
        let proposal = Proposal::Join { nick: join.nick.clone(), quiet: join.quiet };
        self.propose(Proposer::Joiner { token, join: Box::new(join), earlier }, proposal);
    }

    /// Makes a connection a member's. It resumes the `earlier` session or begins a new one.
    pub(in crate::engine) fn enter(
        &mut self,
        token: Token,
        nick: Nick,
        join: &Join,
        earlier: Option<Session>,
    ) {
        let session = earlier.map_or(token, |session| session.name);
        self.room.attach(&nick, session);
        let wanted = match join.since {
            Some(_) => HISTORY_ALL,
            None => join.history.unwrap_or(limits::HISTORY_DEFAULT),
        };
        let lines = wanted.min(self.settings.history_max);
        let since = join.since.map(|since| (since, join.since_at));
        self.admission.sessions.move_to(session, token);
        self.admission.joiners.push(Joiner { token, earlier, lines, since });
        let Some(connection) = self.connections.get_mut(token) else { return };
        connection.enter(nick, session);
        self.admission.door.forget(connection.peer(), token);
        self.connections.arm(token, self.now.mono_ms() + self.settings.deadlines.keepalive_ms);
    }

    /// Returns the session of a member's connection.
    pub(in crate::engine) fn session_of(&self, token: Token) -> Option<Token> {
        self.connections.get(token)?.session()
    }

    /// Returns the current connection of a session, if its member is connected.
    pub(in crate::engine) fn connection_of(&self, session: Token) -> Option<Token> {
        let token = self.admission.sessions.connection(session);
        (self.connections.get(token)?.session() == Some(session)).then_some(token)
    }

    /// Welcomes all who joined in this turn, with one snapshot for all of them, and sets each one's
    /// cursor to the beginning of its history.
    pub(in crate::engine) fn welcome_joiners(&mut self) {
        for joiner in std::mem::take(&mut self.admission.joiners) {
            let token = joiner.token;
            let start = self.history_start(joiner);
            let (from, end) = (self.room.log().seq_from(start), self.room.log().end());
            let snapshot = self.room.snapshot();
            let session = joiner.earlier.unwrap_or(Session { name: token, first: from });
            let resume = self.admission.secret.token(session);
            let Some(connection) = self.connections.get_mut(token) else { continue };
            let Some(nick) = connection.nick().cloned() else { continue };
            if !connection.note_welcomed() {
                continue;
            }
            let bytes = snapshot.length() as u64 + (end - start);
            let (peer, allowances) = (connection.peer(), &self.settings.allowances);
            self.limiter.charge_replies(allowances, peer, bytes, self.now.mono_ms());
            let welcome = Welcome { nick, seq: snapshot.seq(), from, resume };
            connection.send_queue_mut().welcome(&welcome, snapshot, start, end);
            self.connections.mark_dirty(token);
            // What followed the join can be read now.
            self.connections.enqueue(token);
        }
    }

    /// Returns the log offset where a joiner's history begins (PROTOCOL.md, "Coming back").
    fn history_start(&self, joiner: Joiner) -> u64 {
        let log = self.room.log();
        let lines = log.history_start(joiner.lines);
        let Some((since, at)) = joiner.since else { return lines };
        // If a different event has this seq, a crash has lost theirs, and the first that can be
        // lost is the one after those found at startup.
        let is_theirs = since <= log.last_seq()
            && at.is_none_or(|at| log.time_of(since).is_none_or(|time| time == at));
        let next = if is_theirs { since.next() } else { self.admission.started_at.next() };
        // A session sees no further back than its first join allowed.
        let earliest = match joiner.earlier {
            Some(session) if session.first > log.seq_from(log.start()) => {
                log.offset_of(session.first)
            }
            Some(_) => log.start(),
            None => lines,
        };
        if log.seq_from(earliest) >= next { earliest } else { log.offset_of(next) }
    }
}
