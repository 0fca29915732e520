//! Resuming: tokens, what was missed, and what was sent twice.

use chatshelf_common::id::{MessageId, ResumeToken, Seq, UnixMillis};
use chatshelf_common::wire::frame::{Join, Marker, Say};
use chatshelf_common::wire::{Code, Event};

use super::peer::{Peer, Seen, bytes, events, frame, join, say};
use super::rig::{Rig, SETTINGS};
use crate::engine::Settings;

/// Joins again with what a peer knows from its last connection.
pub(super) fn come_back(
    rig: &mut Rig,
    name: &str,
    since: Option<(Seq, UnixMillis)>,
    before: &Peer,
) -> Peer {
    let peer = rig.connect();
    peer.hello();
    peer.send(Join {
        since: since.map(|(seq, _)| seq),
        since_at: since.map(|(_, at)| at),
        resume: before.resume(),
        ..join(name, Some(0))
    });
    rig.settle();
    peer
}

fn at(rig: &Rig, seq: u64) -> (Seq, UnixMillis) {
    (Seq(seq), rig.engine.room.log().time_of(Seq(seq)).unwrap())
}

#[test]
fn a_membership_resumes_over_another_connection_and_the_room_hears_nothing() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    ada.take();
    bob.say("while you were away");
    rig.settle();
    bob.take();
    let before = at(&rig, 2);
    let mut again = come_back(&mut rig, "somebody", Some(before), &ada);
    assert_eq!(ada.farewell(), Some(Code::REPLACED));
    assert_eq!(bob.take(), [], "nobody left and nobody joined");
    assert_eq!(again.lines(), ["while you were away"]);
    assert_eq!(again.first_event(), Some(Seq(3)));
    assert_eq!(again.members(), ["ada", "bob"], "the nick is the old one");
    again.say("back");
    bob.tell("ada", "psst");
    rig.settle();
    assert_eq!(bob.lines(), ["back"]);
    assert!(again.take().iter().any(|seen| matches!(seen, Seen::Server(_))), "and gets messages");
    rig.pass(10_000);
    assert_eq!(rig.engine.connections(), 2);
}

#[test]
fn unread_bytes_of_a_replaced_connection_are_discarded() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    let peer = rig.connect();
    peer.hello();
    rig.settle();
    peer.send(Join { resume: ada.resume(), ..join("ada", None) });
    ada.say("too late");
    // The new connection happens to be served first.
    rig.wires.reverse();
    rig.settle();
    assert_eq!(bob.lines().len(), 0);
    assert_eq!(ada.farewell(), Some(Code::REPLACED));
}

#[test]
fn the_nick_beside_a_good_token_may_be_anything() {
    let mut rig = Rig::new();
    let (ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    let mut good = bytes(Join { resume: ada.resume(), ..join("ada", Some(0)) });
    for wrong in [&b"a b"[..], b"", b"\xff\xff\xff", b"-x"] {
        let nick = [&[7, 0, wrong.len() as u8][..], wrong].concat();
        let value = [&nick, &good[12..]].concat();
        let mut again = rig.connect();
        again.hello();
        again.send_raw(&frame(0x02, 0, &value));
        rig.settle();
        again.take();
        assert_eq!(again.members(), ["ada", "bob"], "{wrong:02x?}");
    }
    assert_eq!(bob.take(), []);
    // With an invalid token, it is refused as usual.
    *good.last_mut().unwrap() ^= 1;
    good[9..12].copy_from_slice(b"a b");
    let mut other = rig.connect();
    other.hello();
    other.send_raw(&good);
    rig.settle();
    assert_eq!(other.refusal(), Code::NICK_INVALID);
}

#[test]
fn only_ones_own_ghost_is_replaced() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.join("ada"), rig.join("bob"));
    let mut mallory = rig.connect();
    mallory.hello();
    let mut forged = ada.resume().unwrap();
    forged.0[23] ^= 1;
    mallory.send(Join { resume: Some(forged), ..join("ada", None) });
    rig.settle();
    assert_eq!(mallory.refusal(), Code::NICK_TAKEN);
    mallory.send(Join { resume: Some(ResumeToken([0; 24])), ..join("ada", None) });
    rig.settle();
    assert_eq!(mallory.refusal(), Code::NICK_TAKEN);
    // A valid token gives its own membership, not the requested nick.
    let mut again = come_back(&mut rig, "ada", None, &bob);
    again.take();
    again.say("I am bob");
    rig.settle();
    let said = again.take();
    assert!(matches!(&said[..], [Seen::Event(Event::Said(said))] if said.nick.as_str() == "bob"));
    assert_eq!(rig.engine.room.members_len(), 2);
}

#[test]
fn a_session_keeps_its_token_on_every_connection() {
    let mut rig = Rig::new();
    let ada = rig.join("ada");
    let mut second = come_back(&mut rig, "ada", None, &ada);
    second.take();
    assert_eq!(second.resume(), ada.resume());
    // The second welcome may not have arrived; then the client knows no more than before.
    let mut third = come_back(&mut rig, "ada", None, &ada);
    third.take();
    assert_eq!(second.farewell(), Some(Code::REPLACED));
    assert_eq!(third.members(), ["ada"]);
    third.reset();
    rig.settle();
    // Likewise if the room had given the member up in between.
    let fourth = come_back(&mut rig, "ada", None, &ada);
    let mut fifth = come_back(&mut rig, "ada", None, &ada);
    fifth.take();
    assert_eq!(fifth.members(), ["ada"]);
    drop(fourth);
    fifth.leave();
    rig.settle();
    rig.pass(10_000);
    rig.assert_empty();
}

#[test]
fn a_member_that_was_given_up_joins_like_any_other() {
    let mut rig = Rig::new();
    let (ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    ada.reset();
    rig.settle();
    rig.pass_grace();
    let before = at(&rig, 2);
    let mut again = come_back(&mut rig, "ada", Some(before), &ada);
    again.take();
    assert_eq!(again.first_event(), Some(Seq(3)));
    let seen = bob.take();
    let [Seen::Event(Event::Left(_)), Seen::Event(Event::Joined(_))] = &seen[..] else {
        panic!("{seen:?}");
    };
}

#[test]
fn events_after_since_come_whatever_the_history_and_its_limit() {
    let mut rig = Rig::with(Settings { history_max: 3, ..SETTINGS });
    let (ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    for n in 0..20 {
        bob.say(&n.to_string());
    }
    rig.settle();
    let since = at(&rig, 5);
    let mut again = come_back(&mut rig, "ada", Some(since), &ada);
    assert_eq!(again.lines().len(), 17);
    // A client that cannot prove that it was here gets no more than the limit.
    let stranger = rig.connect();
    stranger.hello();
    stranger.send(Join { since: Some(Seq(5)), ..join("eve", None) });
    let mut stranger = stranger;
    rig.settle();
    assert_eq!(stranger.lines(), ["17", "18", "19"]);
    assert_eq!(stranger.first_event(), Some(Seq(20)));
}

/// A room in which 20 lines were said before ada came, and 3 since; and ada, who has left
/// if she `is_gone`.
fn room_with_a_past(history_max: u32, history: u32, is_gone: bool) -> (Rig, Peer) {
    let mut rig = Rig::with(Settings { history_max, ..SETTINGS });
    let mut bob = rig.join("bob");
    (0..20).for_each(|n| bob.say(&format!("before {n}")));
    rig.settle();
    let mut ada = rig.connect();
    ada.hello();
    ada.join("ada", Some(history));
    rig.settle();
    ada.take();
    (0..3).for_each(|n| bob.say(&format!("after {n}")));
    rig.settle();
    if is_gone {
        ada.leave();
        rig.settle();
    }
    (rig, ada)
}

#[test]
fn a_session_sees_no_further_back_than_its_first_join() {
    let nowhen = UnixMillis(0);
    for (history_max, history, is_gone, expected) in [
        (5, 5, false, 8),
        (5, 5, true, 8),
        (5, 2, false, 5),
        (0, 50, false, 3),
        (0, 50, true, 3),
        (1000, 0, false, 3),
        (1000, 1000, false, 23),
    ] {
        // However often it tries, and whatever it claims to know.
        for since in [Some((Seq(0), nowhen)), Some((Seq(1), nowhen)), Some((Seq(u64::MAX), nowhen))]
        {
            let (mut rig, ada) = room_with_a_past(history_max, history, is_gone);
            for round in 0..3 {
                let mut again = come_back(&mut rig, "ada", since, &ada);
                let lines = again.lines();
                let case = format!("{history_max} {history} {is_gone} {since:?} {round}");
                assert_eq!(lines.len(), expected, "{case}: {lines:?}");
                assert_eq!(again.first_event(), ada.first_event(), "{case}");
            }
        }
    }
}

#[test]
fn without_since_a_session_gets_as_many_lines_as_any_joiner() {
    let (mut rig, ada) = room_with_a_past(5, 5, false);
    for history in [0, 3, u32::MAX] {
        let mut again = rig.connect();
        again.hello();
        again.send(Join { resume: ada.resume(), ..join("ada", Some(history)) });
        rig.settle();
        assert_eq!(again.lines().len(), history.min(5) as usize);
    }
}

#[test]
fn what_is_no_longer_held_shows_in_the_first_event() {
    let mut rig = Rig::new();
    let (ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    let since = at(&rig, 1);
    for _ in 0..1200 {
        bob.say(&"x".repeat(8000));
    }
    rig.settle();
    let log = rig.engine.room.log();
    let first = log.seq_from(log.start());
    assert!(first > Seq(2));
    let mut again = come_back(&mut rig, "ada", Some(since), &ada);
    again.take();
    assert_eq!(again.first_event(), Some(first));
}

#[test]
fn nothing_missed_means_nothing_sent() {
    let mut rig = Rig::new();
    let ada = rig.join("ada");
    let since = at(&rig, 1);
    let mut again = come_back(&mut rig, "ada", Some(since), &ada);
    assert!(again.take().iter().all(|seen| !matches!(seen, Seen::Event(_))));
    assert_eq!((again.welcomed(), again.first_event()), (Some(Seq(1)), Some(Seq(2))));
}

/// A server that has lost events in a crash: those of `rig` after the first `kept`.
fn crashed(rig: Rig, kept: usize) -> Rig {
    let mut past = events(&rig.journal);
    past.truncate(kept);
    let now = rig.now;
    let (disk, items) = rig.disk.reopen(now.at);
    let mut rig = Rig::over(SETTINGS, disk, items, past);
    rig.now.at = UnixMillis(now.at.0 + 5_000);
    rig
}

#[test]
fn a_client_with_events_that_a_crash_took_starts_where_the_new_ones_begin() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    (0..5).for_each(|n| ada.say(&n.to_string()));
    rig.settle();
    let since = at(&rig, 6);
    let mut rig = crashed(rig, 3);
    // Nothing new yet: the newest event it knows is higher than any there is.
    let mut again = come_back(&mut rig, "ada", Some(since), &ada);
    again.take();
    assert_eq!(again.first_event(), Some(Seq(4)));
    // And once another event has the same number.
    (0..5).for_each(|n| again.say(&format!("new {n}")));
    rig.settle();
    again.reset();
    rig.settle();
    let mut third = come_back(&mut rig, "ada", Some(since), &ada);
    assert_eq!(third.lines().len(), 5);
    assert_eq!(third.first_event(), Some(Seq(4)));
    // Its own history is the server's.
    let since = at(&rig, 6);
    third.reset();
    rig.settle();
    let mut fourth = come_back(&mut rig, "ada", Some(since), &ada);
    fourth.take();
    assert_eq!(fourth.first_event(), Some(Seq(7)));
}

#[test]
fn since_without_a_time_is_believed_and_a_time_without_since_is_ignored() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    (0..5).for_each(|n| ada.say(&n.to_string()));
    rig.settle();
    let since = at(&rig, 4);
    let mut rig = crashed(rig, 3);
    let mut bob = rig.join("bob");
    (0..5).for_each(|n| bob.say(&format!("new {n}")));
    rig.settle();
    let first_event = |rig: &mut Rig, name: &str, since, since_at| {
        let mut peer = rig.connect();
        peer.hello();
        peer.send(Join { since, since_at, ..join(name, Some(0)) });
        rig.settle();
        peer.take();
        peer.first_event()
    };
    let (seq, time) = since;
    assert_eq!(first_event(&mut rig, "cy", Some(seq), Some(time)), Some(Seq(4)), "lost");
    assert_eq!(first_event(&mut rig, "dan", Some(seq), None), Some(Seq(5)), "believed");
    let newest = rig.engine.room.log().last_seq();
    assert_eq!(first_event(&mut rig, "eve", Some(Seq(99)), None), Some(Seq(4)), "there is none");
    assert_eq!(first_event(&mut rig, "fay", None, Some(time)), Some(Seq(newest.0 + 3)), "ignored");
}

#[test]
fn a_token_of_an_earlier_start_does_not_help() {
    let mut rig = Rig::new();
    let ada = rig.join("ada");
    let mut rig = crashed(rig, 1);
    let bob = rig.join("ada");
    // The rig's secret is always the same; a server's is not.
    let mut forged = ada.resume().unwrap();
    forged.0[9] ^= 0x40;
    let mut again = rig.connect();
    again.hello();
    again.send(Join { resume: Some(forged), ..join("ada", None) });
    rig.settle();
    assert_eq!(again.refusal(), Code::NICK_TAKEN);
    assert!(!bob.is_dropped());
}

fn repeated(id: u64, text: &str) -> Say {
    Say { repeat: Some(Marker), ..say(id, text) }
}

#[test]
fn a_line_that_is_in_the_log_is_not_said_again() {
    let mut rig = Rig::new();
    let (ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    ada.send(say(900, "once"));
    rig.settle();
    assert_eq!(bob.lines(), ["once"]);
    let mut again = come_back(&mut rig, "ada", None, &ada);
    again.take();
    again.send(repeated(900, "once"));
    again.send(repeated(901, "new"));
    rig.settle();
    assert_eq!(bob.lines(), ["new"]);
    let refusals = again.refusals();
    assert_eq!(refusals.len(), 1);
    assert_eq!((refusals[0].code, refusals[0].id), (Code::ALREADY_SAID, Some(MessageId(900))));
    // Also after a restart, because the log knows it.
    let all = events(&rig.journal).len();
    let mut rig = crashed(rig, all);
    let mut bob = rig.join("bob");
    let mut again = rig.join("ada");
    again.send(repeated(900, "once"));
    rig.settle();
    assert_eq!((again.refusal(), bob.lines().len()), (Code::ALREADY_SAID, 0));
}

#[test]
fn a_number_alone_does_not_make_a_repetition() {
    let mut rig = Rig::new();
    let (ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    for line in [say(1, "hi"), say(1, "hi"), repeated(1, "another text"), repeated(2, "hi")] {
        ada.send(line);
    }
    rig.settle();
    assert_eq!(bob.lines(), ["hi", "hi", "another text", "hi"]);
}
