//! The session: one membership of the room, from the first `Hello` to the last `Goodbye`, as a
//! state machine that outlives its connections.
//!
//! Owns protocol state, the room as seen so far, what we have said and not seen arrive, and the
//! transfers. Never touches a socket, a file or a clock, and is deterministic: a driver makes
//! connections when [`Session::wants_connection`] says so and tells how they fare
//! ([`Session::handle_connected`], [`Session::handle_lost`]); bytes come in by
//! [`Session::handle_bytes`], bytes to send are shown by [`Session::output`], file content is
//! asked for by [`Session::poll_file_request`], and what happened is told by
//! [`Session::poll_event`]. Every front drives the same session.
//!
//! Read `incoming` (what the server says), `connection` (losing it and coming back), `commands`
//! (what a front wants), then what they keep: `log_position`, `room`, `pending`, `transfers`,
//! `outgoing`.

mod backoff;
mod commands;
mod connection;
mod delivery;
mod event;
mod file;
mod heartbeat;
mod incoming;
mod log_position;
mod moderation;
mod outgoing;
mod pace;
mod passwords;
mod pending;
mod phase;
mod privacy;
mod room;
mod rtt;
mod server_limits;
mod stats;
mod transfers;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chatshelf_common::id::Seq;
use chatshelf_common::text::Nick;
use chatshelf_common::unsent::WriteEnd;
use chatshelf_common::wire::Deframer;
use chatshelf_common::wire::frame::{Gap, Welcome};

pub use commands::{BYTES_WAITING_MAX, COMMANDS_WAITING_MAX, TRANSFERS_WAITING_MAX};
pub use connection::{KEEPALIVE, KEEPALIVE_MAX};
pub use event::{
    CommandError, Direction, Loss, Outcome, PendingCommand, Restart, SessionError, SessionEvent,
    Stage, TransferHandle, TransferStatus, Unanswered, When,
};
pub use file::{BLOCK_BYTES, BLOCKS_IN_FLIGHT_MAX, FileReply, FileRequest};
pub use privacy::Privacy;
pub use room::Room;
pub use server_limits::ServerLimits;

use backoff::{Backoff, next_random};
use connection::Absence;
use delivery::Delivery;
use heartbeat::Heartbeat;
use log_position::LogPosition;
use moderation::BansQuery;
use outgoing::Outgoing;
use pace::{Pace, Pacing};
use passwords::Passwords;
use pending::Pending;
use phase::{Membership, Phase};
use rtt::Rtt;
use stats::StatsQuery;
use transfers::Transfers;

/// What a client asks for when it joins, and how it holds on to it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The nick asked for.
    pub nick: Nick,
    /// Lines of history: 0 for none, [`chatshelf_common::limits::HISTORY_ALL`] for all; `None`
    /// leaves it to the server.
    pub history: Option<u32>,
    /// Where message ids begin and what waits depend on: random, and another for each session.
    pub seed: u64,
    /// How it comes back when the connection breaks; `None` for a session that then ends.
    pub reconnect: Option<Reconnect>,
    /// It only sends or reads: nobody need be shown that it comes and goes.
    pub quiet: bool,
    /// Silence of either side after which the server is asked for a sign of life; at most
    /// [`KEEPALIVE_MAX`].
    pub keepalive: Duration,
}

/// How a session comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconnect {
    /// How long after a loss an attempt may begin; `None` for ever.
    pub give_up_after: Option<Duration>,
}

/// One membership of the room.
#[derive(Debug)]
pub struct Session {
    /// Times are counted from here.
    started: Instant,
    /// The latest time that it was told.
    now: Instant,
    phase: Phase,
    nick: Nick,
    history: Option<u32>,
    quiet: bool,
    keepalive: Duration,
    reconnect: Option<Reconnect>,

    // Of the connection.
    deframer: Deframer,
    out: Outgoing,
    heartbeat: Heartbeat,
    /// When the next step towards the room (the answer to `Join`, then a whole snapshot) must have
    /// been made, while one is awaited.
    entry_by: Option<Instant>,
    rtt: Rtt,
    stats: StatsQuery,
    bans: BansQuery,
    passwords: Passwords,
    delivery: Delivery,
    /// The gap whose snapshot is not whole yet.
    gap: Option<Gap>,
    /// The welcome to come back, while its snapshot is not whole.
    welcome: Option<Welcome>,
    /// When the room was reached.
    joined_at: Option<Instant>,
    /// `Join`s refused in a row on coming back.
    refusals: u32,

    // Of the membership.
    limits: Option<ServerLimits>,
    membership: Membership,
    seen: LogPosition,
    room: Room,
    pending: Pending,
    pace: Pace,
    transfers: Transfers,
    absence: Option<Absence>,
    /// Times that it has come back.
    returns: u32,
    backoff: Backoff,
    events: VecDeque<SessionEvent>,
}

impl Session {
    /// A session that wants its first connection.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        let Config { nick, history, mut seed, reconnect, quiet, keepalive } = config;
        let first_message = next_random(&mut seed);
        Self {
            started: now,
            now,
            phase: Phase::Offline { retry_at: now },
            nick,
            history,
            quiet,
            keepalive: keepalive.min(KEEPALIVE_MAX),
            reconnect,
            deframer: Deframer::joined(),
            out: Outgoing::default(),
            heartbeat: Heartbeat::new(now),
            entry_by: None,
            rtt: Rtt::default(),
            stats: StatsQuery::default(),
            bans: BansQuery::default(),
            passwords: Passwords::default(),
            delivery: Delivery::default(),
            gap: None,
            welcome: None,
            joined_at: None,
            refusals: 0,
            limits: None,
            membership: Membership::default(),
            seen: LogPosition::default(),
            room: Room::empty(),
            pending: Pending::new(first_message),
            pace: Pace::default(),
            transfers: Transfers::default(),
            absence: None,
            returns: 0,
            backoff: Backoff::new(seed),
            events: VecDeque::new(),
        }
    }

    /// Our nick: the one asked for, once joined the one held.
    #[must_use]
    pub fn nick(&self) -> &Nick {
        &self.nick
    }

    /// The room as seen so far; while there is no connection, as it was seen last.
    #[must_use]
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// The server's limits, once greeted.
    #[must_use]
    pub fn limits(&self) -> Option<&ServerLimits> {
        self.limits.as_ref()
    }

    /// True while in the room: from a whole snapshot until the connection breaks,
    /// [`Session::leave`] or the end.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.phase.is_in_room()
    }

    /// True once nothing more will come: the server has said goodbye, it has broken the protocol,
    /// or the connection is lost and we do not come back.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// How far the room log was seen, history included: up to and with this event.
    #[must_use]
    pub fn position(&self) -> Seq {
        self.seen.position()
    }

    /// Bytes that the session holds because of what the server has sent, about: the room, events
    /// that no front has taken, answers that the server has not taken, a frame that came in part.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.room.bytes()
            + self.events.capacity() * size_of::<SessionEvent>()
            + self.out.control_capacity()
            + self.deframer.partial_bytes()
    }

    /// Commands of ours that wait for being sent, or for receipt or refusal.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.pending.count()
    }

    /// Those of them that were never sent.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.pending.unsent()
    }

    /// All of them, in their order, and whether each was sent on this connection.
    pub fn pending_commands(&self) -> impl DoubleEndedIterator<Item = (&PendingCommand, bool)> {
        self.pending.commands()
    }

    /// Running and queued transfers.
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

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// The next thing wanted of the file keeper.
    pub fn poll_file_request(&mut self) -> Option<FileRequest> {
        self.transfers.poll_request()
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
    pub fn advance_output(&mut self, count: usize, now: Instant) {
        self.note_time(now);
        self.heartbeat.sent(now);
        if let Some(frame) = self.out.advance(count) {
            self.delivery.data_sent();
            self.transfers.frame_sent(frame, &mut self.out);
        }
    }

    /// True when what [`Session::output`] just showed should not be queued together with what
    /// follows, where the bound on what is unsent ([`Session::poll_unsent_limit`]) is looked at
    /// only between pieces of a queue.
    #[must_use]
    pub fn output_is_piece(&self) -> bool {
        self.out.is_piece()
    }

    /// Notes that `bytes` were written to the connection in one go, and whether it takes no more
    /// now.
    pub fn handle_written(&mut self, bytes: usize, is_blocked: bool, now: Instant) {
        let end = if is_blocked { WriteEnd::Blocked } else { WriteEnd::Paused };
        let now_us = now.saturating_duration_since(self.started).as_micros() as u64;
        self.out.note_written(bytes, end, now_us);
    }

    /// How many bytes the connection may hold unsent from now on, if that has changed: more of a
    /// file would be ahead of a line for too long.
    pub fn poll_unsent_limit(&mut self) -> Option<u32> {
        self.out.poll_unsent_limit()
    }

    /// False while a download waits for the file keeper: the socket must not be read then, and
    /// never more than [`BLOCK_BYTES`] at a time.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.transfers.wants_input()
    }

    /// Takes the file keeper's answer.
    pub fn handle_file_reply(&mut self, reply: FileReply) {
        if self.phase == Phase::Over {
            return;
        }
        let told = self.transfers.file_reply(reply, &mut self.out);
        if told.is_some() {
            self.events.extend(told);
            self.start_transfers();
        }
        self.check();
    }

    /// Takes bytes from the server, cut anywhere.
    ///
    /// Close the connection when the session [is over](Session::is_over) or
    /// [offline](Session::is_offline) afterwards: it has no more use for it.
    ///
    /// # Errors
    /// When the server breaks the protocol. The session is over then; close the connection.
    pub fn handle_bytes(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), SessionError> {
        self.note_time(now);
        self.heartbeat.heard(now);
        let mut deframer = std::mem::replace(&mut self.deframer, Deframer::joined());
        let result = self.handle_units(&mut deframer, &mut bytes);
        self.deframer = deframer;
        if result.is_err() {
            self.end();
        }
        if self.can_send() {
            self.send_pending();
        }
        self.check();
        result
    }

    fn note_time(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Milliseconds from the start of the session.
    fn ms(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.started).as_millis() as u64
    }

    /// Sends the commands that wait, as far as they may go now.
    fn send_pending(&mut self) {
        let now_ms = self.ms(self.now);
        let [lines, changes] =
            [Pacing::Line, Pacing::Change].map(|pacing| self.pending.in_flight(pacing));
        self.pace.settle(lines, changes, now_ms);
        let waits = self.pending.send(&mut self.out, &mut self.pace, now_ms);
        let told = self.pace.note_waiting(waits);
        self.events.extend(told.map(|rate| SessionEvent::Paced { rate }));
    }

    /// Takes the next step.
    fn go(&mut self, next: Phase) {
        debug_assert!(self.phase.may_become(next), "{:?} to {next:?}", self.phase);
        self.phase = next;
    }

    /// What holds after each step.
    fn check(&self) {
        let (phase, is_in_room) = (self.phase, self.phase.is_in_room());
        debug_assert!(!is_in_room || self.membership.is_held(), "{phase:?} without a membership");
        debug_assert!(!is_in_room || self.absence.is_none(), "{phase:?} and still away");
        debug_assert_eq!(is_in_room, self.joined_at.is_some() && !phase.is_ending());
        debug_assert!(self.membership.resume().is_none() || self.limits.is_some());
        let has_connection = !phase.is_offline() && phase != Phase::Over;
        debug_assert!(
            has_connection || (self.out.is_empty() && !self.transfers.need_connection()),
            "{phase:?} with something to send"
        );
        debug_assert!(has_connection || self.gap.is_none() && self.welcome.is_none());
        debug_assert!(phase != Phase::Over || self.transfers.count() == 0);
        debug_assert!(self.pending.unsent() <= self.pending.count());
        if cfg!(debug_assertions) {
            self.transfers.check();
        }
    }
}
