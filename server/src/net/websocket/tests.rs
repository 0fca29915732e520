//! The transport against a client's frames.

use chatshelf_common::websocket::{CONTROL_BYTES_MAX, apply_mask, frame};

use super::*;
use crate::net::fake::Fake;

const MASK: [u8; 4] = [1, 2, 3, 4];

fn over(fake: Fake) -> WebSocketTransport<Fake> {
    WebSocketTransport::new(fake, &[], &[])
}

fn masked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    frame(opcode, payload, Some(MASK))
}

/// What a client hears in these bytes, and how it ends.
fn heard(sent: &[u8]) -> (Vec<u8>, Option<End>) {
    let (mut bytes, mut incoming) = (sent.to_vec(), Incoming::new(Sender::Server));
    let count = incoming.open(&mut bytes);
    bytes.truncate(count);
    (bytes, incoming.end())
}

/// Writes all, as the engine does.
fn say(socket: &mut WebSocketTransport<Fake>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match socket.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(why) => assert_eq!(why.kind(), ErrorKind::WouldBlock),
        }
        flush(socket);
    }
}

fn flush(socket: &mut WebSocketTransport<Fake>) {
    while socket.has_pending() {
        assert!(socket.flush_pending().unwrap() > 0);
    }
}

#[test]
fn a_write_becomes_a_message_with_its_bytes() {
    let mut socket = over(Fake::new());
    assert_eq!(socket.write(b"line").unwrap(), 4);
    assert!(!socket.has_pending(), "both pieces went out at once");
    assert_eq!(socket.below.sent, b"\x82\x04line");
    let long = vec![7; 3 * MESSAGE_BYTES_MAX];
    assert_eq!(socket.write(&long).unwrap(), MESSAGE_BYTES_MAX);
    assert_eq!(socket.below.sent.len(), 6 + RECORD_BYTES_MAX, "a message fills a record");
}

#[test]
fn bytes_may_move_in_pieces_of_any_size() {
    let said: Vec<u8> = (0..40_000).map(|place: u32| (place % 251) as u8).collect();
    for most in [1, 2, 3, 5, 997, 16_384] {
        let mut socket = over(Fake { most, ..Fake::new() });
        say(&mut socket, &said);
        assert_eq!(heard(&socket.below.sent), (said.clone(), None), "{most} bytes at a time");
        socket.below.come.extend(masked(Opcode::Binary, &said));
        let (mut read, mut buffer) = (Vec::new(), [0; 1_000]);
        while let Ok(count) = socket.read(&mut buffer) {
            read.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(read, said, "{most} bytes at a time");
    }
}

#[test]
fn what_the_peer_does_not_take_is_kept_until_it_does() {
    for room in 0..8 {
        let mut socket = over(Fake { room, ..Fake::new() });
        if room == 0 {
            assert!(socket.write(b"a line").is_err() && !socket.has_pending());
            continue;
        }
        assert_eq!(socket.write(b"a line").unwrap(), 6, "room for {room}");
        assert!(socket.has_pending());
        assert!(socket.write(b"more").is_err(), "the rest goes first");
        socket.below.room = usize::MAX;
        flush(&mut socket);
        assert!(heard(&socket.below.sent).0.starts_with(b"a line"));
    }
}

#[test]
fn a_piece_is_a_message_in_one_write() {
    let mut socket = over(Fake::new());
    assert_eq!(socket.write_piece(b"data").unwrap(), 4);
    assert_eq!(socket.below.sent, b"\x82\x04data");
}

#[test]
fn a_ping_is_answered_once_there_is_room() {
    let mut socket = over(Fake { room: 0, ..Fake::new() });
    socket.below.come.extend(masked(Opcode::Ping, &[7; CONTROL_BYTES_MAX]));
    assert_eq!(socket.read(&mut [0; 100]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(socket.has_pending());
    // Whoever takes no answer gets no second one.
    for _ in 0..100 {
        socket.below.come.extend(masked(Opcode::Ping, b"again"));
        let _ = socket.read(&mut [0; 100]);
    }
    assert_eq!(socket.outgoing.waiting().len(), 2 + CONTROL_BYTES_MAX);
    socket.below.room = usize::MAX;
    flush(&mut socket);
    assert_eq!(socket.below.sent, frame(Opcode::Pong, &[7; CONTROL_BYTES_MAX], None));
    assert_eq!(socket.outgoing.capacity(), 0, "nothing is kept");
}

#[test]
fn nothing_but_control_frames_ends_it() {
    let mut socket = over(Fake::new());
    let pings = masked(Opcode::Ping, b"");
    socket.below.come.extend(pings.repeat(2 * FRUITLESS_BYTES_MAX / pings.len()));
    let why = socket.read(&mut [0; 1_000]).unwrap_err();
    assert_eq!(why.downcast::<Refusal>().unwrap(), Refusal(Code::MALFORMED));
    close(&mut socket, CloseCode::POLICY);
}

/// Shuts the server's side, which tells the client this code.
#[track_caller]
fn close(socket: &mut WebSocketTransport<Fake>, code: CloseCode) {
    assert_eq!(socket.shutdown_write().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(socket.write(b"more").is_err(), "nothing follows the close");
    flush(socket);
    assert!(!socket.below.is_shut);
    socket.shutdown_write().unwrap();
    assert!(socket.below.is_shut);
    assert_eq!(heard(&socket.below.sent).1, Some(End::Closed(Some(code))));
}

#[test]
fn either_side_may_close() {
    let mut socket = over(Fake::new());
    say(&mut socket, b"goodbye");
    close(&mut socket, CloseCode::NORMAL);
    socket.below.come.extend(masked(Opcode::Close, &CloseCode::NORMAL.to_bytes()));
    assert_eq!(socket.read(&mut [0; 100]).unwrap(), 0, "the client has closed as well");

    let mut socket = over(Fake::new());
    let mut last = masked(Opcode::Binary, b"last");
    last.extend(masked(Opcode::Close, &[&4000_u16.to_be_bytes()[..], b"bye"].concat()));
    socket.below.come.extend(last);
    let mut buffer = [0; 100];
    assert_eq!(socket.read(&mut buffer).unwrap(), 4);
    assert!(socket.has_buffered() && !socket.short_is_blocked(), "the end is to be told");
    assert_eq!(socket.read(&mut buffer).unwrap(), 0);
    assert!(!socket.has_buffered());
    say(&mut socket, b"goodbye");
    assert_eq!(socket.shutdown_write().unwrap_err().kind(), ErrorKind::WouldBlock);
    flush(&mut socket);
    assert!(socket.below.sent.ends_with(b"\x88\x02\x0f\xa0"), "its code comes back");
}

#[test]
fn a_close_is_answered_with_the_code_it_has_or_with_none() {
    for (payload, answer) in [
        (&b""[..], &b"\x88\x00"[..]),
        (b"\x03\xe8", b"\x88\x02\x03\xe8"),
        (b"\x03\xe9bye", b"\x88\x02\x03\xe9"),
        (b"\x0f\xa0", b"\x88\x02\x0f\xa0"),
    ] {
        let mut socket = over(Fake::new());
        socket.below.come.extend(masked(Opcode::Close, payload));
        assert_eq!(socket.read(&mut [0; 100]).unwrap(), 0);
        assert_eq!(socket.shutdown_write().unwrap_err().kind(), ErrorKind::WouldBlock);
        flush(&mut socket);
        assert_eq!(socket.below.sent, answer, "{payload:x?}");
    }
}

#[test]
fn what_breaks_the_protocol_is_told_why() {
    for (bytes, code) in [
        (masked(Opcode::Text, b"hello"), CloseCode::UNSUPPORTED),
        (frame(Opcode::Binary, b"hello", None), CloseCode::PROTOCOL_ERROR),
        (b"GET / HTTP/1.1\r\n".to_vec(), CloseCode::PROTOCOL_ERROR),
        (masked(Opcode::Close, b"\x03"), CloseCode::PROTOCOL_ERROR),
        (masked(Opcode::Close, &1005_u16.to_be_bytes()), CloseCode::PROTOCOL_ERROR),
        (masked(Opcode::Close, b"\x03\xe8\xff"), CloseCode::NOT_UTF8),
    ] {
        let mut socket = over(Fake::new());
        socket.below.come.extend(&bytes);
        let why = socket.read(&mut [0; 100]).unwrap_err();
        assert_eq!(why.downcast::<Refusal>().unwrap(), Refusal(Code::MALFORMED));
        say(&mut socket, b"goodbye");
        close(&mut socket, code);
    }
}

#[test]
fn what_came_with_the_request_is_not_lost() {
    let mut early = masked(Opcode::Binary, b"hello");
    early.extend(masked(Opcode::Ping, b"ping"));
    let mut socket = WebSocketTransport::new(Fake::new(), b"101\r\n", &early);
    assert!(socket.has_buffered() && socket.has_pending());
    let mut buffer = [0; 100];
    assert_eq!((socket.read(&mut buffer).unwrap(), &buffer[..5]), (5, &b"hello"[..]));
    flush(&mut socket);
    assert_eq!(socket.below.sent, b"101\r\n\x8a\x04ping");
}

#[test]
fn a_short_read_says_that_nothing_is_left_until_something_is_written() {
    let mut socket = over(Fake::new());
    socket.below.come.extend(masked(Opcode::Binary, b"hello"));
    socket.read(&mut [0; 100]).unwrap();
    assert!(socket.short_is_blocked());
    socket.write(b"yes").unwrap();
    assert!(!socket.short_is_blocked(), "a message may be shorter than what was to be written");
}

#[test]
fn an_idle_member_costs_little_more_than_over_tcp() {
    let mut socket = over(Fake::new());
    for part in [&b"a"[..], b"b"] {
        socket.below.come.extend(masked(Opcode::Binary, part));
        socket.read(&mut [0; 100]).unwrap();
        say(&mut socket, part);
    }
    let buffers = socket.received.capacity() + socket.outgoing.capacity();
    let own = size_of::<WebSocketTransport<Fake>>() - size_of::<Fake>();
    assert!(own + buffers <= 256, "{own} bytes, and {buffers} in buffers");
    let mut payload = b"x".to_vec();
    apply_mask(&mut payload, MASK);
    assert_eq!(payload, b"y");
}
