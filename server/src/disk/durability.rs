//! How safe an event must be before anyone sees it. Names the levels; the journal thread
//! implements them.

use std::fmt;
use std::str::FromStr;

/// What the room waits for before it shows an event, and so how much of what people have seen a
/// crash can take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing. Events are written as they happen. A killed server can lose those of the last
    /// instant, a power failure those that the operating system had not written on its own.
    None,
    /// The operating system has the events, and they are synced within
    /// [`super::SYNC_INTERVAL_MS`]. A killed server loses none, a power failure about a second.
    Interval,
    /// The events are on the disk. Nothing that was shown is ever lost; each batch costs a sync.
    Always,
}

impl Durability {
    /// True if the journal thread acknowledges each batch.
    #[must_use]
    pub fn is_acknowledged(self) -> bool {
        self != Self::None
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Interval => "interval",
            Self::Always => "always",
        })
    }
}

/// A word other than `none`, `interval` and `always`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownDurability;

impl fmt::Display for UnknownDurability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not none, interval or always")
    }
}

impl std::error::Error for UnknownDurability {}

impl FromStr for Durability {
    type Err = UnknownDurability;

    fn from_str(text: &str) -> Result<Self, UnknownDurability> {
        let all = [Self::None, Self::Interval, Self::Always];
        all.into_iter().find(|level| level.to_string() == text).ok_or(UnknownDurability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_is_read_as_it_is_written() {
        for level in [Durability::None, Durability::Interval, Durability::Always] {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        for text in ["", "Always", "never", "interval "] {
            assert_eq!(text.parse::<Durability>(), Err(UnknownDurability), "{text}");
        }
    }
}
