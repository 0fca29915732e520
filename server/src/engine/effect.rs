//! What follows from an operator's order, as data: it waits beside the proposal until the room has
//! heard of it.

use chatshelf_common::id::BanId;
use chatshelf_common::text::Note;
use chatshelf_common::wire::frame::BanEntry;

use crate::token::Token;

/// What an operator does: how it is logged, and what follows once the room has heard of it.
#[derive(Debug)]
pub(super) struct Effect {
    /// What it is, in words for the server's log.
    pub(super) what: String,
    pub(super) follow: Follow,
}

#[derive(Debug)]
pub(super) enum Follow {
    /// Nothing more.
    Nothing,
    /// This member is put out of the room.
    PutOut { session: Token, reason: Option<Note> },
    /// This ban begins.
    Ban(BanEntry),
    /// This ban ends.
    Unban(BanId),
    /// The lock of the topic is kept on disk.
    KeepLock,
}
