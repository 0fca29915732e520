//! Every row of PROTOCOL.md, "Violations": the exact answer, and that nobody else is disturbed.

use chatshelf_common::id::{Digest, MessageId, TransferId};
use chatshelf_common::wire::Code;
use chatshelf_common::wire::field::Tag;
use chatshelf_common::wire::frame::{Goodbye, Hello, Ping, Refused, UploadDone};
use chatshelf_testkit::raw::{data, field, header};

use super::peer::{Peer, bytes, frame, hello, join, say};
use super::rig::Rig;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Greeting,
    Greeted,
    Joined,
}

fn arrive(rig: &mut Rig, phase: Phase) -> Peer {
    let mut peer = rig.connect();
    if phase != Phase::Greeting {
        peer.hello();
    }
    if phase == Phase::Joined {
        peer.join("eve", Some(0));
    }
    rig.settle();
    peer.take();
    peer
}

/// Sends `wrong` in a phase, beside a member who keeps talking, and returns what was received.
fn offend(phase: Phase, wrong: &[u8]) -> Peer {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let mut peer = arrive(&mut rig, phase);
    ada.take();
    peer.send_raw(wrong);
    rig.settle();
    ada.say("undisturbed");
    rig.settle();
    assert!(ada.lines().contains(&"undisturbed".to_string()));
    assert_eq!(ada.goodbye(), None);
    if let Some(code) = peer.farewell() {
        assert_eq!(ada.members(), ["ada"], "{code:?}");
        assert!(peer.wire.borrow().shut);
    } else if phase == Phase::Joined {
        peer.send(Ping {});
        rig.settle();
        assert!(!peer.take().is_empty(), "the connection does not continue");
    }
    peer
}

fn goodbye(phase: Phase, wrong: &[u8]) -> Goodbye {
    let mut peer = offend(phase, wrong);
    peer.take();
    peer.goodbye().cloned().unwrap_or_else(|| panic!("{phase:?}: {wrong:02x?} is taken"))
}

fn goodbye_code(phase: Phase, wrong: &[u8]) -> Code {
    goodbye(phase, wrong).code
}

/// The refusal a member gets for `wrong`.
fn refused(wrong: &[u8]) -> Refused {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    ada.send_raw(wrong);
    rig.settle();
    let refused = ada.refusals();
    assert_eq!(ada.goodbye(), None);
    assert_eq!(refused.len(), 1, "{wrong:02x?}: {refused:?}");
    refused.into_iter().next().unwrap()
}

fn done(transfer: u32) -> Vec<u8> {
    bytes(UploadDone { transfer: TransferId(transfer), digest: Digest([0; 32]) })
}

#[test]
fn the_first_frame_must_be_a_hello_with_the_magic() {
    for wrong in [
        bytes(Ping {}),
        bytes(say(1, "hi")),
        frame(0x7e, 1, b""),
        frame(0x20, 0, b"data"),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xff; 6],
        bytes(Hello { magic: *b"HTTP", ..hello(1, 1) }),
    ] {
        assert_eq!(goodbye_code(Phase::Greeting, &wrong), Code::NOT_CHATSHELF, "{wrong:02x?}");
    }
}

#[test]
fn without_a_common_version_the_goodbye_names_the_servers_range() {
    for (min, max) in [(2, 9), (0, 0), (7, 1)] {
        let farewell = goodbye(Phase::Greeting, &bytes(hello(min, max)));
        assert_eq!(farewell.code, Code::VERSION);
        assert_eq!((farewell.version_min, farewell.version_max), (Some(1), Some(1)));
    }
    assert_eq!(offend(Phase::Greeting, &bytes(hello(0, 9))).goodbye(), None);
}

#[test]
fn a_length_over_the_limit_is_refused_by_the_header_alone() {
    for (phase, kind, limit) in [
        (Phase::Greeting, 0x01, 512),
        (Phase::Greeted, 0x02, 512),
        (Phase::Greeted, 0x7e, 512),
        (Phase::Joined, 0x03, 16_384),
        (Phase::Joined, 0x7e, 16_384),
        (Phase::Joined, 0x20, 65_548),
    ] {
        for length in [limit + 1, u32::MAX] {
            let farewell = goodbye(phase, &header(kind, length));
            assert_eq!(farewell.code, Code::FRAME_TOO_LONG, "{phase:?} {kind:#x}");
            assert_eq!(farewell.limit, Some(u64::from(limit)));
        }
        let mut rig = Rig::new();
        let mut peer = arrive(&mut rig, phase);
        peer.send_raw(&header(kind, limit));
        rig.settle();
        assert_eq!(peer.farewell(), None, "a length exactly at the limit");
    }
}

#[test]
fn a_farewell_says_what_was_malformed() {
    let farewell = goodbye(Phase::Greeted, &frame(0x02, 0, b""));
    assert!(farewell.detail.is_some_and(|detail| !detail.as_str().is_empty()));
}

#[test]
fn data_without_file_bytes_is_malformed() {
    for length in [0, 11, 12] {
        let wrong = frame(0x20, 0, &vec![0; length]);
        assert_eq!(goodbye_code(Phase::Joined, &wrong), Code::MALFORMED);
    }
}

#[test]
fn unknown_types_are_skipped_if_they_say_so() {
    for phase in [Phase::Greeted, Phase::Joined] {
        assert_eq!(offend(phase, &frame(0x7e, 0x01, b"later")).goodbye(), None);
        assert_eq!(offend(phase, &frame(0x7e, 0xff, b"later")).goodbye(), None);
        assert_eq!(goodbye_code(phase, &frame(0x7e, 0xfe, b"later")), Code::UNKNOWN_TYPE);
        assert_eq!(goodbye_code(phase, &frame(0x81, 0, b"")), Code::UNKNOWN_TYPE);
        assert_eq!(goodbye_code(phase, &frame(0xC0, 0, b"")), Code::UNKNOWN_TYPE);
    }
}

#[test]
fn known_types_are_allowed_in_their_phase_only() {
    let join = bytes(join("eve", None));
    assert_eq!(goodbye_code(Phase::Greeted, &bytes(hello(1, 1))), Code::UNEXPECTED);
    assert_eq!(goodbye_code(Phase::Joined, &bytes(hello(1, 1))), Code::UNEXPECTED);
    assert_eq!(goodbye_code(Phase::Joined, &join), Code::UNEXPECTED);
    for wrong in [bytes(say(1, "hi")), done(1), data(1, 0, b"x"), frame(0x06, 0, b"")] {
        assert_eq!(goodbye_code(Phase::Greeted, &wrong), Code::UNEXPECTED, "{wrong:02x?}");
    }
    // Invalid text does not make a frame any more acceptable.
    let empty_text = frame(0x03, 0, b"\x0b\x00\x08aaaaaaaa\x0c\x00\x00");
    assert_eq!(goodbye_code(Phase::Greeted, &empty_text), Code::UNEXPECTED);
    assert_eq!(goodbye_code(Phase::Joined, &frame(0x02, 0, b"\x07\x00\x00")), Code::UNEXPECTED);
}

#[test]
fn data_before_the_join_is_unexpected_whatever_its_flags() {
    let wrong = frame(0x20, 1, b"0123456789abcdef");
    assert_eq!(goodbye_code(Phase::Greeted, &wrong), Code::UNEXPECTED);
}

#[test]
fn fields_that_are_not_what_they_must_be_are_malformed() {
    let id = b"\x0b\x00\x08aaaaaaaa";
    let text = b"\x0c\x00\x02hi";
    for wrong in [
        frame(0x03, 0, b""),
        frame(0x03, 0, b"\x0b"),
        frame(0x03, 0, text),
        frame(0x03, 0, &[&id[..], &id[..], text].concat()),
        frame(0x03, 0, &[&id[..], text, b"\x0c\x00"].concat()),
        frame(0x03, 0, &[&id[..], text, b"\x0c\x00\x09hi"].concat()),
        frame(0x03, 0, &[&b"\x0b\x00\x02aa"[..], text].concat()),
        frame(0x13, 0, b""),
        frame(0x11, 0, b"\x10\x00\x04\x00\x00\x00\x01\x13\x00\x01x"),
    ] {
        assert_eq!(goodbye_code(Phase::Joined, &wrong), Code::MALFORMED, "{wrong:02x?}");
    }
    assert_eq!(goodbye_code(Phase::Greeted, &frame(0x02, 0, b"")), Code::MALFORMED);
    assert_eq!(goodbye_code(Phase::Greeting, &frame(0x01, 0, b"")), Code::MALFORMED);
}

#[test]
fn bad_text_in_a_hello_is_malformed() {
    let mut wrong = bytes(hello(1, 1));
    wrong.extend(b"\x06\x00\x01\x07");
    wrong[5] += 4;
    assert_eq!(goodbye_code(Phase::Greeting, &wrong), Code::MALFORMED);
}

#[test]
fn text_that_breaks_the_rules_is_refused_and_the_connection_stays() {
    let field = |tag: u8, value: &[u8]| field(Tag(tag), value);
    let id = field(11, b"\0\0\0\0\0\0\0\x04");
    let say = |text: &[u8]| frame(0x03, 0, &[id.clone(), field(12, text)].concat());
    let long = refused(&say(&[b'x'; 8193]));
    assert_eq!((long.code, long.limit), (Code::TEXT_TOO_LONG, Some(8192)));
    assert_eq!((long.about, long.id), (0x03, Some(MessageId(4))));
    for text in [&b""[..], b"\x1b[2J", b"\xff", "a\u{9b}".as_bytes()] {
        let invalid = refused(&say(text));
        assert_eq!((invalid.code, invalid.id), (Code::TEXT_INVALID, Some(MessageId(4))));
    }
    let topic = refused(&frame(0x06, 0, &field(15, &[b't'; 513])));
    assert_eq!((topic.code, topic.limit, topic.about), (Code::TEXT_TOO_LONG, Some(512), 0x06));
    for name in [&b""[..], b"a b", b"-a", &[b'n'; 33], b"YOU", "\u{301}".as_bytes()] {
        let rename = refused(&frame(0x05, 0, &field(7, name)));
        assert_eq!((rename.code, rename.about), (Code::NICK_INVALID, 0x05));
    }
    let tell = [id.clone(), field(14, b"a b"), field(12, b"hi")].concat();
    let tell = refused(&frame(0x04, 0, &tell));
    assert_eq!((tell.code, tell.id), (Code::NICK_INVALID, Some(MessageId(4))));
    for name in ["../x", "a\u{202e}b", "a\u{200d}b", "a\u{fe0f}", "a\u{e000}", "a\u{378}"] {
        let fields = [field(16, &[0, 0, 0, 9]), field(17, name.as_bytes()), field(18, &[0; 8])];
        let offer = refused(&frame(0x10, 0, &fields.concat()));
        assert_eq!((offer.code, offer.about), (Code::FILE_NAME_INVALID, 0x10), "{name:?}");
        assert_eq!(offer.transfer, Some(TransferId(9)));
    }
}

#[test]
fn a_bad_nick_in_a_join_is_refused_and_another_join_works() {
    let mut peer = offend(Phase::Greeted, &frame(0x02, 0, b"\x07\x00\x03a b"));
    assert_eq!(peer.farewell(), None);
    let mut rig = Rig::new();
    let mut peer = rig.connect();
    peer.hello();
    peer.send_raw(&frame(0x02, 0, b"\x07\x00\x03a b"));
    peer.join("ada", None);
    rig.settle();
    assert_eq!(peer.refusal(), Code::NICK_INVALID);
    assert!(peer.welcomed().is_some());
}

#[test]
fn transfer_numbers_must_grow_even_over_refused_ones() {
    for (first, second) in [(5, 5), (5, 4), (u32::MAX, 0)] {
        for is_download in [false, true] {
            let mut rig = Rig::new();
            let mut peer = rig.join("eve");
            // Refused: the item is unknown; the number counts as used anyway.
            peer.request(first, 99, None);
            rig.settle();
            assert_eq!(peer.refusal(), Code::ITEM_UNKNOWN);
            if is_download {
                peer.request(second, 99, None);
            } else {
                peer.offer(second, 1);
            }
            rig.settle();
            assert_eq!(peer.farewell(), Some(Code::UNEXPECTED));
        }
    }
    let bad_name = |number: u8| {
        let value = [&[16, 0, 4, 0, 0, 0, number, 17, 0, 0, 18, 0, 8][..], &[0; 8]].concat();
        frame(0x10, 0, &value)
    };
    let twice = [bad_name(3), bad_name(3)].concat();
    assert_eq!(goodbye_code(Phase::Joined, &twice), Code::UNEXPECTED);
}

#[test]
fn data_and_done_out_of_place_are_unexpected() {
    for wrong in [data(1, 0, b"x"), done(1)] {
        assert_eq!(goodbye_code(Phase::Joined, &wrong), Code::UNEXPECTED, "never used");
    }
    // Before `UploadReady`, at a wrong offset, beyond the size.
    for (is_ready, wrong) in [
        (false, data(1, 0, b"x")),
        (false, done(1)),
        (true, data(1, 1, b"x")),
        (true, data(1, 0, b"12345")),
        (true, [data(1, 0, b"123"), data(1, 0, b"1")].concat()),
        (true, data(1, u64::MAX, b"1234")),
    ] {
        let mut rig = Rig::new();
        let mut peer = rig.join("eve");
        peer.offer(1, 4);
        if is_ready {
            rig.settle();
        }
        peer.send_raw(&wrong);
        rig.settle();
        assert_eq!(peer.farewell(), Some(Code::UNEXPECTED), "{wrong:02x?}");
        peer.end();
        rig.settle();
        rig.assert_empty();
    }
}

#[test]
fn done_before_all_bytes_is_a_size_mismatch_and_later_frames_are_discarded() {
    let mut rig = Rig::new();
    let mut peer = rig.join("eve");
    peer.offer(1, 4);
    rig.settle();
    peer.send_raw(&[data(1, 0, b"123"), done(1), data(1, 3, b"4"), done(1)].concat());
    peer.cancel(1);
    peer.say("goes on");
    rig.settle();
    let refusals = peer.refusals();
    assert_eq!(refusals.len(), 1);
    assert_eq!((refusals[0].code, refusals[0].about), (Code::SIZE_MISMATCH, 0x10));
    assert_eq!(peer.goodbye(), None);
    assert_eq!(rig.engine.transfers.slots_taken(), 0);
}

#[test]
fn of_several_faults_the_first_in_the_documents_order_is_reported() {
    let magic = bytes(Hello { magic: *b"HTTP", ..hello(1, 1) });
    let twice = frame(0x01, 0, &[&magic[6..], &magic[6..13]].concat());
    let (id, text) = (b"\x0b\x00\x08aaaaaaaa", b"\x0c\x00\x02\x1bx");
    let offer = |transfer: u8, rest: &[u8]| {
        frame(0x10, 0, &[&[0x10, 0, 4, 0, 0, 0, transfer], rest].concat())
    };
    let (name, size) = (b"\x11\x00\x03a/b", b"\x12\x00\x08aaaaaaaa");
    let bad_name = offer(1, &[&name[..], size].concat());
    for (phase, wrong, code) in [
        (Phase::Greeting, header(0x30, 600), Code::NOT_CHATSHELF),
        (Phase::Greeting, twice, Code::MALFORMED),
        (Phase::Greeting, frame(0x01, 0, &magic[13..]), Code::MALFORMED),
        (Phase::Greeting, bytes(Hello { magic: *b"HTTP", ..hello(7, 9) }), Code::NOT_CHATSHELF),
        (Phase::Greeted, header(0x20, 600), Code::FRAME_TOO_LONG),
        (Phase::Greeted, frame(0x20, 0, &[0; 12]), Code::UNEXPECTED),
        (Phase::Greeted, frame(0x03, 0, &id[..]), Code::MALFORMED),
        (Phase::Greeted, frame(0x03, 0, &[&id[..], text].concat()), Code::UNEXPECTED),
        (Phase::Joined, header(0x7e, 20_000), Code::FRAME_TOO_LONG),
        (Phase::Joined, frame(0x7e, 0, b"\x0b"), Code::UNKNOWN_TYPE),
        (Phase::Joined, frame(0x01, 0, b""), Code::MALFORMED),
        (Phase::Joined, bytes(hello(1, 1)), Code::UNEXPECTED),
        (Phase::Joined, frame(0x03, 0, text), Code::MALFORMED),
        (Phase::Joined, [offer(2, b""), bad_name.clone()].concat(), Code::MALFORMED),
        (Phase::Joined, [&bad_name[..], &bad_name[..]].concat(), Code::UNEXPECTED),
    ] {
        assert_eq!(goodbye_code(phase, &wrong), code, "{phase:?} {wrong:02x?}");
    }
    // Frames that end no connection.
    let style = b"\x0d\x00\x02aa";
    let long = [&b"\x0c\x20\x01"[..], &[0xff; 8193]].concat();
    for (wrong, code) in [
        (frame(0x03, 0, &[&id[..], text, style].concat()), Code::TEXT_INVALID),
        (frame(0x03, 0, &[&id[..], &long].concat()), Code::TEXT_INVALID),
        (frame(0x04, 0, &[&id[..], b"\x0e\x00\x01\xff", text].concat()), Code::NICK_INVALID),
        (offer(1, &[&b"\x11\x00\x03\xee\x80\x80"[..], size].concat()), Code::FILE_NAME_INVALID),
    ] {
        assert_eq!(refused(&wrong).code, code, "{wrong:02x?}");
    }
    let told = refused(&frame(0x04, 0, &[&id[..], b"\x0e\x00\x01\xff", text].concat()));
    assert_eq!(told.id, Some(MessageId(0x6161_6161_6161_6161)));
}

#[test]
fn a_second_done_is_unexpected_while_the_file_is_stored() {
    let mut rig = Rig::new();
    let mut peer = rig.join("eve");
    peer.offer(1, 4);
    rig.settle();
    rig.hold_disk();
    peer.send_raw(&[data(1, 0, b"1234"), done(1), done(1)].concat());
    rig.settle();
    assert_eq!(peer.farewell(), Some(Code::UNEXPECTED));
}
