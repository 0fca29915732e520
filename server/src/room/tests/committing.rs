//! How proposals are decided, and what a commit requires.

use std::rc::Rc;

use chatshelf_common::wire::frame::{
    Dropped, Forgotten, Joined, Left, Marker, Renamed, Said, Shelved, TopicChanged,
};

use super::*;
use crate::room::nicks;
use crate::token::Token;

#[test]
fn members_are_found_by_any_spelling_of_their_nick() {
    let mut bench = Bench::with(&["Ada"]);
    let found = |bench: &Bench, text| {
        let member = bench.room.find(&nick(text))?;
        Some((member.nick().to_string(), member.session()))
    };
    assert_eq!(found(&bench, "ADA"), Some(("Ada".into(), None)), "no session is attached yet");
    let session = Some(Token::new(1, 1));
    bench.room.attach(&nick("Ada"), Token::new(1, 1));
    bench.rename("Ada", "bob").unwrap();
    assert_eq!(found(&bench, "ada"), None);
    assert_eq!(found(&bench, "bob"), Some(("bob".into(), session)), "the session stays");
    bench.leave("bob").unwrap();
    assert_eq!(bench.room.members_len(), 0);
    assert!(bench.events().iter().map(|event| event.seq().0).eq(1..=3));
}

#[test]
fn a_nick_that_is_taken_is_refused() {
    let mut bench = Bench::with(&["Ian", "bob"]);
    for taken in ["Ian", "ian", "lan", "1an", "BOB"] {
        assert_eq!(bench.join(taken), Err(Code::NICK_TAKEN), "{taken}");
        assert_eq!(bench.rename("bob", "ian"), Err(Code::NICK_TAKEN), "{taken}");
    }
    assert_eq!(bench.rename("bob", "bob"), Err(Code::NICK_TAKEN), "they already have it");
    bench.rename("bob", "Bob").unwrap();
    bench.rename("Ian", "lan").unwrap();
    bench.join("ian").unwrap();
    assert_eq!(bench.room.holders(&nick("Ian")).count(), 2);
}

#[test]
fn only_a_member_can_leave_or_be_renamed() {
    let mut bench = Bench::with(&["ada"]);
    assert_eq!(bench.leave("bob"), Err(Code::NO_SUCH_MEMBER));
    assert_eq!(bench.rename("bob", "eve"), Err(Code::NO_SUCH_MEMBER));
}

#[test]
fn a_quiet_member_leaves_quietly() {
    let mut bench = Bench::new();
    bench.propose(Proposal::Join { nick: nick("ada"), quiet: Some(Marker) }).unwrap();
    bench.rename("ada", "bob").unwrap();
    bench.leave("bob").unwrap();
    let [joined, _, left] = &bench.events()[..] else { panic!() };
    assert!(joined.is_quiet() && left.is_quiet());
}

#[test]
fn a_line_is_refused_only_when_it_is_a_repetition() {
    let mut bench = Bench::with(&["ada", "bob"]);
    let line = |name, id, repeat| {
        let text = Message::new("hello").unwrap();
        Proposal::Say { nick: nick(name), id: MessageId(id), text, style: None, repeat }
    };
    bench.propose(line("ada", 1, Some(Marker))).unwrap();
    bench.propose(line("ada", 1, None)).unwrap();
    // Whoever returns may have another nick by then.
    for name in ["ada", "bob"] {
        assert_eq!(bench.propose(line(name, 1, Some(Marker))), Err(Code::ALREADY_SAID), "{name}");
    }
    bench.propose(line("ada", 2, Some(Marker))).unwrap();
}

#[test]
fn a_topic_that_is_set_already_is_refused() {
    let mut bench = Bench::with(&["ada", "bob"]);
    assert_eq!(bench.set_topic("ada", None), Err(Code::UNCHANGED));
    bench.set_topic("ada", topic("engines")).unwrap();
    assert_eq!(bench.set_topic("bob", topic("engines")), Err(Code::UNCHANGED));
    bench.set_topic("bob", None).unwrap();
    assert_eq!(bench.topic(), None);
}

#[test]
fn an_item_is_shelved_once_and_dropped_once() {
    let mut bench = Bench::new();
    for id in 1..=6 {
        bench.shelve(id).unwrap();
    }
    assert_eq!(bench.shelve(6), Err(Code::UNCHANGED));
    assert!(bench.room.shelf().surplus().map(|item| item.id.0).eq([1]));
    bench.drop(1).unwrap();
    assert_eq!(bench.drop(1), Err(Code::ITEM_DROPPED));
    assert_eq!(bench.drop(7), Err(Code::ITEM_UNKNOWN));
    assert_eq!(bench.items(), [2, 3, 4, 5, 6]);
    assert!(matches!(bench.events().last(), Some(Event::Dropped(event)) if event.item.0 == 1));
}

#[test]
fn a_suggested_nick_is_free_and_fits() {
    let longest = "n".repeat(32);
    let bench = Bench::with(&["ada", "ada2", &longest, "7"]);
    let suggest = |text: &str| bench.room.suggest(&nick(text), 1);
    assert_eq!(suggest("ADA"), Some(nick("ADA3")));
    assert_eq!(suggest(&longest), Some(nick(&format!("{}2", "n".repeat(31)))));
    assert_eq!(suggest("7"), Some(nick("guest2")));
}

#[test]
fn in_a_crowd_of_one_name_a_free_one_is_still_found() {
    let mut bench = Bench::with(&["ada"]);
    for number in 2..5_000 {
        bench.join(&format!("ada{number}")).unwrap();
    }
    let suggested: Vec<Nick> =
        (0..100).filter_map(|salt| bench.room.suggest(&nick("ada"), salt)).collect();
    assert_eq!(suggested.len(), 100);
    assert!(suggested.iter().all(|nick| bench.room.find(nick).is_none()));
}

#[test]
fn no_nick_is_suggested_when_all_candidates_are_taken() {
    let mut bench = Bench::new();
    for taken in nicks::like(&nick("ada"), 7) {
        bench.join(taken.as_str()).unwrap();
    }
    assert_eq!(bench.room.suggest(&nick("ada"), 7), None);
}

#[test]
fn a_snapshot_is_made_once_for_each_seq() {
    let mut bench = Bench::new();
    let first = bench.room.snapshot();
    assert!(Rc::ptr_eq(&first, &bench.room.snapshot()));
    bench.join("ada").unwrap();
    let second = bench.room.snapshot();
    assert_eq!((first.seq(), second.seq()), (Seq(0), Seq(1)));
    assert!(second.length() > first.length());
}

/// A room with two members, a topic and an item, whose next event is the fifth.
fn small_room() -> Room {
    let mut bench = Bench::with(&["ada", "bob"]);
    bench.set_topic("ada", topic("engines")).unwrap();
    bench.shelve(1).unwrap();
    bench.room
}

#[test]
fn a_commit_requires_that_the_event_follows() {
    const SEQ: Seq = Seq(5);
    let name = |id| item(id).name;
    let said = |seq, by| {
        let (nick, text) = (nick(by), Message::new("hello").unwrap());
        Event::from(Said { seq, at: AT, nick, id: MessageId(1), text, style: None })
    };
    let changed = |by, topic| TopicChanged { seq: SEQ, at: AT, nick: nick(by), topic };
    let dropped = |id, name| Dropped { seq: SEQ, at: AT, item: ItemId(id), name, nick: None };
    let left = |by, quiet| Left { seq: SEQ, at: AT, nick: nick(by), code: Code::LEFT, quiet };
    let renamed = |by, to| Renamed { seq: SEQ, at: AT, nick: nick(by), to: nick(to) };
    let shelved = |id| Shelved { seq: SEQ, at: AT, item: item(id) };
    let joined = |by| Joined { seq: SEQ, at: AT, nick: nick(by), quiet: None };

    let sound = [
        said(SEQ, "ada"),
        joined("eve").into(),
        left("bob", None).into(),
        renamed("bob", "Bob").into(),
        changed("bob", None).into(),
        shelved(2).into(),
        dropped(1, name(1)).into(),
    ];
    for event in sound {
        assert_eq!(small_room().why_not(&event), None, "{event:?}");
        small_room().commit(event);
    }
    let unsound = [
        said(Seq(4), "ada"),
        said(Seq(6), "ada"),
        said(SEQ, "eve"),
        said(SEQ, "Ada"),
        joined("BOB").into(),
        left("eve", None).into(),
        left("bob", Some(Marker)).into(),
        renamed("eve", "eva").into(),
        renamed("bob", "Ada").into(),
        changed("eve", None).into(),
        changed("ada", topic("engines")).into(),
        shelved(1).into(),
        shelved(0).into(),
        shelved(u64::MAX).into(),
        dropped(2, name(2)).into(),
        dropped(1, name(2)).into(),
        Forgotten { seq: SEQ, at: AT }.into(),
    ];
    for event in unsound {
        assert!(small_room().why_not(&event).is_some(), "{event:?}");
        let mut room = small_room();
        let committed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            room.commit(event.clone());
        }));
        assert!(committed.is_err(), "{event:?}");
    }
}
