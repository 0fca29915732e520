//! When events are safe enough to be sent.

use chatshelf_common::id::Seq;
use chatshelf_common::wire::Code;

use super::peer::events;
use super::rig::{Rig, SETTINGS};
use crate::disk::{Durability, Reply};
use crate::engine::Settings;
use crate::engine::limits::{JOURNAL_WAIT_MS, UNRELEASED_BYTES_MAX};

fn rig(durability: Durability) -> Rig {
    Rig::with(Settings { durability, ..SETTINGS })
}

#[test]
fn a_line_is_seen_when_the_journal_has_it() {
    for durability in [Durability::Interval, Durability::Always] {
        let mut rig = rig(durability);
        let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
        rig.is_journal_held = true;
        ada.say("hi");
        rig.settle();
        assert_eq!((ada.lines().len(), bob.lines().len()), (0, 0));
        assert_eq!(events(&rig.journal).len(), 3, "the journal is given it at once");
        rig.answer_journal(true);
        assert_eq!((ada.lines(), bob.lines()), (vec!["hi".into()], vec!["hi".into()]));
    }
}

#[test]
fn without_durability_nothing_waits() {
    let mut rig = rig(Durability::None);
    rig.is_journal_held = true;
    let mut ada = rig.join("ada");
    ada.say("hi");
    rig.turn();
    assert_eq!(ada.lines(), ["hi"]);
    assert!(rig.engine.poll_timeout(rig.now) > Some(JOURNAL_WAIT_MS));
}

#[test]
fn a_disk_that_hangs_stops_the_talk_for_a_moment_only() {
    let mut rig = rig(Durability::Interval);
    let mut ada = rig.join("ada");
    rig.is_journal_held = true;
    ada.say("hi");
    rig.settle();
    rig.pass(JOURNAL_WAIT_MS - 1);
    assert_eq!(ada.lines().len(), 0);
    assert_eq!(rig.engine.poll_timeout(rig.now), Some(1));
    rig.pass(1);
    assert_eq!(ada.lines(), ["hi"]);
    ada.say("again");
    rig.settle();
    assert_eq!(ada.lines().len(), 0, "the next line waits for its own time");
    rig.answer_journal(true);
    assert_eq!(ada.lines(), ["again"]);
}

#[test]
fn a_line_that_must_be_safe_waits_for_as_long_as_it_takes() {
    let mut rig = rig(Durability::Always);
    let mut ada = rig.join("ada");
    rig.is_journal_held = true;
    ada.say("hi");
    rig.settle();
    rig.pass(50_000);
    assert_eq!(ada.lines().len(), 0);
    rig.answer_journal(true);
    assert_eq!(ada.lines(), ["hi"]);
}

#[test]
fn a_snapshot_shows_only_what_is_safe() {
    let mut rig = rig(Durability::Always);
    let ada = rig.join("ada");
    rig.is_journal_held = true;
    ada.set_topic(Some("engines"));
    let mut bob = rig.connect();
    bob.hello();
    bob.join("bob", None);
    rig.settle();
    bob.take();
    assert_eq!(bob.welcomed(), None);
    rig.answer_journal(true);
    bob.take();
    assert_eq!(bob.welcomed(), Some(Seq(3)));
    assert_eq!(bob.topic(), Some("engines"));
}

#[test]
fn a_farewell_waits_for_the_last_event_before_it() {
    let mut rig = rig(Durability::Always);
    let mut ada = rig.join("ada");
    rig.is_journal_held = true;
    ada.say("last words");
    ada.leave();
    rig.settle();
    assert_eq!(ada.farewell(), None);
    rig.answer_journal(true);
    assert_eq!(ada.lines(), ["last words"]);
    assert_eq!(ada.farewell(), Some(Code::LEFT));
}

#[test]
fn what_waits_for_the_journal_is_bounded() {
    let mut rig = rig(Durability::Always);
    let mut ada = rig.join("ada");
    rig.is_journal_held = true;
    (0..400).for_each(|_| ada.say(&"x".repeat(8000)));
    rig.settle();
    let waiting = rig.engine.room.log().unreleased_bytes();
    assert!(waiting > UNRELEASED_BYTES_MAX && waiting < UNRELEASED_BYTES_MAX + 300_000);
    assert_ne!(rig.engine.poll_timeout(rig.now), Some(0), "it does not spin");
    rig.is_journal_held = false;
    rig.settle();
    assert_eq!(ada.lines().len(), 400);
}

#[test]
fn a_journal_that_fails_costs_the_room_nothing() {
    for durability in [Durability::None, Durability::Interval] {
        let mut rig = rig(durability);
        let mut ada = rig.join("ada");
        rig.is_journal_held = true;
        ada.say("hi");
        rig.settle();
        rig.answer_journal(false);
        assert_eq!(ada.lines(), ["hi"]);
        assert!(!rig.engine.has_journal_failed());
    }
}

#[test]
fn a_journal_that_fails_ends_a_server_that_must_keep_everything() {
    let mut rig = rig(Durability::Always);
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    rig.is_journal_held = true;
    ada.say("this can't be kept");
    bob.leave();
    rig.settle();
    rig.answer_journal(false);
    assert!(rig.engine.has_journal_failed());
    assert_eq!(ada.lines().len(), 0);
    assert_eq!(ada.farewell(), Some(Code::STORAGE_FAILED));
    rig.pass(5_000);
    bob.take();
    assert!(rig.engine.is_empty());
}

#[test]
fn an_event_that_was_not_kept_is_not_shown_though_later_ones_are_kept() {
    let mut rig = rig(Durability::Always);
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    rig.is_journal_held = true;
    ada.allow(0);
    bob.say("this can't be kept");
    rig.settle();
    rig.answer_journal(false);
    let to = rig.engine.room.log().end();
    rig.reply(Reply::Journaled { to });
    ada.allow(usize::MAX);
    rig.settle();
    assert_eq!(ada.lines().len(), 0);
    assert_eq!(ada.farewell(), Some(Code::STORAGE_FAILED));
}
