//! Rates: so many at once, and so many more in each period; and the meter that holds to one.
//! A server holds its clients to its rates; a client that counts in the same way never meets them.
//! Knows no clock and no unit: lines, joins and bytes are counted alike.

use std::fmt;

const NS_PER_MS: u64 = 1_000_000;
/// Longest time that a meter counts with, about 146 years; so sums of two of them do not overflow.
const NS_MAX: u64 = u64::MAX / 4;

/// So many at once, and so many more in each period, evenly.
///
/// ```
/// use chatshelf_common::rate::{Meter, Rate};
///
/// let rate = Rate::new(2, 5, 1000).unwrap();
/// let mut meter = Meter::default();
/// assert_eq!(meter.take(rate, 1, 0), Ok(()));
/// assert_eq!(meter.take(rate, 1, 0), Ok(()));
/// // One more comes every 200 ms.
/// assert_eq!(meter.take(rate, 1, 0), Err(200));
/// assert_eq!(meter.take(rate, 1, 200), Ok(()));
/// assert_eq!(rate.to_string(), "2 at once, then 5 in 1 s");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    at_once: u64,
    refill: u64,
    period_ms: u32,
}

impl Rate {
    /// A rate; none if one of the numbers is 0.
    #[must_use]
    pub const fn new(at_once: u64, refill: u64, period_ms: u32) -> Option<Self> {
        match at_once > 0 && refill > 0 && period_ms > 0 {
            true => Some(Self { at_once, refill, period_ms }),
            false => None,
        }
    }

    /// How many there may be at once.
    #[must_use]
    pub const fn at_once(self) -> u64 {
        self.at_once
    }

    /// How many more there may be in each period.
    #[must_use]
    pub const fn refill(self) -> u64 {
        self.refill
    }

    /// The period, in milliseconds.
    #[must_use]
    pub const fn period_ms(self) -> u32 {
        self.period_ms
    }

    /// The most that there can be within this time.
    #[must_use]
    pub fn most_within(self, ms: u64) -> u64 {
        let refilled = u128::from(ms) * u128::from(self.refill) / u128::from(self.period_ms);
        self.at_once.saturating_add(u64::try_from(refilled).unwrap_or(u64::MAX))
    }

    /// The rate for people, whose amounts are told by `amount`: `2 MiB at once, then 1 KiB in 1 s`.
    pub fn told<T: fmt::Display>(self, amount: impl Fn(u64) -> T) -> String {
        let time = match self.period_ms {
            ms if ms.is_multiple_of(3_600_000) => format!("{} h", ms / 3_600_000),
            ms if ms.is_multiple_of(60_000) => format!("{} min", ms / 60_000),
            ms => format!("{} s", f64::from(ms) / 1000.0),
        };
        format!("{} at once, then {} in {time}", amount(self.at_once), amount(self.refill))
    }

    /// The time in which so many are refilled.
    fn ns(self, units: u64) -> u64 {
        let period_ns = u64::from(self.period_ms) * NS_PER_MS;
        let ns = u128::from(units) * u128::from(period_ns) / u128::from(self.refill);
        u64::try_from(ns).map_or(NS_MAX, |ns| ns.min(NS_MAX))
    }
}

/// For people.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(|amount| amount))
    }
}

/// How much of a rate somebody has used: the moment at which all of it is there again. That is the
/// whole state, and a meter that was not used for long is like a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    whole_at_ns: u64,
}

impl Meter {
    /// How long until there may be so many more, in milliseconds; none if it is now. More than
    /// there may ever be at once waits until all are there.
    #[must_use]
    pub fn wait_ms(self, rate: Rate, units: u64, now_ms: u64) -> Option<u64> {
        let all_ns = rate.ns(rate.at_once);
        let needed_ns = rate.ns(units).min(all_ns);
        let over_ns = (self.used_ns(now_ms) + needed_ns).saturating_sub(all_ns);
        (over_ns > 0).then(|| over_ns.div_ceil(NS_PER_MS))
    }

    /// Counts so many, whether there may be so many or not.
    pub fn charge(&mut self, rate: Rate, units: u64, now_ms: u64) {
        let used_ns = self.used_ns(now_ms).saturating_add(rate.ns(units)).min(NS_MAX);
        self.whole_at_ns = now_ms.saturating_mul(NS_PER_MS).saturating_add(used_ns);
    }

    /// Counts so many if there may be so many now.
    ///
    /// # Errors
    /// How long until there may be, in milliseconds; nothing is counted.
    pub fn take(&mut self, rate: Rate, units: u64, now_ms: u64) -> Result<(), u64> {
        match self.wait_ms(rate, units, now_ms) {
            Some(wait_ms) => Err(wait_ms),
            None => {
                self.charge(rate, units, now_ms);
                Ok(())
            }
        }
    }

    /// Counts that nothing may come for this long.
    pub fn exhaust(&mut self, rate: Rate, wait_ms: u64, now_ms: u64) {
        let used_ns = (rate.ns(rate.at_once) - rate.ns(1)).saturating_add(wait_ms * NS_PER_MS);
        let whole_at_ns = now_ms.saturating_mul(NS_PER_MS).saturating_add(used_ns.min(NS_MAX));
        self.whole_at_ns = self.whole_at_ns.max(whole_at_ns);
    }

    /// True if nothing of it is used: it is like a new one.
    #[must_use]
    pub fn is_whole(self, now_ms: u64) -> bool {
        self.used_ns(now_ms) == 0
    }

    fn used_ns(self, now_ms: u64) -> u64 {
        self.whole_at_ns.saturating_sub(now_ms.saturating_mul(NS_PER_MS)).min(NS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(at_once: u64, refill: u64, period_ms: u32) -> Rate {
        Rate::new(at_once, refill, period_ms).unwrap()
    }

    #[test]
    fn a_rate_is_told_with_units() {
        assert_eq!(rate(1, 1, 3_600_000).to_string(), "1 at once, then 1 in 1 h");
        assert_eq!(rate(2, 5, 120_000).to_string(), "2 at once, then 5 in 2 min");
        assert_eq!(rate(2, 5, 90_500).to_string(), "2 at once, then 5 in 90.5 s");
        let kib = |bytes: u64| format!("{} KiB", bytes / 1024);
        assert_eq!(rate(20_480, 1024, 1000).told(kib), "20 KiB at once, then 1 KiB in 1 s");
    }

    #[test]
    fn a_rate_of_nothing_is_none() {
        assert_eq!(Rate::new(0, 1, 1), None);
        assert_eq!(Rate::new(1, 0, 1), None);
        assert_eq!(Rate::new(1, 1, 0), None);
    }

    #[test]
    fn a_debt_is_waited_for_and_then_forgotten() {
        let (bytes, mut meter) = (rate(100, 10, 1000), Meter::default());
        meter.charge(bytes, 150, 0);
        assert_eq!(meter.wait_ms(bytes, 1, 0), Some(5_100));
        assert_eq!(meter.wait_ms(bytes, 100, 0), Some(15_000));
        assert!(!meter.is_whole(14_999) && meter.is_whole(15_000));
        assert_eq!(meter.take(bytes, 100, 15_000), Ok(()));
    }

    #[test]
    fn more_than_there_may_ever_be_waits_until_all_are_there() {
        let (bytes, mut meter) = (rate(100, 10, 1000), Meter::default());
        assert_eq!(meter.wait_ms(bytes, u64::MAX, 0), None);
        meter.charge(bytes, 1, 0);
        assert_eq!(meter.wait_ms(bytes, u64::MAX, 0), Some(100));
        meter.charge(bytes, u64::MAX, u64::MAX);
        assert!(meter.wait_ms(bytes, 1, u64::MAX).is_none_or(|wait_ms| wait_ms > 0));
    }

    #[test]
    fn after_a_refusal_one_is_there_when_it_said() {
        let (lines, mut meter) = (rate(20, 5, 1000), Meter::default());
        meter.exhaust(lines, 150, 1_000);
        assert_eq!(meter.wait_ms(lines, 1, 1_000), Some(150));
        assert_eq!(meter.take(lines, 1, 1_150), Ok(()));
        assert_eq!(meter.wait_ms(lines, 1, 1_150), Some(200));
    }

    proptest! {
        #[test]
        fn no_more_comes_through_than_there_may_be_and_no_less_if_all_is_asked_for(
            at_once in 1..50_u64,
            refill in 1..50_u64,
            period_ms in 1..5_000_u32,
            steps in prop::collection::vec(0..400_u64, 1..200),
        ) {
            let (rate, mut meter) = (rate(at_once, refill, period_ms), Meter::default());
            let (mut now_ms, mut taken) = (0, 0);
            for step in steps {
                now_ms += step;
                while meter.take(rate, 1, now_ms).is_ok() {
                    taken += 1;
                }
                // The meter counts in whole nanoseconds.
                prop_assert!(taken <= rate.most_within(now_ms) + 1);
                let wait_ms = meter.wait_ms(rate, 1, now_ms).unwrap();
                prop_assert_eq!(meter.wait_ms(rate, 1, now_ms + wait_ms), None);
                prop_assert!(meter.wait_ms(rate, 1, now_ms + wait_ms - 1).is_some());
            }
        }
    }
}
