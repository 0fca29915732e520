//! How much may wait unsent ahead of a line, on a connection that moves files.
//!
//! Nothing overtakes what the kernel has, nor the rest of a data frame that has begun. What matters
//! to people who talk is how long that takes to go out. So both bounds are a time: they follow the
//! rate at which the connection takes bytes, from a few KiB on a slow line to what a fast machine
//! moves in a moment.
//!
//! Owns the measurement and the bounds derived from it; sees no socket and no clock.

use crate::limits::DATA_BYTES_MAX;

/// Milliseconds of a connection's rate that may be unsent; half of that may be one data frame.
const UNSENT_MS: u64 = 4;
/// The same beyond [`UNSENT_BYTES_WIDE`].
const UNSENT_MS_WIDE: u64 = 1;
/// The least that may be unsent, in bytes: more than two segments, or a slow line would run dry
/// between them. It takes 33 ms at 1 Mbit/s.
pub const UNSENT_BYTES_MIN: u32 = 4 * 1024;
/// The same on a line slower than `CRAWL_RATE`: 64 ms at 256 kbit/s.
pub const UNSENT_BYTES_MIN_CRAWLING: u32 = 2 * 1024;
/// Bytes a millisecond: half a megabit a second.
const CRAWL_RATE: u64 = 64;
/// Bytes unsent from which frames are large: two that every receiver takes.
const UNSENT_BYTES_WIDE: u32 = 2 * DATA_BYTES_MAX;
/// The most that may be unsent, in bytes: a millisecond at 4 GB/s, which only a connection within
/// a machine has.
pub const UNSENT_BYTES_MAX: u32 = 4 * 1024 * 1024;
/// File bytes of the smallest full data frames: with their head they fit in one packet of an
/// Ethernet, under IPv6 too.
const FRAME_BYTES_MIN: u32 = 1408;
/// A connection is narrow below this bound, in bytes: above it, 64 KiB go out within 8 ms.
const NARROW_BYTES: u32 = 32 * 1024;
/// A sample of the rate takes at least this many microseconds, and lasts until it has this many
/// bytes...
const SAMPLE_US: u64 = 1_000;
const SAMPLE_BYTES: u64 = 64 * 1024;
/// ...or less, where so much has gone by then that few networks are as fast...
const SAMPLE_US_MIN: u64 = 250;
const SAMPLE_BYTES_WIDE: u64 = 1024 * 1024;
/// ...or this long, on a slow line.
const SAMPLE_US_MAX: u64 = 100_000;
/// What a connection does in a shorter pause, in microseconds, changes no rate by much.
const PAUSE_US_MIN: u64 = 1_000;
/// The most by which one sample may multiply a bound: a burst into empty buffers proves little.
const GROWTH_MAX: u32 = 4;

/// Why writing to a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteEnd {
    /// The connection takes no more for now.
    Blocked,
    /// There was no more to write, or it was another connection's turn.
    Paused,
}

/// The bounds of one connection, and the measurement behind them. It starts as a slow one.
#[derive(Clone, Debug)]
pub struct UnsentLimit {
    /// Bytes that may be unsent, a power of two.
    unsent_bytes: u32,
    /// The sample in progress, once something was written.
    sample: Option<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    since_us: u64,
    /// Bytes written since then.
    bytes: u64,
    /// The connection was the bottleneck all the time. Otherwise it may be faster than it looks.
    is_exact: bool,
    /// When it was last written to, and how that ended.
    last_us: u64,
    last_end: WriteEnd,
}

impl UnsentLimit {
    /// For a connection of which nothing is known.
    pub const START: Self = Self { unsent_bytes: UNSENT_BYTES_MIN, sample: None };

    /// Bytes that the kernel may hold unsent before it takes no more.
    #[must_use]
    pub fn unsent_bytes(&self) -> u32 {
        self.unsent_bytes
    }

    /// File bytes of a full data frame, of which there may be `most`.
    #[must_use]
    pub fn frame_bytes(&self, most: u32) -> usize {
        let bytes = match self.unsent_bytes {
            ..=UNSENT_BYTES_MIN => FRAME_BYTES_MIN,
            unsent => most.min(unsent / 2),
        };
        bytes as usize
    }

    /// True when so little may be unsent that the kernel's own granularity matters. Linux checks
    /// its bound only when it begins a new piece of its queue, and a piece takes up to 64 KiB of
    /// writes: each frame should be a piece of its own.
    #[must_use]
    pub const fn is_narrow(&self) -> bool {
        self.unsent_bytes < NARROW_BYTES
    }

    /// True when frames are as large as every receiver takes them, or larger.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.unsent_bytes >= UNSENT_BYTES_WIDE
    }

    /// Notes that `bytes` were written at `now_us`, in microseconds of any clock that never goes
    /// back, and how that ended. True when the bounds have changed.
    pub fn note_written(&mut self, bytes: usize, end: WriteEnd, now_us: u64) -> bool {
        let Some(sample) = &mut self.sample else {
            self.sample = Some(Sample::begin(end, now_us));
            return false;
        };
        sample.bytes += bytes as u64;
        let pause_us = now_us.saturating_sub(sample.last_us);
        sample.is_exact &= sample.last_end == WriteEnd::Blocked || pause_us < PAUSE_US_MIN;
        (sample.last_us, sample.last_end) = (now_us, end);
        let us = now_us.saturating_sub(sample.since_us);
        if !sample.is_whole(us) {
            return false;
        }
        let bound = sample.bound(us, self.unsent_bytes);
        *sample = Sample::begin(end, now_us);
        std::mem::replace(&mut self.unsent_bytes, bound) != bound
    }
}

impl Sample {
    fn begin(last_end: WriteEnd, now_us: u64) -> Self {
        Self { since_us: now_us, bytes: 0, is_exact: true, last_us: now_us, last_end }
    }

    /// True when it says enough after so many microseconds.
    fn is_whole(&self, us: u64) -> bool {
        let enough = if us < SAMPLE_US_MIN {
            return false;
        } else if us < SAMPLE_US {
            SAMPLE_BYTES_WIDE
        } else if us < SAMPLE_US_MAX {
            SAMPLE_BYTES
        } else {
            0
        };
        self.bytes >= enough
    }

    /// The bound that follows from `us` microseconds of this sample, where it was `before`. Less
    /// than a factor of two changes nothing.
    fn bound(&self, us: u64, before: u32) -> u32 {
        // This much of what was written may not have gone out yet.
        let held = if self.is_exact { 0 } else { u64::from(before) };
        // In bytes a millisecond.
        let rate = self.bytes.saturating_sub(held) * 1000 / us;
        let least = if rate < CRAWL_RATE { UNSENT_BYTES_MIN_CRAWLING } else { UNSENT_BYTES_MIN };
        let narrow = (rate * UNSENT_MS).min(UNSENT_BYTES_WIDE.into());
        let wanted = narrow.max(rate * UNSENT_MS_WIDE);
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX).max(least);
        if wanted / 2 >= before {
            let most = UNSENT_BYTES_MAX.min(before * GROWTH_MAX);
            return power_of_two_within(wanted).min(most);
        }
        if self.is_exact && wanted <= before / 2 {
            return power_of_two_within(wanted);
        }
        before
    }
}

impl Default for UnsentLimit {
    fn default() -> Self {
        Self::START
    }
}

/// The largest power of two up to `number`, which is not 0.
fn power_of_two_within(number: u32) -> u32 {
    1 << number.ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LARGE_DATA_BYTES_MAX;

    /// Writes for `for_ms` to a line that takes `rate` bytes a millisecond, filling it up each
    /// `every_ms` until it blocks.
    fn blocked(limit: &mut UnsentLimit, start_ms: u64, rate: usize, every_ms: u64, for_ms: u64) {
        let mut now_ms = start_ms;
        limit.note_written(0, WriteEnd::Blocked, now_ms * 1000);
        while now_ms < start_ms + for_ms {
            now_ms += every_ms;
            limit.note_written(rate * every_ms as usize, WriteEnd::Blocked, now_ms * 1000);
        }
    }

    #[test]
    fn a_bound_is_a_time_between_the_least_and_the_most() {
        for (rate, unsent, frame, large) in [
            (1, 2048, 1408, 1408),
            (32, 2048, 1408, 1408),
            (125, 4096, 1408, 1408),
            (1_250, 4096, 1408, 1408),
            (2_500, 8192, 4096, 4096),
            (12_500, 32_768, 16_384, 16_384),
            (125_000, 131_072, 65_536, 65_536),
            (500_000, 262_144, 65_536, 131_072),
            (5_000_000, 4_194_304, 65_536, 1_048_576),
            (50_000_000, 4_194_304, 65_536, 1_048_576),
        ] {
            let mut limit = UnsentLimit::START;
            blocked(&mut limit, 0, rate, 1, 2000);
            let frames = [DATA_BYTES_MAX, LARGE_DATA_BYTES_MAX].map(|most| limit.frame_bytes(most));
            assert_eq!((limit.unsent_bytes(), frames), (unsent, [frame, large]), "{rate}");
            assert_eq!(limit.is_wide(), frame == 65_536);
        }
    }

    #[test]
    fn a_connection_is_narrow_below_a_bound_of_32_kib() {
        for (rate, unsent, is_narrow) in [(5_000, 16_384, true), (12_500, 32_768, false)] {
            let mut limit = UnsentLimit::START;
            blocked(&mut limit, 0, rate, 1, 2000);
            assert_eq!((limit.unsent_bytes(), limit.is_narrow()), (unsent, is_narrow));
        }
    }

    #[test]
    fn a_sample_is_whole_when_it_has_enough_for_its_time() {
        for (bytes, now_us, is_whole) in [
            (10_000_000, 249, false),
            (1_048_575, 250, false),
            (1_048_576, 250, true),
            (1_048_575, 999, false),
            (65_536, 999, false),
            (65_536, 1_000, true),
            (65_535, 1_000, false),
            (65_535, 99_999, false),
            (65_536, 99_999, true),
            (65_535, 100_000, true),
        ] {
            let mut limit = UnsentLimit { unsent_bytes: 32_768, ..UnsentLimit::START };
            limit.note_written(0, WriteEnd::Blocked, 0);
            let has_changed = limit.note_written(bytes, WriteEnd::Blocked, now_us);
            let has_restarted = limit.sample.is_some_and(|sample| sample.since_us == now_us);
            assert_eq!(has_restarted, is_whole, "{bytes} bytes in {now_us} µs");
            assert_eq!(has_changed, is_whole, "{bytes} bytes in {now_us} µs");
        }
    }

    #[test]
    fn less_than_a_factor_of_two_changes_nothing() {
        let bound = |bytes, before| {
            Sample { bytes, ..Sample::begin(WriteEnd::Blocked, 0) }.bound(1000, before)
        };
        for (rate, after) in
            [(2047, 4096), (2048, 8192), (2049, 16_384), (8191, 16_384), (8192, 32_768)]
        {
            assert_eq!(bound(rate, 16_384), after, "{rate} bytes a millisecond");
        }
        assert_eq!(bound(63, 4096), UNSENT_BYTES_MIN_CRAWLING);
        assert_eq!(bound(64, 4096), UNSENT_BYTES_MIN);
    }

    #[test]
    fn a_fast_connection_is_known_within_milliseconds() {
        let mut limit = UnsentLimit::START;
        blocked(&mut limit, 0, 5_000_000, 1, 5);
        assert_eq!(limit.unsent_bytes(), UNSENT_BYTES_MAX);
    }

    #[test]
    fn a_connection_within_the_machine_is_known_sooner() {
        let mut limit = UnsentLimit::START;
        (0..=5).for_each(|i| {
            limit.note_written(2_000_000, WriteEnd::Blocked, i * SAMPLE_US_MIN);
        });
        assert_eq!(limit.unsent_bytes(), UNSENT_BYTES_MAX);
    }

    #[test]
    fn a_connection_that_becomes_slow_is_known_after_one_sample() {
        let mut limit = UnsentLimit::START;
        blocked(&mut limit, 0, 5_000_000, 1, 12);
        assert_eq!(limit.unsent_bytes(), UNSENT_BYTES_MAX);
        blocked(&mut limit, 12, 125, 20, 98);
        assert_eq!(limit.unsent_bytes(), UNSENT_BYTES_MIN);
        // For a while it takes nothing at all.
        blocked(&mut limit, 110, 5_000_000, 1, 12);
        assert_eq!(limit.unsent_bytes(), UNSENT_BYTES_MAX);
        limit.note_written(262_144, WriteEnd::Blocked, 5_120_000);
        assert_eq!(limit.unsent_bytes(), UNSENT_BYTES_MIN_CRAWLING);
        blocked(&mut limit, 5_120, 125, 20, 300);
        assert_eq!(limit.unsent_bytes(), UNSENT_BYTES_MIN);
    }

    #[test]
    fn a_writer_with_little_to_write_proves_nothing_about_the_connection() {
        let mut limit = UnsentLimit::START;
        blocked(&mut limit, 0, 5_000_000, 1, 12);
        for now_ms in 12..1000 {
            assert!(!limit.note_written(100, WriteEnd::Paused, now_ms * 1000));
        }
        assert_eq!(limit.unsent_bytes(), UNSENT_BYTES_MAX);
    }

    #[test]
    fn a_connection_that_never_blocks_is_a_fast_one_too() {
        let mut limit = UnsentLimit::START;
        for now_ms in 0..20 {
            limit.note_written(10_000_000, WriteEnd::Paused, now_ms * 1000);
        }
        assert_eq!(limit.unsent_bytes(), UNSENT_BYTES_MAX);
    }

    #[test]
    fn a_burst_into_empty_buffers_counts_for_little() {
        let mut limit = UnsentLimit::START;
        blocked(&mut limit, 0, 125, 20, 1000);
        // After a rest, the network's buffers take a burst at once.
        limit.note_written(0, WriteEnd::Paused, 5_000_000);
        (1..=8).for_each(|i| {
            limit.note_written(62_500, WriteEnd::Paused, 5_000_000 + i * SAMPLE_US_MIN / 2);
        });
        assert!(limit.unsent_bytes() <= GROWTH_MAX * UNSENT_BYTES_MIN);
        blocked(&mut limit, 5_001, 125, 20, 200);
        assert_eq!(limit.unsent_bytes(), UNSENT_BYTES_MIN);
    }
}
