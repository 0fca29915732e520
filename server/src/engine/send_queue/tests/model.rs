//! The model of the lanes: the simplest thing that does the same, three queues and a frame in
//! progress.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::rc::Rc;

use chatshelf_common::id::{ResumeToken, Seq, TransferId};
use chatshelf_common::limits::DATA_BYTES_MAX;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{Gap, Goodbye, ServerPong, UploadReady, Welcome};
use chatshelf_common::wire::header::data_head;
use chatshelf_common::wire::{Code, Event, Frame};
use chatshelf_testkit::samples;

use super::super::{Cursor, Flush, Flushed, SendQueue};
use crate::disk::readahead::{Extent, FilePart};
use crate::engine::Transport;
use crate::room::Snapshot;
use crate::room::log::RoomLog;

/// What the stream does with one write.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Take(usize),
    Block,
    Interrupt,
}

/// A stream that keeps what it is given, in the portions of a script, and then blocks.
#[derive(Debug, Default)]
pub(super) struct Sink<const SHORT: bool> {
    pub(super) got: Vec<u8>,
    pub(super) script: VecDeque<Step>,
    pub(super) writes: usize,
}

impl<const SHORT: bool> Sink<SHORT> {
    /// How many of this many bytes the next step of the script accepts.
    fn takes(&mut self, bytes: usize) -> io::Result<usize> {
        assert!(bytes > 0, "a write has at least one byte");
        self.writes += 1;
        match self.script.pop_front() {
            Some(Step::Interrupt) => Err(ErrorKind::Interrupted.into()),
            Some(Step::Block) | None => Err(ErrorKind::WouldBlock.into()),
            Some(Step::Take(most)) => Ok(bytes.min(most)),
        }
    }
}

impl<const SHORT: bool> Transport for Sink<SHORT> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        unreachable!("a send queue only writes")
    }

    fn has_buffered(&self) -> bool {
        false
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.takes(bytes.len())?;
        self.got.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn has_pending(&self) -> bool {
        false
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        Ok(0)
    }

    fn short_is_blocked(&self) -> bool {
        SHORT
    }

    fn can_send_files(&self) -> bool {
        SHORT
    }

    fn send_file(&mut self, head: &[u8], part: FilePart<'_>) -> io::Result<usize> {
        let mut bytes = head.to_vec();
        bytes.resize(head.len() + part.bytes, 0);
        assert_eq!(part.source.read_at(&mut bytes[head.len()..], part.offset)?, part.bytes);
        let taken = self.takes(bytes.len())?;
        self.got.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn nick() -> Nick {
    samples::nick("ada")
}

pub(super) fn reply(number: u32) -> UploadReady {
    UploadReady { transfer: TransferId(number), offset: 7, digest: None }
}

pub(super) fn farewell() -> Goodbye {
    Goodbye::new(Code::LEFT)
}

/// A snapshot is opaque here: two frames stand for it.
pub(super) fn snapshot(seq: Seq) -> Rc<Snapshot> {
    let frame = Welcome { nick: nick(), seq, from: seq, resume: ResumeToken([0; 24]) };
    let bytes = [frame.to_bytes(), ServerPong {}.to_bytes()].concat();
    Rc::new(Snapshot::of_bytes(seq, &bytes))
}

pub(super) fn bytes(snapshot: &Snapshot) -> Vec<u8> {
    snapshot.bytes_from(0, usize::MAX)
}

pub(super) fn body(transfer: u32, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u32 * 31 + transfer) as u8).collect()
}

/// Cuts bytes into frames; they must end where a frame ends.
pub(super) fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut found) = (bytes, Vec::new());
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[2..6].try_into().unwrap()) as usize + 6;
        let (frame, after) = rest.split_at(length);
        found.push(frame.to_vec());
        rest = after;
    }
    found
}

pub(super) fn last_reply_is(frames: &[Vec<u8>], frame: &impl Frame) -> bool {
    frames.last() == Some(&frame.to_bytes())
}

/// The lanes beside their model.
pub(super) struct Lanes<const SHORT: bool> {
    pub(super) out: SendQueue,
    pub(super) log: RoomLog,
    pub(super) sink: Sink<SHORT>,
    pub(super) events: Vec<Vec<u8>>,
    pub(super) model: Model,
    /// The transfers of the extents that were queued.
    pub(super) pushed: Vec<u32>,
    pub(super) next_reply: u32,
    /// Offset in its file of the next block, by transfer.
    pub(super) offsets: [u64; 3],
}

#[derive(Debug, Default)]
pub(super) struct Model {
    sent: Vec<u8>,
    /// The rest of the frame in progress.
    current: VecDeque<u8>,
    current_is_event: bool,
    control: VecDeque<Vec<u8>>,
    /// The next event to send, from 0, and where to stop.
    next: usize,
    stop: Option<usize>,
    /// Events that may be sent, and how many must be before a snapshot may.
    released: usize,
    gate: usize,
    lost: Option<usize>,
    outside: bool,
    data: VecDeque<(u32, Vec<u8>)>,
    farewell: Option<Vec<u8>>,
}

impl Model {
    fn next_frame(&mut self, events: &[Vec<u8>]) -> Option<Vec<u8>> {
        self.current_is_event = false;
        if self.is_waiting() {
            return None;
        }
        if let Some(frame) = self.control.pop_front() {
            return Some(frame);
        }
        if self.lost.is_some() {
            return None;
        }
        if !self.outside && self.next < self.log_end() {
            self.next += 1;
            self.current_is_event = true;
            return Some(events[self.next - 1].clone());
        }
        if let Some((_, frame)) = self.data.pop_front() {
            return Some(frame);
        }
        self.farewell.take()
    }

    fn log_end(&self) -> usize {
        self.stop.unwrap_or(usize::MAX).min(self.released)
    }

    /// True if what comes next has to wait for events to be released.
    fn is_waiting(&self) -> bool {
        if !self.current.is_empty() {
            return false;
        }
        if !self.control.is_empty() {
            return self.released < self.gate;
        }
        let is_before_stop = self.stop.is_some_and(|stop| self.next < stop);
        !self.outside && self.lost.is_none() && self.next >= self.log_end() && is_before_stop
    }

    fn send(&mut self, mut bytes: usize, events: &[Vec<u8>]) {
        while bytes > 0 {
            if self.current.is_empty() {
                let frame = self.next_frame(events).expect("nothing is left to send");
                self.current = frame.into();
            }
            let taken = bytes.min(self.current.len());
            self.sent.extend(self.current.drain(..taken));
            bytes -= taken;
        }
    }

    fn is_idle(&self) -> bool {
        self.current.is_empty()
            && self.control.is_empty()
            && self.data.is_empty()
            && self.farewell.is_none()
            && self.lost.is_none()
            && (self.outside || self.next >= self.log_end())
    }
}

impl<const SHORT: bool> Lanes<SHORT> {
    /// Already in the room, at the start of an empty log.
    pub(super) fn new(window_bytes: usize) -> Self {
        let log = RoomLog::new(Seq(1), window_bytes);
        let log_cursor = Cursor::At { offset: 0, mid_frame: false };
        let out = SendQueue { log: log_cursor, ..SendQueue::default() };
        Self {
            out,
            log,
            sink: Sink::default(),
            events: Vec::new(),
            model: Model::default(),
            pushed: Vec::new(),
            next_reply: 0,
            offsets: [0; 3],
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.model.stop.is_some()
    }

    pub(super) fn reply(&mut self) -> UploadReady {
        self.next_reply += 1;
        let frame = reply(self.next_reply);
        if !self.is_finished() {
            self.out.push(&frame);
            self.model.control.push_back(frame.to_bytes());
        }
        frame
    }

    pub(super) fn say(&mut self, text: &str) {
        self.append(text);
        self.release();
    }

    /// Lets all events be sent.
    pub(super) fn release(&mut self) {
        self.log.release(self.log.end());
        self.model.released = self.events.len();
    }

    /// Adds a line that may not be sent yet.
    pub(super) fn append(&mut self, text: &str) {
        let event: Event = samples::said(self.log.next_seq(), text).into();
        self.log.append(&event);
        let mut bytes = Vec::new();
        event.encode(&mut bytes);
        self.events.push(bytes);
    }

    pub(super) fn data(&mut self, transfer: u32, length: usize) {
        if self.is_finished() {
            return;
        }
        let content = body(transfer, length);
        let mut offset = self.offsets[transfer as usize];
        // Where a short write means that no more is possible, from a file: as on Linux.
        let extent = Extent::of(TransferId(transfer), offset, &content, SHORT);
        self.out.push_data(TransferId(transfer), extent);
        for piece in content.chunks(DATA_BYTES_MAX as usize) {
            let head = data_head(TransferId(transfer), offset, piece.len() as u32);
            self.model.data.push_back((transfer, [&head[..], piece].concat()));
            offset += piece.len() as u64;
        }
        self.offsets[transfer as usize] = offset;
        self.pushed.push(transfer);
    }

    pub(super) fn cancel(&mut self, transfer: u32) {
        self.out.cancel_data(TransferId(transfer));
        self.model.data.retain(|(of, _)| *of != transfer);
    }

    pub(super) fn trim(&mut self) {
        let point = self.log.trim_point();
        let first_kept = self.log.seq_from(point).0 as usize - 1;
        self.out.prepare_trim(&self.log, point);
        self.log.trim();
        let model = &mut self.model;
        let begun = usize::from(!model.current.is_empty() && model.current_is_event);
        if !model.outside && model.lost.is_none() && model.next - begun < first_kept {
            match model.stop {
                Some(_) => model.outside = true,
                None => model.lost = Some(model.next),
            }
        }
    }

    pub(super) fn finish(&mut self) {
        if self.is_finished() {
            return;
        }
        self.out.finish(&farewell(), self.log.end());
        let model = &mut self.model;
        model.data.clear();
        model.stop = Some(self.events.len());
        model.outside |= model.lost.take().is_some();
        model.farewell = Some(farewell().to_bytes());
    }

    /// Flushes by a script; a gap is told as the engine tells it.
    pub(super) fn flush(&mut self, script: &[Step], budget: usize) -> Flushed {
        self.sink.script = script.iter().copied().collect();
        loop {
            let before = self.sink.got.len();
            let flush = self.out.flush(&mut self.sink, &self.log, budget).unwrap();
            let Flush { accepted: sent, end, .. } = flush;
            assert_eq!(sent, self.sink.got.len() - before);
            assert_eq!(flush.has_progress, sent > 0);
            self.model.send(sent, &self.events);
            assert_eq!(self.sink.got, self.model.sent);
            let is_idle = self.model.is_idle();
            assert_eq!(self.out.has_output(&self.log), !is_idle);
            match end {
                Flushed::Lost { from } => {
                    assert_eq!(self.model.lost.map(|next| next as u64 + 1), Some(from.0));
                    let to = self.log.last_seq();
                    let gap = Gap { from, to, nick: nick() };
                    self.out.tell_gap(&gap, snapshot(to), self.log.end());
                    self.model.control.push_back(gap.to_bytes());
                    self.model.control.push_back(bytes(&snapshot(to)));
                    self.model.lost = None;
                    self.model.next = self.events.len();
                    self.model.gate = self.events.len();
                }
                Flushed::Drained => {
                    assert!(is_idle || self.model.is_waiting());
                    return end;
                }
                Flushed::Blocked => {
                    assert!(!is_idle);
                    return end;
                }
                Flushed::Budget => {
                    assert!(sent >= budget && !is_idle);
                    return end;
                }
            }
        }
    }

    pub(super) fn drain(&mut self) -> Vec<Vec<u8>> {
        assert_eq!(self.flush(&[Step::Take(usize::MAX); 100], usize::MAX), Flushed::Drained);
        frames(&self.sink.got)
    }

    /// As many extents have come out as went in, of each transfer.
    pub(super) fn assert_extents_are_back(&mut self) {
        let mut back: Vec<u32> =
            std::iter::from_fn(|| self.out.pop_spent()).map(|(transfer, _)| transfer.0).collect();
        back.sort_unstable();
        self.pushed.sort_unstable();
        assert_eq!(back, self.pushed);
        self.pushed.clear();
    }
}
