//! What reaches the journal, and what the next startup finds.

use chatshelf_common::id::{ItemId, Seq};
use chatshelf_common::wire::Event;
use proptest::prelude::*;

use super::peer::{Peer, Seen, events};
use super::rig::{Rig, SETTINGS};
use super::uploads::upload;
use crate::engine::Settings;

#[test]
fn the_journal_gets_every_event_once_and_in_order() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    for n in 0..50 {
        ada.say(&n.to_string());
        if n % 7 == 0 {
            rig.turn();
        }
    }
    rig.settle();
    let log = rig.engine.room.log();
    assert_eq!(rig.journal, log.between(0, log.end()));
    assert_eq!(events(&rig.journal).len(), 51);
}

#[test]
fn the_journal_misses_nothing_when_the_log_is_cut_within_a_turn() {
    let mut rig = Rig::new();
    let mut peers: Vec<Peer> = (0..40).map(|n| rig.join(&format!("peer-{n}"))).collect();
    let long = "x".repeat(8000);
    for peer in &mut peers {
        (0..31).for_each(|_| peer.say(&long));
    }
    rig.settle();
    assert!(rig.engine.room.log().start() > 0);
    let seqs: Vec<u64> = events(&rig.journal).iter().map(|event| event.seq().0).collect();
    assert!(seqs.into_iter().eq(1..=40 + 40 * 31));
    assert_eq!(rig.journal.len() as u64, rig.engine.room.log().end());
}

#[test]
fn a_restart_keeps_seq_items_topic_and_history() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    upload(&mut rig, &mut ada, 1, b"first");
    ada.set_topic(Some("engines"));
    ada.say("before");
    rig.settle();
    let last = rig.engine.room.log().last_seq();
    let mut rig = rig.restart(SETTINGS);
    assert!(rig.engine.is_empty());
    let mut bob = rig.connect();
    bob.hello();
    bob.join("ada", None);
    rig.settle();
    assert_eq!(bob.lines(), ["before"]);
    assert_eq!(bob.last_event(), Some(last.next()));
    assert_eq!(bob.topic(), Some("engines"));
    assert_eq!(bob.members(), ["ada"], "nobody else is here after a restart");
    assert_eq!(upload(&mut rig, &mut bob, 1, b"second"), 2);
    assert_eq!(bob.items(), [ItemId(1), ItemId(2)]);
    bob.request(2, 1, None);
    rig.settle();
    bob.take();
    assert_eq!(bob.files.values().next().unwrap(), b"first");
    let first = events(&rig.journal)[0].seq();
    assert_eq!(first, last.next(), "the journal is not given what it has");
}

#[test]
fn an_item_that_the_log_has_missed_is_announced_at_the_start() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    upload(&mut rig, &mut ada, 1, b"known");
    let known = rig.journal.len();
    upload(&mut rig, &mut ada, 2, b"unknown");
    rig.journal.truncate(known);
    let mut rig = rig.restart(SETTINGS);
    rig.settle();
    let new = events(&rig.journal);
    assert!(matches!(&new[..], [Event::Shelved(shelved)] if shelved.item.id == ItemId(2)));
    let mut bob = rig.join("bob");
    bob.take();
    assert_eq!(bob.items(), [ItemId(1), ItemId(2)]);
}

#[test]
fn a_smaller_shelf_drops_at_the_start_what_is_too_much() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    for number in 1..=5 {
        upload(&mut rig, &mut ada, number, b"x");
    }
    let before = rig.journal.clone();
    let mut rig = rig.restart(Settings { keep: 2, ..SETTINGS });
    rig.settle();
    assert_eq!(rig.disk.count("Remove"), 3);
    let dropped = |event: &Event| matches!(event, Event::Dropped(_));
    assert_eq!(events(&rig.journal).iter().filter(|event| dropped(event)).count(), 3);
    let mut bob = rig.join("bob");
    bob.take();
    assert_eq!(bob.items(), [ItemId(4), ItemId(5)]);
    // And once more: nothing is announced or dropped twice.
    let new = std::mem::take(&mut rig.journal);
    rig.journal = [before, new].concat();
    let mut rig = rig.restart(Settings { keep: 2, ..SETTINGS });
    rig.settle();
    assert_eq!((rig.disk.count("Remove"), rig.journal.len()), (0, 0));
}

#[test]
fn an_item_announced_in_a_part_of_the_log_that_is_gone_is_not_announced_again() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    upload(&mut rig, &mut ada, 1, b"long ago");
    rig.pass(50_000);
    let old = rig.journal.len();
    ada.say("much has been said since");
    rig.settle();
    rig.journal.drain(..old);
    let mut rig = rig.restart(SETTINGS);
    rig.settle();
    assert_eq!(events(&rig.journal), []);
}

#[test]
fn events_that_were_never_read_back_start_at_one() {
    let mut rig = Rig::new();
    let mut ada = rig.connect();
    ada.hello();
    ada.join("ada", None);
    rig.settle();
    let seen = ada.take();
    assert!(matches!(seen.last(), Some(Seen::Event(event)) if event.seq() == Seq(1)));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn whenever_it_is_polled_the_journal_is_the_log(
        lengths in prop::collection::vec(1usize..8000, 1..60),
    ) {
        let mut rig = Rig::new();
        let mut ada = rig.join("ada");
        for (n, length) in lengths.iter().enumerate() {
            ada.say(&"x".repeat(*length));
            if n % 3 == 0 {
                rig.turn();
            }
        }
        rig.settle();
        let log = rig.engine.room.log();
        prop_assert_eq!(&rig.journal, log.between(0, log.end()));
    }
}
