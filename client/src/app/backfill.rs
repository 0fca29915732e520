//! Events from before, held back until they are whole: their head says how many they are. Owns them
//! until then; what of them is shown is decided when they are told.

use chatshelf_common::id::Seq;
use chatshelf_common::limits::NICK_BYTES_MAX;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::Event;

use super::news::{News, NewsQueue};
use crate::lang::tr;
use crate::session::When;

/// Bytes of events that are held back, about. Every server's log is shorter; one that sends more
/// must not fill our memory.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The events that have come so far.
#[derive(Debug, Default)]
pub(super) struct Backfill(Option<Run>);

/// Events of one kind: from before we first came, or from while we were away.
#[derive(Debug)]
pub(super) struct Run {
    when: When,
    events: Vec<Event>,
    /// Their size in memory, about.
    bytes: usize,
}

impl Backfill {
    /// Adds an event. Returns the events that are whole by that, or that are followed by others: to
    /// be told now.
    pub(super) fn add(&mut self, event: Event, when: When) -> Option<Run> {
        debug_assert!(when != When::Live, "what is live is not held back");
        let before = self.0.take_if(|run| run.when != when);
        let run = self.0.get_or_insert(Run { when, events: Vec::new(), bytes: 0 });
        run.bytes += bytes_of(&event);
        run.events.push(event);
        before.or_else(|| self.0.take_if(|run| run.bytes > BYTES_MAX))
    }

    /// All that is held back.
    pub(super) fn take(&mut self) -> Option<Run> {
        self.0.take()
    }
}

impl Run {
    /// True for events from while we were away.
    pub(super) fn is_away(&self) -> bool {
        self.when == When::Away
    }

    /// Tells the events that `shows` lets through, marked off from what is live. Our own coming and
    /// going, as `nick`, at `arrival`, is no news.
    pub(super) fn tell(
        self,
        nick: &Nick,
        arrival: Seq,
        mut shows: impl FnMut(&Event) -> bool,
        news: &mut NewsQueue,
    ) {
        let is_away = self.is_away();
        let is_own_passage = |event: &Event| match event {
            Event::Joined(us) => us.nick == *nick && (is_away || us.seq == arrival),
            Event::Left(us) => us.nick == *nick && is_away,
            _ => false,
        };
        let events = self.events.into_iter();
        let events: Vec<Event> =
            events.filter(|event| !is_own_passage(event) && shows(event)).collect();
        if events.is_empty() {
            return;
        }
        let lines = events.iter().filter(|event| event.is_line()).count();
        news.push(News::Before(head(is_away, lines), self.when));
        let is_forgotten = |event: &Event| matches!(event, Event::Forgotten(_));
        for run in events.chunk_by(|a, b| is_forgotten(a) && is_forgotten(b)) {
            if is_forgotten(&run[0]) {
                news.notice(tr!(
                    "{n} event is lost from the server's disk here",
                    "{n} events are lost from the server's disk here",
                    n = run.len(),
                ));
            } else {
                news.push(News::Room(run[0].clone()));
            }
        }
        news.push(News::Now);
    }
}

fn head(is_away: bool, lines: usize) -> String {
    match (is_away, lines) {
        (false, 0) => tr!("before you came").to_owned(),
        (false, 1) => tr!("the last line").to_owned(),
        (false, lines) => tr!("the last {lines} lines", lines),
        (true, 0) => tr!("while you were away").to_owned(),
        (true, lines) => {
            tr!("{n} line while you were away", "{n} lines while you were away", n = lines)
        }
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

#[cfg(test)]
mod tests {
    use chatshelf_common::id::{MessageId, UnixMillis};
    use chatshelf_common::text::Message;
    use chatshelf_common::wire::frame::{Forgotten, Joined, Said};

    use super::*;

    const AT: UnixMillis = UnixMillis(1);

    fn nick(name: &str) -> Nick {
        Nick::new(name).unwrap()
    }

    fn said(seq: u64) -> Event {
        let (nick, id) = (nick("bob"), MessageId(seq));
        let text = Message::new("hello").unwrap();
        Said { seq: Seq(seq), at: AT, nick, id, text, style: None }.into()
    }

    fn joined(seq: u64, name: &str) -> Event {
        Joined { seq: Seq(seq), at: AT, nick: nick(name), quiet: None }.into()
    }

    /// What is told to ada, who arrived at 9: heads and notices, and the seqs of events.
    fn told(run: Option<Run>, shows: impl FnMut(&Event) -> bool) -> Vec<String> {
        let mut news = NewsQueue::default();
        run.unwrap().tell(&nick("ada"), Seq(9), shows, &mut news);
        let news = std::iter::from_fn(|| news.pop()).map(|news| match news {
            News::Before(text, _) | News::Notice(text) => text,
            News::Room(event) => event.seq().to_string(),
            News::Now => "now".to_owned(),
            other => panic!("{other:?}"),
        });
        news.collect()
    }

    #[test]
    fn history_comes_under_a_head_that_counts_its_lines() {
        let mut backfill = Backfill::default();
        for event in [joined(5, "ada"), said(6), said(7), joined(9, "ada")] {
            assert!(backfill.add(event, When::History).is_none());
        }
        let run = backfill.take();
        assert!(backfill.take().is_none());
        // She was there before; only her arrival now is no news.
        assert_eq!(told(run, |_| true), ["the last 2 lines", "5", "6", "7", "now"]);
    }

    #[test]
    fn what_nobody_is_to_see_has_no_head() {
        let mut backfill = Backfill::default();
        backfill.add(said(6), When::Away);
        backfill.add(joined(7, "ada"), When::Away);
        assert_eq!(told(backfill.take(), |_| false), [""; 0]);
    }

    #[test]
    fn events_of_another_kind_end_a_run() {
        let mut backfill = Backfill::default();
        backfill.add(said(6), When::History);
        let history = backfill.add(said(7), When::Away);
        assert!(!history.as_ref().unwrap().is_away());
        assert_eq!(told(history, |_| true), ["the last line", "6", "now"]);
        assert_eq!(told(backfill.take(), |_| true), ["1 line while you were away", "7", "now"]);
    }

    #[test]
    fn events_that_were_lost_are_one_line() {
        let mut backfill = Backfill::default();
        for seq in 4..7 {
            let lost = Forgotten { seq: Seq(seq), at: AT };
            backfill.add(lost.into(), When::History);
        }
        let lost = "3 events are lost from the server's disk here";
        assert_eq!(told(backfill.take(), |_| true), ["before you came", lost, "now"]);
    }
}
