//! The room: its members, topic and shelf, and the log of what happened in it.
//!
//! There is one way in. What anyone wants to happen is a [`proposal::Proposal`]; the sequencer
//! makes it an event; and [`Room::commit`], the only thing that changes the room, appends the event
//! to the log and applies it. A commit never fails, and depends on nothing but the room and the
//! event: no clock, no random number, no order of a hash table, no setting of this server. So rooms
//! to which the same events were committed are the same, byte for byte, wherever that was; and what
//! a room is, its clients can follow.
//!
//! State of the room, made by commits alone:
//!
//! - the log's events, and which lines it knows when they are said again (`log`, `dedup`);
//! - the members, their nicks, and how quietly they came (`members`);
//! - the topic; what is on the shelf, and the newest item that ever was there (`shelf`);
//! - snapshots, which are made of the above (`snapshot`, `roster`).
//!
//! Local to this server, and looked at by no commit:
//!
//! - the session attached to a member; none for one who is connected to another server;
//! - how far the log is released, and where its window begins;
//! - how many items the shelf keeps: the engine proposes to drop the others;
//! - what the engine knows: connections, who may take which item off, how many may enter, how many
//!   lines of history they get; and, in the sequencer, numbers given to items on their way.
//!
//! The order of members is that of the keys of their nicks, which are made with Unicode's tables:
//! the same build makes the same keys.

pub mod log;
pub mod proposal;
pub mod shelf;

mod dedup;
mod invariants;
mod members;
mod nicks;
mod restore;
mod roster;
mod slice;
mod snapshot;

use std::ops::Bound::Unbounded;
use std::rc::Rc;

use chatshelf_common::id::{ItemId, Seq};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Item, TopicChanged, TopicState};

use crate::token::Token;
use crate::work;
use log::RoomLog;
use members::Members;
use shelf::{ITEM_ID_MAX, Shelf};
use snapshot::Snapshots;

pub use members::Member;
pub use restore::{Past, Restored};
pub use snapshot::Snapshot;

/// Who is here, what is on the shelf, and what happened.
#[derive(Debug)]
pub struct Room {
    log: RoomLog,
    members: Members,
    shelf: Shelf,
    topic: Option<TopicState>,
    snapshots: Snapshots,
}

impl Room {
    /// A room in which nobody is and nothing has happened, and whose next event is `first`. Its log
    /// holds at least the newest `window_bytes` bytes of events; its shelf is for `keep` items.
    #[must_use]
    pub fn new(first: Seq, window_bytes: usize, keep: usize) -> Self {
        Self {
            log: RoomLog::new(first, window_bytes),
            members: Members::default(),
            shelf: Shelf::new(keep),
            topic: None,
            snapshots: Snapshots::default(),
        }
    }

    /// Commits an event: appends it to the log and applies it to the state.
    ///
    /// The event must follow from the room, as [`Proposal::decide`] makes it. That is looked at in
    /// debug builds only: the sequencer sees to it.
    ///
    /// [`Proposal::decide`]: proposal::Proposal::decide
    pub fn commit(&mut self, event: Event) {
        debug_assert_eq!(self.why_not(&event), None, "{event:?}");
        self.log.append(&event);
        debug_assert!(self.log.knows_its_lines(), "a line could be said twice");
        match event {
            Event::Said(_) | Event::Forgotten(_) => {}
            Event::Joined(event) => self.seat(Member::new(event.nick, event.quiet)),
            Event::Left(event) => _ = self.unseat(&event.nick),
            Event::Renamed(event) => {
                if let Some(member) = self.unseat(&event.nick) {
                    self.seat(member.renamed(event.to));
                }
            }
            Event::TopicChanged(event) => self.topic = topic_state(&event),
            Event::Shelved(event) => self.shelve(event.item),
            Event::Dropped(event) => self.unshelve(event.item),
        }
    }

    /// Why an event can't be the next of this room, if it can't. What the disk has lost is known
    /// at a start only, so it comes by [`Self::recall`].
    fn why_not(&self, event: &Event) -> Option<&'static str> {
        let item = |id: ItemId| self.shelf.find(id).ok();
        let (is_so, why) = match event {
            event if event.seq() != self.log.next_seq() => (false, "it has another's number"),
            Event::Said(event) => (self.members.has(&event.nick), "its author is not here"),
            Event::Joined(event) => (self.members.is_free(&event.nick, None), "the nick is taken"),
            Event::Left(event) => {
                let member = self.members.get(&event.nick);
                let is_theirs = |it: &Member| *it.nick() == event.nick && it.quiet() == event.quiet;
                (member.is_some_and(is_theirs), "nobody leaves so")
            }
            Event::Renamed(event) => {
                let is_free = self.members.is_free(&event.to, Some(&event.nick));
                (self.members.has(&event.nick) && is_free, "nobody can be renamed so")
            }
            Event::TopicChanged(event) => {
                let is_new = self.topic.as_ref().map(|it| &it.topic) != event.topic.as_ref();
                (self.members.has(&event.nick) && is_new, "nobody here changes it")
            }
            Event::Shelved(event) => {
                let is_number = (ItemId(1)..=ITEM_ID_MAX).contains(&event.item.id);
                (is_number && item(event.item.id).is_none(), "no item can have the number")
            }
            Event::Dropped(event) => {
                let is_it = |item: &Item| item.name == event.name;
                (item(event.item).is_some_and(is_it), "no such item is on the shelf")
            }
            Event::Forgotten(_) => (false, "nothing is forgotten while the room stands"),
        };
        (!is_so).then_some(why)
    }

    /// Takes in what was so before the first event that is left of the past. The topic may be
    /// newer, for the newest is known even if its event is lost.
    fn begin_with(
        &mut self,
        topic: Option<TopicState>,
        items: impl Iterator<Item = Item>,
        newest_item: ItemId,
    ) {
        self.topic = topic;
        items.for_each(|item| self.shelve(item));
        self.shelf.note_id(newest_item);
    }

    /// As [`Self::commit`], for an event of an earlier run, which is on the disk. Nobody who was
    /// here then is here now, and what it follows from may be lost.
    fn recall(&mut self, event: &Event) {
        self.log.append(event);
        self.log.release(self.log.end());
        if self.log.is_overfull() {
            self.log.trim();
        }
        match event {
            Event::Shelved(event) => self.shelve(event.item.clone()),
            Event::Dropped(event) => self.unshelve(event.item),
            _ => {}
        }
    }

    /// The log, to read from.
    #[must_use]
    pub fn log(&self) -> &RoomLog {
        &self.log
    }

    /// The shelf, to look at.
    #[must_use]
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// The topic, if one is set.
    #[must_use]
    pub fn topic(&self) -> Option<&TopicState> {
        self.topic.as_ref()
    }

    /// Who is here, in the order of the keys of their nicks.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.range(Unbounded, Unbounded).map(|(_, member)| member)
    }

    /// How many are here.
    #[must_use]
    pub fn members_len(&self) -> usize {
        self.members.len()
    }

    /// The member whom this nick names, in whatever case.
    #[must_use]
    pub fn find(&self, nick: &Nick) -> Option<&Member> {
        work::spend(1);
        self.members.get(nick)
    }

    /// The members whose nicks count as the same as this one, which is free if there are none.
    pub fn holders(&self, nick: &Nick) -> impl Iterator<Item = &Member> {
        work::spend(1);
        self.members.holders(nick)
    }

    /// Notes by what session this server knows a member; nothing of the room changes by that.
    pub fn attach(&mut self, nick: &Nick, session: Token) {
        self.members.attach(nick, session);
    }

    fn is_free(&self, nick: &Nick, own: Option<&Nick>) -> bool {
        work::spend(1);
        self.members.is_free(nick, own)
    }

    /// A nick like `nick` that nobody here has; none if the few that are tried are all taken.
    /// Which those are depends on `salt`.
    #[must_use]
    pub fn suggest(&self, nick: &Nick, salt: u64) -> Option<Nick> {
        nicks::like(nick, salt).find(|nick| self.is_free(nick, None))
    }

    /// The room's state at the newest seq, as bytes on the wire; made once for each seq.
    pub fn snapshot(&mut self) -> Rc<Snapshot> {
        let (seq, topic) = (self.log.last_seq(), self.topic.as_ref());
        self.snapshots.at(seq, topic, &self.members, self.shelf.iter())
    }

    /// Bytes of all snapshots that are still being sent, and of the newest.
    #[must_use]
    pub fn snapshot_bytes(&self) -> usize {
        self.snapshots.held_bytes()
    }

    /// Lets events up to `to` be sent (see [`RoomLog::release`]).
    pub fn release_log(&mut self, to: u64) {
        self.log.release(to);
    }

    /// Cuts the log's front. Every cursor below [`RoomLog::trim_point`] must have been moved.
    pub fn trim_log(&mut self) {
        self.log.trim();
    }

    fn seat(&mut self, member: Member) {
        let key = self.members.seat(member);
        self.snapshots.seated(&key, &self.members);
    }

    fn unseat(&mut self, nick: &Nick) -> Option<Member> {
        let (key, member) = self.members.unseat(nick)?;
        self.snapshots.unseated(&key);
        Some(member)
    }

    fn shelve(&mut self, item: Item) {
        self.shelf.add(item);
        self.snapshots.shelf_changed();
    }

    fn unshelve(&mut self, item: ItemId) {
        self.shelf.remove(item);
        self.snapshots.shelf_changed();
    }
}

fn topic_state(event: &TopicChanged) -> Option<TopicState> {
    let topic = event.topic.clone()?;
    Some(TopicState { topic, nick: event.nick.clone(), at: event.at })
}

#[cfg(test)]
mod tests;
