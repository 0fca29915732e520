//! What the server's frames do to a session: which may come when, and what follows from each.
//! Sends nothing but the answers the protocol asks for, and, once back, what was kept to be sent.

use chatshelf_common::id::{Seq, UnixMillis};
use chatshelf_common::limits::{VERSION_MAX, VERSION_MIN};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::field::{Fields, Tag};
use chatshelf_common::wire::frame::{
    AllowanceKind, Gap, Goodbye, HelloAck, Join, Refused, Snapshot, UploadStored, Welcome,
};
use chatshelf_common::wire::{
    Code, DecodeError, Deframer, Event, Frame, Header, ServerFrame, Unit,
};

use super::Session;
use super::event::{Loss, SessionError, SessionEvent, When};
use super::log_position::Continuity;
use super::phase::Phase;
use super::server_limits::ServerLimits;
use crate::lang::{self, tr};

/// `Join`s that are refused in a row before we wait and connect again.
const REFUSALS_MAX: u32 = 10;
/// `Ping`s that a server may send without taking the answers.
const PONGS_OWED_MAX: u64 = 10_000;

impl Session {
    pub(super) fn handle_units(
        &mut self,
        deframer: &mut Deframer,
        bytes: &mut &[u8],
    ) -> Result<(), SessionError> {
        while self.phase != Phase::Over
            && !self.is_offline()
            && let Some(unit) = deframer.next(bytes)?
        {
            match unit {
                Unit::Control { header, value } => self.handle_frame(header, value)?,
                Unit::Chunk { transfer, offset, bytes } => {
                    self.transfers.data(transfer, offset, bytes).map_err(unexpected)?;
                }
            }
        }
        Ok(())
    }

    fn handle_frame(&mut self, header: Header, value: &[u8]) -> Result<(), SessionError> {
        let is_event = (0xC0..=0xCF).contains(&header.kind);
        let done = if is_event {
            Event::decode(header.kind, value).map(|event| self.handle_event(event))
        } else {
            ServerFrame::decode(header.kind, value).map(|frame| self.handle_server_frame(frame))
        };
        match done {
            Ok(done) => done,
            Err(DecodeError::UnknownType(kind)) if header.is_skippable() => {
                log::debug!("skipped a frame of type {kind:#04x}");
                if is_event { self.pass_event(value) } else { Ok(()) }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// An event that this version does not know still has its place in the log.
    fn pass_event(&mut self, value: &[u8]) -> Result<(), SessionError> {
        let fields = Fields::parse(value)?;
        if let Some(seq) = fields.optional::<Seq>(Tag::SEQ)? {
            let at = fields.optional::<UnixMillis>(Tag::AT).unwrap_or_default();
            self.room.pass(seq).map_err(unexpected)?;
            self.seen.event(seq, at);
            self.settle_if_caught_up();
        }
        Ok(())
    }

    fn handle_server_frame(&mut self, frame: ServerFrame) -> Result<(), SessionError> {
        let in_room = !matches!(self.phase, Phase::Greeting | Phase::Joining | Phase::Choosing);
        match frame {
            ServerFrame::HelloAck(ack) => return self.handle_ack(ack),
            ServerFrame::ServerPing(_) => {
                if self.out.pong() > PONGS_OWED_MAX {
                    return Err(SessionError::Unexpected("more pings than it takes answers"));
                }
            }
            ServerFrame::ServerPong(_) => self.handle_pong(),
            ServerFrame::Goodbye(goodbye) => self.handle_goodbye(goodbye),
            // Also after a leave that was said while the join was under way.
            ServerFrame::Welcome(welcome)
                if matches!(self.phase, Phase::Joining | Phase::Leaving) =>
            {
                return self.handle_welcome(welcome);
            }
            ServerFrame::Snapshot(snapshot) if in_room => return self.handle_snapshot(snapshot),
            ServerFrame::Gap(gap) if in_room => return self.handle_gap(gap),
            ServerFrame::Refused(refused) if self.phase != Phase::Greeting => {
                return self.handle_refused(refused);
            }
            ServerFrame::Told(told) if in_room => {
                if self.is_own(&told.from) {
                    self.pending.told(told.id);
                }
                self.events.push_back(SessionEvent::Told(told));
            }
            ServerFrame::Stats(stats) if in_room => return self.handle_stats(stats),
            ServerFrame::Bans(bans) if in_room => return self.handle_bans(bans),
            ServerFrame::UploadReady(ready) if in_room => {
                self.transfers.upload_ready(&ready).map_err(unexpected)?;
            }
            ServerFrame::UploadStored(stored) if in_room => return self.handle_stored(&stored),
            ServerFrame::DownloadReady(ready) if in_room => {
                let on_shelf = self.room.item(ready.item.id);
                let told = self.transfers.download_ready(ready, on_shelf, &mut self.out);
                self.events.extend(told.map_err(unexpected)?);
                self.start_transfers();
            }
            _ => return Err(SessionError::Unexpected("a frame that may not come now")),
        }
        Ok(())
    }

    /// True for our nick, and for the one we are about to have: `Told` may overtake `Renamed`.
    fn is_own(&self, nick: &Nick) -> bool {
        let is_strange = || !self.room.members().any(|member| member == nick);
        *nick == self.nick || (self.pending.is_renaming() && is_strange())
    }

    fn handle_ack(&mut self, ack: HelloAck) -> Result<(), SessionError> {
        if self.phase != Phase::Greeting {
            return Err(SessionError::Unexpected("a second HelloAck"));
        }
        if !(VERSION_MIN..=VERSION_MAX).contains(&ack.version) {
            return Err(SessionError::Unexpected("a version we did not offer"));
        }
        let rate_of = |kind| {
            let told = ack.allowances.iter().find(|allowance| allowance.kind == kind);
            told.map(|allowance| allowance.rate)
        };
        self.pace.set(rate_of(AllowanceKind::LINES), rate_of(AllowanceKind::CHANGES));
        let limits = ServerLimits::from(ack);
        self.events.push_back(SessionEvent::Greeted(limits.clone()));
        self.limits = Some(limits);
        self.go(Phase::Joining);
        Ok(())
    }

    /// The sender of a `Ping` after a gap learns that all before it was handled.
    fn handle_pong(&mut self) {
        let number = self.heartbeat.pong();
        self.rtt.pong(number, self.heartbeat.heard_at());
        if self.heartbeat.passes_barrier() {
            self.pending.handled();
        }
    }

    fn handle_goodbye(&mut self, goodbye: Goodbye) {
        if self.comes_back_after(goodbye.code) {
            return self.lose(Loss::Goodbye(goodbye), self.heartbeat.heard_at());
        }
        self.end();
        self.events.push_back(SessionEvent::Goodbye(goodbye));
    }

    fn handle_welcome(&mut self, welcome: Welcome) -> Result<(), SessionError> {
        self.room.welcome(welcome.seq, welcome.from).map_err(unexpected)?;
        self.nick = welcome.nick.clone();
        self.membership.welcome(welcome.resume);
        if self.seen.is_blank() {
            self.seen.welcome(&welcome, self.history != Some(0));
        } else {
            self.welcome = Some(welcome);
        }
        self.entry_by = None;
        if self.phase == Phase::Joining {
            self.go(Phase::Arriving);
        }
        Ok(())
    }

    fn handle_snapshot(&mut self, part: Snapshot) -> Result<(), SessionError> {
        if !self.room.snapshot(part).map_err(unexpected)? {
            return Ok(());
        }
        if self.phase == Phase::Arriving {
            self.arrive();
        }
        if let Some(Gap { from, to, .. }) = self.gap.take() {
            self.events.push_back(SessionEvent::Gap { from, to });
        }
        self.pending.shelved(self.room.newest_item());
        for item in self.room.shelf() {
            let ended = self.transfers.seen_on_shelf(item, &self.nick, &mut self.out);
            self.events.extend(ended);
        }
        self.settle_if_caught_up();
        Ok(())
    }

    /// The first snapshot on a connection is whole: we are in the room.
    fn arrive(&mut self) {
        let is_first = self.membership.hold();
        self.go(if is_first { Phase::Joined } else { Phase::CatchingUp });
        self.reached();
        let (nick, seq) = (self.nick.clone(), self.room.seq());
        self.events.push_back(if is_first {
            SessionEvent::JoinedRoom { nick, seq }
        } else {
            self.pending.forget_stored();
            self.returns += 1;
            SessionEvent::Back { nick, seq }
        });
        let wants_history = self.history != Some(0);
        match self.welcome.take().map(|welcome| self.seen.welcome(&welcome, wants_history)) {
            Some(Continuity::Missed { from, to }) => {
                self.events.push_back(SessionEvent::Missed { from, to });
            }
            Some(Continuity::Rewound { from }) => {
                self.events.push_back(SessionEvent::Rewound { from });
            }
            Some(Continuity::Exact) | None => {}
        }
    }

    fn handle_gap(&mut self, gap: Gap) -> Result<(), SessionError> {
        self.room.gap(&gap).map_err(unexpected)?;
        self.seen.gap(gap.to);
        self.nick = gap.nick.clone();
        if self.pending.gap() {
            let ping = self.ping();
            self.heartbeat.set_barrier(ping);
        }
        self.gap = Some(gap);
        Ok(())
    }

    fn handle_stored(&mut self, stored: &UploadStored) -> Result<(), SessionError> {
        let ended = self.transfers.upload_stored(stored, &mut self.out).map_err(unexpected)?;
        if let Some(ended) = ended {
            self.pending.stored(stored.item);
            self.pending.shelved(self.room.newest_item());
            self.events.push_back(ended);
            self.start_transfers();
        }
        Ok(())
    }

    fn handle_event(&mut self, event: Event) -> Result<(), SessionError> {
        self.room.event(&event).map_err(unexpected)?;
        let seq = event.seq();
        self.seen.event(seq, Some(event.at()));
        let when = self.seen.when(seq, self.room.snapshot_seq());
        if when == Some(When::Live) {
            self.note_live(&event);
        } else if let (Event::Said(said), Some(When::Away)) = (&event, when) {
            self.pending.said_while_away(said);
        }
        if let Event::Shelved(shelved) = &event {
            let item = &shelved.item;
            let ended = self.transfers.seen_on_shelf(item, &self.nick, &mut self.out);
            self.events.extend(ended);
        }
        if let Some(when) = when {
            self.events.push_back(SessionEvent::Happened { event, when });
        }
        self.settle_if_caught_up();
        Ok(())
    }

    /// A live event may be the answer to a command of ours.
    fn note_live(&mut self, event: &Event) {
        match event {
            Event::Said(said) if said.nick == self.nick => self.pending.said(said.id),
            Event::TopicChanged(change) if change.nick == self.nick => {
                self.pending.topic_changed();
            }
            Event::Renamed(renamed) if renamed.nick == self.nick => {
                self.nick = renamed.to.clone();
                self.pending.renamed();
            }
            Event::Shelved(_) => self.pending.shelved(self.room.newest_item()),
            Event::Dropped(dropped) => self.pending.dropped(dropped.item),
            Event::Moderated(it) => self.note_moderated(it),
            _ => {}
        }
    }

    fn handle_refused(&mut self, refused: Refused) -> Result<(), SessionError> {
        if let Some(transfer) = refused.transfer {
            let told = self.transfers.refused(refused, transfer, self.now, &mut self.out);
            self.events.extend(told.map_err(unexpected)?);
            self.start_transfers();
            return Ok(());
        }
        if self.phase == Phase::Joining && refused.about == Join::KIND {
            match refused.code {
                Code::PASSWORD_NEEDED | Code::PASSWORD_WRONG => {
                    self.handle_password_refused(refused.code);
                }
                code => self.handle_nick_refused(code, refused.suggestion),
            }
            return Ok(());
        }
        self.note_bans_refused(&refused);
        if self.is_told_already(&refused) || self.is_only_for_now(&refused) {
            return Ok(());
        }
        let command = self.pending.refused(&refused);
        // "Already said" confirms a message as well as its echo does.
        if refused.code != Code::ALREADY_SAID {
            self.events.push_back(SessionEvent::Refused(refused, command));
        }
        Ok(())
    }

    /// True if what was refused may be sent again later, and will be: nothing is lost, so there is
    /// nothing to tell.
    fn is_only_for_now(&mut self, refused: &Refused) -> bool {
        let Some(retry_ms) = refused.retry_ms else { return false };
        let Some(pacing) = self.pending.take_back(refused) else { return false };
        let now_ms = self.ms(self.now);
        self.pace.refused(pacing, u64::from(retry_ms), now_ms);
        true
    }

    /// A first nick is for the front to choose; one that we come back with is replaced.
    fn handle_nick_refused(&mut self, code: Code, suggestion: Option<Nick>) {
        let nick = self.nick.clone();
        if self.membership.resume().is_none() {
            self.go(Phase::Choosing);
            self.events.push_back(SessionEvent::NickRefused { nick, code, suggestion });
            return;
        }
        self.refusals += 1;
        let other = self.other_nick(code, suggestion);
        match other.filter(|_| self.refusals <= REFUSALS_MAX) {
            Some(by) => {
                self.nick = by.clone();
                self.events.push_back(SessionEvent::NickReplaced { nick, code, by });
                self.join();
            }
            None => {
                let now = self.heartbeat.heard_at();
                let why = lang::text(code.meaning());
                self.lose(Loss::Link(tr!("the name {nick}: {why}", nick, why)), now);
            }
        }
    }

    /// Back, and with all seen that happened meanwhile: it is known what has arrived and what has
    /// not, and all that waits can be sent.
    fn settle_if_caught_up(&mut self) {
        if self.phase != Phase::CatchingUp || !self.room.is_caught_up() {
            return;
        }
        self.go(Phase::Joined);
        let unanswered = self.pending.settle(&self.nick, self.room.topic(), self.room.shelf());
        self.events.extend(unanswered.into_iter().map(SessionEvent::Unanswered));
        self.send_pending();
        self.start_transfers();
    }
}

fn unexpected(what: &'static str) -> SessionError {
    SessionError::Unexpected(what)
}
