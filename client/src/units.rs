//! Numbers as people read them: sizes, limits, times. Pure functions.

use std::time::Duration;

use bytesize::ByteSize;

use crate::lang::tr;

/// A size, in powers of 1000: `5.0 MB`.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string()
}

/// A limit, in powers of 1024 where it was set so: `4.0 GiB`.
pub(crate) fn limit(bytes: u64) -> String {
    if bytes.is_multiple_of(1024) {
        ByteSize(bytes).display().iec().to_string()
    } else {
        size(bytes)
    }
}

/// A period of time, exactly: `1 h`, `90 s`, `0.5 s`.
pub(crate) fn period(ms: u32) -> String {
    match ms {
        ms if ms > 0 && ms.is_multiple_of(3_600_000) => tr!("{hours} h", hours = ms / 3_600_000),
        ms if ms > 0 && ms.is_multiple_of(60_000) => tr!("{minutes} min", minutes = ms / 60_000),
        ms => tr!("{seconds} s", seconds = f64::from(ms) / 1000.0),
    }
}

/// How long it takes, in the largest unit that is exact enough, and no less: `6 s`, `58 min`.
pub(crate) fn wait(time: Duration) -> String {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    match ms.div_ceil(1000) {
        seconds @ 0..120 => tr!("{seconds} s", seconds),
        seconds @ 120..7_200 => tr!("{minutes} min", minutes = seconds.div_ceil(60)),
        seconds => tr!("{hours} h", hours = seconds.div_ceil(3_600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_suits_them() {
        assert_eq!(
            [3_600_000, 120_000, 90_000, 500].map(period),
            ["1 h", "2 min", "90 s", "0.5 s"]
        );
        let waits = [0, 5_001, 119_000, 3_421_000, 7_200_001];
        let waits = waits.map(|ms| wait(Duration::from_millis(ms)));
        assert_eq!(waits, ["0 s", "6 s", "119 s", "58 min", "3 h"]);
    }

    #[test]
    fn a_limit_is_shown_as_it_was_set() {
        assert_eq!((limit(1 << 30), limit(5_000_000)), ("1.0 GiB".into(), size(5_000_000)));
        assert_eq!(size(5_000_000), "5.0 MB");
    }
}
