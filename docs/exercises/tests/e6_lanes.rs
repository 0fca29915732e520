//! Checks exercise 6.

use exercises::lanes::SendQueue;

/// A socket with room for some bytes.
struct Socket {
    room: usize,
    /// How often it was tried in vain.
    refusals: usize,
    sent: Vec<u8>,
}

impl Socket {
    fn with_room(room: usize) -> Self {
        Self { room, refusals: 0, sent: Vec::new() }
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room);
        self.room -= taken;
        self.refusals += usize::from(taken == 0);
        assert!(self.refusals < 1000, "it tries a full socket for ever");
        self.sent.extend(&bytes[..taken]);
        taken
    }
}

#[test]
fn talk_goes_before_data_that_has_not_begun() {
    let (mut queue, mut socket) = (SendQueue::default(), Socket::with_room(100));
    queue.push_data(b"DDDD");
    queue.push_talk(b"one ");
    queue.push_talk(b"two ");
    queue.flush(|bytes| socket.write(bytes));
    assert_eq!(socket.sent, b"one two DDDD");
}

#[test]
fn a_frame_that_was_begun_is_finished_first() {
    let (mut queue, mut socket) = (SendQueue::default(), Socket::with_room(3));
    queue.push_data(b"DDDDDDDD");
    queue.push_data(b"EEEE");
    queue.flush(|bytes| socket.write(bytes));
    queue.push_talk(b"hi ");
    socket.room = 100;
    queue.flush(|bytes| socket.write(bytes));
    assert_eq!(socket.sent, b"DDDDDDDDhi EEEE", "frames of two kinds are mixed up");
}

#[test]
fn however_short_the_writes_no_byte_is_lost_or_sent_twice() {
    for room in 1..12 {
        let (mut queue, mut socket) = (SendQueue::default(), Socket::with_room(room));
        for _ in 0..20 {
            queue.push_data(b"<data>");
        }
        for n in 0..60 {
            if n % 6 == 0 {
                queue.push_talk(b"<talk>");
            }
            socket.room = room;
            queue.flush(|bytes| socket.write(bytes));
        }
        socket.room = 1000;
        queue.flush(|bytes| socket.write(bytes));
        let sent = String::from_utf8(socket.sent).unwrap();
        let count = |frame| sent.matches(frame).count();
        assert_eq!((count("<data>"), count("<talk>")), (20, 10), "{room} at a time: {sent}");
        assert_eq!(sent.len(), 30 * 6);
    }
}

#[test]
fn a_full_socket_is_left_alone() {
    let mut queue = SendQueue::default();
    queue.push_talk(b"hi");
    let mut writes = 0;
    queue.flush(|_| {
        writes += 1;
        assert!(writes < 10, "it tries a full socket for ever");
        0
    });
    assert_eq!(writes, 1);
}
