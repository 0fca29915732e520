//! A session on a simulated socket, driven as the client's own link drives it on a real one.

use std::io::{ErrorKind, IoSlice, Read, Write};

use chatshelf_client::session::{BLOCK_BYTES, Session};

use super::clock::Clock;
use super::end::End;
use super::network::Side;
use super::web::ClientEnd;

/// Reads in one turn.
const READS_PER_TURN: usize = 16;

/// One membership and its connection of the moment.
pub(crate) struct Link {
    clock: Clock,
    pub(crate) session: Session,
    socket: Option<ClientEnd>,
    readable: bool,
    writable: bool,
    scratch: Vec<u8>,
    /// Which run of the server the connection is to.
    pub(crate) start: u64,
}

impl Link {
    pub(crate) fn new(session: Session, clock: &Clock, scratch_bytes: usize) -> Self {
        let scratch = vec![0; scratch_bytes.min(BLOCK_BYTES)];
        let clock = clock.clone();
        Self { clock, session, socket: None, readable: false, writable: false, scratch, start: 0 }
    }

    /// A connection stands.
    pub(crate) fn connected(&mut self, socket: End, start: u64) {
        self.session.handle_connected(self.clock.instant());
        (self.socket, self.start) = (Some(ClientEnd::over(socket)), start);
        (self.readable, self.writable) = (true, false);
    }

    /// No connection could be made.
    pub(crate) fn refused(&mut self, why: &str) {
        self.session.handle_lost(why.into(), self.clock.instant());
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    /// True when there is something to do at once.
    pub(crate) fn is_ready(&self) -> bool {
        let Some(socket) = &self.socket else { return false };
        socket.wire().borrow_mut().is_ready(Side::Client)
            || (self.readable && self.session.wants_input())
            || (self.writable && self.session.has_output())
    }

    /// When the session wants to be looked at.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.session.poll_timeout().map(|at| self.clock.ms_of(at))
    }

    /// Takes in what has arrived, unless `is_deaf`, and sends what there is to send.
    pub(crate) fn serve(&mut self, is_deaf: bool) {
        if let Some(socket) = &self.socket {
            let ready = socket.wire().borrow_mut().take_ready(Side::Client);
            self.readable |= ready.readable || ready.read_closed;
            self.writable |= ready.writable;
        }
        if !is_deaf {
            self.receive();
        }
        self.look_at_clock();
        self.transmit();
    }

    fn look_at_clock(&mut self) {
        // An error says that the session is over, which it says by itself as well.
        let _ = self.session.handle_timeout(self.clock.instant());
        self.close_if_done();
    }

    fn receive(&mut self) {
        for _ in 0..READS_PER_TURN {
            let Some(socket) = &mut self.socket else { return };
            if !self.readable || !self.session.wants_input() {
                return;
            }
            match socket.read(&mut self.scratch) {
                Ok(0) => return self.lose("the server closed it"),
                Ok(count) => {
                    let handled =
                        self.session.handle_bytes(&self.scratch[..count], self.clock.instant());
                    assert_eq!(handled, Ok(()), "the server broke the protocol");
                    self.close_if_done();
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(why) => return self.lose(&why.to_string()),
            }
        }
    }

    fn transmit(&mut self) {
        while self.writable
            && let Some(socket) = &mut self.socket
        {
            let [first, second] = self.session.output();
            let is_over = first.is_empty();
            let written = match is_over {
                true => socket.push().map(|()| 0),
                false => socket.write_vectored(&[IoSlice::new(first), IoSlice::new(second)]),
            };
            match written {
                Ok(_) if is_over => return,
                Ok(count) => self.session.advance_output(count, self.clock.instant()),
                Err(why) if why.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(why) => {
                    // What had arrived before may say why.
                    (self.readable, self.writable) = (true, false);
                    self.receive();
                    return self.lose(&why.to_string());
                }
            }
        }
    }

    fn lose(&mut self, why: &str) {
        if self.socket.take().is_some() {
            self.session.handle_lost(why.into(), self.clock.instant());
        }
    }

    /// The session has no more use of its connection.
    pub(crate) fn close_if_done(&mut self) {
        if self.session.is_over() || self.session.is_offline() {
            self.socket = None;
        }
    }
}
