//! Exercise 9: lines that are said exactly once, over connections that break at any moment.

use std::collections::VecDeque;

/// A line as it goes to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    /// The client's number for it: each line has another.
    pub id: u64,
    /// What is said.
    pub text: String,
}

/// The client's lines, until their receipts have come.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: VecDeque<Say>,
    // Your fields.
}

impl Outbox {
    /// Takes a line that was typed; returns what to send now. There is a connection.
    pub fn say(&mut self, text: &str) -> Say {
        todo!("send {text}, keep it with {} others", self.waiting.len())
    }

    /// The receipt of a line has come.
    pub fn receipt(&mut self, id: u64) {
        todo!("forget line {id}")
    }

    /// There is a new connection. What must be sent, in which order? It is not known which of the
    /// lines without a receipt have reached the server.
    pub fn reconnected(&mut self) -> Vec<Say> {
        todo!()
    }
}

/// The server's side: the room, as a list of lines.
#[derive(Debug, Default)]
pub struct Room {
    /// Everything that was said, in order.
    pub log: Vec<String>,
    // Your fields.
}

impl Room {
    /// A line has arrived. Says it, unless it was said before; returns the number for the receipt.
    pub fn receive(&mut self, say: Say) -> u64 {
        todo!("say {say:?}")
    }
}
