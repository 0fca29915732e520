//! Links to the files of a shelf, as browsers and programs such as curl take them (PROTOCOL.md,
//! "Files over HTTP").

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::text::LinkBase;
use crate::wire::frame::Item;

/// What may not be in a link as it is. That is all but the unreserved characters of RFC 3986, as
/// many programs do not see the others as part of a link.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The name of the query that has an item's token.
pub const TOKEN: &str = "t=";

/// What a link to an item of a server begins with, up to the item's path, for whoever has connected
/// to `dialled` (host and port); none if the server has no links.
///
/// ```
/// use chatshelf_common::text::LinkBase;
/// use chatshelf_common::web_link::origin;
///
/// let of = |base| origin(&LinkBase::new(base).unwrap(), "lab:9000");
/// assert_eq!(of("https://192.0.2.7:9000").unwrap(), "https://192.0.2.7:9000");
/// assert_eq!(of("https:").unwrap(), "https://lab:9000");
/// assert_eq!(of(""), None);
/// ```
#[must_use]
pub fn origin(base: &LinkBase, dialled: &str) -> Option<String> {
    match base.as_str() {
        "" => None,
        scheme if scheme.ends_with(':') => Some(format!("{scheme}//{dialled}")),
        whole => Some(whole.to_owned()),
    }
}

/// The links of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemLink {
    /// With its name.
    pub whole: String,
    /// Without: enough to open it, and small as a QR code.
    pub short: String,
}

impl ItemLink {
    /// The links to an item that begin so (see [`origin`]).
    #[must_use]
    pub fn new(origin: &str, item: &Item) -> Self {
        let short = format!("{origin}/item/{}{}", item.id, query(item));
        Self { whole: format!("{origin}{}", item_path(item)), short }
    }
}

/// The path of an item, with the token that opens it, if it has one. The name is for people; the
/// number alone names the item.
///
/// ```
/// use chatshelf_common::id::{Digest, ItemId, LinkToken, UnixMillis};
/// use chatshelf_common::text::{FileName, Nick};
/// use chatshelf_common::web_link::item_path;
/// use chatshelf_common::wire::frame::Item;
///
/// let (name, nick) = (FileName::new("Grüße (1).txt")?, Nick::new("ada")?);
/// let item = Item::new(ItemId(7), name, 5, Digest([7; 32]), nick, UnixMillis(1));
/// assert_eq!(item_path(&item), "/item/7/Gr%C3%BC%C3%9Fe%20%281%29.txt");
/// let item = Item { link: Some(LinkToken([7; 16])), ..item };
/// assert!(item_path(&item).ends_with("29.txt?t=BwcHBwcHBwcHBwcHBwcHBw"));
/// # Ok::<(), chatshelf_common::text::TextError>(())
/// ```
#[must_use]
pub fn item_path(item: &Item) -> String {
    let name = utf8_percent_encode(item.name.as_str(), ESCAPED);
    format!("/item/{}/{name}{}", item.id, query(item))
}

fn query(item: &Item) -> String {
    item.link.map(|token| format!("?{TOKEN}{token}")).unwrap_or_default()
}
