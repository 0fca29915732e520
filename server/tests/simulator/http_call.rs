//! A client's side of HTTP over a wire: one request after the other, and the answers to them. Knows
//! nothing of what is asked for.

use std::io::{ErrorKind, Read, Write};

use chatshelf_common::id::ItemId;

use super::end::End;
use super::network::Side;
use super::tls::Socket;

/// How long content waits to be asked for.
const CONTINUE_MS: u64 = 1_000;
/// How long a connection may bring nothing.
const PATIENCE_MS: u64 = 120_000;

/// A connection.
pub(crate) struct Call {
    socket: Socket,
    request: Vec<u8>,
    sent: usize,
    /// Nothing of the request was tried to be sent.
    is_new: bool,
    /// Bytes of the request that go first, and when the rest follows if nothing asks for it.
    held: Option<(usize, u64)>,
    came: Vec<u8>,
    gives_up_at_ms: u64,
    /// Nothing follows what is to be sent: the connection ends there.
    pub(crate) ends_when_sent: bool,
}

/// What has become of a request.
pub(crate) enum Outcome {
    Pending,
    Answered(Answer),
    /// The connection has ended.
    Lost,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) content: Vec<u8>,
}

impl Call {
    pub(crate) fn over(end: End) -> Self {
        Self {
            socket: Socket::over(end),
            request: Vec::new(),
            sent: 0,
            is_new: false,
            held: None,
            came: Vec::new(),
            gives_up_at_ms: 0,
            ends_when_sent: false,
        }
    }

    /// Makes a request, whose content may wait until the server wants it.
    pub(crate) fn ask(&mut self, head: Vec<u8>, content: &[u8], waits: bool, now_ms: u64) {
        self.held = waits.then_some((head.len(), now_ms + CONTINUE_MS));
        (self.request, self.sent, self.is_new) = (head, 0, true);
        self.request.extend(content);
        self.gives_up_at_ms = now_ms + PATIENCE_MS;
    }

    /// When something happens here.
    pub(crate) fn due_ms(&self, now_ms: u64) -> u64 {
        if self.is_new || self.socket.wire().borrow_mut().is_ready(Side::Client) {
            return now_ms;
        }
        self.held.map_or(self.gives_up_at_ms, |(_, at_ms)| at_ms.min(self.gives_up_at_ms))
    }

    /// Sends and reads what it can.
    pub(crate) fn go_on(&mut self, now_ms: u64) -> Outcome {
        self.socket.wire().borrow_mut().take_ready(Side::Client);
        self.is_new = false;
        self.held = self.held.filter(|(_, until_ms)| *until_ms > now_ms);
        let before = (self.sent, self.came.len());
        let is_broken = !self.send();
        let has_ended = !self.receive();
        if let Some(answer) = self.take_answer() {
            return Outcome::Answered(answer);
        }
        if before != (self.sent, self.came.len()) {
            self.gives_up_at_ms = now_ms + PATIENCE_MS;
        }
        let is_cut = self.ends_when_sent && self.sent == self.request.len();
        match is_broken || has_ended || is_cut || self.gives_up_at_ms <= now_ms {
            true => Outcome::Lost,
            false => Outcome::Pending,
        }
    }

    /// False if the connection takes nothing any more.
    fn send(&mut self) -> bool {
        let end = self.held.map_or(self.request.len(), |(bytes, _)| bytes);
        while self.sent < end {
            match self.socket.write(&self.request[self.sent..end]) {
                // TLS keeps only so much.
                Ok(0) => break,
                Ok(count) => self.sent += count,
                Err(why) => return why.kind() == ErrorKind::WouldBlock,
            }
        }
        match self.socket.push() {
            Err(why) => why.kind() == ErrorKind::WouldBlock,
            Ok(()) => true,
        }
    }

    /// False if nothing more comes.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => self.came.extend(&buffer[..count]),
                Err(why) => return why.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    /// The answer, once it has come whole.
    fn take_answer(&mut self) -> Option<Answer> {
        loop {
            let head_bytes = self.came.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
            let head = String::from_utf8(self.came[..head_bytes].to_vec()).expect("ASCII");
            let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest[..3].parse().ok());
            let status = status.unwrap_or_else(|| panic!("no answer of HTTP: {head}"));
            if status == 100 {
                self.came.drain(..head_bytes);
                self.held = None;
                // Nothing says that there is room to write: there has been all the time.
                self.send();
                continue;
            }
            let mut answer = Answer { status, head, content: Vec::new() };
            let length = answer.header("Content-Length").expect("a length").parse::<usize>();
            let end = head_bytes + length.expect("a number");
            if self.came.len() < end {
                return None;
            }
            answer.content = self.came[head_bytes..end].to_vec();
            self.came.drain(..end);
            return Some(answer);
        }
    }
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// After which time it may be tried again.
    pub(crate) fn retry_ms(&self) -> u64 {
        self.header("Retry-After").map_or(0, |value| value.parse::<u64>().expect("seconds") * 1_000)
    }

    /// True if the connection takes another request.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.header("Connection") != Some("close")
    }

    /// The item that the content links to, and the path of that link.
    pub(crate) fn item(&self) -> (ItemId, String) {
        let link = String::from_utf8(self.content.clone()).expect("a link");
        let path = link.trim_end().splitn(4, '/').nth(3).expect("a path").to_owned();
        let id = path.strip_prefix("item/").and_then(|rest| rest.split('/').next());
        let id = id.and_then(|id| id.parse().ok()).expect("a number");
        (ItemId(id), format!("/{path}"))
    }
}
