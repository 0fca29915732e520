//! Losing the connection and coming back: each rule by itself.

use super::*;

#[test]
fn the_join_says_what_was_seen_last_and_which_membership_resumes() {
    let mut rig = Rig::returning();
    rig.give(joined(43, "eve")).unwrap();
    rig.lose();
    let join = rig.reconnect();
    assert_eq!((join.since, join.since_at), (Some(Seq(43)), Some(UnixMillis(1))));
    assert_eq!((join.resume, join.history), (Some(ResumeToken([42; 24])), None));
    assert_eq!(join.nick, nick("ada"));
}

#[test]
fn an_event_of_unknown_type_counts_as_far_as_its_time_is_known() {
    let unknown = |seq, time: &[u8]| {
        let value = [&[9, 0, 8, 0, 0, 0, 0, 0, 0, 0, seq], time].concat();
        let header = Header { kind: 0xcf, flags: FLAG_SKIPPABLE, length: value.len() as u32 };
        [&header.to_bytes()[..], &value].concat()
    };
    let mut rig = Rig::returning();
    rig.feed(&unknown(43, &[10, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9])).unwrap();
    rig.feed(&unknown(44, &[])).unwrap();
    rig.lose();
    let join = rig.reconnect();
    assert_eq!((join.since, join.since_at), (Some(Seq(43)), Some(UnixMillis(9))));
    rig.feed(&arrival_from(44, 44, &[]).concat()).unwrap();
    rig.feed(&unknown(44, &[])).unwrap();
    rig.say("caught up");
    assert_eq!(rig.sent().len(), 1);
}

#[test]
fn which_goodbyes_are_for_good() {
    for (code, is_over) in [
        (Code::SHUTTING_DOWN, false),
        (Code::STORAGE_FAILED, false),
        (Code::TIMED_OUT, false),
        (Code::TOO_SLOW, false),
        (Code::NOT_JOINED_IN_TIME, false),
        (Code::ROOM_FULL, false),
        (Code::TOO_MANY_CONNECTIONS, false),
        (Code::TOO_MANY_REFUSALS, true),
        (Code::CONNECTION_LOST, false),
        (Code::REPLACED, true),
        (Code::VERSION, true),
        (Code::MALFORMED, true),
        (Code::UNEXPECTED, true),
        (Code::UNKNOWN_TYPE, true),
        (Code::FRAME_TOO_LONG, true),
        (Code::NOT_CHATSHELF, true),
        (Code::LEFT, true),
        (Code(999), true),
    ] {
        let mut rig = Rig::returning();
        rig.give(Goodbye::new(code)).unwrap();
        assert_eq!((rig.session.is_over(), rig.session.is_offline()), (is_over, !is_over));
        let told = rig.events().pop();
        match told {
            Some(SessionEvent::Goodbye(bye)) => assert!(is_over && bye.code == code),
            Some(SessionEvent::Offline { why: Loss::Goodbye(bye), attempts: 0, .. }) => {
                assert!(!is_over && bye.code == code);
            }
            other => panic!("{code:?}: {other:?}"),
        }
    }
}

#[test]
fn a_goodbye_that_proves_nothing_ends_no_membership() {
    for (code, retry_ms, seconds) in [
        (Code::TOO_MANY_FROM_ADDRESS, Some(10_000), 10..11),
        (Code::TOO_MANY_FROM_ADDRESS, Some(u32::MAX), 60..61),
        (Code::BANNED, None, 0..5),
    ] {
        let mut rig = Rig::returning();
        rig.lose();
        rig.events();
        let goodbye = Goodbye { retry_ms, ..Goodbye::new(code) };
        rig.session.handle_connecting();
        rig.session.handle_turned_away(goodbye.clone(), rig.now);
        match rig.events().pop() {
            Some(SessionEvent::Offline { why, attempts: 1, retry_in }) => {
                assert_eq!(why, Loss::TurnedAway(goodbye));
                assert!(seconds.contains(&retry_in.as_secs()), "{code:?}: {retry_in:?}");
            }
            other => panic!("{code:?}: {other:?}"),
        }
    }
}

#[test]
fn a_client_that_never_joined_does_not_reconnect() {
    let mut rig = Rig::with(Some(Reconnect::default()), None);
    rig.give(ack()).unwrap();
    rig.session.handle_lost("cut".into(), rig.now);
    assert!(rig.session.is_over());
    let mut rig = Rig::with(Some(Reconnect::default()), None);
    rig.give(Goodbye::new(Code::ROOM_FULL)).unwrap();
    assert!(rig.session.is_over());
    assert!(matches!(rig.events()[..], [SessionEvent::Goodbye(_)]));
}

#[test]
fn a_session_without_reconnect_ends_with_its_connection() {
    let mut rig = Rig::joined();
    rig.session.upload(name("a"), 5, None).unwrap();
    rig.session.handle_lost("cut".into(), rig.now);
    assert!(rig.session.is_over() && !rig.session.wants_connection(rig.now));
    assert_eq!(rig.outcome(), Outcome::Interrupted);
    assert_eq!(rig.session.say(message("x"), Style::SPEECH), Err(CommandError::NotJoined));
}

#[test]
fn a_server_that_breaks_the_protocol_is_not_reconnected_to() {
    let mut rig = Rig::returning();
    assert!(rig.give(joined(50, "eve")).is_err());
    assert!(rig.session.is_over() && !rig.session.is_offline());
}

#[test]
fn nothing_more_is_heard_of_an_abandoned_connection() {
    let mut rig = Rig::returning();
    rig.give(Goodbye::new(Code::SHUTTING_DOWN)).unwrap();
    rig.events();
    let retry_at = rig.session.retry_at();
    rig.session.handle_lost("closed".into(), rig.now);
    rig.feed(&joined(43, "eve").to_bytes()).unwrap();
    assert_eq!((rig.events(), rig.session.retry_at()), (vec![], retry_at));
}

#[test]
fn a_silent_server_is_lost_and_tried_again() {
    let mut rig = Rig::returning();
    let late = rig.now + Duration::from_secs(150);
    rig.session.handle_timeout(late).unwrap();
    let [SessionEvent::Offline { why, attempts: 0, retry_in }] = &rig.events()[..] else {
        panic!("it is offline")
    };
    assert_eq!(why, &Loss::Silent { seconds: 150 });
    assert_eq!(rig.session.poll_timeout(), Some(late + *retry_in));
    assert!(!rig.session.wants_connection(late) && rig.session.wants_connection(late + *retry_in));
}

#[test]
fn waits_grow_with_each_attempt_that_fails_until_a_connection_was_good() {
    let mut rig = Rig::returning();
    let wait = |rig: &mut Rig| {
        rig.session.handle_lost("cut".into(), rig.now);
        let Some(SessionEvent::Offline { retry_in, attempts, .. }) = rig.events().pop() else {
            panic!()
        };
        rig.now += retry_in;
        rig.session.handle_connecting();
        (attempts, retry_in)
    };
    let waits: Vec<_> = (0..8).map(|_| wait(&mut rig)).collect();
    assert!(waits.iter().map(|(attempts, _)| *attempts).eq(0..8));
    assert!(waits[..6].windows(2).all(|pair| pair[0].1 <= pair[1].1), "{waits:?}");
    assert!(waits[7].1 > Duration::from_secs(25));
    let arrive = |rig: &mut Rig| {
        rig.session.handle_connected(rig.now);
        rig.feed(&arrival(42, &[]).concat()).unwrap();
        rig.events();
    };
    arrive(&mut rig);
    let (attempts, short_lived) = wait(&mut rig);
    assert!(attempts == 0 && short_lived > Duration::from_secs(25), "{short_lived:?}");
    arrive(&mut rig);
    rig.now += Duration::from_secs(10);
    assert!(wait(&mut rig).1 <= Duration::from_secs(1));
}

#[test]
fn an_attempt_can_be_made_at_once() {
    let mut rig = Rig::returning();
    assert!(!rig.session.reconnect_now(rig.now), "there is a connection");
    rig.lose();
    assert!(!rig.session.wants_connection(rig.now));
    assert!(rig.session.reconnect_now(rig.now) && rig.session.wants_connection(rig.now));
    rig.session.handle_connecting();
    assert!(!rig.session.wants_connection(rig.now) && rig.session.poll_timeout().is_none());
}

#[test]
fn it_is_given_up_with_the_first_reason_when_the_last_attempt_fails() {
    let give_up_after = Some(Duration::from_secs(30));
    let mut rig = Rig::with(Some(Reconnect { give_up_after }), None).arrived();
    let begun = rig.now;
    rig.session.handle_lost("first".into(), rig.now);
    while let Some(at) = rig.session.retry_at() {
        assert!(at <= begun + Duration::from_secs(30));
        rig.now = at;
        rig.session.handle_connecting();
        rig.session.handle_lost("later".into(), rig.now);
    }
    assert_eq!(rig.now, begun + Duration::from_secs(30), "the last one is made at the end");
    assert!(rig.session.is_over());
    let gave_up = SessionEvent::GaveUp(Loss::Link("first".into()));
    assert_eq!(rig.events().last(), Some(&gave_up));
}

#[test]
fn a_name_that_is_taken_meanwhile_is_replaced_by_what_is_suggested() {
    let mut rig = Rig::returning();
    rig.lose();
    rig.reconnect();
    rig.give(ack()).unwrap();
    rig.events();
    let taken = |free| Refused { suggestion: free, ..refused(Code::NICK_TAKEN, Join::KIND) };
    rig.give(taken(Some(nick("ada2")))).unwrap();
    let (nick_before, by, code) = (nick("ada"), nick("ada2"), Code::NICK_TAKEN);
    let replaced = SessionEvent::NickReplaced { nick: nick_before, code, by };
    assert_eq!(rig.events(), [replaced]);
    let sent = rig.sent();
    let [Sent::Frame(ClientFrame::Join(join))] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((&join.nick, join.since), (&nick("ada2"), None));
    assert_eq!(join.resume, Some(ResumeToken([42; 24])));
    for _ in 0..10 {
        rig.give(taken(Some(nick("ada3")))).unwrap();
    }
    assert!(rig.session.is_offline(), "a server that never lets us in is left for a while");
}

#[test]
fn a_name_that_is_taken_meanwhile_is_replaced_by_a_guess_where_none_is_suggested() {
    let mut rig = Rig::returning();
    rig.lose();
    rig.reconnect();
    rig.give(ack()).unwrap();
    rig.events();
    rig.give(refused(Code::NICK_TAKEN, Join::KIND)).unwrap();
    let events = rig.events();
    let [SessionEvent::NickReplaced { by, .. }] = &events[..] else { panic!("{events:?}") };
    let number = by.as_str().strip_prefix("ada").unwrap();
    assert!((4..=6).contains(&number.len()) && number.parse::<u32>().is_ok(), "{by}");
    let sent = rig.sent();
    assert!(matches!(&sent[..], [Sent::Frame(ClientFrame::Join(join))] if join.nick == *by));
    rig.give(refused(Code::NICK_INVALID, Join::KIND)).unwrap();
    assert!(rig.session.is_offline(), "a name that can't be used is no better with a number");
}

#[test]
fn the_return_is_reported_before_what_happened_meanwhile() {
    let mut rig = Rig::returning();
    rig.give(joined(43, "eve")).unwrap();
    rig.lose();
    rig.come_back(44, 45);
    rig.give(said(44, "bob", 1)).unwrap();
    rig.give(said(45, "bob", 2)).unwrap();
    rig.give(said(46, "bob", 3)).unwrap();
    let events = rig.events();
    let told = events[1..].iter().map(|event| match event {
        SessionEvent::Back { seq, .. } => (seq.0, None),
        SessionEvent::Happened { event, when } => (event.seq().0, Some(*when)),
        other => panic!("{other:?}"),
    });
    let away = Some(When::Away);
    assert!(told.eq([(45, None), (44, away), (45, away), (46, Some(When::Live))]));
    assert_eq!(rig.session.room().members().count(), 2, "the snapshot holds it already");
}

#[test]
fn events_the_server_does_not_have_or_has_lost_are_reported() {
    let mut rig = Rig::returning();
    rig.give(joined(43, "eve")).unwrap();
    rig.lose();
    rig.come_back(60, 70);
    let missed = SessionEvent::Missed { from: Seq(44), to: Seq(59) };
    assert_eq!(rig.events().pop(), Some(missed));
    rig.give(joined(60, "x")).unwrap();
    rig.lose();
    rig.come_back(50, 55);
    assert_eq!(rig.events().pop(), Some(SessionEvent::Rewound { from: Seq(50) }));
}

#[test]
fn a_snapshot_that_is_not_whole_changes_nothing() {
    let mut rig = Rig::returning();
    rig.lose();
    rig.reconnect();
    rig.give(ack()).unwrap();
    rig.give(welcome("ada", 43, 42)).unwrap();
    let part = Part { first: true, last: false };
    rig.give(snapshot(42, part, &["eve"], &[item(9, b"")])).unwrap();
    rig.lose();
    assert_eq!(rig.members(), ["ada", "bob"]);
    assert_eq!(rig.session.room().shelf().len(), 0);
    rig.come_back(43, 42);
    assert_eq!(rig.session.room().members().count(), 2);
}
