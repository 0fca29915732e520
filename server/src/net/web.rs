//! HTTP on the room's port: what a connection is whose first byte is a letter. A request for
//! `/ws` makes it a WebSocket, which carries the room's protocol; any other gets one answer, after
//! which the connection ends. The engine sees a connection that has said nothing yet.
//!
//! Heads and answers are the matter of `http`; who may ask for what, of [`site`].

pub mod host;
pub mod site;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::rc::Rc;

use chatshelf_common::wire::Code;

use super::http;
use super::rest::Rest;
use super::websocket::WebSocketTransport;
use crate::engine::{Refusal, Transport};
use site::{Reply, Site, Visitor};

/// A connection over HTTP.
#[derive(Debug)]
pub struct WebTransport<T> {
    below: T,
    site: Rc<Site>,
    visitor: Visitor,
    /// What has come of a request's head; then what follows it.
    incoming: Vec<u8>,
    /// The answer, as far as it is not sent.
    outgoing: Rest,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The head has not come whole.
    Reading,
    /// It is a WebSocket from here on: see [`WebTransport::into_websocket`].
    Upgraded,
    /// The answer is under way, and what comes is discarded.
    Answered,
}

impl<T: Transport> WebTransport<T> {
    /// Begins over a transport, of which `first` was read already.
    pub fn new(below: T, site: &Rc<Site>, visitor: Visitor, first: &[u8]) -> Self {
        let (site, incoming) = (Rc::clone(site), first.to_vec());
        let (outgoing, step) = (Rest::default(), Step::Reading);
        Self { below, site, visitor, incoming, outgoing, step }
    }

    /// Returns true once the two sides have agreed on WebSocket.
    pub fn is_upgraded(&self) -> bool {
        self.step == Step::Upgraded
    }

    /// Continues as the WebSocket that the two sides have agreed on.
    pub fn into_websocket(self) -> WebSocketTransport<T> {
        debug_assert!(self.is_upgraded());
        WebSocketTransport::new(self.below, self.outgoing.waiting(), &self.incoming)
    }

    /// Answers the request if its head has come whole.
    fn answer(&mut self) -> io::Result<()> {
        let (answer, code) = match http::request(&self.incoming) {
            Ok(None) => return Ok(()),
            Ok(Some(request)) => match self.site.answer(&request, &self.visitor) {
                Reply::Upgrade(answer) => {
                    self.outgoing.extend(&answer);
                    self.step = Step::Upgraded;
                    let head_bytes = request.head_bytes;
                    self.incoming.drain(..head_bytes);
                    return Err(ErrorKind::WouldBlock.into());
                }
                Reply::Last(answer) => (answer, Code::LEFT),
            },
            Err(status) => (http::refusal(status), Code::NOT_CHATSHELF),
        };
        self.outgoing.extend(&answer);
        (self.step, self.incoming) = (Step::Answered, Vec::new());
        Err(Refusal(code).into())
    }
}

impl<T: Transport> Transport for WebTransport<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.step == Step::Reading {
            if !self.incoming.is_empty() {
                self.answer()?;
            }
            // More than a head can have is refused before.
            let room = http::HEAD_BYTES_MAX - self.incoming.len();
            let count = self.below.read(&mut buffer[..room])?;
            if count == 0 {
                return Ok(0);
            }
            self.incoming.extend_from_slice(&buffer[..count]);
        }
        self.below.read(buffer)
    }

    fn has_buffered(&self) -> bool {
        self.below.has_buffered()
    }

    // Whoever speaks HTTP would not understand what the engine says.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn has_pending(&self) -> bool {
        !self.outgoing.is_empty() || self.below.has_pending()
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        self.outgoing.send(&mut self.below)
    }

    fn short_is_blocked(&self) -> bool {
        false
    }

    fn can_splice(&self) -> bool {
        false
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.below.shutdown_write()
    }
}
