//! The room as seen so far: members, shelf, topic, and the order of events (PROTOCOL.md, "The
//! room log"). Owns that view; never sends anything and knows no transfers.

use std::collections::HashSet;

use chatshelf_common::id::{ItemId, Seq};
use chatshelf_common::limits::{
    FILE_NAME_BYTES_MAX, NICK_BYTES_MAX, ROOM_ITEMS_MAX, ROOM_MEMBERS_MAX,
};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Gap, Item, Snapshot, TopicState};

/// What the order of events asks for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing may come: there was no welcome.
    Welcome,
    /// The first part of a snapshot, and behind its last the event `then`.
    FirstPart { then: Seq },
    /// A further part of it.
    FurtherPart { then: Seq },
    /// This event.
    Event(Seq),
}

/// What a snapshot holds and events change.
#[derive(Debug, Default)]
struct State {
    /// Spelled as the server spells them, in every event alike.
    members: HashSet<Nick>,
    topic: Option<TopicState>,
    shelf: Vec<Item>,
}

impl State {
    /// Names and their places in the set, items and their texts, about.
    fn bytes(&self) -> usize {
        let member_bytes = 2 * size_of::<Nick>() + NICK_BYTES_MAX;
        let item_bytes = size_of::<Item>() + FILE_NAME_BYTES_MAX + NICK_BYTES_MAX;
        self.members.len() * member_bytes + self.shelf.capacity() * item_bytes
    }

    /// A server must not make us hold more than a room may have.
    fn check_size(&self) -> Result<(), &'static str> {
        if self.members.len() > ROOM_MEMBERS_MAX {
            return Err("more members than a room may have");
        }
        if self.shelf.len() > ROOM_ITEMS_MAX {
            return Err("more items than a shelf may have");
        }
        Ok(())
    }
}

/// The room's state after event [`Room::seq`].
#[derive(Debug)]
pub struct Room {
    next: Next,
    /// The newest event the last snapshot holds.
    snapshot_seq: Seq,
    seq: Seq,
    state: State,
    /// A snapshot of which parts are missing.
    arriving: State,
    newest_item: Option<ItemId>,
}

impl Room {
    /// A room nothing is known of.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            next: Next::Welcome,
            snapshot_seq: Seq(0),
            seq: Seq(0),
            state: State::default(),
            arriving: State::default(),
            newest_item: None,
        }
    }

    /// The newest event this state holds.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The newest event the last snapshot holds: events up to it are history.
    #[must_use]
    pub fn snapshot_seq(&self) -> Seq {
        self.snapshot_seq
    }

    /// Who is here, each once, in no order to rely on.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Nick> {
        self.state.members.iter()
    }

    /// The topic, with who set it and when.
    #[must_use]
    pub fn topic(&self) -> Option<&TopicState> {
        self.state.topic.as_ref()
    }

    /// What is on the shelf, oldest first.
    #[must_use]
    pub fn shelf(&self) -> &[Item] {
        &self.state.shelf
    }

    /// The item of that number, if it is on the shelf.
    #[must_use]
    pub fn item(&self, id: ItemId) -> Option<&Item> {
        self.state.shelf.iter().find(|item| item.id == id)
    }

    /// The newest item that was ever seen on the shelf.
    pub(super) fn newest_item(&self) -> Option<ItemId> {
        self.newest_item
    }

    /// Bytes that this view takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.state.bytes() + self.arriving.bytes()
    }

    /// True when all events up to the snapshot's have come: the next one is live.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        matches!(self.next, Next::Event(next) if next > self.snapshot_seq)
    }

    /// The connection is gone: what is known stays, and only a welcome may come next.
    pub(super) fn lost(&mut self) {
        self.next = Next::Welcome;
        self.arriving = State::default();
    }

    /// The join is accepted; a snapshot is to follow, and the event `from` behind it.
    pub(super) fn welcome(&mut self, seq: Seq, from: Seq) -> Result<(), &'static str> {
        if from.0 == 0 || from > after(seq)? {
            return Err("a history that is none");
        }
        self.snapshot_seq = seq;
        self.next = Next::FirstPart { then: from };
        Ok(())
    }

    /// Events are missing; a snapshot after them is to follow.
    pub(super) fn gap(&mut self, gap: &Gap) -> Result<(), &'static str> {
        if self.next != Next::Event(gap.from) || gap.to < gap.from {
            return Err("a gap in a place where there is none");
        }
        self.snapshot_seq = gap.to;
        self.next = Next::FirstPart { then: after(gap.to)? };
        Ok(())
    }

    /// Takes one part of a snapshot; true when it is whole, and then it is the room's state.
    pub(super) fn snapshot(&mut self, part: Snapshot) -> Result<bool, &'static str> {
        let ((Next::FirstPart { then }, true) | (Next::FurtherPart { then }, false)) =
            (self.next, part.part.first)
        else {
            return Err("a snapshot out of place");
        };
        if part.seq != self.snapshot_seq {
            return Err("a snapshot at another place than announced");
        }
        if part.part.first {
            self.arriving = State { topic: part.topic, ..State::default() };
        } else if part.topic.is_some() {
            return Err("the topic in a later part of a snapshot");
        }
        self.arriving.shelf.extend(part.items);
        self.arriving.members.extend(part.members);
        self.arriving.check_size()?;
        if !part.part.last {
            self.next = Next::FurtherPart { then };
            return Ok(false);
        }
        self.next = Next::Event(then);
        self.seq = self.snapshot_seq;
        self.state = std::mem::take(&mut self.arriving);
        let newest = self.state.shelf.iter().map(|item| item.id).max();
        self.newest_item = self.newest_item.max(newest);
        Ok(true)
    }

    /// Takes an event in: one that the snapshot holds is only counted, a live one is applied.
    pub(super) fn event(&mut self, event: &Event) -> Result<(), &'static str> {
        if self.pass(event.seq())? {
            self.apply(event);
            self.state.check_size()?;
        }
        Ok(())
    }

    /// Counts an event, also one of a type this version does not know; true if it is live.
    pub(super) fn pass(&mut self, seq: Seq) -> Result<bool, &'static str> {
        match self.next {
            Next::Event(next) if next == seq => {}
            Next::Event(_) => return Err("events out of order"),
            _ => return Err("an event before the snapshot"),
        }
        self.next = Next::Event(after(seq)?);
        let is_live = seq > self.snapshot_seq;
        if is_live {
            self.seq = seq;
        }
        Ok(is_live)
    }

    fn apply(&mut self, event: &Event) {
        match event {
            // What is forgotten is history; should it come live, it changes nothing either.
            Event::Said(_) | Event::Forgotten(_) | Event::Moderated(_) => {}
            Event::Joined(joined) => self.enter(&joined.nick),
            Event::Left(left) => self.exit(&left.nick),
            Event::Renamed(renamed) => {
                self.exit(&renamed.nick);
                self.enter(&renamed.to);
            }
            Event::TopicChanged(change) => {
                let (nick, at) = (change.nick.clone(), change.at);
                self.state.topic = change.topic.clone().map(|topic| TopicState { topic, nick, at });
            }
            Event::Shelved(shelved) => {
                self.newest_item = self.newest_item.max(Some(shelved.item.id));
                self.state.shelf.push(shelved.item.clone());
            }
            Event::Dropped(dropped) => self.state.shelf.retain(|item| item.id != dropped.item),
        }
    }

    fn enter(&mut self, nick: &Nick) {
        self.state.members.insert(nick.clone());
    }

    fn exit(&mut self, nick: &Nick) {
        if !self.state.members.remove(nick) {
            log::warn!("{nick} left, but was not here");
        }
    }
}

/// The seq after this one, while there is one.
fn after(seq: Seq) -> Result<Seq, &'static str> {
    seq.0.checked_add(1).map(Seq).ok_or("the last of all events")
}
