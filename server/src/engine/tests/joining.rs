//! Greeting and joining (PROTOCOL.md, "Joining").

use std::collections::BTreeSet;

use chatshelf_common::id::Seq;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{Join, Marker, Rename, Said};
use chatshelf_common::wire::{Code, Event, ServerFrame};

use super::peer::{Peer, Seen, bytes, frame, hello, join, nick};
use super::rig::{HOME, Rig, SETTINGS};
use crate::engine::Settings;

fn kinds(seen: &[Seen]) -> Vec<&'static str> {
    let kind = |one: &Seen| match one {
        Seen::Server(ServerFrame::HelloAck(_)) => "ack",
        Seen::Server(ServerFrame::Welcome(_)) => "welcome",
        Seen::Server(ServerFrame::Snapshot(_)) => "snapshot",
        Seen::Server(ServerFrame::Refused(_)) => "refused",
        Seen::Server(ServerFrame::Goodbye(_)) => "goodbye",
        Seen::Server(ServerFrame::ServerPong(_)) => "pong",
        Seen::Server(_) => "reply",
        Seen::Event(Event::Said(_)) => "said",
        Seen::Event(Event::Joined(_)) => "joined",
        Seen::Event(Event::Left(_)) => "left",
        Seen::Event(Event::Renamed(_)) => "renamed",
        Seen::Event(_) => "event",
        Seen::Data { .. } => "data",
    };
    seen.iter().map(kind).collect()
}

#[test]
fn the_greeting_names_the_limits_of_the_server() {
    let mut rig = Rig::with(Settings { file_bytes_max: 77, keep: 3, history_max: 9, ..SETTINGS });
    let ack = rig.greeting(HOME, hello(1, 1));
    assert_eq!((ack.version, ack.file_bytes_max, ack.shelf_items_max), (1, 77, 3));
    assert_eq!((ack.transfers_max, ack.history_max), (8, 9));
    assert_eq!(ack.capabilities, None);
}

#[test]
fn a_newcomer_gets_welcome_snapshot_history_and_then_what_happens() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    ada.set_topic(Some("engines"));
    ["one", "two", "three"].into_iter().for_each(|line| ada.say(line));
    rig.settle();
    let mut bob = rig.connect();
    bob.hello();
    bob.join("bob", Some(2));
    rig.settle();
    let seen = bob.take();
    assert_eq!(kinds(&seen), ["ack", "welcome", "snapshot", "said", "said", "joined"]);
    assert_eq!(bob.welcomed(), Some(Seq(6)));
    ada.say("four");
    rig.settle();
    assert_eq!((bob.lines(), bob.last_event()), (vec!["four".into()], Some(Seq(7))));
    ada.take();
    assert_eq!(ada.state(), bob.state());
    assert_eq!(bob.topic(), Some("engines"));
    assert_eq!(bob.members(), ["ada", "bob"]);
}

#[test]
fn history_is_what_was_asked_for_what_is_held_and_what_the_server_gives() {
    let mut rig = Rig::with(Settings { history_max: 60, ..SETTINGS });
    let mut ada = rig.join("ada");
    (0..70).for_each(|n| ada.say(&n.to_string()));
    rig.settle();
    for (asked, expected) in [
        (None, 50),
        (Some(0), 0),
        (Some(1), 1),
        (Some(60), 60),
        (Some(61), 60),
        (Some(u32::MAX), 60),
    ] {
        let mut peer = rig.connect();
        peer.hello();
        peer.join("peer", asked);
        rig.settle();
        assert_eq!(peer.lines().len(), expected, "{asked:?}");
        peer.leave();
        rig.settle();
    }
    let mut rig = Rig::new();
    rig.join("ada").say("only");
    rig.settle();
    let mut peer = rig.connect();
    peer.hello();
    peer.join("peer", Some(u32::MAX));
    rig.settle();
    let expected = ["ack", "welcome", "snapshot", "joined", "said", "joined"];
    assert_eq!(kinds(&peer.take()), expected);
}

#[test]
fn a_whole_life_in_one_write_without_history_brings_its_own_echo() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let mut bob = rig.connect();
    bob.hello();
    bob.join("bob", Some(0));
    bob.say("hello and goodbye");
    bob.leave();
    rig.settle();
    let seen = bob.take();
    assert_eq!(kinds(&seen), ["ack", "welcome", "snapshot", "said", "left", "goodbye"]);
    assert_eq!(bob.goodbye().unwrap().code, Code::LEFT);
    assert_eq!(kinds(&ada.take()), ["joined", "said", "left"]);
    assert_eq!(ada.members(), ["ada"]);
    bob.end();
    rig.settle();
    assert!(bob.is_dropped());
}

#[test]
fn replies_to_what_is_sent_with_the_join_come_after_the_welcome() {
    let mut rig = Rig::new();
    let mut peer = rig.connect();
    peer.hello();
    peer.join("ada", None);
    peer.send(chatshelf_common::wire::frame::Ping {});
    peer.tell("ada", "to myself");
    peer.request(1, 9, None);
    rig.settle();
    let expected = ["ack", "welcome", "snapshot", "pong", "reply", "refused", "joined"];
    assert_eq!(kinds(&peer.take()), expected);
}

#[test]
fn fifty_who_join_in_one_turn_are_all_welcome_and_agree() {
    let mut rig = Rig::new();
    let mut peers: Vec<Peer> = (0..50)
        .map(|n| {
            let peer = rig.connect();
            peer.hello();
            peer.join(&format!("peer-{n}"), Some(n % 3));
            peer
        })
        .collect();
    rig.turn();
    // And once the journal has it:
    rig.turn();
    for peer in &mut peers {
        peer.take();
        assert_eq!(peer.welcomed(), Some(Seq(50)));
    }
    peers.iter_mut().for_each(|peer| peer.say("here"));
    rig.settle();
    for peer in &mut peers {
        assert_eq!(peer.lines().len(), 50);
        assert_eq!((peer.members().len(), peer.last_event()), (50, Some(Seq(100))));
    }
}

#[test]
fn a_nick_that_is_taken_is_refused_with_one_that_is_free() {
    let mut rig = Rig::new();
    let _ada = rig.join("Ada");
    let mut peer = rig.connect();
    peer.hello();
    peer.join("ADA", None);
    rig.settle();
    let refused = peer.refusals().remove(0);
    assert_eq!((refused.code, refused.about), (Code::NICK_TAKEN, 0x02));
    let suggestion = refused.suggestion.unwrap();
    assert_eq!(suggestion, nick("ADA2"));
    peer.join(suggestion.as_str(), None);
    rig.settle();
    peer.take();
    assert_eq!(peer.members(), ["ADA2", "Ada"]);
}

#[test]
fn a_peer_refused_again_and_again_is_sent_away() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    ada.take();
    for wrong in [bytes(join("ada", None)), frame(0x02, 0, b"\x07\0\x03a b")] {
        let mut peer = rig.connect();
        peer.hello();
        (0..16).for_each(|_| peer.send_raw(&wrong));
        rig.settle();
        assert_eq!(peer.refusals().len(), 16);
        assert_eq!(peer.goodbye(), None, "this many are allowed");
        (0..1000).for_each(|_| peer.send_raw(&wrong));
        rig.settle();
        assert_eq!((peer.refusals().len(), peer.farewell()), (0, Some(Code::TOO_MANY_REFUSALS)));
        assert_eq!(peer.goodbye().unwrap().limit, Some(16));
        peer.end();
    }
    rig.settle();
    assert_eq!((ada.take(), rig.engine.connections()), (vec![], 1));
}

#[test]
fn the_last_join_that_is_allowed_may_still_succeed() {
    let mut rig = Rig::new();
    let _ada = rig.join("ada");
    let mut peer = rig.connect();
    peer.hello();
    (0..16).for_each(|_| peer.join("ada", None));
    peer.join("bob", None);
    rig.settle();
    peer.take();
    assert_eq!(peer.members(), ["ada", "bob"]);
}

#[test]
fn those_who_ask_for_the_same_nick_are_not_suggested_the_same_one() {
    let mut rig = Rig::new();
    let nicks: Vec<String> = (2..=9).map(|number| format!("ada{number}")).collect();
    let _here: Vec<Peer> =
        nicks.iter().map(String::as_str).chain(["ada"]).map(|nick| rig.join(nick)).collect();
    let mut peers: Vec<Peer> = (0..4).map(|_| rig.connect()).collect();
    for peer in &mut peers {
        peer.hello();
        peer.join("ada", None);
    }
    rig.settle();
    let suggested: BTreeSet<Nick> =
        peers.iter_mut().map(|peer| peer.refusals().remove(0).suggestion.unwrap()).collect();
    assert_eq!(suggested.len(), peers.len(), "{suggested:?}");
}

#[test]
fn a_member_is_suggested_a_bounded_number_of_nicks() {
    let mut rig = Rig::new();
    let (_ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    (0..100).for_each(|_| bob.rename("ada"));
    rig.settle();
    let refusals = bob.refusals();
    assert_eq!(refusals.len(), 100);
    assert!(refusals.iter().all(|refused| refused.code == Code::NICK_TAKEN));
    let suggested = refusals.iter().map(|refused| refused.suggestion.is_some());
    assert!(suggested.eq((0..100).map(|place| place < 16)));
    bob.rename("robert");
    rig.settle();
    assert!(bob.refusals().is_empty() && bob.goodbye().is_none());
}

#[test]
fn a_nick_that_reads_or_looks_like_a_members_is_taken() {
    let mut rig = Rig::new();
    let _ada = rig.join("ada");
    let mut eve = rig.join("eve");
    let mut peer = rig.connect();
    peer.hello();
    for like in ["ADA", "аdа", "АДА".replace('Д', "D").as_str(), "ａｄａ"] {
        peer.join(like, None);
        eve.rename(like);
        rig.settle();
        assert_eq!([peer.refusal(), eve.refusal()], [Code::NICK_TAKEN; 2], "{like}");
    }
    // A member may respell their own nick.
    eve.rename("еvе");
    rig.settle();
    assert_eq!(kinds(&eve.take()), ["renamed"]);
}

#[test]
fn a_nick_that_nobody_may_take_is_invalid_for_join_and_rename() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let mut peer = rig.connect();
    peer.hello();
    for name in ["\u{301}", "\u{301}\u{302}", "a\u{e000}", "a\u{378}", "a\u{600}", "you", "уоu"] {
        let nick = Nick::from_bytes(name.as_bytes()).unwrap();
        peer.send(Join::new(nick.clone(), None));
        ada.send(Rename { nick });
        rig.settle();
        for (refused, about) in [(peer.refusals(), 0x02), (ada.refusals(), 0x05)] {
            let [refused] = &refused[..] else { panic!("{name:?}: {refused:?}") };
            assert_eq!((refused.code, refused.about), (Code::NICK_INVALID, about), "{name:?}");
            assert!(refused.detail.is_some());
        }
    }
    peer.join("bob", None);
    rig.settle();
    assert!(peer.take().len() > 1 && peer.welcomed().is_some());
}

#[test]
fn a_member_who_joins_quietly_is_listed_and_leaves_quietly() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let mut peer = rig.connect();
    peer.hello();
    peer.send(Join { quiet: Some(Marker), ..join("bob", None) });
    rig.settle();
    let is_quiet = |seen: Vec<Seen>| match &seen[..] {
        [Seen::Event(event)] => event.is_quiet(),
        _ => panic!("{seen:?}"),
    };
    assert!(is_quiet(ada.take()));
    assert!(ada.members().contains(&"bob"));
    peer.rename("robert");
    rig.settle();
    assert!(!is_quiet(ada.take()));
    peer.take();
    peer.reset();
    rig.settle();
    rig.pass_grace();
    assert!(is_quiet(ada.take()), "however it ends");
    assert_eq!(ada.members(), ["ada"]);
    let _carl = rig.join("carl");
    assert!(!is_quiet(ada.take()));
}

#[test]
fn of_two_who_want_one_nick_in_one_turn_one_gets_it() {
    let mut rig = Rig::new();
    let (mut first, mut second) = (rig.connect(), rig.connect());
    for peer in [&first, &second] {
        peer.hello();
        peer.join("ada", None);
    }
    rig.settle();
    assert_eq!(kinds(&first.take()), ["ack", "welcome", "snapshot", "joined"]);
    assert_eq!(kinds(&second.take()), ["ack", "refused"]);
}

#[test]
fn a_rename_sent_with_the_join_is_an_event_after_the_welcome() {
    let mut rig = Rig::new();
    let mut peer = rig.connect();
    peer.hello();
    peer.join("ada", Some(0));
    peer.rename("lovelace");
    rig.settle();
    let seen = peer.take();
    assert_eq!(kinds(&seen), ["ack", "welcome", "snapshot", "renamed"]);
    let Seen::Server(ServerFrame::Welcome(welcome)) = &seen[1] else { panic!("{seen:?}") };
    assert_eq!((welcome.nick.as_str(), welcome.seq), ("ada", Seq(1)));
    assert_eq!(peer.members(), ["lovelace"]);
}

#[test]
fn a_peer_that_shuts_its_side_right_after_the_join_gets_a_farewell() {
    let mut rig = Rig::new();
    let mut peer = rig.connect();
    peer.hello();
    peer.join("ada", None);
    peer.end();
    rig.settle();
    assert_eq!(peer.farewell(), Some(Code::CONNECTION_LOST));
    assert!(peer.is_dropped());
    rig.assert_empty();
}

#[test]
fn a_peer_that_is_closed_in_the_turn_of_its_join_gets_a_farewell() {
    let mut rig = Rig::new();
    let mut peer = rig.connect();
    peer.allow(0);
    peer.hello();
    rig.settle();
    peer.join("ada", None);
    // The reply to its hello was not read for half a minute.
    rig.pass(30_000);
    peer.allow(usize::MAX);
    rig.settle();
    assert_eq!(peer.farewell(), Some(Code::TOO_SLOW));
}

#[test]
fn members_hear_of_joins_leaves_and_renames() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let bob = rig.join("bob");
    bob.rename("bobby");
    rig.settle();
    bob.leave();
    rig.settle();
    let carl = rig.join("carl");
    carl.reset();
    rig.settle();
    rig.pass_grace();
    let seen = ada.take();
    assert_eq!(kinds(&seen), ["joined", "renamed", "left", "joined", "left"]);
    let code = |one: &Seen| match one {
        Seen::Event(Event::Left(left)) => Some((left.nick.to_string(), left.code)),
        _ => None,
    };
    let codes: Vec<_> = seen.iter().filter_map(code).collect();
    assert_eq!(codes, [("bobby".into(), Code::LEFT), ("carl".into(), Code::CONNECTION_LOST)]);
}

#[test]
fn a_peer_that_only_shuts_its_side_still_gets_its_output_and_a_farewell() {
    let mut rig = Rig::new();
    let mut peer = rig.connect();
    peer.hello();
    peer.join("ada", None);
    peer.say("last words");
    peer.end();
    rig.settle();
    let seen = peer.take();
    assert_eq!(kinds(&seen), ["ack", "welcome", "snapshot", "joined", "said", "goodbye"]);
    assert_eq!(peer.farewell(), Some(Code::CONNECTION_LOST));
    assert!(peer.is_dropped());
    rig.assert_empty();
}

#[test]
fn members_get_the_same_bytes_in_the_same_order() {
    let mut rig = Rig::new();
    let mut peers: Vec<Peer> = (0..8).map(|n| rig.join(&format!("peer-{n}"))).collect();
    peers.iter_mut().for_each(|peer| drop(peer.take()));
    let before: Vec<usize> = peers.iter().map(|peer| peer.events().len()).collect();
    for round in 0..20 {
        for peer in &mut peers {
            peer.say(&format!("round {round}"));
        }
        rig.turn();
    }
    rig.settle();
    let mut views = Vec::new();
    for (peer, before) in peers.iter_mut().zip(before) {
        let seen = peer.take();
        let said = |one: &Seen| matches!(one, Seen::Event(Event::Said(Said { .. })));
        assert_eq!(seen.iter().filter(|one| said(one)).count(), 160);
        views.push(peer.events()[before..].to_vec());
    }
    assert!(views.iter().all(|view| *view == views[0]));
}
