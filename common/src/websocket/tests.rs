//! The cases of the Autobahn test suite by their numbers, as far as they are about frames, and what
//! the suite leaves out. The suite's cases about texts are refusals here: 1.1, 5.3 to 5.8, 6.

use proptest::prelude::*;

use super::*;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// First bytes of frames: without FIN a message goes on.
const BINARY: u8 = 0x82;
const TEXT: u8 = 0x81;
const BINARY_BEGINS: u8 = 0x02;
const TEXT_BEGINS: u8 = 0x01;
const CONTINUES: u8 = 0x00;
const ENDS: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// A client's frame with this first byte.
fn sent(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(Opcode::Binary, payload, Some(MASK));
    bytes[0] = first;
    bytes
}

fn code(number: u16) -> CloseCode {
    let code = CloseCode::read(&number.to_be_bytes()).expect("a code that may be sent");
    code.expect("a code")
}

/// What a peer has after it has read these bytes in pieces of at most `cut` bytes: what they
/// carried, the pings it answers, and how it ended.
type Heard = (Vec<u8>, Vec<Vec<u8>>, Option<End>);

fn heard(from: Sender, bytes: &[u8], cut: usize) -> Heard {
    let mut incoming = Incoming::new(from);
    let (mut carried, mut pings) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(cut) {
        let mut piece = piece.to_vec();
        let count = incoming.open(&mut piece);
        carried.extend_from_slice(&piece[..count]);
        pings.extend(incoming.take_ping());
    }
    (carried, pings, incoming.end())
}

/// What these frames bring about, however they are cut; of pings that come at once the newest is
/// answered.
#[track_caller]
fn brings(case: &str, frames: &[(u8, &[u8])], expected: &Heard) {
    let pieces: Vec<Vec<u8>> =
        frames.iter().map(|(first, payload)| sent(*first, payload)).collect();
    let bytes = pieces.concat();
    let (carried, pings, end) = expected;
    for cut in [1, 2, 3, 7, 997, bytes.len()] {
        let heard = heard(Sender::Client, &bytes, cut);
        assert_eq!((&heard.0, heard.2), (carried, *end), "case {case}, pieces of {cut} bytes");
        assert_eq!(heard.1.last(), pings.last(), "case {case}, pieces of {cut} bytes");
        assert!(cut > 1 || heard.1 == *pings, "case {case}: {:?}", heard.1);
    }
}

fn carries(case: &str, frames: &[(u8, &[u8])], carried: &[u8]) {
    brings(case, frames, &(carried.to_vec(), Vec::new(), None));
}

fn answers(case: &str, frames: &[(u8, &[u8])], carried: &[u8], pings: &[&[u8]]) {
    let pings = pings.iter().map(|ping| ping.to_vec()).collect();
    brings(case, frames, &(carried.to_vec(), pings, None));
}

fn refuses(case: &str, frames: &[(u8, &[u8])], carried: &[u8], why: CloseCode) {
    let bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| sent(*first, payload)).collect();
    for cut in [1, 3, bytes.len()] {
        let (heard, _, end) = heard(Sender::Client, &bytes, cut);
        let expected = (carried, Some(End::Broken(why)));
        assert_eq!((&heard[..], end), expected, "case {case}, pieces of {cut} bytes");
    }
}

#[test]
fn messages_of_every_length_arrive_however_they_are_cut() {
    let cases = [
        ("1.2.1", 0),
        ("1.2.2", 125),
        ("1.2.3", 126),
        ("1.2.4", 127),
        ("1.2.5", 128),
        ("1.2.6", 65_535),
        ("1.2.7, 1.2.8", 65_536),
        ("9.2.1", 70_001),
    ];
    for (case, length) in cases {
        let payload: Vec<u8> = (0..length).map(|place: u32| (place % 251) as u8).collect();
        carries(case, &[(BINARY, &payload)], &payload);
    }
}

#[test]
fn pings_are_answered_and_pongs_are_not() {
    let long = [0xfe; CONTROL_BYTES_MAX];
    answers("2.1", &[(PING, b"")], b"", &[b""]);
    answers("2.2", &[(PING, b"Hello, world!")], b"", &[b"Hello, world!"]);
    let bytes = [0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff];
    answers("2.3", &[(PING, &bytes)], b"", &[&bytes]);
    answers("2.4, 2.6", &[(PING, &long)], b"", &[&long]);
    carries("2.7", &[(PONG, b"")], b"");
    carries("2.8", &[(PONG, b"unsolicited pong payload")], b"");
    answers("2.9", &[(PONG, b"unsolicited"), (PING, b"ping")], b"", &[b"ping"]);
    let ten: Vec<[u8; 1]> = (0..10).map(|number| [number]).collect();
    let pings: Vec<(u8, &[u8])> = ten.iter().map(|ping| (PING, &ping[..])).collect();
    let all: Vec<&[u8]> = ten.iter().map(|ping| &ping[..]).collect();
    answers("2.10, 2.11", &pings, b"", &all);
    refuses("2.5", &[(PING, &[0xfe; 126])], b"", CloseCode::PROTOCOL_ERROR);
}

#[test]
fn bits_for_extensions_are_refused() {
    let small = (BINARY, &b"Hello"[..]);
    for (case, bits, frames) in [
        ("3.1", 0x10, vec![]),
        ("3.2", 0x20, vec![small]),
        ("3.3, 3.4", 0x30, vec![small]),
        ("3.5", 0x40, vec![]),
        ("3.6", 0x50, vec![]),
        ("3.7", 0x60, vec![]),
    ] {
        let carried = b"Hello".repeat(frames.len());
        for opcode in [BINARY, TEXT, PING, CLOSE] {
            let frames = [&frames[..], &[(opcode | bits, &b"x"[..]), (PING, b"")]].concat();
            refuses(case, &frames, &carried, CloseCode::PROTOCOL_ERROR);
        }
    }
}

#[test]
fn opcodes_that_mean_nothing_are_refused() {
    let opcodes = [3, 4, 5, 6, 7].map(|it| ("4.1", it)).into_iter();
    for (case, opcode) in opcodes.chain([11, 12, 13, 14, 15].map(|it| ("4.2", it))) {
        for payload in [&b""[..], b"reserved opcode payload"] {
            let frames = [(BINARY, &b"Hello"[..]), (FIN | opcode, payload), (PING, b"")];
            refuses(case, &frames, b"Hello", CloseCode::PROTOCOL_ERROR);
        }
    }
}

#[test]
fn a_message_may_come_in_fragments_with_control_frames_between_them() {
    let error = CloseCode::PROTOCOL_ERROR;
    refuses("5.1", &[(PING & !FIN, b"fragment1"), (ENDS, b"fragment2")], b"", error);
    refuses("5.2", &[(PONG & !FIN, b"fragment1"), (ENDS, b"fragment2")], b"", error);
    let two: [(u8, &[u8]); 2] = [(BINARY_BEGINS, b"fragment1"), (ENDS, b"fragment2")];
    carries("5.3 to 5.5", &two, b"fragment1fragment2");
    let pinged = [two[0], (PING, b"ping"), two[1]];
    answers("5.6 to 5.8", &pinged, b"fragment1fragment2", &[b"ping"]);
    let stray: [(u8, &[u8]); 2] = [(ENDS, b"non-continuation payload"), (BINARY, b"Hello")];
    refuses("5.9 to 5.11", &stray, b"", error);
    let stray: [(u8, &[u8]); 2] = [(CONTINUES, b"non-continuation payload"), (BINARY, b"Hello")];
    refuses("5.12 to 5.14", &stray, b"", error);
    let after: Vec<(u8, &[u8])> = [&two[..], &[(CONTINUES, b"fragment3")]].concat();
    refuses("5.15", &after, b"fragment1fragment2", error);
    let begun: [(u8, &[u8]); 2] = [(CONTINUES, b"fragment1"), (BINARY_BEGINS, b"fragment2")];
    refuses("5.16, 5.17", &begun, b"", error);
    let twice: [(u8, &[u8]); 2] = [(BINARY_BEGINS, b"fragment1"), (BINARY, b"fragment2")];
    refuses("5.18", &twice, b"fragment1", error);
    let five: Vec<(u8, &[u8])> = vec![
        (BINARY_BEGINS, b"1"),
        (CONTINUES, b"2"),
        (PING, b"ping 1"),
        (CONTINUES, b"3"),
        (CONTINUES, b"4"),
        (PING, b"ping 2"),
        (ENDS, b"5"),
    ];
    answers("5.19, 5.20", &five, b"12345", &[b"ping 1", b"ping 2"]);
    carries("6.1.3", &[(BINARY_BEGINS, b""), (CONTINUES, b"middle"), (ENDS, b"")], b"middle");
}

#[test]
fn texts_are_refused_by_the_code_for_that() {
    let texts: [&[u8]; 4] = [b"", b"Hello", "Hello-\u{b5}@\u{df}".as_bytes(), b"\xce\xba\xed\xa0"];
    for text in texts {
        refuses("1.1, 6.1.1, 6.2, 6.3", &[(TEXT, text)], b"", CloseCode::UNSUPPORTED);
        let parts: [(u8, &[u8]); 2] = [(TEXT_BEGINS, text), (ENDS, b"")];
        refuses("6.1.2, 6.2.2", &parts, b"", CloseCode::UNSUPPORTED);
    }
}

#[test]
fn a_close_is_understood_and_nothing_follows_it() {
    let closed = |code| (b"Hello".to_vec(), Vec::new(), Some(End::Closed(code)));
    fn after(payload: &[u8]) -> Vec<(u8, &[u8])> {
        vec![(BINARY, b"Hello"), (CLOSE, payload)]
    }
    brings("7.1.1, 7.3.1", &after(b""), &closed(None));
    let mut more = after(b"");
    more.extend([(BINARY, &b"more"[..]), (PING, b"ping"), (CLOSE, b"")]);
    brings("7.1.2 to 7.1.6", &more, &closed(None));
    brings("7.3.3", &after(b"\x03\xe8"), &closed(Some(CloseCode::NORMAL)));
    brings("7.3.4", &after(b"\x03\xe8Hello World!"), &closed(Some(CloseCode::NORMAL)));
    let longest = [&b"\x03\xe8"[..], &[b'*'; 123]].concat();
    brings("7.3.5", &after(&longest), &closed(Some(CloseCode::NORMAL)));
    for number in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        let payload = u16::to_be_bytes(number);
        brings("7.7", &after(&payload), &closed(Some(code(number))));
    }
}

#[test]
fn a_close_that_says_nothing_sensible_is_refused() {
    let error = CloseCode::PROTOCOL_ERROR;
    refuses("7.3.2", &[(CLOSE, b"a")], b"", error);
    refuses("7.3.6", &[(CLOSE, &[&b"\x03\xe8"[..], &[b'*'; 124]].concat())], b"", error);
    refuses("7.5.1", &[(CLOSE, b"\x03\xe8\xce\xba\xed\xa0\x80")], b"", CloseCode::NOT_UTF8);
    for number in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        refuses("7.9, 7.13", &[(CLOSE, &number.to_be_bytes())], b"", error);
    }
}

#[test]
fn a_client_masks_and_a_server_does_not() {
    let hello = |mask| frame(Opcode::Binary, b"Hello", mask);
    // The examples of RFC 6455, section 5.7.
    assert_eq!(hello(Some(MASK)), b"\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    assert_eq!(hello(None), b"\x82\x05Hello");
    for (from, mask, end) in [
        (Sender::Client, Some(MASK), None),
        (Sender::Server, None, None),
        (Sender::Client, None, Some(End::Broken(CloseCode::PROTOCOL_ERROR))),
        (Sender::Server, Some(MASK), Some(End::Broken(CloseCode::PROTOCOL_ERROR))),
    ] {
        let carried = if end.is_none() { &b"Hello"[..] } else { b"" };
        assert_eq!(heard(from, &hello(mask), 3), (carried.to_vec(), Vec::new(), end));
    }
}

#[test]
fn a_length_is_written_as_shortly_as_it_can_be() {
    for (head, is_right) in [
        (&b"\x82\x7d"[..], true),
        (b"\x82\x7e\x00\x7e", true),
        (b"\x82\x7e\x00\x7d", false),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", true),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", false),
        (b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", true),
        (b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", false),
    ] {
        let (_, _, end) = heard(Sender::Server, head, 1);
        assert_eq!(end.is_none(), is_right, "{head:02x?}");
    }
    for length in [0, 125, 126, 65_535, 65_536] {
        let frame = frame(Opcode::Binary, &vec![7; length], None);
        let expected = length
            + if length < 126 {
                2
            } else if length < 65_536 {
                4
            } else {
                10
            };
        assert_eq!(frame.len(), expected);
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_never_more_than_it_was(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        cut in 1_usize..50,
    ) {
        for from in [Sender::Client, Sender::Server] {
            let (carried, _, _) = heard(from, &bytes, cut);
            prop_assert!(carried.len() <= bytes.len());
        }
    }

    #[test]
    fn messages_in_any_parts_carry_the_same_bytes(
        parts in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..300), any::<[u8; 4]>(), any::<bool>()),
            1..8,
        ),
        cut in 1_usize..700,
    ) {
        let (mut bytes, mut expected, mut is_mid) = (Vec::new(), Vec::new(), false);
        for (payload, mask, is_last) in parts {
            let opcode = if is_mid { Opcode::Continuation } else { Opcode::Binary };
            let mut part = frame(opcode, &payload, Some(mask));
            part[0] = opcode as u8 | if is_last { FIN } else { 0 };
            bytes.extend(part);
            bytes.extend(frame(Opcode::Pong, b"between", Some(mask)));
            expected.extend(payload);
            is_mid = !is_last;
        }
        prop_assert_eq!(heard(Sender::Client, &bytes, cut), (expected, Vec::new(), None));
    }
}
