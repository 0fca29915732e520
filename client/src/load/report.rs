//! How the load test prints its figures.

use std::time::Duration;

/// Median, 99th percentile and maximum of what was measured, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spread {
    pub(super) p50: u32,
    pub(super) p99: u32,
    pub(super) max: u32,
}

impl Spread {
    pub(super) fn of(mut values: Vec<u32>) -> Self {
        values.sort_unstable();
        // The smallest value that this percentage of all does not exceed.
        let rank = |percent: usize| {
            let index = (values.len() * percent).div_ceil(100).saturating_sub(1);
            values.get(index).copied().unwrap_or_default()
        };
        Self { p50: rank(50), p99: rank(99), max: rank(100) }
    }

    pub(super) fn shown(self) -> String {
        let Self { p50, p99, max } = self;
        format!("latency p50 {}, p99 {}, max {}", millis(p50), millis(p99), millis(max))
    }
}

fn millis(us: u32) -> String {
    format!("{:.2} ms", f64::from(us) / 1000.0)
}

/// A whole number with separators between its thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count in a time, as a rate per second.
pub(super) fn per_second(count: usize, time: Duration) -> String {
    grouped((count as f64 / time.as_secs_f64().max(1e-9)) as u64)
}

/// CPU time for each of `count`, or that it is unknown.
pub(super) fn cpu_each(cpu: Option<Duration>, count: usize) -> String {
    match cpu {
        Some(cpu) => format!("{:.3} µs of server CPU each", cpu.as_secs_f64() * 1e6 / count as f64),
        None => "server CPU unknown".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let spread = Spread::of((1..=200).rev().collect());
        assert_eq!(spread, Spread { p50: 100, p99: 198, max: 200 });
        assert_eq!(Spread::of(vec![7]), Spread { p50: 7, p99: 7, max: 7 });
        assert_eq!(Spread::of(vec![]), Spread::default());
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
    }
}
