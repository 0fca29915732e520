//! Tests of the room as a whole; its parts have theirs in their own files.

mod committing;
mod restoring;

use chatshelf_common::id::{Digest, ItemId, MessageId, Seq, UnixMillis};
use chatshelf_common::text::{FileName, Message, Nick, Topic};
use chatshelf_common::wire::frame::Item;
use chatshelf_common::wire::{Code, Event};
use chatshelf_testkit::receiver::events_in;
use chatshelf_testkit::samples::nick;

use super::proposal::Proposal;
use super::{Past, Restored, Room};

const AT: UnixMillis = UnixMillis(1000);
const WINDOW_BYTES: usize = 1 << 20;
const KEEP: usize = 5;

fn topic(text: &str) -> Option<Topic> {
    Some(Topic::new(text).unwrap())
}

fn item(id: u64) -> Item {
    let name = FileName::new(&format!("file {id}")).unwrap();
    let (size, digest) = (id, Digest([id as u8; 32]));
    Item::new(ItemId(id), name, size, digest, nick("ada"), AT)
}

/// A room with short methods for making proposals.
struct Bench {
    room: Room,
}

impl Bench {
    fn new() -> Self {
        Self { room: Room::new(Seq(1), WINDOW_BYTES, KEEP) }
    }

    /// A room with these members.
    fn with(nicks: &[&str]) -> Self {
        let mut bench = Self::new();
        nicks.iter().for_each(|nick| bench.join(nick).unwrap());
        bench
    }

    fn propose(&mut self, proposal: Proposal) -> Result<(), Code> {
        proposal.decide(&self.room, AT).map(|event| self.room.commit(event))
    }

    fn join(&mut self, text: &str) -> Result<(), Code> {
        self.propose(Proposal::Join { nick: nick(text), quiet: None })
    }

    fn leave(&mut self, text: &str) -> Result<(), Code> {
        self.propose(Proposal::Leave { nick: nick(text), code: Code::LEFT })
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Code> {
        self.propose(Proposal::Rename { nick: nick(from), to: nick(to) })
    }

    fn set_topic(&mut self, by: &str, topic: Option<Topic>) -> Result<(), Code> {
        self.propose(Proposal::SetTopic { nick: nick(by), topic })
    }

    fn shelve(&mut self, id: u64) -> Result<(), Code> {
        self.propose(Proposal::Shelve { item: item(id) })
    }

    fn drop(&mut self, id: u64) -> Result<(), Code> {
        self.propose(Proposal::Drop { item: ItemId(id), nick: None })
    }

    fn events(&self) -> Vec<Event> {
        let log = self.room.log();
        events_in(log.between(log.start(), log.end()))
    }

    fn items(&self) -> Vec<u64> {
        self.room.shelf().iter().map(|item| item.id.0).collect()
    }

    fn topic(&self) -> Option<&str> {
        self.room.topic().map(|state| state.topic.as_str())
    }
}
