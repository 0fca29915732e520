//! Whether what we have sent is received: a watch on the oldest command that is not answered. Owns
//! when a silent server is asked for a sign of life, when the front is told, and when the
//! connection is given up; knows neither what was sent nor what an answer is.

use std::time::{Duration, Instant};

use chatshelf_common::id::MessageId;

use super::Session;
use super::event::SessionEvent;

/// Silence after which a server that owes us an answer is asked for a sign of life.
const PROBE_AFTER: Duration = Duration::from_secs(2);
/// The front is told of a command that is not answered for so long.
pub(super) const LATE_AFTER: Duration = Duration::from_secs(5);
/// Silence after which a server that owes us an answer is taken for gone, in place of the much
/// longer one that is allowed while nothing is asked of it.
pub(super) const UNANSWERED_MAX: Duration = Duration::from_secs(30);

/// The watch, over one connection.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    /// The oldest command without an answer, and since when it is.
    oldest: Option<(MessageId, Instant)>,
    /// When it was last looked: what was sent since then was sent in that turn.
    looked_at: Option<Instant>,
    /// Data frames that were sent, and when there was last one more. Behind them a command waits
    /// for its turn on a slow link: that is no silence of the server's.
    data_frames: u64,
    data_seen: u64,
    data_at: Option<Instant>,
    /// The front was told that something is late.
    is_told: bool,
    /// And that it is a password, which waits for its turn.
    is_password: bool,
}

impl Delivery {
    /// A data frame was sent.
    pub(super) fn data_sent(&mut self) {
        self.data_frames += 1;
    }

    /// Looks which command is the oldest now.
    fn look(&mut self, oldest: Option<MessageId>, heard_at: Instant, now: Instant) {
        let last = self.looked_at.replace(now).unwrap_or(heard_at);
        if self.oldest.map(|(id, _)| id) != oldest {
            self.oldest = oldest.map(|id| (id, last));
        }
        if self.data_seen != self.data_frames {
            self.data_seen = self.data_frames;
            self.data_at = Some(now);
        }
    }
}

impl Session {
    /// Looks after what waits for an answer; the silence in which it is given up, if it is.
    pub(super) fn watch_delivery(&mut self, now: Instant) -> Option<Duration> {
        let oldest = self.awaited();
        self.delivery.look(oldest, self.heartbeat.heard_at(), now);
        let Some((_, since)) = self.delivery.oldest else {
            let was_password = std::mem::take(&mut self.delivery.is_password);
            if std::mem::take(&mut self.delivery.is_told) && !was_password {
                self.events.push_back(SessionEvent::Delivered);
            }
            return None;
        };
        let silence = now.saturating_duration_since(self.quiet_since(since));
        if silence >= UNANSWERED_MAX {
            return Some(silence);
        }
        if silence >= PROBE_AFTER {
            self.probe(now);
        }
        if now.saturating_duration_since(since) >= LATE_AFTER && !self.delivery.is_told {
            self.delivery.is_told = true;
            let is_silent = self.silence(now).is_some();
            self.delivery.is_password = !is_silent && self.pending.awaits_op();
            self.events.push_back(match self.delivery.is_password {
                true => SessionEvent::PasswordWaits,
                false => SessionEvent::Undelivered { is_silent },
            });
        }
        None
    }

    /// When [`Session::watch_delivery`] has something to do at the latest.
    pub(super) fn delivery_deadline(&self) -> Option<Instant> {
        let awaited = self.awaited()?;
        let since = self.delivery.oldest.filter(|(id, _)| *id == awaited).map(|(_, since)| since);
        let since = since.or(self.delivery.looked_at).unwrap_or(self.heartbeat.heard_at());
        let quiet_since = self.quiet_since(since);
        let late = (!self.delivery.is_told).then(|| since + LATE_AFTER);
        let probe = (!self.is_probing()).then(|| quiet_since + PROBE_AFTER);
        [late, probe, Some(quiet_since + UNANSWERED_MAX)].into_iter().flatten().min()
    }

    /// True while a command of ours waits for its answer for longer than is usual.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.delivery.is_told && self.is_joined()
    }

    /// How long nothing was heard of a server that owes us an answer, once that is worth telling.
    #[must_use]
    pub fn silence(&self, now: Instant) -> Option<Duration> {
        let (_, since) = self.delivery.oldest.filter(|_| self.is_joined())?;
        let silence = now.saturating_duration_since(self.quiet_since(since));
        (silence >= LATE_AFTER).then_some(silence)
    }

    /// The oldest command that the server owes an answer.
    fn awaited(&self) -> Option<MessageId> {
        if self.is_joined() { self.pending.oldest_sent() } else { None }
    }

    /// Since when nothing moves, with a command that waits since then.
    fn quiet_since(&self, since: Instant) -> Instant {
        let moved = self.delivery.data_at.unwrap_or(since);
        self.heartbeat.heard_at().max(since).max(moved)
    }
}
