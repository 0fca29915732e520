//! What operators do (PROTOCOL.md, "Operators"): who is one, what they may ask for, and what
//! follows when the room has heard of it.

use std::collections::HashSet;
use std::net::{Ipv6Addr, SocketAddr};

use chatshelf_common::id::{BanId, Seq, UnixMillis};
use chatshelf_common::text::{Nick, Note};
use chatshelf_common::wire::frame::{
    Action, BanEntry, Bans as BansFrame, BansRequest, Goodbye, Moderate, Op, Part, Refused,
};
use chatshelf_common::wire::{Code, Frame};
use jiff::Timestamp;

use super::Engine;
use super::bans::explained;
use super::connection::Connection;
use super::effect::{Effect, Follow};
use super::limits::BANS_MAX;
use super::origin::Origin;
use super::proposals::Proposer;
use super::transport::Transport;
use crate::room::Member;
use crate::room::proposal::{Moderation, Proposal};
use crate::token::Token;

/// Bans in one frame: as many as fit, however long they are.
const BANS_IN_FRAME: usize = 32;

/// The sessions whose members are operators.
#[derive(Debug, Default)]
pub(super) struct Operators(HashSet<Token>);

impl Operators {
    /// Returns true if this session's member is one.
    pub(super) fn has(&self, session: Token) -> bool {
        self.0.contains(&session)
    }

    /// Forgets a session whose membership has ended.
    pub(super) fn forget(&mut self, session: Token) {
        self.0.remove(&session);
    }
}

/// The operator who asks.
#[derive(Clone, Debug)]
struct Operator {
    session: Token,
    nick: Nick,
    peer: SocketAddr,
}

impl<T: Transport> Engine<T> {
    /// Returns true if this connection's member is an operator.
    pub(super) fn is_operator(&self, token: Token) -> bool {
        self.session_of(token).is_some_and(|session| self.operators.has(session))
    }

    /// Handles a request to become an operator. Its password is verified later.
    pub(super) fn ask_op(&mut self, token: Token, op: Op) {
        let Some(session) = self.session_of(token).filter(|_| self.settings.has_operators) else {
            return self.refuse(token, &Refused::new(Code::NOT_OPERATOR, Op::KIND));
        };
        if self.operators.has(session) {
            return self.refuse(token, &Refused::new(Code::UNCHANGED, Op::KIND));
        }
        self.guess_op(token, session, op.password);
    }

    /// Makes a member an operator, if the password was right.
    pub(super) fn settle_op(&mut self, token: Token, session: Token, is_right: bool) {
        if !is_right {
            return self.refuse(token, &Refused::new(Code::PASSWORD_WRONG, Op::KIND));
        }
        let Some(nick) = self.member_of(session).cloned() else { return };
        self.operators.0.insert(session);
        let moderation = Moderation::new(Action::OP);
        let effect = Effect { what: "has shown the password".into(), follow: Follow::Nothing };
        let by = Proposer::Moderator { token, about: Op::KIND, effect };
        self.propose(by, Proposal::Moderate { nick, moderation });
    }

    /// Handles what an operator wants done.
    pub(super) fn moderate(&mut self, token: Token, order: Moderate) {
        let proposal = self.operator(token).and_then(|by| {
            let nick = by.nick.clone();
            let (moderation, effect) = self.moderation(&by, order)?;
            Ok((Proposal::Moderate { nick, moderation }, effect))
        });
        match proposal {
            Ok((proposal, effect)) => {
                let by = Proposer::Moderator { token, about: Moderate::KIND, effect };
                self.propose(by, proposal);
            }
            Err(refused) => self.refuse(token, &refused),
        }
    }

    fn operator(&self, token: Token) -> Result<Operator, Refused> {
        let connection = self.connections.get(token);
        let member = connection.and_then(|it| it.phase().member().zip(Some(it.peer())));
        match member.filter(|(member, _)| self.operators.has(member.session)) {
            Some((member, peer)) => {
                let (session, nick) = (member.session, member.nick.clone());
                Ok(Operator { session, nick, peer })
            }
            None => Err(refused(Code::NOT_OPERATOR)),
        }
    }

    /// Returns the proposal for an order, and what follows from it.
    fn moderation(
        &mut self,
        by: &Operator,
        order: Moderate,
    ) -> Result<(Moderation, Effect), Refused> {
        let Moderate { action, to, address, line, ban, seconds, reason } = order;
        let said = Moderation { reason: reason.clone(), ..Moderation::new(action) };
        match (action, to, address, line, ban) {
            (Action::KICK, Some(to), ..) => {
                let member = self.room.find(&to).ok_or(refused(Code::NO_SUCH_MEMBER))?;
                let session = member.session().ok_or(refused(Code::NO_SUCH_MEMBER))?;
                if session == by.session {
                    return Err(refused(Code::YOURSELF));
                }
                let to = Some(member.nick().clone());
                let what = format!("kicked {}", member.nick());
                let follow = Follow::PutOut { session, reason };
                Ok((Moderation { to, ..said }, Effect { what, follow }))
            }
            (Action::BAN, to, address, ..) if to.is_some() || address.is_some() => {
                let address = match &to {
                    Some(to) => self.address_behind(by, to)?,
                    None => address.map(|it| self.address_to_ban(by, it)).transpose()?,
                };
                let at = self.now.at;
                let until = seconds.map(|it| UnixMillis(at.0 + u64::from(it) * 1000));
                let (ban, nick) = (self.bans.next(), by.nick.clone());
                let entry = BanEntry { ban, to: to.clone(), address, until, nick, at, reason };
                if let Some(code) = self.bans.refusal(&entry, at) {
                    let limit = (code == Code::TOO_MANY_BANS).then_some(BANS_MAX as u64);
                    return Err(Refused { limit, ..refused(code) });
                }
                let what = format!("banned {}", described(&entry));
                Ok((Moderation { to, until, ..said }, Effect { what, follow: Follow::Ban(entry) }))
            }
            (Action::UNBAN, _, _, _, Some(ban)) => {
                let entry = self.bans.find(ban, self.now.at).ok_or(refused(Code::BAN_UNKNOWN))?;
                let what = format!("ended the ban of {}", described(entry));
                let to = entry.to.clone();
                Ok((Moderation { to, ..said }, Effect { what, follow: Follow::Unban(ban) }))
            }
            (Action::REDACT, _, _, Some(line), _) => {
                self.finish_line(line);
                let what = format!("redacted line {line}");
                Ok((
                    Moderation { line: Some(line), ..said },
                    Effect { what, follow: Follow::Nothing },
                ))
            }
            (Action::LOCK_TOPIC | Action::UNLOCK_TOPIC, ..) => {
                let verb = if action == Action::LOCK_TOPIC { "locked" } else { "unlocked" };
                let what = format!("{verb} the topic");
                Ok((said, Effect { what, follow: Follow::KeepLock }))
            }
            _ => Err(refused(Code::ACTION_UNKNOWN)),
        }
    }

    /// Returns the address to ban along with a nick, so that a new nick does not help: that of the
    /// member who has the nick, if nobody else is connected from it.
    fn address_behind(&self, by: &Operator, to: &Nick) -> Result<Option<Ipv6Addr>, Refused> {
        let holders: Vec<_> = self.room.holders(to).filter_map(Member::session).collect();
        if to.is_same(&by.nick) || holders.contains(&by.session) {
            return Err(refused(Code::YOURSELF));
        }
        let [session] = holders[..] else { return Ok(None) };
        let connection = self.connection_of(session).and_then(|it| self.connections.get(it));
        let Some(peer) = connection.map(Connection::peer) else { return Ok(None) };
        let origin = Origin::from(peer);
        let is_elsewhere = |token: Token| self.session_of(token) != Some(session);
        let is_shared = self.connections.iter().any(|(token, it)| {
            it.nick().is_some() && Origin::from(it.peer()) == origin && is_elsewhere(token)
        });
        let is_local = peer.ip().to_canonical().is_loopback();
        Ok((!is_shared && !is_local).then(|| origin.address()))
    }

    /// Returns the address to ban, unless the operator is connected from it as well.
    fn address_to_ban(&self, by: &Operator, address: Ipv6Addr) -> Result<Ipv6Addr, Refused> {
        let origin = Origin::from(address);
        if origin == Origin::from(by.peer) {
            return Err(refused(Code::YOURSELF));
        }
        Ok(origin.address())
    }

    /// Lets connections that have received the beginning of a line receive all of it, so that it
    /// can be overwritten in the log.
    fn finish_line(&mut self, line: Seq) {
        let log = self.room.log();
        let (start, end) = (log.offset_of(line), log.offset_of(line.next()));
        for connection in self.connections.iter_mut() {
            connection.send_queue_mut().finish_frame(log, start, end);
        }
    }

    /// Does what follows from an operator's action, once the room has heard of it.
    pub(super) fn follow(&mut self, token: Token, Effect { what, follow }: Effect) {
        if let Some(connection) = self.connections.get(token)
            && let (Some(nick), peer) = (connection.nick(), connection.peer())
        {
            log::warn!(nick:%, address:% = peer; "operator {nick} at {peer}: {what}");
        }
        match follow {
            Follow::Nothing => {}
            Follow::PutOut { session, reason } => self.put_out(session, Code::KICKED, reason),
            Follow::Ban(entry) => {
                let ban = entry.ban;
                let why = Some(explained(&entry, self.now.at));
                self.bans.add(entry);
                self.keep_bans();
                for session in self.covered_by(ban) {
                    self.put_out(session, Code::BANNED, why.clone());
                }
            }
            Follow::Unban(ban) => {
                self.bans.remove(ban);
                self.keep_bans();
            }
            Follow::KeepLock => self.keep_bans(),
        }
    }

    /// Keeps bans and the lock of the topic on disk.
    fn keep_bans(&mut self) {
        let kept = self.bans.kept(self.room.is_topic_locked());
        self.journal.keep_bans(kept);
    }

    /// Returns the sessions of members whom a new ban keeps out, in their order; operators stay.
    fn covered_by(&self, ban: BanId) -> Vec<Token> {
        let members = self.room.members().filter_map(|it| Some((it.session()?, it.nick())));
        let is_covered = |session: Token, nick: &Nick| {
            let connection = self.connection_of(session).and_then(|it| self.connections.get(it));
            let peer = connection.map(Connection::peer);
            !self.operators.has(session) && self.bans.covers(ban, nick, peer)
        };
        let covered = members.filter(|(session, nick)| is_covered(*session, nick));
        let mut covered: Vec<Token> = covered.map(|(session, _)| session).collect();
        covered.sort_unstable();
        covered
    }

    /// Ends a membership because an operator wants it. A connection that has ended may still be
    /// there, while its member is absent.
    fn put_out(&mut self, session: Token, code: Code, detail: Option<Note>) {
        if !self.give_up(session, Some(code))
            && let Some(token) = self.connection_of(session)
        {
            self.close_with(token, Goodbye { detail, ..Goodbye::new(code) });
        }
    }

    /// Returns the goodbye for somebody whom a ban keeps out, if one does.
    pub(super) fn why_banned(&self, peer: SocketAddr, nick: &Nick) -> Option<Goodbye> {
        let at = self.now.at;
        let ban = self.bans.of_address(peer, at).or_else(|| self.bans.of_nick(nick, at))?;
        Some(Goodbye { detail: Some(explained(ban, at)), ..Goodbye::new(Code::BANNED) })
    }

    /// Returns true if a ban keeps out whoever comes from this address.
    pub(super) fn is_address_banned(&self, peer: SocketAddr) -> bool {
        self.bans.of_address(peer, self.now.at).is_some()
    }

    /// Returns true if a ban keeps a nick out of the room.
    pub(super) fn is_nick_banned(&self, nick: &Nick) -> bool {
        self.bans.of_nick(nick, self.now.at).is_some()
    }

    /// Sends an operator the list of bans.
    pub(super) fn tell_bans(&mut self, token: Token) {
        let refused = |code| Refused::new(code, BansRequest::KIND);
        if !self.is_operator(token) {
            return self.refuse(token, &refused(Code::NOT_OPERATOR));
        }
        if !self.may_list(token, BansRequest::KIND) {
            return;
        }
        if !self.has_room_for_reply(token) {
            return self.refuse(token, &refused(Code::TOO_SOON));
        }
        let bans = self.bans.list(self.now.at);
        let frames = bans.len().div_ceil(BANS_IN_FRAME).max(1);
        let mut bytes = 0;
        for place in 0..frames {
            let part = Part { first: place == 0, last: place + 1 == frames };
            let bans = bans.iter().skip(place * BANS_IN_FRAME).take(BANS_IN_FRAME);
            let frame = BansFrame { part, bans: bans.cloned().collect() };
            bytes += frame.to_bytes().len() as u64;
            self.send(token, &frame);
        }
        self.charge_list(token, bytes);
    }
}

/// A ban as it is logged: its number, and whom it keeps out.
fn described(BanEntry { ban, to, address, until, .. }: &BanEntry) -> String {
    let address = address.map(|it| it.to_canonical().to_string());
    let of = [to.as_ref().map(Nick::to_string), address].into_iter().flatten();
    let of = of.collect::<Vec<_>>().join(" and ");
    let until = until.and_then(|until| i64::try_from(until.0).ok());
    match until.and_then(|until| Timestamp::from_second(until / 1000).ok()) {
        Some(until) => format!("{of} (ban {ban}, until {until})"),
        None => format!("{of} (ban {ban})"),
    }
}

fn refused(code: Code) -> Refused {
    Refused::new(code, Moderate::KIND)
}
