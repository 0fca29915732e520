//! Our own commands: those that wait to be sent, and those that wait for their receipt. Owns their
//! numbers and what they say until that is sure to have arrived; knows neither room nor clock.
//!
//! They are kept in order. Those that were sent come first, then those that a broken connection
//! has left in doubt, then those that were never sent; messages in doubt are said again.

use std::collections::{BTreeSet, VecDeque};

use chatshelf_common::id::{ItemId, MessageId, UploadKey};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::{
    Drop, Item, Marker, Moderate, Op, Refused, Rename, Said, Say, SetTopic, Style, Tell, TopicState,
};

use super::event::{PendingCommand, Unanswered};
use super::outgoing::Outgoing;
use super::pace::{Pace, Pacing};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// On this connection.
    Sent,
    /// Sent on this connection before a gap: the receipt may be among the events missed.
    SentBeforeGap,
    /// Sent on an earlier connection.
    InDoubt,
    Waiting,
}

#[derive(Debug)]
struct Entry {
    id: MessageId,
    command: PendingCommand,
    state: State,
    /// It was sent on an earlier connection and not answered: it may have been said.
    repeats: bool,
}

/// Commands that are not answered.
#[derive(Debug)]
pub(super) struct Pending {
    next: u64,
    entries: VecDeque<Entry>,
    /// Of their text.
    bytes: usize,
    /// Stored uploads whose `Shelved` has not come yet.
    unshelved: BTreeSet<ItemId>,
}

impl PendingCommand {
    fn bytes(&self) -> usize {
        match self {
            Self::Say { text, .. } => text.as_str().len(),
            Self::Tell { to, text } => to.as_str().len() + text.as_str().len(),
            Self::Rename(nick) => nick.as_str().len(),
            Self::Topic(topic) => topic.as_ref().map_or(0, |topic| topic.as_str().len()),
            Self::Drop { .. } => size_of::<ItemId>() + size_of::<UploadKey>(),
            Self::Op(password) => password.as_bytes().len(),
            Self::Moderate(_) => size_of::<Moderate>(),
        }
    }

    /// The type of the frame that it is sent as.
    fn kind(&self) -> u8 {
        match self {
            Self::Say { .. } => Say::KIND,
            Self::Tell { .. } => Tell::KIND,
            Self::Rename(_) => Rename::KIND,
            Self::Topic(_) => SetTopic::KIND,
            Self::Drop { .. } => Drop::KIND,
            Self::Op(_) => Op::KIND,
            Self::Moderate(_) => Moderate::KIND,
        }
    }

    /// What it is counted with.
    fn pacing(&self) -> Pacing {
        match self {
            Self::Say { .. } | Self::Tell { .. } => Pacing::Line,
            Self::Rename(_) | Self::Topic(_) => Pacing::Change,
            Self::Drop { .. } | Self::Op(_) | Self::Moderate(_) => Pacing::Free,
        }
    }

    /// True for what goes over the connection that it was meant for, or not at all: what an
    /// operator means may be another by then, and a password may be read elsewhere.
    fn is_for_this_connection(&self) -> bool {
        matches!(self, Self::Op(_) | Self::Moderate(_))
    }

    /// True for what is answered by an event, which a gap can swallow.
    fn is_answered_by_event(&self) -> bool {
        !matches!(self, Self::Tell { .. })
    }
}

impl Entry {
    fn is_sent(&self) -> bool {
        matches!(self.state, State::Sent | State::SentBeforeGap)
    }

    /// True for the command that this item leaves the shelf.
    fn drops(&self, item: ItemId) -> bool {
        matches!(self.command, PendingCommand::Drop { item: dropped, .. } if dropped == item)
    }

    fn put(&self, out: &mut Outgoing) {
        let id = self.id;
        match &self.command {
            PendingCommand::Say { text, style } => {
                let style = (*style != Style::SPEECH).then_some(*style);
                let repeat = self.repeats.then_some(Marker);
                out.control(&Say { id, text: text.clone(), style, repeat });
            }
            PendingCommand::Tell { to, text } => {
                out.control(&Tell { id, to: to.clone(), text: text.clone() });
            }
            PendingCommand::Rename(nick) => out.control(&Rename { nick: nick.clone() }),
            PendingCommand::Topic(topic) => out.control(&SetTopic { topic: topic.clone() }),
            PendingCommand::Drop { item, key } => out.control(&Drop { item: *item, key: *key }),
            PendingCommand::Op(password) => out.control(&Op { password: password.clone() }),
            PendingCommand::Moderate(order) => out.control(order),
        }
    }
}

impl Pending {
    /// Nothing; messages are numbered from `first` on.
    pub(super) fn new(first: u64) -> Self {
        Self { next: first, entries: VecDeque::new(), bytes: 0, unshelved: BTreeSet::new() }
    }

    /// Takes a command in, to be sent by [`Pending::send`].
    pub(super) fn add(&mut self, command: PendingCommand) -> MessageId {
        let id = MessageId(self.next);
        self.next = self.next.wrapping_add(1);
        self.bytes += command.bytes();
        self.entries.push_back(Entry { id, command, state: State::Waiting, repeats: false });
        id
    }

    /// Sends what is not sent, in order, as far as it may go now; messages that may have been said
    /// before say so. Returns the kind of the first that has to wait, if one has.
    pub(super) fn send(
        &mut self,
        out: &mut Outgoing,
        pace: &mut Pace,
        now_ms: u64,
    ) -> Option<Pacing> {
        let sent = self.first_unsent();
        for entry in self.entries.range_mut(sent..) {
            let pacing = entry.command.pacing();
            if !pace.take(pacing, now_ms) {
                return Some(pacing);
            }
            entry.put(out);
            entry.state = State::Sent;
        }
        None
    }

    /// How many of these are sent and not answered. What is sent comes before what waits.
    pub(super) fn in_flight(&self, pacing: Pacing) -> u64 {
        let sent = self.entries.iter().take_while(|it| it.is_sent());
        sent.filter(|it| it.command.pacing() == pacing).count() as u64
    }

    /// How long the next one that is not sent has to wait, in milliseconds; none if there is none,
    /// or it waits for an answer.
    pub(super) fn wait_ms(&self, pace: &Pace, now_ms: u64) -> Option<u64> {
        let next = self.entries.get(self.first_unsent())?;
        pace.wait_ms(next.command.pacing(), now_ms)
    }

    fn first_unsent(&self) -> usize {
        let unsent = self.entries.iter().rev().take_while(|entry| !entry.is_sent()).count();
        self.entries.len() - unsent
    }

    /// A command was refused for now: it waits to be sent again, in its old place among those that
    /// are not sent. What it is counted with, if it is known and is counted.
    pub(super) fn take_back(&mut self, refused: &Refused) -> Option<Pacing> {
        let place = self.place_of(refused)?;
        let is_paced = |entry: &&Entry| entry.command.pacing() != Pacing::Free;
        self.entries.get(place).filter(is_paced)?;
        let mut entry = self.entries.remove(place)?;
        entry.state = State::Waiting;
        let pacing = entry.command.pacing();
        let is_later =
            |it: &Entry| !it.is_sent() && it.id.0.wrapping_sub(entry.id.0) < u64::MAX / 2;
        let place = self.entries.iter().position(is_later).unwrap_or(self.entries.len());
        self.entries.insert(place, entry);
        Some(pacing)
    }

    pub(super) fn stored(&mut self, item: ItemId) {
        self.unshelved.insert(item);
    }

    /// Our own message has come back in the log.
    pub(super) fn said(&mut self, id: MessageId) {
        self.remove_first(|entry| {
            entry.id == id && matches!(entry.command, PendingCommand::Say { .. })
        });
    }

    /// A message was said while we were away: if it is one in doubt, it has arrived.
    ///
    /// Nobody but us can have said it, whatever the nick: the text was not known to others.
    pub(super) fn said_while_away(&mut self, said: &Said) {
        self.remove_first(|entry| {
            entry.id == said.id
                && entry.state == State::InDoubt
                && matches!(&entry.command, PendingCommand::Say { text, .. } if *text == said.text)
        });
    }

    /// Our own private message has come back.
    pub(super) fn told(&mut self, id: MessageId) {
        self.remove_first(|entry| {
            entry.id == id && matches!(entry.command, PendingCommand::Tell { .. })
        });
    }

    /// We have another nick.
    pub(super) fn renamed(&mut self) {
        self.answered(Rename::KIND);
    }

    /// A rename is not answered yet.
    pub(super) fn is_renaming(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.is_sent() && matches!(entry.command, PendingCommand::Rename(_)))
    }

    /// We have set the topic.
    pub(super) fn topic_changed(&mut self) {
        self.answered(SetTopic::KIND);
    }

    /// Items up to `newest` have been seen on the shelf.
    pub(super) fn shelved(&mut self, newest: Option<ItemId>) {
        self.unshelved.retain(|item| Some(*item) > newest);
    }

    /// A command was refused: which, if it is known. A refusal without a number is about the oldest
    /// of its kind.
    pub(super) fn refused(&mut self, refused: &Refused) -> Option<PendingCommand> {
        let place = self.place_of(refused)?;
        self.remove(place)
    }

    fn place_of(&self, refused: &Refused) -> Option<usize> {
        let is_meant = |entry: &Entry| match (refused.id, refused.item) {
            (Some(id), _) => entry.id == id && entry.command.kind() == refused.about,
            (None, Some(item)) => entry.drops(item),
            (None, None) => entry.command.kind() == refused.about,
        };
        self.entries.iter().position(|entry| entry.is_sent() && is_meant(entry))
    }

    /// The oldest command of a kind is answered: they are in the order in which they were sent.
    pub(super) fn answered(&mut self, kind: u8) -> Option<PendingCommand> {
        self.remove_first(|entry| entry.is_sent() && entry.command.kind() == kind)
    }

    fn remove_first(&mut self, is_it: impl Fn(&Entry) -> bool) -> Option<PendingCommand> {
        let place = self.entries.iter().position(is_it)?;
        self.remove(place)
    }

    fn remove(&mut self, place: usize) -> Option<PendingCommand> {
        let entry = self.entries.remove(place)?;
        self.bytes -= entry.command.bytes();
        Some(entry.command)
    }

    /// Events are missing, and receipts may be among them. True if something waits for one.
    pub(super) fn gap(&mut self) -> bool {
        let mut any = false;
        for entry in &mut self.entries {
            if entry.state == State::Sent && entry.command.is_answered_by_event() {
                entry.state = State::SentBeforeGap;
            }
            any |= entry.state == State::SentBeforeGap;
        }
        any
    }

    /// The server has handled all that was sent before the gap. What it has not refused is in the
    /// log, whether we have seen it there or not.
    pub(super) fn handled(&mut self) {
        self.retain(|entry| entry.state != State::SentBeforeGap);
    }

    /// The connection is gone: what was sent over it and not answered is in doubt.
    pub(super) fn lost(&mut self) {
        for entry in &mut self.entries {
            if entry.is_sent() || entry.command.is_for_this_connection() {
                entry.state = State::InDoubt;
                entry.repeats = true;
            }
        }
    }

    /// All that happened while we were away has been seen. Drops what can't be said again, and
    /// returns that of it which `nick` and `topic` do not show to have arrived.
    /// An item that is on the `shelf` still is dropped again: that can do no harm.
    pub(super) fn settle(
        &mut self,
        nick: &Nick,
        topic: Option<&TopicState>,
        shelf: &[Item],
    ) -> Vec<Unanswered> {
        let mut unanswered = Vec::new();
        self.retain(|entry| {
            if entry.state != State::InDoubt {
                return true;
            }
            match &entry.command {
                PendingCommand::Say { .. } => return true,
                PendingCommand::Drop { item, .. } => return shelf.iter().any(|it| it.id == *item),
                PendingCommand::Tell { to, .. } => {
                    unanswered.push(Unanswered::Tell { to: to.clone() });
                }
                PendingCommand::Rename(wanted) if wanted == nick => {}
                PendingCommand::Rename(wanted) => {
                    unanswered.push(Unanswered::Rename(wanted.clone()));
                }
                PendingCommand::Topic(wanted)
                    if wanted.as_ref() == topic.map(|state| &state.topic) => {}
                PendingCommand::Topic(wanted) => unanswered.push(Unanswered::Topic(wanted.clone())),
                PendingCommand::Op(_) | PendingCommand::Moderate(_) => {
                    unanswered.push(Unanswered::Moderation);
                }
            }
            false
        });
        unanswered
    }

    /// An item has left the shelf, whether or not it was seen there.
    pub(super) fn dropped(&mut self, item: ItemId) {
        self.unshelved.remove(&item);
        self.remove_first(|entry| entry.is_sent() && entry.drops(item));
    }

    /// Back, with a whole snapshot: what was stored before is in it, or gone.
    pub(super) fn forget_stored(&mut self) {
        self.unshelved.clear();
    }

    fn retain(&mut self, keep: impl FnMut(&Entry) -> bool) {
        self.entries.retain(keep);
        self.bytes = self.entries.iter().map(|entry| entry.command.bytes()).sum();
    }

    /// The oldest command that was sent on this connection and not answered.
    pub(super) fn oldest_sent(&self) -> Option<MessageId> {
        self.oldest().map(|entry| entry.id)
    }

    fn oldest(&self) -> Option<&Entry> {
        self.entries.front().filter(|entry| entry.is_sent())
    }

    /// True while the oldest of these is the password of operators.
    pub(super) fn awaits_op(&self) -> bool {
        self.oldest().is_some_and(|entry| matches!(entry.command, PendingCommand::Op(_)))
    }

    /// Those that wait for being sent or for an answer, in their order, and whether each was sent
    /// on this connection.
    pub(super) fn commands(&self) -> impl DoubleEndedIterator<Item = (&PendingCommand, bool)> {
        self.entries.iter().map(|entry| (&entry.command, entry.is_sent()))
    }

    /// Commands that wait for being sent or for an answer.
    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    /// Those of them that were never sent.
    pub(super) fn unsent(&self) -> usize {
        self.entries.iter().filter(|entry| entry.state == State::Waiting).count()
    }

    /// Bytes of text in them.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Stored uploads that the room has not shown yet.
    pub(super) fn unshelved(&self) -> usize {
        self.unshelved.len()
    }
}
