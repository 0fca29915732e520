//! Rooms with a password: who gets in, and how fast an address may guess.

use chatshelf_common::id::ResumeToken;
use chatshelf_common::password::Password;
use chatshelf_common::wire::frame::{CAPABILITY_PASSWORD, Hello, Join, Refused};
use chatshelf_common::wire::{Code, Frame};
use chatshelf_testkit::samples::nick;

use super::peer::{Peer, hello};
use super::pipe::Visits;
use super::rig::{HOME, Rig, SETTINGS, password_of};
use crate::engine::Settings;
use crate::engine::limits::{
    GUESS_BURST, GUESS_MS, GUESS_WAIT_MS, GUESSES_WAITING_MAX, REFUSED_JOINS_MAX, VISIT_GONE_MS,
    VISIT_IDLE_MS,
};
use crate::passwords::Realm;

const CLOSED: Settings = Settings { asks_password: true, ..SETTINGS };
const ELSEWHERE: &str = "198.51.100.7:4000";

fn with_password(name: &str, password: Option<&str>) -> Join {
    let password = password.and_then(|text| Password::new(text.as_bytes()));
    Join { password, ..Join::new(nick(name), Some(0)) }
}

fn guest(rig: &mut Rig, address: &str) -> Peer {
    let mut peer = rig.connect_from(address);
    peer.send(Hello { capabilities: Some(CAPABILITY_PASSWORD), ..hello(1, 1) });
    rig.settle();
    peer.take();
    peer
}

fn guess(rig: &mut Rig, peer: &mut Peer, name: &str, password: &str) {
    peer.send(with_password(name, Some(password)));
    rig.settle();
}

/// Lets an address use up its burst of wrong guesses.
fn exhaust(rig: &mut Rig, address: &str) {
    let mut peer = guest(rig, address);
    for _ in 0..GUESS_BURST {
        guess(rig, &mut peer, "mallory", "wrong");
        assert_eq!(peer.refusals(), [Refused::new(Code::PASSWORD_WRONG, Join::KIND)]);
    }
}

#[test]
fn only_those_who_know_the_password_get_in() {
    let mut rig = Rig::with(CLOSED);
    let mut ada = guest(&mut rig, HOME);
    ada.send(with_password("ada", None));
    rig.settle();
    assert_eq!(ada.refusals(), [Refused::new(Code::PASSWORD_NEEDED, Join::KIND)]);
    guess(&mut rig, &mut ada, "ada", "wrong");
    assert_eq!(ada.refusals(), [Refused::new(Code::PASSWORD_WRONG, Join::KIND)]);
    assert_eq!(rig.engine.room.members_len(), 0);
    guess(&mut rig, &mut ada, "ada", password_of(Realm::Room));
    ada.take();
    assert!(ada.has_snapshot());
    assert_eq!(rig.verified, 2);
}

#[test]
fn a_password_is_verified_once_however_many_nicks_are_tried() {
    let mut rig = Rig::with(CLOSED);
    let mut ada = guest(&mut rig, HOME);
    guess(&mut rig, &mut ada, "ada", password_of(Realm::Room));
    let mut other = guest(&mut rig, HOME);
    guess(&mut rig, &mut other, "ada", password_of(Realm::Room));
    assert_eq!(other.refusals()[0].code, Code::NICK_TAKEN);
    other.send(with_password("bob", None));
    rig.settle();
    other.take();
    assert!(other.has_snapshot());
    assert_eq!(rig.verified, 2);
}

#[test]
fn a_client_that_was_let_in_needs_no_password_to_come_back() {
    let mut rig = Rig::with(CLOSED);
    let mut ada = guest(&mut rig, HOME);
    guess(&mut rig, &mut ada, "ada", password_of(Realm::Room));
    ada.take();
    let resume = ada.resume();
    ada.reset();
    rig.settle();
    let mut again = guest(&mut rig, HOME);
    again.send(Join { resume, ..with_password("ada", None) });
    rig.settle();
    again.take();
    assert!(again.has_snapshot());
    again.reset();
    rig.settle();
    // Nor later, from the same server: it was let in.
    rig.pass_grace();
    exhaust(&mut rig, HOME);
    let mut late = guest(&mut rig, HOME);
    late.send(Join { resume, ..with_password("ada", None) });
    rig.settle();
    late.take();
    assert!(late.has_snapshot());
    let mut forged = guest(&mut rig, HOME);
    let resume = resume.map(|ResumeToken(mut bytes)| {
        bytes[0] ^= 1;
        ResumeToken(bytes)
    });
    forged.send(Join { resume, ..with_password("eve", None) });
    rig.settle();
    assert_eq!(forged.refusals()[0].code, Code::PASSWORD_NEEDED);
}

#[test]
fn a_client_that_knows_no_passwords_is_told_so_and_not_asked_for_another_nick() {
    let mut rig = Rig::with(CLOSED);
    let mut old = rig.connect();
    old.hello();
    old.join("ada", None);
    rig.settle();
    assert_eq!(old.farewell(), Some(Code::PASSWORD_NEEDED));
    assert!(old.goodbye().unwrap().detail.is_some());
    // One that sends a password all the same is answered like any other.
    let mut odd = rig.connect();
    odd.hello();
    guess(&mut rig, &mut odd, "ada", "wrong");
    assert_eq!(odd.refusals()[0].code, Code::PASSWORD_WRONG);
    guess(&mut rig, &mut odd, "ada", password_of(Realm::Room));
    odd.take();
    assert!(odd.has_snapshot());
}

#[test]
fn after_wrong_guesses_an_address_waits_and_the_right_password_gets_in_when_its_turn_comes() {
    let mut rig = Rig::with(CLOSED);
    exhaust(&mut rig, HOME);
    let (mut wrong, mut right) = (guest(&mut rig, HOME), guest(&mut rig, HOME));
    guess(&mut rig, &mut wrong, "mallory", "wrong again");
    guess(&mut rig, &mut right, "ada", password_of(Realm::Room));
    assert!(wrong.take().is_empty() && right.take().is_empty(), "both wait");
    let mut other = guest(&mut rig, ELSEWHERE);
    guess(&mut rig, &mut other, "bob", password_of(Realm::Room));
    other.take();
    assert!(other.has_snapshot(), "nobody elsewhere waits");
    rig.pass(GUESS_MS - 1);
    assert!(wrong.take().is_empty());
    rig.pass(1);
    assert_eq!(wrong.refusals()[0].code, Code::PASSWORD_WRONG);
    assert!(right.take().is_empty(), "one in thirty seconds");
    rig.pass(GUESS_MS);
    right.take();
    assert!(right.has_snapshot());
    // A right one costs nothing: the next who knows it need not wait.
    let mut next = guest(&mut rig, HOME);
    guess(&mut rig, &mut next, "carl", password_of(Realm::Room));
    next.take();
    assert!(next.has_snapshot());
}

#[test]
fn addresses_of_one_ipv6_network_wait_together() {
    let mut rig = Rig::with(CLOSED);
    exhaust(&mut rig, "[2001:db8:1:2::1]:1");
    let mut neighbour = guest(&mut rig, "[2001:db8:1:2:ffff::9]:1");
    guess(&mut rig, &mut neighbour, "ada", password_of(Realm::Room));
    assert!(neighbour.take().is_empty());
    let mut stranger = guest(&mut rig, "[2001:db8:1:3::1]:1");
    guess(&mut rig, &mut stranger, "bob", password_of(Realm::Room));
    stranger.take();
    assert!(stranger.has_snapshot());
}

#[test]
fn a_right_password_gets_in_behind_many_wrong_ones() {
    let mut rig = Rig::with(CLOSED);
    exhaust(&mut rig, HOME);
    let wrong: Vec<Peer> = (0..15).map(|_| guest(&mut rig, HOME)).collect();
    for peer in &wrong {
        peer.send(with_password("mallory", Some("wrong")));
    }
    rig.settle();
    let mut right = guest(&mut rig, HOME);
    guess(&mut rig, &mut right, "ada", password_of(Realm::Room));
    for _ in 0..wrong.len() {
        assert!(right.take().is_empty(), "it is not its turn");
        rig.pass(GUESS_MS);
    }
    rig.pass(GUESS_MS);
    right.take();
    assert!(right.has_snapshot(), "nobody was closed for waiting: {:?}", right.goodbye());
}

#[test]
fn a_class_behind_one_address_gets_in_beside_somebody_who_guesses() {
    let mut rig = Rig::with(CLOSED);
    exhaust(&mut rig, HOME);
    let mut mallory = guest(&mut rig, HOME);
    let mut class: Vec<Peer> = (0..300).map(|_| guest(&mut rig, HOME)).collect();
    mallory.send(with_password("mallory", Some("wrong")));
    for (number, peer) in class.iter().enumerate() {
        peer.send(with_password(&format!("pupil{number}"), Some(password_of(Realm::Room))));
    }
    rig.settle();
    rig.pass(GUESS_MS);
    assert_eq!(mallory.refusals()[0].code, Code::PASSWORD_WRONG);
    mallory.send(with_password("mallory", Some("wrong again")));
    rig.pass(GUESS_MS);
    for (number, peer) in class.iter_mut().enumerate() {
        peer.take();
        assert!(peer.has_snapshot(), "pupil{number}: {:?}", peer.goodbye());
    }
}

#[test]
fn a_visitor_waits_for_its_turn_as_long_as_a_guest_does() {
    let mut rig = Rig::with(CLOSED);
    exhaust(&mut rig, HOME);
    let mut others: Vec<Peer> = (0..3).map(|_| guest(&mut rig, HOME)).collect();
    others.iter_mut().for_each(|peer| guess(&mut rig, peer, "mallory", "wrong"));
    let visitor = rig.connect_from(HOME);
    let password = Some(password_of(Realm::Room));
    visitor.wire.borrow_mut().visits = Some(Visits { password, ..Visits::default() });
    visitor.send_raw(&[99]);
    let refusals = || visitor.wire.borrow().visits.as_ref().unwrap().refusals.clone();
    for _ in 0..4 {
        assert_eq!(refusals(), []);
        rig.pass(GUESS_MS);
    }
    assert_eq!(refusals(), [Code::ITEM_UNKNOWN], "the password was right");
    rig.pass(VISIT_IDLE_MS - 1);
    assert!(!visitor.wire.borrow().shut, "it may ask again");
    rig.pass(1);
    assert!(visitor.wire.borrow().shut);
}

/// A visitor that shows the right password, asks for what is not there, and closes its side.
fn closing_visitor(rig: &mut Rig) -> Peer {
    let visitor = rig.connect_from(HOME);
    let password = Some(password_of(Realm::Room));
    visitor.wire.borrow_mut().visits = Some(Visits { password, ..Visits::default() });
    visitor.send_raw(&[99]);
    // While it waits for its answer, it is not read to its end.
    visitor.wire.borrow_mut().ready.read_closed = true;
    rig.settle();
    visitor
}

#[test]
fn a_visitor_that_closes_its_side_is_answered_if_it_need_not_wait() {
    let mut rig = Rig::with(CLOSED);
    let visitor = closing_visitor(&mut rig);
    assert_eq!(visitor.wire.borrow().visits.as_ref().unwrap().refusals, [Code::ITEM_UNKNOWN]);
}

#[test]
fn a_visitor_that_closes_its_side_and_has_to_wait_keeps_no_place() {
    let mut rig = Rig::with(CLOSED);
    exhaust(&mut rig, HOME);
    let visitor = closing_visitor(&mut rig);
    rig.pass(VISIT_GONE_MS - 1);
    assert!(!visitor.wire.borrow().shut);
    rig.pass(1);
    assert!(visitor.wire.borrow().shut);
}

#[test]
fn who_has_left_keeps_nobody_out_of_a_full_line() {
    let mut rig = Rig::with(CLOSED);
    exhaust(&mut rig, HOME);
    for _ in 0..GUESSES_WAITING_MAX + 10 {
        let mut gone = guest(&mut rig, HOME);
        guess(&mut rig, &mut gone, "mallory", "wrong");
        gone.end();
        rig.settle();
        assert_eq!(gone.farewell(), Some(Code::CONNECTION_LOST));
    }
    let mut right = guest(&mut rig, HOME);
    guess(&mut rig, &mut right, "ada", password_of(Realm::Room));
    rig.pass(GUESS_MS);
    right.take();
    assert!(right.has_snapshot(), "{:?}", right.goodbye());
}

#[test]
fn a_line_that_is_full_says_when_it_moves() {
    let mut rig = Rig::with(CLOSED);
    exhaust(&mut rig, HOME);
    let waiting: Vec<Peer> = (0..GUESSES_WAITING_MAX).map(|_| guest(&mut rig, HOME)).collect();
    for peer in &waiting {
        peer.send(with_password("mallory", Some("wrong")));
    }
    rig.settle();
    let mut late = guest(&mut rig, HOME);
    guess(&mut rig, &mut late, "late", "sesame");
    assert_eq!(late.farewell(), Some(Code::TOO_MANY_GUESSES));
    assert_eq!(late.goodbye().unwrap().retry_ms, Some(GUESS_MS as u32));
}

#[test]
fn nobody_waits_for_longer_than_ten_minutes() {
    let mut rig = Rig::with(CLOSED);
    exhaust(&mut rig, HOME);
    let turns = GUESS_WAIT_MS / GUESS_MS + 2;
    let mut waiting: Vec<Peer> = (0..turns).map(|_| guest(&mut rig, HOME)).collect();
    for peer in &waiting {
        peer.send(with_password("mallory", Some("wrong")));
    }
    rig.settle();
    rig.pass(GUESS_WAIT_MS + SETTINGS.deadlines.join_ms);
    assert_eq!(waiting.pop().unwrap().farewell(), Some(Code::NOT_JOINED_IN_TIME));
}

#[test]
fn a_guess_whose_client_has_gone_costs_nothing() {
    let mut rig = Rig::with(CLOSED);
    exhaust(&mut rig, HOME);
    let verified = rig.verified;
    let mut gone = guest(&mut rig, HOME);
    guess(&mut rig, &mut gone, "mallory", "wrong");
    gone.end();
    rig.settle();
    assert_eq!(gone.farewell(), Some(Code::CONNECTION_LOST), "whoever has left does not wait");
    let mut right = guest(&mut rig, HOME);
    guess(&mut rig, &mut right, "ada", password_of(Realm::Room));
    rig.pass(GUESS_MS);
    right.take();
    assert!(right.has_snapshot());
    assert_eq!(rig.verified, verified + 1);
}

#[test]
fn a_connection_may_guess_only_so_often_before_it_is_closed() {
    let mut rig = Rig::with(CLOSED);
    let mut peer = guest(&mut rig, HOME);
    for _ in 0..=REFUSED_JOINS_MAX {
        peer.send(with_password("ada", None));
        rig.settle();
    }
    assert_eq!(peer.farewell(), Some(Code::TOO_MANY_REFUSALS));
}
