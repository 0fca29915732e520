//! The session: one membership of the room, from `Hello` to `Goodbye`, as a state machine.
//!
//! Owns protocol state, the room as seen so far and the transfers. Never touches a socket, a
//! file or a clock: bytes come in by [`Session::handle_bytes`], bytes to send are shown by
//! [`Session::output`], file content is asked for by [`Session::poll_file_request`], and what
//! happened is told by [`Session::poll_event`]. Every front drives the same session.

mod event;
mod incoming;
mod outgoing;
mod pending;
mod room;
mod transfers;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chatshelf_common::id::{ItemId, MessageId, TransferId};
use chatshelf_common::limits::{VERSION_MAX, VERSION_MIN};
use chatshelf_common::text::{FileName, Message, Nick, Note, Topic};
use chatshelf_common::wire::Deframer;
use chatshelf_common::wire::frame::{
    Gap, Hello, Join, Leave, MAGIC, Ping, Rename, Say, SetTopic, Style, Tell,
};

pub use event::{
    BLOCK_BYTES, BLOCKS_IN_FLIGHT_MAX, CommandError, Direction, FileReply, FileRequest, Outcome,
    ServerLimits, SessionError, SessionEvent, Stage, TransferStatus, When,
};
pub use room::Room;

use outgoing::Outgoing;
use pending::Pending;
use transfers::Transfers;

/// Silence after which the server is asked for a sign of life.
const PING_AFTER: Duration = Duration::from_secs(60);
/// Silence after which the server is taken for gone (PROTOCOL.md, "Phases and deadlines").
const SILENCE_MAX: Duration = Duration::from_secs(150);
/// The same before the server has said a first word.
const GREETING_MAX: Duration = Duration::from_secs(30);

/// What a client asks for when it joins.
#[derive(Clone, Debug)]
pub struct Config {
    /// The nick asked for.
    pub nick: Nick,
    /// Lines of history: 0 for none, [`chatshelf_common::limits::HISTORY_ALL`] for all; `None`
    /// leaves it to the server.
    pub history: Option<u32>,
}

/// Where the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// `Hello` and `Join` are sent.
    Greeting,
    /// `HelloAck` has come; `Join` is not answered.
    Joining,
    /// The nick was refused; [`Session::rejoin`] is awaited.
    Choosing,
    /// `Welcome` has come; the snapshot is not whole.
    Arriving,
    Joined,
    /// `Leave` is sent.
    Leaving,
    /// `Goodbye` has come.
    Over,
}

/// One membership of the room.
#[derive(Debug)]
pub struct Session {
    deframer: Deframer,
    phase: Phase,
    limits: Option<ServerLimits>,
    nick: Nick,
    history: Option<u32>,
    room: Room,
    pending: Pending,
    transfers: Transfers,
    out: Outgoing,
    events: VecDeque<SessionEvent>,
    /// When the server last sent something, or could not be heard for our own backpressure.
    heard_at: Instant,
    pinged: bool,
    /// The gap whose snapshot is not whole yet, with the messages it leaves unconfirmed.
    gap: Option<(Gap, usize)>,
}

impl Session {
    /// A session about to send `Hello` and `Join`.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        let Config { nick, history } = config;
        let mut out = Outgoing::default();
        out.control(&Hello {
            magic: MAGIC,
            version_min: VERSION_MIN,
            version_max: VERSION_MAX,
            capabilities: None,
            software: Some(Note::lossy(concat!("chatshelf ", env!("CARGO_PKG_VERSION")))),
        });
        out.control(&Join { nick: nick.clone(), history });
        Self {
            deframer: Deframer::joined(),
            phase: Phase::Greeting,
            limits: None,
            nick,
            history,
            room: Room::empty(),
            pending: Pending::default(),
            transfers: Transfers::default(),
            out,
            events: VecDeque::new(),
            heard_at: now,
            pinged: false,
            gap: None,
        }
    }

    /// Our nick: the one asked for, once joined the one held.
    #[must_use]
    pub fn nick(&self) -> &Nick {
        &self.nick
    }

    /// The room as seen so far.
    #[must_use]
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// The server's limits, once greeted.
    #[must_use]
    pub fn limits(&self) -> Option<&ServerLimits> {
        self.limits.as_ref()
    }

    /// True from the whole snapshot until [`Session::leave`] or the end.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.phase == Phase::Joined
    }

    /// True once the server has said `Goodbye`: nothing more will come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Commands of ours that wait for receipt or refusal.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.pending.count()
    }

    /// Running and queued transfers, by number.
    pub fn transfers(&self) -> impl Iterator<Item = TransferStatus> {
        self.transfers.statuses()
    }

    /// Running and queued transfers, and stored uploads that the room has not shown yet.
    #[must_use]
    pub fn transfers_outstanding(&self) -> usize {
        self.transfers.count() + self.pending.unshelved()
    }

    /// Uploads that run or wait, and stored ones that the room has not shown yet.
    #[must_use]
    pub fn uploads_outstanding(&self) -> usize {
        let is_upload = |status: &TransferStatus| status.direction == Direction::Upload;
        self.transfers.statuses().filter(is_upload).count() + self.pending.unshelved()
    }

    // What a front tells the server.

    /// Says something to the room; the receipt is the `Said` with our nick and this number.
    ///
    /// # Errors
    /// When not in the room.
    pub fn say(&mut self, text: Message, style: Style) -> Result<MessageId, CommandError> {
        self.joined()?;
        let id = self.pending.say();
        let style = (style != Style::SPEECH).then_some(style);
        self.out.control(&Say { id, text, style });
        Ok(id)
    }

    /// Says something to one member; the receipt is the `Told` with this number.
    ///
    /// # Errors
    /// When not in the room.
    pub fn tell(&mut self, to: Nick, text: Message) -> Result<MessageId, CommandError> {
        self.joined()?;
        let id = self.pending.tell();
        self.out.control(&Tell { id, to, text });
        Ok(id)
    }

    /// Asks for another nick; answered by `Renamed` or `Refused`.
    ///
    /// # Errors
    /// When not in the room, or it is our nick already.
    pub fn rename(&mut self, nick: Nick) -> Result<(), CommandError> {
        self.joined()?;
        if nick == self.nick {
            return Err(CommandError::SameNick);
        }
        self.pending.rename();
        self.out.control(&Rename { nick });
        Ok(())
    }

    /// Sets the topic, or clears it; answered by `TopicChanged` or `Refused`.
    ///
    /// # Errors
    /// When not in the room.
    pub fn set_topic(&mut self, topic: Option<Topic>) -> Result<(), CommandError> {
        self.joined()?;
        self.pending.set_topic();
        self.out.control(&SetTopic { topic });
        Ok(())
    }

    /// Begins an upload of `size` bytes, or queues it behind those that run. The number is good
    /// for [`FileRequest`]s from then on.
    ///
    /// # Errors
    /// When not in the room, or the server would not take it.
    pub fn upload(&mut self, name: FileName, size: u64) -> Result<TransferId, CommandError> {
        let limit = self.transfer_limits()?.file_bytes_max;
        if size > limit {
            return Err(CommandError::FileTooLarge { limit });
        }
        let transfer = self.transfers.upload(name, size);
        self.start_transfers();
        Ok(transfer)
    }

    /// Begins a download, or queues it behind those that run. The item need not be on the shelf:
    /// the server then says whether it ever was.
    ///
    /// # Errors
    /// When not in the room, or the server allows no transfers.
    pub fn download(&mut self, item: ItemId) -> Result<TransferId, CommandError> {
        self.transfer_limits()?;
        let known = self.room.item(item).cloned();
        let transfer = self.transfers.download(item, known);
        self.start_transfers();
        Ok(transfer)
    }

    /// Ends a transfer; a [`SessionEvent::TransferEnded`] follows.
    ///
    /// # Errors
    /// When there is no such transfer, or it is being verified already.
    pub fn cancel(&mut self, transfer: TransferId) -> Result<(), CommandError> {
        let ended = self.transfers.cancel(transfer, &mut self.out)?;
        self.events.push_back(ended);
        self.start_transfers();
        Ok(())
    }

    /// Leaves: ends all transfers and asks for the `Goodbye`. Before the greeting, where nobody
    /// may leave yet, it does nothing.
    pub fn leave(&mut self) {
        if matches!(self.phase, Phase::Greeting | Phase::Leaving | Phase::Over) {
            return;
        }
        self.events.extend(self.transfers.abandon(&mut self.out));
        self.out.control(&Leave {});
        self.phase = Phase::Leaving;
    }

    /// Asks for another nick after [`SessionEvent::NickRefused`]; otherwise does nothing.
    pub fn rejoin(&mut self, nick: Nick) {
        if self.phase == Phase::Choosing {
            self.nick = nick.clone();
            self.out.control(&Join { nick, history: self.history });
            self.phase = Phase::Joining;
        }
    }

    fn joined(&self) -> Result<(), CommandError> {
        if self.is_joined() { Ok(()) } else { Err(CommandError::NotJoined) }
    }

    fn transfer_limits(&self) -> Result<&ServerLimits, CommandError> {
        self.joined()?;
        let limits = self.limits.as_ref().ok_or(CommandError::NotJoined)?;
        if limits.transfers_max == 0 { Err(CommandError::NoTransfers) } else { Ok(limits) }
    }

    fn start_transfers(&mut self) {
        let max = self.limits.as_ref().map_or(0, |limits| limits.transfers_max);
        self.events.extend(self.transfers.start(max, &mut self.out));
        self.transfers.trim();
    }

    // What comes out.

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// The next thing wanted of the file keeper.
    pub fn poll_file_request(&mut self) -> Option<FileRequest> {
        self.transfers.requests.pop_front()
    }

    /// The next bytes to send, in one or two slices (for a vectored write); both empty when
    /// there is nothing to send.
    pub fn output(&mut self) -> [&[u8]; 2] {
        self.out.peek()
    }

    /// True when there is something to send.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// Bytes of control frames not yet sent: a front stops taking commands when they pile up.
    #[must_use]
    pub fn control_bytes(&self) -> usize {
        self.out.control_bytes()
    }

    /// Notes that the first `count` bytes of what [`Session::output`] just showed are sent.
    pub fn advance_output(&mut self, count: usize) {
        if let Some(frame) = self.out.advance(count) {
            self.transfers.frame_sent(frame, &mut self.out);
        }
    }

    /// False while a download waits for the file keeper: the socket must not be read then, and
    /// never more than [`BLOCK_BYTES`] at a time.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.transfers.wants_input()
    }

    /// When [`Session::handle_timeout`] is to be called at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Over => None,
            Phase::Greeting => Some(self.heard_at + GREETING_MAX),
            _ if self.pinged => Some(self.heard_at + SILENCE_MAX),
            _ => Some(self.heard_at + PING_AFTER),
        }
    }

    // What comes in.

    /// The connection stands: the server's silence counts from now on.
    pub fn handle_connected(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// Looks at the clock: asks a silent server for a sign of life.
    ///
    /// # Errors
    /// When it has been silent for too long.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), SessionError> {
        if self.phase == Phase::Over {
            return Ok(());
        }
        if !self.wants_input() {
            self.heard_at = now;
        }
        let silence = now.saturating_duration_since(self.heard_at);
        let greeting = self.phase == Phase::Greeting;
        if silence >= if greeting { GREETING_MAX } else { SILENCE_MAX } {
            return Err(SessionError::Silent { seconds: silence.as_secs() });
        }
        if silence >= PING_AFTER && !self.pinged {
            self.pinged = true;
            self.out.control(&Ping {});
        }
        Ok(())
    }

    /// Takes the file keeper's answer.
    pub fn handle_file_reply(&mut self, reply: FileReply) {
        let ended = self.transfers.file_reply(reply, &mut self.out);
        if ended.is_some() {
            self.events.extend(ended);
            self.start_transfers();
        }
    }

    /// Takes bytes from the server, cut anywhere.
    ///
    /// # Errors
    /// When the server breaks the protocol. The session is over then; close the connection.
    pub fn handle_bytes(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), SessionError> {
        self.heard_at = now;
        self.pinged = false;
        let mut deframer = std::mem::replace(&mut self.deframer, Deframer::joined());
        let result = self.handle_units(&mut deframer, &mut bytes);
        self.deframer = deframer;
        if result.is_err() {
            self.phase = Phase::Over;
        }
        result
    }
}
