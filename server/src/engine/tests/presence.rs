//! Whether a member is still there: nicks held by a connection that may be dead, and members whose
//! connection is lost and who may return in a moment.

use chatshelf_common::wire::frame::{Ping, Pong};
use chatshelf_common::wire::{Code, Event, ServerFrame};

use super::peer::{Peer, Seen, content};
use super::resuming::come_back;
use super::rig::{Rig, SETTINGS};
use crate::disk::block::BLOCK_BYTES;
use crate::engine::limits::{HEARD_LATELY_MS, NICKS_WANTED_MAX};
use crate::engine::{Deadlines, Settings};

fn pings(seen: &[Seen]) -> usize {
    seen.iter().filter(|one| matches!(one, Seen::Server(ServerFrame::ServerPing(_)))).count()
}

/// The events received, in short form.
fn told(peer: &mut Peer) -> Vec<String> {
    let told = |seen| match seen {
        Seen::Event(Event::Joined(it)) => Some(format!("{} joined", it.nick)),
        Seen::Event(Event::Left(it)) => Some(format!("{} left: {:?}", it.nick, it.code)),
        Seen::Event(Event::Renamed(it)) => Some(format!("{} is {}", it.nick, it.to)),
        Seen::Event(Event::Said(it)) => Some(format!("{}: {}", it.nick, it.text)),
        _ => None,
    };
    peer.take().into_iter().filter_map(told).collect()
}

/// Someone who has said hello, and requests a nick.
fn asks_for(rig: &mut Rig, name: &str) -> Peer {
    let peer = rig.connect();
    peer.hello();
    peer.join(name, Some(0));
    rig.settle();
    peer
}

/// A member who was last heard from two seconds ago, and one who watches.
fn a_silent_member() -> (Rig, Peer, Peer) {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    ada.take();
    bob.take();
    rig.pass(2_000);
    (rig, ada, bob)
}

#[test]
fn a_dead_connection_loses_its_nick_to_a_newcomer() {
    let (mut rig, mut ada, mut bob) = a_silent_member();
    let mut peer = rig.connect();
    peer.hello();
    peer.join("Ada", Some(0));
    peer.say("I am back");
    rig.settle();
    assert_eq!((pings(&ada.take()), pings(&bob.take())), (1, 0));
    rig.pass(2_999);
    assert!(peer.refusals().is_empty() && peer.welcomed().is_none() && ada.farewell().is_none());
    rig.pass(1);
    assert_eq!(ada.farewell(), Some(Code::TIMED_OUT));
    assert_eq!(told(&mut bob), ["ada left: TIMED_OUT", "Ada joined", "Ada: I am back"]);
    peer.take();
    assert_eq!(peer.members(), ["Ada", "bob"]);
    assert_eq!(told(&mut ada), [""; 0], "nothing comes after a goodbye");
}

#[test]
fn a_connection_that_gives_any_sign_of_life_keeps_its_nick() {
    for sign in [&[0x31, 0, 0, 0, 0, 0][..], &[0x31]] {
        let (mut rig, mut ada, mut bob) = a_silent_member();
        let mut peer = asks_for(&mut rig, "ada");
        rig.pass(2_999);
        ada.send_raw(sign);
        rig.settle();
        assert_eq!(peer.refusal(), Code::NICK_TAKEN);
        rig.pass(10_000);
        assert_eq!((ada.farewell(), told(&mut bob)), (None, vec![]));
        peer.join("ada2", Some(0));
        rig.settle();
        peer.take();
        assert!(peer.welcomed().is_some());
    }
}

#[test]
fn a_member_heard_a_moment_ago_is_not_pinged() {
    let (mut rig, mut ada, _bob) = a_silent_member();
    ada.send(Pong {});
    rig.settle();
    rig.pass(HEARD_LATELY_MS - 1);
    assert_eq!(asks_for(&mut rig, "ada").refusal(), Code::NICK_TAKEN);
    assert_eq!(pings(&ada.take()), 0);
    rig.pass(1);
    assert_eq!(asks_for(&mut rig, "ada").refusals(), []);
    assert_eq!(pings(&ada.take()), 1);
}

#[test]
fn of_several_who_want_a_name_the_first_gets_it_and_the_holder_is_asked_once() {
    let (mut rig, mut ada, mut bob) = a_silent_member();
    let mut peers: Vec<Peer> = (0..9).map(|_| asks_for(&mut rig, "ada")).collect();
    rig.pass(1_000);
    peers.extend((0..9).map(|_| asks_for(&mut rig, "ada")));
    // The first one does not wait for it.
    peers[0].reset();
    rig.pass(2_000);
    assert_eq!(pings(&ada.take()), 1);
    assert_eq!(ada.farewell(), Some(Code::TIMED_OUT));
    assert_eq!(told(&mut bob), ["ada left: TIMED_OUT", "ada joined"]);
    for (place, peer) in peers.iter_mut().enumerate().skip(1) {
        let refused = peer.refusals().len();
        assert_eq!((refused, peer.welcomed().is_some()), (usize::from(place > 1), place == 1));
    }
}

#[test]
fn a_bounded_number_may_wait_for_names() {
    let (mut rig, mut ada, _bob) = a_silent_member();
    let mut peers: Vec<Peer> = (0..=NICKS_WANTED_MAX).map(|_| asks_for(&mut rig, "ada")).collect();
    let refused: Vec<usize> = peers.iter_mut().map(|peer| peer.refusals().len()).collect();
    assert!(refused[..NICKS_WANTED_MAX].iter().all(|refusals| *refusals == 0));
    assert_eq!(refused[NICKS_WANTED_MAX], 1);
    ada.send(Pong {});
    rig.settle();
    peers.pop();
    assert!(peers.iter_mut().all(|peer| peer.refusal() == Code::NICK_TAKEN));
    assert_eq!(ada.farewell(), None);
}

#[test]
fn frames_behind_a_join_are_handled_once_it_is_decided() {
    let (mut rig, ada, _bob) = a_silent_member();
    let mut peer = rig.connect();
    peer.hello();
    peer.join("ada", Some(0));
    peer.send(Ping {});
    peer.join("eve", Some(0));
    peer.say("hello");
    rig.settle();
    assert_eq!(peer.take().len(), 1, "the answer to Hello");
    ada.send(Pong {});
    rig.settle();
    let seen = peer.take();
    assert!(
        matches!(
            &seen[..],
            [
                Seen::Server(ServerFrame::Refused(_)),
                Seen::Server(ServerFrame::ServerPong(_)),
                Seen::Server(ServerFrame::Welcome(_)),
                Seen::Server(ServerFrame::Snapshot(_)),
                Seen::Event(Event::Said(_)),
            ]
        ),
        "{seen:?}"
    );
}

#[test]
fn a_ghost_whose_client_returns_is_no_ghost() {
    let (mut rig, ada, mut bob) = a_silent_member();
    let mut peer = asks_for(&mut rig, "ada");
    rig.pass(1_000);
    let mut again = come_back(&mut rig, "ada", None, &ada);
    assert_eq!(peer.refusal(), Code::NICK_TAKEN);
    again.take();
    rig.pass(3_000);
    assert_eq!((again.farewell(), told(&mut bob)), (None, vec![]));
}

#[test]
fn a_ghost_that_nobody_waits_for_can_still_return() {
    let (mut rig, mut ada, mut bob) = a_silent_member();
    let peer = asks_for(&mut rig, "ada");
    rig.pass(1_000);
    peer.reset();
    rig.pass(2_000);
    assert_eq!(ada.farewell(), Some(Code::TIMED_OUT));
    let mut again = come_back(&mut rig, "ada", None, &ada);
    again.take();
    assert_eq!(again.members(), ["ada", "bob"]);
    rig.pass(10_000);
    assert_eq!(told(&mut bob), [""; 0]);
}

#[test]
fn a_peer_left_unread_while_the_disk_is_busy_is_not_taken_for_dead() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    ada.offer(1, 8 * BLOCK_BYTES as u64);
    rig.settle();
    rig.hold_disk();
    ada.data(1, 0, &content(4 * BLOCK_BYTES), 65_536);
    rig.settle();
    rig.pass(10_000);
    assert_eq!(asks_for(&mut rig, "ada").refusal(), Code::NICK_TAKEN);
    rig.pass(10_000);
    assert_eq!(ada.farewell(), None);
}

#[test]
fn a_peer_that_reads_however_slowly_is_not_taken_for_dead() {
    let (mut rig, mut ada, mut bob) = a_silent_member();
    ada.allow(0);
    bob.say("a line that waits");
    rig.settle();
    let mut peer = asks_for(&mut rig, "ada");
    rig.pass(2_900);
    ada.allow(1);
    rig.settle();
    rig.pass(100);
    assert_eq!((peer.refusal(), ada.farewell()), (Code::NICK_TAKEN, None));
    // A connection that accepts nothing is dead.
    rig.pass(2_000);
    let mut peer = asks_for(&mut rig, "ada");
    rig.pass(3_000);
    assert!(told(&mut bob).contains(&"ada left: TIMED_OUT".to_owned()));
    peer.take();
    assert!(peer.welcomed().is_some());
}

#[test]
fn a_member_can_take_the_name_of_a_dead_connection_too() {
    let (mut rig, mut ada, mut bob) = a_silent_member();
    let mut carl = rig.join("carl");
    bob.take();
    carl.rename("ada");
    carl.say("in between");
    rig.settle();
    assert_eq!(told(&mut bob), ["carl: in between"]);
    rig.pass(3_000);
    assert_eq!(ada.farewell(), Some(Code::TIMED_OUT));
    assert_eq!(told(&mut bob), ["ada left: TIMED_OUT", "carl is ada"]);
    assert!(carl.refusals().is_empty());
    // Of two requests, the first is answered first.
    rig.pass(2_000);
    carl.rename("bob");
    carl.rename("carl");
    rig.settle();
    assert_eq!((carl.refusal(), told(&mut bob)), (Code::NICK_TAKEN, vec!["ada is carl".into()]));
}

#[test]
fn a_member_who_returns_in_time_was_never_away() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    for (round, is_reset) in [true, false, true].into_iter().enumerate() {
        bob.take();
        if is_reset {
            ada.reset();
        } else {
            ada.end();
        }
        rig.settle();
        rig.pass(4_999);
        bob.say("meanwhile");
        rig.settle();
        let mut again = come_back(&mut rig, "somebody", None, &ada);
        again.take();
        assert_eq!(again.members(), ["ada", "bob"], "{round}");
        again.say("here");
        rig.settle();
        rig.pass(10_000);
        bob.send(Pong {});
        assert_eq!(told(&mut bob), ["bob: meanwhile", "ada: here"]);
        ada = again;
    }
}

#[test]
fn a_member_who_does_not_return_in_time_has_left_for_the_original_reason() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    ada.take();
    bob.reset();
    rig.settle();
    rig.pass(4_999);
    assert_eq!(told(&mut ada), [""; 0]);
    assert_eq!(rig.engine.poll_timeout(rig.now), Some(1));
    rig.pass(1);
    assert_eq!(told(&mut ada), ["bob left: CONNECTION_LOST"]);
    let mut again = come_back(&mut rig, "bob", None, &bob);
    again.take();
    assert_eq!(told(&mut ada), ["bob joined"]);
    bob = rig.join("carl");
    ada.take();
    bob.send_raw(&[0x7f, 0, 0, 0, 0, 0]);
    rig.settle();
    assert_eq!(
        told(&mut ada),
        ["carl left: UNKNOWN_TYPE"],
        "a member who breaks the rules gets no grace period"
    );
}

#[test]
fn the_nick_of_an_absent_member_is_free_to_others() {
    let mut rig = Rig::new();
    let (mut ada, bob, carl) = (rig.join("ada"), rig.join("bob"), rig.join("carl"));
    ada.take();
    bob.reset();
    rig.settle();
    carl.rename("BOB");
    rig.settle();
    assert_eq!(told(&mut ada), ["bob left: CONNECTION_LOST", "carl is BOB"]);
    carl.reset();
    rig.settle();
    let mut peer = asks_for(&mut rig, "bob");
    peer.take();
    assert!(peer.welcomed().is_some());
    assert_eq!(told(&mut ada), ["BOB left: CONNECTION_LOST", "bob joined"]);
}

#[test]
fn nothing_can_be_told_to_an_absent_member() {
    let mut rig = Rig::new();
    let (mut ada, bob) = (rig.join("ada"), rig.join("bob"));
    bob.reset();
    rig.settle();
    ada.take();
    ada.tell("bob", "psst");
    rig.settle();
    assert_eq!(ada.refusal(), Code::MEMBER_BUSY);
    rig.pass_grace();
    ada.take();
    ada.tell("bob", "psst");
    rig.settle();
    assert_eq!(ada.refusal(), Code::NO_SUCH_MEMBER);
}

#[test]
fn an_absent_member_keeps_their_place_in_a_full_room() {
    let mut rig = Rig::with(Settings { members_max: 2, ..SETTINGS });
    let (mut ada, bob) = (rig.join("ada"), rig.join("bob"));
    bob.reset();
    rig.settle();
    let mut eve = asks_for(&mut rig, "eve");
    assert_eq!(eve.farewell(), Some(Code::ROOM_FULL));
    let mut bob = come_back(&mut rig, "bob", None, &bob);
    bob.take();
    assert_eq!(bob.members(), ["ada", "bob"]);
    bob.reset();
    rig.settle();
    rig.pass_grace();
    let _eve = rig.join("eve");
    assert_eq!(told(&mut ada), ["bob joined", "bob left: CONNECTION_LOST", "eve joined"]);
}

#[test]
fn a_server_that_ends_waits_for_nobody() {
    let mut rig = Rig::new();
    let (mut ada, bob) = (rig.join("ada"), rig.join("bob"));
    ada.take();
    bob.reset();
    rig.settle();
    let mut peer = asks_for(&mut rig, "eve");
    peer.take();
    rig.engine.shut_down();
    rig.settle();
    ada.end();
    peer.end();
    rig.settle();
    assert_eq!(told(&mut ada), ["eve joined"]);
    assert!(rig.engine.is_empty());
}

#[test]
fn no_member_is_silent_for_longer_than_the_operator_allows_without_being_asked() {
    for keepalive_ms in [1_000, 20_000, 3_600_000] {
        let deadlines = Deadlines { keepalive_ms, ..Deadlines::DEFAULT };
        let mut rig = Rig::with(Settings { deadlines, ..SETTINGS });
        let mut ada = rig.join("ada");
        for _ in 0..3 {
            rig.pass(keepalive_ms - 1);
            assert_eq!(pings(&ada.take()), 0);
            rig.pass(1);
            assert_eq!(pings(&ada.take()), 1);
            ada.send(Pong {});
            rig.settle();
        }
        rig.pass(keepalive_ms);
        rig.pass(59_999);
        assert_eq!(ada.farewell(), None);
        rig.pass(1);
        assert_eq!(ada.farewell(), Some(Code::TIMED_OUT));
    }
}
