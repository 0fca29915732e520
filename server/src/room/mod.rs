//! The room: its members, topic and shelf, and the log of what happened in it.
//!
//! There is one way to change it. A member, or the server itself, makes a [`proposal::Proposal`];
//! the sequencer turns it into an event; and [`Room::commit`], the only function that changes the
//! room, appends the event to the log and applies it. A commit never fails and depends on nothing
//! but the room and the event: no clock, no random number, no hash-table order, no setting of this
//! server. Rooms that commit the same events are therefore identical, byte for byte, on any
//! machine, and clients can follow the room by its events.
//!
//! State of the room, changed by commits alone:
//!
//! - the log's events, and the dedup window, which recognizes repeated lines (`log`, `dedup`);
//! - the members, their nicks, and whether they joined quietly (`members`);
//! - the topic and whether it is locked, the items on the shelf, and the highest item number ever
//!   used (`shelf`);
//! - snapshots, which are built from all of these (`snapshot`, `roster`).
//!
//! Local to this server, and never read by a commit:
//!
//! - the session attached to a member; a member who is connected to another server has none;
//! - how far the log is released, and where its window begins;
//! - how many items the shelf keeps: the engine proposes to drop the rest;
//! - what the engine knows: connections, who may drop which item, how many members may join, how
//!   many lines of history they get; and, in the sequencer, the item numbers reserved for uploads.
//!
//! Members are ordered by the keys of their nicks. The keys are made with Unicode's tables, so
//! every server of the same build orders members the same way.

pub mod log;
pub mod proposal;
pub mod redaction;
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
use chatshelf_common::wire::frame::{Action, Item, Moderated, TopicChanged, TopicState};

use crate::token::Token;
use crate::work;
use log::RoomLog;
use members::Members;
use shelf::{Shelf, is_item_id};
use snapshot::Snapshots;

pub use members::Member;
pub use restore::{Past, Restored};
pub use snapshot::Snapshot;

/// The members, the shelf, the topic and the log of what happened.
#[derive(Debug)]
pub struct Room {
    log: RoomLog,
    members: Members,
    shelf: Shelf,
    topic: Option<TopicState>,
    /// Only operators may set the topic.
    is_topic_locked: bool,
    snapshots: Snapshots,
}

impl Room {
    /// Creates an empty room whose next event is `first`. Its log holds at least the newest
    /// `window_bytes` bytes of events; its shelf keeps `keep` items.
    #[must_use]
    pub fn new(first: Seq, window_bytes: usize, keep: usize) -> Self {
        Self {
            log: RoomLog::new(first, window_bytes),
            members: Members::default(),
            shelf: Shelf::new(keep),
            topic: None,
            is_topic_locked: false,
            snapshots: Snapshots::default(),
        }
    }

    /// Changes how many items the shelf keeps. The engine proposes to drop the rest.
    pub fn keep_items(&mut self, keep: usize) {
        self.shelf.set_keep(keep);
    }

    /// Commits an event: appends it to the log and applies it to the state.
    ///
    /// The event must follow from the room's state, as [`Proposal::decide`] guarantees. Only debug
    /// builds check this: the sequencer is responsible for it.
    ///
    /// [`Proposal::decide`]: proposal::Proposal::decide
    pub fn commit(&mut self, event: Event) {
        debug_assert_eq!(self.why_not(&event), None, "{event:?}");
        self.log.append(&event);
        debug_assert!(self.log.knows_its_lines(), "a held line is missing from the dedup window");
        match event {
            Event::Said(_) | Event::Forgotten(_) => {}
            Event::Moderated(event) => self.moderate(&event),
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

    /// Returns why an event cannot be the room's next, or `None` if it can. `Forgotten` never can:
    /// losses on disk are found only at startup, and enter by [`Self::recall`].
    fn why_not(&self, event: &Event) -> Option<&'static str> {
        let item = |id: ItemId| self.shelf.find(id).ok();
        let (is_so, why) = match event {
            event if event.seq() != self.log.next_seq() => (false, "its seq is not the next"),
            Event::Said(event) => (self.members.has(&event.nick), "its author is not here"),
            Event::Joined(event) => (self.members.is_free(&event.nick, None), "the nick is taken"),
            Event::Left(event) => {
                let member = self.members.get(&event.nick);
                let is_theirs = |it: &Member| *it.nick() == event.nick && it.quiet() == event.quiet;
                (member.is_some_and(is_theirs), "no such member can leave like this")
            }
            Event::Renamed(event) => {
                let is_free = self.members.is_free(&event.to, Some(&event.nick));
                (self.members.has(&event.nick) && is_free, "no such member can take this nick")
            }
            Event::TopicChanged(event) => {
                let is_new = self.topic.as_ref().map(|it| &it.topic) != event.topic.as_ref();
                (self.members.has(&event.nick) && is_new, "no member changes the topic with this")
            }
            Event::Shelved(event) => {
                let id = event.item.id;
                (is_item_id(id) && item(id).is_none(), "the item number is not free")
            }
            Event::Dropped(event) => {
                let is_it = |item: &Item| item.name == event.name;
                (item(event.item).is_some_and(is_it), "no such item is on the shelf")
            }
            Event::Moderated(event) => (self.members.has(&event.nick), "the operator is not here"),
            Event::Forgotten(_) => (false, "events are forgotten only at startup"),
        };
        (!is_so).then_some(why)
    }

    /// Sets the state from before the first surviving event. The topic may be newer than that: the
    /// newest topic is known even if its event is lost.
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

    /// Locks or unlocks the topic, as an earlier run left it.
    pub fn lock_topic(&mut self, is_locked: bool) {
        self.is_topic_locked = is_locked;
    }

    /// Returns true if only operators may set the topic.
    #[must_use]
    pub fn is_topic_locked(&self) -> bool {
        self.is_topic_locked
    }

    /// Applies what an operator did. Other actions change nothing in the room.
    fn moderate(&mut self, event: &Moderated) {
        match (event.action, event.line) {
            (Action::REDACT, Some(line)) => self.log.redact(line),
            (Action::LOCK_TOPIC, _) => self.is_topic_locked = true,
            (Action::UNLOCK_TOPIC, _) => self.is_topic_locked = false,
            _ => {}
        }
    }

    /// Like [`Self::commit`], for an event that an earlier run wrote to disk. Nobody who was a
    /// member then is one now, and the events it follows from may be lost.
    fn recall(&mut self, event: &Event) {
        self.log.append(event);
        self.log.release(self.log.end());
        if self.log.is_overfull() {
            self.log.trim();
        }
        match event {
            Event::Shelved(event) => self.shelve(event.item.clone()),
            Event::Dropped(event) => self.unshelve(event.item),
            Event::Moderated(event) => self.moderate(event),
            _ => {}
        }
    }

    /// Returns the log, for reading.
    #[must_use]
    pub fn log(&self) -> &RoomLog {
        &self.log
    }

    /// Returns the shelf, for reading.
    #[must_use]
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Returns the topic, if one is set.
    #[must_use]
    pub fn topic(&self) -> Option<&TopicState> {
        self.topic.as_ref()
    }

    /// Iterates over the members, ordered by the keys of their nicks.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.range(Unbounded, Unbounded).map(|(_, member)| member)
    }

    /// Returns the number of members.
    #[must_use]
    pub fn members_len(&self) -> usize {
        self.members.len()
    }

    /// Returns the member with this nick, ignoring case.
    #[must_use]
    pub fn find(&self, nick: &Nick) -> Option<&Member> {
        work::spend(1);
        self.members.get(nick)
    }

    /// Iterates over the members whose nicks clash with this one. The nick is free if there are
    /// none.
    pub fn holders(&self, nick: &Nick) -> impl Iterator<Item = &Member> {
        work::spend(1);
        self.members.holders(nick)
    }

    /// Attaches this server's session to a member. This changes nothing in the room itself.
    pub fn attach(&mut self, nick: &Nick, session: Token) {
        self.members.attach(nick, session);
    }

    fn is_free(&self, nick: &Nick, own: Option<&Nick>) -> bool {
        work::spend(1);
        self.members.is_free(nick, own)
    }

    /// Suggests a free nick that resembles `nick`, or `None` if the few candidates are all taken.
    /// `salt` varies the candidates.
    #[must_use]
    pub fn suggest(&self, nick: &Nick, salt: u64) -> Option<Nick> {
        nicks::like(nick, salt).find(|nick| self.is_free(nick, None))
    }

    /// Returns the room's state at the newest seq, encoded for the wire. It is built once for each
    /// seq.
    pub fn snapshot(&mut self) -> Rc<Snapshot> {
        let (seq, topic) = (self.log.last_seq(), self.topic.as_ref());
        self.snapshots.at(seq, topic, &self.members, self.shelf.iter())
    }

    /// Returns the bytes held by the newest snapshot and all those still being sent.
    #[must_use]
    pub fn snapshot_bytes(&self) -> usize {
        self.snapshots.held_bytes()
    }

    /// Lets events up to `to` be sent (see [`RoomLog::release`]).
    pub fn release_log(&mut self, to: u64) {
        self.log.release(to);
    }

    /// Trims the front of the log. The caller has moved every cursor below [`RoomLog::trim_point`].
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
