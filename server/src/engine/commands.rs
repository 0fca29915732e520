//! What control frames mean: greeting, joining, talking, leaving (PROTOCOL.md, "Joining" to
//! "Leaving"), and how violations are answered ("Violations").

use chatshelf_common::id::{MessageId, TransferId};
use chatshelf_common::limits::{VERSION_MAX, VERSION_MIN};
use chatshelf_common::text::{Nick, Note, TextError};
use chatshelf_common::wire::field::{DecodeError, Fields, Tag};
use chatshelf_common::wire::frame::{
    CAPABILITY_LARGE_DATA, CAPABILITY_OPERATORS, CAPABILITY_PASSWORD, CAPABILITY_STATS, Goodbye,
    Hello, HelloAck, Join, MAGIC, Pong, Refused, Rename, Say, ServerPong, SetTopic, Tell, Told,
    UploadOffer,
};
use chatshelf_common::wire::header::{DATA, HEADER_BYTES, Header};
use chatshelf_common::wire::{ClientFrame, Code, Frame};

use super::admission::Claim;
use super::connection::Connection;
use super::phase::{Phase, Step};
use super::proposals::Proposer;
use super::transport::Transport;
use super::{Engine, limits};
use crate::room::proposal::Proposal;
use crate::token::Token;
use crate::work;

impl<T: Transport> Engine<T> {
    /// Executes a control frame according to its connection's phase.
    pub(super) fn handle_control(&mut self, token: Token, header: Header, value: &[u8]) {
        work::take_in(HEADER_BYTES + value.len());
        let Some(connection) = self.connections.get_mut(token) else { return };
        let phase = connection.phase().clone();
        if matches!(phase, Phase::Greeting { .. }) && header.kind != Hello::KIND {
            return self.close(token, Code::NOT_CHATSHELF);
        }
        let frame = match ClientFrame::decode(header.kind, value) {
            Ok(frame) => frame,
            Err(why) => match self.decode_resume(header, value, why) {
                Ok(join) => join.into(),
                Err(why) => return self.handle_decode_error(token, header, value, &why),
            },
        };
        match (phase, frame) {
            (Phase::Greeting { .. }, ClientFrame::Hello(hello)) => self.greet(token, &hello),
            (Phase::Greeted(_), ClientFrame::Join(join)) => self.join(token, join),
            (_, ClientFrame::Hello(_) | ClientFrame::Join(_)) => {
                self.close(token, Code::UNEXPECTED);
            }
            (_, ClientFrame::Ping(_)) => self.send(token, &ServerPong {}),
            (_, ClientFrame::Pong(Pong {})) => {}
            (_, ClientFrame::Leave(_)) => self.close(token, Code::LEFT),
            (Phase::Joined(member), frame) => self.handle_member(token, member.nick, frame),
            _ => self.close(token, Code::UNEXPECTED),
        }
    }

    fn handle_member(&mut self, token: Token, nick: Nick, frame: ClientFrame) {
        match frame {
            ClientFrame::Say(Say { id, text, style, repeat }) => {
                if !self.may_say(token, Say::KIND, id) {
                    return;
                }
                let proposal = Proposal::Say { nick, id, text, style, repeat };
                self.propose(Proposer::Speaker { token, id }, proposal);
            }
            ClientFrame::Tell(tell) => self.tell(token, nick, tell),
            ClientFrame::Rename(rename) => self.rename(token, rename.nick),
            ClientFrame::SetTopic(_) if self.room.is_topic_locked() && !self.is_operator(token) => {
                self.refuse(token, &Refused::new(Code::TOPIC_LOCKED, SetTopic::KIND));
            }
            ClientFrame::SetTopic(SetTopic { topic }) => {
                if !self.may_change(token, SetTopic::KIND) {
                    return;
                }
                self.propose(Proposer::TopicSetter { token }, Proposal::SetTopic { nick, topic });
            }
            ClientFrame::UploadOffer(offer) => self.offer_upload(token, offer),
            ClientFrame::UploadDone(done) => self.finish_upload(token, nick, &done),
            ClientFrame::DownloadRequest(request) => self.request_download(token, &request),
            ClientFrame::Drop(drop) => self.drop_item(token, nick, &drop),
            ClientFrame::Cancel(cancel) => self.cancel(token, cancel.transfer),
            ClientFrame::StatsRequest(_) => self.tell_stats(token),
            ClientFrame::Op(op) => self.ask_op(token, op),
            ClientFrame::Moderate(order) => self.moderate(token, order),
            ClientFrame::BansRequest(_) => self.tell_bans(token),
            ClientFrame::Hello(_)
            | ClientFrame::Join(_)
            | ClientFrame::Leave(_)
            | ClientFrame::Ping(_)
            | ClientFrame::Pong(_) => debug_assert!(false, "these are handled in every phase"),
        }
    }

    fn greet(&mut self, token: Token, hello: &Hello) {
        if hello.magic != MAGIC {
            return self.close(token, Code::NOT_CHATSHELF);
        }
        let version = hello.version_max.min(VERSION_MAX);
        if version < hello.version_min.max(VERSION_MIN) {
            let (version_min, version_max) = (Some(VERSION_MIN), Some(VERSION_MAX));
            let farewell = Goodbye { version_min, version_max, ..Goodbye::new(Code::VERSION) };
            return self.close_with(token, farewell);
        }
        let since_ms = self.now.mono_ms();
        let Some(connection) = self.connections.get_mut(token) else { return };
        let bits = hello.capabilities.unwrap_or_default();
        connection.greet(since_ms, bits);
        let allowances = self.settings.allowances.told_to(connection.peer());
        let link_base = self.settings.links.told_to(connection.peer());
        self.connections.arm(token, since_ms + self.settings.deadlines.join_ms);
        let of = |is_in_use: bool, bit: u32| if is_in_use { bit } else { 0 };
        let in_use = CAPABILITY_STATS
            | CAPABILITY_LARGE_DATA
            | of(self.settings.has_operators, CAPABILITY_OPERATORS)
            | of(self.settings.asks_password, CAPABILITY_PASSWORD);
        let ack = HelloAck {
            version,
            capabilities: hello.capabilities.map(|bits| bits & in_use).filter(|it| *it != 0),
            software: Note::new(concat!("chatshelf-server ", env!("CARGO_PKG_VERSION"))).ok(),
            file_bytes_max: self.settings.file_bytes_max,
            shelf_items_max: self.room.shelf().keep() as u32,
            transfers_max: limits::MEMBER_TRANSFERS_MAX as u32,
            history_max: self.settings.history_max,
            allowances,
            deadlines: self.settings.deadlines.told(),
            link_base,
        };
        self.send(token, &ack);
    }

    fn tell(&mut self, token: Token, from: Nick, Tell { id, to, text }: Tell) {
        if !self.may_say(token, Tell::KIND, id) {
            return;
        }
        let refused = |code| Refused { id: Some(id), ..Refused::new(code, Tell::KIND) };
        let Some(receiver) = self.room.find(&to) else {
            return self.refuse(token, &refused(Code::NO_SUCH_MEMBER));
        };
        let told = Told { at: self.now.at, from, to: receiver.nick().clone(), id, text };
        // The receiver may be absent for a moment.
        let receiver = receiver.session().and_then(|session| self.connection_of(session));
        if receiver != Some(token) {
            let Some(receiver) = receiver.filter(|&receiver| self.has_room_for_reply(receiver))
            else {
                return self.refuse(token, &refused(Code::MEMBER_BUSY));
            };
            self.send(receiver, &told);
        }
        self.send(token, &told);
    }

    /// Returns true if the replies queued for a connection, after another attempt to flush them,
    /// leave room for more: one member must not be able to bury another.
    pub(super) fn has_room_for_reply(&mut self, token: Token) -> bool {
        let is_free = |engine: &Self| {
            engine.connections.get(token).is_some_and(Connection::has_room_for_reply)
        };
        if !is_free(self) {
            self.flush(token);
        }
        is_free(self)
    }

    fn rename(&mut self, token: Token, to: Nick) {
        if !self.may_change(token, Rename::KIND) {
            return;
        }
        self.refuse_wanted(token);
        if let Err(why) = to.check_new() {
            return self.refuse_new_nick(token, Rename::KIND, &why);
        }
        if self.is_nick_banned(&to) {
            return self.refuse(token, &Refused::new(Code::BANNED, Rename::KIND));
        }
        match self.claim(self.session_of(token), &to) {
            Claim::Awaited if self.rename_later(token, to.clone()) => {}
            // If the nick is taken, the room refuses it.
            Claim::Free | Claim::Awaited | Claim::Taken => self.propose_nick(token, to),
        }
    }

    /// Refuses a nick that can be decoded but is not allowed (PROTOCOL.md, "Text").
    pub(super) fn refuse_new_nick(&mut self, token: Token, about: u8, why: &TextError) {
        if self.count_refusal(token, about).is_some() {
            let detail = Note::new(&why.to_string()).ok();
            self.refuse(token, &Refused { detail, ..Refused::new(Code::NICK_INVALID, about) });
        }
    }

    /// Refuses a nick that someone else has, and suggests another, up to a limit for each
    /// connection.
    pub(super) fn refuse_nick(&mut self, token: Token, about: u8, nick: &Nick) {
        let Some(refusals) = self.count_refusal(token, about) else { return };
        let salt = token.to_mio() as u64 ^ u64::from(refusals);
        let may_suggest = refusals <= limits::SUGGESTIONS_MAX;
        let suggestion = may_suggest.then(|| self.room.suggest(nick, salt)).flatten();
        self.refuse(token, &Refused { suggestion, ..Refused::new(Code::NICK_TAKEN, about) });
    }

    /// Counts a refused nick; returns the number of refusals on this connection. Returns `None` if
    /// too many of its `Join`s were refused: it has been closed.
    pub(super) fn count_refusal(&mut self, token: Token, about: u8) -> Option<u8> {
        let refusals = self.connections.get_mut(token)?.count_refusal()?;
        if about != Join::KIND || refusals <= limits::REFUSED_JOINS_MAX {
            return Some(refusals);
        }
        let limit = Some(u64::from(limits::REFUSED_JOINS_MAX));
        self.close_with(token, Goodbye { limit, ..Goodbye::new(Code::TOO_MANY_REFUSALS) });
        None
    }

    /// Answers a frame that cannot be decoded: invalid text is refused, anything else ends the
    /// connection.
    fn handle_decode_error(
        &mut self,
        token: Token,
        header: Header,
        value: &[u8],
        why: &DecodeError,
    ) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        log::debug!("{}: frame {:#04x}: {why}", connection.peer(), header.kind);
        let may_speak = match connection.phase().step() {
            Step::Joined => header.kind != Join::KIND,
            Step::Greeted => header.kind == Join::KIND,
            _ => header.kind == Hello::KIND,
        };
        match why {
            // Data frames reach this point only before a join.
            DecodeError::UnknownType(DATA) => self.close(token, Code::UNEXPECTED),
            DecodeError::UnknownType(_) if header.is_skippable() => {}
            DecodeError::UnknownType(_) => self.close(token, Code::UNKNOWN_TYPE),
            DecodeError::Text(..) if !may_speak => self.close(token, Code::UNEXPECTED),
            DecodeError::Text(tag, text) if header.kind != Hello::KIND => {
                let (code, limit) = text_refusal(*tag, text);
                let (id, transfer) = what_it_was_about(header, value);
                let detail = Note::new(&text.to_string()).ok();
                if let Some(transfer) = transfer
                    && !self.accept_number(token, transfer)
                {
                    return;
                }
                if *tag == Tag::NICK && self.count_refusal(token, header.kind).is_none() {
                    return;
                }
                let refusal = Refused::new(code, header.kind);
                self.refuse(token, &Refused { limit, id, transfer, detail, ..refusal });
            }
            _ => {
                let detail = Some(Note::lossy(&why.to_string()));
                self.close_with(token, Goodbye { detail, ..Goodbye::new(Code::MALFORMED) });
            }
        }
    }
}

fn text_refusal(tag: Tag, why: &TextError) -> (Code, Option<u64>) {
    let limit = match why {
        TextError::TooLong { limit } => Some(*limit as u64),
        _ => None,
    };
    let code = match (tag, limit) {
        (Tag::NICK | Tag::TO, _) => Code::NICK_INVALID,
        (Tag::NAME, _) => Code::FILE_NAME_INVALID,
        (_, Some(_)) => Code::TEXT_TOO_LONG,
        (_, None) => Code::TEXT_INVALID,
    };
    (code, limit)
}

/// Returns the message or transfer that a frame is about, whatever else is wrong with it.
fn what_it_was_about(header: Header, value: &[u8]) -> (Option<MessageId>, Option<TransferId>) {
    let Ok(fields) = Fields::parse(value) else { return (None, None) };
    match header.kind {
        Say::KIND | Tell::KIND => (fields.optional(Tag::MESSAGE_ID).ok().flatten(), None),
        UploadOffer::KIND => (None, fields.optional(Tag::TRANSFER).ok().flatten()),
        _ => (None, None),
    }
}
