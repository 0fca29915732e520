//! The event loop: one poll over the socket and whatever wakes it (input, file thread, signals).
//! Owns the order of a turn; what things mean is the app's matter, what they look like the view's.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::exit::Failure;
use super::shutdown::LEAVE_MAX_SIGNAL;
use super::signals::Signals;
use super::state::App;
use super::view::View;

/// The link's socket.
pub(super) const LINK: Token = Token(1);

/// Bytes read from the socket at a time.
const READ_BYTES: usize = 64 * 1024;

/// The app, its view, and what they are served with.
pub(super) struct Reactor<V> {
    poll: Poll,
    app: App,
    view: V,
    signals: Signals,
    scratch: Vec<u8>,
}

impl<V: View> Reactor<V> {
    pub(super) fn new(poll: Poll, app: App, view: V, signals: Signals) -> Self {
        Self { poll, app, view, signals, scratch: vec![0; READ_BYTES] }
    }

    /// Runs until the end; the exit code, or what to say on standard error.
    pub(super) fn run(mut self) -> Result<u8, Failure> {
        let mut events = Events::with_capacity(16);
        while !self.app.is_over() {
            self.wait(&mut events);
            self.turn();
        }
        let now = Instant::now();
        self.app.close(now);
        self.show(now);
        let shown = self.view.close();
        let code = self.app.into_end()?;
        shown.map_or_else(|error| Err(Failure::unwritten(&error)), |()| Ok(code))
    }

    /// Waits for something to do.
    fn wait(&mut self, events: &mut Events) {
        let timeout = self.timeout(Instant::now());
        match self.poll.poll(events, timeout) {
            Ok(()) => {}
            // The next turn looks at the time again.
            Err(error) if error.kind() == ErrorKind::Interrupted => return,
            Err(error) => return self.app.lose_poll(error),
        }
        for event in events.iter().filter(|event| event.token() == LINK) {
            self.app.handle_ready(event);
        }
    }

    fn timeout(&self, now: Instant) -> Option<Duration> {
        if self.app.wants_turn() || self.view.has_more_input() {
            return Some(Duration::ZERO);
        }
        let deadlines = [self.app.poll_timeout(now), self.view.poll_timeout(&self.app)];
        let next = deadlines.into_iter().flatten().min()?;
        // Rounded up: waking a moment too early would spin.
        Some(next.saturating_duration_since(now) + Duration::from_millis(1))
    }

    /// One pass: take in what is there, act on it, send, show.
    fn turn(&mut self) {
        self.signals.stop_if_asked(&mut self.view);
        let now = Instant::now();
        self.app.take_file_replies(now);
        self.app.receive(self.poll.registry(), &mut self.scratch, now);
        self.show(now);
        if self.signals.wants_end() {
            self.leave(now);
        }
        self.app.retry_held(now);
        self.view.take_input(&mut self.app, now);
        self.show(now);
        self.app.quit_when_done(now);
        self.app.pass_file_requests();
        self.app.transmit(self.poll.registry(), &mut self.scratch, now);
        self.show(now);
        self.app.pass_file_requests();
        self.app.handle_timeout(now);
        self.view.end_turn(&mut self.app, now);
        if self.view.is_broken() {
            self.leave(now);
        }
    }

    /// Leaves without waiting for what runs, or was not even begun.
    fn leave(&mut self, now: Instant) {
        self.app.take_leave(now, LEAVE_MAX_SIGNAL, self.view.is_unfinished());
    }

    /// Has everything shown that happened.
    fn show(&mut self, now: Instant) {
        while let Some(news) = self.app.poll_news(now) {
            self.view.show(news, &self.app, now);
        }
    }
}
