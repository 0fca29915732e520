//! Operators: who is one, what they do, and what follows for everyone else.

use chatshelf_common::id::{BanId, ItemId, Seq};
use chatshelf_common::password::Password;
use chatshelf_common::wire::frame::{
    Action, BanEntry, BansRequest, Drop, Join, Moderate, Moderated, Op, Refused,
};
use chatshelf_common::wire::{Code, Event, Frame, ServerFrame};
use chatshelf_testkit::samples::nick;

use super::peer::{Peer, Seen, join};
use super::rig::{HOME, Rig, SETTINGS, password_of};
use super::uploads::upload;
use crate::engine::Settings;
use crate::passwords::Realm;

const WITH_OPERATORS: Settings = Settings { has_operators: true, ..SETTINGS };
const ELSEWHERE: &str = "198.51.100.7:4000";

fn op(rig: &mut Rig, peer: &mut Peer, text: &str) {
    peer.send(Op { password: Password::new(text.as_bytes()).unwrap() });
    rig.settle();
}

/// A rig with an operator called `ada`, and bob from elsewhere.
fn with_operator() -> (Rig, Peer, Peer) {
    let mut rig = Rig::with(WITH_OPERATORS);
    let (mut ada, mut bob) = (rig.join("ada"), rig.join_from(ELSEWHERE, "bob"));
    op(&mut rig, &mut ada, password_of(Realm::Operators));
    assert_eq!(deeds(&mut bob), [(Action::OP, None)]);
    ada.take();
    (rig, ada, bob)
}

fn order(rig: &mut Rig, peer: &Peer, order: Moderate) {
    peer.send(order);
    rig.settle();
}

fn against(action: Action, name: &str) -> Moderate {
    Moderate { to: Some(nick(name)), ..Moderate::new(action) }
}

fn of_line(line: Seq) -> Moderate {
    Moderate { line: Some(line), ..Moderate::new(Action::REDACT) }
}

fn of_address(address: &str) -> Moderate {
    let address = Some(address.parse().unwrap());
    Moderate { address, ..Moderate::new(Action::BAN) }
}

/// What operators did since the last call, as this peer was told, and to whom.
fn deeds(peer: &mut Peer) -> Vec<(Action, Option<String>)> {
    let told = |seen| match seen {
        Seen::Event(Event::Moderated(Moderated { action, to, .. })) => {
            Some((action, to.map(|to| to.to_string())))
        }
        _ => None,
    };
    peer.take().into_iter().filter_map(told).collect()
}

fn bans(rig: &mut Rig, peer: &mut Peer) -> Vec<BanEntry> {
    peer.take();
    peer.send(BansRequest {});
    rig.settle();
    let told = peer.take().into_iter().filter_map(|seen| match seen {
        Seen::Server(ServerFrame::Bans(bans)) => Some(bans.bans),
        _ => None,
    });
    told.flatten().collect()
}

fn code_of_refusal(peer: &mut Peer) -> Code {
    match &peer.refusals()[..] {
        [Refused { code, .. }] => *code,
        other => panic!("{other:?}"),
    }
}

/// The code with which somebody is turned away who would join.
fn turned_away(rig: &mut Rig, address: &str, name: &str) -> Option<Code> {
    let mut peer = rig.connect_from(address);
    peer.hello();
    peer.join(name, Some(0));
    rig.settle();
    peer.farewell()
}

#[test]
fn only_the_password_makes_an_operator_and_only_operators_may() {
    let mut rig = Rig::with(WITH_OPERATORS);
    let mut ada = rig.join("ada");
    let orders = [against(Action::KICK, "ada"), Moderate::new(Action::LOCK_TOPIC), of_line(Seq(1))];
    for refused in orders {
        order(&mut rig, &ada, refused);
        assert_eq!(code_of_refusal(&mut ada), Code::NOT_OPERATOR);
    }
    ada.send(BansRequest {});
    rig.settle();
    assert_eq!(code_of_refusal(&mut ada), Code::NOT_OPERATOR);
    op(&mut rig, &mut ada, "wrong");
    assert_eq!(code_of_refusal(&mut ada), Code::PASSWORD_WRONG);
    op(&mut rig, &mut ada, password_of(Realm::Room));
    assert_eq!(code_of_refusal(&mut ada), Code::PASSWORD_WRONG);
    op(&mut rig, &mut ada, password_of(Realm::Operators));
    assert_eq!(deeds(&mut ada), [(Action::OP, None)]);
    op(&mut rig, &mut ada, password_of(Realm::Operators));
    assert_eq!(code_of_refusal(&mut ada), Code::UNCHANGED);
}

#[test]
fn an_operator_stays_one_over_connections_and_no_longer_than_the_membership() {
    let (mut rig, ada, _bob) = with_operator();
    let resume = ada.resume();
    let mut again = rig.connect();
    again.hello();
    again.send(Join { resume, ..join("ada", Some(0)) });
    rig.settle();
    order(&mut rig, &again, Moderate::new(Action::LOCK_TOPIC));
    assert_eq!(deeds(&mut again), [(Action::LOCK_TOPIC, None)]);
    again.leave();
    rig.settle();
    let mut other = rig.join("ada");
    order(&mut rig, &other, Moderate::new(Action::UNLOCK_TOPIC));
    assert_eq!(code_of_refusal(&mut other), Code::NOT_OPERATOR);
}

#[test]
fn a_kicked_member_learns_why_and_everyone_is_told() {
    let (mut rig, mut ada, mut bob) = with_operator();
    let reason = chatshelf_common::text::Note::new("enough").ok();
    let kick = Moderate { reason: reason.clone(), ..against(Action::KICK, "BOB") };
    order(&mut rig, &ada, kick);
    bob.take();
    let farewell = bob.goodbye().unwrap();
    assert_eq!((farewell.code, &farewell.detail), (Code::KICKED, &reason));
    let seen = ada.take();
    let [Seen::Event(Event::Moderated(told)), Seen::Event(Event::Left(left))] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(
        (told.nick.as_str(), told.to.as_ref(), &told.reason),
        ("ada", Some(&nick("bob")), &reason)
    );
    assert_eq!((left.nick.as_str(), left.code), ("bob", Code::KICKED));
    order(&mut rig, &ada, against(Action::KICK, "bob"));
    assert_eq!(code_of_refusal(&mut ada), Code::NO_SUCH_MEMBER);
    order(&mut rig, &ada, against(Action::KICK, "ada"));
    assert_eq!(code_of_refusal(&mut ada), Code::YOURSELF);
    rig.join_from(ELSEWHERE, "bob");
}

#[test]
fn who_is_put_out_while_absent_leaves_for_that_reason_and_comes_back_as_somebody_new() {
    for (action, code) in [(Action::KICK, Code::KICKED), (Action::BAN, Code::BANNED)] {
        for ends_politely in [false, true] {
            let (mut rig, mut ada, bob) = with_operator();
            // Of one that has ended its side and reads nothing, the connection is still there.
            bob.allow(0);
            if ends_politely {
                bob.end();
            } else {
                bob.reset();
            }
            rig.settle();
            assert_eq!(left(&mut ada), [], "bob may be back in a moment");
            order(&mut rig, &ada, against(action, "bob"));
            assert_eq!(left(&mut ada), [("bob".to_owned(), code)]);
            let mut again = rig.connect();
            again.hello();
            again.send(Join { resume: bob.resume(), ..join("bob", Some(0)) });
            rig.settle();
            let is_banned = code == Code::BANNED;
            assert_eq!(again.farewell(), is_banned.then_some(Code::BANNED));
            let joined = ada.take().iter().any(|it| matches!(it, Seen::Event(Event::Joined(_))));
            assert_eq!(joined, !is_banned, "who was kicked joins like anyone");
            rig.pass(10_000);
            assert_eq!(left(&mut ada), []);
        }
    }
}

/// Who has left since the last call, and why.
fn left(peer: &mut Peer) -> Vec<(String, Code)> {
    let left = |seen| match seen {
        Seen::Event(Event::Left(it)) => Some((it.nick.to_string(), it.code)),
        _ => None,
    };
    peer.take().into_iter().filter_map(left).collect()
}

#[test]
fn the_same_ban_again_is_unchanged_and_one_that_is_over_cannot_be_ended() {
    let (mut rig, mut ada, mut bob) = with_operator();
    order(&mut rig, &ada, against(Action::BAN, "bob"));
    assert_eq!(bob.farewell(), Some(Code::BANNED));
    ada.take();
    order(&mut rig, &ada, against(Action::BAN, "bob"));
    assert_eq!(code_of_refusal(&mut ada), Code::UNCHANGED);
    let brief = Moderate { seconds: Some(1), ..against(Action::BAN, "bob") };
    order(&mut rig, &ada, brief);
    assert_eq!(deeds(&mut ada), [(Action::BAN, Some("bob".into()))]);
    let [entry] = &bans(&mut rig, &mut ada)[..] else { panic!("it replaces the first") };
    assert_eq!(entry.ban, BanId(2));
    rig.pass(1_000);
    ada.take();
    for gone in [1, 2] {
        let unban = Moderate { ban: Some(BanId(gone)), ..Moderate::new(Action::UNBAN) };
        order(&mut rig, &ada, unban);
        assert_eq!(code_of_refusal(&mut ada), Code::BAN_UNKNOWN);
    }
}

#[test]
fn an_operator_stays_when_banned_and_is_kept_out_once_kicked() {
    let (mut rig, mut ada, mut bob) = with_operator();
    op(&mut rig, &mut bob, password_of(Realm::Operators));
    order(&mut rig, &ada, against(Action::BAN, "bob"));
    assert_eq!((bob.farewell(), left(&mut ada)), (None, vec![]));
    order(&mut rig, &ada, against(Action::KICK, "bob"));
    assert_eq!(bob.farewell(), Some(Code::KICKED));
    assert_eq!(turned_away(&mut rig, "203.0.113.9:1", "bob"), Some(Code::BANNED));
}

#[test]
fn a_banned_nick_stays_out_with_its_look_alikes_and_under_a_new_name() {
    let (mut rig, mut ada, mut bob) = with_operator();
    let ban = Moderate { seconds: Some(3600), ..against(Action::BAN, "bob") };
    order(&mut rig, &ada, ban);
    assert_eq!(bob.farewell(), Some(Code::BANNED));
    assert_eq!(bob.goodbye().unwrap().detail.as_ref().unwrap().as_str(), "for 60 more min");
    for name in ["bob", "B0B", "Воb"] {
        assert_eq!(turned_away(&mut rig, "203.0.113.9:1", name), Some(Code::BANNED), "{name}");
    }
    assert_eq!(turned_away(&mut rig, ELSEWHERE, "carl"), Some(Code::BANNED), "a new name");
    let mut dora = rig.join_from("203.0.113.9:1", "dora");
    dora.rename("bob");
    rig.settle();
    assert_eq!(code_of_refusal(&mut dora), Code::BANNED);
    let [entry] = &bans(&mut rig, &mut ada)[..] else { panic!() };
    assert_eq!((entry.ban, entry.nick.as_str()), (BanId(1), "ada"));
    assert_eq!(entry.address, "::ffff:198.51.100.7".parse().ok());
    rig.pass(3_600_000);
    assert_eq!(turned_away(&mut rig, ELSEWHERE, "bob"), None, "it has ended");
    assert!(bans(&mut rig, &mut ada).is_empty());
}

#[test]
fn the_others_behind_the_address_of_a_banned_member_stay_and_may_come() {
    let (mut rig, mut ada, mut bob) = with_operator();
    let mut carl = rig.join_from(ELSEWHERE, "carl");
    order(&mut rig, &ada, against(Action::BAN, "bob"));
    assert_eq!(bob.farewell(), Some(Code::BANNED));
    carl.take();
    assert!(carl.goodbye().is_none());
    assert_eq!(turned_away(&mut rig, ELSEWHERE, "dora"), None);
    assert_eq!(bans(&mut rig, &mut ada)[0].address, None);
    // Someone on the server's own machine shares it with everyone there.
    let _eve = rig.join_from("127.0.0.1:5", "eve");
    order(&mut rig, &ada, against(Action::BAN, "eve"));
    assert_eq!(bans(&mut rig, &mut ada)[1].address, None);
}

#[test]
fn a_ban_of_an_address_holds_for_an_ipv6_network_and_not_for_the_operators() {
    let (mut rig, mut ada, _bob) = with_operator();
    let mut eve = rig.join_from("[2001:db8:1:2::9]:1", "eve");
    order(&mut rig, &ada, of_address("2001:db8:1:2::1"));
    assert_eq!(deeds(&mut ada), [(Action::BAN, None)], "the room is not told the address");
    assert_eq!(eve.farewell(), Some(Code::BANNED));
    assert_eq!(turned_away(&mut rig, "[2001:db8:1:2:ffff::7]:1", "eve2"), Some(Code::BANNED));
    assert_eq!(turned_away(&mut rig, "[2001:db8:1:3::7]:1", "eve2"), None);
    ada.take();
    let own = format!("::ffff:{}", HOME.split(':').next().unwrap());
    for own in [of_address(&own), against(Action::BAN, "Ada")] {
        order(&mut rig, &ada, own);
        assert_eq!(code_of_refusal(&mut ada), Code::YOURSELF);
    }
    order(&mut rig, &ada, Moderate::new(Action::BAN));
    assert_eq!(code_of_refusal(&mut ada), Code::ACTION_UNKNOWN);
    order(&mut rig, &ada, Moderate::new(Action(99)));
    assert_eq!(code_of_refusal(&mut ada), Code::ACTION_UNKNOWN);
}

#[test]
fn bans_and_the_lock_outlive_a_restart_until_they_are_ended() {
    let (mut rig, ada, _bob) = with_operator();
    order(&mut rig, &ada, against(Action::BAN, "bob"));
    order(&mut rig, &ada, Moderate::new(Action::LOCK_TOPIC));
    let mut rig = rig.restart(WITH_OPERATORS);
    assert_eq!(turned_away(&mut rig, ELSEWHERE, "bob"), Some(Code::BANNED));
    let mut ada = rig.join("ada");
    ada.set_topic(Some("mine"));
    rig.settle();
    assert_eq!(code_of_refusal(&mut ada), Code::TOPIC_LOCKED);
    op(&mut rig, &mut ada, password_of(Realm::Operators));
    ada.set_topic(Some("ours"));
    let unban = |ban| Moderate { ban: Some(BanId(ban)), ..Moderate::new(Action::UNBAN) };
    order(&mut rig, &ada, unban(1));
    assert_eq!(ada.topic(), None);
    assert_eq!(deeds(&mut ada)[1..], [(Action::UNBAN, Some("bob".into()))]);
    assert_eq!(ada.topic(), Some("ours"));
    order(&mut rig, &ada, unban(1));
    assert_eq!(code_of_refusal(&mut ada), Code::BAN_UNKNOWN);
    let mut rig = rig.restart(WITH_OPERATORS);
    assert_eq!(turned_away(&mut rig, ELSEWHERE, "bob"), None);
}

#[test]
fn anyone_may_set_the_topic_again_once_it_is_unlocked() {
    let (mut rig, mut ada, mut bob) = with_operator();
    order(&mut rig, &ada, Moderate::new(Action::UNLOCK_TOPIC));
    assert_eq!(code_of_refusal(&mut ada), Code::UNCHANGED);
    order(&mut rig, &ada, Moderate::new(Action::LOCK_TOPIC));
    bob.set_topic(Some("mine"));
    rig.settle();
    assert_eq!(code_of_refusal(&mut bob), Code::TOPIC_LOCKED);
    order(&mut rig, &ada, Moderate::new(Action::UNLOCK_TOPIC));
    bob.set_topic(Some("mine"));
    rig.settle();
    bob.take();
    assert_eq!(bob.topic(), Some("mine"));
}

#[test]
fn an_operator_drops_what_others_have_shared() {
    let (mut rig, mut ada, mut bob) = with_operator();
    upload(&mut rig, &mut bob, 1, b"file");
    ada.send(Drop { item: ItemId(1), key: None });
    rig.settle();
    ada.take();
    assert!(ada.items().is_empty());
}

/// The newest line in the log.
fn newest_line(rig: &Rig) -> Seq {
    rig.engine.room.log().last_seq()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_redacted_line_is_gone_from_history_and_keeps_its_place() {
    let (mut rig, mut ada, mut bob) = with_operator();
    let secret = "my password is hunter2";
    bob.say(secret);
    rig.settle();
    let line = newest_line(&rig);
    bob.say("oops");
    order(&mut rig, &ada, of_line(line));
    ada.take();
    let told = ada
        .events()
        .iter()
        .any(|event| matches!(event, Event::Moderated(it) if it.line == Some(line)));
    assert!(told);
    let mut carl = rig.connect();
    carl.hello();
    carl.join("carl", Some(100));
    rig.settle();
    carl.take();
    assert!(!holds(&carl.raw, "hunter2"));
    let texts: Vec<&str> = carl.events().iter().filter_map(said).collect();
    assert_eq!(texts, ["[redacted]", "oops"]);
    order(&mut rig, &ada, of_line(line));
    assert_eq!(code_of_refusal(&mut ada), Code::UNCHANGED);
    for unknown in [Seq(1), Seq(0), Seq(u64::MAX)] {
        order(&mut rig, &ada, of_line(unknown));
        assert_eq!(code_of_refusal(&mut ada), Code::LINE_UNKNOWN, "{unknown}");
    }
}

fn said(event: &Event) -> Option<&str> {
    match event {
        Event::Said(said) => Some(said.text.as_str().trim_end()),
        _ => None,
    }
}

#[test]
fn a_line_that_is_half_sent_when_it_is_redacted_arrives_whole() {
    let (mut rig, ada, mut bob) = with_operator();
    let mut slow = rig.join("slow");
    let text = "ä".repeat(2000);
    for taken in [1, 7, 100, 1001] {
        slow.allow(taken);
        bob.say(&text);
        rig.settle();
        let line = newest_line(&rig);
        order(&mut rig, &ada, of_line(line));
        slow.allow(1 << 20);
        rig.settle();
        // The inbox checks that what comes are frames and that their text is UTF-8.
        slow.take();
    }
    assert_eq!(slow.events().iter().filter(|it| said(it).is_some()).count(), 4);
}

#[test]
fn a_restart_knows_no_text_of_a_line_whose_redaction_it_finds() {
    let (mut rig, ada, mut bob) = with_operator();
    bob.say("my password is hunter2");
    rig.settle();
    let (line, before) = (newest_line(&rig), rig.journal.clone());
    order(&mut rig, &ada, of_line(line));
    assert!(holds(&before, "hunter2") && !holds(&rig.journal, "hunter2"));
    // As if the server had been killed before the journal came to overwrite the line.
    rig.journal[..before.len()].copy_from_slice(&before);
    let mut rig = rig.restart(WITH_OPERATORS);
    let mut carl = rig.connect();
    carl.hello();
    carl.join("carl", Some(100));
    rig.settle();
    carl.take();
    assert!(!holds(&carl.raw, "hunter2") && holds(&carl.raw, "[redacted]"));
}

#[test]
fn what_an_operator_asks_for_is_answered_about_its_frame() {
    let mut rig = Rig::with(SETTINGS);
    let mut ada = rig.join("ada");
    op(&mut rig, &mut ada, "x");
    let refused = Refused::new(Code::NOT_OPERATOR, Op::KIND);
    assert_eq!(ada.refusals(), [refused], "a room without operators has none to become");
    assert_eq!(rig.verified, 0);
}
