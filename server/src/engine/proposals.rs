//! What members and the server want to happen in the room, on its way through the sequencer; and
//! what follows once it has happened, or was refused.
//!
//! Owns who proposed what. Everything that follows is in [`Engine::settle`], which is handed the
//! proposer as data and the outcome: it does not matter how much later that is.

use chatshelf_common::id::{ItemId, MessageId};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{Drop, Join, Refused, Rename, Say, SetTopic};
use chatshelf_common::wire::{Code, Frame};

use super::Engine;
use super::admission::Session;
use super::transport::Transport;
use crate::disk::{TransferKey, UploadId};
use crate::room::proposal::Proposal;
use crate::token::Token;

/// Who made a proposal, and what is needed to tell them of its outcome.
#[derive(Debug)]
pub(super) enum Proposer {
    /// The server itself. Nothing follows.
    Server,
    /// Whoever said a line by this number.
    Speaker { token: Token, id: MessageId },
    /// Who wants to enter; of an earlier session if their token is good but its member is gone.
    Joiner { token: Token, join: Box<Join>, earlier: Option<Session> },
    /// A member who wants this nick.
    Renamer { token: Token, to: Nick },
    /// A member who sets the topic.
    TopicSetter { token: Token },
    /// A member who takes an item off.
    Dropper { token: Token, item: ItemId },
    /// The server, for an item that is one too many.
    Surplus { item: ItemId },
    /// The connection whose upload is an item now, whether or not it is still here.
    Uploader { upload: TransferKey, item: ItemId, id: Option<UploadId> },
}

impl<T: Transport> Engine<T> {
    /// Makes a proposal. Nothing may be taken for done when this returns: what follows is in
    /// [`Self::settle`].
    pub(super) fn propose(&mut self, by: Proposer, proposal: Proposal) {
        let outcome = self.sequencer.order(&mut self.room, proposal, self.now.at);
        self.settle(by, outcome);
    }

    /// A proposal has had its turn: the room has it now, or has refused it.
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
            (Proposer::Joiner { token, join, earlier }, Ok(())) => {
                self.counters.joins += 1;
                self.enter(token, join.nick.clone(), &join, earlier);
            }
            (Proposer::Joiner { token, join, .. }, Err(_)) => {
                self.refuse_nick(token, Join::KIND, &join.nick);
            }
            (Proposer::Renamer { token, to }, Ok(())) => self.take_nick(token, to),
            (Proposer::Renamer { token, to }, Err(_)) => {
                self.refuse_nick(token, Rename::KIND, &to);
            }
            (Proposer::Dropper { item, .. } | Proposer::Surplus { item }, Ok(())) => {
                self.remove_item(item);
            }
            (Proposer::Dropper { token, item }, Err(code)) => {
                self.refuse(token, &Refused { item: Some(item), ..Refused::new(code, Drop::KIND) });
            }
            // Somebody has taken it off.
            (Proposer::Surplus { .. }, Err(_)) => {}
            (Proposer::Uploader { upload, item, id }, Ok(())) => self.shelved(upload, item, id),
            (Proposer::Uploader { upload, .. }, Err(code)) => {
                self.end_transfer(upload.connection, upload.transfer, code, None);
            }
        }
    }

    /// Has the oldest items taken off when there are more than the shelf keeps.
    pub(super) fn propose_surplus_drops(&mut self) {
        let surplus: Vec<ItemId> = self.room.shelf().surplus().map(|item| item.id).collect();
        for item in surplus {
            self.propose(Proposer::Surplus { item }, Proposal::Drop { item, nick: None });
        }
    }
}
