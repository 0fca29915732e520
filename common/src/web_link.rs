//! Links to the files of a shelf, as browsers and programs such as curl take them (PROTOCOL.md,
//! "Files over HTTP").

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::id::ItemId;
use crate::text::FileName;

/// What may not be in a link as it is. That is all but the unreserved characters of RFC 3986, as
/// many programs do not see the others as part of a link.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path of an item. The name is for people; the number alone names the item.
///
/// ```
/// use chatshelf_common::id::ItemId;
/// use chatshelf_common::text::FileName;
/// use chatshelf_common::web_link::item_path;
///
/// let name = FileName::new("Grüße (1).txt")?;
/// assert_eq!(item_path(ItemId(7), &name), "/item/7/Gr%C3%BC%C3%9Fe%20%281%29.txt");
/// # Ok::<(), chatshelf_common::text::TextError>(())
/// ```
#[must_use]
pub fn item_path(item: ItemId, name: &FileName) -> String {
    format!("/item/{item}/{}", utf8_percent_encode(name.as_str(), ESCAPED))
}
