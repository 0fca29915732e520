//! The room as one member sees it: the newest snapshot, and every event that came, checked against
//! what PROTOCOL.md ("The room log") promises about them.

use std::collections::BTreeSet;

use chatshelf_common::id::Seq;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Gap, Item, Snapshot, TopicState, Welcome};

/// What is known of the room. Every event that it is given is checked to be the next one.
#[derive(Debug, Default)]
pub struct View {
    welcome: Option<Welcome>,
    /// The seq of the newest snapshot; events up to it are history.
    since: Seq,
    /// All events that came, history too, oldest first.
    events: Vec<Event>,
    gaps: Vec<Gap>,
    state: State,
    /// The only seq that the next event may have.
    next: Seq,
    /// The snapshot that must come next, or continue.
    snapshot_due: Option<DueSnapshot>,
}

/// The room's state at a seq.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The topic, if there is one.
    pub topic: Option<TopicState>,
    /// Who is here.
    pub members: BTreeSet<Nick>,
    /// What is on the shelf, oldest first.
    pub items: Vec<Item>,
}

#[derive(Debug)]
struct DueSnapshot {
    /// No part of it has come.
    is_new: bool,
    /// The member itself, who must be in it.
    own_nick: Nick,
}

impl View {
    /// The welcome, once it has come.
    pub fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_ref()
    }

    /// The seq of the welcome: what this member itself says comes after it. 0 before it.
    pub fn joined(&self) -> Seq {
        self.welcome.as_ref().map_or(Seq(0), |welcome| welcome.seq)
    }

    /// The seq of the newest snapshot; events up to it are history.
    pub fn since(&self) -> Seq {
        self.since
    }

    /// All events that came, history too, oldest first.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// All events that came, when nobody looks at the room any more.
    pub fn into_events(self) -> Vec<Event> {
        self.events
    }

    /// The gaps that were announced.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// The room's state after all that came.
    ///
    /// # Panics
    /// When a snapshot has not come whole.
    pub fn state(&self) -> &State {
        assert!(!self.awaits_snapshot(), "a snapshot is not whole yet");
        &self.state
    }

    /// The newest event that came, or that a gap has passed over.
    pub fn newest(&self) -> Option<Seq> {
        let welcome = self.welcome.as_ref()?;
        (self.next > welcome.from).then(|| Seq(self.next.0 - 1))
    }

    /// Numbers of the items on the shelf, oldest first.
    pub fn item_ids(&self) -> Vec<u64> {
        self.state().items.iter().map(|item| item.id.0).collect()
    }

    /// True while nothing but the next part of a snapshot may come.
    pub fn awaits_snapshot(&self) -> bool {
        self.snapshot_due.is_some()
    }

    pub(crate) fn take_welcome(&mut self, welcome: &Welcome) {
        assert!(self.welcome.is_none(), "there is one welcome");
        assert!(welcome.from <= welcome.seq.next(), "no event is left out: {welcome:?}");
        (self.since, self.next) = (welcome.seq, welcome.from);
        self.snapshot_due = Some(DueSnapshot { is_new: true, own_nick: welcome.nick.clone() });
        self.welcome = Some(welcome.clone());
    }

    pub(crate) fn take_gap(&mut self, gap: &Gap) {
        let welcome = self.welcome.as_ref().expect("a gap comes after the welcome");
        assert!(gap.from <= gap.to, "{gap:?}");
        let has_begun = self.next > welcome.from;
        // A gap may swallow the history that was announced.
        let is_next = gap.from == self.next || !has_begun && gap.from <= welcome.seq.next();
        assert!(is_next, "{gap:?} is not at {}", self.next);
        (self.since, self.next) = (gap.to, gap.to.next());
        self.snapshot_due = Some(DueSnapshot { is_new: true, own_nick: gap.nick.clone() });
        self.gaps.push(gap.clone());
    }

    pub(crate) fn take_snapshot(&mut self, part: &Snapshot) {
        let due = self.snapshot_due.take().expect("a snapshot follows a welcome or a gap");
        assert_eq!(part.seq, self.since, "a snapshot is at the seq of its welcome or gap");
        assert_eq!(part.part.first, due.is_new, "the parts of a snapshot come in order");
        if part.part.first {
            self.state = State { topic: part.topic.clone(), ..State::default() };
        } else {
            assert_eq!(part.topic, None, "the topic is in the first part");
        }
        let members = self.state.members.len() + part.members.len();
        self.state.members.extend(part.members.iter().cloned());
        assert_eq!(self.state.members.len(), members, "a member is in a snapshot twice");
        self.state.items.extend(part.items.iter().cloned());
        assert!(self.state.items.is_sorted_by_key(|item| item.id), "items are oldest first");
        if part.part.last {
            let is_there = self.state.members.contains(&due.own_nick);
            assert!(is_there, "{} is not in their own snapshot", due.own_nick);
        } else {
            self.snapshot_due = Some(DueSnapshot { is_new: false, ..due });
        }
    }

    pub(crate) fn take_event(&mut self, event: Event) {
        assert!(self.welcome.is_some(), "events wait for the welcome: {event:?}");
        let seq = event.seq();
        assert_eq!(seq, self.next, "events are consecutive, from the one that was announced on");
        self.next = seq.next();
        if seq > self.since {
            self.state.apply(&event);
        }
        self.events.push(event);
    }
}

impl State {
    /// Applies the next event, which must make sense here.
    fn apply(&mut self, event: &Event) {
        match event.clone() {
            Event::Said(said) => assert!(self.members.contains(&said.nick), "{said:?}"),
            Event::Moderated(it) => assert!(self.members.contains(&it.nick), "{it:?}"),
            Event::Forgotten(forgotten) => panic!("only ever history: {forgotten:?}"),
            Event::Joined(joined) => assert!(self.members.insert(joined.nick), "joined twice"),
            Event::Left(left) => assert!(self.members.remove(&left.nick), "{left:?}"),
            Event::Renamed(renamed) => {
                assert!(self.members.remove(&renamed.nick), "{renamed:?}");
                assert!(self.members.insert(renamed.to), "renamed to someone else");
            }
            Event::TopicChanged(changed) => {
                let (nick, at) = (changed.nick, changed.at);
                self.topic = changed.topic.map(|topic| TopicState { topic, nick, at });
            }
            Event::Shelved(shelved) => {
                let is_newest = self.items.last().is_none_or(|newest| newest.id < shelved.item.id);
                assert!(is_newest, "{shelved:?}");
                self.items.push(shelved.item);
            }
            Event::Dropped(dropped) => {
                let index = self.items.iter().position(|item| item.id == dropped.item);
                self.items.remove(index.expect("only what is on the shelf is dropped"));
            }
        }
    }
}
