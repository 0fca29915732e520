//! How safe an event is before anyone hears of it. Says what may be chosen; the journal thread
//! does it.

use std::fmt;
use std::str::FromStr;

/// What the room waits for before it tells an event, and so what a crash can take back of what
/// people have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing. Events are written as they happen: a killed server can cost those of the last
    /// instant, a loss of power what the operating system had not yet written by itself.
    None,
    /// The events are with the operating system, which syncs them within
    /// [`super::SYNC_INTERVAL_MS`]. A killed server costs nothing, a loss of power about a second.
    Interval,
    /// The events are on disk. Nothing that was told is ever lost; each batch costs a sync.
    Always,
}

impl Durability {
    /// True when the journal thread answers each batch.
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

/// A word that is none of `none`, `interval` and `always`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownDurability;

impl fmt::Display for UnknownDurability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not none, interval or always")
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
