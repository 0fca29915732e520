//! The event loop of the line front: one poll over socket, standard input, file thread and
//! signals. Owns what the front remembers; what things mean is decided in `events`, `commands`.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chatshelf_common::text::Nick;
use jiff::tz::TimeZone;
use mio::{Events, Poll};

use super::away::{Away, Batch};
use super::progress::Progress;
use super::render::Look;
use super::screen::Screen;
use super::transfers::{Kept, Opening};
use super::{EXIT_DONE, EXIT_FAILED, LINK, Surroundings};
use crate::command::Command;
use crate::files::Files;
use crate::input::Input;
use crate::link::{Link, LinkError};
use crate::session::{Session, TransferHandle};

/// How long the `Goodbye` is waited for after a signal, and after a `/quit`.
const LEAVE_MAX_SIGNAL: Duration = Duration::from_secs(2);
const LEAVE_MAX: Duration = Duration::from_secs(5);
/// How often progress is looked at.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// Bytes read from the socket at a time.
const READ_BYTES: usize = 64 * 1024;
/// The prompt for lines.
pub(super) const PROMPT: &str = "> ";

/// What a front is put together from.
pub(super) struct Parts {
    pub(super) poll: Poll,
    pub(super) link: Link,
    pub(super) files: Files,
    pub(super) input: Input,
    pub(super) signals: Arc<AtomicUsize>,
    /// `HOST:PORT` of the server.
    pub(super) place: String,
}

/// Why a run ends badly.
pub(super) enum Failure {
    /// A whole sentence, and the exit code.
    Said(String, u8),
    /// The link is down.
    Link(LinkError),
}

/// `Leave` was said.
#[derive(Clone, Copy)]
struct Leaving {
    deadline: Instant,
    code: u8,
}

/// The line front.
pub(super) struct Front {
    poll: Poll,
    pub(super) link: Link,
    pub(super) files: Files,
    pub(super) input: Input,
    signals: Arc<AtomicUsize>,
    pub(super) place: String,
    pub(super) surroundings: Surroundings,
    pub(super) screen: Screen<Stdout>,
    pub(super) look: Look,
    /// The day of the last line shown, as text.
    pub(super) day: String,
    pub(super) batch: Batch,
    pub(super) away: Away,
    pub(super) download_dir: PathBuf,
    pub(super) progress: HashMap<TransferHandle, Progress>,
    pub(super) kept: HashMap<TransferHandle, Kept>,
    /// What the file thread looks for, by ticket.
    pub(super) opening: HashMap<u64, Opening>,
    pub(super) last_ticket: u64,
    /// A command that must wait.
    pub(super) held: Option<Command>,
    /// Lines are left that no event will announce.
    pub(super) more_input: bool,
    /// The nick was refused: the next line is another one. Holds the suggestion.
    pub(super) asking: Option<Option<Nick>>,
    /// `/quit` or the end of input: leave when all is done.
    pub(super) quitting: bool,
    /// `/quit` was said once while transfers ran.
    pub(super) quit_warned: bool,
    /// Something that was asked for did not work.
    pub(super) failed: bool,
    leaving: Option<Leaving>,
    pub(super) end: Option<Result<u8, Failure>>,
    scratch: Vec<u8>,
}

impl Front {
    pub(super) fn new(parts: Parts, surroundings: Surroundings, download_dir: PathBuf) -> Self {
        let Parts { poll, link, files, input, signals, place } = parts;
        let look = Look {
            colour: surroundings.colour,
            whole_digests: !surroundings.terminal,
            zone: TimeZone::system(),
        };
        let now = jiff::Timestamp::now().as_millisecond();
        let now = chatshelf_common::id::UnixMillis(u64::try_from(now).unwrap_or(0));
        Self {
            poll,
            link,
            files,
            input,
            signals,
            place,
            surroundings,
            screen: Screen::new(io::stdout(), surroundings.prompt),
            day: look.day(now),
            look,
            batch: Batch::default(),
            away: Away::default(),
            download_dir,
            progress: HashMap::new(),
            kept: HashMap::new(),
            opening: HashMap::new(),
            last_ticket: 0,
            held: None,
            more_input: false,
            asking: None,
            quitting: false,
            quit_warned: false,
            failed: false,
            leaving: None,
            end: None,
            scratch: vec![0; READ_BYTES],
        }
    }

    /// Runs until the end; the exit code, or what is to be said on standard error.
    pub(super) fn run(mut self) -> Result<u8, Failure> {
        let mut events = Events::with_capacity(16);
        while self.end.is_none() {
            self.wait(&mut events);
            self.turn();
        }
        self.flush_batch();
        self.say_what_is_lost();
        self.screen.close();
        self.end.take().unwrap_or(Ok(EXIT_FAILED))
    }

    /// Waits for something to do.
    fn wait(&mut self, events: &mut Events) {
        let timeout = self.timeout(Instant::now());
        match self.poll.poll(events, timeout) {
            Ok(()) => {}
            // The time is looked at anew in the next turn.
            Err(error) if error.kind() == ErrorKind::Interrupted => return,
            Err(error) => {
                self.end = Some(Err(Failure::Link(LinkError::Lost(Some(error)))));
                return;
            }
        }
        for event in events.iter().filter(|event| event.token() == LINK) {
            self.link.handle_ready(event);
        }
    }

    fn timeout(&self, now: Instant) -> Option<Duration> {
        if self.link.wants_turn() || self.more_input {
            return Some(Duration::ZERO);
        }
        let progress = (!self.progress.is_empty()).then(|| now + PROGRESS_EVERY);
        let leaving = self.leaving.map(|leaving| leaving.deadline);
        let next = [self.link.poll_timeout(), progress, leaving].into_iter().flatten().min()?;
        // Rounded up: waking a moment too early would spin.
        Some(next.saturating_duration_since(now) + Duration::from_millis(1))
    }

    /// One pass: take in what is there, act on it, send, show.
    fn turn(&mut self) {
        let now = Instant::now();
        self.take_file_replies(now);
        let received = self.link.receive(self.poll.registry(), &mut self.scratch, now);
        self.show_events(now);
        self.check_link(received);
        self.take_signal(now);
        self.take_input(now);
        self.show_events(now);
        self.quit_when_done(now);
        self.pass_file_requests();
        let sent = self.link.transmit(self.poll.registry(), &mut self.scratch, now);
        self.show_events(now);
        self.check_link(sent);
        self.pass_file_requests();
        self.show_progress(now);
        if let Some(Leaving { deadline, code }) = self.leaving
            && now >= deadline
        {
            self.finish(Ok(code));
        }
        self.screen.flush();
        if self.screen.is_broken() {
            self.take_leave(now, LEAVE_MAX_SIGNAL);
        }
    }

    pub(super) fn session(&mut self) -> &mut Session {
        self.link.session_mut()
    }

    /// The run is over, unless it is already.
    pub(super) fn finish(&mut self, end: Result<u8, Failure>) {
        self.end.get_or_insert(end);
    }

    /// The exit code to leave with once `Leave` was said.
    pub(super) fn leaving_code(&self) -> Option<u8> {
        self.leaving.map(|leaving| leaving.code)
    }

    fn check_link(&mut self, result: Result<(), LinkError>) {
        match (result, self.leaving) {
            (Ok(()), _) => {}
            (Err(error), Some(leaving)) => {
                log::info!("while leaving: {error}");
                self.finish(Ok(leaving.code));
            }
            (Err(error), None) => self.finish(Err(Failure::Link(error))),
        }
    }

    fn take_signal(&mut self, now: Instant) {
        if self.signals.load(Ordering::SeqCst) > 0 {
            self.take_leave(now, LEAVE_MAX_SIGNAL);
        }
    }

    /// Leaves with whatever is running.
    fn take_leave(&mut self, now: Instant, patience: Duration) {
        let running = self.has_work();
        self.leave(now, patience, running);
    }

    /// Says `Leave` and waits a while for the `Goodbye`; at once where nobody can leave yet.
    fn leave(&mut self, now: Instant, patience: Duration, unfinished: bool) {
        if self.leaving.is_some() || self.end.is_some() {
            return;
        }
        let failed = unfinished || (self.failed && self.surroundings.script);
        let code = if failed { EXIT_FAILED } else { EXIT_DONE };
        self.screen.set_prompt("");
        self.session().leave();
        self.leaving = Some(Leaving { deadline: now + patience, code });
        self.show_events(now);
        if self.link.session().is_over() {
            self.finish(Ok(code));
        }
    }

    /// True while something that was asked for is not done.
    pub(super) fn has_work(&self) -> bool {
        let session = self.link.session();
        let transfers = session.transfers_outstanding() + self.opening.len();
        transfers + session.outstanding() > 0 || self.held.is_some()
    }

    fn quit_when_done(&mut self, now: Instant) {
        let session = self.link.session();
        let is_away = session.takes_commands() && session.is_offline();
        if !self.quitting || !(is_away || session.is_joined()) {
            return;
        }
        let has_work = self.has_work();
        // Only a script waits for the connection: on a terminal, who leaves has said so.
        if !has_work || (is_away && !self.surroundings.script) {
            self.leave(now, LEAVE_MAX, has_work && self.surroundings.script);
        }
    }

    /// Leaves now, on a terminal, whatever runs.
    pub(super) fn quit_now(&mut self, now: Instant) {
        self.leave(now, LEAVE_MAX, false);
    }

    fn show_progress(&mut self, now: Instant) {
        let terminal = self.surroundings.terminal;
        let statuses: Vec<_> = self.link.session().transfers().collect();
        for status in statuses {
            if let Some(progress) = self.progress.get_mut(&status.transfer)
                && let Some(line) = progress.note(&status, now, terminal)
            {
                self.notice(&line);
            }
        }
    }

    /// Shows a line about the room or ourselves.
    pub(super) fn notice(&mut self, text: &str) {
        let line = self.look.notice(text);
        self.screen.line(&line);
    }

    /// Shows that something asked for did not work, and remembers it for the exit code.
    pub(super) fn failure(&mut self, text: &str) {
        let line = self.look.failure(text);
        self.screen.line(&line);
        self.failed = true;
    }
}
