//! The members, indexed by the nicks they hold.
//!
//! Who is a member, under which nick, and whether quietly, follows from committed events. The
//! session a member has on this server does not: the engine attaches it, and no event or snapshot
//! depends on it.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::ops::Bound;
use std::sync::Arc;

use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::Marker;

use crate::token::Token;
use crate::work;

/// A member of the room.
#[derive(Debug)]
pub struct Member {
    nick: Nick,
    quiet: Option<Marker>,
    session: Option<Token>,
}

impl Member {
    /// Creates a member who has just joined and has no session attached yet.
    pub(super) fn new(nick: Nick, quiet: Option<Marker>) -> Self {
        Self { nick, quiet, session: None }
    }

    /// Returns the same member with another nick.
    pub(super) fn renamed(self, nick: Nick) -> Self {
        Self { nick, ..self }
    }

    /// Returns the member's nick.
    #[must_use]
    pub fn nick(&self) -> &Nick {
        &self.nick
    }

    /// Returns the marker if clients need not show this member's joining and leaving.
    #[must_use]
    pub fn quiet(&self) -> Option<Marker> {
        self.quiet
    }

    /// Returns the session by which the engine knows the member across all their connections;
    /// `None` for a member who is connected to another server.
    #[must_use]
    pub fn session(&self) -> Option<Token> {
        self.session
    }
}

/// An index of all members by the keys of their nicks.
///
/// Invariants: each member is in `by_key` under [`Nick::key`]. `by_spelling` has the second key
/// ([`Nick::key_as_spelt`]) of exactly those members who have one, and maps it to their first. No
/// key is in both maps, so no two members' nicks clash.
#[derive(Debug, Default)]
pub(super) struct Members {
    by_key: BTreeMap<Arc<str>, Member>,
    by_spelling: BTreeMap<Arc<str>, Arc<str>>,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Returns the member with this nick, ignoring case.
    pub(super) fn get(&self, nick: &Nick) -> Option<&Member> {
        self.by_key.get(&nick.key())
    }

    /// Returns true if a member has exactly this nick.
    pub(super) fn has(&self, nick: &Nick) -> bool {
        self.get(nick).is_some_and(|member| member.nick == *nick)
    }

    /// Iterates over the members whose nicks clash with this one. The nick is free if there are
    /// none.
    pub(super) fn holders(&self, nick: &Nick) -> impl Iterator<Item = &Member> {
        let keys = [Some(nick.key()), nick.key_as_spelt()];
        let members = keys.into_iter().flatten().flat_map(|key| {
            let spelt = self.by_spelling.get(&key).and_then(|first| self.by_key.get(first));
            [self.by_key.get(&key), spelt]
        });
        members.flatten()
    }

    /// Returns true if no member, except the one called `own`, holds this nick.
    pub(super) fn is_free(&self, nick: &Nick, own: Option<&Nick>) -> bool {
        self.holders(nick).all(|member| Some(&member.nick) == own)
    }

    /// Iterates over the members whose keys are between two bounds, in order.
    pub(super) fn range(&self, from: Bound<&str>, to: Bound<&str>) -> Range<'_, Arc<str>, Member> {
        self.by_key.range::<str, _>((from, to))
    }

    /// Adds a member whose nick is free, and returns their key.
    pub(super) fn seat(&mut self, member: Member) -> Arc<str> {
        work::spend(1);
        debug_assert!(self.is_free(&member.nick, None), "{} is taken", member.nick);
        let key = member.nick.key();
        if let Some(spelt) = member.nick.key_as_spelt() {
            self.by_spelling.insert(spelt, Arc::clone(&key));
        }
        self.by_key.insert(Arc::clone(&key), member);
        debug_assert!(self.by_spelling.len() <= self.by_key.len());
        key
    }

    /// Removes a member, and returns them with their key.
    pub(super) fn unseat(&mut self, nick: &Nick) -> Option<(Arc<str>, Member)> {
        work::spend(1);
        let unseated = self.by_key.remove_entry(&nick.key())?;
        debug_assert_eq!(unseated.1.nick, *nick, "removed a member by another spelling");
        if let Some(spelt) = nick.key_as_spelt() {
            let first = self.by_spelling.remove(&spelt);
            debug_assert_eq!(first.as_ref(), Some(&unseated.0), "{nick} was not indexed");
        }
        debug_assert!(self.by_spelling.len() <= self.by_key.len());
        Some(unseated)
    }

    /// Attaches this server's session to a member.
    pub(super) fn attach(&mut self, nick: &Nick, session: Token) {
        let member = self.by_key.get_mut(&nick.key());
        debug_assert!(member.is_some(), "{nick} is not here");
        if let Some(member) = member {
            member.session = Some(session);
        }
    }

    /// Checks the two maps against each other, member by member: for tests.
    pub(super) fn assert_sound(&self) {
        let mut spellings = 0;
        for (key, member) in &self.by_key {
            assert_eq!(*key, member.nick.key());
            assert!(!self.by_spelling.contains_key(key), "{key} is in both maps");
            if let Some(spelt) = member.nick.key_as_spelt() {
                assert_eq!(self.by_spelling.get(&spelt), Some(key));
                spellings += 1;
            }
        }
        assert_eq!(self.by_spelling.len(), spellings, "a spelling outlived its member");
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_testkit::samples::nick;

    use super::*;

    fn members(nicks: &[&str]) -> Members {
        let mut members = Members::default();
        for text in nicks {
            members.seat(Member::new(nick(text), None));
        }
        members.assert_sound();
        members
    }

    fn held<'a>(members: &'a Members, text: &str) -> Vec<&'a str> {
        members.holders(&nick(text)).map(|member| member.nick().as_str()).collect()
    }

    #[test]
    fn a_nick_is_held_by_all_who_read_or_look_like_it() {
        let mut members = members(&["ian", "lan"]);
        assert_eq!(held(&members, "Ian"), ["ian", "lan"]);
        assert_eq!(members.get(&nick("Ian")).unwrap().nick(), &nick("ian"));
        assert!(members.has(&nick("ian")) && !members.has(&nick("Ian")));
        members.unseat(&nick("ian")).unwrap();
        members.unseat(&nick("lan")).unwrap();
        members.seat(Member::new(nick("Ian"), None));
        members.assert_sound();
        assert_eq!((held(&members, "lan"), held(&members, "1an")), (vec!["Ian"], vec!["Ian"]));
        assert!(members.get(&nick("lan")).is_none(), "a look-alike is not addressed by it");
        assert!(members.is_free(&nick("lan"), Some(&nick("Ian"))));
        assert!(!members.is_free(&nick("lan"), None));
    }

    #[test]
    fn a_leaving_member_takes_both_keys_along() {
        let mut members = members(&["Ian", "bob"]);
        let (key, member) = members.unseat(&nick("Ian")).unwrap();
        assert_eq!((&*key, member.nick()), ("ian", &nick("Ian")));
        members.assert_sound();
        assert!(held(&members, "lan").is_empty() && held(&members, "ian").is_empty());
        assert!(members.unseat(&nick("Ian")).is_none());
        assert_eq!(members.len(), 1);
    }

    #[test]
    #[should_panic(expected = "Lan is taken")]
    fn no_two_members_hold_the_same_nick() {
        members(&["Ian", "Lan"]);
    }

    #[test]
    #[should_panic(expected = "by another spelling")]
    fn nobody_leaves_by_the_nick_of_another() {
        members(&["ian"]).unseat(&nick("IAN"));
    }
}
