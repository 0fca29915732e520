//! What members and addresses are allowed in a time (PROTOCOL.md, "Rates"; OPERATIONS.md, "What a
//! member may do in a time").

use chatshelf_common::id::MessageId;
use chatshelf_common::rate::Rate;
use chatshelf_common::wire::frame::{
    AllowanceKind, Goodbye, Join, Refused, Rename, SetTopic, Tell,
};
use chatshelf_common::wire::{Code, Frame};

use super::peer::{Peer, content, hello, join, nick, say};
use super::rig::{HOME, Rig, SETTINGS};
use super::uploads::upload;
use crate::engine::limits::{FLOOD_REFUSALS_MAX, TURNED_AWAY_MAX};
use crate::engine::{Allowances, Deadlines, Settings};
use crate::peer_scope::PeerScope;

const LOOPBACK: &str = "127.0.0.1:4000";
const AWAY: &str = "198.51.100.7:4000";

fn rig_with(allowances: Allowances) -> Rig {
    Rig::with(Settings { allowances, ..SETTINGS })
}

fn default() -> Rig {
    rig_with(Allowances::DEFAULT)
}

/// The only refusal received: its code, limit, and wait.
fn refusal(peer: &mut Peer) -> (Code, Option<u64>, Option<u32>) {
    match &peer.refusals()[..] {
        [refused] => (refused.code, refused.limit, refused.retry_ms),
        others => panic!("expected one refusal: {others:?}"),
    }
}

/// The goodbye received: its code, limit, and wait.
fn farewell(peer: &mut Peer) -> (Code, Option<u64>, Option<u32>) {
    peer.take();
    let Some(Goodbye { code, limit, retry_ms, .. }) = peer.goodbye() else { panic!("no goodbye") };
    (*code, *limit, *retry_ms)
}

#[test]
fn lines_beyond_the_burst_are_refused_until_more_are_allowed() {
    let mut rig = default();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    (0..23).for_each(|_| ada.say("x"));
    rig.settle();
    assert_eq!(bob.lines().len(), 20);
    let refused = ada.refusals();
    assert_eq!(refused.iter().map(|it| it.id.unwrap().0).collect::<Vec<_>>(), [21, 22, 23]);
    let Refused { code, about, limit, retry_ms, detail, .. } = refused[0].clone();
    assert_eq!((code, about, limit, retry_ms), (Code::TOO_MANY_LINES, 3, Some(20), Some(200)));
    assert_eq!(detail.unwrap().as_str(), "20 at once, then 5 in 1 s");
    rig.pass(199);
    ada.say("too soon");
    rig.settle();
    assert_eq!(refusal(&mut ada).2, Some(1));
    rig.pass(1);
    ada.say("in time");
    bob.say("not limited by others");
    rig.settle();
    assert_eq!(bob.lines(), ["in time", "not limited by others"]);
    assert_eq!(ada.refusals(), []);
    assert_eq!(rig.engine.stats().counters.refusals.of(Code::TOO_MANY_LINES), 4);
}

#[test]
fn a_paste_is_one_line_and_a_private_message_is_one_too() {
    let mut rig = default();
    let mut ada = rig.join("ada");
    let paste = "a line of a paste\n".repeat(100);
    (0..19).for_each(|_| ada.say(&paste));
    ada.tell("ada", "psst");
    rig.settle();
    assert_eq!(ada.refusals(), []);
    ada.tell("ada", "once more");
    rig.settle();
    let refused = ada.refusals().remove(0);
    assert_eq!((refused.code, refused.about), (Code::TOO_MANY_LINES, Tell::KIND));
    assert_eq!(refused.id, Some(MessageId(77)));
}

#[test]
fn names_and_topics_are_counted_together() {
    let mut rig = default();
    let mut ada = rig.join("ada");
    for number in 0..5 {
        ada.rename(&format!("ada{number}"));
        ada.set_topic(Some(&number.to_string()));
    }
    ada.rename("late");
    ada.set_topic(None);
    rig.settle();
    let refused = ada.refusals();
    let about: Vec<_> = refused.iter().map(|it| (it.code, it.about, it.retry_ms)).collect();
    let code = Code::TOO_MANY_CHANGES;
    assert_eq!(about, [(code, Rename::KIND, Some(6_000)), (code, SetTopic::KIND, Some(6_000))]);
    assert_eq!(ada.topic(), Some("4"));
    rig.pass(6_000);
    ada.rename("late");
    rig.settle();
    assert_eq!(ada.refusals(), []);
}

#[test]
fn only_who_goes_on_after_hundreds_of_refusals_is_disconnected() {
    let mut rig = default();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    (0..20 + FLOOD_REFUSALS_MAX).for_each(|_| ada.say("x"));
    rig.settle();
    assert_eq!(ada.refusals().len() as u64, FLOOD_REFUSALS_MAX);
    // One more in a second is put up with for ever.
    for _ in 0..50 {
        rig.pass(1_000);
        (0..6).for_each(|_| ada.say("x"));
    }
    rig.settle();
    assert_eq!(ada.farewell(), None);
    (0..10).for_each(|_| ada.say("x"));
    rig.settle();
    let (code, limit, retry_ms) = farewell(&mut ada);
    assert_eq!((code, limit), (Code::FLOODING, Some(FLOOD_REFUSALS_MAX)));
    assert!(retry_ms.is_some_and(|ms| (1..=1_000).contains(&ms)), "{retry_ms:?}");
    bob.say("still here");
    rig.settle();
    assert_eq!(bob.lines().last().map(String::as_str), Some("still here"));
}

#[test]
fn a_resumed_membership_has_used_what_it_had_used() {
    let mut rig = default();
    let mut ada = rig.join("ada");
    (0..20).for_each(|_| ada.say("x"));
    rig.settle();
    let mut again = rig.connect();
    again.hello();
    again.send(Join { resume: ada.resume(), ..join("ada", Some(0)) });
    again.send(say(99, "one more"));
    rig.settle();
    assert_eq!(refusal(&mut again).0, Code::TOO_MANY_LINES);
}

#[test]
fn joins_from_an_address_are_limited_but_resuming_is_free() {
    let mut rig = rig_with(Allowances { joins: Rate::new(2, 1, 1_000), ..Allowances::DEFAULT });
    let (mut ada, _bob) = (rig.join("ada"), rig.join("bob"));
    let mut late = rig.connect();
    late.hello();
    late.join("late", None);
    rig.settle();
    assert_eq!(farewell(&mut late), (Code::TOO_MANY_JOINS, Some(2), Some(1_000)));
    for _ in 0..3 {
        let mut again = rig.connect();
        again.hello();
        again.send(Join { resume: ada.resume(), ..join("ada", Some(0)) });
        rig.settle();
        again.take();
        assert_eq!(again.goodbye(), None);
        ada = again;
    }
    rig.join_from(AWAY, "elsewhere");
    rig.pass(1_000);
    rig.join("late");
}

#[test]
fn a_join_that_had_to_wait_for_its_name_is_counted_once() {
    let mut rig = rig_with(Allowances { joins: Rate::new(2, 1, 60_000), ..Allowances::DEFAULT });
    let ada = rig.join("ada");
    rig.pass(2_000);
    // Its connection is dead, so it does not answer; the other joins with the last that may.
    let mut peer = rig.connect();
    peer.hello();
    peer.join("ada", Some(0));
    rig.settle();
    rig.pass(3_000);
    peer.take();
    assert_eq!((peer.goodbye(), peer.members()), (None, vec!["ada"]));
    drop(ada);
}

#[test]
fn connections_of_an_address_are_limited_in_number() {
    let limited = Allowances { address_connections_max: 2, ..Allowances::DEFAULT };
    let mut rig = rig_with(limited);
    let (ada, _bob) = (rig.join("ada"), rig.join("bob"));
    let mut third = rig.connect();
    rig.settle();
    assert_eq!(farewell(&mut third), (Code::TOO_MANY_FROM_ADDRESS, Some(2), Some(10_000)));
    rig.join_from(AWAY, "elsewhere");
    third.end();
    ada.reset();
    rig.settle();
    rig.join("third");
}

#[test]
fn connections_of_an_address_are_limited_in_a_time_and_few_are_told() {
    let limited = Allowances { connections: Rate::new(3, 1, 1_000), ..Allowances::DEFAULT };
    let mut rig = rig_with(limited);
    let mut crowd: Vec<Peer> = (0..100).map(|_| rig.connect()).collect();
    rig.settle();
    let mut told = 0;
    for (place, peer) in crowd.iter_mut().enumerate() {
        peer.take();
        match peer.goodbye() {
            None if place < 3 => assert!(!peer.is_dropped()),
            None => assert!(peer.is_dropped(), "{place}"),
            Some(goodbye) => {
                told += 1;
                let what = (goodbye.code, goodbye.limit, goodbye.retry_ms);
                assert_eq!(what, (Code::TOO_MANY_FROM_ADDRESS, Some(3), Some(1_000)));
            }
        }
    }
    assert_eq!(told, TURNED_AWAY_MAX);
    assert_eq!(rig.engine.stats().counters.closes.of(Code::TOO_MANY_FROM_ADDRESS), 97);
    crowd.iter().for_each(Peer::reset);
    rig.pass(2_000);
    rig.assert_empty();
    rig.join("ada");
}

#[test]
fn history_and_snapshots_to_an_address_are_limited() {
    let limited = Allowances { replies: Rate::new(4_000, 1_000, 1_000), ..Allowances::DEFAULT };
    let mut rig = rig_with(limited);
    let talker = rig.join_from(LOOPBACK, "talker");
    (0..100).for_each(|number| talker.send(say(number, "a line of the past")));
    rig.settle();
    let mut ada = rig.connect();
    ada.hello();
    ada.join("ada", Some(1_000));
    rig.settle();
    ada.take();
    assert!(ada.raw.len() > 6_000, "{} bytes", ada.raw.len());
    let mut bob = rig.connect();
    bob.hello();
    bob.join("bob", Some(1_000));
    rig.settle();
    let (code, limit, retry_ms) = farewell(&mut bob);
    assert_eq!((code, limit), (Code::TOO_MUCH_SENT, Some(4_000)));
    rig.join_from(AWAY, "elsewhere");
    rig.pass(u64::from(retry_ms.unwrap()));
    rig.join("bob");
}

#[test]
fn uploads_of_a_member_and_of_its_address_are_limited_in_bytes() {
    let limited = Allowances {
        uploads: Rate::new(100_000, 100_000, 3_600_000),
        address_uploads: Rate::new(150_000, 150_000, 3_600_000),
        ..Allowances::DEFAULT
    };
    let mut rig = rig_with(limited);
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    upload(&mut rig, &mut ada, 1, &content(90_000));
    ada.offer(2, 20_000);
    rig.settle();
    let [refused] = &ada.refusals()[..] else { panic!("expected one refusal") };
    // 10,000 bytes more come in 360 s.
    let wait = (refused.code, refused.limit, refused.retry_ms);
    assert_eq!(wait, (Code::TOO_MUCH_UPLOADED, Some(100_000), Some(360_000)));
    let detail = refused.detail.as_ref().unwrap();
    assert_eq!(detail.as_str(), "97.7 KiB at once, then 97.7 KiB in 1 h");
    upload(&mut rig, &mut bob, 1, &content(60_000));
    bob.offer(2, 1_000);
    rig.settle();
    assert_eq!(refusal(&mut bob), (Code::TOO_MUCH_UPLOADED, Some(150_000), Some(24_000)));
    let mut elsewhere = rig.join_from(AWAY, "elsewhere");
    upload(&mut rig, &mut elsewhere, 1, &content(90_000));
    rig.pass(3_600_000);
    let mut late = rig.join("late");
    upload(&mut rig, &mut late, 1, &content(100_000));
}

#[test]
fn an_upload_that_brings_nothing_uses_nothing() {
    let uploads = Rate::new(100_000, 1, 3_600_000);
    let mut rig = rig_with(Allowances { uploads, ..Allowances::DEFAULT });
    let mut ada = rig.join("ada");
    for number in 1..=5 {
        ada.offer(number, 100_000);
        rig.settle();
        ada.cancel(number);
        rig.settle();
        assert_eq!(ada.refusal(), Code::CANCELLED);
    }
    upload(&mut rig, &mut ada, 6, &content(100_000));
}

#[test]
fn this_machine_is_exempt_and_is_told_of_no_limits() {
    let told = |rig: &mut Rig, address| rig.greeting(address, hello(1, 1)).allowances;
    let mut rig = default();
    assert_eq!(told(&mut rig, LOOPBACK), []);
    let kinds: Vec<_> = told(&mut rig, HOME).iter().map(|it| it.kind).collect();
    assert_eq!((kinds.len(), kinds[0]), (7, AllowanceKind::LINES));
    for (address, exempt, is_limited) in [
        (LOOPBACK, PeerScope::Loopback, false),
        (LOOPBACK, PeerScope::None, true),
        (HOME, PeerScope::Loopback, true),
        (HOME, PeerScope::Any, false),
    ] {
        let mut rig = rig_with(Allowances { exempt, ..Allowances::DEFAULT });
        let mut ada = rig.join_from(address, "ada");
        (0..100).for_each(|_| ada.say("x"));
        rig.settle();
        assert_eq!(!ada.refusals().is_empty(), is_limited, "{address} {exempt:?}");
    }
}

#[test]
fn other_limits_and_deadlines_hold_once_they_are_set() {
    let mut rig = default();
    let mut ada = rig.join("ada");
    (0..21).for_each(|_| ada.say("x"));
    rig.settle();
    assert_eq!(ada.refusal(), Code::TOO_MANY_LINES);
    let deadlines = Deadlines { keepalive_ms: 1_000, pong_ms: 2_000, ..Deadlines::DEFAULT };
    let allowances = Allowances { lines: None, ..Allowances::DEFAULT };
    rig.engine.reconfigure(Settings { allowances, deadlines, ..SETTINGS });
    (0..100).for_each(|_| ada.say("x"));
    rig.settle();
    assert_eq!(ada.refusals(), []);
    rig.pass(1_000);
    rig.pass(2_000);
    assert_eq!(ada.farewell(), Some(Code::TIMED_OUT));
}

/// Where a member of a class is seen to come from: one address, or one network of 64 bits.
fn class_address(is_v6: bool, member: usize) -> String {
    match is_v6 {
        true => format!("[2001:db8:1:2::{member:x}]:4000"),
        false => HOME.into(),
    }
}

#[test]
fn a_class_of_300_behind_one_address_meets_no_limit() {
    for is_v6 in [false, true] {
        let mut rig = default();
        let mut class: Vec<Peer> = Vec::new();
        for member in 0..300 {
            let peer = rig.connect_from(&class_address(is_v6, member));
            peer.hello();
            peer.join(&format!("pupil-{member}"), Some(1_000));
            class.push(peer);
        }
        rig.settle();
        // Everyone greets, talks on, takes another name, and pastes.
        for second in 0..4 {
            class.iter_mut().for_each(|peer| peer.say("hello, and more"));
            if second == 0 {
                class.iter_mut().for_each(|peer| (0..3).for_each(|_| peer.say("to say")));
            }
            rig.pass(1_000);
        }
        let paste = "line\n".repeat(50);
        for (member, peer) in class.iter_mut().enumerate() {
            peer.rename(&format!("renamed-{member}"));
            peer.say(&paste);
        }
        class[0].set_topic(Some("today"));
        rig.settle();
        for (member, peer) in class.iter_mut().enumerate() {
            let item = upload(&mut rig, peer, 1, &content(1_000 + member));
            peer.request(2, item, None);
            rig.settle();
            peer.take();
            assert!(peer.files.values().any(|file| *file == content(1_000 + member)));
        }
        // The network is gone for a moment, twice, and all come back at once.
        for _ in 0..2 {
            class.iter().for_each(Peer::reset);
            rig.settle();
            for (member, peer) in class.iter_mut().enumerate() {
                let (resume, since) = (peer.resume(), peer.last_event());
                let again = rig.connect_from(&class_address(is_v6, member));
                again.hello();
                let name = format!("renamed-{member}");
                again.send(Join { resume, since, ..join(&name, None) });
                *peer = again;
            }
            rig.settle();
            for peer in &mut class {
                peer.take();
                assert!(peer.welcomed().is_some() && peer.goodbye().is_none());
            }
        }
        let counters = rig.engine.stats().counters;
        assert_eq!((counters.refusals.total(), counters.lines), (0, 300 * 8));
        assert_eq!(counters.closes.total(), counters.closes.of(Code::CONNECTION_LOST));
    }
}

#[test]
fn a_nick_that_is_taken_counts_as_a_change() {
    let mut rig = default();
    let (mut ada, _bob) = (rig.join("ada"), rig.join("bob"));
    (0..11).for_each(|_| ada.send(Rename { nick: nick("bob") }));
    ada.tell("bob", "hi");
    rig.settle();
    let codes: Vec<_> = ada.refusals().into_iter().map(|it| it.code).collect();
    assert_eq!(codes[..10], [Code::NICK_TAKEN; 10]);
    assert_eq!(codes[10..], [Code::TOO_MANY_CHANGES]);
}
