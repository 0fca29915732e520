//! Moments as people here read them: the time of day and the date in one zone. Owns the zone.

use chatshelf_common::id::UnixMillis;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::lang::{self, tr};

const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Shows moments in a zone.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    zone: TimeZone,
}

impl Clock {
    /// In the zone of this machine.
    pub(crate) fn local() -> Self {
        Self { zone: TimeZone::system() }
    }

    #[cfg(test)]
    pub(crate) fn utc() -> Self {
        Self { zone: TimeZone::UTC }
    }

    /// This moment.
    pub(crate) fn now() -> UnixMillis {
        UnixMillis(u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0))
    }

    fn local_time(&self, at: UnixMillis) -> Option<Zoned> {
        let millis = i64::try_from(at.0).ok()?;
        Some(Timestamp::from_millisecond(millis).ok()?.to_zoned(self.zone.clone()))
    }

    /// `17:05`; dashes for a moment beyond the calendar.
    pub(crate) fn time(&self, at: UnixMillis) -> String {
        self.local_time(at).map_or("--:--".into(), |at| at.strftime("%H:%M").to_string())
    }

    /// `2026-11-22`.
    pub(crate) fn day(&self, at: UnixMillis) -> String {
        self.local_time(at).map_or("----".into(), |at| at.strftime("%Y-%m-%d").to_string())
    }

    /// `Sunday, 22 November 2026`.
    pub(crate) fn long_day(&self, at: UnixMillis) -> String {
        let long = |at: Zoned| {
            let weekday = WEEKDAYS[at.weekday().to_monday_zero_offset() as usize];
            let month = MONTHS[at.month() as usize - 1];
            let (weekday, month) = (lang::text(weekday), lang::text(month));
            let (day, year) = (at.day(), at.year());
            tr!("{weekday}, {day} {month} {year}", weekday, day, month, year)
        };
        self.local_time(at).map_or("----".into(), long)
    }
}

/// How long ago that was, in one unit: `now`, `5 min`, `3 h`, `2 d`.
pub(crate) fn age(at: UnixMillis, now: UnixMillis) -> String {
    let minutes = now.0.saturating_sub(at.0) / 60_000;
    match minutes {
        0 => tr!("now").to_owned(),
        1..=59 => tr!("{minutes} min", minutes),
        60..=1439 => tr!("{hours} h", hours = minutes / 60),
        _ => tr!("{days} d", days = minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_has_a_name_in_every_language() {
        for day in 0..400 {
            let at = Timestamp::from_second(day * 86_400).unwrap().to_zoned(TimeZone::UTC);
            let shown = Clock::utc().long_day(UnixMillis(day as u64 * 86_400_000));
            assert_eq!(shown, at.strftime("%A, %-d %B %Y").to_string());
        }
        assert!(WEEKDAYS.iter().chain(&MONTHS).all(|name| lang::is_in_table(name)));
    }

    #[test]
    fn ages_have_one_unit() {
        let ago = |minutes: u64| age(UnixMillis(0), UnixMillis(minutes * 60_000));
        assert_eq!([ago(0), ago(59), ago(60), ago(1440)], ["now", "59 min", "1 h", "1 d"]);
        assert_eq!(age(UnixMillis(9), UnixMillis(0)), "now", "of a clock that is ahead");
    }

    #[test]
    fn a_time_beyond_the_calendar_is_no_panic() {
        let clock = Clock::utc();
        for at in [UnixMillis(u64::MAX), UnixMillis(i64::MAX as u64)] {
            assert_eq!((clock.time(at), clock.day(at)), ("--:--".into(), "----".into()));
        }
        assert_eq!(clock.long_day(UnixMillis(1_795_366_800_000)), "Sunday, 22 November 2026");
    }
}
