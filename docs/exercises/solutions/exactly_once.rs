//! Solution 9: lines that are said exactly once, over connections that break at any moment.

use std::collections::{BTreeSet, VecDeque};

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
    next: u64,
}

impl Outbox {
    /// Takes a line that was typed; returns what to send now. There is a connection.
    pub fn say(&mut self, text: &str) -> Say {
        let say = Say { id: self.next, text: text.to_owned() };
        self.next += 1;
        self.waiting.push_back(say.clone());
        say
    }

    /// The receipt of a line has come.
    pub fn receipt(&mut self, id: u64) {
        self.waiting.retain(|say| say.id != id);
    }

    /// There is a new connection. What must be sent, in which order? It is not known which of the
    /// lines without a receipt have reached the server.
    pub fn reconnected(&mut self) -> Vec<Say> {
        self.waiting.iter().cloned().collect()
    }
}

/// The server's side: the room, as a list of lines.
#[derive(Debug, Default)]
pub struct Room {
    /// Everything that was said, in order.
    pub log: Vec<String>,
    known: BTreeSet<u64>,
}

impl Room {
    /// A line has arrived. Says it, unless it was said before; returns the number for the receipt.
    pub fn receive(&mut self, say: Say) -> u64 {
        if self.known.insert(say.id) {
            self.log.push(say.text);
        }
        say.id
    }
}
