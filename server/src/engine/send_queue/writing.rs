//! Writes the lanes to the transport: chooses the lane and how much of it to write. Owns the order
//! of the lanes; their contents belong to the queue.

use std::io::{self, ErrorKind};

use super::*;

/// What is left of a range of a file is sent with it, if it is no more than this.
const CUT_BYTES_MIN: usize = 64 * 1024;

enum Lane {
    Control,
    Log {
        from: u64,
        to: u64,
    },
    /// Up to the end of one frame, or as far as possible if no other lane has output.
    Data {
        is_alone: bool,
    },
    Lost {
        from: Seq,
    },
    Nothing,
}

impl SendQueue {
    /// Sends until neither the queue nor the transport has anything left, the transport blocks, or
    /// about `budget` bytes are accepted.
    ///
    /// # Errors
    /// The transport's error if the connection is broken.
    pub(in crate::engine) fn flush<T: Transport>(
        &mut self,
        transport: &mut T,
        log: &RoomLog,
        budget: usize,
    ) -> io::Result<Flush> {
        let mut flush = Flush { accepted: 0, has_progress: false, end: Flushed::Drained };
        loop {
            let was_pending = transport.has_pending();
            let before = flush.accepted;
            flush.end = self.write_lanes(transport, log, budget, &mut flush.accepted)?;
            if self.bulk.made().is_some_and(|bulk| bulk.has_sent) {
                transport.push();
            }
            // Bytes that join others in the transport's memory say nothing about the peer.
            flush.has_progress |= flush.accepted > before && !was_pending;
            if !transport.has_pending() {
                return Ok(flush);
            }
            let is_blocked = send_pending(transport, &mut flush.has_progress)?;
            if is_blocked {
                flush.end = Flushed::Blocked;
            }
            if is_blocked || flush.end != Flushed::Blocked {
                return Ok(flush);
            }
        }
    }

    /// Writes until nothing is left, the transport accepts no more, or about `budget` bytes are
    /// `accepted`.
    #[inline]
    fn write_lanes<T: Transport>(
        &mut self,
        transport: &mut T,
        log: &RoomLog,
        budget: usize,
        accepted: &mut usize,
    ) -> io::Result<Flushed> {
        loop {
            work::spend(1);
            let lane = self.next_lane(log);
            let result = match lane {
                Lane::Nothing => return Ok(Flushed::Drained),
                Lane::Lost { from } => return Ok(Flushed::Lost { from }),
                _ if *accepted >= budget => return Ok(Flushed::Budget),
                Lane::Control => self.write_control(transport),
                Lane::Log { from, to } => self.write_log(transport, log, from, to),
                Lane::Data { is_alone } => self.write_data(transport, is_alone, budget - *accepted),
            };
            match result {
                Ok((0, _)) => return Err(ErrorKind::WriteZero.into()),
                Ok((taken, asked)) => {
                    debug_assert!(taken <= asked);
                    *accepted += taken;
                    if taken < asked && transport.short_is_blocked() {
                        return Ok(Flushed::Blocked);
                    }
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(Flushed::Blocked),
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
    }

    /// Returns the lane to write from: the one inside a frame, or the first that has something.
    #[inline]
    fn next_lane(&mut self, log: &RoomLog) -> Lane {
        if self.bulk.data.front().is_some_and(|(_, extent)| extent.is_mid_frame()) {
            let is_alone = self.control.pieces.is_empty() && !self.is_behind(log);
            return Lane::Data { is_alone };
        }
        let log_end = self.log_end(log);
        if let Cursor::At { offset, mid_frame: true } = self.log {
            let to =
                if self.control.pieces.is_empty() { log_end } else { log.boundary_from(offset) };
            return Lane::Log { from: offset, to };
        }
        match self.control.pieces.front() {
            // Before its welcome, a connection is sent nothing else.
            Some(Piece::Reserved) => return Lane::Nothing,
            Some(_) if log.released() < self.gate => return Lane::Nothing,
            Some(_) => return Lane::Control,
            None => {}
        }
        match self.log {
            Cursor::Lost { from } => return Lane::Lost { from },
            Cursor::At { offset, .. } if offset < log_end => {
                return Lane::Log { from: offset, to: log_end };
            }
            // The goodbye comes after the last event, which is not released yet.
            Cursor::At { offset, .. } if self.ending.log_stop.is_some_and(|stop| offset < stop) => {
                return Lane::Nothing;
            }
            Cursor::At { .. } | Cursor::Outside => {}
        }
        if !self.bulk.data.is_empty() {
            return Lane::Data { is_alone: true };
        }
        match self.ending.made().and_then(|ending| ending.farewell.take()) {
            Some(frame) => {
                self.control.pieces.push_back(Piece::Own(frame));
                Lane::Control
            }
            None => Lane::Nothing,
        }
    }

    /// Each of these functions tries one write, and returns how many bytes were written, of how
    /// many.
    fn write_control<T: Transport>(&mut self, transport: &mut T) -> io::Result<(usize, usize)> {
        let gathered;
        let (front, length) = match self.control.pieces.front() {
            Some(Piece::Own(bytes)) => (&bytes[self.control.sent..], bytes.len()),
            Some(Piece::Snapshot(snapshot)) => {
                gathered = snapshot.bytes_from(self.control.sent, GATHER_BYTES);
                (&gathered[..], snapshot.length())
            }
            Some(Piece::Reserved) | None => (&[][..], 0),
        };
        let asked = front.len();
        let sent = transport.write(front)?;
        self.control.sent += sent;
        if self.control.sent == length {
            self.control.pieces.pop_front();
            self.control.sent = 0;
            if self.control.pieces.is_empty() {
                self.control = LazyBox::default();
            }
        }
        Ok((sent, asked))
    }

    fn write_log<T: Transport>(
        &mut self,
        transport: &mut T,
        log: &RoomLog,
        from: u64,
        to: u64,
    ) -> io::Result<(usize, usize)> {
        let bytes = log.between(from, to);
        let sent = transport.write(bytes)?;
        let reached = from + sent as u64;
        if let Cursor::At { offset, mid_frame } = &mut self.log {
            *offset = reached;
            *mid_frame = sent < bytes.len() && log.boundary_from(reached) != reached;
        }
        Ok((sent, bytes.len()))
    }

    #[inline(never)] // Or the way of a line, which is inlined, would carry it along.
    fn write_data<T: Transport>(
        &mut self,
        transport: &mut T,
        is_alone: bool,
        most: usize,
    ) -> io::Result<(usize, usize)> {
        let Some(bulk) = self.bulk.made() else { return Ok((0, 0)) };
        let Some((_, extent)) = bulk.data.front_mut() else { return Ok((0, 0)) };
        let is_alone = is_alone && bulk.limit.is_wide();
        let rest = extent.rest(if is_alone { extent.left() } else { extent.left_of_frame() });
        let mut asked = rest.length();
        let sent = match rest {
            Rest::Memory(bytes) if bulk.limit.is_narrow() => transport.write_piece(bytes)?,
            Rest::Memory(bytes) => transport.write(bytes)?,
            Rest::File { head, mut part } => {
                // A range of a file may be many times what one turn may send. But a call for a few
                // bytes costs as much as one for many.
                if part.bytes > most.saturating_add(CUT_BYTES_MIN) {
                    part.bytes = most;
                }
                asked = head.len() + part.bytes;
                transport.send_file(head, part)?
            }
        };
        extent.advance(sent);
        bulk.sent += sent as u64;
        bulk.has_sent = true;
        if extent.is_taken() {
            bulk.spent.extend(bulk.data.pop_front());
        }
        Ok((sent, asked))
    }
}

/// Sends the transport's pending bytes; returns true if it blocks before all are sent.
fn send_pending<T: Transport>(transport: &mut T, has_progress: &mut bool) -> io::Result<bool> {
    while transport.has_pending() {
        work::spend(1);
        match transport.flush_pending() {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(_) => *has_progress = true,
            Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    Ok(false)
}
