//! What must be true: a simple model of the room log, told of everything that goes to the journal
//! and of what becomes of it there, and asked about everything that anyone sees. It holds the model
//! of the shelf.
//!
//! It panics when something is wrong; the run that it belongs to has failed then.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chatshelf_common::id::Seq;
use chatshelf_common::wire::frame::{Item, TopicChanged};
use chatshelf_common::wire::{Deframer, Event, Unit};
use chatshelf_server::disk::{Durability, Found};
use chatshelf_server::engine::{JournalBatch, LOG_WINDOW_BYTES};
use chatshelf_server::room::Past;

use super::clock::Clock;
use super::content::Safety;
use super::moderation_model::{ModerationModel, without_text};
use super::plan::Plan;
use super::shelf_model::ShelfModel;
use super::trace::{Trace, told};

/// Every line that a user of the simulation says begins so, and no two are the same.
pub(crate) const LINE_MARK: &str = "line ";
/// How long the engine holds events back at [`Durability::Interval`].
const JOURNAL_WAIT_MS: u64 = 1_000;
/// Bytes of a journal record beside the frame.
const RECORD_HEAD_BYTES: u64 = 8;

/// How a server came to its end, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    Stopped,
    Killed,
    PowerCut,
}

/// What has become of an event on its way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Handed,
    Written,
    Synced,
    /// The journal says that it could not keep it, or it can't be believed any more.
    Doubtful,
}

impl Fate {
    fn survives(self, ending: Ending) -> bool {
        match ending {
            Ending::Stopped | Ending::Killed => matches!(self, Self::Written | Self::Synced),
            Ending::PowerCut => self == Self::Synced,
        }
    }
}

#[derive(Debug)]
struct Entry {
    event: Event,
    fate: Fate,
    handed_ms: u64,
    /// Bytes of all events up to this one.
    end: u64,
}

/// The room's state as a member sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) members: Vec<String>,
    pub(crate) items: Vec<Item>,
    pub(crate) topic: Option<String>,
}

/// All that is known of the room.
pub(crate) struct Model {
    clock: Clock,
    trace: Trace,
    durability: Durability,
    segment_bytes: u64,
    /// The log as it is now.
    log: BTreeMap<Seq, Entry>,
    /// Events that were in it once.
    lost: BTreeMap<Seq, Vec<Event>>,
    /// Numbers whose events the disk has lost in between.
    holes: BTreeSet<Seq>,
    /// Where in the log of this server's run each batch ends, and at which event.
    batches: VecDeque<(u64, Seq)>,
    /// Lines that the server may not know any more.
    forgotten: BTreeSet<String>,
    /// Where each line is.
    lines: BTreeMap<String, Seq>,
    /// Events up to this one may have been sent without an answer of the journal.
    slow_until: Seq,
    /// Events up to this one were found at a start, but a sync of them had failed before: only
    /// writing them again could make them safe.
    excused_until: Seq,
    /// What the topic was from each of these events on, in this run of the server.
    topics: Vec<(Seq, Option<String>)>,
    /// A start finds this change of the topic, or a newer one.
    topic_floor: Seq,
    /// How often the server has been started.
    pub(crate) starts: u64,
    views: BTreeMap<(u64, Seq), View>,
    shelf: ShelfModel,
    moderation: ModerationModel,
}

impl Model {
    pub(crate) fn new(plan: &Plan, clock: &Clock, trace: &Trace) -> Self {
        Self {
            clock: clock.clone(),
            trace: trace.clone(),
            durability: plan.settings.durability,
            segment_bytes: plan.segment_bytes,
            log: BTreeMap::new(),
            lost: BTreeMap::new(),
            holes: BTreeSet::new(),
            batches: VecDeque::new(),
            forgotten: BTreeSet::new(),
            lines: BTreeMap::new(),
            slow_until: Seq(0),
            excused_until: Seq(0),
            topics: vec![(Seq(0), None)],
            topic_floor: Seq(0),
            starts: 0,
            views: BTreeMap::new(),
            shelf: ShelfModel::new(plan.settings.keep),
            moderation: ModerationModel::new(plan.settings.asks_password),
        }
    }

    /// What is known of the shelf.
    pub(crate) fn shelf(&self) -> &ShelfModel {
        &self.shelf
    }

    pub(crate) fn shelf_mut(&mut self) -> &mut ShelfModel {
        &mut self.shelf
    }

    pub(crate) fn moderation_mut(&mut self) -> &mut ModerationModel {
        &mut self.moderation
    }

    // What the server does.

    /// The engine hands events to the journal.
    pub(crate) fn handed(&mut self, batch: &JournalBatch) {
        self.note_slowness();
        let (mut deframer, mut input) = (Deframer::joined(), &batch.frames[..]);
        let mut last = None;
        loop {
            let before = input.len();
            let unit = deframer.next(&mut input).expect("the journal is given frames");
            let Some(Unit::Control { header, value }) = unit else { break };
            let event = Event::decode(header.kind, value).expect("the journal is given events");
            last = Some(event.seq());
            self.record(event, (before - input.len()) as u64);
        }
        assert!(deframer.is_between_frames(), "the journal is given whole frames");
        self.batches.push_back((batch.to, last.expect("a batch is not empty")));
    }

    fn record(&mut self, event: Event, bytes: u64) {
        let seq = event.seq();
        told!(self.trace, "log", "{}", shown(&event));
        let (newest, end) =
            self.log.last_key_value().map_or((Seq(0), 0), |(seq, entry)| (*seq, entry.end));
        assert_eq!(seq, newest.next(), "the log has no gaps");
        if let Event::Said(said) = &event
            && said.text.as_str().starts_with(LINE_MARK)
        {
            let text = said.text.as_str().to_owned();
            if let Some(before) = self.lines.insert(text, seq) {
                let is_held = end - self.log[&before].end < LOG_WINDOW_BYTES as u64;
                let is_known = !self.forgotten.contains(said.text.as_str());
                assert!(!(is_held && is_known), "said twice, at {before} and {seq}: {event:?}");
                self.forgotten.insert(said.text.as_str().to_owned());
            }
        }
        match &event {
            Event::TopicChanged(event) => self.topics.push((seq, text_of(event))),
            Event::Dropped(event) => self.shelf.dropped(event),
            _ => {}
        }
        self.moderation.record(&event);
        let (fate, handed_ms) = (Fate::Handed, self.clock.now_ms());
        self.log.insert(seq, Entry { event, fate, handed_ms, end: end + bytes });
    }

    /// The last event of the batch that ends at `to`.
    pub(crate) fn batch_end(&mut self, to: u64) -> Seq {
        let mut last = None;
        while let Some((end, seq)) = self.batches.front().copied()
            && end <= to
        {
            self.batches.pop_front();
            last = Some(seq);
        }
        last.expect("the journal keeps what it was given")
    }

    pub(crate) fn written(&mut self, last: Seq) {
        self.note_slowness();
        self.set_fate(last, Fate::Handed, Fate::Written);
    }

    pub(crate) fn synced(&mut self, last: Seq) {
        self.note_slowness();
        self.set_fate(last, Fate::Handed, Fate::Synced);
    }

    pub(crate) fn not_kept(&mut self, last: Seq) {
        self.note_slowness();
        self.set_fate(last, Fate::Handed, Fate::Doubtful);
        // Its failure may have been that of a sync of what came before.
        self.sync_failed();
    }

    /// What was written up to here is synced.
    pub(crate) fn synced_written(&mut self, last: Seq) {
        self.set_fate(last, Fate::Written, Fate::Synced);
    }

    pub(crate) fn newest_written(&self) -> Seq {
        let is_written = |(_, entry): &(&Seq, &Entry)| entry.fate == Fate::Written;
        self.log.iter().rev().find(is_written).map_or(Seq(0), |(seq, _)| *seq)
    }

    pub(crate) fn sync_failed(&mut self) {
        self.set_fate(Seq(u64::MAX), Fate::Written, Fate::Doubtful);
    }

    fn set_fate(&mut self, last: Seq, from: Fate, to: Fate) {
        for (_, entry) in self.log.range_mut(..=last) {
            if entry.fate == from {
                entry.fate = to;
            }
        }
    }

    /// Where the journal keeps the engine waiting, it need not wait for ever.
    fn note_slowness(&mut self) {
        let now_ms = self.clock.now_ms();
        let is_slow = self
            .log
            .values()
            .rev()
            .take_while(|entry| entry.fate == Fate::Handed)
            .any(|entry| entry.handed_ms + JOURNAL_WAIT_MS <= now_ms);
        if is_slow && let Some((&newest, _)) = self.log.last_key_value() {
            self.slow_until = newest;
        }
    }

    /// The server has been started, and this is what it found. What it must have found depends on
    /// how the one before it came to its end.
    pub(crate) fn restarted(
        &mut self,
        found: &Found,
        ending: Ending,
        safety: Safety,
        is_damaged: bool,
    ) {
        let Found { past: Past { events: found, topic, .. }, bans, .. } = found;
        self.check_topic(topic.as_ref(), ending, is_damaged);
        if safety != Safety::Durable {
            self.topic_floor = Seq(0);
        }
        let newest = found.last().map_or(Seq(0), Event::seq);
        let by_seq: BTreeMap<Seq, &Event> =
            found.iter().map(|event| (event.seq(), event)).collect();
        for event in found {
            self.find(event);
        }
        let all = self.log.last_key_value().map_or(0, |(_, entry)| entry.end);
        for (place, (&seq, entry)) in self.log.iter().rev().enumerate() {
            if by_seq.contains_key(&seq) {
                continue;
            }
            let is_within =
                all - entry.end + (place as u64 + 1) * RECORD_HEAD_BYTES < self.segment_bytes;
            // A crash in the midst of overwriting a line loses it, as was wanted.
            let must_be_there = entry.fate.survives(ending) && !self.moderation.is_redacted(seq);
            assert!(!must_be_there || !is_within || is_damaged, "lost: {entry:?}");
        }
        let gone: Vec<Seq> =
            self.log.keys().copied().filter(|seq| !by_seq.contains_key(seq)).collect();
        told!(self.trace, "model", "{} found up to {newest}, {} gone", found.len(), gone.len());
        // Repetitions of a line whose text is gone are not recognised.
        let texts = self.log.iter().filter(|(seq, _)| self.moderation.is_redacted(**seq));
        let texts = texts.filter_map(|(_, entry)| match &entry.event {
            Event::Said(said) => Some(said.text.as_str().to_owned()),
            _ => None,
        });
        self.forgotten.extend(texts);
        self.moderation.restarted(bans, |seq| gone.contains(&seq));
        for seq in gone {
            if seq < newest {
                self.holes.insert(seq);
            }
            self.forget(seq, seq < newest);
        }
        self.holes.retain(|seq| *seq <= newest);
        self.excused_until = if safety == Safety::GivenUp { newest } else { Seq(0) };
        for event in found {
            if let Some(entry) = self.log.get_mut(&event.seq()) {
                entry.fate = match (safety, entry.fate) {
                    (Safety::Durable, _) | (_, Fate::Synced) => Fate::Synced,
                    (Safety::Volatile, _) => Fate::Written,
                    (Safety::GivenUp, _) => Fate::Doubtful,
                };
            }
        }
        self.slow_until = self.slow_until.min(newest);
        self.batches.clear();
        self.starts += 1;
    }

    /// The topic that a start finds is the newest that must have survived, or one set since.
    fn check_topic(&mut self, found: Option<&TopicChanged>, ending: Ending, is_damaged: bool) {
        let survives = |(_, entry): &(&Seq, &Entry)| {
            matches!(entry.event, Event::TopicChanged(_)) && entry.fate.survives(ending)
        };
        let newest = self.log.iter().rev().find(survives).map_or(Seq(0), |(seq, _)| *seq);
        let floor = newest.max(self.topic_floor);
        let seq = found.map_or(Seq(0), |found| found.seq);
        assert!(is_damaged || seq >= floor, "the topic of {floor} is lost: {found:?}");
        if let Some(found) = found {
            let event = Event::from(found.clone());
            let is_known = self.log.get(&seq).is_some_and(|entry| entry.event == event)
                || self.lost.get(&seq).is_some_and(|lost| lost.contains(&event));
            assert!(is_known, "a topic that never was: {found:?}");
        }
        self.topics = vec![(Seq(0), found.and_then(text_of))];
        self.topic_floor = seq;
    }

    /// An event was found in the journal: the one that has its number, or one that was lost and
    /// comes back with a segment that had been set aside.
    fn find(&mut self, event: &Event) {
        let known = self.log.get(&event.seq()).map(|entry| &entry.event);
        let was_lost = || self.was_lost(event);
        if known.is_none() && was_lost() {
            let (fate, handed_ms) = (Fate::Written, self.clock.now_ms());
            let end = self.log.last_key_value().map_or(0, |(_, entry)| entry.end);
            self.log.insert(event.seq(), Entry { event: event.clone(), fate, handed_ms, end });
            return;
        }
        let is_it = known.is_some_and(|known| self.moderation.may_show(known, event, None));
        assert!(is_it, "the journal brings what never was: {event:?}, not {known:?}");
    }

    /// True for an event that was in the log once, with its text or without.
    fn was_lost(&self, event: &Event) -> bool {
        let lost = self.lost.get(&event.seq());
        lost.is_some_and(|lost| {
            lost.iter().any(|lost| lost == event || without_text(lost).as_ref() == Some(event))
        })
    }

    /// An event is not held any more. Its place stays its own if later ones are.
    fn forget(&mut self, seq: Seq, keeps_place: bool) {
        let event = match self.log.get(&seq) {
            Some(entry) => entry.event.clone(),
            None => return,
        };
        if let Event::Said(said) = &event {
            self.forgotten.insert(said.text.as_str().to_owned());
        }
        if !keeps_place {
            if let Event::Said(said) = &event {
                self.lines.remove(said.text.as_str());
            }
            self.log.remove(&seq);
        } else if let Some(entry) = self.log.get_mut(&seq) {
            entry.fate = Fate::Doubtful;
        }
        self.lost.entry(seq).or_default().push(event);
    }

    // What the members see.

    /// A member was sent an event: of before its snapshot, which is of `arrived`, or live.
    pub(crate) fn saw(&mut self, event: &Event, arrived: Option<Seq>) {
        self.note_slowness();
        let seq = event.seq();
        if let Some(entry) = self.log.get(&seq)
            && self.moderation.may_show(&entry.event, event, arrived)
        {
            let may_be_seen = match (self.durability, entry.fate) {
                (Durability::None, _) | (_, Fate::Synced) => true,
                (Durability::Interval, Fate::Handed) => seq <= self.slow_until,
                (Durability::Interval, Fate::Written | Fate::Doubtful) => true,
                (Durability::Always, Fate::Doubtful) => {
                    seq <= self.excused_until || self.holes.contains(&seq)
                }
                (Durability::Always, _) => false,
            };
            assert!(may_be_seen, "seen before it was safe: {entry:?}");
            return;
        }
        let was_once = self.was_lost(event);
        let is_hole = matches!(event, Event::Forgotten(_)) && self.holes.contains(&seq);
        assert!(was_once || is_hole, "seen, but it never was: {event:?}");
    }

    /// A member of the server's run `start` sees the room so, at an event.
    pub(crate) fn views(&mut self, start: u64, seq: Seq, view: View) {
        if start == self.starts {
            let topic = self.topics.iter().rfind(|(from, _)| *from <= seq);
            assert_eq!(topic.map(|(_, topic)| topic), Some(&view.topic), "at {seq}");
        }
        match self.views.get(&(start, seq)) {
            None => drop(self.views.insert((start, seq), view)),
            Some(other) => assert_eq!(*other, view, "members at {seq} see different rooms"),
        }
    }

    // Lines.

    /// Where in the log a line is.
    pub(crate) fn place_of(&self, text: &str) -> Option<Seq> {
        self.lines.get(text).copied()
    }

    /// True when the server may not know a line any more that it has had.
    pub(crate) fn is_forgotten(&self, text: &str) -> bool {
        let newest = self.log.last_key_value().map_or(0, |(_, entry)| entry.end);
        let is_old = |seq: Seq| newest - self.log[&seq].end >= LOG_WINDOW_BYTES as u64;
        self.forgotten.contains(text) || self.place_of(text).is_some_and(is_old)
    }

    pub(crate) fn newest(&self) -> Seq {
        self.log.last_key_value().map_or(Seq(0), |(seq, _)| *seq)
    }
}

fn text_of(event: &TopicChanged) -> Option<String> {
    event.topic.as_ref().map(|topic| topic.as_str().to_owned())
}

/// An event in one line.
fn shown(event: &Event) -> String {
    let text = format!("{event:?}");
    let most = text.floor_char_boundary(160);
    text[..most].to_owned()
}
