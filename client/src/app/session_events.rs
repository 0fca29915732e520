//! What the session tells, made into news: what concerns transfers is noted by `transfers`, what
//! concerns the connection by `reconnect`. Owns nothing.

use std::time::Instant;

use chatshelf_common::text::Nick;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{Drop, Goodbye, Refused, Rename, Say, SetTopic, Tell};
use chatshelf_common::wire::{Event, Frame};

use super::format::{self, count};
use super::state::Desk;
use super::{EXIT_FAILED, EXIT_REFUSED, Failure, News};
use crate::session::{PendingCommand, SessionEvent, When};

/// Nicks that are tried where another one will do.
const NICKS_MAX: u32 = 5;

impl Desk {
    /// Takes in everything that the session has told by now.
    pub(super) fn collect(&mut self, now: Instant) {
        while let Some(event) = self.session_mut().poll_event() {
            self.note(event, now);
        }
    }

    fn note(&mut self, event: SessionEvent, now: Instant) {
        match event {
            SessionEvent::Greeted(limits) => log::info!("greeted: {limits:?}"),
            SessionEvent::NickRefused { nick, code, suggestion } => {
                self.nick_refused(&nick, code, suggestion);
            }
            SessionEvent::JoinedRoom { nick, .. } => {
                self.arrived = true;
                if !self.manner.any_nick {
                    self.name = nick.clone();
                }
                self.push(News::Joined(nick));
            }
            SessionEvent::Happened { event, when } => self.happened(event, when),
            SessionEvent::Told(told) => {
                self.flush_batch();
                if self.is_ignored(&told.from) {
                    self.push(News::Quietly);
                } else {
                    self.transcript.told(&told);
                    self.push(News::Told(told));
                }
            }
            SessionEvent::Offline { why, attempts, retry_in } => {
                self.offline(&why, attempts, retry_in);
            }
            SessionEvent::NickReplaced { nick, code, by } => self.nick_replaced(&nick, code, &by),
            SessionEvent::Back { nick, .. } => self.back(&nick),
            SessionEvent::Missed { from, to } => self.missed("away for too long", from, to),
            SessionEvent::Gap { from, to } => self.missed("too slow for the room", from, to),
            SessionEvent::Rewound { .. } => self.rewound(),
            SessionEvent::Refused(refused, command) => self.refused(&refused, command.as_ref()),
            SessionEvent::Undelivered { is_silent } => self.undelivered(is_silent),
            SessionEvent::Delivered => self.notice("all of it is delivered now"),
            SessionEvent::Unanswered(what) => self.unanswered(&what),
            SessionEvent::TransferStarted(status) => self.started(&status, now),
            SessionEvent::TransferResumed(status) => self.resumed(&status, now),
            SessionEvent::TransferRestarted(status, why) => self.restarted(&status, why, now),
            SessionEvent::TransferEnded(status, outcome) => self.ended(&status, &outcome, now),
            SessionEvent::Goodbye(goodbye) => self.goodbye(&goodbye),
            SessionEvent::GaveUp(why) => self.gave_up(&why),
        }
    }

    /// What is live is told; what is not waits until it is whole.
    fn happened(&mut self, event: Event, when: When) {
        if let Event::Said(said) = &event
            && !self.is_ignored(&said.nick)
        {
            self.transcript.said(said);
        }
        if let Event::Dropped(dropped) = &event
            && let Some(nick) = &dropped.nick
        {
            self.taken_off(dropped.item);
            if nick == self.session().nick() {
                self.files.forget_key(dropped.item);
            }
        }
        if when != When::Live {
            return self.batch_up(event, when);
        }
        self.flush_batch();
        let is_told = self.is_told(&event);
        self.note_for_ignoring(&event);
        let news = if is_told { News::Room(event) } else { News::Quietly };
        self.push(news);
    }

    /// True for what a line is to tell. One command is asked for everything, or shows what it likes.
    pub(super) fn is_told(&self, event: &Event) -> bool {
        let is_passage = matches!(event, Event::Joined(_) | Event::Left(_));
        let is_hidden = is_passage && (event.is_quiet() || !self.manner.joins);
        (self.manner.single || !is_hidden) && !self.is_by_ignored(event)
    }

    fn nick_refused(&mut self, nick: &Nick, code: Code, suggestion: Option<Nick>) {
        let free = suggestion.as_ref().map_or(String::new(), |free| format!("; {free} is free"));
        let text = format!("the name {nick} can't be had: {code}{free}");
        self.nicks_refused += 1;
        let other = match (&suggestion, code) {
            (None, Code::NICK_TAKEN) => self.session_mut().guess_nick(),
            _ => suggestion.clone(),
        };
        match &other {
            Some(other) if self.manner.any_nick && self.nicks_refused < NICKS_MAX => {
                self.notice(text);
                return self.rejoin(other.clone());
            }
            _ if self.manner.script => {
                return self.finish(Err(Failure::new(text, EXIT_REFUSED)));
            }
            _ => {}
        }
        self.choosing = true;
        self.push(News::NickRefused { text, suggestion });
    }

    /// What was typed is told with it: a line that is not in the room is nowhere else to be seen.
    fn refused(&mut self, refused: &Refused, command: Option<&PendingCommand>) {
        if refused.code == Code::UNCHANGED && refused.about == SetTopic::KIND {
            return self.notice("that is the topic already");
        }
        let what = match refused.about {
            Say::KIND => "the message was not sent",
            Tell::KIND => "the private message was not sent",
            Rename::KIND => "your name stays",
            SetTopic::KIND => "the topic stays",
            Drop::KIND => "the file stays on the shelf",
            _ => "the server refused",
        };
        let typed = match command {
            Some(command @ (PendingCommand::Say { .. } | PendingCommand::Tell { .. })) => {
                format!("; it was: {}", format::typed(command))
            }
            _ => String::new(),
        };
        self.refusal(format!("{what}: {}{typed}", format::refusal(refused)));
    }

    /// Something waits for its receipt for longer than is usual.
    fn undelivered(&mut self, is_silent: bool) {
        let session = self.session();
        let what = match (session.outstanding(), session.pending_commands().next()) {
            (1, Some((command, _))) => format::typed(command),
            (lines, _) => format!("{} (/waiting shows them)", count(lines, "line", "lines")),
        };
        let why = if is_silent { "the server does not answer; " } else { "" };
        self.notice(format!("{why}not delivered yet: {what}"));
    }

    fn goodbye(&mut self, goodbye: &Goodbye) {
        self.flush_batch();
        let why = format::goodbye(goodbye);
        match self.leaving_code() {
            Some(code) => {
                if !self.manner.single {
                    self.notice("goodbye");
                }
                self.finish(Ok(code));
            }
            None => {
                let text = format!("the server said goodbye: {why}");
                let code = if self.arrived { EXIT_FAILED } else { EXIT_REFUSED };
                self.finish(Err(Failure::new(text, code)));
            }
        }
    }
}
