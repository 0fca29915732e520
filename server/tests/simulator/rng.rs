//! Randomness: whatever is left to chance in a run comes from here, and so from its seed.
//!
//! Parts of the simulation draw from streams of their own, so that a change to one of them leaves
//! the others' choices as they were.

/// One stream of choices.
#[derive(Debug)]
pub(crate) struct Rng(oorandom::Rand64);

impl Rng {
    /// The stream of a seed that belongs to one `part` of the simulation.
    pub(crate) fn new(seed: u64, part: u64) -> Self {
        Self(oorandom::Rand64::new_inc(u128::from(seed), u128::from(part)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.rand_u64()
    }

    /// From 0 to `end` - 1.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0.rand_range(0..end.max(1))
    }

    /// From `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// From 0 to `end`, both included.
    pub(crate) fn up_to(&mut self, end: usize) -> usize {
        self.below(end as u64 + 1) as usize
    }

    /// True once in `times` on average; never for 0.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        times > 0 && self.below(times) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.up_to(last));
        }
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}
