//! Which item of the shelf a text means: a number, or a name. Pure; the same for every front, for
//! the one-shot commands and for completion.
//!
//! `#7` is always a number and `name:7` always a name. A bare `7` is a number, unless a file is
//! called so as well: then it is reported, for whoever put that file there may be counting on it.

use std::fmt;

use chatshelf_common::id::ItemId;

use crate::session::Room;

/// Says that what follows is a name, whatever it looks like.
pub const NAME_PREFIX: &str = "name:";

/// Why a text means no item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemError {
    /// Nothing on the shelf has that name.
    NotOnShelf(String),
    /// It can be read as a number, and a file has it as its name.
    NumberOrName(ItemId, String),
    /// It is a file's name as a whole, and its first word is another item.
    NameOrPath(String),
}

impl fmt::Display for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOnShelf(name) => write!(f, "nothing on the shelf is called {name}"),
            Self::NumberOrName(id, text) => write!(
                f,
                "'{text}' could be a number or a name: #{id} is the number, \
                 {NAME_PREFIX}{text} the name"
            ),
            Self::NameOrPath(text) => write!(
                f,
                "'{text}' could be a name, or an item and a path: quote what belongs together"
            ),
        }
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

    /// The item that a text means. Of items of one name that is the newest. A number need not be
    /// on the shelf: the server can say what became of it.
    ///
    /// # Errors
    /// When nothing has the name, or it may be a number just as well.
    pub fn item(&self, text: &str) -> Result<ItemId, ItemError> {
        let by_name = |name| self.named(name).ok_or(ItemError::NotOnShelf(String::from(name)));
        if let Some(name) = text.strip_prefix(NAME_PREFIX) {
            return by_name(name);
        }
        if let Some(id) = marked_number(text) {
            return Ok(id);
        }
        match (number(text), self.named(text)) {
            (Some(id), Some(named)) if named != id => {
                Err(ItemError::NumberOrName(id, text.to_owned()))
            }
            (Some(id), _) => Ok(id),
            (None, _) => by_name(text),
        }
    }

    /// The item that a line means, and the path behind it; `words` is what the line splits into,
    /// if it does. The whole line may be a name, unquoted, too. `None` if the line is neither.
    ///
    /// # Errors
    /// As [`Shelf::item`], or when the line may be both.
    pub fn item_and_path(
        &self,
        line: &str,
        words: Option<Vec<String>>,
    ) -> Option<Result<(ItemId, Option<String>), ItemError>> {
        let mut words = words.unwrap_or_default().into_iter();
        let (first, path, rest) = (words.next(), words.next(), words.next());
        let split = first.filter(|_| rest.is_none()).map(|first| (self.item(&first), first));
        let whole = self.named(line.strip_prefix(NAME_PREFIX).unwrap_or(line));
        Some(match (whole, split) {
            (None, None) => return None,
            (Some(id), None | Some((Err(ItemError::NotOnShelf(_)), _))) => Ok((id, None)),
            // It is one word.
            (_, Some((item, first))) if first == line => item.map(|id| (id, None)),
            (None, Some((item, _))) => item.map(|id| (id, path)),
            (Some(_), Some((Ok(id), first))) if marked_number(&first).is_some() => Ok((id, path)),
            (Some(id), Some((Ok(number), _))) if !self.holds(number) => Ok((id, None)),
            (Some(_), Some(_)) => Err(ItemError::NameOrPath(line.to_owned())),
        })
    }

    /// A text for a prompt that means this item and no other: its name if that will do.
    #[must_use]
    pub fn reference(&self, id: ItemId, name: &str) -> String {
        let found = self.item_and_path(name, crate::command::words(name));
        if found == Some(Ok((id, None))) { name.to_owned() } else { format!("#{id}") }
    }
}

/// Digits alone, as the number they are.
fn number(text: &str) -> Option<ItemId> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_digits).map(ItemId)
}

/// The number behind a `#`.
fn marked_number(text: &str) -> Option<ItemId> {
    text.strip_prefix('#').and_then(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELF: [(u64, &str); 7] =
        [(1, "a.txt"), (2, "1"), (3, "#1"), (4, "a.txt"), (5, "5"), (6, "name:1"), (7, "77")];

    fn shelf<'a>(items: &[(u64, &'a str)]) -> Shelf<'a> {
        Shelf::new(items.iter().map(|(id, name)| (ItemId(*id), *name)))
    }

    #[test]
    fn a_number_is_a_number_and_a_name_that_looks_like_one_is_reported() {
        let shelf = shelf(&SHELF);
        let found = |text| shelf.item(text);
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
        let found = |line: &str| shelf.item_and_path(line, crate::command::words(line));
        let is = |id, path: Option<&str>| Some(Ok((ItemId(id), path.map(str::to_owned))));
        for line in ["a b", "1 x"] {
            assert_eq!(found(line), Some(Err(ItemError::NameOrPath(line.into()))));
            assert!(matches!(found(&format!("'{line}'")), Some(Ok((_, None)))), "{line}");
        }
        assert_eq!(found("9 x"), is(4, None), "there is no number 9");
        assert_eq!(found("#1 y"), is(1, Some("y")), "always a number");
        assert_eq!(found("name:#1 y"), is(5, None));
        assert_eq!(found("a 'x y'"), is(1, Some("x y")));
        assert_eq!(found("z z"), is(6, None));
        assert_eq!(found("1 2 3"), None);
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
                let found = shelf.item_and_path(&form, crate::command::words(&form));
                assert_eq!(found, Some(Ok((ItemId(*id), None))), "{form} for {name}");
            }
        }
        assert_eq!(shelf(&SHELF).reference(ItemId(4), "a.txt"), "a.txt");
        assert_eq!(shelf(&SHELF).reference(ItemId(1), "a.txt"), "#1", "an older one of the name");
    }
}
