//! The room: what events, snapshots and gaps make of it.

use super::*;

#[test]
fn history_is_shown_but_not_applied_and_live_events_are() {
    let mut rig = Rig::new();
    rig.feed(&arrival_from(41, 42, &[]).concat()).unwrap();
    rig.events();
    rig.give(joined(41, "old")).unwrap();
    rig.give(said(42, "bob", 1)).unwrap();
    rig.give(joined(43, "eve")).unwrap();
    let whens: Vec<When> = rig
        .events()
        .iter()
        .map(|event| match event {
            SessionEvent::Happened { when, .. } => *when,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(whens, [When::History, When::History, When::Live]);
    assert_eq!(rig.members(), ["ada", "bob", "eve"]);
}

#[test]
fn every_event_changes_the_room_as_it_says() {
    let mut rig = Rig::joined();
    let at = UnixMillis(1);
    let topic = Some(Topic::new("engines").unwrap());
    rig.give(TopicChanged { seq: Seq(43), at, nick: nick("bob"), topic }).unwrap();
    assert_eq!(rig.session.room().topic().unwrap().topic.as_str(), "engines");
    rig.give(TopicChanged { seq: Seq(44), at, nick: nick("bob"), topic: None }).unwrap();
    assert_eq!(rig.session.room().topic(), None);
    rig.give(shelved(45, item(7, b"a"))).unwrap();
    rig.give(shelved(46, item(8, b"b"))).unwrap();
    assert!(rig.session.room().shelf().iter().map(|item| item.id).eq([ItemId(7), ItemId(8)]));
    rig.give(Dropped { seq: Seq(47), at, item: ItemId(7), name: name("notes.txt"), nick: None })
        .unwrap();
    assert_eq!(rig.session.room().shelf().len(), 1);
    rig.give(Renamed { seq: Seq(48), at, nick: nick("bob"), to: nick("bo") }).unwrap();
    rig.give(Renamed { seq: Seq(49), at, nick: nick("ada"), to: nick("lovelace") }).unwrap();
    assert_eq!(rig.session.nick(), &nick("lovelace"));
    rig.give(Left { seq: Seq(50), at, nick: nick("bo"), code: Code::LEFT, quiet: None }).unwrap();
    assert_eq!(rig.session.room().members().count(), 1);
    assert_eq!(rig.session.room().seq(), Seq(50));
}

#[test]
fn a_snapshot_in_parts_is_whole_with_the_last() {
    let mut rig = Rig::new();
    rig.give(ack()).unwrap();
    rig.give(welcome("ada", 6, 5)).unwrap();
    let part = |first, last| Part { first, last };
    rig.give(snapshot(5, part(true, false), &["ada"], &[item(1, b"")])).unwrap();
    rig.give(snapshot(5, part(false, false), &["bob"], &[])).unwrap();
    assert!(!rig.session.is_joined());
    rig.give(snapshot(5, part(false, true), &["eve"], &[])).unwrap();
    assert!(rig.session.is_joined());
    assert_eq!(rig.session.room().members().count(), 3);
    assert_eq!(rig.session.room().shelf().len(), 1);
}

#[test]
fn a_private_receipt_counts_though_it_overtakes_our_new_name() {
    let mut rig = Rig::joined();
    rig.session.rename(nick("eve")).unwrap();
    let id = rig.session.tell(nick("bob"), message("hi")).unwrap();
    let told = |from| Told {
        at: UnixMillis(1),
        from: nick(from),
        to: nick("bob"),
        id,
        text: message("hi"),
    };
    rig.give(told("bob")).unwrap();
    assert_eq!(rig.session.outstanding(), 2, "another member's number is not ours");
    rig.give(told("eve")).unwrap();
    assert_eq!(rig.session.outstanding(), 1);
}

#[test]
fn a_gap_replaces_the_room_and_a_pong_ends_the_wait_for_receipts_in_it() {
    let mut rig = Rig::joined();
    rig.session.say(message("x"), Style::SPEECH).unwrap();
    rig.session.rename(nick("lovelace")).unwrap();
    rig.sent();
    rig.give(Gap { from: Seq(43), to: Seq(99), nick: nick("lovelace") }).unwrap();
    assert_eq!(rig.events(), [], "not before the snapshot");
    rig.give(snapshot(99, WHOLE, &["lovelace", "zoe"], &[item(3, b"")])).unwrap();
    assert_eq!(rig.events(), [SessionEvent::Gap { from: Seq(43), to: Seq(99) }]);
    assert_eq!(rig.session.nick(), &nick("lovelace"), "renamed in the gap");
    assert_eq!(rig.sent(), [Sent::Frame(Ping {}.into())], "nothing is said twice");
    let late = rig.session.say(message("y"), Style::SPEECH).unwrap();
    assert_eq!(rig.session.outstanding(), 3);
    rig.give(ServerPong {}).unwrap();
    assert_eq!(rig.session.outstanding(), 1, "what was sent before the ping is handled");
    rig.give(said(100, "lovelace", late.0)).unwrap();
    assert_eq!(rig.session.outstanding(), 0);
    assert_eq!(rig.session.room().members().count(), 2);
    assert!(rig.give(joined(100, "eve")).is_err(), "no event comes twice");
}

#[test]
fn only_the_pong_of_the_ping_behind_a_gap_counts() {
    let mut rig = Rig::joined();
    let minute = rig.now + Duration::from_secs(60);
    rig.session.handle_timeout(minute).unwrap();
    rig.session.say(message("x"), Style::SPEECH).unwrap();
    rig.give(Gap { from: Seq(43), to: Seq(50), nick: nick("ada") }).unwrap();
    rig.give(snapshot(50, WHOLE, &["ada"], &[])).unwrap();
    rig.give(Gap { from: Seq(51), to: Seq(60), nick: nick("ada") }).unwrap();
    rig.give(snapshot(60, WHOLE, &["ada"], &[])).unwrap();
    let outstanding = [(); 3].map(|()| {
        rig.give(ServerPong {}).unwrap();
        rig.session.outstanding()
    });
    assert_eq!(outstanding, [1, 1, 0], "one for the silence, and one for each gap");
}
