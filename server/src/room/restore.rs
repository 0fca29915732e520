//! Restores the room at startup: recalls past events one by one, and proposes changes where the
//! disk contradicts them.

use std::collections::HashSet;

use chatshelf_common::id::{ItemId, Seq, UnixMillis};
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Forgotten, Item, TopicChanged};

use super::proposal::Proposal;
use super::{Room, topic_state};

/// What a data directory knows about the room's past.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The newest events of the log, oldest first. Some in between may be missing.
    pub events: Vec<Event>,
    /// The newest topic change. It may be older than all of `events`, or among the missing ones.
    pub topic: Option<TopicChanged>,
    /// The complete items, oldest first.
    pub items: Vec<Item>,
    /// The highest item number ever on the shelf, if known; otherwise 0.
    pub newest_item: ItemId,
}

/// A room restored from its past.
#[derive(Debug)]
pub struct Restored {
    /// The room, without members: memberships end with the server process they began in.
    pub room: Room,
    /// Proposals that reconcile the log with the disk, which differ if the server died between
    /// writing the two. The caller makes them before anything else happens.
    pub proposals: Vec<Proposal>,
    /// Dropped items that are still on disk, so that the caller removes their files.
    pub gone: Vec<ItemId>,
}

impl Room {
    /// Restores the room. Where the disk has lost events, the log records them as forgotten at the
    /// time `at`. The other arguments are those of [`Room::new`].
    #[must_use]
    pub fn restore(past: Past, window_bytes: usize, keep: usize, at: UnixMillis) -> Restored {
        let Past { events, topic, items, newest_item } = past;
        let first = events.first().map_or(Seq(1), Event::seq);
        // An item older than the window was announced in a part of the log that is gone.
        let window_start = events.first().filter(|first| first.seq() > Seq(1)).map(Event::at);
        let (mut shelved, mut dropped) = (HashSet::new(), HashSet::new());
        for event in &events {
            match event {
                Event::Shelved(event) => _ = shelved.insert(event.item.id),
                Event::Dropped(event) => _ = dropped.insert(event.item),
                _ => {}
            }
        }
        let is_older = |item: &&Item| {
            !shelved.contains(&item.id) && window_start.is_some_and(|start| item.at < start)
        };
        let mut room = Self::new(first, window_bytes, keep);
        let older = items.iter().filter(is_older).cloned();
        room.begin_with(topic.as_ref().and_then(topic_state), older, newest_item);
        for event in &events {
            while room.log().next_seq() < event.seq() {
                room.recall(&Forgotten { seq: room.log().next_seq(), at }.into());
            }
            room.recall(event);
        }
        let on_disk: HashSet<ItemId> = items.iter().map(|item| item.id).collect();
        let (mut proposals, mut gone) = (Vec::new(), Vec::new());
        for item in items.into_iter().filter(|item| room.shelf().find(item.id).is_err()) {
            if dropped.contains(&item.id) {
                gone.push(item.id);
            } else {
                proposals.push(Proposal::Shelve { item });
            }
        }
        let missing = room.shelf().iter().filter(|item| !on_disk.contains(&item.id));
        proposals.extend(missing.map(|item| Proposal::Drop { item: item.id, nick: None }));
        Restored { room, proposals, gone }
    }
}
