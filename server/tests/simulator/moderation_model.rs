//! What must be true of what operators do: bans that the disk has are found again and keep their
//! nicks out, and a line that was redacted is seen by nobody who comes after that.

use std::collections::{BTreeMap, BTreeSet};

use chatshelf_common::id::{Seq, UnixMillis};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{Action, BanEntry, Moderated, Said};
use chatshelf_common::wire::{Deframer, Event, Frame, Unit};
use chatshelf_server::disk::KeptBans;
use chatshelf_server::room::redaction::redact;

/// How the name ends of whoever does not know the room's password.
pub(crate) const STRANGER: &str = "-x";

/// All that is known of it.
#[derive(Debug, Default)]
pub(crate) struct ModerationModel {
    asks_password: bool,
    /// What the disk may hold: what was written last, and what was tried since.
    kept: Vec<KeptBans>,
    /// The number of the next ban when the server was started, if it had kept any, and the events
    /// since then that tell of a ban.
    first_ban: u64,
    told: Vec<Seq>,
    /// Nicks that are kept out, until when.
    banned: BTreeMap<String, Option<UnixMillis>>,
    /// Redacted lines, and the event that says so, if it is in the log.
    redacted: BTreeMap<Seq, Option<Seq>>,
    /// Who is an operator.
    operators: BTreeSet<String>,
    /// Only operators may set the topic, if that is known.
    is_topic_locked: bool,
}

impl ModerationModel {
    pub(crate) fn new(asks_password: bool) -> Self {
        Self { asks_password, first_ban: 1, ..Self::default() }
    }

    /// The store has been asked to keep bans; `is_done` if nothing failed.
    pub(crate) fn keeps(&mut self, bans: &KeptBans, is_done: bool) {
        if is_done {
            self.kept.clear();
        }
        self.kept.push(bans.clone());
    }

    /// The server has been started and has found these bans; some of the log is gone.
    pub(crate) fn restarted(&mut self, found: &KeptBans, is_gone: impl Fn(Seq) -> bool) {
        let is_known = match &self.kept[..] {
            [] => *found == KeptBans::default(),
            kept => kept.contains(found),
        };
        assert!(is_known, "bans that were not kept last: {found:?}, not {:?}", self.kept);
        let told = self.told.drain(..).filter(|seq| !is_gone(*seq)).count() as u64;
        let has_failed = self.kept.len() > 1;
        let missing = (self.first_ban + told).saturating_sub(found.next.0);
        assert!(missing == 0 || has_failed, "{missing} bans are in the log alone: {found:?}");
        self.first_ban = found.next.0;
        self.kept = vec![found.clone()];
        self.redacted.retain(|line, _| !is_gone(*line));
        let nick = |ban: &BanEntry| Some((ban.to.as_ref()?.as_str().to_owned(), ban.until));
        self.banned = found.bans.iter().filter_map(nick).collect();
        for event in self.redacted.values_mut() {
            *event = event.filter(|seq| !is_gone(*seq));
        }
        self.operators.clear();
        self.is_topic_locked = false;
    }

    /// An event is in the log.
    pub(crate) fn record(&mut self, event: &Event) {
        // A ban that is over stays over, also when the clock is set back.
        self.banned.retain(|_, until| until.is_none_or(|until| until > event.at()));
        match event {
            Event::Moderated(it) => self.moderated(it),
            Event::Joined(it) => {
                let is_stranger = self.asks_password && it.nick.as_str().ends_with(STRANGER);
                assert!(!is_stranger, "let in without the password: {it:?}");
                self.check_nick(&it.nick);
            }
            Event::Left(it) => _ = self.operators.remove(it.nick.as_str()),
            Event::Renamed(it) => {
                self.check_nick(&it.to);
                if self.operators.remove(it.nick.as_str()) {
                    self.operators.insert(it.to.as_str().to_owned());
                }
            }
            Event::TopicChanged(it) if self.is_topic_locked => {
                assert!(self.is_operator(&it.nick), "the topic is locked: {it:?}");
            }
            _ => {}
        }
    }

    fn moderated(&mut self, it: &Moderated) {
        if it.action == Action::OP {
            self.operators.insert(it.nick.as_str().to_owned());
        }
        assert!(self.is_operator(&it.nick), "no operator: {it:?}");
        if it.action == Action::BAN {
            self.told.push(it.seq);
        }
        match (it.action, &it.to, it.line) {
            (Action::BAN, Some(to), _) => _ = self.banned.insert(to.as_str().to_owned(), it.until),
            (Action::UNBAN, Some(to), _) => _ = self.banned.remove(to.as_str()),
            (Action::REDACT, _, Some(line)) => _ = self.redacted.insert(line, Some(it.seq)),
            (Action::LOCK_TOPIC, ..) => self.is_topic_locked = true,
            (Action::UNLOCK_TOPIC, ..) => self.is_topic_locked = false,
            _ => {}
        }
    }

    fn is_operator(&self, nick: &Nick) -> bool {
        self.operators.contains(nick.as_str())
    }

    fn check_nick(&self, nick: &Nick) {
        let until = self.banned.get(nick.as_str());
        assert_eq!(until, None, "{nick} is banned");
    }

    /// True if the text of a line may be gone.
    pub(crate) fn is_redacted(&self, line: Seq) -> bool {
        self.redacted.contains_key(&line)
    }

    /// True if `shown` is what may be seen of this event by somebody whose snapshot is of
    /// `arrived`, or who was there already.
    pub(crate) fn may_show(&self, event: &Event, shown: &Event, arrived: Option<Seq>) -> bool {
        let Some(redaction) = self.redacted.get(&event.seq()) else { return event == shown };
        let is_late = redaction.is_some_and(|redaction| arrived.is_some_and(|at| at >= redaction));
        (event == shown && !is_late) || without_text(event).as_ref() == Some(shown)
    }
}

/// A line as it is once its text was taken away.
pub(crate) fn without_text(event: &Event) -> Option<Event> {
    let Event::Said(said) = event else { return None };
    let mut frame = Said::clone(said).to_bytes();
    redact(&mut frame);
    match Deframer::joined().next(&mut &frame[..]) {
        Ok(Some(Unit::Control { header, value })) => Event::decode(header.kind, value).ok(),
        _ => None,
    }
}
