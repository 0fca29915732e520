//! The connection's state machine over WebSocket. Some peers put what they say into frames, with
//! control frames and noise between; what the others say is taken for frames as it is.

use chatshelf_common::websocket::{End, Incoming, Opcode, Sender, frame};
use chatshelf_server::net::websocket::WebSocketTransport;
use chatshelf_server::token::Token;

use super::room::{self, Carrier, Client};
use super::wire;

const MASK: [u8; 4] = [1, 2, 3, 4];

/// A script for a room.
pub(crate) fn run(bytes: &[u8]) {
    room::run::<WebSocket>(bytes);
}

#[derive(Debug, Default)]
struct WebSocket;

impl Carrier for WebSocket {
    type Transport = WebSocketTransport<wire::End>;
    type Client = Browser;

    fn carry(&self, end: wire::End, _: Token) -> Self::Transport {
        WebSocketTransport::new(end, &[], &[])
    }

    fn client(&self, is_raw: bool) -> Browser {
        let incoming = Incoming::new(Sender::Server);
        Browser { is_raw, incoming, out: Vec::new(), has_spoilt_it: is_raw }
    }

    fn begin_turn(&self) -> Vec<Token> {
        Vec::new()
    }

    fn has_waiting(&self) -> bool {
        false
    }
}

struct Browser {
    is_raw: bool,
    incoming: Incoming,
    out: Vec<u8>,
    /// The server may have had reason to end it.
    has_spoilt_it: bool,
}

impl Client for Browser {
    fn say(&mut self, bytes: &[u8]) {
        match self.is_raw {
            true => self.out.extend_from_slice(bytes),
            false => self.out.extend(frame(Opcode::Binary, bytes, Some(MASK))),
        }
    }

    /// Pings, closes, says nothing in a frame, or sends what may be no frame.
    fn poke(&mut self, what: u8) {
        let payload = [what].repeat(usize::from(what >> 2));
        match what & 3 {
            0 => self.out.extend(frame(Opcode::Ping, &payload, Some(MASK))),
            1 => self.out.extend(frame(Opcode::Close, &[3, 232], Some(MASK))),
            2 => self.out.extend(frame(Opcode::Binary, &[], Some(MASK))),
            _ => (self.out, self.has_spoilt_it) = ([&self.out[..], &payload].concat(), true),
        }
    }

    fn take_output(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.out);
    }

    fn hear(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut plain = bytes.to_vec();
        let count = self.incoming.open(&mut plain);
        plain.truncate(count);
        let is_broken = matches!(self.incoming.end(), Some(End::Broken(_)));
        assert!(!is_broken, "the server keeps to WebSocket");
        (!self.has_spoilt_it).then_some(plain)
    }
}
