//! Getting in: greeting, the nick, signs of life; and that it does not matter how bytes are cut.

use super::*;

#[test]
fn hello_and_join_are_sent_without_waiting() {
    let sent = Rig::new().sent();
    let [Sent::Frame(ClientFrame::Hello(hello)), Sent::Frame(ClientFrame::Join(join))] = &sent[..]
    else {
        panic!("{sent:?}")
    };
    assert_eq!((hello.magic, hello.version_min, hello.version_max), (MAGIC, 1, 1));
    assert_eq!((join.nick.as_str(), join.history), ("ada", Some(20)));
}

#[test]
fn where_the_servers_bytes_are_cut_makes_no_difference() {
    let mut bytes = arrival_from(42, 42, &[item(7, b"x")]).concat();
    bytes.extend(said(42, "bob", 9).to_bytes());
    bytes.extend(joined(43, "eve").to_bytes());
    let run = |pieces: &[&[u8]]| {
        let mut rig = Rig::new();
        pieces.iter().for_each(|piece| rig.feed(piece).unwrap());
        (rig.events(), rig.members())
    };
    let whole = run(&[&bytes]);
    assert_eq!((whole.0.len(), whole.1.len()), (4, 3));
    for cut in 0..=bytes.len() {
        let (a, b) = bytes.split_at(cut);
        assert_eq!(run(&[a, b]), whole, "cut at {cut}");
    }
    assert_eq!(run(&bytes.chunks(1).collect::<Vec<_>>()), whole);
}

#[test]
fn a_refused_nick_can_be_replaced_on_the_same_connection() {
    let mut rig = Rig::new();
    rig.sent();
    rig.give(ack()).unwrap();
    let taken = Refused { suggestion: Some(nick("ada2")), ..refused(Code::NICK_TAKEN, Join::KIND) };
    rig.give(taken).unwrap();
    let suggestion = Some(nick("ada2"));
    let refused =
        SessionEvent::NickRefused { nick: nick("ada"), code: Code::NICK_TAKEN, suggestion };
    assert_eq!(rig.events().last(), Some(&refused));
    rig.session.rejoin(nick("ada2"));
    let (since, since_at, resume) = (None, None, None);
    let (ada2, history, quiet) = (nick("ada2"), Some(20), None);
    let join = Join { nick: ada2, history, since, since_at, resume, quiet, password: None };
    assert_eq!(rig.sent(), [Sent::Frame(join.into())]);
    rig.give(welcome("ada2", 2, 1)).unwrap();
    rig.give(snapshot(1, WHOLE, &["ada2"], &[])).unwrap();
    assert!(rig.session.is_joined());
    assert_eq!(rig.session.nick(), &nick("ada2"));
}

#[test]
fn commands_before_the_join_are_refused_here() {
    let mut rig = Rig::new();
    rig.sent();
    let not_joined = Err(CommandError::NotJoined);
    assert_eq!(rig.session.say(message("x"), Style::SPEECH), not_joined);
    assert_eq!(rig.session.upload(name("x"), 1, None).map(drop), not_joined.map(drop));
    assert!(!rig.session.has_output());
}

#[test]
fn a_ping_is_answered_by_one_pong() {
    let mut rig = Rig::joined();
    rig.give(ServerPing {}).unwrap();
    assert_eq!(rig.sent(), [Sent::Frame(Pong {}.into())]);
    rig.give(ServerPong {}).unwrap();
    assert_eq!(rig.sent(), []);
}

#[test]
fn a_client_that_hears_much_and_says_nothing_pings_too() {
    let mut rig = Rig::joined();
    for second in 1..=180 {
        rig.now += Duration::from_secs(1);
        rig.give(said(42 + second, "bob", second)).unwrap();
        rig.session.handle_timeout(rig.now).unwrap();
        let sent = rig.sent();
        assert_eq!(sent.len(), usize::from(second % 60 == 0), "at {second} s: {sent:?}");
    }
    // What waits to be sent will keep the connection alive: nothing is put behind it.
    rig.session.say(message("x"), Style::SPEECH).unwrap();
    for second in 181..=400 {
        rig.now += Duration::from_secs(1);
        rig.give(said(42 + second, "bob", second)).unwrap();
        rig.session.handle_timeout(rig.now).unwrap();
    }
    assert!(rig.sent().len() <= 2, "the line, and a question for its receipt");
}

#[test]
fn a_silent_server_is_asked_and_then_given_up() {
    let mut rig = Rig::joined();
    let after = |rig: &Rig, seconds| rig.now + Duration::from_secs(seconds);
    assert_eq!(rig.session.poll_timeout(), Some(after(&rig, 60)));
    rig.session.handle_timeout(after(&rig, 59)).unwrap();
    assert_eq!(rig.sent(), []);
    rig.session.handle_timeout(after(&rig, 60)).unwrap();
    rig.session.handle_timeout(after(&rig, 61)).unwrap();
    assert_eq!(rig.sent(), [Sent::Frame(Ping {}.into())]);
    assert_eq!(rig.session.poll_timeout(), Some(after(&rig, 150)));
    let silent = rig.session.handle_timeout(after(&rig, 150));
    assert_eq!(silent, Err(SessionError::Silent { seconds: 150 }));
    let mut rig = Rig::new();
    assert!(rig.session.handle_timeout(after(&rig, 30)).is_err(), "no greeting");
}
