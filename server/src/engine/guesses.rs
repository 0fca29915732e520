//! Guesses: passwords that wait to be verified, and how fast one address may try.
//!
//! Owns a line for each address (of IPv6: each network of 64 bits) and realm. Guesses of a line are
//! verified one after the other. A wrong one takes [`GUESS_MS`] from the line, and a line that owes
//! more than a burst waits; a right one takes nothing. So only wrong guesses make a line wait, and
//! those who know the password still get through between them.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};

use chatshelf_common::password::Password;
use chatshelf_common::wire::frame::Join;

use super::limits::{GUESS_BURST, GUESS_LINES_MAX, GUESS_MS, GUESSES_WAITING_MAX};
use super::origin::Origin;
use super::visitor::Wanted;
use crate::passwords::{GUESSES_MAX, Guess, Realm};
use crate::token::Token;
use crate::work;

/// Whose guess it is, and what they want.
#[derive(Debug)]
pub(super) enum Asker {
    /// A client that joins.
    Joiner { token: Token, join: Box<Join> },
    /// Someone who asks for what is on the shelf.
    Visitor { token: Token, wanted: Wanted },
    /// A member who would be an operator.
    Member { token: Token, session: Token },
}

impl Asker {
    /// Returns true if both are the same member, asking a second time.
    fn is_same_member(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Member { session, .. }, Self::Member { session: other, .. }) => session == other,
            _ => false,
        }
    }
}

type Key = (Realm, Origin);

#[derive(Debug)]
struct Waiting {
    asker: Asker,
    password: Password,
}

/// The guesses of one address.
#[derive(Debug, Default)]
struct Line {
    /// When its wrong guesses are forgotten.
    clear_ms: u64,
    waiting: VecDeque<Waiting>,
    /// One of its guesses is being verified.
    is_busy: bool,
}

impl Line {
    /// Returns when its next guess may be verified.
    fn due_ms(&self) -> u64 {
        self.clear_ms.saturating_sub((GUESS_BURST - 1) * GUESS_MS)
    }

    /// Returns true if the line is like a new one.
    fn is_clear(&self, now_ms: u64) -> bool {
        self.waiting.is_empty() && !self.is_busy && self.clear_ms <= now_ms
    }
}

/// All lines, and the guesses that are being verified.
///
/// Invariant: `due` has exactly the lines in which a guess waits and none is being verified.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    lines: HashMap<Key, Line>,
    due: BTreeSet<(u64, Key)>,
    verifying: HashMap<u64, (Key, Asker)>,
    next: u64,
}

impl Guesses {
    /// Adds a guess to the end of its line. One that is full forgets those who are not there any
    /// more, by `is_there`.
    ///
    /// # Errors
    /// The milliseconds until its next guess is verified, if the line is full or the same member
    /// waits there already.
    pub(super) fn add(
        &mut self,
        key: Key,
        asker: Asker,
        password: Password,
        now_ms: u64,
        is_there: impl Fn(&Asker) -> bool,
    ) -> Result<(), u64> {
        self.make_room(key, now_ms);
        let line = self.lines.entry(key).or_default();
        work::spend_passing(line.waiting.len());
        let is_due = !line.is_busy && !line.waiting.is_empty();
        if line.waiting.len() >= GUESSES_WAITING_MAX {
            line.waiting.retain(|it| is_there(&it.asker));
        }
        let is_waiting = line.waiting.iter().any(|it| it.asker.is_same_member(&asker));
        if is_waiting || line.waiting.len() >= GUESSES_WAITING_MAX {
            return Err(line.due_ms().saturating_sub(now_ms).max(1000));
        }
        line.waiting.push_back(Waiting { asker, password });
        if !line.is_busy && !is_due {
            self.due.insert((line.due_ms().max(now_ms), key));
        }
        self.check();
        Ok(())
    }

    /// Forgets lines when there are many: those without a debt, or else the one that will be first
    /// without.
    fn make_room(&mut self, key: Key, now_ms: u64) {
        if self.lines.len() < GUESS_LINES_MAX || self.lines.contains_key(&key) {
            return;
        }
        work::spend_passing(self.lines.len());
        self.lines.retain(|_, line| !line.is_clear(now_ms));
        if self.lines.len() >= GUESS_LINES_MAX {
            let idle = self.lines.iter().filter(|(_, it)| it.waiting.is_empty() && !it.is_busy);
            let first = idle.min_by_key(|(key, line)| (line.clear_ms, **key)).map(|(key, _)| *key);
            first.map(|key| self.lines.remove(&key));
        }
    }

    /// Takes the next guess to be verified, of those whose askers are still there.
    pub(super) fn take(&mut self, now_ms: u64, is_there: impl Fn(&Asker) -> bool) -> Option<Guess> {
        while self.verifying.len() < GUESSES_MAX
            && let Some(&(due_ms, key)) = self.due.first()
            && due_ms <= now_ms
        {
            self.due.remove(&(due_ms, key));
            let Some(line) = self.lines.get_mut(&key) else { continue };
            let Some(Waiting { asker, password }) = line.waiting.pop_front() else { continue };
            if !is_there(&asker) {
                if !line.waiting.is_empty() {
                    self.due.insert((due_ms, key));
                }
                continue;
            }
            line.is_busy = true;
            let number = self.next;
            self.next += 1;
            self.verifying.insert(number, (key, asker));
            self.check();
            return Some(Guess { number, realm: key.0, password });
        }
        None
    }

    /// Takes a verdict, and returns whose guess it was about.
    pub(super) fn settle(&mut self, number: u64, is_right: bool, now_ms: u64) -> Option<Asker> {
        let (key, asker) = self.verifying.remove(&number)?;
        if let Entry::Occupied(mut line) = self.lines.entry(key) {
            let it = line.get_mut();
            it.is_busy = false;
            if !is_right {
                it.clear_ms = it.clear_ms.max(now_ms) + GUESS_MS;
            }
            if !it.waiting.is_empty() {
                // It goes behind the lines that are due already.
                self.due.insert((it.due_ms().max(now_ms), key));
            } else if it.is_clear(now_ms) {
                line.remove();
            }
        }
        self.check();
        Some(asker)
    }

    /// Returns when [`Self::take`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let may_take = self.verifying.len() < GUESSES_MAX;
        self.due.first().filter(|_| may_take).map(|(due_ms, _)| *due_ms)
    }

    fn check(&self) {
        debug_assert!(self.verifying.len() <= GUESSES_MAX);
        debug_assert!(self.due.len() <= self.lines.len());
        debug_assert!(self.lines.len() <= GUESS_LINES_MAX + GUESSES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use chatshelf_testkit::samples::nick;

    use super::*;

    fn key(host: u8) -> Key {
        (Realm::Room, Origin::from(SocketAddr::from(([192, 0, 2, host], 4000))))
    }

    fn joiner() -> Asker {
        Asker::Joiner { token: Token::new(1, 1), join: Box::new(Join::new(nick("ada"), None)) }
    }

    fn member(slot: usize) -> Asker {
        let token = Token::new(slot, 1);
        Asker::Member { token, session: token }
    }

    fn password() -> Password {
        Password::new(b"x").unwrap()
    }

    fn add(guesses: &mut Guesses, host: u8, now_ms: u64) -> Result<(), u64> {
        guesses.add(key(host), joiner(), password(), now_ms, |_| true)
    }

    fn take(guesses: &mut Guesses, now_ms: u64) -> Option<u64> {
        guesses.take(now_ms, |_| true).map(|guess| guess.number)
    }

    /// Guesses once, at this moment; false if that has to wait.
    fn guess(guesses: &mut Guesses, host: u8, is_right: bool, now_ms: u64) -> bool {
        add(guesses, host, now_ms).unwrap();
        let Some(number) = take(guesses, now_ms) else { return false };
        assert!(guesses.settle(number, is_right, now_ms).is_some());
        true
    }

    #[test]
    fn after_a_burst_of_wrong_guesses_an_address_has_one_in_thirty_seconds() {
        let mut guesses = Guesses::default();
        for _ in 0..GUESS_BURST {
            assert!(guess(&mut guesses, 1, false, 1000));
        }
        assert!(!guess(&mut guesses, 1, false, 1000));
        assert_eq!(guesses.next_deadline(), Some(1000 + GUESS_MS));
        assert!(guess(&mut guesses, 2, false, 1000), "another address is none the slower");
        assert_eq!(take(&mut guesses, 1000 + GUESS_MS - 1), None);
        for round in 1..4 {
            let now_ms = 1000 + round * GUESS_MS;
            let number = take(&mut guesses, now_ms).unwrap();
            guesses.settle(number, false, now_ms);
            add(&mut guesses, 1, now_ms).unwrap();
            assert_eq!(take(&mut guesses, now_ms), None, "one in each thirty seconds");
        }
    }

    #[test]
    fn who_knows_the_password_passes_behind_each_wrong_guess() {
        let mut guesses = Guesses::default();
        for _ in 0..GUESS_BURST {
            guess(&mut guesses, 1, false, 0);
        }
        for _ in 0..GUESSES_WAITING_MAX {
            add(&mut guesses, 1, 0).unwrap();
        }
        // All who wait know it: they pass at once, one after the other.
        for _ in 0..GUESSES_WAITING_MAX {
            let number = take(&mut guesses, GUESS_MS).unwrap();
            assert_eq!(take(&mut guesses, GUESS_MS), None, "of one address, one at a time");
            guesses.settle(number, true, GUESS_MS);
        }
        assert!(guess(&mut guesses, 1, true, GUESS_MS), "it never costs anything");
    }

    #[test]
    fn a_line_is_bounded_and_those_who_left_it_cost_nothing() {
        let mut guesses = Guesses::default();
        for _ in 0..GUESS_BURST {
            guess(&mut guesses, 1, false, 0);
        }
        for _ in 0..GUESSES_WAITING_MAX {
            add(&mut guesses, 1, 0).unwrap();
        }
        assert_eq!(add(&mut guesses, 1, 0), Err(GUESS_MS));
        assert!(guesses.take(GUESS_MS, |_| false).is_none());
        assert_eq!((guesses.next_deadline(), guesses.verifying.len()), (None, 0));
        assert!(guess(&mut guesses, 1, true, GUESS_MS));
    }

    #[test]
    fn a_member_waits_once() {
        let mut guesses = Guesses::default();
        let key = (Realm::Operators, key(1).1);
        let mut add = |asker| guesses.add(key, asker, password(), 0, |_| true).is_ok();
        assert!(add(member(1)) && add(member(2)) && !add(member(1)));
    }

    #[test]
    fn lines_are_bounded_and_the_worst_are_remembered() {
        let mut guesses = Guesses::default();
        let key = |number: usize| {
            let address = std::net::Ipv6Addr::from_bits((number as u128) << 64);
            (Realm::Room, Origin::from(SocketAddr::from((address, 1))))
        };
        for number in 0..GUESS_LINES_MAX + 10 {
            let now_ms = number as u64;
            guesses.add(key(number), joiner(), password(), now_ms, |_| true).unwrap();
            let taken = take(&mut guesses, now_ms).unwrap();
            guesses.settle(taken, false, now_ms);
        }
        assert_eq!(guesses.lines.len(), GUESS_LINES_MAX);
        assert!(guesses.lines.contains_key(&key(GUESS_LINES_MAX + 9)));
        assert!(!guesses.lines.contains_key(&key(0)), "the one that would be clear first");
    }
}
