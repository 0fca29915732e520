//! A turn: what has happened goes into the engine, and what the engine asks for comes out. Whatever
//! runs an engine (the reactor, the simulator, the benchmark, the tests) runs it by these turns.

use super::{Engine, JournalBatch, Now, Readiness, Transport};
use crate::disk::{Disk, Reply, Request};
use crate::token::Token;

/// How long a shutdown may take to say farewell to everyone.
const SHUTDOWN_MS: u64 = 3_000;

/// What keeps files and events: threads of their own, which a turn asks and never waits for.
pub trait Storage {
    /// The next reply, if there is one.
    fn poll_reply(&mut self) -> Option<Reply>;

    /// Has new events kept.
    fn append(&mut self, batch: JournalBatch);

    /// Has file work done.
    fn submit(&mut self, request: Request);
}

impl Storage for Disk {
    fn poll_reply(&mut self) -> Option<Reply> {
        Self::poll_reply(self)
    }

    fn append(&mut self, JournalBatch { frames, to }: JournalBatch) {
        Self::append(self, frames, to);
    }

    fn submit(&mut self, request: Request) {
        Self::submit(self, request);
    }
}

/// The turns of one run of a server, up to its end.
#[derive(Debug, Default)]
pub struct Turns {
    is_asked_to_stop: bool,
    /// When the run ends, whoever is still here: known once it is to end.
    stop_by_ms: Option<u64>,
}

impl Turns {
    /// Has the next turn tell everyone that the server ends.
    pub fn ask_to_stop(&mut self) {
        self.is_asked_to_stop = true;
    }

    /// When the run is over at the latest, once it is to end.
    #[must_use]
    pub fn stop_by_ms(&self) -> Option<u64> {
        self.stop_by_ms
    }

    /// True when the run is over: it was to end, and everyone has left or has had the time to.
    #[must_use]
    pub fn are_over<T: Transport>(&self, engine: &Engine<T>, now: Now) -> bool {
        self.stop_by_ms.is_some_and(|by_ms| engine.is_empty() || by_ms <= now.mono_ms)
    }

    /// One turn. `ready` is what the poll says of connections.
    pub fn turn<T: Transport>(
        &mut self,
        engine: &mut Engine<T>,
        now: Now,
        ready: impl IntoIterator<Item = (Token, Readiness)>,
        storage: &mut impl Storage,
    ) {
        engine.begin_turn(now);
        for (token, ready) in ready {
            engine.handle_readiness(token, ready);
        }
        while let Some(reply) = storage.poll_reply() {
            engine.handle_disk(reply);
        }
        self.begin_shutdown_if_due(engine, now);
        engine.serve_turn();
        // Before anyone is told of it: a crash should take back as little as possible.
        pass_on(engine, storage);
        engine.finish_turn();
        pass_on(engine, storage);
    }

    /// Begins the shutdown when it was asked for; an engine whose journal has failed has begun it
    /// by itself.
    fn begin_shutdown_if_due<T: Transport>(&mut self, engine: &mut Engine<T>, now: Now) {
        if self.stop_by_ms.is_some() || !(self.is_asked_to_stop || engine.has_journal_failed()) {
            return;
        }
        self.stop_by_ms = Some(now.mono_ms + SHUTDOWN_MS);
        if self.is_asked_to_stop {
            engine.shut_down();
        }
    }
}

/// Hands on what the engine asks of its storage.
fn pass_on<T: Transport>(engine: &mut Engine<T>, storage: &mut impl Storage) {
    if let Some(batch) = engine.poll_journal() {
        storage.append(batch);
    }
    while let Some(request) = engine.poll_disk() {
        storage.submit(request);
    }
}
