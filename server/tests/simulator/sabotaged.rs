//! Whether the simulator bites: each of these breaks one thing that the product relies on, or the
//! product's own promise, and some seed among the first must notice.

use super::run::{Outcome, run};
use super::sabotage::Sabotage;

/// Seeds among which one must fail.
const SEEDS: u64 = 50;

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
fn bans_that_are_not_kept_are_noticed() {
    assert_bites(Sabotage::LostBans);
}

#[test]
fn a_digest_that_is_not_verified_is_noticed() {
    assert_bites(Sabotage::AnyDigest);
}

#[test]
fn a_wrong_password_that_lets_in_is_noticed() {
    assert_bites(Sabotage::LaxVerifier);
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
fn a_replay_that_comes_to_another_room_is_noticed() {
    assert_bites(Sabotage::ShortReplay);
}

#[test]
fn pending_bytes_that_nobody_asks_for_are_noticed() {
    assert_bites(Sabotage::NothingPending);
}

#[test]
fn buffered_bytes_that_nobody_asks_for_are_noticed() {
    assert_bites(Sabotage::NothingBuffered);
}

#[test]
fn an_accepted_byte_that_is_not_sent_is_noticed() {
    assert_bites(Sabotage::AcceptedMore);
}

#[test]
fn a_line_too_few_is_noticed() {
    assert_bites(Sabotage::ExpectsMore);
}
