//! Whether the simulator bites: each of these breaks one thing that the product relies on, or the
//! product's own promise, and some seed among the first must notice.

use super::network;
use super::run::{Outcome, run};

/// Seeds among which one must fail.
const SEEDS: u64 = 50;

/// Something that is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// Syncing says that it is done and does nothing.
    LyingSync,
    /// The journal says that it has kept what it has not begun to write.
    HastyJournal,
    /// The network changes a byte.
    FlippedByte,
    /// The network loses a byte.
    LostByte,
    /// The system interrupts each write again and again, so the server works for nothing.
    Interrupts,
    /// The model expects one line more than was said.
    ExpectsMore,
}

impl Sabotage {
    /// What a wire does to a byte.
    pub(crate) fn of_wires(self) -> Option<network::Sabotage> {
        match self {
            Self::FlippedByte => Some(network::Sabotage::Flip),
            Self::LostByte => Some(network::Sabotage::Drop),
            Self::Interrupts => Some(network::Sabotage::Interrupt),
            Self::LyingSync | Self::HastyJournal | Self::ExpectsMore => None,
        }
    }
}

fn assert_bites(sabotage: Sabotage) {
    let has_failed = |seed| matches!(run(seed, Some(sabotage), false), Outcome::Failed { .. });
    assert!((0..SEEDS).any(has_failed), "{sabotage:?} goes unnoticed");
}

#[test]
fn a_disk_whose_sync_lies_is_noticed() {
    assert_bites(Sabotage::LyingSync);
}

#[test]
fn a_journal_that_answers_before_it_writes_is_noticed() {
    assert_bites(Sabotage::HastyJournal);
}

#[test]
fn a_changed_byte_is_noticed() {
    assert_bites(Sabotage::FlippedByte);
}

#[test]
fn a_lost_byte_is_noticed() {
    assert_bites(Sabotage::LostByte);
}

#[test]
fn work_for_nothing_is_noticed() {
    assert_bites(Sabotage::Interrupts);
}

#[test]
fn a_line_too_few_is_noticed() {
    assert_bites(Sabotage::ExpectsMore);
}
