//! Output of a session, in two lanes: control frames first, then file data of uploads, switched
//! only at frame boundaries. How large a frame is, and how much may be unsent below it, follows the
//! rate at which the connection takes data, so that a line never waits for long. Owns the bytes
//! until they are sent; never knows a socket.

use std::collections::VecDeque;

use chatshelf_common::id::TransferId;
use chatshelf_common::limits::DATA_BYTES_MAX;
use chatshelf_common::unsent::{UnsentLimit, WriteEnd};
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::Pong;
use chatshelf_common::wire::header::{DATA_HEAD_BYTES, data_head};

/// Unsent control bytes beyond which a `Pong` is only counted. A server may ask for more of them
/// than it takes, and what it does not take must not pile up here.
const PONG_AFTER_BYTES_MAX: usize = 16 * 1024;
/// `Pong`s that are written at once when it is their turn.
const PONGS_AT_ONCE: u64 = 64;
/// Spent control bytes are given back beyond this many, in bytes.
const CONTROL_KEEP_BYTES: usize = 16 * 1024;

/// Both lanes.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// Whole control frames, the first `control_sent` bytes of them sent.
    control: Vec<u8>,
    control_sent: usize,
    /// `Pong`s that are owed and not among the control frames yet.
    pongs: u64,
    /// Uploads with data to send, the next one first.
    uploads: VecDeque<Upload>,
    current: Option<DataFrame>,
    limit: UnsentLimit,
    /// The limit has changed, or holds from now on, and was not passed on.
    limit_is_news: bool,
    /// A limit holds: there was data.
    is_limited: bool,
    /// Some of it was sent since the limit was looked at.
    has_sent_data: bool,
}

/// Blocks of one upload that wait.
#[derive(Debug)]
struct Upload {
    transfer: TransferId,
    blocks: VecDeque<Block>,
}

/// A stretch of an upload, its first `taken` bytes framed and sent.
#[derive(Debug)]
struct Block {
    offset: u64,
    bytes: Vec<u8>,
    taken: usize,
}

/// The data frame being sent. Its block is here until the frame is through, so that an upload
/// which is cancelled in mid-frame can still finish the frame.
#[derive(Debug)]
struct DataFrame {
    transfer: TransferId,
    head: [u8; DATA_HEAD_BYTES],
    block: Block,
    /// File bytes in the frame.
    length: usize,
    /// Bytes of head and file bytes sent.
    sent: usize,
    cancelled: bool,
}

/// What came of [`Outgoing::advance`] for the upload whose data frame was completed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FrameSent {
    pub(super) transfer: TransferId,
    /// File bytes in the frame.
    pub(super) bytes: u64,
    /// The block's memory, when this was its last frame.
    pub(super) spent: Option<Vec<u8>>,
}

impl Outgoing {
    /// Appends a control frame.
    pub(super) fn control(&mut self, frame: &impl Frame) {
        frame.encode(&mut self.control);
    }

    /// Answers a `Ping`; the number of answers that are still owed.
    pub(super) fn pong(&mut self) -> u64 {
        if self.pongs == 0 && self.control_bytes() < PONG_AFTER_BYTES_MAX {
            self.control(&Pong {});
        } else {
            self.pongs += 1;
        }
        self.pongs
    }

    /// Appends a block of an upload, which must continue where the upload's last one ended.
    pub(super) fn data(&mut self, transfer: TransferId, offset: u64, bytes: Vec<u8>) {
        debug_assert!(!bytes.is_empty());
        self.limit_is_news |= !std::mem::replace(&mut self.is_limited, true);
        let block = Block { offset, bytes, taken: 0 };
        match self.uploads.iter_mut().find(|upload| upload.transfer == transfer) {
            Some(upload) => upload.blocks.push_back(block),
            None => self.uploads.push_back(Upload { transfer, blocks: [block].into() }),
        }
    }

    /// Forgets the data of an upload, except a frame that is partly sent.
    pub(super) fn forget(&mut self, transfer: TransferId) {
        self.uploads.retain(|upload| upload.transfer != transfer);
        if let Some(frame) = &mut self.current
            && frame.transfer == transfer
        {
            frame.cancelled = true;
            if frame.sent == 0 {
                self.current = None;
            }
        }
    }

    /// Bytes of control frames not yet sent.
    pub(super) fn control_bytes(&self) -> usize {
        self.control.len() - self.control_sent
    }

    /// Bytes of memory that the control lane has taken.
    pub(super) fn control_capacity(&self) -> usize {
        self.control.capacity()
    }

    /// True when there is nothing to send.
    pub(super) fn is_empty(&self) -> bool {
        self.control_bytes() == 0
            && self.pongs == 0
            && self.current.is_none()
            && self.uploads.is_empty()
    }

    /// The next bytes to send, in one or two slices; both empty when there is nothing.
    pub(super) fn peek(&mut self) -> [&[u8]; 2] {
        let begun = self.current.as_ref().is_some_and(|frame| frame.sent > 0);
        if self.control_bytes() == 0 {
            self.write_pongs();
        }
        if !begun && self.control_bytes() > 0 {
            return [&self.control[self.control_sent..], &[]];
        }
        if self.current.is_none() {
            self.current = self.next_frame();
        }
        let Some(frame) = &self.current else { return [&[], &[]] };
        let body = &frame.block.bytes[frame.block.taken..frame.block.taken + frame.length];
        match frame.sent.checked_sub(DATA_HEAD_BYTES) {
            None => [&frame.head[frame.sent..], body],
            Some(sent) => [&body[sent..], &[]],
        }
    }

    /// Notes that the first `count` bytes of what [`Outgoing::peek`] last showed are sent.
    pub(super) fn advance(&mut self, count: usize) -> Option<FrameSent> {
        let begun = self.current.as_ref().is_some_and(|frame| frame.sent > 0);
        if !begun && self.control_bytes() > 0 {
            self.control_sent += count;
            debug_assert!(self.control_sent <= self.control.len());
            if self.control_bytes() == 0 {
                self.control.clear();
                self.control.shrink_to(CONTROL_KEEP_BYTES);
                self.control_sent = 0;
            }
            return None;
        }
        let frame = self.current.as_mut()?;
        self.has_sent_data = true;
        frame.sent += count;
        debug_assert!(frame.sent <= DATA_HEAD_BYTES + frame.length);
        if frame.sent < DATA_HEAD_BYTES + frame.length {
            return None;
        }
        self.current.take().map(|frame| self.completed(frame))
    }

    fn write_pongs(&mut self) {
        let count = self.pongs.min(PONGS_AT_ONCE);
        self.pongs -= count;
        for _ in 0..count {
            self.control(&Pong {});
        }
    }

    /// True when what [`Outgoing::peek`] shows is of a data frame that should be a piece of its own
    /// in the kernel's queue.
    pub(super) fn is_piece(&self) -> bool {
        self.limit.is_narrow() && self.current.is_some()
    }

    /// Notes that `bytes` were written to the connection in one go, and how that ended.
    pub(super) fn note_written(&mut self, bytes: usize, end: WriteEnd, now_us: u64) {
        let has_data = self.current.is_some() || !self.uploads.is_empty();
        if std::mem::take(&mut self.has_sent_data) || has_data {
            self.limit_is_news |= self.limit.note_written(bytes, end, now_us);
        }
    }

    /// How many bytes may be unsent from now on, if that has changed.
    pub(super) fn poll_unsent_limit(&mut self) -> Option<u32> {
        std::mem::take(&mut self.limit_is_news).then(|| self.limit.unsent_bytes())
    }

    /// Puts what is left of the frame's block back to its upload, which then comes last.
    fn completed(&mut self, frame: DataFrame) -> FrameSent {
        let DataFrame { transfer, mut block, length, cancelled, .. } = frame;
        block.taken += length;
        let bytes = length as u64;
        let place = self.uploads.iter().position(|upload| upload.transfer == transfer);
        let mut upload = place.and_then(|place| self.uploads.remove(place));
        if block.taken == block.bytes.len() || cancelled {
            if let Some(upload) = upload.filter(|upload| !upload.blocks.is_empty()) {
                self.uploads.push_back(upload);
            }
            return FrameSent { transfer, bytes, spent: Some(block.bytes) };
        }
        let mut rest = upload.take().unwrap_or(Upload { transfer, blocks: VecDeque::new() });
        rest.blocks.push_front(block);
        self.uploads.push_back(rest);
        FrameSent { transfer, bytes, spent: None }
    }

    /// Makes a frame of the next upload's first block. The upload keeps its place, empty or
    /// not, until the frame is through.
    fn next_frame(&mut self) -> Option<DataFrame> {
        while let Some(upload) = self.uploads.front_mut() {
            let transfer = upload.transfer;
            let Some(block) = upload.blocks.pop_front() else {
                self.uploads.pop_front();
                continue;
            };
            let length =
                (block.bytes.len() - block.taken).min(self.limit.frame_bytes(DATA_BYTES_MAX));
            let offset = block.offset + block.taken as u64;
            let head = data_head(transfer, offset, length as u32);
            return Some(DataFrame { transfer, head, block, length, sent: 0, cancelled: false });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::wire::frame::{Ping, UploadDone};
    use chatshelf_common::wire::{Deframer, Unit};

    use super::*;

    const A: TransferId = TransferId(1);
    const B: TransferId = TransferId(2);

    /// On a connection so fast that frames are as large as can be.
    fn fast() -> Outgoing {
        let mut out = Outgoing::default();
        for now_ms in 0..20 {
            out.limit.note_written(1 << 20, WriteEnd::Blocked, now_ms * 1000);
        }
        assert!(out.limit.is_wide());
        out
    }

    /// Sends up to `step` bytes at a time, all of them; what was sent and what was reported.
    fn drain(out: &mut Outgoing, step: usize) -> (Vec<u8>, Vec<FrameSent>) {
        let (mut wire, mut sent) = (Vec::new(), Vec::new());
        while !out.is_empty() {
            wire.extend(send(out, step, &mut sent));
        }
        (wire, sent)
    }

    fn send(out: &mut Outgoing, step: usize, sent: &mut Vec<FrameSent>) -> Vec<u8> {
        let bytes: Vec<u8> = out.peek().concat().into_iter().take(step).collect();
        sent.extend(out.advance(bytes.len()));
        bytes
    }

    /// Type, or transfer and offset, of each frame on the wire, and the bytes of the uploads.
    fn frames(wire: &[u8]) -> (Vec<String>, Vec<u8>, Vec<u8>) {
        let (mut names, mut a, mut b) = (Vec::new(), Vec::new(), Vec::new());
        let mut deframer = Deframer::joined();
        let mut input = wire;
        while let Some(unit) = deframer.next(&mut input).unwrap() {
            match unit {
                Unit::Control { header, .. } => names.push(format!("{:#x}", header.kind)),
                Unit::Chunk { transfer, offset, bytes } => {
                    let file = if transfer == A { &mut a } else { &mut b };
                    assert_eq!(offset, file.len() as u64);
                    file.extend(bytes);
                    names.push(format!("{transfer}@{offset}"));
                }
            }
        }
        assert!(deframer.is_between_frames());
        (names, a, b)
    }

    fn content(bytes: usize, seed: u8) -> Vec<u8> {
        (0..bytes).map(|i| (i % 251) as u8 ^ seed).collect()
    }

    #[test]
    fn partial_writes_of_any_size_make_no_difference() {
        let mut expected = None;
        for step in [1, 2, 3, 17, 18, 19, 70_000, 1_000_000] {
            let mut out = fast();
            out.control(&Ping {});
            out.data(A, 0, content(150_000, 0));
            out.data(B, 0, content(3, 9));
            let (wire, sent) = drain(&mut out, step);
            assert_eq!(frames(&wire).1, content(150_000, 0));
            assert_eq!(frames(&wire).2, content(3, 9));
            let spent = sent.iter().filter(|frame| frame.spent.is_some()).count();
            assert_eq!((sent.len(), spent), (4, 2));
            assert_eq!(*expected.get_or_insert(wire.clone()), wire, "step {step}");
        }
    }

    #[test]
    fn uploads_take_turns_frame_by_frame() {
        let mut out = fast();
        out.data(A, 0, content(131_073, 0));
        out.data(B, 0, content(65_537, 0));
        let (wire, _) = drain(&mut out, usize::MAX);
        assert_eq!(frames(&wire).0, ["1@0", "2@0", "1@65536", "2@65536", "1@131072"]);
    }

    #[test]
    fn frames_are_as_large_as_the_connection_is_fast() {
        let mut out = Outgoing::default();
        assert_eq!(out.poll_unsent_limit(), None, "there is no data");
        out.data(A, 0, content(10_000, 0));
        assert_eq!(out.poll_unsent_limit(), Some(UnsentLimit::START.unsent_bytes()));
        assert_eq!(out.poll_unsent_limit(), None);
        let (wire, _) = drain(&mut out, usize::MAX);
        assert_eq!(
            frames(&wire).0.len(),
            10_000_usize.div_ceil(UnsentLimit::START.frame_bytes(DATA_BYTES_MAX))
        );
        assert_eq!(frames(&wire).1, content(10_000, 0));
        out.data(A, 0, content(10_000, 0));
        (0..20).for_each(|now_ms| out.note_written(1 << 20, WriteEnd::Blocked, now_ms * 1000));
        assert!(out.poll_unsent_limit().is_some());
        let (wire, _) = drain(&mut out, usize::MAX);
        assert_eq!(frames(&wire).0, ["1@0"]);
    }

    #[test]
    fn control_overtakes_data_at_the_next_frame_boundary_and_only_there() {
        let whole = DATA_HEAD_BYTES + 65_536;
        for cut in 0..=whole {
            if cut > 40 && cut < whole - 40 && cut % 997 != 0 {
                continue;
            }
            let mut out = fast();
            out.data(A, 0, content(131_072, 0));
            let mut wire = Vec::new();
            let mut sent = Vec::new();
            while wire.len() < cut {
                let step = cut - wire.len();
                wire.extend(send(&mut out, step, &mut sent));
            }
            let _ = out.peek();
            out.control(&Ping {});
            wire.extend(drain(&mut out, usize::MAX).0);
            let place = usize::from(cut > 0);
            assert_eq!(frames(&wire).0[place], "0x30", "cut at {cut}");
            assert_eq!(frames(&wire).1, content(131_072, 0));
        }
    }

    #[test]
    fn a_forgotten_upload_finishes_the_frame_it_began_and_no_more() {
        for cut in [0, 1, 18, 19, 1000] {
            let mut out = fast();
            out.data(A, 0, content(200_000, 0));
            let mut sent = Vec::new();
            let mut wire = send(&mut out, cut, &mut sent);
            out.forget(A);
            out.control(&UploadDone { transfer: B, digest: blake3::hash(b"").into() });
            let (rest, sent) = drain(&mut out, 7);
            wire.extend(rest);
            let expected = if cut == 0 { 0 } else { 65_536 };
            assert_eq!(frames(&wire).1.len(), expected, "cut at {cut}");
            assert_eq!(sent.len(), usize::from(cut > 0));
            assert!(out.is_empty());
        }
    }
}
