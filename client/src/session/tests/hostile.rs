//! Servers that break the protocol, and later versions of it.

use super::*;

#[test]
fn unknown_frames_are_skipped_when_they_say_so_and_refused_otherwise() {
    let frame = |kind, flags| {
        let value = [9, 0, 8, 0, 0, 0, 0, 0, 0, 0, 43];
        let header = Header { kind, flags, length: value.len() as u32 };
        [&header.to_bytes()[..], &value].concat()
    };
    let mut rig = Rig::joined();
    rig.feed(&frame(0x9f, FLAG_SKIPPABLE)).unwrap();
    // An unknown event takes its place in the log: here 43, so 44 is next.
    rig.feed(&frame(0xcf, FLAG_SKIPPABLE)).unwrap();
    rig.give(joined(44, "eve")).unwrap();
    assert_eq!(rig.events().len(), 1);
    for kind in [0x9f, 0xcf, Say::KIND] {
        let error = Rig::joined().feed(&frame(kind, 0));
        assert!(matches!(error, Err(SessionError::Decode(_))), "{kind:#x}");
    }
}

#[test]
fn what_breaks_the_protocol_is_an_error_and_never_a_panic() {
    let not_fields = Header { kind: Welcome::KIND, flags: 0, length: 2 }.to_bytes();
    let too_long = Header { kind: Said::KIND, flags: 0, length: 1 << 20 }.to_bytes();
    let gap = |from, to| Gap { from: Seq(from), to: Seq(to), nick: nick("ada") }.to_bytes();
    for (what, bytes) in [
        ("too long", too_long.to_vec()),
        ("not fields", [&not_fields[..], &[1, 2]].concat()),
        ("not chatshelf", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("second ack", ack().to_bytes()),
        ("second welcome", welcome("ada", 2, 1).to_bytes()),
        ("snapshot", snapshot(42, WHOLE, &[], &[]).to_bytes()),
        ("upload never offered", ready(1, 0).to_bytes()),
        ("stored", UploadStored { transfer: TransferId(9), item: ItemId(1) }.to_bytes()),
        ("refused", refused_transfer(Code::STALLED, 3).to_bytes()),
        ("data", [&data_head(TransferId(1), 0, 1)[..], b"x"].concat()),
        ("missing event", joined(45, "eve").to_bytes()),
        ("last of all events", joined(u64::MAX, "eve").to_bytes()),
        ("gap elsewhere", gap(45, 50)),
        ("gap backwards", gap(43, 42)),
        ("gap to the end", gap(44, u64::MAX)),
    ] {
        let mut rig = Rig::joined();
        assert!(rig.feed(&bytes).is_err(), "{what}");
        assert!(rig.session.is_over(), "{what}");
    }
    for (from, seq) in [(0, 42), (44, 42), (1, u64::MAX)] {
        let mut rig = Rig::new();
        rig.give(ack()).unwrap();
        assert!(rig.give(welcome("ada", from, seq)).is_err(), "history from {from} to {seq}");
    }
    for bytes in [joined(1, "x").to_bytes(), snapshot(1, WHOLE, &[], &[]).to_bytes()] {
        assert!(Rig::new().feed(&bytes).is_err());
    }
}

#[test]
fn a_gap_up_to_the_last_number_is_an_error_not_an_overflow() {
    let mut rig = Rig::joined();
    assert!(rig.give(Gap { from: Seq(43), to: Seq(u64::MAX), nick: nick("ada") }).is_err());
}
#[test]
fn random_bytes_never_panic() {
    use proptest::prelude::*;
    proptest!(|(bytes: Vec<u8>, cut in 0_usize..500)| {
        // After a good beginning, so that more than the first header is met.
        let mut stream = arrival(42, &[item(7, b"x")]).concat();
        stream.truncate(cut);
        stream.extend(bytes);
        let mut rig = Rig::new();
        let _ = rig.feed(&stream);
        let _ = rig.events();
    });
}

#[test]
fn one_changed_byte_never_panics() {
    use proptest::prelude::*;
    let mut stream = arrival_from(42, 42, &[item(7, b"x")]).concat();
    stream.extend(said(42, "bob", 1).to_bytes());
    stream.extend(shelved(43, item(8, b"y")).to_bytes());
    proptest!(|(place in 0..stream.len(), byte: u8)| {
        let mut stream = stream.clone();
        stream[place] = byte;
        let _ = Rig::new().feed(&stream);
    });
}

/// More than the largest room takes.
const HELD_BYTES_MAX: usize = 64 << 20;

/// Feeds what `more` makes until the session has enough of it, and takes what it tells.
fn feed_until_refused(rig: &mut Rig, mut more: impl FnMut(u64) -> Vec<u8>) -> SessionError {
    for round in 0..100_000 {
        let fed = rig.feed(&more(round));
        rig.events();
        assert!(rig.session.held_bytes() < HELD_BYTES_MAX, "{}", rig.session.held_bytes());
        if let Err(error) = fed {
            assert!(rig.session.is_over());
            return error;
        }
    }
    panic!("it takes everything");
}

#[test]
fn an_endless_snapshot_is_refused_before_it_fills_the_memory() {
    let mut rig = Rig::new();
    rig.give(ack()).unwrap();
    rig.give(welcome("ada", 43, 42)).unwrap();
    let error = feed_until_refused(&mut rig, |round| {
        let members = (0..1000).map(|number| nick(&format!("m{}", round * 1000 + number)));
        let part = Part { first: round == 0, last: false };
        Snapshot { seq: Seq(42), part, topic: None, members: members.collect(), items: vec![] }
            .to_bytes()
    });
    assert_eq!(error, SessionError::Unexpected("more members than a room may have"));
}

#[test]
fn a_room_that_grows_without_end_is_refused_too() {
    let mut rig = Rig::joined();
    let error = feed_until_refused(&mut rig, |round| {
        let joins = (0..1000).map(|number| 43 + round * 1000 + number);
        joins.flat_map(|seq| joined(seq, &format!("m{seq}")).to_bytes()).collect()
    });
    assert_eq!(error, SessionError::Unexpected("more members than a room may have"));
    let mut rig = Rig::joined();
    let error =
        feed_until_refused(&mut rig, |round| shelved(43 + round, item(8 + round, b"y")).to_bytes());
    assert_eq!(error, SessionError::Unexpected("more items than a shelf may have"));
}

#[test]
fn a_member_named_twice_is_one_member() {
    let mut rig = Rig::joined();
    for seq in 43..1_000 {
        rig.give(joined(seq, "eve")).unwrap();
    }
    assert_eq!(rig.session.room().members().len(), 3);
}

#[test]
fn answers_that_the_server_does_not_take_are_counted_and_not_kept() {
    let mut rig = Rig::joined();
    (0..9_000).for_each(|_| rig.give(ServerPing {}).unwrap());
    assert!(rig.session.held_bytes() < 100_000, "{}", rig.session.held_bytes());
    let pong = Sent::Frame(Pong {}.into());
    assert_eq!(rig.sent(), vec![pong; 9_000], "each is answered once");
    let error = feed_until_refused(&mut rig, |_| ServerPing {}.to_bytes());
    assert_eq!(error, SessionError::Unexpected("more pings than it takes answers"));
}

/// A server that pings every 10 s and does nothing else; when the session has had enough.
fn waits_at_most(mut rig: Rig, seconds: u64) -> Rig {
    let begin = rig.now;
    loop {
        rig.now += Duration::from_secs(10);
        rig.give(ServerPing {}).unwrap();
        rig.sent();
        let waited = (rig.now - begin).as_secs();
        if rig.session.handle_timeout(rig.now).is_err() || rig.session.is_offline() {
            assert_eq!(waited, seconds);
            return rig;
        }
        let looks_at = rig.session.poll_timeout().expect("it has a deadline");
        assert!(looks_at <= begin + Duration::from_secs(seconds), "{waited}");
    }
}

#[test]
fn a_server_that_talks_and_lets_nobody_in_is_given_up() {
    let mut rig = Rig::new();
    rig.session.handle_timeout(rig.now).unwrap();
    assert!(waits_at_most(rig, 60).session.is_over());

    let mut rig = Rig::new();
    rig.give(ack()).unwrap();
    rig.session.handle_timeout(rig.now).unwrap();
    rig.now += Duration::from_secs(50);
    rig.give(welcome("ada", 43, 42)).unwrap();
    rig.session.handle_timeout(rig.now).unwrap();
    assert!(waits_at_most(rig, 60).session.is_over(), "the snapshot has 60 s of its own");

    let mut rig = Rig::returning();
    rig.lose();
    rig.reconnect();
    rig.session.handle_timeout(rig.now).unwrap();
    let rig = waits_at_most(rig, 60);
    assert!(rig.session.is_offline() && !rig.session.is_over(), "another attempt is made");
}

#[test]
fn whoever_chooses_another_nick_may_take_their_time() {
    let mut rig = Rig::new();
    rig.give(ack()).unwrap();
    rig.give(refused(Code::NICK_TAKEN, Join::KIND)).unwrap();
    for _ in 0..20 {
        rig.now += Duration::from_secs(10);
        rig.give(ServerPing {}).unwrap();
        rig.session.handle_timeout(rig.now).unwrap();
    }
    rig.session.rejoin(nick("bob"));
    rig.session.handle_timeout(rig.now).unwrap();
    assert!(waits_at_most(rig, 60).session.is_over());
}
