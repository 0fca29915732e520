//! What comes from the other side: frames, cut anywhere, become the bytes they carry.

use super::{
    CONTROL_BYTES_MAX, CloseCode, FIN, HEAD_BYTES_MAX, LENGTH_IN_2, LENGTH_IN_8, MASKED, Opcode,
    Sender, apply_mask,
};

/// The bits that are for extensions, of which there are none here.
const RESERVED: u8 = 0x70;

/// Frames that come from one side.
///
/// Invariant: a frame's payload is under way exactly while `left > 0`, and then `head` is empty.
#[derive(Debug)]
pub struct Incoming {
    from: Sender,
    /// The head that has come in part, and how much of it.
    head: [u8; HEAD_BYTES_MAX],
    head_bytes: usize,
    /// The frame of which the payload is under way, and how many bytes of it are to come.
    frame: Frame,
    left: u64,
    /// A message has begun, and its last frame has not come.
    is_mid_message: bool,
    /// The part of a control frame's payload that has arrived.
    control: Vec<u8>,
    /// The payload of the newest ping that was not answered.
    ping: Option<Vec<u8>>,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: Opcode,
    is_last: bool,
    /// The mask of the next byte first.
    mask: [u8; 4],
}

/// Why nothing more is taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The other side has closed, with this code if it gave one.
    Closed(Option<CloseCode>),
    /// It has sent what it may not send: it is to be told this code.
    Broken(CloseCode),
}

impl Incoming {
    /// Begins with what that side sends first.
    #[must_use]
    pub fn new(from: Sender) -> Self {
        Self {
            from,
            head: [0; HEAD_BYTES_MAX],
            head_bytes: 0,
            frame: Frame { opcode: Opcode::Binary, is_last: true, mask: [0; 4] },
            left: 0,
            is_mid_message: false,
            control: Vec::new(),
            ping: None,
            end: None,
        }
    }

    /// Takes frames apart in place: what they carry moves to the front of `bytes`. Returns how many
    /// bytes that is. Nothing is taken in after the [`End`].
    pub fn open(&mut self, bytes: &mut [u8]) -> usize {
        let (mut from, mut to) = (0, 0);
        while from < bytes.len() && self.end.is_none() {
            if self.left == 0 {
                self.head[self.head_bytes] = bytes[from];
                (self.head_bytes, from) = (self.head_bytes + 1, from + 1);
                if let Err(code) = self.take_head() {
                    self.end = Some(End::Broken(code));
                }
                continue;
            }
            let count = (bytes.len() - from).min(usize::try_from(self.left).unwrap_or(usize::MAX));
            let payload = &mut bytes[from..from + count];
            apply_mask(payload, self.frame.mask);
            self.frame.mask.rotate_left(count % 4);
            if self.frame.opcode.is_control() {
                self.control.extend_from_slice(payload);
            } else {
                bytes.copy_within(from..from + count, to);
                to += count;
            }
            (from, self.left) = (from + count, self.left - count as u64);
            if self.left == 0 {
                self.finish_frame();
            }
        }
        to
    }

    /// Returns the payload of the newest ping since the last call. An older one needs no answer
    /// (RFC 6455, section 5.5.3).
    pub fn take_ping(&mut self) -> Option<Vec<u8>> {
        self.ping.take()
    }

    /// Returns why nothing more is taken in, once that is so.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Checks the part of a head that has arrived; begins the frame once the head is complete.
    fn take_head(&mut self) -> Result<(), CloseCode> {
        let &[first, second, ref rest @ ..] = &self.head;
        if self.head_bytes == 1 {
            return self.check(first).map(drop);
        }
        let opcode = self.check(first)?;
        let short = second & !MASKED;
        let is_masked = second & MASKED != 0;
        if is_masked != (self.from == Sender::Client)
            || (opcode.is_control() && usize::from(short) > CONTROL_BYTES_MAX)
        {
            return Err(CloseCode::PROTOCOL_ERROR);
        }
        let length_bytes = match short {
            LENGTH_IN_2 => 2,
            LENGTH_IN_8 => 8,
            _ => 0,
        };
        let mask_bytes = if is_masked { 4 } else { 0 };
        if self.head_bytes < 2 + length_bytes + mask_bytes {
            return Ok(());
        }
        let (length, rest) = rest.split_at(length_bytes);
        self.left = match length {
            [] => short.into(),
            bytes => bytes.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        // A length is written as shortly as it can be, and has 63 bits at most.
        let least = match short {
            LENGTH_IN_2 => u64::from(LENGTH_IN_2),
            LENGTH_IN_8 => 1 << 16,
            _ => 0,
        };
        if self.left < least || self.left > i64::MAX as u64 {
            return Err(CloseCode::PROTOCOL_ERROR);
        }
        let mut mask = [0; 4];
        mask[..mask_bytes].copy_from_slice(&rest[..mask_bytes]);
        self.frame = Frame { opcode, is_last: first & FIN != 0, mask };
        self.head_bytes = 0;
        if self.left == 0 {
            self.finish_frame();
        }
        Ok(())
    }

    /// Checks whether a frame may begin with this byte here.
    fn check(&self, first: u8) -> Result<Opcode, CloseCode> {
        let opcode = Opcode::of(first & 0x0f).filter(|_| first & RESERVED == 0);
        let is_last = first & FIN != 0;
        match opcode.ok_or(CloseCode::PROTOCOL_ERROR)? {
            Opcode::Text => Err(CloseCode::UNSUPPORTED),
            opcode if opcode.is_control() && is_last => Ok(opcode),
            Opcode::Binary if !self.is_mid_message => Ok(Opcode::Binary),
            Opcode::Continuation if self.is_mid_message => Ok(Opcode::Continuation),
            _ => Err(CloseCode::PROTOCOL_ERROR),
        }
    }

    fn finish_frame(&mut self) {
        debug_assert!(self.left == 0 && self.head_bytes == 0);
        let payload = match self.frame.opcode.is_control() {
            true => std::mem::take(&mut self.control),
            false => Vec::new(),
        };
        match self.frame.opcode {
            Opcode::Binary | Opcode::Continuation => self.is_mid_message = !self.frame.is_last,
            Opcode::Ping => self.ping = Some(payload),
            Opcode::Close => {
                let end = CloseCode::read(&payload).map_or_else(End::Broken, End::Closed);
                self.end = Some(end);
            }
            Opcode::Pong | Opcode::Text => {}
        }
    }
}
