//! The texts that were killed, newest last, within bounds. Knows no cursor.

use std::collections::VecDeque;

/// Killed texts that are kept.
const KILLS_MAX: usize = 16;

/// On which side of the cursor a killed text was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

/// Killed texts.
#[derive(Debug, Default)]
pub(super) struct KillRing {
    kills: VecDeque<String>,
    /// The last action was a kill: the next one adds to it.
    is_killing: bool,
}

impl KillRing {
    /// Adds a killed text: to the newest one right after another kill, else as a new one.
    pub(super) fn add(&mut self, killed: String, side: Side) {
        match self.kills.back_mut().filter(|_| self.is_killing) {
            Some(newest) if side == Side::Before => newest.insert_str(0, &killed),
            Some(newest) => newest.push_str(&killed),
            None => {
                self.kills.push_back(killed);
                if self.kills.len() > KILLS_MAX {
                    self.kills.pop_front();
                }
            }
        }
        self.is_killing = true;
    }

    /// The next kill is a new one.
    pub(super) fn end_sequence(&mut self) {
        self.is_killing = false;
    }

    /// The place of the newest text, if there is one.
    pub(super) fn newest(&self) -> Option<usize> {
        self.kills.len().checked_sub(1)
    }

    /// The place before another; before the oldest is the newest.
    pub(super) fn before(&self, place: usize) -> usize {
        place.checked_sub(1).or(self.newest()).unwrap_or(0)
    }

    /// The text at a place.
    pub(super) fn text(&self, place: usize) -> &str {
        self.kills.get(place).map_or("", String::as_str)
    }
}
