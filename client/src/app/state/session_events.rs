//! What the session tells, made into news by the part that it concerns. Owns nothing.

use std::time::Instant;

use chatshelf_common::text::Nick;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{
    Action, BansRequest, Drop, Goodbye, Moderate, Op, Refused, Rename, Say, SetTopic, StatsRequest,
    Tell, Told,
};
use chatshelf_common::wire::{Event, Frame};

use super::App;
use crate::app::exit::{EXIT_FAILED, EXIT_REFUSED, Failure};
use crate::app::format;
use crate::app::news::{Answer, News};
use crate::app::nick_choice::Remedy;
use crate::app::reconnect;
use crate::session::{Loss, Outcome, PendingCommand, SessionEvent, TransferStatus, When};
use crate::units::count;

impl App {
    /// Takes in everything that the session has told so far.
    pub(super) fn collect(&mut self, now: Instant) {
        while let Some(event) = self.link.session_mut().poll_event() {
            self.note(event, now);
        }
    }

    fn note(&mut self, event: SessionEvent, now: Instant) {
        let news = &mut self.news;
        match event {
            SessionEvent::Greeted(limits) => log::info!("greeted: {limits:?}"),
            SessionEvent::NickRefused { nick, code, suggestion } => {
                self.nick_refused(&nick, code, suggestion);
            }
            SessionEvent::JoinedRoom { nick, .. } => {
                self.nick.joined(&nick);
                news.push(News::Joined(nick));
            }
            SessionEvent::Happened { event, when } => self.happened(event, when),
            SessionEvent::Told(told) => self.told(told),
            SessionEvent::Offline { why, attempts, retry_in } => {
                self.flush_backfill();
                let hint = if self.manner.is_script() { "" } else { " (/reconnect tries now)" };
                self.reconnection.tell_offline(&why, attempts, retry_in, hint, &mut self.news);
            }
            SessionEvent::NickReplaced { nick, code, by } => {
                let why = match code {
                    Code::NICK_TAKEN => "is taken now".to_owned(),
                    code => format!("is refused now: {code}"),
                };
                news.notice(format!("the name {nick} {why}; you are {by}"));
            }
            SessionEvent::Back { nick, .. } => {
                self.reconnection.back();
                news.notice(format!("back as {nick}"));
            }
            SessionEvent::Missed { from, to } => {
                self.flush_backfill();
                self.news.notice(reconnect::missed("away for too long", from, to));
            }
            SessionEvent::Gap { from, to } => {
                self.flush_backfill();
                self.news.notice(reconnect::missed("too slow for the room", from, to));
            }
            SessionEvent::Rewound { .. } => news.notice(
                "the server has lost some of what was shown above; what it has instead follows",
            ),
            SessionEvent::Refused(refused, command) => self.refused(&refused, command.as_ref()),
            SessionEvent::Paced { rate } => news.notice(format!(
                "the server takes {rate} from each member: what is more waits its turn (/waiting)",
            )),
            SessionEvent::PasswordWanted { code } => self.ask_password(code),
            SessionEvent::PasswordWithheld(privacy) => self.withhold_password(privacy),
            SessionEvent::PasswordWaits => news.notice(
                "the password waits for its turn: wrong ones came from this address, and each \
                 holds up the next for 30 s",
            ),
            SessionEvent::Bans => news.push(News::Answer(Answer::Bans)),
            SessionEvent::Undelivered { is_silent } => self.undelivered(is_silent),
            SessionEvent::Stats => news.push(News::Answer(Answer::Stats)),
            SessionEvent::Delivered => news.notice("all of it is delivered now"),
            SessionEvent::Unanswered(what) => news.failure(reconnect::unanswered(&what)),
            SessionEvent::TransferStarted(status) => self.transfers.started(&status, now, news),
            SessionEvent::TransferResumed(status) => self.transfers.resumed(&status, now, news),
            SessionEvent::TransferRestarted(status, why) => {
                self.transfers.restarted(&status, why, now, news);
            }
            SessionEvent::TransferEnded(status, outcome) => self.ended(&status, &outcome, now),
            SessionEvent::Goodbye(goodbye) => self.goodbye(&goodbye),
            SessionEvent::GaveUp(why) => self.gave_up(&why),
        }
    }

    /// What is live is told; what is not waits until it is whole.
    fn happened(&mut self, event: Event, when: When) {
        let us = self.link.session().nick();
        if let Event::Said(said) = &event
            && !self.filter.ignores(&said.nick, us)
        {
            self.transcript.said(said);
        }
        if let Event::Moderated(it) = &event
            && let (Action::REDACT, Some(line)) = (it.action, it.line)
        {
            self.transcript.redact(line);
        }
        if let Event::Dropped(dropped) = &event
            && let Some(nick) = &dropped.nick
        {
            self.transfers.taken_off(dropped.item, nick == us);
        }
        if when != When::Live {
            return self.hold_back(event, when);
        }
        self.flush_backfill();
        let is_shown = self.filter.shows(&event, self.link.session().nick());
        self.filter.note(&event);
        self.news.push(if is_shown { News::Room(event) } else { News::Quietly });
    }

    /// Keeps an event from before until the last of them has come.
    fn hold_back(&mut self, event: Event, when: When) {
        let is_last = event.seq() == self.session().room().snapshot_seq();
        if let Some(run) = self.backfill.add(event, when) {
            self.tell_backfill(run);
        }
        if is_last {
            self.flush_backfill();
        }
    }

    /// Tells the events from before that have come.
    pub(super) fn flush_backfill(&mut self) {
        if let Some(run) = self.backfill.take() {
            self.tell_backfill(run);
        }
    }

    fn tell_backfill(&mut self, run: crate::app::backfill::Run) {
        let session = self.link.session();
        let (nick, arrival, is_away) =
            (session.nick(), session.room().snapshot_seq(), run.is_away());
        let filter = &mut self.filter;
        let shows = |event: &Event| {
            let is_shown = filter.shows(event, nick);
            // Who had which nick before we came says nothing of now.
            if is_away {
                filter.note(event);
            }
            is_shown
        };
        run.tell(nick, arrival, shows, &mut self.news);
    }

    fn told(&mut self, told: Told) {
        self.flush_backfill();
        if self.filter.ignores(&told.from, self.link.session().nick()) {
            self.news.push(News::Quietly);
        } else {
            self.transcript.told(&told);
            self.news.push(News::Told(told));
        }
    }

    fn nick_refused(&mut self, nick: &Nick, code: Code, suggestion: Option<Nick>) {
        let session = self.link.session_mut();
        let free = suggestion.as_ref().map_or(String::new(), |free| format!("; {free} is free"));
        let text = match code {
            Code::NICK_TAKEN => format!("the name {nick} is taken{free}"),
            code => format!("the name {nick} was refused: {code}{free}"),
        };
        let other = session.other_nick(code, suggestion.clone());
        match self.nick.refused(other.as_ref()) {
            Remedy::Try(other) => {
                self.news.notice(text);
                session.rejoin(other);
            }
            Remedy::Choose if self.manner.is_script() => {
                self.shutdown.end(Err(Failure::new(text, EXIT_REFUSED)));
            }
            Remedy::Choose => self.news.push(News::NickRefused { text, suggestion }),
        }
    }

    /// What was typed is told with it: a line that is not in the room is nowhere else to be seen.
    fn refused(&mut self, refused: &Refused, command: Option<&PendingCommand>) {
        if refused.code == Code::UNCHANGED && refused.about == SetTopic::KIND {
            return self.news.notice("that is the topic already");
        }
        if refused.code == Code::UNCHANGED && refused.about == Op::KIND {
            return self.news.notice("you are an operator already");
        }
        let what = match refused.about {
            Say::KIND => "the message was not sent",
            Tell::KIND => "the private message was not sent",
            Rename::KIND => "your name stays",
            SetTopic::KIND => "the topic stays",
            Drop::KIND => "the file stays on the shelf",
            StatsRequest::KIND => "no statistics",
            Op::KIND => "you are no operator",
            Moderate::KIND | BansRequest::KIND => "not done",
            _ => "the server refused",
        };
        let typed = match command {
            Some(command @ (PendingCommand::Say { .. } | PendingCommand::Tell { .. })) => {
                format!("; it was: {}", format::typed(command))
            }
            _ => String::new(),
        };
        let text = format!("{what}: {}{typed}", format::refusal(refused));
        // What follows needs an operator.
        match refused.about == Op::KIND && self.manner.is_single() {
            true => self.give_up(Failure::new(text, EXIT_REFUSED)),
            false => self.news.refusal(text),
        }
    }

    /// Something waits for its receipt for longer than is usual.
    fn undelivered(&mut self, is_silent: bool) {
        let session = self.session();
        let what = match (session.outstanding(), session.pending_commands().next()) {
            (1, Some((command, _))) => format::typed(command),
            (lines, _) => format!("{} (/waiting shows them)", count(lines, "line", "lines")),
        };
        let why = if is_silent { "the server does not answer; " } else { "" };
        self.news.notice(format!("{why}not delivered yet: {what}"));
    }

    fn ended(&mut self, status: &TransferStatus, outcome: &Outcome, now: Instant) {
        self.transfers.ended(status, outcome, self.nick.chosen(), now, &mut self.news);
        if self.session().transfers_outstanding() == 0 {
            self.shutdown.take_warning();
        }
    }

    fn goodbye(&mut self, goodbye: &Goodbye) {
        self.flush_backfill();
        let end = match self.shutdown.leaving_code() {
            Some(code) => {
                if !self.manner.is_single() {
                    self.news.notice("goodbye");
                }
                Ok(code)
            }
            None => {
                let text = format::said_goodbye(goodbye);
                let code = if self.nick.is_held() { EXIT_FAILED } else { EXIT_REFUSED };
                Err(Failure::new(text, code))
            }
        };
        self.shutdown.end(end);
    }

    fn gave_up(&mut self, why: &Loss) {
        self.shutdown.end(Err(reconnect::gave_up(why, &self.server)));
    }
}
