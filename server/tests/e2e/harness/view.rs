//! The room as one member sees it: the snapshot, and every event that came, checked against what
//! PROTOCOL.md ("The room log") promises about them.

use std::collections::BTreeSet;

use chatshelf_common::id::Seq;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Gap, Item, Snapshot, TopicState, Welcome};

/// An event and the bytes it came as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) event: Event,
    pub(crate) bytes: Vec<u8>,
}

/// What is known of the room. Every event it is given is checked to be the next one.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// The seq of the welcome: what this member itself says comes after it.
    pub(crate) joined: Seq,
    /// The seq of the newest snapshot; events up to it are history.
    pub(crate) since: Seq,
    /// All events that came, history too, oldest first.
    pub(crate) seen: Vec<Seen>,
    pub(crate) gaps: Vec<Gap>,
    state: State,
    /// The only seq that the next event may have, once one has come.
    next: Option<Seq>,
    /// A snapshot has begun and is not whole.
    is_partial: bool,
}

/// The room's state at a seq.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) topic: Option<TopicState>,
    pub(crate) members: BTreeSet<Nick>,
    /// Oldest first.
    pub(crate) items: Vec<Item>,
}

impl View {
    /// The room's state after all that came.
    pub(crate) fn state(&self) -> &State {
        assert!(!self.is_partial, "a snapshot is not whole yet");
        &self.state
    }

    /// The newest event that came; 0 when there is none.
    pub(crate) fn newest(&self) -> Seq {
        self.seen.last().map_or(Seq(0), |seen| seen.event.seq())
    }

    /// Numbers of the items on the shelf.
    pub(crate) fn item_ids(&self) -> Vec<u64> {
        self.state().items.iter().map(|item| item.id.0).collect()
    }

    pub(crate) fn welcome(&mut self, welcome: &Welcome) {
        assert_eq!(self.joined, Seq(0), "there is one welcome");
        (self.joined, self.since) = (welcome.seq, welcome.seq);
    }

    pub(crate) fn gap(&mut self, gap: &Gap) {
        assert!(gap.from <= gap.to && self.next.is_none_or(|next| next == gap.from), "{gap:?}");
        self.since = gap.to;
        self.next = Some(gap.to.next());
        self.gaps.push(gap.clone());
    }

    pub(crate) fn snapshot(&mut self, part: Snapshot) {
        assert_eq!(part.seq, self.since, "a snapshot is at the seq of its welcome or gap");
        assert_eq!(part.part.first, !self.is_partial, "parts come in order");
        self.is_partial = !part.part.last;
        if part.part.first {
            self.state = State { topic: part.topic, ..State::default() };
        } else {
            assert_eq!(part.topic, None, "the topic is in the first part");
        }
        let members = self.state.members.len() + part.members.len();
        self.state.members.extend(part.members);
        assert_eq!(self.state.members.len(), members, "a member is in a snapshot twice");
        self.state.items.extend(part.items);
        assert!(self.state.items.is_sorted_by_key(|item| item.id), "items are oldest first");
    }

    pub(crate) fn event(&mut self, event: Event, bytes: Vec<u8>) {
        assert!(!self.is_partial, "events wait for the whole snapshot");
        let seq = event.seq();
        match self.next {
            Some(next) => assert_eq!(seq, next, "events are consecutive"),
            None => assert!(seq <= self.since.next(), "{seq} follows a snapshot at {}", self.since),
        }
        self.next = Some(seq.next());
        if seq > self.since {
            self.state.apply(&event);
        }
        self.seen.push(Seen { event, bytes });
    }
}

impl State {
    /// Applies the next event, which must make sense here.
    fn apply(&mut self, event: &Event) {
        match event.clone() {
            Event::Said(said) => assert!(self.members.contains(&said.nick), "{said:?}"),
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
            Event::Shelved(shelved) => self.items.push(shelved.item),
            Event::Dropped(dropped) => {
                let index = self.items.iter().position(|item| item.id == dropped.item);
                self.items.remove(index.expect("only what is on the shelf is dropped"));
            }
        }
    }
}
