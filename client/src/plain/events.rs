//! What happens, shown: session events and file replies as lines. Owns nothing; the text is made
//! by `render` and `progress`.

use std::time::Instant;

use chatshelf_common::id::{TransferId, UnixMillis};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{Goodbye, Refused, Rename, Say, SetTopic, Tell};
use chatshelf_common::wire::{Code, Event, Frame};

use super::EXIT_FAILED;
use super::front::{Failure, Front, PROMPT};
use super::progress::{self, Progress};
use super::render::{self, count};
use crate::files::{FileError, OpenFile, Reply, Target};
use crate::session::{FileRequest, Outcome, SessionEvent, TransferStatus, When};

impl Front {
    /// Shows everything the session tells.
    pub(super) fn show_events(&mut self, now: Instant) {
        while let Some(event) = self.session().poll_event() {
            self.show_event(event, now);
        }
    }

    fn show_event(&mut self, event: SessionEvent, now: Instant) {
        match event {
            SessionEvent::Greeted(limits) => log::info!("greeted: {limits:?}"),
            SessionEvent::NickRefused { nick, code, suggestion } => {
                self.nick_refused(&nick, code, suggestion);
            }
            SessionEvent::JoinedRoom { nick, .. } => self.joined(&nick),
            SessionEvent::Happened { event, when } => self.happened(event, when),
            SessionEvent::Told(told) => {
                self.flush_history();
                self.mark_day(told.at);
                let line = self.look.told(&told, self.link.session().nick());
                self.screen.line(&line);
            }
            SessionEvent::Gap { from, to, unconfirmed } => {
                self.flush_history();
                let missed = (to.0 - from.0).saturating_add(1);
                self.notice(&format!("too slow for the room: {missed} events were missed"));
                if unconfirmed > 0 {
                    let ours = count(unconfirmed, "message", "messages");
                    self.notice(&format!("{ours} of yours may be among them"));
                }
            }
            SessionEvent::Refused(refused) => self.refused(&refused),
            SessionEvent::TransferStarted(status) => self.started(&status, now),
            SessionEvent::TransferEnded(status, outcome) => self.ended(&status, &outcome, now),
            SessionEvent::Goodbye(goodbye) => self.goodbye(&goodbye),
        }
    }

    fn joined(&mut self, nick: &Nick) {
        let session = self.link.session();
        let Some(limits) = session.limits() else { return };
        let lines = self.look.welcome(nick, session.room(), limits);
        lines.iter().for_each(|line| self.screen.line(line));
        self.screen.set_prompt(PROMPT);
    }

    /// Keeps history until it is whole, for its head says how long it is; shows what is live.
    fn happened(&mut self, event: Event, when: When) {
        if when == When::History {
            let is_last = event.seq() == self.link.session().room().snapshot_seq();
            self.history.push(event);
            if is_last {
                self.flush_history();
            }
            return;
        }
        self.flush_history();
        self.show_room_event(&event);
    }

    fn show_room_event(&mut self, event: &Event) {
        self.mark_day(event.at());
        let line = self.look.event(event);
        self.screen.line(&line);
    }

    /// Shows the history that has come, marked off from what is live. Our own join, its last
    /// event, is no news.
    pub(super) fn flush_history(&mut self) {
        let mut events = std::mem::take(&mut self.history);
        let session = self.link.session();
        let arrival = session.room().snapshot_seq();
        events.pop_if(|event| {
            matches!(event, Event::Joined(us) if us.nick == *session.nick() && us.seq == arrival)
        });
        if events.is_empty() {
            return;
        }
        match events.iter().filter(|event| event.is_line()).count() {
            0 => self.notice("before you came"),
            1 => self.notice("the last line"),
            lines => self.notice(&format!("the last {lines} lines")),
        }
        events.iter().for_each(|event| self.show_room_event(event));
        self.notice("now");
    }

    /// A line of another day than the one before is preceded by that day.
    fn mark_day(&mut self, at: UnixMillis) {
        let day = self.look.day(at);
        if day != self.day {
            self.notice(&day);
            self.day = day;
        }
    }

    fn nick_refused(&mut self, nick: &Nick, code: Code, suggestion: Option<Nick>) {
        let free = suggestion.as_ref().map_or(String::new(), |free| format!("; {free} is free"));
        let text = format!("the name {nick} can't be had: {code}{free}");
        if self.surroundings.script {
            return self.finish(Err(Failure::Said(text, EXIT_FAILED)));
        }
        self.notice(&text);
        let question = match &suggestion {
            Some(free) => format!("Your name [{free}]: "),
            None => "Your name: ".into(),
        };
        if self.surroundings.prompt {
            self.screen.set_prompt(&question);
        } else {
            self.notice(&question);
        }
        self.asking = Some(suggestion);
    }

    fn refused(&mut self, refused: &Refused) {
        let what = match refused.about {
            Say::KIND => "the message was not sent",
            Tell::KIND => "the private message was not sent",
            Rename::KIND => "your name stays",
            SetTopic::KIND => "the topic stays",
            _ => "the server refused",
        };
        self.failure(&format!("{what}: {}", render::refusal(refused)));
    }

    fn started(&mut self, status: &TransferStatus, now: Instant) {
        let (name, number) = (progress::name(status), status.transfer);
        let size = status.size.map_or(String::new(), |size| format!(", {}", render::size(size)));
        let verb = match status.direction {
            crate::session::Direction::Upload => "uploading",
            crate::session::Direction::Download => "downloading",
        };
        let what = match status.name {
            Some(_) => format!("{verb} {name}{size}"),
            None => format!("{verb} a file that the shelf does not show"),
        };
        self.notice(&format!("{what} (transfer {number}; /cancel {number} stops it)"));
        self.progress.insert(number, Progress::new(now));
    }

    fn ended(&mut self, status: &TransferStatus, outcome: &Outcome, now: Instant) {
        let number = status.transfer;
        self.targets.remove(&number);
        let path = self.kept_at.remove(&number).map(|path| path.display().to_string());
        let progress = self.progress.remove(&number).unwrap_or_else(|| Progress::new(now));
        let (text, good) = progress.closing(status, outcome, path.as_deref(), now);
        if good {
            self.notice(&text);
        } else {
            self.failure(&text);
        }
        self.quit_warned &= self.link.session().transfers_outstanding() > 0;
    }

    fn goodbye(&mut self, goodbye: &Goodbye) {
        self.flush_history();
        let why = render::goodbye(goodbye);
        match self.leaving_code() {
            Some(code) => {
                self.notice("goodbye");
                self.finish(Ok(code));
            }
            None => {
                let text = format!("the server said goodbye: {why}");
                self.finish(Err(Failure::Said(text, EXIT_FAILED)));
            }
        }
    }

    /// Hands the session's wishes to the file thread.
    pub(super) fn pass_file_requests(&mut self) {
        while let Some(request) = self.session().poll_file_request() {
            match request {
                FileRequest::Create { transfer, item } => {
                    let target = self.target(transfer);
                    self.files.create(transfer, item, target);
                }
                request => self.files.request(request),
            }
        }
    }

    fn target(&mut self, transfer: TransferId) -> Target {
        let default = || Target::Directory(self.download_dir.clone());
        self.targets.remove(&transfer).unwrap_or_else(default)
    }

    /// Takes in what the file thread has done.
    pub(super) fn take_file_replies(&mut self, now: Instant) {
        while let Some(reply) = self.files.poll_reply() {
            match reply {
                Reply::Session(reply) => self.session().handle_file_reply(reply),
                Reply::KeptAt { transfer, path } => {
                    self.kept_at.insert(transfer, path);
                }
                Reply::Opened { ticket, result } => self.opened(ticket, result, now),
            }
        }
    }

    fn opened(&mut self, ticket: u64, result: Result<OpenFile, FileError>, now: Instant) {
        let path = self.opening.remove(&ticket).unwrap_or_default();
        if !self.link.session().is_joined() {
            return;
        }
        let file = match result {
            Ok(file) => file,
            Err(error) => return self.failure(&format!("{path} not uploaded: {error}")),
        };
        let (name, size) = (file.name.clone(), file.size);
        match self.session().upload(name, size) {
            Ok(transfer) => {
                self.files.upload(transfer, file);
                self.show_events(now);
                self.say_if_queued(transfer);
            }
            Err(error) => {
                let size = render::size(size);
                self.failure(&format!("{path} ({size}) not uploaded: {error}"));
            }
        }
    }

    /// Says that a transfer waits for others, if it does.
    pub(super) fn say_if_queued(&mut self, transfer: TransferId) {
        let queued = self.link.session().transfers().find(|status| {
            status.transfer == transfer && status.stage == crate::session::Stage::Queued
        });
        if let Some(status) = queued {
            let name = progress::name(&status);
            self.notice(&format!(
                "{name} waits for other transfers (transfer {transfer}; /cancel {transfer} stops it)"
            ));
        }
    }
}
