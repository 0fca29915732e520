//! Which of our own commands still wait for their receipt. Owns the numbers of messages;
//! knows neither their text nor the room.

use std::collections::BTreeSet;

use chatshelf_common::id::{ItemId, MessageId};
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::{Refused, Rename, Say, SetTopic, Tell};

/// Commands sent and not yet answered.
#[derive(Debug, Default)]
pub(super) struct Pending {
    last: u64,
    says: BTreeSet<MessageId>,
    tells: BTreeSet<MessageId>,
    renames: usize,
    topics: usize,
    /// Stored uploads whose `Shelved` has not come yet.
    unshelved: BTreeSet<ItemId>,
}

impl Pending {
    fn next_id(&mut self) -> MessageId {
        self.last += 1;
        MessageId(self.last)
    }

    pub(super) fn say(&mut self) -> MessageId {
        let id = self.next_id();
        self.says.insert(id);
        id
    }

    pub(super) fn tell(&mut self) -> MessageId {
        let id = self.next_id();
        self.tells.insert(id);
        id
    }

    pub(super) fn rename(&mut self) {
        self.renames += 1;
    }

    pub(super) fn set_topic(&mut self) {
        self.topics += 1;
    }

    pub(super) fn stored(&mut self, item: ItemId) {
        self.unshelved.insert(item);
    }

    /// Our own message has come back in the log.
    pub(super) fn said(&mut self, id: MessageId) {
        self.says.remove(&id);
    }

    /// Our own private message has come back.
    pub(super) fn told(&mut self, id: MessageId) {
        self.tells.remove(&id);
    }

    /// We have another nick.
    pub(super) fn renamed(&mut self) {
        self.renames = self.renames.saturating_sub(1);
    }

    /// A rename is not answered yet.
    pub(super) fn is_renaming(&self) -> bool {
        self.renames > 0
    }

    /// We have set the topic.
    pub(super) fn topic_changed(&mut self) {
        self.topics = self.topics.saturating_sub(1);
    }

    /// Items up to `newest` have been seen on the shelf.
    pub(super) fn shelved(&mut self, newest: Option<ItemId>) {
        self.unshelved.retain(|item| Some(*item) > newest);
    }

    /// A command was refused. One without a number is about the oldest of its kind.
    pub(super) fn refused(&mut self, refused: &Refused) {
        let messages = match refused.about {
            Say::KIND => &mut self.says,
            Tell::KIND => &mut self.tells,
            Rename::KIND => return self.renamed(),
            SetTopic::KIND => return self.topic_changed(),
            _ => return,
        };
        if let Some(id) = refused.id.or(messages.first().copied()) {
            messages.remove(&id);
        }
    }

    /// Events are missing, and receipts may be among them: none is waited for any longer.
    /// Returns how many messages that leaves unconfirmed.
    pub(super) fn gap(&mut self) -> usize {
        let unconfirmed = self.says.len();
        self.says.clear();
        (self.topics, self.renames) = (0, 0);
        unconfirmed
    }

    /// Commands that wait for an answer.
    pub(super) fn count(&self) -> usize {
        self.says.len() + self.tells.len() + self.renames + self.topics
    }

    /// Stored uploads that the room has not shown yet.
    pub(super) fn unshelved(&self) -> usize {
        self.unshelved.len()
    }
}
