//! Connections as the session sees them: greeting on a new one, losing it, waiting, coming back.
//! Owns how long is waited and when it is given up; makes no connection itself.

use std::time::{Duration, Instant};

use chatshelf_common::limits::{VERSION_MAX, VERSION_MIN};
use chatshelf_common::text::Note;
use chatshelf_common::wire::frame::{
    CAPABILITY_LARGE_DATA, CAPABILITY_OPERATORS, CAPABILITY_PASSWORD, CAPABILITY_STATS, Goodbye,
    Hello, Join, Marker, Ping,
};
use chatshelf_common::wire::{Code, Deframer};

use super::delivery::Delivery;
use super::event::{Loss, SessionError, SessionEvent};
use super::heartbeat::Heartbeat;
use super::outgoing::Outgoing;
use super::passwords::PASSWORD_ENTRY_MAX;
use super::phase::Phase;
use super::rtt::Rtt;
use super::{Reconnect, Session};

/// Silence of either side after which the server is asked for a sign of life, unless it is set
/// otherwise: proxies and address translators are known to forget a connection after less than a
/// minute without a byte.
pub const KEEPALIVE: Duration = Duration::from_secs(20);
/// Longest that may be set: it leaves time for an answer before the server is taken for gone.
pub const KEEPALIVE_MAX: Duration = Duration::from_secs(60);
/// Silence after which the server is taken for gone (PROTOCOL.md, "Phases and deadlines").
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(150);
/// The same before the server has said a first word.
pub(super) const GREETING_MAX: Duration = Duration::from_secs(30);
/// How long a server that is not silent may take to answer a `Join`, and then to send a whole
/// snapshot.
pub(super) const ENTRY_MAX: Duration = Duration::from_secs(60);
/// A connection that was in the room for so long was a good one: when it breaks, the waits begin
/// with short ones again.
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// Longest wait that somebody who has proved nothing can make us keep, in milliseconds.
const UNPROVEN_RETRY_MS_MAX: u32 = 60_000;

/// The time without a connection, until the room is reached again.
#[derive(Debug)]
pub(super) struct Absence {
    since: Instant,
    why: Loss,
    /// Attempts that have failed.
    attempts: u32,
}

impl Session {
    /// True while a connection is wanted and its time has come: the driver is to begin making one
    /// and to say so by [`Session::handle_connecting`].
    #[must_use]
    pub fn wants_connection(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Offline { retry_at } if now >= retry_at)
    }

    /// A connection is being made. It will stand ([`Session::handle_connected`]) or not
    /// ([`Session::handle_lost`]).
    pub fn handle_connecting(&mut self) {
        if matches!(self.phase, Phase::Offline { .. }) {
            self.go(Phase::Connecting);
        }
    }

    /// A connection stands, the first or a further one: greets the server. The server's silence
    /// counts from now on.
    pub fn handle_connected(&mut self, now: Instant) {
        if !self.is_offline() {
            return;
        }
        self.go(Phase::Greeting);
        self.deframer = Deframer::joined();
        self.deframer.accept_large_data();
        self.heartbeat = Heartbeat::new(now);
        self.entry_by = None;
        (self.rtt, self.delivery) = (Rtt::default(), Delivery::default());
        self.refusals = 0;
        let software = Some(Note::lossy(concat!("chatshelf ", env!("CARGO_PKG_VERSION"))));
        self.passwords.begin();
        let capabilities = Some(
            CAPABILITY_STATS | CAPABILITY_OPERATORS | CAPABILITY_PASSWORD | CAPABILITY_LARGE_DATA,
        );
        self.out.control(&Hello { capabilities, software, ..Hello::new(VERSION_MIN, VERSION_MAX) });
        self.join();
        self.check();
    }

    /// The connection has ended without a goodbye, or could not be made; `why` is for people. The
    /// session waits for its next attempt, or is over. Of a connection that it has given up itself
    /// the session wants to hear nothing more.
    pub fn handle_lost(&mut self, why: String, now: Instant) {
        self.lose_once(Loss::Link(why), now);
    }

    /// The connection was turned away before it was encrypted. Whatever the reason is, it ends no
    /// membership: anybody on the way may have given it. The session waits as long as it says,
    /// within reason.
    pub fn handle_turned_away(&mut self, goodbye: Goodbye, now: Instant) {
        self.lose_once(Loss::TurnedAway(goodbye), now);
    }

    fn lose_once(&mut self, why: Loss, now: Instant) {
        if !matches!(self.phase, Phase::Offline { .. }) {
            self.lose(why, now);
        }
        self.check();
    }

    /// Looks at the clock: asks a silent server for a sign of life, and gives up one that has been
    /// silent, or has kept us waiting at the door, for too long.
    ///
    /// # Errors
    /// When it is given up and we do not come back.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), SessionError> {
        self.note_time(now);
        if self.is_offline() || self.phase == Phase::Over {
            return Ok(());
        }
        if self.can_send() {
            self.send_pending();
            self.start_transfers();
        }
        if !self.wants_input() {
            self.heartbeat.excuse(now);
        }
        let silence = self.heartbeat.silence(now);
        let greeting = self.phase == Phase::Greeting;
        if silence >= self.silence_max() {
            return self.fall_silent(silence, now);
        }
        if self.is_kept_waiting(now) {
            let error = SessionError::NotLetIn { seconds: self.entry_max().as_secs() };
            self.lose(Loss::Link(error.to_string()), now);
            return if self.is_over() { Err(error) } else { Ok(()) };
        }
        self.watch_verdict(now);
        if let Some(silence) = self.watch_delivery(now) {
            return self.fall_silent(silence, now);
        }
        let idle_since = self.heartbeat.idle_since(self.has_output());
        if !greeting && !self.heartbeat.is_asked() && now >= idle_since + self.keepalive {
            self.heartbeat.ask();
            self.ping();
        }
        self.check();
        Ok(())
    }

    /// The server was silent for too long.
    fn fall_silent(&mut self, silence: Duration, now: Instant) -> Result<(), SessionError> {
        let seconds = silence.as_secs();
        self.lose(Loss::Silent { seconds }, now);
        if self.is_over() { Err(SessionError::Silent { seconds }) } else { Ok(()) }
    }

    /// True when the step towards the room that is awaited has taken too long, however much else
    /// the server says.
    fn is_kept_waiting(&mut self, now: Instant) -> bool {
        if !self.phase.is_entering() {
            self.entry_by = None;
            return false;
        }
        let by = now + self.entry_max();
        now >= *self.entry_by.get_or_insert(by)
    }

    fn entry_max(&self) -> Duration {
        if self.awaits_verdict() { PASSWORD_ENTRY_MAX } else { ENTRY_MAX }
    }

    fn silence_max(&self) -> Duration {
        match self.phase {
            Phase::Greeting => GREETING_MAX,
            _ if self.awaits_verdict() => PASSWORD_ENTRY_MAX,
            _ => SILENCE_MAX,
        }
    }

    /// When there is something to do at the latest: [`Session::handle_timeout`], or a connection to
    /// be made. While one is being made that is the driver's to know.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let silent_at = match self.phase {
            Phase::Over | Phase::Connecting => return None,
            Phase::Offline { retry_at } => return Some(retry_at),
            Phase::Greeting => self.heartbeat.heard_at() + self.silence_max(),
            _ if self.heartbeat.is_asked() => self.heartbeat.heard_at() + self.silence_max(),
            _ => self.heartbeat.idle_since(self.has_output()) + self.keepalive,
        };
        let (delivery, pace) = (self.delivery_deadline(), self.pace_deadline());
        let others = [self.entry_by, self.verdict_late_at(), delivery, pace];
        others.into_iter().flatten().chain([silent_at]).min()
    }

    /// When something that has to wait may be sent.
    fn pace_deadline(&self) -> Option<Instant> {
        let now_ms = self.ms(self.now);
        let command_ms = self.pending.wait_ms(&self.pace, now_ms);
        let command_at = command_ms.map(|wait_ms| self.now + Duration::from_millis(wait_ms));
        let upload_at = self.transfers.offers_from();
        command_at.into_iter().chain(upload_at).min().filter(|_| self.can_send())
    }

    /// True while there is no connection, though one is wanted.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.phase.is_offline()
    }

    /// When the next attempt is due, while one is waited for.
    #[must_use]
    pub fn retry_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Offline { retry_at } => Some(retry_at),
            _ => None,
        }
    }

    /// Makes the next attempt due now. False when none is waited for.
    pub fn reconnect_now(&mut self, now: Instant) -> bool {
        let waits = matches!(self.phase, Phase::Offline { .. });
        if waits {
            self.go(Phase::Offline { retry_at: now });
        }
        waits
    }

    /// Asks for the room: the first time, or with what was there before.
    pub(super) fn join(&mut self) {
        let newest = self.seen.newest();
        self.out.control(&Join {
            nick: self.nick.clone(),
            history: self.seen.history(self.history, self.reconnect.is_some()),
            since: newest.map(|(seq, _)| seq),
            since_at: newest.map(|(_, at)| at),
            resume: self.membership.resume(),
            quiet: self.quiet.then_some(Marker),
            password: self.passwords.shown(),
        });
    }

    /// Asks for a `Pong`; its number among those of this connection.
    pub(super) fn ping(&mut self) -> u64 {
        self.out.control(&Ping {});
        self.heartbeat.ping()
    }

    /// True when the session comes back after a goodbye with this code.
    pub(super) fn comes_back_after(&self, code: Code) -> bool {
        let may = matches!(
            code,
            Code::SHUTTING_DOWN
                | Code::STORAGE_FAILED
                | Code::TIMED_OUT
                | Code::TOO_SLOW
                | Code::NOT_JOINED_IN_TIME
                | Code::ROOM_FULL
                | Code::TOO_MANY_CONNECTIONS
                | Code::TOO_MANY_FROM_ADDRESS
                | Code::TOO_MANY_JOINS
                | Code::TOO_MUCH_SENT
                | Code::FLOODING
                | Code::TOO_MANY_GUESSES
                | Code::CONNECTION_LOST
        );
        may && self.comes_back()
    }

    /// True when there is a membership to come back to, and it is wanted.
    fn comes_back(&self) -> bool {
        let has_membership = self.membership.resume().is_some();
        self.reconnect.is_some() && has_membership && !self.phase.is_ending()
    }

    /// There is no connection any more, or still none.
    pub(super) fn lose(&mut self, why: Loss, now: Instant) {
        let comes_back = self.comes_back();
        let Some(Reconnect { give_up_after }) = self.reconnect.filter(|_| comes_back) else {
            return self.end();
        };
        self.drop_connection(now);
        let attempts = self.absence.as_ref().map_or(0, |absence| absence.attempts + 1);
        let first = Absence { since: now, why: why.clone(), attempts };
        let absence = self.absence.get_or_insert(first);
        absence.attempts = attempts;
        let give_up_at = give_up_after.map(|time| absence.since + time);
        if attempts > 0 && give_up_at.is_some_and(|at| now >= at) {
            let why = absence.why.clone();
            self.events.push_back(SessionEvent::GaveUp(why));
            return self.end();
        }
        let wait = now + self.backoff.wait().max(told_wait(&why));
        // The last attempt is made when the time is up, not long before.
        let retry_at = give_up_at.map_or(wait, |at| wait.min(at));
        let retry_in = retry_at.saturating_duration_since(now);
        self.go(Phase::Offline { retry_at });
        self.events.push_back(SessionEvent::Offline { why, attempts, retry_in });
    }

    /// Forgets what was the connection's alone.
    fn drop_connection(&mut self, now: Instant) {
        if self.joined_at.take().is_some_and(|at| now.saturating_duration_since(at) >= GOOD_AFTER) {
            self.backoff.reset();
        }
        let ended = self.transfers.lost(&self.nick, &mut self.out);
        self.events.extend(ended);
        self.lose_stats();
        self.lose_bans();
        self.pending.lost();
        self.room.lost();
        self.out = Outgoing::default();
        self.delivery = Delivery::default();
        (self.gap, self.welcome) = (None, None);
    }

    /// The room is reached: what was told of being away is over.
    pub(super) fn reached(&mut self) {
        self.absence = None;
        self.joined_at = Some(self.heartbeat.heard_at());
    }

    /// The session is over, with whatever runs.
    pub(super) fn end(&mut self) {
        if self.phase != Phase::Over {
            self.go(Phase::Over);
            (self.gap, self.welcome) = (None, None);
            self.events.extend(self.transfers.abandon(&mut self.out));
            self.out = Outgoing::default();
        }
    }
}

/// How long the server wants us to stay away.
fn told_wait(why: &Loss) -> Duration {
    let retry_ms = match why {
        Loss::Goodbye(goodbye) => goodbye.retry_ms.unwrap_or(0),
        Loss::TurnedAway(goodbye) => goodbye.retry_ms.unwrap_or(0).min(UNPROVEN_RETRY_MS_MAX),
        Loss::Link(_) | Loss::Silent { .. } => 0,
    };
    Duration::from_millis(retry_ms.into())
}
