//! A model of a room in the plainest form: lists that are searched from end to end. It predicts the
//! outcome of each proposal without reading the room under test.

use std::collections::{BTreeMap, BTreeSet};

use chatshelf_common::id::{ItemId, MessageId, Seq, UnixMillis};
use chatshelf_common::text::{Message, Nick};
use chatshelf_common::wire::frame::{
    Action, Dropped, Item, Joined, Left, Marker, Moderated, Renamed, Said, Shelved, TopicChanged,
    TopicState,
};
use chatshelf_common::wire::{Code, Event};
use chatshelf_testkit::receiver::events_in;

use crate::room::Room;
use crate::room::proposal::{Moderation, Proposal};

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) seq: Seq,
    pub(super) members: Vec<(Nick, Option<Marker>)>,
    topic: Option<TopicState>,
    items: BTreeMap<ItemId, Item>,
    newest: ItemId,
    /// All lines ever said.
    lines: Vec<(Seq, MessageId, Message)>,
    /// Those whose text was taken away.
    redacted: BTreeSet<Seq>,
    /// Those of them that a restart found without their text: they are not recognized any more.
    unrecognized: BTreeSet<Seq>,
    pub(super) is_topic_locked: bool,
}

impl Model {
    /// What a restart finds: the room without its members.
    pub(super) fn restarted(self) -> Self {
        Self { members: Vec::new(), unrecognized: self.redacted.clone(), ..self }
    }

    fn holder(&self, nick: &Nick) -> Option<&Nick> {
        self.members.iter().map(|(it, _)| it).find(|it| it.is_same(nick))
    }

    fn place_of(&self, nick: &Nick) -> Option<usize> {
        self.members.iter().position(|(it, _)| it == nick)
    }

    fn find(&self, item: ItemId) -> Result<&Item, Code> {
        let why = if (ItemId(1)..=self.newest).contains(&item) {
            Code::ITEM_DROPPED
        } else {
            Code::ITEM_UNKNOWN
        };
        self.items.get(&item).ok_or(why)
    }

    /// Returns the event that a proposal must become, or the code it must be refused with.
    ///
    /// Whether a line is known is asked of the room, which may remember more than it must. That it
    /// knows every line since `held` is checked here.
    pub(super) fn decide(
        &self,
        proposal: &Proposal,
        at: UnixMillis,
        room: &Room,
    ) -> Result<Event, Code> {
        let seq = self.seq.next();
        Ok(match proposal.clone() {
            Proposal::Join { nick, quiet } => match self.holder(&nick) {
                Some(_) => return Err(Code::NICK_TAKEN),
                None => Joined { seq, at, nick, quiet }.into(),
            },
            Proposal::Leave { nick, code } => {
                let place = self.place_of(&nick).ok_or(Code::NO_SUCH_MEMBER)?;
                Left { seq, at, nick, code, quiet: self.members[place].1 }.into()
            }
            Proposal::Rename { nick, to } => {
                self.place_of(&nick).ok_or(Code::NO_SUCH_MEMBER)?;
                let others = self.members.iter().map(|(it, _)| it).filter(|it| **it != nick);
                if nick == to || others.into_iter().any(|it| it.is_same(&to)) {
                    return Err(Code::NICK_TAKEN);
                }
                Renamed { seq, at, nick, to }.into()
            }
            Proposal::Say { nick, id, text, style, repeat } => {
                let held = room.log().seq_from(room.log().start());
                let mut same = self.lines.iter().filter(|(_, it, said)| (*it, said) == (id, &text));
                let must_be_known = |seq: &Seq| *seq >= held && !self.unrecognized.contains(seq);
                let is_held = same.clone().any(|(seq, ..)| must_be_known(seq));
                let is_known = room.log().has_line(id, &text);
                assert!(is_known || !is_held, "a held line is not known");
                assert!(!is_known || same.next().is_some(), "a line is known but was never said");
                if repeat.is_some() && is_known {
                    return Err(Code::ALREADY_SAID);
                }
                Said { seq, at, nick, id, text, style }.into()
            }
            Proposal::SetTopic { nick, topic } => {
                if self.topic.as_ref().map(|it| &it.topic) == topic.as_ref() {
                    return Err(Code::UNCHANGED);
                }
                TopicChanged { seq, at, nick, topic }.into()
            }
            Proposal::Moderate { nick, moderation } => {
                self.place_of(&nick).ok_or(Code::NO_SUCH_MEMBER)?;
                self.check(&moderation, room)?;
                let Moderation { action, to, line, until, reason } = moderation;
                Moderated { seq, at, nick, action, to, line, until, reason }.into()
            }
            Proposal::Shelve { item } if self.items.contains_key(&item.id) => {
                return Err(Code::UNCHANGED);
            }
            Proposal::Shelve { item } => Shelved { seq, at, item }.into(),
            Proposal::Drop { item, nick } => {
                let name = self.find(item)?.name.clone();
                Dropped { seq, at, item, name, nick }.into()
            }
        })
    }

    /// Why what an operator does is refused.
    fn check(&self, moderation: &Moderation, room: &Room) -> Result<(), Code> {
        let held = room.log().seq_from(room.log().start());
        let is_line = |line: Seq| self.lines.iter().any(|(seq, ..)| *seq == line);
        match (moderation.action, moderation.line) {
            (Action::REDACT, Some(line)) if line < held || !is_line(line) => {
                Err(Code::LINE_UNKNOWN)
            }
            (Action::REDACT, Some(line)) if self.redacted.contains(&line) => Err(Code::UNCHANGED),
            (Action::LOCK_TOPIC, _) if self.is_topic_locked => Err(Code::UNCHANGED),
            (Action::UNLOCK_TOPIC, _) if !self.is_topic_locked => Err(Code::UNCHANGED),
            _ => Ok(()),
        }
    }

    /// Applies an event.
    pub(super) fn apply(&mut self, event: &Event) {
        self.seq = event.seq();
        match event.clone() {
            Event::Said(event) => self.lines.push((event.seq, event.id, event.text)),
            Event::Joined(event) => self.members.push((event.nick, event.quiet)),
            Event::Left(event) => self.members.retain(|(it, _)| *it != event.nick),
            Event::Renamed(event) => {
                let place = self.place_of(&event.nick).expect("they are here");
                self.members[place].0 = event.to;
            }
            Event::TopicChanged(TopicChanged { topic, nick, at, .. }) => {
                self.topic = topic.map(|topic| TopicState { topic, nick, at });
            }
            Event::Shelved(event) => {
                self.newest = self.newest.max(event.item.id);
                self.items.insert(event.item.id, event.item);
            }
            Event::Dropped(event) => _ = self.items.remove(&event.item),
            Event::Moderated(event) => match (event.action, event.line) {
                (Action::REDACT, Some(line)) => _ = self.redacted.insert(line),
                (Action::LOCK_TOPIC, _) => self.is_topic_locked = true,
                (Action::UNLOCK_TOPIC, _) => self.is_topic_locked = false,
                _ => {}
            },
            Event::Forgotten(_) => panic!("nobody proposes that"),
        }
    }

    /// Checks that the room matches this model.
    pub(super) fn assert_agrees(&self, room: &Room) {
        assert_eq!(room.log().last_seq(), self.seq);
        assert_eq!(room.topic(), self.topic.as_ref());
        assert_eq!(room.is_topic_locked(), self.is_topic_locked);
        let held = room.log().between(room.log().start(), room.log().end());
        for event in events_in(held) {
            if let Event::Said(said) = event {
                let is_redacted = self.redacted.contains(&said.seq);
                assert_eq!(said.text.as_str().starts_with("line "), !is_redacted, "{said:?}");
            }
        }
        assert_eq!(room.shelf().newest(), self.newest);
        assert!(room.shelf().iter().eq(self.items.values()));
        let mut members: Vec<_> = self.members.iter().collect();
        members.sort_by_key(|(nick, _)| nick.key());
        let seated: Vec<_> = room.members().map(|it| (it.nick().clone(), it.quiet())).collect();
        assert!(seated.iter().eq(members), "{seated:?}");
    }
}
