//! Say, tell, rename, topic, ping (PROTOCOL.md, "Talking").

use chatshelf_common::id::MessageId;
use chatshelf_common::wire::frame::{Ping, Say, Style, Told};
use chatshelf_common::wire::{Code, Event, ServerFrame};

use super::peer::{Seen, nick, say};
use super::rig::{AnyRig, Rig};

fn told(seen: &[Seen]) -> Vec<&Told> {
    let told = |one| match one {
        &Seen::Server(ServerFrame::Told(ref told)) => Some(told),
        _ => None,
    };
    seen.iter().filter_map(told).collect()
}

#[test]
fn the_echo_carries_nick_id_text_style_and_the_servers_time() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let style = Some(Style::ACTION);
    ada.send(Say { style, ..say(41, "waves") });
    rig.settle();
    let seen = ada.take();
    let [Seen::Event(Event::Said(said))] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((said.id, said.style, said.at), (MessageId(41), style, rig.now.at));
    assert_eq!((said.nick.as_str(), said.text.as_str()), ("ada", "waves"));
}

#[test]
fn an_unchanged_topic_is_not_an_event() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    ada.take();
    for (topic, changes) in
        [(None, false), (Some("x"), true), (Some("x"), false), (None, true), (None, false)]
    {
        ada.set_topic(topic);
        rig.settle();
        let (own, others) = (ada.take(), bob.take());
        if changes {
            assert!(matches!(&own[..], [Seen::Event(Event::TopicChanged(_))]), "{own:?}");
            assert_eq!(own, others);
        } else {
            let [Seen::Server(ServerFrame::Refused(refused))] = &own[..] else { panic!("{own:?}") };
            assert_eq!((refused.code, refused.about), (Code::UNCHANGED, 0x06));
            assert_eq!(others, []);
        }
    }
}

#[test]
fn a_private_message_reaches_both_ends_and_nobody_else() {
    let mut rig = Rig::new();
    let (mut ada, mut bob, mut eve) = (rig.join("ada"), rig.join("Bob"), rig.join("eve"));
    ada.take();
    bob.take();
    ada.tell("bOB", "psst");
    rig.settle();
    let (at_ada, at_bob) = (ada.take(), bob.take());
    assert_eq!(told(&at_ada), told(&at_bob));
    let [told] = told(&at_ada)[..] else { panic!("{at_ada:?}") };
    assert_eq!((told.from.as_str(), told.to.as_str(), told.text.as_str()), ("ada", "Bob", "psst"));
    assert_eq!((told.id, told.at), (MessageId(77), rig.now.at));
    assert_eq!(eve.take(), []);
}

#[test]
fn a_message_to_oneself_arrives_once_and_one_to_nobody_is_refused() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    ada.tell("ada", "note");
    rig.settle();
    assert_eq!(told(&ada.take()).len(), 1);
    ada.tell("nobody", "hello?");
    rig.settle();
    let refused = ada.refusals().remove(0);
    assert_eq!((refused.code, refused.about), (Code::NO_SUCH_MEMBER, 0x04));
    assert_eq!(refused.id, Some(MessageId(77)));
}

#[test]
fn a_private_message_reaches_a_renamed_member_by_the_new_nick_only() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    bob.rename("bobby");
    rig.settle();
    ada.take();
    bob.take();
    ada.tell("bob", "old");
    ada.tell("bobby", "new");
    rig.settle();
    assert_eq!(told(&bob.take()).len(), 1);
    assert_eq!(ada.refusal(), Code::NO_SUCH_MEMBER);
}

#[test]
fn a_nick_changes_its_letters_but_never_to_one_that_is_taken() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    ada.rename("ADA");
    rig.settle();
    ada.rename("BOB");
    rig.settle();
    let refused = ada.refusals().remove(0);
    assert_eq!((refused.code, refused.about), (Code::NICK_TAKEN, 0x05));
    assert_eq!(refused.suggestion, Some(nick("BOB2")));
    bob.take();
    assert_eq!(bob.members(), ["ADA", "bob"]);
    ada.say("still me");
    ada.leave();
    rig.settle();
    assert_eq!(bob.lines(), ["still me"]);
    assert_eq!(bob.members(), ["bob"]);
}

#[test]
fn a_topic_is_set_and_cleared_for_all() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    ada.set_topic(Some("engines"));
    rig.settle();
    bob.take();
    assert_eq!(bob.topic(), Some("engines"));
    bob.set_topic(None);
    rig.settle();
    ada.take();
    assert_eq!(ada.topic(), None);
}

#[test]
fn every_ping_is_answered_once_before_and_after_the_join() {
    let mut rig = Rig::new();
    let mut peer = rig.connect();
    peer.hello();
    (0..3).for_each(|_| peer.send(Ping {}));
    rig.settle();
    let pongs = |seen: Vec<Seen>| {
        seen.iter().filter(|one| matches!(one, Seen::Server(ServerFrame::ServerPong(_)))).count()
    };
    assert_eq!(pongs(peer.take()), 3);
    peer.join("ada", None);
    peer.send(Ping {});
    rig.settle();
    assert_eq!(pongs(peer.take()), 1);
}

#[test]
fn what_one_says_in_one_breath_is_one_write_to_each() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    (0..64).for_each(|n| ada.say(&n.to_string()));
    rig.turn();
    // And once the journal has it:
    rig.turn();
    let expected: Vec<String> = (0..64).map(|n: u32| n.to_string()).collect();
    assert_eq!(bob.lines(), expected);
    assert_eq!(ada.lines(), expected);
}

/// Reads that a line costs, where a short one means that no more has come, and where it does not.
#[test]
fn a_short_read_is_the_last_where_it_says_so() {
    fn reads<const SHORT: bool>() -> usize {
        let mut rig = AnyRig::<SHORT>::new();
        let mut ada = rig.join("ada");
        let before = ada.wire.borrow().reads;
        ada.say("x");
        rig.settle();
        ada.wire.borrow().reads - before
    }
    assert_eq!((reads::<true>(), reads::<false>()), (1, 2));
}

#[test]
fn a_member_that_says_much_at_once_does_not_keep_others_waiting() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    let long = "x".repeat(8000);
    (0..100).for_each(|_| ada.say(&long));
    bob.say("hi");
    rig.turn();
    rig.turn();
    assert!(bob.lines().contains(&"hi".to_string()));
    assert_eq!(rig.engine.poll_timeout(rig.now), Some(0));
    rig.settle();
    assert_eq!(ada.lines().len(), 101);
}
