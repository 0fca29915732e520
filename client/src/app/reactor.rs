//! The event loop: one poll over the socket and whatever wakes it (input, file thread, signals).
//! Owns the order of a turn; what things mean is the desk's matter, what they look like the view's.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::shutdown::LEAVE_MAX_SIGNAL;
use super::signals::Signals;
use super::state::Desk;
use super::{EXIT_FAILED, Failure, View};
use crate::link::LinkError;

/// The link's socket.
pub(super) const LINK: Token = Token(1);

/// How often progress is looked at.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// Bytes read from the socket at a time.
const READ_BYTES: usize = 64 * 1024;

/// A desk, its view, and what they are served with.
pub(super) struct Reactor<V> {
    poll: Poll,
    desk: Desk,
    view: V,
    signals: Signals,
    scratch: Vec<u8>,
}

impl<V: View> Reactor<V> {
    pub(super) fn new(poll: Poll, desk: Desk, view: V, signals: Signals) -> Self {
        Self { poll, desk, view, signals, scratch: vec![0; READ_BYTES] }
    }

    /// Runs until the end; the exit code, or what is to be said on standard error.
    pub(super) fn run(mut self) -> Result<u8, Failure> {
        let mut events = Events::with_capacity(16);
        while self.desk.end.is_none() {
            self.wait(&mut events);
            self.turn();
        }
        self.desk.close();
        self.show(Instant::now());
        let shown = self.view.close();
        let code = self.desk.end.take().unwrap_or(Ok(EXIT_FAILED))?;
        shown.map_or_else(|error| Err(Failure::unwritten(&error)), |()| Ok(code))
    }

    /// Waits for something to do.
    fn wait(&mut self, events: &mut Events) {
        let timeout = self.timeout(Instant::now());
        match self.poll.poll(events, timeout) {
            Ok(()) => {}
            // The time is looked at anew in the next turn.
            Err(error) if error.kind() == ErrorKind::Interrupted => return,
            Err(error) => {
                self.desk.check_link(Err(LinkError::Lost(Some(error))));
                return;
            }
        }
        for event in events.iter().filter(|event| event.token() == LINK) {
            self.desk.link.handle_ready(event);
        }
    }

    fn timeout(&self, now: Instant) -> Option<Duration> {
        if self.desk.link.wants_turn() || self.view.has_more_input() {
            return Some(Duration::ZERO);
        }
        let progress = self.desk.has_paces().then(|| now + PROGRESS_EVERY);
        let (link, leaving) = (self.desk.link.poll_timeout(), self.desk.leaving_deadline());
        let (view, patience) = (self.view.poll_timeout(&self.desk), self.desk.patience_deadline());
        let next = [link, progress, leaving, view, patience].into_iter().flatten().min()?;
        // Rounded up: waking a moment too early would spin.
        Some(next.saturating_duration_since(now) + Duration::from_millis(1))
    }

    /// One pass: take in what is there, act on it, send, show.
    fn turn(&mut self) {
        self.signals.stop_if_asked(&mut self.view);
        let now = Instant::now();
        self.desk.take_file_replies(now);
        let received = self.desk.link.receive(self.poll.registry(), &mut self.scratch, now);
        self.show(now);
        self.desk.check_link(received);
        if self.signals.wants_end() {
            self.desk.take_leave(now, LEAVE_MAX_SIGNAL, self.view.is_unfinished());
        }
        self.desk.retry_held(now);
        self.view.take_input(&mut self.desk, now);
        self.show(now);
        self.desk.quit_when_done(now);
        self.desk.pass_file_requests();
        let sent = self.desk.link.transmit(self.poll.registry(), &mut self.scratch, now);
        self.show(now);
        self.desk.check_link(sent);
        self.desk.pass_file_requests();
        self.desk.note_paces(now);
        self.desk.leave_in_time(now);
        self.desk.lose_patience(now);
        self.view.end_turn(&mut self.desk, now);
        if self.view.is_broken() {
            self.desk.take_leave(now, LEAVE_MAX_SIGNAL, self.view.is_unfinished());
        }
    }

    /// Has everything shown that happened.
    fn show(&mut self, now: Instant) {
        while let Some(news) = self.desk.poll_news(now) {
            self.view.show(news, &self.desk, now);
        }
    }
}
