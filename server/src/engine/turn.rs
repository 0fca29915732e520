//! A turn: events go into the engine, and the engine's requests come out. Everything that runs an
//! engine (the reactor, the simulator, the benchmark, the tests) runs it in these turns.

use super::{Engine, JournalBatch, Now, Readiness, Settings, Transport};
use crate::disk::{Disk, Reply, Request};
use crate::passwords::{Guess, Verdict, Verifier};
use crate::token::Token;

/// Time that a shutdown allows for saying goodbye to everyone.
const SHUTDOWN_MS: u64 = 3_000;

/// Storage for files and events: threads of their own, which a turn sends requests to and never
/// waits for.
pub trait Storage {
    /// Returns the next reply, if there is one.
    fn poll_reply(&mut self) -> Option<Reply>;

    /// Stores new events.
    fn append(&mut self, batch: JournalBatch);

    /// Submits a file request.
    fn submit(&mut self, request: Request);

    /// Submits a guess at a password; only rooms that have one need this.
    fn verify(&mut self, guess: Guess) {
        debug_assert!(false, "nobody verifies {guess:?}");
    }

    /// Returns the next verdict on a guess, if there is one.
    fn poll_verdict(&mut self) -> Option<Verdict> {
        None
    }
}

/// The threads of a server: those of its disk, and the one that verifies passwords.
#[derive(Debug)]
pub struct Threads {
    /// The disk's.
    pub disk: Disk,
    /// The one for passwords, if there are any.
    pub verifier: Option<Verifier>,
}

impl Storage for Threads {
    fn poll_reply(&mut self) -> Option<Reply> {
        self.disk.poll_reply()
    }

    fn append(&mut self, JournalBatch { bans, frames, to }: JournalBatch) {
        self.disk.append(bans, frames, to);
    }

    fn submit(&mut self, request: Request) {
        self.disk.submit(request);
    }

    fn verify(&mut self, guess: Guess) {
        if let Some(verifier) = &self.verifier {
            verifier.submit(guess);
        }
    }

    fn poll_verdict(&mut self) -> Option<Verdict> {
        self.verifier.as_ref()?.poll()
    }
}

/// The turns of one run of a server, including its shutdown.
#[derive(Debug, Default)]
pub struct Turns {
    is_asked_to_stop: bool,
    /// The settings that hold from the next turn on, if they have changed.
    settings: Option<Settings>,
    /// When the run ends, even if connections remain; set by the shutdown.
    stop_by_ms: Option<u64>,
}

impl Turns {
    /// Starts the shutdown in the next turn.
    pub fn ask_to_stop(&mut self) {
        self.is_asked_to_stop = true;
    }

    /// Makes other settings hold from the next turn on.
    pub fn reconfigure(&mut self, settings: Settings) {
        self.settings = Some(settings);
    }

    /// Returns when the run ends at the latest, once it is shutting down.
    #[must_use]
    pub fn stop_by_ms(&self) -> Option<u64> {
        self.stop_by_ms
    }

    /// Returns true if the run is over: it was asked to stop, and every connection has ended or the
    /// time for that is up.
    #[must_use]
    pub fn are_over<T: Transport>(&self, engine: &Engine<T>, now: Now) -> bool {
        self.stop_by_ms.is_some_and(|by_ms| engine.is_empty() || by_ms <= now.mono_ms())
    }

    /// Runs one turn. `ready` is what the poll reports about connections.
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
        while let Some(verdict) = storage.poll_verdict() {
            engine.handle_verdict(verdict);
        }
        if let Some(settings) = self.settings.take() {
            engine.reconfigure(settings);
        }
        self.begin_shutdown_if_due(engine, now);
        engine.serve_turn();
        // The journal gets events before any member does: a crash should lose as little as possible
        // of what was shown.
        pass_on(engine, storage);
        engine.finish_turn();
        pass_on(engine, storage);
    }

    /// Begins the shutdown when it was requested. An engine whose journal has failed begins it by
    /// itself.
    fn begin_shutdown_if_due<T: Transport>(&mut self, engine: &mut Engine<T>, now: Now) {
        if self.stop_by_ms.is_some() || !(self.is_asked_to_stop || engine.has_journal_failed()) {
            return;
        }
        self.stop_by_ms = Some(now.mono_ms() + SHUTDOWN_MS);
        if self.is_asked_to_stop {
            engine.shut_down();
        }
    }
}

/// Passes the engine's requests to its storage.
fn pass_on<T: Transport>(engine: &mut Engine<T>, storage: &mut impl Storage) {
    if let Some(batch) = engine.poll_journal() {
        storage.append(batch);
    }
    while let Some(request) = engine.poll_disk() {
        storage.submit(request);
    }
    while let Some(guess) = engine.poll_guess() {
        storage.verify(guess);
    }
}
