//! Which item of the shelf is meant: a number, or a name. What is typed is read once, as an
//! [`ItemRef`] or an [`ItemLine`], and looked up on the [`Shelf`] when it is needed. Pure; the same
//! for every front, for the one-shot commands and for completion.
//!
//! `#7` is always a number and `name:7` always a name. A bare `7` is a number, unless a file is
//! called so as well. Then it is refused, because somebody may have put that file there on purpose.

use std::fmt;
use std::path::PathBuf;

use chatshelf_common::id::ItemId;

use crate::lang::tr;
use crate::quoting;
use crate::raw_text;
use crate::session::Room;

/// Says that what follows is a name, whatever it looks like.
pub const NAME_PREFIX: &str = "name:";

/// An item, as somebody names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemRef {
    /// The item of this number: `#7`, or one that was chosen.
    Number(ItemId),
    /// `7`: the item of this number, unless a file is called so as well.
    NumberOrName(ItemId, String),
    /// `name:7`, or what is no number: the newest item of this name.
    Name(String),
    /// The newest item of all.
    Latest,
}

impl ItemRef {
    /// Reads what somebody typed.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = raw_text::lossy(text);
        if let Some(name) = text.strip_prefix(NAME_PREFIX) {
            return Self::Name(name.to_owned());
        }
        match (text.strip_prefix('#').and_then(number), number(&text)) {
            (Some(marked), _) => Self::Number(marked),
            (None, Some(bare)) => Self::NumberOrName(bare, text),
            (None, None) => Self::Name(text),
        }
    }
}

/// Digits alone, as the number they are.
fn number(text: &str) -> Option<ItemId> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_digits).map(ItemId)
}

/// A line that names an item, and perhaps a path: `7`, `notes.pdf sub/`, `'my notes.pdf' x`. The
/// whole line may be a name too, blanks and all; which of the two it is only the shelf can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemLine {
    line: String,
    /// Its one or two words, if a shell would split it into so many.
    split: Option<Split>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Split {
    item: ItemRef,
    path: Option<PathBuf>,
    /// One word without quotes: there is no other way to read the line.
    is_whole_line: bool,
}

impl ItemLine {
    /// Reads a line.
    #[must_use]
    pub fn new(line: &str) -> Self {
        let words = quoting::split(line).unwrap_or_default();
        let split = match &words[..] {
            [item] => {
                Some(Split { item: ItemRef::new(item), path: None, is_whole_line: item == line })
            }
            [item, path] => Some(Split {
                item: ItemRef::new(item),
                path: Some(raw_text::to_path(path)),
                is_whole_line: false,
            }),
            _ => None,
        };
        Self { line: raw_text::lossy(line), split }
    }
}

/// The item that was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its number. It need not be on the shelf: the server can say what became of it.
    pub item: ItemId,
    /// It was named, not numbered: of several with the name it is the newest.
    pub is_by_name: bool,
    /// The path that was given with it.
    pub path: Option<PathBuf>,
}

/// Why no item is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemError {
    /// The newest item was meant, and there is none.
    EmptyShelf,
    /// Nothing on the shelf has that name.
    NotOnShelf(String),
    /// It can be read as a number, and a file has it as its name.
    NumberOrName(ItemId, String),
    /// It is a file's name as a whole, and its first word is another item.
    NameOrPath(String),
    /// It is no item with a path, and no name of one.
    NotAnItem,
}

impl ItemError {
    /// True when what was asked for is not there; otherwise it was asked for in a wrong way.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::EmptyShelf | Self::NotOnShelf(_))
    }
}

impl fmt::Display for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self {
            Self::EmptyShelf => tr!("the shelf is empty").to_owned(),
            Self::NotOnShelf(name) => tr!("nothing on the shelf is called {name}", name),
            Self::NumberOrName(id, text) => tr!(
                "'{text}' could be a number or a name: #{id} is the number, {prefix}{text} the name",
                text,
                id,
                prefix = NAME_PREFIX,
            ),
            Self::NameOrPath(text) => tr!(
                "'{text}' could be a name, or an item and a path: quote what belongs together",
                text,
            ),
            Self::NotAnItem => {
                tr!("name one item, and at most one path; quote what has spaces").to_owned()
            }
        })
    }
}

impl std::error::Error for ItemError {}

/// Numbers and names of what is on the shelf.
#[derive(Debug)]
pub struct Shelf<'a>(Vec<(ItemId, &'a str)>);

impl<'a> Shelf<'a> {
    /// Of these items, oldest first.
    pub fn new(items: impl Iterator<Item = (ItemId, &'a str)>) -> Self {
        Self(items.collect())
    }

    /// As the room shows it.
    #[must_use]
    pub fn of(room: &'a Room) -> Self {
        Self::new(room.shelf().iter().map(|item| (item.id, item.name.as_str())))
    }

    fn holds(&self, id: ItemId) -> bool {
        self.0.iter().any(|(item, _)| *item == id)
    }

    /// The newest item of that name.
    fn named(&self, name: &str) -> Option<ItemId> {
        self.0.iter().rev().find(|(_, item)| *item == name).map(|(id, _)| *id)
    }

    /// How many items have the name of this one.
    #[must_use]
    pub fn namesakes(&self, id: ItemId) -> usize {
        let name = self.0.iter().find(|(item, _)| *item == id).map(|(_, name)| name);
        self.0.iter().filter(|(_, other)| Some(other) == name).count()
    }

    /// The item that is meant.
    ///
    /// # Errors
    /// When it is not on the shelf, or may be another just as well.
    pub fn item(&self, wanted: &ItemRef) -> Result<Found, ItemError> {
        let found = |item, is_by_name| Ok(Found { item, is_by_name, path: None });
        match wanted {
            ItemRef::Number(id) => found(*id, false),
            ItemRef::NumberOrName(id, text) => match self.named(text) {
                Some(named) if named != *id => Err(ItemError::NumberOrName(*id, text.clone())),
                _ => found(*id, false),
            },
            ItemRef::Name(name) => match self.named(name) {
                Some(id) => found(id, true),
                None => Err(ItemError::NotOnShelf(name.clone())),
            },
            ItemRef::Latest => match self.0.last() {
                Some((id, _)) => found(*id, false),
                None => Err(ItemError::EmptyShelf),
            },
        }
    }

    /// The item that a line means, and the path behind it.
    ///
    /// # Errors
    /// As [`Shelf::item`], or when the line may be both a name and an item with a path, or is
    /// neither.
    pub fn item_and_path(&self, line: &ItemLine) -> Result<Found, ItemError> {
        let split = line.split.as_ref().map(|split| {
            let found = self.item(&split.item);
            (split, found.map(|found| Found { path: split.path.clone(), ..found }))
        });
        let name = line.line.strip_prefix(NAME_PREFIX).unwrap_or(&line.line);
        let whole = self.named(name).map(|item| Found { item, is_by_name: true, path: None });
        match (whole, split) {
            (None, None) => Err(ItemError::NotAnItem),
            (_, Some((Split { is_whole_line: true, .. }, found))) | (None, Some((_, found))) => {
                found
            }
            (Some(whole), None | Some((_, Err(ItemError::NotOnShelf(_))))) => Ok(whole),
            (Some(_), Some((Split { item: ItemRef::Number(_), .. }, found))) => found,
            (Some(whole), Some((_, Ok(found)))) if !self.holds(found.item) => Ok(whole),
            (Some(_), Some(_)) => Err(ItemError::NameOrPath(line.line.clone())),
        }
    }

    /// A text for a prompt that means this item and no other: its name if that will do.
    #[must_use]
    pub fn reference(&self, id: ItemId, name: &str) -> String {
        let found = self.item_and_path(&ItemLine::new(name));
        let is_it = found.is_ok_and(|found| found.item == id && found.path.is_none());
        if is_it { name.to_owned() } else { format!("#{id}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELF: [(u64, &str); 7] =
        [(1, "a.txt"), (2, "1"), (3, "#1"), (4, "a.txt"), (5, "5"), (6, "name:1"), (7, "77")];

    fn shelf<'a>(items: &[(u64, &'a str)]) -> Shelf<'a> {
        Shelf::new(items.iter().map(|(id, name)| (ItemId(*id), *name)))
    }

    /// Item and path.
    fn short(found: Found) -> (ItemId, Option<PathBuf>) {
        (found.item, found.path)
    }

    #[test]
    fn a_number_is_a_number_and_a_name_that_looks_like_one_is_reported() {
        let shelf = shelf(&SHELF);
        let found = |text| shelf.item(&ItemRef::new(text)).map(|found| found.item);
        for (text, id) in
            [("#1", 1), ("2", 2), ("#2", 2), ("5", 5), ("99", 99), ("#77", 77), ("a.txt", 4)]
        {
            assert_eq!(found(text), Ok(ItemId(id)), "{text}");
        }
        for (text, id) in [("name:1", 2), ("name:#1", 3), ("name:name:1", 6), ("name:77", 7)] {
            assert_eq!(found(text), Ok(ItemId(id)), "{text}");
        }
        for (text, id) in [("1", 1), ("77", 77)] {
            assert_eq!(found(text), Err(ItemError::NumberOrName(ItemId(id), text.into())));
        }
        for text in ["+1", "1.0", "-1", "", "#", "#x", "99999999999999999999", "name:99"] {
            assert!(matches!(found(text), Err(ItemError::NotOnShelf(_))), "{text}");
        }
        let told = found("1").unwrap_err().to_string();
        assert!(told.contains("#1 is the number") && told.contains("name:1 the name"), "{told}");
    }

    #[test]
    fn a_line_that_is_a_name_and_an_item_with_a_path_is_reported() {
        let shelf = shelf(&[(1, "a"), (2, "a b"), (3, "1 x"), (4, "9 x"), (5, "#1 y"), (6, "z z")]);
        let found = |line: &str| shelf.item_and_path(&ItemLine::new(line)).map(short);
        let is = |id, path: Option<&str>| Ok((ItemId(id), path.map(PathBuf::from)));
        for line in ["a b", "1 x"] {
            assert_eq!(found(line), Err(ItemError::NameOrPath(line.into())));
            assert!(matches!(found(&format!("'{line}'")), Ok((_, None))), "{line}");
        }
        assert_eq!(found("9 x"), is(4, None), "there is no number 9");
        assert_eq!(found("#1 y"), is(1, Some("y")), "always a number");
        assert_eq!(found("name:#1 y"), is(5, None));
        assert_eq!(found("a 'x y'"), is(1, Some("x y")));
        assert_eq!(found("z z"), is(6, None));
        assert_eq!(found("1 2 3"), Err(ItemError::NotAnItem));
    }

    #[test]
    fn what_completion_offers_means_its_item_and_no_other() {
        for items in [
            &SHELF[..],
            &[(1, "a"), (2, "a b"), (3, "1 x"), (4, "it's"), (5, "'a'"), (6, "a\\ b"), (7, "z z")],
        ] {
            let shelf = shelf(items);
            for (id, name) in items {
                let form = shelf.reference(ItemId(*id), name);
                let found = shelf.item_and_path(&ItemLine::new(&form)).map(short);
                assert_eq!(found, Ok((ItemId(*id), None)), "{form} for {name}");
            }
        }
        assert_eq!(shelf(&SHELF).reference(ItemId(4), "a.txt"), "a.txt");
        assert_eq!(shelf(&SHELF).reference(ItemId(1), "a.txt"), "#1", "an older one of the name");
    }
}
