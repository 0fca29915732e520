//! Random numbers that are the same for the same seed. Everything that a test leaves to chance
//! comes from here, so its seed repeats it.

use std::time::{SystemTime, UNIX_EPOCH};

use oorandom::Rand64;

/// One stream of choices.
#[derive(Clone, Debug)]
pub struct Rng(Rand64);

impl Rng {
    /// One of many independent streams of a seed, by number. Parts of a test that draw from streams
    /// of their own leave each other's choices as they were when one of them changes.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Rand64::new_inc(u128::from(seed), u128::from(stream)))
    }

    /// The stream of the seed in the environment variable `name`, or of a seed that nobody chose.
    /// Prints the seed, so that a failing run can be repeated.
    ///
    /// # Panics
    /// When the variable is not a number.
    pub fn from_environment(name: &str) -> Self {
        let seed = match std::env::var(name) {
            Ok(text) => text.parse().expect("the seed is a number"),
            Err(_) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
                now.as_nanos() as u64 ^ u64::from(std::process::id())
            }
        };
        println!("{name}={seed} repeats this run's choices");
        Self::new(seed, 0)
    }

    /// A stream of its own, for someone else.
    pub fn fork(&mut self) -> Self {
        Self::new(self.next(), 0)
    }

    /// Any number.
    #[expect(clippy::should_implement_trait, reason = "a stream without an end is no iterator")]
    pub fn next(&mut self) -> u64 {
        self.0.rand_u64()
    }

    /// From 0 to `end` - 1; 0 where `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.rand_range(0..end.max(1))
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// From 0 to `end`, both included.
    pub fn up_to(&mut self, end: usize) -> usize {
        self.below(end as u64 + 1) as usize
    }

    /// True once in `times` on average; never for 0.
    pub fn one_in(&mut self, times: u64) -> bool {
        times > 0 && self.below(times) == 0
    }

    /// One of several.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize].clone()
    }

    /// Puts these into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.up_to(last));
        }
    }

    /// So many random bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}
