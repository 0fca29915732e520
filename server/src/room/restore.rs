//! Restoring the room when the server starts: past events are recalled one by one, and whatever the
//! disk contradicts is proposed.

use std::collections::HashSet;

use chatshelf_common::id::{ItemId, Seq, UnixMillis};
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Forgotten, Item, TopicChanged};

use super::proposal::Proposal;
use super::{Room, topic_state};

/// What a data directory says of a room.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The newest events of the log, oldest first; some may be missing in between.
    pub events: Vec<Event>,
    /// The newest change of the topic, which may be older than all of these, or among the missing.
    pub topic: Option<TopicChanged>,
    /// The whole items, oldest first.
    pub items: Vec<Item>,
    /// The highest number of an item that was ever on the shelf, if it can be told; else 0.
    pub newest_item: ItemId,
}

/// A room with its past.
#[derive(Debug)]
pub struct Restored {
    /// Nobody is in it: memberships end with the server they began on.
    pub room: Room,
    /// Where the log and the disk differ, because the server died between the two: proposals that
    /// the caller makes before anything else happens.
    pub proposals: Vec<Proposal>,
    /// Items on the disk that were dropped, for their files to be removed.
    pub gone: Vec<ItemId>,
}

impl Room {
    /// The room of this past. Where events are missing the disk has lost them, and the log says so,
    /// as of `at`. The other arguments are those of [`Room::new`].
    #[must_use]
    pub fn restore(past: Past, window_bytes: usize, keep: usize, at: UnixMillis) -> Restored {
        let Past { events, topic, items, newest_item } = past;
        let first = events.first().map_or(Seq(1), Event::seq);
        // An item from before the window was announced in a part of the log that is gone.
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
