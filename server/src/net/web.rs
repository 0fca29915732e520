//! HTTP on the room's port: a connection whose first byte is a letter. A request for `/ws`, the
//! first or a later one, makes it a WebSocket, which carries the room's protocol. What is on the
//! shelf comes from the engine, to which such a peer is a visitor, and what is put there goes to
//! it; any other request gets one answer, after which the connection ends. Requests are answered in
//! the order in which they come.
//!
//! `http` reads heads and makes answers; [`site`] decides who may ask for what.

mod conditions;
pub mod host;
mod items;
mod page;
mod put;
mod shelf;
pub mod site;
#[cfg(test)]
mod tests;
mod visiting;

use std::io::{self, ErrorKind, Read};
use std::rc::Rc;

use chatshelf_common::wire::Code;

use super::http;
use super::rest::Rest;
use super::websocket::WebSocketTransport;
use crate::disk::readahead::FilePart;
use crate::engine::{Refusal, Transport, Visit, Visitor};
use site::{Caller, Reply, Site, Terms};

/// A connection over HTTP.
#[derive(Debug)]
pub struct WebTransport<T> {
    below: T,
    site: Rc<Site>,
    caller: Caller,
    /// As much of a request's head as has arrived, and whatever came after it.
    incoming: Vec<u8>,
    /// Answers that are not sent yet.
    outgoing: Rest,
    /// A list that follows these.
    list: Option<Box<shelf::Sending>>,
    step: Step,
    /// Something may have arrived unread, because an answer is under way.
    is_held: bool,
}

#[derive(Debug)]
enum Step {
    /// The next head is incomplete.
    Reading,
    /// It is a WebSocket from here on: see [`WebTransport::into_websocket`].
    Upgraded,
    /// The engine has to answer a request; its visit is `None` once the engine has taken it.
    Asked(Box<Asked>),
    /// The same, while the rest of the request's content is read.
    Receiving(Box<Asked>),
    /// The content of an answer is under way; this much is left.
    Sending { left: u64, keeps_alive: bool },
    /// The last answer is made; the peer must be told that nothing follows.
    Answered,
    /// Input is discarded.
    Draining,
}

/// A request that the engine answers.
#[derive(Debug)]
struct Asked {
    visit: Option<Visit>,
    terms: Terms,
    /// Bytes of the request's content that were not read yet.
    unread: u64,
    /// The head of the answer, and how much content follows it.
    prepared: Option<(String, u64)>,
}

impl<T: Transport> WebTransport<T> {
    /// Begins over a transport from which `first` was already read, no more than a head may have.
    pub fn new(below: T, site: &Rc<Site>, caller: Caller, first: &[u8]) -> Self {
        Self {
            below,
            site: Rc::clone(site),
            caller,
            incoming: first.to_vec(),
            outgoing: Rest::default(),
            list: None,
            step: Step::Reading,
            is_held: false,
        }
    }

    /// Returns how many bytes wait that have come from the peer.
    #[cfg(test)]
    pub fn kept_bytes(&self) -> usize {
        self.incoming.len()
    }

    /// Returns true once the two sides have agreed on WebSocket.
    pub fn is_upgraded(&self) -> bool {
        matches!(self.step, Step::Upgraded)
    }

    /// Continues as the WebSocket that the two sides have agreed on.
    pub fn into_websocket(self) -> WebSocketTransport<T> {
        debug_assert!(self.is_upgraded());
        WebSocketTransport::new(self.below, self.outgoing.waiting(), &self.incoming)
    }

    /// Answers the request if its head is complete.
    fn answer(&mut self) -> io::Result<()> {
        let (answer, code) = match http::request(&self.incoming) {
            Ok(None) => return Ok(()),
            Ok(Some(request)) => {
                let head_bytes = request.head_bytes;
                match self.site.answer(&request, &self.caller) {
                    Reply::Upgrade(answer) => {
                        self.outgoing.extend(&answer);
                        self.step = Step::Upgraded;
                        self.incoming.drain(..head_bytes);
                        return Ok(());
                    }
                    Reply::Visit(visit, terms) => {
                        let unread = request.content_bytes.unwrap_or(0);
                        self.incoming.drain(..head_bytes);
                        let asked = Asked { visit: Some(visit), terms, unread, prepared: None };
                        self.step = Step::Asked(Box::new(asked));
                        return Ok(());
                    }
                    Reply::Last(answer) => (answer, Code::LEFT),
                }
            }
            Err(status) => (http::refusal_of(&self.incoming, status), Code::NOT_CHATSHELF),
        };
        self.send(&answer, false);
        (self.step, self.incoming) = (Step::Draining, Vec::new());
        Err(Refusal(code).into())
    }

    /// Reads content, first what arrived with the head.
    fn read_content(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Step::Receiving(asked) = &mut self.step else { return Ok(0) };
        let most = usize::try_from(asked.unread).map_or(buffer.len(), |it| it.min(buffer.len()));
        let mut first = &self.incoming[..];
        let count = if first.is_empty() {
            self.is_held = false;
            self.below.read(&mut buffer[..most])?
        } else {
            first.read(&mut buffer[..most])?
        };
        self.incoming.drain(..self.incoming.len().min(count));
        asked.unread -= count as u64;
        if asked.unread == 0
            && let Some(asked) = self.take_asked()
        {
            self.is_held = true;
            self.step = Step::Asked(asked);
        }
        Ok(count)
    }

    /// Sends an answer, or the head of one; returns the number of bytes that takes.
    fn send(&mut self, answer: &[u8], keeps_alive: bool) -> u64 {
        let answer = self.site.stamped(answer, keeps_alive);
        self.outgoing.extend(&answer);
        answer.len() as u64
    }

    /// Continues with the next request, or ends the connection.
    fn finish(&mut self, keeps_alive: bool) {
        self.step = if keeps_alive { Step::Reading } else { Step::Answered };
    }

    /// Counts content that was accepted.
    fn note_sent(&mut self, count: usize) {
        let Step::Sending { left, keeps_alive } = &mut self.step else { return };
        debug_assert!(count as u64 <= *left);
        *left -= count as u64;
        if *left == 0 {
            let keeps_alive = *keeps_alive;
            self.finish(keeps_alive);
        }
    }

    /// Returns true while content passes through unchanged. A peer that speaks HTTP would not
    /// understand anything else the engine says.
    fn is_sending(&self) -> bool {
        matches!(self.step, Step::Sending { .. })
    }
}

impl<T: Transport> Transport for WebTransport<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.step {
                Step::Draining => return self.below.read(buffer),
                Step::Upgraded => return Err(ErrorKind::WouldBlock.into()),
                Step::Receiving(_) => return self.read_content(buffer),
                // Answers go out in order, and one at a time.
                Step::Reading | Step::Answered if self.has_pending() => break,
                Step::Asked(_) | Step::Sending { .. } => break,
                Step::Answered => {
                    self.step = Step::Draining;
                    return Err(Refusal(Code::LEFT).into());
                }
                Step::Reading => self.is_held = false,
            }
            if !self.incoming.is_empty() {
                self.answer()?;
            }
            if matches!(self.step, Step::Reading) {
                // A head longer than allowed was refused before.
                let room = http::HEAD_BYTES_MAX - self.incoming.len();
                let room = room.min(buffer.len());
                let count = self.below.read(&mut buffer[..room])?;
                if count == 0 {
                    return Ok(0);
                }
                self.incoming.extend_from_slice(&buffer[..count]);
            }
        }
        self.is_held = true;
        Err(ErrorKind::WouldBlock.into())
    }

    fn read_overhead(&self) -> usize {
        self.below.read_overhead()
    }

    fn has_buffered(&self) -> bool {
        match self.step {
            Step::Reading if !self.has_pending() => self.is_held || self.below.has_buffered(),
            Step::Receiving(_) => {
                !self.incoming.is_empty() || self.is_held || self.below.has_buffered()
            }
            Step::Answered => !self.has_pending(),
            Step::Draining => self.below.has_buffered(),
            _ => false,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_sending() {
            return Ok(bytes.len());
        }
        if self.has_pending() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.below.write(bytes)?;
        self.note_sent(count);
        Ok(count)
    }

    fn has_pending(&self) -> bool {
        !self.outgoing.is_empty() || self.list.is_some() || self.below.has_pending()
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        match &mut self.list {
            Some(list) if self.outgoing.is_empty() && !self.below.has_pending() => {
                let count = list.send(&mut self.below)?;
                if list.is_sent() {
                    self.list = None;
                }
                Ok(count)
            }
            _ => self.outgoing.send(&mut self.below),
        }
    }

    fn short_is_blocked(&self) -> bool {
        !self.has_buffered() && self.below.short_is_blocked()
    }

    fn can_send_files(&self) -> bool {
        self.below.can_send_files()
    }

    fn send_file(&mut self, head: &[u8], part: FilePart<'_>) -> io::Result<usize> {
        if self.has_pending() || !self.is_sending() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.below.send_file(head, part)?;
        self.note_sent(count);
        Ok(count)
    }

    fn push(&mut self) {
        self.below.push();
    }

    fn write_piece(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.has_pending() || !self.is_sending() {
            return self.write(bytes);
        }
        let count = self.below.write_piece(bytes)?;
        self.note_sent(count);
        Ok(count)
    }

    fn limit_unsent(&mut self, bytes: u32) {
        self.below.limit_unsent(bytes);
    }

    fn visitor(&mut self) -> Option<&mut dyn Visitor> {
        Some(self)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        // Nothing that still arrives can be answered.
        (self.step, self.incoming) = (Step::Draining, Vec::new());
        self.below.shutdown_write()
    }
}
