//! What happens, shown: session events as lines. Owns nothing; the text is made by `render`, what
//! concerns transfers is shown by `transfers`, what concerns the connection by `away`.

use std::time::Instant;

use chatshelf_common::id::UnixMillis;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{Goodbye, Refused, Rename, Say, SetTopic, Tell};
use chatshelf_common::wire::{Code, Event, Frame};

use super::EXIT_FAILED;
use super::front::{Failure, Front, PROMPT};
use super::render;
use crate::session::{SessionEvent, When};

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
                self.flush_batch();
                self.mark_day(told.at);
                let line = self.look.told(&told, self.link.session().nick());
                self.screen.line(&line);
            }
            SessionEvent::Offline { why, attempts, retry_in } => {
                self.offline(&why, attempts, retry_in);
            }
            SessionEvent::NickReplaced { nick, code, by } => self.nick_replaced(&nick, code, &by),
            SessionEvent::Back { nick, .. } => self.back(&nick),
            SessionEvent::Missed { from, to } => self.missed("away for too long", from, to),
            SessionEvent::Gap { from, to } => self.missed("too slow for the room", from, to),
            SessionEvent::Rewound { .. } => self.rewound(),
            SessionEvent::Refused(refused) => self.refused(&refused),
            SessionEvent::Unanswered(what) => self.unanswered(&what),
            SessionEvent::TransferStarted(status) => self.started(&status, now),
            SessionEvent::TransferResumed(status) => self.resumed(&status, now),
            SessionEvent::TransferRestarted(status, why) => self.restarted(&status, why, now),
            SessionEvent::TransferEnded(status, outcome) => self.ended(&status, &outcome, now),
            SessionEvent::Goodbye(goodbye) => self.goodbye(&goodbye),
            SessionEvent::GaveUp(why) => self.gave_up(&why),
        }
    }

    fn joined(&mut self, nick: &Nick) {
        let session = self.link.session();
        let Some(limits) = session.limits() else { return };
        let lines = self.look.welcome(nick, session.room(), limits);
        lines.iter().for_each(|line| self.screen.line(line));
        self.screen.set_prompt(PROMPT);
    }

    /// Shows what is live; what is not waits until it is whole.
    fn happened(&mut self, event: Event, when: When) {
        if when != When::Live {
            return self.batch_up(event, when);
        }
        self.flush_batch();
        self.show_room_event(&event);
    }

    pub(super) fn show_room_event(&mut self, event: &Event) {
        self.mark_day(event.at());
        let line = self.look.event(event);
        self.screen.line(&line);
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

    fn goodbye(&mut self, goodbye: &Goodbye) {
        self.flush_batch();
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
}
