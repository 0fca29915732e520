//! The connection's state machine over plain TCP.

use chatshelf_server::token::Token;

use super::room::{self, Carrier, Client};
use super::wire::End;

/// A script for a room; what it has said is what the engine reads.
pub(crate) fn run(bytes: &[u8]) {
    room::run::<Plain>(bytes);
}

/// The wire itself.
#[derive(Debug, Default)]
struct Plain;

impl Carrier for Plain {
    type Transport = End;
    type Client = Words;

    fn carry(&self, end: End, _: Token) -> End {
        end
    }

    fn client(&self, _: bool) -> Words {
        Words::default()
    }
}

#[derive(Debug, Default)]
struct Words(Vec<u8>);

impl Client for Words {
    fn say(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn poke(&mut self, _: u8) {}

    fn take_output(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.0);
    }

    fn hear(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }
}
