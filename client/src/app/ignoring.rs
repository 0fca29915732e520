//! Members whom we ignore: their lines, private messages, comings and goings are not shown. Owns
//! the list, which lasts as long as the program; the server knows nothing of it.

use std::sync::Arc;

use chatshelf_common::text::Nick;
use chatshelf_common::wire::Event;

/// Most names that can be ignored at once.
pub(super) const IGNORED_MAX: usize = 100;

/// Whom to ignore.
#[derive(Debug, Default)]
pub(super) struct Ignored(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    /// As it was asked for.
    nick: Nick,
    key: Arc<str>,
    /// The key of the nick that its holder has now.
    now: Arc<str>,
}

impl Ignored {
    /// These, as far as there is room.
    pub(super) fn new(nicks: Vec<Nick>) -> Self {
        let mut ignored = Self::default();
        for nick in nicks {
            ignored.add(nick);
        }
        ignored
    }

    /// False if there are too many already.
    pub(super) fn add(&mut self, nick: Nick) -> bool {
        let key = nick.key();
        if self.0.iter().any(|entry| entry.key == key) {
            return true;
        }
        let has_room = self.0.len() < IGNORED_MAX;
        if has_room {
            self.0.push(Entry { nick, now: Arc::clone(&key), key });
        }
        has_room
    }

    /// False if this one was not ignored, by the nick of now or the one that was asked for.
    pub(super) fn remove(&mut self, nick: &Nick) -> bool {
        let (key, before) = (nick.key(), self.0.len());
        self.0.retain(|entry| entry.key != key && entry.now != key);
        self.0.len() < before
    }

    /// True for a nick that is ignored, or whose holder had one that is.
    pub(super) fn holds(&self, nick: &Nick) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let key = nick.key();
        self.0.iter().any(|entry| entry.key == key || entry.now == key)
    }

    /// Follows a member who takes another nick, for as long as they are here: the nick they had may
    /// be somebody else's tomorrow.
    pub(super) fn note(&mut self, event: &Event) {
        let (from, to) = match event {
            _ if self.0.is_empty() => return,
            Event::Renamed(renamed) => (renamed.nick.key(), Some(renamed.to.key())),
            Event::Left(left) => (left.nick.key(), None),
            _ => return,
        };
        for entry in self.0.iter_mut().filter(|entry| entry.now == from) {
            entry.now = to.clone().unwrap_or_else(|| Arc::clone(&entry.key));
        }
    }

    /// The names, as they were asked for; empty when nobody is ignored.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|entry| entry.nick.as_str()).collect();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::{Seq, UnixMillis};
    use chatshelf_common::wire::Code;
    use chatshelf_common::wire::frame::{Left, Renamed};

    use super::*;

    const SEQ: Seq = Seq(1);
    const AT: UnixMillis = UnixMillis(1);

    fn nick(name: &str) -> Nick {
        Nick::new(name).unwrap()
    }

    fn renames(ignored: &mut Ignored, from: &str, to: &str) {
        ignored.note(&Renamed { seq: SEQ, at: AT, nick: nick(from), to: nick(to) }.into());
    }

    fn held<const N: usize>(ignored: &Ignored, names: [&str; N]) -> [bool; N] {
        names.map(|name| ignored.holds(&nick(name)))
    }

    #[test]
    fn a_name_is_ignored_in_any_case_until_it_is_unignored() {
        let mut ignored = Ignored::new(vec![nick("Bob")]);
        assert_eq!(held(&ignored, ["bob", "BOB", "bobby"]), [true, true, false]);
        assert!(ignored.add(nick("BOB")) && ignored.names() == "Bob");
        assert!(ignored.remove(&nick("bOB")));
        assert_eq!(held(&ignored, ["bob"]), [false]);
        assert!(!ignored.remove(&nick("bob")));
    }

    #[test]
    fn another_name_is_no_way_out_and_binds_nobody_who_has_it_later() {
        let mut ignored = Ignored::new(vec![nick("bob")]);
        renames(&mut ignored, "bob", "carol");
        renames(&mut ignored, "Carol", "dave");
        renames(&mut ignored, "eve", "carol");
        assert_eq!(held(&ignored, ["bob", "carol", "dave"]), [true, false, true]);
        let (code, quiet) = (Code::LEFT, None);
        ignored.note(&Left { seq: SEQ, at: AT, nick: nick("dave"), code, quiet }.into());
        assert_eq!(held(&ignored, ["bob", "dave"]), [true, false]);
        renames(&mut ignored, "bob", "carol");
        assert!(ignored.remove(&nick("carol")), "by the name of now, too");
        assert_eq!(held(&ignored, ["bob", "carol"]), [false, false]);
    }

    #[test]
    fn the_number_of_ignored_members_is_bounded() {
        let names = (0..=IGNORED_MAX).map(|number| nick(&format!("n{number}"))).collect();
        let mut ignored = Ignored::new(names);
        assert_eq!(ignored.0.len(), IGNORED_MAX);
        assert!(!ignored.add(nick("one-more")) && ignored.add(nick("n0")));
    }
}
