//! How long something took, each time it was done: counts by duration, with their total and the
//! longest. Plain numbers; whoever measures passes them in.

/// Upper bounds of the buckets, in microseconds: from a quiet turn to a disk that hangs. What takes
/// longer is in the last bucket, which has none.
pub const BOUNDS_US: [u64; 14] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000,
];

/// A histogram of durations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Durations by bucket: of each, those that are not in one before it.
    buckets: [u64; BOUNDS_US.len() + 1],
    sum_us: u64,
    longest_us: u64,
}

impl Histogram {
    /// Counts a duration, in microseconds.
    pub fn note(&mut self, us: u64) {
        self.buckets[BOUNDS_US.partition_point(|bound_us| *bound_us < us)] += 1;
        self.sum_us += us;
        self.longest_us = self.longest_us.max(us);
    }

    /// Returns how many durations were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Returns their total in microseconds.
    #[must_use]
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// Returns their mean in microseconds, 0 if there are none.
    #[must_use]
    pub fn mean_us(&self) -> u64 {
        self.sum_us.checked_div(self.count()).unwrap_or(0)
    }

    /// Returns the longest in microseconds, 0 if there are none.
    #[must_use]
    pub fn longest_us(&self) -> u64 {
        self.longest_us
    }

    /// Returns, for each bound in microseconds, how many durations do not exceed it.
    pub fn up_to(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut total = 0;
        BOUNDS_US.iter().zip(self.buckets).map(move |(bound_us, count)| {
            total += count;
            (*bound_us, total)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_from_the_first_bound_that_it_does_not_exceed() {
        let mut times = Histogram::default();
        [0, 50, 51, 1_000_000, 1_000_001].into_iter().for_each(|us| times.note(us));
        let up_to: Vec<(u64, u64)> = times.up_to().collect();
        assert_eq!(up_to[..2], [(50, 2), (100, 3)]);
        assert_eq!(up_to[12..], [(500_000, 3), (1_000_000, 4)]);
        assert_eq!(times.count(), 5);
    }

    #[test]
    fn durations_have_a_total_a_mean_and_a_longest() {
        let mut times = Histogram::default();
        assert_eq!((times.mean_us(), times.longest_us()), (0, 0));
        [3, 9, 6].into_iter().for_each(|us| times.note(us));
        let (sum, mean, longest) = (times.sum_us(), times.mean_us(), times.longest_us());
        assert_eq!([sum, mean, longest], [18, 6, 9]);
    }
}
