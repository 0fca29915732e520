//! Connections through a layer that holds what it has accepted, reads ahead, and sends bytes of its
//! own.

use chatshelf_common::id::TransferId;
use chatshelf_common::wire::frame::Pong;
use chatshelf_common::wire::{Code, ServerFrame};

use super::peer::{Peer, Seen, content};
use super::pipe::{End, Wire};
use super::rig::{HOME, LooseRig, Rig};
use super::slow::{flood, gaps};
use super::split::conversation;
use super::uploads::upload;
use crate::disk::readahead::WINDOW_FILE_BYTES_MAX;
use crate::engine::layered::{Habits, Layered, Lie, TestTransport};
use crate::engine::limits::{CLOSE_MS, WRITE_STALL_MS};

/// A layer that sends what it accepts, and returns what it reads, immediately.
const PROMPT: Habits = Habits {
    record_bytes: 16 * 1024,
    gathers: false,
    holds_back: false,
    flush_bytes: usize::MAX,
    read_bytes: usize::MAX,
    own_bytes: 0,
    lie: None,
};

/// A layer that sends nothing by itself, a little when asked, and bytes of its own each time.
const RELUCTANT: Habits = Habits { holds_back: true, flush_bytes: 5, own_bytes: 3, ..PROMPT };

/// A member whose connection goes through a layer.
fn join_through(rig: &mut Rig, habits: Habits, nick: &str) -> Peer {
    rig.habits = Some(habits);
    let peer = rig.join(nick);
    rig.habits = None;
    peer
}

fn has_pending(rig: &Rig, peer: &Peer) -> bool {
    rig.engine.connections.get(peer.token).unwrap().has_pending()
}

/// Everything a conversation sends to a peer whose connection goes through a layer, to the last
/// byte.
fn converse(habits: Option<Habits>) -> Vec<u8> {
    let mut rig = Rig::new();
    rig.habits = habits;
    let mut peer = rig.connect();
    for part in conversation() {
        peer.send_raw(&part);
        rig.settle();
    }
    peer.take();
    assert!(peer.wire.borrow().shut, "{habits:?}");
    peer.end();
    rig.settle();
    rig.assert_empty();
    peer.raw.clone()
}

#[test]
fn whatever_a_layer_does_the_peer_gets_the_same_bytes() {
    let plain = converse(None);
    for record_bytes in [1, 2, 7, 64, 16_384] {
        for flush_bytes in [1, 3, usize::MAX] {
            for own_bytes in [0, 1, 29] {
                for (gathers, holds_back) in
                    [(false, false), (false, true), (true, false), (true, true)]
                {
                    let read_bytes = flush_bytes;
                    let habits = Habits {
                        record_bytes,
                        gathers,
                        holds_back,
                        flush_bytes,
                        read_bytes,
                        own_bytes,
                        lie: None,
                    };
                    assert!(converse(Some(habits)) == plain, "{habits:?}");
                }
            }
        }
    }
}

#[test]
fn a_layer_that_keeps_less_than_it_accepts_is_found_out() {
    let lie = Some(Lie::AcceptedMore);
    let spoilt = std::panic::catch_unwind(|| converse(Some(Habits { lie, ..PROMPT })));
    assert!(spoilt.is_err() || spoilt.unwrap() != converse(None));
}

#[test]
#[should_panic(expected = "it is shut before all is sent")]
fn an_engine_that_is_not_told_of_pending_bytes_shuts_too_early() {
    let (gathers, holds_back, lie) = (true, true, Some(Lie::NothingPending));
    converse(Some(Habits { gathers, holds_back, lie, ..PROMPT }));
}

/// Counts the lines sent out of more than a layer reads before its reply is sent.
fn said_at_once(habits: Habits) -> usize {
    let mut rig = Rig::new();
    let mut eve = join_through(&mut rig, habits, "eve");
    let line = "x".repeat(2_000);
    (0..100).for_each(|_| eve.say(&line));
    rig.settle();
    eve.lines().len()
}

#[test]
fn reading_resumes_by_itself_once_the_layer_can() {
    assert_eq!(said_at_once(RELUCTANT), 100);
    let unsaid = said_at_once(Habits { lie: Some(Lie::NothingBuffered), ..RELUCTANT });
    assert!(unsaid < 100, "the test does not notice an engine that does not ask");
}

#[test]
fn what_a_layer_answers_by_itself_is_sent() {
    let mut rig = Rig::new();
    rig.habits = Some(Habits { own_bytes: 29, ..PROMPT });
    let mut peer = rig.connect();
    peer.send_raw(&conversation()[0][..3]);
    rig.settle();
    assert!(!has_pending(&rig, &peer));
    peer.send_raw(&conversation()[0][3..]);
    rig.settle();
    peer.take();
    assert!(peer.welcomed().is_some());
}

#[test]
fn what_was_read_before_the_connection_is_adopted_needs_no_event() {
    let mut rig = Rig::new();
    let token = rig.engine.make_way();
    let wire = Wire::new();
    let mut peer = Peer::new(wire.clone(), token);
    peer.hello();
    peer.join("ada", Some(0));
    let mut layer = Layered::over(End(wire.clone()), PROMPT);
    layer.read_ahead();
    wire.borrow_mut().ready.readable = false;
    rig.engine.adopt(TestTransport::That(layer), HOME.parse().unwrap());
    rig.wires.push((token, wire));
    rig.settle();
    peer.take();
    assert!(peer.welcomed().is_some());
}

#[test]
fn a_connection_is_shut_when_the_last_accepted_byte_is_sent_and_no_earlier() {
    let leave = |habits: Habits, room: usize| {
        let mut rig = Rig::new();
        let mut eve = join_through(&mut rig, habits, "eve");
        eve.allow(room);
        eve.leave();
        rig.settle();
        eve.take();
        (rig, eve)
    };
    let length = leave(PROMPT, usize::MAX).1.raw.len();
    for habits in [PROMPT, RELUCTANT, Habits { gathers: true, ..RELUCTANT }] {
        let (mut rig, mut eve) = leave(habits, 0);
        while eve.raw.len() < length {
            assert!(!eve.wire.borrow().shut && !eve.is_dropped(), "{habits:?}");
            eve.allow(1);
            rig.settle();
            eve.take();
        }
        assert!(eve.wire.borrow().shut, "{habits:?}");
        assert_eq!(eve.goodbye().map(|it| it.code), Some(Code::LEFT));
    }
}

#[test]
fn a_farewell_that_stays_pending_is_given_up_in_time() {
    let mut rig = Rig::new();
    let eve = join_through(&mut rig, RELUCTANT, "eve");
    eve.allow(0);
    eve.leave();
    rig.settle();
    rig.pass(CLOSE_MS - 1);
    assert!(!eve.is_dropped() && has_pending(&rig, &eve));
    rig.pass(1);
    assert!(eve.is_dropped());
    rig.assert_empty();
}

#[test]
fn a_peer_that_takes_nothing_of_what_is_pending_is_too_slow() {
    for gathers in [false, true] {
        let mut rig = Rig::new();
        let mut ada = rig.join("ada");
        let mut eve = join_through(&mut rig, Habits { gathers, ..RELUCTANT }, "eve");
        eve.allow(0);
        ada.say("anyone?");
        rig.settle();
        let connection = rig.engine.connections.get(eve.token).unwrap();
        assert!(
            !connection.send_queue().has_output(rig.engine.room.log()),
            "all of it is accepted"
        );
        // Lines sent meanwhile join it, and do not count as progress.
        rig.pass(WRITE_STALL_MS / 2);
        ada.say("hello?");
        rig.settle();
        rig.pass(WRITE_STALL_MS / 2 - 1);
        assert!(rig.is_joined(&eve), "{gathers}");
        rig.pass(1);
        assert!(!rig.is_joined(&eve), "{gathers}");
        eve.allow(usize::MAX);
        rig.settle();
        assert_eq!(eve.farewell(), Some(Code::TOO_SLOW));
    }
}

#[test]
fn a_peer_that_takes_a_byte_of_what_is_pending_now_and_then_is_not_too_slow() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let eve = join_through(&mut rig, RELUCTANT, "eve");
    eve.allow(0);
    ada.say("anyone?");
    rig.settle();
    for _ in 0..10 {
        rig.pass(WRITE_STALL_MS - 1);
        eve.allow(1);
        rig.settle();
        ada.say("hello?");
        rig.settle();
        eve.send(Pong {});
        ada.send(Pong {});
        rig.settle();
    }
    assert!(rig.is_joined(&eve));
}

/// The peer checks that events continue right after the last one before the gap, so an event that
/// was accepted in part or whole and then changed would not go unnoticed.
#[test]
fn what_is_accepted_outlives_the_log_it_came_from() {
    for record_bytes in [1, 5, 4_000, 16_384] {
        let mut rig = Rig::new();
        let mut ada = rig.join("ada");
        let habits = Habits { record_bytes, gathers: true, ..RELUCTANT };
        let mut eve = join_through(&mut rig, habits, "eve");
        eve.allow(0);
        flood(&mut rig, &mut ada);
        assert!(has_pending(&rig, &eve));
        eve.allow(usize::MAX);
        rig.settle();
        let seen = eve.take();
        assert!(matches!(seen[0], Seen::Event(_)), "{record_bytes}");
        assert_eq!(gaps(&seen).len(), 1, "{record_bytes}");
        ada.take();
        assert_eq!((eve.last_event(), eve.state()), (ada.last_event(), ada.state()));
    }
}

#[test]
fn downloads_through_a_layer_come_from_memory() {
    let file = content(2 * WINDOW_FILE_BYTES_MAX);
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    upload(&mut rig, &mut ada, 1, &file);
    for (number, own_bytes) in [(2, 0), (3, 29)] {
        let habits = Habits { own_bytes, ..PROMPT };
        let mut eve = join_through(&mut rig, habits, &format!("eve-{number}"));
        eve.request(number, 1, None);
        rig.settle();
        let seen = eve.take();
        let is_refused = |one: &Seen| matches!(one, Seen::Server(ServerFrame::Refused(_)));
        assert!(!seen.iter().any(is_refused));
        assert!(eve.files[&TransferId(number)] == file, "{own_bytes}");
    }
}

#[test]
fn a_connection_that_is_reset_with_bytes_pending_leaves_nothing() {
    let mut rig = LooseRig::new();
    rig.habits = Some(RELUCTANT);
    let (mut ada, eve) = (rig.join("ada"), rig.join("eve"));
    eve.allow(0);
    ada.say("anyone?");
    rig.settle();
    eve.reset();
    ada.reset();
    rig.settle();
    assert!(eve.is_dropped() && ada.is_dropped());
    rig.assert_empty();
}
