//! The members, by their nicks: who is here, and which nicks they hold.
//!
//! Who is here, under which nick, and how quietly is what committed events have made of it. Which
//! session a member has on this server is not: the engine attaches it, and it tells nobody
//! anything.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::ops::Bound;
use std::sync::Arc;

use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::Marker;

use crate::token::Token;
use crate::work;

/// One who is in the room.
#[derive(Debug)]
pub struct Member {
    nick: Nick,
    quiet: Option<Marker>,
    session: Option<Token>,
}

impl Member {
    /// Someone who has just come, and whom no session is attached to yet.
    pub(super) fn new(nick: Nick, quiet: Option<Marker>) -> Self {
        Self { nick, quiet, session: None }
    }

    /// The same member under another nick.
    pub(super) fn renamed(self, nick: Nick) -> Self {
        Self { nick, ..self }
    }

    /// What they are called.
    #[must_use]
    pub fn nick(&self) -> &Nick {
        &self.nick
    }

    /// Present if nobody need be shown that they come and go.
    #[must_use]
    pub fn quiet(&self) -> Option<Marker> {
        self.quiet
    }

    /// What the engine knows them by, over all their connections; none for a member who is
    /// connected to another server.
    #[must_use]
    pub fn session(&self) -> Option<Token> {
        self.session
    }
}

/// An index of all members by the keys of their nicks.
///
/// Invariants: each member is in `by_key` under [`Nick::key`]; `by_spelling` has the second key
/// ([`Nick::key_as_spelt`]) of exactly those members who have one, and leads to their first. No key
/// is in both maps, so no two members' nicks count as the same.
#[derive(Debug, Default)]
pub(super) struct Members {
    by_key: BTreeMap<Arc<str>, Member>,
    by_spelling: BTreeMap<Arc<str>, Arc<str>>,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// The member whom this nick names, in whatever case.
    pub(super) fn get(&self, nick: &Nick) -> Option<&Member> {
        self.by_key.get(&nick.key())
    }

    /// True if somebody is called exactly this.
    pub(super) fn has(&self, nick: &Nick) -> bool {
        self.get(nick).is_some_and(|member| member.nick == *nick)
    }

    /// The members whose nicks count as the same as this one, which is free if there are none.
    pub(super) fn holders(&self, nick: &Nick) -> impl Iterator<Item = &Member> {
        let keys = [Some(nick.key()), nick.key_as_spelt()];
        let members = keys.into_iter().flatten().flat_map(|key| {
            let spelt = self.by_spelling.get(&key).and_then(|first| self.by_key.get(first));
            [self.by_key.get(&key), spelt]
        });
        members.flatten()
    }

    /// True if nobody holds this nick, or nobody but the member called `own` does.
    pub(super) fn is_free(&self, nick: &Nick, own: Option<&Nick>) -> bool {
        self.holders(nick).all(|member| Some(&member.nick) == own)
    }

    /// All of them, in the order of their keys, from one key to another.
    pub(super) fn range(&self, from: Bound<&str>, to: Bound<&str>) -> Range<'_, Arc<str>, Member> {
        self.by_key.range::<str, _>((from, to))
    }

    /// Adds a member whose nick is free; returns their key.
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

    /// Takes a member out; returns their key, too.
    pub(super) fn unseat(&mut self, nick: &Nick) -> Option<(Arc<str>, Member)> {
        work::spend(1);
        let unseated = self.by_key.remove_entry(&nick.key())?;
        debug_assert_eq!(unseated.1.nick, *nick, "a member leaves by another's nick");
        if let Some(spelt) = nick.key_as_spelt() {
            let first = self.by_spelling.remove(&spelt);
            debug_assert_eq!(first.as_ref(), Some(&unseated.0), "{nick} was not indexed");
        }
        debug_assert!(self.by_spelling.len() <= self.by_key.len());
        Some(unseated)
    }

    /// Sets by what session this server knows a member.
    pub(super) fn attach(&mut self, nick: &Nick, session: Token) {
        let member = self.by_key.get_mut(&nick.key());
        debug_assert!(member.is_some(), "{nick} is not here");
        if let Some(member) = member {
            member.session = Some(session);
        }
    }

    /// Compares the two maps, member by member: for tests.
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
        assert_eq!(self.by_spelling.len(), spellings, "a spelling is left of someone who is gone");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nick(text: &str) -> Nick {
        Nick::new(text).unwrap()
    }

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
    #[should_panic(expected = "by another's nick")]
    fn nobody_leaves_by_the_nick_of_another() {
        members(&["ian"]).unseat(&nick("IAN"));
    }
}
