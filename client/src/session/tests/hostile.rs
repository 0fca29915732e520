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
