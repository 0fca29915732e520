//! Proposals of members and of the server on their way through the sequencer, and what follows from
//! their outcomes.
//!
//! Owns who proposed what. What follows is all in [`Engine::settle`], which receives the proposer
//! as data and the outcome; it does not matter how much later.

use chatshelf_common::id::{ItemId, MessageId};
use chatshelf_common::text::{FileName, Nick};
use chatshelf_common::wire::frame::{Drop, Join, Refused, Rename, Say, SetTopic};
use chatshelf_common::wire::{Code, Frame};

use super::Engine;
use super::admission::Session;
use super::connection::Connection;
use super::effect::Effect;
use super::transport::Transport;
use crate::disk::{TransferKey, UploadId};
use crate::room::proposal::Proposal;
use crate::token::Token;

/// Who made a proposal, and the data needed to act on its outcome.
#[derive(Debug)]
pub(super) enum Proposer {
    /// The server itself. Nothing follows.
    Server,
    /// The sender of the line with this number.
    Speaker { token: Token, id: MessageId },
    /// A joining client; with its earlier session if its token is valid but that membership has
    /// ended.
    Joiner { token: Token, join: Box<Join>, earlier: Option<Session> },
    /// A member who requests this nick.
    Renamer { token: Token, to: Nick },
    /// A member who sets the topic.
    TopicSetter { token: Token },
    /// A member who drops an item, with its name if it is on the shelf.
    Dropper { token: Token, item: ItemId, name: Option<FileName> },
    /// The server, which drops an item beyond the number to keep.
    Surplus { item: ItemId, name: FileName },
    /// An operator; `about` is the type of the frame that is answered.
    Moderator { token: Token, about: u8, effect: Effect },
    /// The connection whose upload became an item; it may be gone.
    Uploader { upload: TransferKey, item: ItemId, id: Option<UploadId> },
}

impl<T: Transport> Engine<T> {
    /// Makes a proposal. The caller must not assume an outcome when this returns: what follows is
    /// in [`Self::settle`].
    pub(super) fn propose(&mut self, by: Proposer, proposal: Proposal) {
        let outcome = self.sequencer.order(&mut self.room, proposal, self.now.at);
        self.settle(by, outcome);
    }

    /// Acts on the outcome of a proposal, which the room has now committed or refused.
    fn settle(&mut self, by: Proposer, outcome: Result<(), Code>) {
        match (by, outcome) {
            (Proposer::Server, _) => {}
            (Proposer::TopicSetter { .. }, Ok(())) => {}
            (Proposer::Speaker { .. }, Ok(())) => self.counters.lines += 1,
            (Proposer::Speaker { token, id }, Err(code)) => {
                self.refuse(token, &Refused { id: Some(id), ..Refused::new(code, Say::KIND) });
            }
            (Proposer::TopicSetter { token }, Err(code)) => {
                self.refuse(token, &Refused::new(code, SetTopic::KIND));
            }
            (Proposer::Moderator { token, effect, .. }, Ok(())) => self.follow(token, effect),
            (Proposer::Moderator { token, about, .. }, Err(code)) => {
                self.refuse(token, &Refused::new(code, about));
            }
            (Proposer::Joiner { token, join, earlier }, Ok(())) => {
                self.counters.joins += 1;
                if let Some(connection) = self.connections.get(token) {
                    self.peer_log.joined(self.now.mono_ms(), &join.nick, connection.peer());
                }
                self.enter(token, join.nick.clone(), &join, earlier);
            }
            (Proposer::Joiner { token, join, .. }, Err(_)) => {
                self.refuse_nick(token, Join::KIND, &join.nick);
            }
            (Proposer::Renamer { token, to }, Ok(())) => self.take_nick(token, to),
            (Proposer::Renamer { token, to }, Err(_)) => {
                self.refuse_nick(token, Rename::KIND, &to);
            }
            (Proposer::Dropper { token, item, name }, Ok(())) => {
                let by = self.connections.get(token).and_then(Connection::nick);
                if let Some(name) = name {
                    self.peer_log.dropped(self.now.mono_ms(), item, &name, by);
                }
                self.remove_item(item);
            }
            (Proposer::Surplus { item, name }, Ok(())) => {
                self.peer_log.dropped(self.now.mono_ms(), item, &name, None);
                self.remove_item(item);
            }
            (Proposer::Dropper { token, item, .. }, Err(code)) => {
                self.refuse(token, &Refused { item: Some(item), ..Refused::new(code, Drop::KIND) });
            }
            // Someone has already dropped it.
            (Proposer::Surplus { .. }, Err(_)) => {}
            (Proposer::Uploader { upload, item, id }, Ok(())) => self.shelved(upload, item, id),
            (Proposer::Uploader { upload, .. }, Err(code)) => {
                self.end_transfer(upload.connection, upload.transfer, code, None);
            }
        }
    }

    /// Proposes to drop the oldest items when there are more than the shelf keeps.
    pub(super) fn propose_surplus_drops(&mut self) {
        let surplus = self.room.shelf().surplus().map(|item| (item.id, item.name.clone()));
        for (item, name) in surplus.collect::<Vec<_>>() {
            self.propose(Proposer::Surplus { item, name }, Proposal::Drop { item, nick: None });
        }
    }
}
