//! The hot paths themselves. Each looks whether the work was done: a path that does nothing takes
//! few instructions.

use std::hint::black_box;

use chatshelf_common::id::{MessageId, Seq, UnixMillis};
use chatshelf_common::wire::{ClientFrame, Deframer, Unit};
use chatshelf_server::engine::LOG_WINDOW_BYTES;
use chatshelf_server::room::Room;
use chatshelf_server::room::proposal::Proposal;
use chatshelf_server::sequencer::Sequencer;

use super::counted_alone;
use super::lines::{nick, said, text};
use super::rig::{MEMBERS, Rig};

/// Lines that are decoded or appended. The log holds more before it cuts its front.
const LINES_IN_A_ROW: u64 = 2_000;

/// Turns are counted until so many lines are said, or so many turns are over.
const LINES_MAX: usize = 1_280;
const TURNS_MAX: usize = 200;
/// Turns before those, in which what is allocated once is allocated.
const TURNS_BEFORE: usize = 3;

/// From bytes to a frame.
pub(super) fn decode() -> u64 {
    let bytes = said(LINES_IN_A_ROW);
    let mut deframer = Deframer::joined();
    let mut input = bytes.as_slice();
    let mut lines = 0;
    counted_alone(|| {
        while let Ok(Some(Unit::Control { header, value })) = deframer.next(&mut input) {
            let frame = black_box(ClientFrame::decode(header.kind, value));
            lines += u64::from(matches!(frame, Ok(ClientFrame::Say(_))));
        }
    });
    assert_eq!((lines, input.len()), (LINES_IN_A_ROW, 0), "every line is decoded");
    LINES_IN_A_ROW
}

/// From a line to the end of the room's log.
pub(super) fn append() -> u64 {
    let mut room = Room::new(Seq(1), LOG_WINDOW_BYTES, 5);
    let mut sequencer = Sequencer::new(&room);
    let join = Proposal::Join { nick: nick(0), quiet: None };
    sequencer.order(&mut room, join, UnixMillis(0)).expect("nobody has the nick");
    let line = |id| {
        let (nick, id, text) = (nick(0), MessageId(id), text());
        Proposal::Say { nick, id, text, style: None, repeat: None }
    };
    let lines: Vec<_> = (0..LINES_IN_A_ROW).map(line).collect();
    counted_alone(|| {
        for (line, at) in lines.into_iter().zip(0..) {
            let _ = black_box(sequencer.order(&mut room, line, UnixMillis(at)));
        }
    });
    assert_eq!(room.log().last_seq(), Seq(1 + LINES_IN_A_ROW), "every line is in the log");
    LINES_IN_A_ROW
}

/// The turn in which the journal answers for `LINES` lines, and all members are sent them.
pub(super) fn flush<const LINES: usize>() -> u64 {
    let mut rig = Rig::new(LINES, turns(LINES) + TURNS_BEFORE);
    rig.run(TURNS_BEFORE);
    for _ in 0..turns(LINES) {
        rig.hear();
        counted_alone(|| rig.deliver());
    }
    rig.assert_delivered();
    (turns(LINES) * MEMBERS) as u64
}

/// The whole way of `LINES` lines that come at once: from one member's connection through decoder,
/// log and journal to the connections of all. The system calls are not in it.
pub(super) fn deliver<const LINES: usize>() -> u64 {
    let mut rig = Rig::new(LINES, turns(LINES) + TURNS_BEFORE);
    rig.run(TURNS_BEFORE);
    counted_alone(|| rig.run(turns(LINES)));
    rig.assert_delivered();
    (turns(LINES) * LINES * MEMBERS) as u64
}

fn turns(lines: usize) -> usize {
    (LINES_MAX / lines).min(TURNS_MAX)
}
