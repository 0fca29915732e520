//! What the server's frames do to a session: which may come when, and what follows from each.
//! Owns no state of its own and sends nothing but the answers the protocol asks for.

use chatshelf_common::limits::{VERSION_MAX, VERSION_MIN};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::field::{Fields, Tag};
use chatshelf_common::wire::frame::{HelloAck, Join, Pong, Refused, Snapshot};
use chatshelf_common::wire::{DecodeError, Deframer, Event, Frame, Header, ServerFrame, Unit};

use super::event::{ServerLimits, SessionError, SessionEvent, When};
use super::{Phase, Session};

impl Session {
    pub(super) fn handle_units(
        &mut self,
        deframer: &mut Deframer,
        bytes: &mut &[u8],
    ) -> Result<(), SessionError> {
        while self.phase != Phase::Over
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
                // An event this version does not know still has its place in the log.
                if is_event && let Some(seq) = Fields::parse(value)?.optional(Tag::SEQ)? {
                    self.room.pass(seq).map_err(unexpected)?;
                }
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn handle_server_frame(&mut self, frame: ServerFrame) -> Result<(), SessionError> {
        let in_room = !matches!(self.phase, Phase::Greeting | Phase::Joining | Phase::Choosing);
        match frame {
            ServerFrame::HelloAck(ack) => return self.handle_ack(ack),
            ServerFrame::ServerPing(_) => self.out.control(&Pong {}),
            ServerFrame::ServerPong(_) => {}
            ServerFrame::Goodbye(goodbye) => {
                self.events.extend(self.transfers.abandon(&mut self.out));
                self.events.push_back(SessionEvent::Goodbye(goodbye));
                self.phase = Phase::Over;
            }
            ServerFrame::Welcome(welcome) if matches!(self.phase, Phase::Joining) => {
                self.nick = welcome.nick;
                self.room.welcome(welcome.seq);
                self.phase = Phase::Arriving;
            }
            // A leave that was said while the join was under way.
            ServerFrame::Welcome(welcome) if self.phase == Phase::Leaving => {
                self.nick = welcome.nick;
                self.room.welcome(welcome.seq);
            }
            ServerFrame::Snapshot(snapshot) if in_room => return self.handle_snapshot(snapshot),
            ServerFrame::Gap(gap) if in_room => {
                self.room.gap(&gap).map_err(unexpected)?;
                self.nick = gap.nick.clone();
                self.gap = Some((gap, self.pending.gap()));
            }
            ServerFrame::Refused(refused) if self.phase != Phase::Greeting => {
                return self.handle_refused(refused);
            }
            ServerFrame::Told(told) if in_room => {
                if self.is_own(&told.from) {
                    self.pending.told(told.id);
                }
                self.events.push_back(SessionEvent::Told(told));
            }
            ServerFrame::UploadReady(ready) if in_room => {
                self.transfers.upload_ready(&ready).map_err(unexpected)?;
            }
            ServerFrame::UploadStored(stored) if in_room => {
                let ended = self.transfers.upload_stored(&stored, &mut self.out);
                if let Some(ended) = ended.map_err(unexpected)? {
                    self.pending.stored(stored.item);
                    self.pending.shelved(self.room.newest_item());
                    self.events.push_back(ended);
                    self.start_transfers();
                }
            }
            ServerFrame::DownloadReady(ready) if in_room => {
                self.transfers.download_ready(ready).map_err(unexpected)?;
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
        let limits = ServerLimits {
            version: ack.version,
            software: ack.software,
            file_bytes_max: ack.file_bytes_max,
            shelf_items_max: ack.shelf_items_max,
            transfers_max: ack.transfers_max,
            history_max: ack.history_max,
        };
        self.events.push_back(SessionEvent::Greeted(limits.clone()));
        self.limits = Some(limits);
        self.phase = Phase::Joining;
        Ok(())
    }

    fn handle_snapshot(&mut self, part: Snapshot) -> Result<(), SessionError> {
        if !self.room.snapshot(part).map_err(unexpected)? {
            return Ok(());
        }
        self.pending.shelved(self.room.newest_item());
        if let Some((gap, unconfirmed)) = self.gap.take() {
            let (from, to) = (gap.from, gap.to);
            self.events.push_back(SessionEvent::Gap { from, to, unconfirmed });
        } else if self.phase == Phase::Arriving {
            self.phase = Phase::Joined;
            let (nick, seq) = (self.nick.clone(), self.room.seq());
            self.events.push_back(SessionEvent::JoinedRoom { nick, seq });
        }
        Ok(())
    }

    fn handle_event(&mut self, event: Event) -> Result<(), SessionError> {
        let when = self.room.event(&event).map_err(unexpected)?;
        if when == When::Live {
            match &event {
                Event::Said(said) if said.nick == self.nick => self.pending.said(said.id),
                Event::TopicChanged(change) if change.nick == self.nick => {
                    self.pending.topic_changed();
                }
                Event::Renamed(renamed) if renamed.nick == self.nick => {
                    self.nick = renamed.to.clone();
                    self.pending.renamed();
                }
                Event::Shelved(_) => self.pending.shelved(self.room.newest_item()),
                _ => {}
            }
        }
        self.events.push_back(SessionEvent::Happened { event, when });
        Ok(())
    }

    fn handle_refused(&mut self, refused: Refused) -> Result<(), SessionError> {
        if let Some(transfer) = refused.transfer {
            let ended = self.transfers.refused(refused, transfer, &mut self.out);
            self.events.extend(ended.map_err(unexpected)?);
            self.start_transfers();
            return Ok(());
        }
        if self.phase == Phase::Joining && refused.about == Join::KIND {
            self.phase = Phase::Choosing;
            let (nick, code) = (self.nick.clone(), refused.code);
            let suggestion = refused.suggestion;
            self.events.push_back(SessionEvent::NickRefused { nick, code, suggestion });
            return Ok(());
        }
        self.pending.refused(&refused);
        self.events.push_back(SessionEvent::Refused(refused));
        Ok(())
    }
}

fn unexpected(what: &'static str) -> SessionError {
    SessionError::Unexpected(what)
}
