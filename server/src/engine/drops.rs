//! Dropping an item from the shelf (PROTOCOL.md, "Taking an item off"): who may, and what follows.

use std::collections::HashMap;

use chatshelf_common::id::ItemId;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{Drop, Refused};
use chatshelf_common::wire::{Code, Frame};

use super::Engine;
use super::proposals::Proposer;
use super::transport::Transport;
use crate::disk::{Request, UploadId};
use crate::room::proposal::Proposal;
use crate::token::Token;

/// Who may drop each of the items on the shelf.
#[derive(Debug, Default)]
pub(super) struct Owners(HashMap<ItemId, Owner>);

/// Proof of an item's ownership. A nick proves nothing: another member may have it now.
#[derive(Debug, Default)]
struct Owner {
    /// Derived from the key that the item was uploaded with.
    upload: Option<UploadId>,
    /// The session that was told that the item is on the shelf.
    session: Option<Token>,
}

impl Owners {
    /// Creates the owners of the items found on disk.
    pub(super) fn found(upload_ids: Vec<(ItemId, UploadId)>) -> Self {
        let owner = |id| Owner { upload: Some(id), session: None };
        Self(upload_ids.into_iter().map(|(item, id)| (item, owner(id))).collect())
    }

    /// Adds an item that is now on the shelf.
    pub(super) fn add(&mut self, item: ItemId, upload: Option<UploadId>) {
        self.0.insert(item, Owner { upload, session: None });
    }

    /// Removes an item that is no longer on the shelf.
    pub(super) fn remove(&mut self, item: ItemId) {
        self.0.remove(&item);
    }

    /// Returns how many items have an owner.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn is_owned_by(&self, session: Token, drop: &Drop) -> bool {
        let Some(owner) = self.0.get(&drop.item) else { return false };
        let shown = drop.key.as_ref().map(UploadId::of);
        owner.session == Some(session) || (shown.is_some() && owner.upload == shown)
    }
}

impl<T: Transport> Engine<T> {
    /// Makes the member of this connection an owner of the item.
    pub(super) fn note_owner(&mut self, token: Token, item: ItemId) {
        let Some(session) = self.session_of(token) else { return };
        if let Some(owner) = self.owners.0.get_mut(&item) {
            owner.session = Some(session);
        }
    }

    pub(super) fn drop_item(&mut self, token: Token, nick: Nick, drop: &Drop) {
        let item = drop.item;
        let session = self.session_of(token);
        let is_theirs = session.is_some_and(|session| {
            self.owners.is_owned_by(session, drop) || self.operators.has(session)
        });
        if self.room.shelf().find(item).is_ok() && !is_theirs {
            let refusal = Refused::new(Code::NOT_YOURS, Drop::KIND);
            return self.refuse(token, &Refused { item: Some(item), ..refusal });
        }
        let name = self.room.shelf().find(item).ok().map(|item| item.name.clone());
        let by = Proposer::Dropper { token, item, name };
        self.propose(by, Proposal::Drop { item, nick: Some(nick) });
    }

    /// Removes the files of an item that is no longer in the room.
    pub(super) fn remove_item(&mut self, item: ItemId) {
        self.owners.remove(item);
        self.disk.push(Request::Remove { item });
    }
}
