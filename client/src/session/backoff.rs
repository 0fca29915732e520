//! How long to wait before the next attempt to connect: longer each time, and by a random amount,
//! so that clients that lost one server together do not all come back at one moment.
//!
//! Deterministic: the same seed gives the same waits. Knows no clock.

use std::time::Duration;

/// The longest that the first wait can be; each further one can be twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest of all.
const LONGEST: Duration = Duration::from_secs(60);

/// The waits of one session.
#[derive(Debug)]
pub(super) struct Backoff {
    random: u64,
    /// Waits since the last reset.
    waits: u32,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: seed, waits: 0 }
    }

    /// The next wait: at least half of what it may be at most.
    pub(super) fn wait(&mut self) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.waits.min(16)).min(LONGEST);
        self.waits = self.waits.saturating_add(1);
        let half = longest.as_millis() as u64 / 2;
        Duration::from_millis(half + next_random(&mut self.random) % (half + 1))
    }

    /// Any number, for whatever else is left to chance.
    pub(super) fn random(&mut self) -> u64 {
        next_random(&mut self.random)
    }

    /// The connection was a good one: the next wait is a first one again.
    pub(super) fn reset(&mut self) {
        self.waits = 0;
    }
}

/// SplitMix64: small, and good enough to spread clients in time.
pub(super) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_minute_and_begin_again_after_a_reset() {
        let mut backoff = Backoff::new(7);
        for longest in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            let wait = backoff.wait().as_millis();
            assert!((longest / 2..=longest).contains(&wait), "{wait} of {longest}");
        }
        for _ in 0..100 {
            assert!(backoff.wait() <= LONGEST);
        }
        backoff.reset();
        assert!(backoff.wait() <= FIRST);
    }

    #[test]
    fn the_seed_alone_decides() {
        let waits = |seed| {
            let mut backoff = Backoff::new(seed);
            [(); 5].map(|()| backoff.wait())
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}
