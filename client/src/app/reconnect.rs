//! Losing the connection and coming back, told: few lines however long it takes, and then what was
//! missed. Owns what is remembered of one absence; decides nothing about connections.

use std::time::{Duration, Instant};

use chatshelf_common::id::Seq;
use chatshelf_common::limits::NICK_BYTES_MAX;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::{Code, Event};

use super::format::{self, count};
use super::state::Desk;
use super::{EXIT_FAILED, Failure, News};
use crate::link::LinkError;
use crate::session::{CommandError, Loss, Unanswered, When};

/// Bytes of events from before that are kept until they are whole, about. Every server's log is
/// shorter; one that sends more is not to fill our memory.
const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is remembered while there is no connection.
#[derive(Debug, Default)]
pub(super) struct Away {
    /// A new connection was asked for while the old one stood.
    is_renewing: bool,
    /// It was said that what is typed is kept.
    kept_said: bool,
}

/// Events from before, until they are whole: their head says how many they are.
#[derive(Debug, Default)]
pub(super) struct Backfill {
    events: Vec<Event>,
    /// Their size in memory, about.
    bytes: usize,
    when: Option<When>,
}

impl Desk {
    pub(super) fn offline(&mut self, why: &Loss, attempts: u32, retry_in: Duration) {
        self.flush_batch();
        let again = format!("trying again in {}", seconds(retry_in));
        if attempts == 0 {
            if std::mem::take(&mut self.away.is_renewing) {
                return self.notice("making a new connection");
            }
            let how = if self.manner.script { "" } else { " (/reconnect tries now)" };
            let text = match why {
                Loss::Goodbye(_) => lost(why),
                Loss::Link(_) | Loss::Silent { .. } => format!("connection lost: {}", reason(why)),
            };
            self.notice(format!("{text}; {again}{how}"));
        } else if attempts.is_power_of_two() {
            // The first ones one by one, then fewer and fewer.
            let attempts = count(attempts as usize, "attempt", "attempts");
            self.notice(format!("no connection after {attempts}: {}; {again}", reason(why)));
        }
    }

    pub(super) fn back(&mut self, nick: &Nick) {
        self.away = Away::default();
        self.notice(format!("back as {nick}"));
    }

    pub(super) fn nick_replaced(&mut self, nick: &Nick, code: Code, by: &Nick) {
        self.notice(format!("the name {nick} can't be had any more: {code}; you are {by} now"));
    }

    pub(super) fn missed(&mut self, why: &str, from: Seq, to: Seq) {
        self.flush_batch();
        let events = (to.0 - from.0).saturating_add(1);
        let events = count(usize::try_from(events).unwrap_or(usize::MAX), "event", "events");
        self.notice(format!("{why}: {events} of the room can't be shown"));
    }

    pub(super) fn rewound(&mut self) {
        self.notice(
            "the server has lost some of what was shown above; what it has instead follows",
        );
    }

    pub(super) fn unanswered(&mut self, what: &Unanswered) {
        let text = match what {
            Unanswered::Tell { to } => format!("your private message to {to}"),
            Unanswered::Rename(nick) => format!("your wish to be called {nick}"),
            Unanswered::Topic(_) => "your topic".to_owned(),
        };
        self.failure(format!("{text} may not have arrived: the connection broke"));
    }

    pub(super) fn gave_up(&mut self, why: &Loss) {
        let text = match why {
            Loss::Goodbye(_) => lost(why),
            Loss::Link(_) | Loss::Silent { .. } => {
                format!("lost the connection to {}: {}", self.place, reason(why))
            }
        };
        self.finish(Err(Failure::new(text, EXIT_FAILED)));
    }

    /// `/reconnect`: the next attempt at once, or a new connection in place of one that stands.
    pub(super) fn reconnect(&mut self, now: Instant) -> Result<(), CommandError> {
        if !self.session().takes_commands() {
            return Err(CommandError::NotJoined);
        }
        if self.manner.reconnect.is_none() {
            self.failure("this client does not come back when its connection ends (--reconnect 0)");
        } else if self.session().retry_at().is_some() {
            self.notice("trying now");
            self.session_mut().reconnect_now(now);
        } else if self.link.is_connected() {
            self.away.is_renewing = true;
            let renewed = self.link.reconnect(now);
            self.check_link(renewed);
            self.collect(now);
        } else {
            self.notice("a connection is being made already");
        }
        Ok(())
    }

    /// Says once that what is typed without a connection is not lost.
    pub(super) fn say_if_kept(&mut self) {
        let is_kept = self.session().takes_commands() && !self.session().is_joined();
        if is_kept && !self.manner.script && !self.away.kept_said {
            self.away.kept_said = true;
            self.notice("kept; it is sent when the connection is back");
        }
    }

    // Events from before.

    /// Keeps an event from before until the last of them has come.
    pub(super) fn batch_up(&mut self, event: Event, when: When) {
        if self.batch.when.is_some_and(|other| other != when) {
            self.flush_batch();
        }
        let is_last = event.seq() == self.session().room().snapshot_seq();
        self.batch.when = Some(when);
        self.batch.bytes += bytes_of(&event);
        self.batch.events.push(event);
        if is_last || self.batch.bytes > BATCH_BYTES_MAX {
            self.flush_batch();
        }
    }

    /// Tells the events from before that have come, marked off from what is live. Our own coming
    /// and going is no news.
    pub(super) fn flush_batch(&mut self) {
        let Backfill { mut events, when, .. } = std::mem::take(&mut self.batch);
        let Some(when) = when else { return };
        let nick = self.link.session().nick();
        let arrival = self.link.session().room().snapshot_seq();
        let is_away = when == When::Away;
        events.retain(|event| match event {
            Event::Joined(us) => us.nick != *nick || (!is_away && us.seq != arrival),
            Event::Left(us) => us.nick != *nick || !is_away,
            _ => true,
        });
        events.retain(|event| {
            let is_told = self.is_told(event);
            // Who had which nick before we came says nothing of now.
            if is_away {
                self.note_for_ignoring(event);
            }
            is_told
        });
        if events.is_empty() {
            return;
        }
        let lines = events.iter().filter(|event| event.is_line()).count();
        let head = match (is_away, lines) {
            (false, 0) => "before you came".to_owned(),
            (false, 1) => "the last line".to_owned(),
            (false, lines) => format!("the last {lines} lines"),
            (true, 0) => "while you were away".to_owned(),
            (true, lines) => format!("{} while you were away", count(lines, "line", "lines")),
        };
        self.push(News::Before(head, when));
        let is_forgotten = |event: &Event| matches!(event, Event::Forgotten(_));
        for run in events.chunk_by(|a, b| is_forgotten(a) && is_forgotten(b)) {
            if is_forgotten(&run[0]) {
                let events = count(run.len(), "event is", "events are");
                self.notice(format!("{events} lost from the server's disk here"));
            } else {
                self.push(News::Room(run[0].clone()));
            }
        }
        self.push(News::Now);
    }
}

/// What an event takes in memory, about: itself, and the texts it points to.
fn bytes_of(event: &Event) -> usize {
    let text = match event {
        Event::Said(said) => said.text.as_str().len(),
        Event::TopicChanged(change) => change.topic.as_ref().map_or(0, |it| it.as_str().len()),
        Event::Shelved(shelved) => shelved.item.name.as_str().len(),
        _ => 0,
    };
    size_of::<Event>() + NICK_BYTES_MAX + text
}

/// The reason of a loss as half a sentence.
fn reason(why: &Loss) -> String {
    match why {
        Loss::Link(why) => why.clone(),
        Loss::Goodbye(goodbye) => format::goodbye(goodbye),
        Loss::Silent { seconds } => {
            LinkError::Session(crate::session::SessionError::Silent { seconds: *seconds })
                .to_string()
        }
    }
}

/// A loss that the server has announced, as a sentence.
fn lost(why: &Loss) -> String {
    format!("the server said goodbye: {}", reason(why))
}

/// A wait in whole seconds: one that is over at once is said to be one second.
fn seconds(wait: Duration) -> String {
    format!("{} s", wait.as_secs_f64().ceil().max(1.0))
}
