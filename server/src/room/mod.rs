//! The room: its members, topic and shelf, and the log of what happened in it.
//!
//! There is one way in. Everything that changes the room goes through `Room::record`, which
//! numbers the event, appends it to the log and applies it. So the state is a function of the
//! log, here as in every client.

mod dedup;
pub mod log;
mod nicks;
mod roster;
pub mod shelf;
mod snapshot;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use chatshelf_common::id::{ItemId, MessageId, Seq, UnixMillis};
use chatshelf_common::text::{Message, Nick, Topic};
use chatshelf_common::wire::frame::{
    Dropped, Forgotten, Item, Joined, Left, Marker, Renamed, Said, Shelved, Style, TopicChanged,
    TopicState,
};
use chatshelf_common::wire::{Code, Event};

use crate::token::Token;
use crate::work;
use log::RoomLog;
use shelf::Shelf;
use snapshot::Snapshots;

pub use snapshot::Snapshot;

/// Who is here, what is on the shelf, and what happened.
#[derive(Debug)]
pub struct Room {
    log: RoomLog,
    /// By [`Nick::key`], which makes nicks unique.
    members: BTreeMap<Arc<str>, Member>,
    /// Of the few members who have a second key ([`Nick::key_as_spelt`]): the first by the second.
    /// A key stands in one of the two maps at most.
    spelt: BTreeMap<Arc<str>, Arc<str>>,
    shelf: Shelf,
    topic: Option<TopicState>,
    snapshots: Snapshots,
}

#[derive(Debug)]
struct Member {
    nick: Nick,
    /// What the engine knows them by, over all their connections.
    session: Token,
    /// Nobody need be shown that they come and go.
    quiet: Option<Marker>,
}

impl Room {
    /// A room without members, with the log and the shelf as they were found on disk; and the
    /// items that were found there but had been dropped, for their files to be removed.
    ///
    /// `past` are the events of the log's window, oldest first; `topic` is the newest change of the
    /// topic that is known, which may be older than all of them. Where some are missing, the disk has lost them, and the log says so. `items` are those
    /// on disk, oldest first. What the log does not know of them yet (the server died in between)
    /// is recorded now, at `at`.
    pub fn restore(
        mut log: RoomLog,
        past: &[Event],
        topic: Option<TopicChanged>,
        keep: usize,
        items: Vec<Item>,
        at: UnixMillis,
    ) -> (Self, Vec<ItemId>) {
        let mut shelf = Shelf::new(keep);
        let (mut announced, mut dropped) = (Vec::new(), Vec::new());
        for event in past {
            match event {
                Event::Shelved(event) => announced.push(event.item.id),
                Event::Dropped(event) => dropped.push(event.item),
                _ => {}
            }
            while log.next_seq() < event.seq() {
                log.append(&Forgotten { seq: log.next_seq(), at }.into());
            }
            log.append(event);
        }
        announced.iter().chain(&dropped).for_each(|&id| shelf.note_id(id));
        // An item from before the window was announced in a part of the log that is gone.
        let window_start = past.first().filter(|first| first.seq() > Seq(1)).map(Event::at);
        let is_new = |item: &Item| {
            !announced.contains(&item.id) && window_start.is_none_or(|start| item.at >= start)
        };
        let topic = topic.as_ref().and_then(topic_state);
        let (members, spelt) = (BTreeMap::new(), BTreeMap::new());
        let snapshots = Snapshots::default();
        let mut room = Self { log, members, spelt, shelf, topic, snapshots };
        let (gone, items): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(|item| dropped.contains(&item.id));
        for item in items {
            if is_new(&item) {
                room.record(Shelved { seq: room.next_seq(), at, item });
            } else {
                room.shelf.add(item);
            }
        }
        // The other way round: its files were removed before the log had it that it was dropped.
        let shelved = past.iter().filter_map(|event| match event {
            Event::Shelved(event) => Some(&event.item),
            _ => None,
        });
        for Item { id, name, .. } in shelved {
            if !dropped.contains(id) && room.shelf.find(*id).is_err() {
                let (item, name) = (*id, name.clone());
                room.record(Dropped { seq: room.next_seq(), at, item, name, nick: None });
            }
        }
        (room, gone.into_iter().map(|item| item.id).collect())
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

    /// Takes a number for an item that is about to be published.
    pub fn reserve_item_id(&mut self) -> ItemId {
        self.shelf.reserve_id()
    }

    /// How many are here.
    #[must_use]
    pub fn members_len(&self) -> usize {
        self.members.len()
    }

    /// The session of the member whom this nick names, in whatever case.
    #[must_use]
    pub fn find(&self, nick: &Nick) -> Option<(Token, &Nick)> {
        work::spend(1);
        self.members.get(&nick.key()).map(|member| (member.session, &member.nick))
    }

    /// The sessions of the members whose nicks count as the same as this one, which is free if there
    /// are none.
    pub fn holders(&self, nick: &Nick) -> impl Iterator<Item = Token> {
        work::spend(1);
        let keys = [Some(nick.key()), nick.key_as_spelt()];
        let members = keys.into_iter().flatten().flat_map(|key| {
            let spelt = self.spelt.get(&key).and_then(|first| self.members.get(first));
            [self.members.get(&key), spelt]
        });
        members.flatten().map(|member| member.session)
    }

    fn is_free(&self, nick: &Nick) -> bool {
        self.holders(nick).next().is_none()
    }

    /// A nick like `nick` that nobody here has; none if the few that are tried are all taken.
    /// Which those are depends on `salt`.
    #[must_use]
    pub fn suggest(&self, nick: &Nick, salt: u64) -> Option<Nick> {
        nicks::like(nick, salt).find(|nick| self.is_free(nick))
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

    /// Someone enters, quietly or not. The nick must be free.
    pub fn join(&mut self, nick: Nick, session: Token, quiet: Option<Marker>, at: UnixMillis) {
        debug_assert!(self.is_free(&nick));
        let key = nick.key();
        self.record(Joined { seq: self.next_seq(), at, nick, quiet });
        self.members.get_mut(&key).expect("the event has seated them").session = session;
    }

    /// A member is gone, for the reason `code`; as quietly as they came.
    pub fn leave(&mut self, nick: Nick, code: Code, at: UnixMillis) {
        let quiet = self.members.get(&nick.key()).and_then(|member| member.quiet);
        self.record(Left { seq: self.next_seq(), at, nick, code, quiet });
    }

    /// A member takes another nick, which must be free or their own in other letters.
    pub fn rename(&mut self, nick: Nick, to: Nick, at: UnixMillis) {
        self.record(Renamed { seq: self.next_seq(), at, nick, to });
    }

    /// A member says something.
    pub fn say(
        &mut self,
        nick: Nick,
        id: MessageId,
        text: Message,
        style: Option<Style>,
        at: UnixMillis,
    ) {
        self.record(Said { seq: self.next_seq(), at, nick, id, text, style });
    }

    /// A member sets the topic or clears it. False, and nothing happens, if it is so already.
    pub fn set_topic(&mut self, nick: Nick, topic: Option<Topic>, at: UnixMillis) -> bool {
        let is_new = self.topic.as_ref().map(|state| &state.topic) != topic.as_ref();
        if is_new {
            self.record(TopicChanged { seq: self.next_seq(), at, nick, topic });
        }
        is_new
    }

    /// A whole item goes on the shelf.
    pub fn shelve(&mut self, item: Item, at: UnixMillis) {
        self.record(Shelved { seq: self.next_seq(), at, item });
    }

    /// Takes the oldest item off when there are more than the shelf keeps, and says which.
    pub fn drop_surplus(&mut self, at: UnixMillis) -> Option<Item> {
        let item = self.shelf.surplus()?.clone();
        let name = item.name.clone();
        self.record(Dropped { seq: self.next_seq(), at, item: item.id, name, nick: None });
        Some(item)
    }

    /// A member takes an item off.
    ///
    /// # Errors
    /// As [`Shelf::find`].
    pub fn take_off(&mut self, item: ItemId, nick: Nick, at: UnixMillis) -> Result<(), Code> {
        let name = self.shelf.find(item)?.name.clone();
        self.record(Dropped { seq: self.next_seq(), at, item, name, nick: Some(nick) });
        Ok(())
    }

    /// Takes note that an item up to this number was on the shelf once: none is used again.
    pub fn note_item_id(&mut self, id: ItemId) {
        self.shelf.note_id(id);
    }

    fn next_seq(&self) -> Seq {
        self.log.next_seq()
    }

    /// The one way in: appends the event to the log and applies it to the state.
    fn record(&mut self, event: impl Into<Event>) {
        let event = event.into();
        self.log.append(&event);
        match event {
            Event::Said(_) | Event::Forgotten(_) => {}
            Event::Joined(event) => {
                let Joined { nick, quiet, .. } = event;
                self.seat(Member { nick, session: Token::NOBODY, quiet });
            }
            Event::Left(event) => {
                self.unseat(&event.nick);
            }
            Event::Renamed(event) => {
                if let Some(member) = self.unseat(&event.nick) {
                    self.seat(Member { nick: event.to, ..member });
                }
            }
            Event::TopicChanged(event) => self.topic = topic_state(&event),
            Event::Shelved(event) => {
                self.shelf.add(event.item);
                self.snapshots.shelf_changed();
            }
            Event::Dropped(event) => {
                self.shelf.remove(event.item);
                self.snapshots.shelf_changed();
            }
        }
    }

    fn seat(&mut self, member: Member) {
        work::spend(1);
        let key = member.nick.key();
        if let Some(spelt) = member.nick.key_as_spelt() {
            self.spelt.insert(spelt, Arc::clone(&key));
        }
        self.members.insert(Arc::clone(&key), member);
        self.snapshots.seated(&key, &self.members);
    }

    fn unseat(&mut self, nick: &Nick) -> Option<Member> {
        work::spend(1);
        if let Some(spelt) = nick.key_as_spelt() {
            self.spelt.remove(&spelt);
        }
        let key = nick.key();
        let member = self.members.remove(&key)?;
        self.snapshots.unseated(&key);
        Some(member)
    }
}

fn topic_state(event: &TopicChanged) -> Option<TopicState> {
    let topic = event.topic.clone()?;
    Some(TopicState { topic, nick: event.nick.clone(), at: event.at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatshelf_common::id::Digest;
    use chatshelf_common::text::FileName;
    use chatshelf_common::wire::{Deframer, Unit};

    const AT: UnixMillis = UnixMillis(1000);

    fn nick(text: &str) -> Nick {
        Nick::new(text).unwrap()
    }

    fn item(id: u64) -> Item {
        let name = FileName::new(&format!("file {id}")).unwrap();
        let (size, digest) = (id, Digest([id as u8; 32]));
        Item::new(ItemId(id), name, size, digest, nick("ada"), AT)
    }

    fn room(past: &[Event], items: Vec<Item>) -> (Room, Vec<ItemId>) {
        let first = past.first().map_or(Seq(1), Event::seq);
        let topic = past.iter().rev().find_map(|event| match event {
            Event::TopicChanged(event) => Some(event.clone()),
            _ => None,
        });
        Room::restore(RoomLog::new(first, 1 << 20), past, topic, 5, items, AT)
    }

    fn events(room: &Room) -> Vec<Event> {
        let mut input = room.log().between(room.log().start(), room.log().end());
        let (mut deframer, mut events) = (Deframer::joined(), Vec::new());
        while let Some(Unit::Control { header, value }) = deframer.next(&mut input).unwrap() {
            events.push(Event::decode(header.kind, value).unwrap());
        }
        events
    }

    #[test]
    fn members_are_found_by_any_spelling_of_their_nick() {
        let (mut room, _) = room(&[], vec![]);
        room.join(nick("Ada"), Token::new(1, 1), None, AT);
        assert_eq!(room.find(&nick("ADA")), Some((Token::new(1, 1), &nick("Ada"))));
        room.rename(nick("Ada"), nick("bob"), AT);
        assert_eq!(room.find(&nick("ada")), None);
        assert_eq!(room.find(&nick("bob")), Some((Token::new(1, 1), &nick("bob"))));
        room.leave(nick("bob"), Code::LEFT, AT);
        assert_eq!(room.members_len(), 0);
        assert!(events(&room).iter().map(|event| event.seq().0).eq(1..=3));
    }

    #[test]
    fn a_nick_is_held_by_all_who_read_or_look_like_it() {
        let (mut room, _) = room(&[], vec![]);
        let held = |room: &Room, text| room.holders(&nick(text)).collect::<Vec<_>>();
        let token = |number| Token::new(number, 1);
        room.join(nick("ian"), token(1), None, AT);
        room.join(nick("lan"), token(2), None, AT);
        assert_eq!(held(&room, "Ian"), [token(1), token(2)]);
        assert_eq!(room.find(&nick("Ian")), Some((token(1), &nick("ian"))));
        room.leave(nick("ian"), Code::LEFT, AT);
        room.rename(nick("lan"), nick("Ian"), AT);
        assert_eq!(held(&room, "lan"), [token(2)]);
        assert_eq!(held(&room, "1an"), [token(2)]);
        assert_eq!(room.find(&nick("lan")), None, "what looks like it is not addressed by it");
        room.rename(nick("Ian"), nick("bob"), AT);
        assert!(held(&room, "lan").is_empty() && held(&room, "ian").is_empty());
        assert!(room.spelt.is_empty());
    }

    #[test]
    fn a_suggested_nick_is_free_and_fits() {
        let (mut room, _) = room(&[], vec![]);
        let longest = "n".repeat(32);
        for (number, name) in ["ada", "ada2", &longest, "7"].into_iter().enumerate() {
            room.join(nick(name), Token::new(number, 1), None, AT);
        }
        assert_eq!(room.suggest(&nick("ADA"), 1), Some(nick("ADA3")));
        assert_eq!(room.suggest(&nick(&longest), 1), Some(nick(&format!("{}2", "n".repeat(31)))));
        assert_eq!(room.suggest(&nick("7"), 1), Some(nick("guest2")));
    }

    #[test]
    fn in_a_crowd_of_one_name_a_free_one_is_still_found() {
        let (mut room, _) = room(&[], vec![]);
        room.join(nick("ada"), Token::new(1, 1), None, AT);
        for number in 2..5_000 {
            room.join(nick(&format!("ada{number}")), Token::new(number, 1), None, AT);
        }
        let suggested: Vec<Nick> =
            (0..100).filter_map(|salt| room.suggest(&nick("ada"), salt)).collect();
        assert_eq!(suggested.len(), 100);
        assert!(suggested.iter().all(|nick| room.find(nick).is_none()));
    }

    #[test]
    fn where_all_that_are_tried_are_taken_none_is_suggested() {
        let (mut room, _) = room(&[], vec![]);
        for (number, taken) in nicks::like(&nick("ada"), 7).enumerate() {
            room.join(taken, Token::new(number, 1), None, AT);
        }
        assert_eq!(room.suggest(&nick("ada"), 7), None);
    }

    #[test]
    fn a_sixth_item_drops_the_oldest() {
        let (mut room, _) = room(&[], vec![]);
        for id in 1..=5 {
            room.shelve(item(id), AT);
            assert_eq!(room.drop_surplus(AT), None);
        }
        room.shelve(item(6), AT);
        assert_eq!(room.drop_surplus(AT), Some(item(1)));
        assert!(room.shelf().iter().map(|item| item.id.0).eq(2..=6));
        assert!(matches!(events(&room).last(), Some(Event::Dropped(event)) if event.item.0 == 1));
    }

    #[test]
    fn restoring_replays_the_log_and_announces_what_it_does_not_know() {
        let (mut before, _) = room(&[], vec![]);
        before.set_topic(nick("ada"), Some(Topic::new("engines").unwrap()), AT);
        for id in 1..=6 {
            before.shelve(item(id), AT);
            before.drop_surplus(AT);
        }
        let past = events(&before);
        // Item 1 was dropped but its file is still there; item 2 is gone without a word; item 7
        // was whole but not announced.
        let found = [1, 3, 4, 5, 6, 7].map(item).to_vec();
        let (after, gone) = room(&past, found);
        assert_eq!(gone, [ItemId(1)]);
        assert!(after.shelf().iter().map(|item| item.id.0).eq(3..=7));
        assert_eq!(after.topic, before.topic);
        let now = events(&after);
        assert_eq!(now[..past.len()], past);
        let [Event::Shelved(shelved), Event::Dropped(gone)] = &now[past.len()..] else {
            panic!("{now:?}");
        };
        assert_eq!((&shelved.item, gone.item), (&item(7), ItemId(2)));
    }

    #[test]
    fn a_topic_from_before_the_log_stays_until_it_is_changed() {
        let (nick, topic) = (nick("ada"), Some(Topic::new("engines").unwrap()));
        let set = TopicChanged { seq: Seq(7), at: AT, nick: nick.clone(), topic };
        let restored =
            |set| Room::restore(RoomLog::new(Seq(900), 1 << 20), &[], set, 5, vec![], AT).0;
        let mut room = restored(Some(set.clone()));
        let state = room.topic.clone().unwrap();
        assert_eq!((state.topic.as_str(), state.nick, state.at), ("engines", nick.clone(), AT));
        room.set_topic(nick, None, AT);
        assert_eq!(room.topic, None);
        assert_eq!(restored(Some(TopicChanged { topic: None, ..set })).topic, None);
    }

    #[test]
    fn what_the_disk_has_lost_in_between_is_told_as_forgotten() {
        let (mut before, _) = room(&[], vec![]);
        before.shelve(item(1), AT);
        for topic in ["one", "two", "three"] {
            before.set_topic(nick("ada"), Some(Topic::new(topic).unwrap()), AT);
        }
        let mut past = events(&before);
        past.drain(1..3);
        let (mut after, _) = room(&past, vec![item(1)]);
        let now = events(&after);
        assert!(now.iter().map(|event| event.seq().0).eq(1..=4));
        assert_eq!((&now[0], &now[3]), (&past[0], &past[1]));
        assert!(now[1..3].iter().all(|event| matches!(event, Event::Forgotten(_))));
        assert_eq!(after.topic.as_ref().unwrap().topic.as_str(), "three");
        after.join(nick("bob"), Token::new(1, 1), None, AT);
        assert_eq!(after.log().last_seq(), Seq(5));
    }

    #[test]
    fn numbers_of_dropped_items_are_not_used_again() {
        let (mut before, _) = room(&[], vec![]);
        for id in 1..=6 {
            before.shelve(item(id), AT);
            before.drop_surplus(AT);
        }
        let (mut after, _) = room(&events(&before), vec![]);
        assert_eq!(after.reserve_item_id(), ItemId(7));
        assert_eq!(after.shelf().find(ItemId(3)), Err(Code::ITEM_DROPPED));
    }

    #[test]
    fn a_snapshot_is_made_once_for_each_seq() {
        let (mut room, _) = room(&[], vec![]);
        let first = room.snapshot();
        assert!(Rc::ptr_eq(&first, &room.snapshot()));
        room.join(nick("ada"), Token::new(1, 1), None, AT);
        let second = room.snapshot();
        assert_eq!((first.seq(), second.seq()), (Seq(0), Seq(1)));
        assert!(second.length() > first.length());
    }
}
