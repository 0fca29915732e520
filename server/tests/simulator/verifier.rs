//! The thread that verifies passwords, as one that takes its time; and what the passwords are.

use std::collections::VecDeque;

use chatshelf_common::password::Password;
use chatshelf_server::passwords::{GUESSES_MAX, Guess, Realm, Verdict};

use super::clock::Clock;
use super::rng::Rng;
use super::sabotage::Sabotage;

/// The longest that one takes.
const VERIFY_MS: u64 = 60;
/// What addresses may guess wrong: PROTOCOL.md, "Passwords".
const BURST: u64 = 5;
const PERIOD_MS: u64 = 30_000;

/// The password of the room, or of its operators.
pub(crate) fn password(realm: Realm) -> Password {
    of(match realm {
        Realm::Room => "sesame",
        Realm::Operators => "mellon",
    })
}

/// One that is neither.
pub(crate) fn wrong(rng: &mut Rng) -> Password {
    of(&format!("guess {}", rng.below(1_000)))
}

fn of(text: &str) -> Password {
    Password::new(text.as_bytes()).expect("a short text")
}

/// The thread of one run of the server.
pub(crate) struct Verifier {
    clock: Clock,
    rng: Rng,
    started_ms: u64,
    waiting: VecDeque<(u64, Guess)>,
    /// Wrong ones so far, by realm.
    wrong: [u64; 2],
    /// Addresses that guesses come from.
    addresses: u64,
    is_lax: bool,
}

impl Verifier {
    pub(crate) fn new(clock: &Clock, rng: Rng, addresses: u64, sabotage: Option<Sabotage>) -> Self {
        let (clock, started_ms) = (clock.clone(), clock.now_ms());
        let is_lax = sabotage == Some(Sabotage::LaxVerifier);
        Self { clock, rng, started_ms, waiting: VecDeque::new(), wrong: [0; 2], addresses, is_lax }
    }

    pub(crate) fn submit(&mut self, guess: Guess) {
        let behind_ms = self.waiting.back().map_or(0, |(at_ms, _)| *at_ms);
        let at_ms = behind_ms.max(self.clock.now_ms()) + self.rng.below(VERIFY_MS);
        self.waiting.push_back((at_ms, guess));
        assert!(self.waiting.len() <= GUESSES_MAX, "more guesses than the thread takes");
    }

    /// When it is done with the next.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.waiting.front().map(|(at_ms, _)| *at_ms)
    }

    pub(crate) fn poll(&mut self) -> Option<Verdict> {
        let now_ms = self.clock.now_ms();
        self.due_ms().filter(|at_ms| *at_ms <= now_ms)?;
        let (_, guess) = self.waiting.pop_front()?;
        let Guess { number, realm, password } = guess;
        let is_right = password == self::password(realm) || self.is_lax;
        if !is_right {
            let wrong = &mut self.wrong[realm as usize];
            *wrong += 1;
            let each = BURST + (now_ms - self.started_ms).div_ceil(PERIOD_MS);
            let most = self.addresses * each;
            assert!(*wrong <= most, "{wrong} wrong guesses, {most} are allowed");
        }
        Some(Verdict { number, is_right })
    }
}
