//! What all connections over TLS share: the configuration, with the certificate; buffers, which are
//! lent to one connection at a time; and how many handshakes a turn may answer.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use rustls::ServerConfig;

use super::RECORD_BYTES_MAX;
use crate::engine::Handshakes;
use crate::token::Token;

/// Handshakes answered in one turn. One costs 0.1 to 0.2 ms, which talk waits for.
pub const HANDSHAKES_PER_TURN: usize = 16;

/// Connections whose reads have brought nothing that continue in one turn. One costs as much.
const FRUITLESS_PER_TURN: usize = 16;

/// What connections over TLS share.
pub struct TlsContext {
    config: RefCell<Arc<ServerConfig>>,
    buffers: RefCell<Buffers>,
    /// Handshakes that may still be answered in this turn.
    left: Cell<usize>,
    queues: RefCell<[Waiting; 2]>,
    counters: Cell<Handshakes>,
}

/// Where connections wait that continue in another turn. Nobody delays a handshake by a flood of
/// records without content.
#[derive(Clone, Copy, Debug)]
pub(super) enum Queue {
    /// Those whose hello has to be answered.
    Handshakes,
    /// Those whose reads have brought nothing.
    Fruitless,
}

/// A place in a queue, counted from the first there ever was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    queue: Queue,
    number: u64,
}

/// The connections in a queue, in the order in which they came.
#[derive(Default)]
struct Waiting {
    tokens: VecDeque<Token>,
    /// How many have left it.
    served: u64,
}

impl Waiting {
    fn serve(&mut self, most: usize) -> impl Iterator<Item = Token> + '_ {
        let count = self.tokens.len().min(most);
        self.served += count as u64;
        self.tokens.drain(..count)
    }
}

/// Each buffer is empty while it is lent.
#[derive(Default)]
struct Buffers {
    incoming: Vec<u8>,
    gathered: Vec<u8>,
    sealed: Vec<u8>,
}

impl fmt::Debug for TlsContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsContext({:?})", self.counters.get())
    }
}

impl TlsContext {
    /// Creates it with a configuration for new connections.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>) -> Rc<Self> {
        Rc::new(Self {
            config: RefCell::new(config),
            buffers: RefCell::default(),
            left: Cell::new(HANDSHAKES_PER_TURN),
            queues: RefCell::default(),
            counters: Cell::default(),
        })
    }

    /// Uses another configuration for new connections; existing ones keep theirs.
    pub fn set_config(&self, config: Arc<ServerConfig>) {
        self.config.replace(config);
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.borrow())
    }

    /// Returns how many handshakes there were.
    #[must_use]
    pub fn counters(&self) -> Handshakes {
        self.counters.get()
    }

    /// Begins a turn; returns the connections that continue in it, as if there were something to
    /// read.
    #[must_use]
    pub fn begin_turn(&self) -> Vec<Token> {
        self.left.set(HANDSHAKES_PER_TURN);
        let [handshakes, fruitless] = &mut *self.queues.borrow_mut();
        handshakes.serve(HANDSHAKES_PER_TURN).chain(fruitless.serve(FRUITLESS_PER_TURN)).collect()
    }

    /// Returns true if connections wait for the next turn.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        self.queues.borrow().iter().any(|queue| !queue.tokens.is_empty())
    }

    pub(super) fn may_shake_hands(&self) -> bool {
        self.left.get() > 0
    }

    /// Puts a connection into a queue of those that continue in another turn.
    pub(super) fn wait(&self, queue: Queue, token: Token) -> Place {
        let waiting = &mut self.queues.borrow_mut()[queue as usize];
        waiting.tokens.push_back(token);
        Place { queue, number: waiting.served + waiting.tokens.len() as u64 }
    }

    /// Returns true if that place in the queue was not served yet.
    pub(super) fn is_waiting(&self, place: Place) -> bool {
        place.number > self.queues.borrow()[place.queue as usize].served
    }

    /// Notes that a hello was answered, which is what costs.
    pub(super) fn note_answered(&self) {
        self.left.set(self.left.get().saturating_sub(1));
    }

    pub(super) fn note_established(&self) {
        let counters = self.counters.get();
        self.counters.set(Handshakes { completed: counters.completed + 1, ..counters });
    }

    pub(super) fn note_failed(&self) {
        let counters = self.counters.get();
        self.counters.set(Handshakes { failed: counters.failed + 1, ..counters });
    }

    pub(super) fn take_incoming(&self, bytes: usize) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut self.buffers.borrow_mut().incoming);
        buffer.resize(bytes, 0);
        buffer
    }

    pub(super) fn give_incoming(&self, buffer: Vec<u8>) {
        self.buffers.borrow_mut().incoming = buffer;
    }

    /// Lends an empty buffer for what will become a record.
    pub(super) fn take_gathered(&self) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut self.buffers.borrow_mut().gathered);
        buffer.reserve_exact(RECORD_BYTES_MAX);
        buffer
    }

    pub(super) fn give_gathered(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.buffers.borrow_mut().gathered = buffer;
    }

    /// Lends a buffer for a record, of whatever length.
    pub(super) fn take_sealed(&self) -> Vec<u8> {
        std::mem::take(&mut self.buffers.borrow_mut().sealed)
    }

    pub(super) fn give_sealed(&self, buffer: Vec<u8>) {
        self.buffers.borrow_mut().sealed = buffer;
    }
}
