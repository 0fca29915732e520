//! How times, deadlines, rates, and which peers a setting concerns are written.

use std::str::FromStr;

use bytesize::ByteSize;
use chatshelf_common::cli::value::{number, parsed};
use chatshelf_common::rate::Rate;
use jiff::{Span, SpanRelativeTo};

use crate::engine::Deadlines;
use crate::peer_scope::PeerScope;

/// A deadline in seconds, as milliseconds.
///
/// # Errors
/// What it must be.
pub(super) fn deadline(text: &str) -> Result<u64, String> {
    number(text, 1..=Deadlines::MS_MAX / 1000).map(|seconds| seconds * 1000)
}

/// A time with its unit, such as `24h`, or 0, in milliseconds.
///
/// # Errors
/// What it must be.
pub(super) fn time(text: &str) -> Result<u64, String> {
    let Time(ms) = parsed(text, "0 or a time such as 90s, 30m, 24h or 7d")?;
    Ok(ms)
}

/// Which peers a setting concerns.
///
/// # Errors
/// What it must be.
pub(super) fn scope(text: &str) -> Result<PeerScope, String> {
    parsed(text, "none, loopback or any")
}

/// A rate such as `20+5/s`, 20 at once and 5 more each second; `20GiB/h` is as much at once as in
/// an hour. None if it is `off`.
///
/// # Errors
/// What it must be.
pub(super) fn rate(text: &str) -> Result<Option<Rate>, String> {
    let Written(rate) = parsed(text, "off or a rate such as 20+5/s, 10/min or 20GiB/h")?;
    Ok(rate)
}

/// A length of time, in milliseconds. A day has 24 hours; months and years have no length.
struct Time(u64);

impl FromStr for Time {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "0" {
            return Ok(Self(0));
        }
        let span: Span = text.parse().map_err(drop)?;
        let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(drop)?;
        u64::try_from(time.as_millis()).map(Self).map_err(drop)
    }
}

/// A rate as it is written.
struct Written(Option<Rate>);

impl FromStr for Written {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "off" {
            return Ok(Self(None));
        }
        let (amounts, unit) = text.rsplit_once('/').ok_or(())?;
        let (at_once, refill) = amounts.split_once('+').unwrap_or((amounts, amounts));
        let amount = |text: &str| text.parse::<ByteSize>().map(|size| size.as_u64()).map_err(drop);
        let period_ms = match unit {
            "s" => 1_000,
            "min" => 60_000,
            "h" => 3_600_000,
            _ => return Err(()),
        };
        Rate::new(amount(at_once)?, amount(refill)?, period_ms)
            .map(|rate| Self(Some(rate)))
            .ok_or(())
    }
}
