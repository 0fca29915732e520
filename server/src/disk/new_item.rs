//! What an upload becomes, before its content is verified.

use chatshelf_common::id::{Attributes, Digest, ItemId, LinkToken, UnixMillis};
use chatshelf_common::text::{FileName, Nick};
use chatshelf_common::wire::frame::Item;

/// An item before its content is verified: it has no digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewItem {
    /// Its number.
    pub id: ItemId,
    /// Its name.
    pub name: FileName,
    /// Its size in bytes.
    pub size: u64,
    /// What else is known of the file.
    pub attributes: Attributes,
    /// Who sends it.
    pub nick: Nick,
    /// When it had come.
    pub at: UnixMillis,
    /// What opens it over HTTP.
    pub link: Option<LinkToken>,
}

impl NewItem {
    /// The item, once its digest is known.
    #[must_use]
    pub fn with(self, digest: Digest) -> Item {
        let Self { id, name, size, attributes, nick, at, link } = self;
        Item { link, ..Item::new(id, name, size, digest, nick, at).with(attributes) }
    }
}
