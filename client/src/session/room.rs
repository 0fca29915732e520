//! The room as seen so far: members, shelf, topic, and the order of events (PROTOCOL.md, "The
//! room log"). Owns that view; never sends anything and knows no transfers.

use chatshelf_common::id::{ItemId, Seq};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Gap, Item, Snapshot, TopicState};

use super::event::When;

/// What the order of events asks for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing may come: there was no welcome.
    Welcome,
    /// The first part of a snapshot.
    FirstPart { history_may_follow: bool },
    /// A further part of it.
    FurtherPart { history_may_follow: bool },
    /// History from anywhere up to the snapshot, or the event after it.
    Any,
    /// This event.
    Event(Seq),
}

/// The room's state after event [`Room::seq`].
#[derive(Debug)]
pub struct Room {
    next: Next,
    /// The newest event the last snapshot holds.
    snapshot_seq: Seq,
    seq: Seq,
    /// Spelled as the server spells them, in every event alike: no search but for who leaves.
    members: Vec<Nick>,
    topic: Option<TopicState>,
    shelf: Vec<Item>,
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
            members: Vec::new(),
            topic: None,
            shelf: Vec::new(),
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

    /// Who is here, in no order to rely on.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Nick> {
        self.members.iter()
    }

    /// The topic, with who set it and when.
    #[must_use]
    pub fn topic(&self) -> Option<&TopicState> {
        self.topic.as_ref()
    }

    /// What is on the shelf, oldest first.
    #[must_use]
    pub fn shelf(&self) -> &[Item] {
        &self.shelf
    }

    /// The newest item of that name.
    #[must_use]
    pub fn item_named(&self, name: &str) -> Option<&Item> {
        self.shelf.iter().rev().find(|item| item.name.as_str() == name)
    }

    /// The item of that number, if it is on the shelf.
    #[must_use]
    pub fn item(&self, id: ItemId) -> Option<&Item> {
        self.shelf.iter().find(|item| item.id == id)
    }

    /// The newest item that was ever seen on the shelf.
    pub(super) fn newest_item(&self) -> Option<ItemId> {
        self.newest_item
    }

    /// The join is accepted; a snapshot at `seq` is to follow.
    pub(super) fn welcome(&mut self, seq: Seq) {
        self.snapshot_seq = seq;
        self.next = Next::FirstPart { history_may_follow: true };
    }

    /// Events are missing; a snapshot after them is to follow.
    pub(super) fn gap(&mut self, gap: &Gap) -> Result<(), &'static str> {
        let fits = match self.next {
            Next::Any => gap.from.0 <= self.snapshot_seq.0.saturating_add(1),
            Next::Event(seq) => gap.from == seq,
            _ => false,
        };
        if !fits || gap.to < gap.from {
            return Err("a gap in a place where there is none");
        }
        self.snapshot_seq = gap.to;
        self.next = Next::FirstPart { history_may_follow: false };
        Ok(())
    }

    /// Takes one part of a snapshot; true when it is whole.
    pub(super) fn snapshot(&mut self, part: Snapshot) -> Result<bool, &'static str> {
        let ((Next::FirstPart { history_may_follow }, true)
        | (Next::FurtherPart { history_may_follow }, false)) = (self.next, part.part.first)
        else {
            return Err("a snapshot out of place");
        };
        if part.seq != self.snapshot_seq {
            return Err("a snapshot at another place than announced");
        }
        if part.part.first {
            self.members.clear();
            self.shelf.clear();
            self.topic = part.topic;
        } else if part.topic.is_some() {
            return Err("the topic in a later part of a snapshot");
        }
        self.newest_item = self.newest_item.max(part.items.iter().map(|item| item.id).max());
        self.shelf.extend(part.items);
        self.members.extend(part.members);
        self.next = match (part.part.last, history_may_follow) {
            (false, _) => Next::FurtherPart { history_may_follow },
            (true, true) => Next::Any,
            (true, false) => Next::Event(after(self.snapshot_seq)?),
        };
        if part.part.last {
            self.seq = self.snapshot_seq;
        }
        Ok(part.part.last)
    }

    /// Takes an event in: history is only counted, a live one is applied.
    pub(super) fn event(&mut self, event: &Event) -> Result<When, &'static str> {
        let when = self.pass(event.seq())?;
        if when == When::Live {
            self.apply(event);
        }
        Ok(when)
    }

    /// Counts an event, also one of a type this version does not know.
    pub(super) fn pass(&mut self, seq: Seq) -> Result<When, &'static str> {
        let fits = match self.next {
            Next::Any => seq.0 <= self.snapshot_seq.0.saturating_add(1),
            Next::Event(next) => seq == next,
            _ => return Err("an event before the snapshot"),
        };
        if !fits {
            return Err("events out of order");
        }
        self.next = Next::Event(after(seq)?);
        if seq <= self.snapshot_seq {
            return Ok(When::History);
        }
        self.seq = seq;
        Ok(When::Live)
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Said(_) => {}
            Event::Joined(joined) => self.enter(&joined.nick),
            Event::Left(left) => self.exit(&left.nick),
            Event::Renamed(renamed) => {
                self.exit(&renamed.nick);
                self.enter(&renamed.to);
            }
            Event::TopicChanged(change) => {
                let (nick, at) = (change.nick.clone(), change.at);
                self.topic = change.topic.clone().map(|topic| TopicState { topic, nick, at });
            }
            Event::Shelved(shelved) => {
                self.newest_item = self.newest_item.max(Some(shelved.item.id));
                self.shelf.push(shelved.item.clone());
            }
            Event::Dropped(dropped) => self.shelf.retain(|item| item.id != dropped.item),
        }
    }

    fn enter(&mut self, nick: &Nick) {
        self.members.push(nick.clone());
    }

    fn exit(&mut self, nick: &Nick) {
        match self.members.iter().position(|member| member == nick) {
            Some(place) => drop(self.members.swap_remove(place)),
            None => log::warn!("{nick} left, but was not here"),
        }
    }
}

/// The seq after this one, while there is one.
fn after(seq: Seq) -> Result<Seq, &'static str> {
    seq.0.checked_add(1).map(Seq).ok_or("the last of all events")
}
