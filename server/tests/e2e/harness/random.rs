//! Numbers that look random, and are the same for the same seed.

use std::time::{SystemTime, UNIX_EPOCH};

/// A sequence of such numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of the seed in the environment variable `name`, or of one that nobody has
    /// chosen. Prints it, so that a run that fails can be had again.
    pub(crate) fn from_environment(name: &str) -> Self {
        let chosen = std::env::var(name).ok();
        let seed = match chosen {
            Some(text) => text.parse().expect("the seed is a number"),
            None => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
                now.as_nanos() as u64 ^ u64::from(std::process::id())
            }
        };
        println!("{name}={seed} repeats this run's choices");
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True once in so many times.
    pub(crate) fn is_one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    /// A sequence of its own for someone else.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }
}
