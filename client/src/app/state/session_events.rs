//! What the session tells, made into news by the part that it concerns. Owns nothing.

use std::time::Instant;

use chatshelf_common::rate::Rate;
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
use crate::app::{reconnect, transfer_summary};
use crate::lang::{because, tr};
use crate::session::{Loss, Outcome, PendingCommand, SessionEvent, Stage, TransferStatus, When};
use crate::units::period;

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
                let is_script = self.manner.is_script();
                self.reconnection.tell_offline(&why, attempts, retry_in, is_script, &mut self.news);
            }
            SessionEvent::NickReplaced { nick, code, by } => {
                news.notice(match code {
                    Code::NICK_TAKEN => tr!("the name {nick} is taken now; you are {by}", nick, by),
                    code => {
                        let why = format::code(code);
                        tr!("the name {nick} is refused now: {why}; you are {by}", nick, why, by)
                    }
                });
            }
            SessionEvent::Back { nick, .. } => {
                self.reconnection.back();
                news.notice(tr!("back as {nick}", nick));
            }
            SessionEvent::Missed { from, to } => {
                self.flush_backfill();
                self.news.notice(reconnect::missed(tr!("away for too long"), from, to));
            }
            SessionEvent::Gap { from, to } => {
                self.flush_backfill();
                self.news.notice(reconnect::missed(tr!("too slow for the room"), from, to));
            }
            SessionEvent::Rewound { .. } => news.notice(tr!(
                "the server has lost some of what was shown above; what it has instead follows"
            )),
            SessionEvent::Refused(refused, command) => self.refused(&refused, command.as_ref()),
            SessionEvent::Paced { rate } => news.notice(tr!(
                "the server accepts {rate} from each member: the rest waits its turn (/waiting)",
                rate = accepted(rate),
            )),
            SessionEvent::PasswordWanted { code } => self.ask_password(code),
            SessionEvent::PasswordWithheld(privacy) => self.withhold_password(privacy),
            SessionEvent::PasswordWaits => self.tell_password_waits(),
            SessionEvent::Bans => news.push(News::Answer(Answer::Bans)),
            SessionEvent::Undelivered { is_silent } => self.undelivered(is_silent),
            SessionEvent::Stats => news.push(News::Answer(Answer::Stats)),
            SessionEvent::Delivered => news.notice(tr!("all of it is delivered now")),
            SessionEvent::Unanswered(what) => news.failure(reconnect::unanswered(&what)),
            SessionEvent::TransferStarted(status) => self.transfers.started(&status, now, news),
            SessionEvent::TransferResumed(status) => self.transfers.resumed(&status, now, news),
            SessionEvent::TransferRestarted(status, why) => {
                self.transfers.restarted(&status, why, now, news);
            }
            SessionEvent::TransferHeld(status, why) => self.held(&status, &why, now),
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
        let mut text = match code {
            Code::NICK_TAKEN => tr!("the name {nick} is taken", nick),
            code => tr!("the name {nick} was refused: {why}", nick, why = format::code(code)),
        };
        if let Some(nick) = &suggestion {
            text = format::free(text, nick);
        }
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
            return self.news.notice(tr!("that is the topic already"));
        }
        if refused.code == Code::UNCHANGED && refused.about == Op::KIND {
            return self.news.notice(tr!("you are an operator already"));
        }
        let what = match refused.about {
            Say::KIND => tr!("the message was not sent"),
            Tell::KIND => tr!("the private message was not sent"),
            Rename::KIND => tr!("your name stays"),
            SetTopic::KIND => tr!("the topic stays"),
            Drop::KIND => tr!("the file stays on the shelf"),
            StatsRequest::KIND => tr!("no statistics"),
            Op::KIND => tr!("you are not an operator"),
            Moderate::KIND | BansRequest::KIND => tr!("not done"),
            _ => tr!("the server refused"),
        };
        let why = format::refusal(refused);
        let text = match command {
            Some(command @ (PendingCommand::Say { .. } | PendingCommand::Tell { .. })) => {
                tr!("{what}: {why}; it was: {line}", what, why, line = format::typed(command))
            }
            _ => because(what, why),
        };
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
            (lines, _) => {
                tr!("{n} line (/waiting shows them)", "{n} lines (/waiting shows them)", n = lines)
            }
        };
        self.news.notice(match is_silent {
            true => tr!("the server does not answer; not delivered yet: {what}", what),
            false => tr!("not delivered yet: {what}", what),
        });
    }

    /// An upload waits until the server takes more. A script does not wait for longer than it
    /// would for anything else.
    fn held(&mut self, status: &TransferStatus, why: &Refused, now: Instant) {
        let Stage::Held { until } = status.stage else { return };
        let wait = until.saturating_duration_since(now);
        if self.manner.is_script() && wait >= self.patience.for_transfers() {
            return self.link.session_mut().give_up_held_uploads();
        }
        self.news.push(News::Waits(transfer_summary::held(status, why, wait)));
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
                    self.news.notice(tr!("goodbye"));
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

/// How much the server accepts.
fn accepted(rate: Rate) -> String {
    let (first, then, time) = (rate.at_once(), rate.refill(), period(rate.period_ms()));
    tr!("{first} at once, then {then} in {time}", first, then, time)
}
