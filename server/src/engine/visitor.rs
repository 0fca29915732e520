//! The seam for visitors: peers that are not members, but ask for what is on the shelf and put
//! files on it. The engine never learns what they speak (HTTP) or how they are answered; it says
//! whether they may, and brings or takes the bytes.

use std::ops::Range;

use chatshelf_common::id::{ItemId, LinkToken};
use chatshelf_common::password::Password;
use chatshelf_common::text::FileName;
use chatshelf_common::wire::frame::{Item, Refused};

use crate::checksum::Checksum;
use crate::room::shelf::Shelf;

/// What a visitor asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// What.
    pub wanted: Wanted,
    /// The room's password, if the visitor showed one.
    pub password: Option<Password>,
    /// The token that opens the item, if its link had one.
    pub link: Option<LinkToken>,
}

/// Something that a visitor may have, or do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What the transport has by itself.
    Page,
    /// What is on the shelf, as a list.
    Shelf,
    /// An item's content.
    Item(ItemId),
    /// That this file is put on the shelf.
    Shelve(Box<NewFile>),
}

/// A file that a visitor puts on the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Its name.
    pub name: FileName,
    /// Its size in bytes.
    pub size: u64,
    /// What its content must hash to, if the visitor says so.
    pub checksum: Option<Checksum>,
}

/// A transport whose peer may be a visitor. Each visit that is taken gets one answer: a list, a
/// description of an item, an item that was put on the shelf, or a refusal. Answers are pending
/// until they are sent, as other bytes of a transport's own are. The next visit comes when the last
/// one is answered.
pub trait Visitor {
    /// Takes a visit that was read.
    fn take_visit(&mut self) -> Option<Visit>;

    /// Makes the answer to the current visit the last one.
    fn make_last(&mut self);

    /// Answers with what the transport has; returns how many bytes that takes.
    fn show_page(&mut self) -> u64;

    /// Answers with what is on the shelf; returns how many bytes that takes.
    fn show_shelf(&mut self, shelf: &Shelf) -> u64;

    /// Describes the item that was asked for. Returns the part of its content that the visitor
    /// wants: it is written after [`Self::begin_content`], bare and with nothing in between. If it
    /// wants no part, the visit is answered.
    fn show_item(&mut self, item: &Item) -> Option<Range<u64>>;

    /// Begins the answer that content follows.
    fn begin_content(&mut self);

    /// Lets the content of the new file come: from now on, reads return this content and nothing
    /// else, until all of it was read.
    fn accept_content(&mut self);

    /// Answers with the item that the new file has become.
    fn show_shelved(&mut self, item: &Item);

    /// Refuses the visit. Returns false if content has begun: then only the end of the connection
    /// can say so.
    fn refuse(&mut self, refused: &Refused) -> bool;

    /// The time for the next visit is up: if part of one has come, it is answered. The connection
    /// ends then.
    fn time_out(&mut self);
}
