//! What stands behind the engine in one turn. Owns nothing.

use chatshelf_server::disk::{Reply, Request};
use chatshelf_server::engine::{JournalBatch, Storage};
use chatshelf_server::passwords::{Guess, Verdict};

use super::budget;
use super::model::Model;
use super::threads::Threads;
use super::verifier::Verifier;

/// The threads, and the model that is told what they are asked for.
pub(crate) struct Watched<'a> {
    pub(crate) threads: &'a mut Threads,
    pub(crate) verifier: &'a mut Verifier,
    pub(crate) model: &'a mut Model,
    /// Replies and verdicts that were taken.
    pub(crate) replies: u64,
}

impl Storage for Watched<'_> {
    fn poll_reply(&mut self) -> Option<Reply> {
        let reply = self.threads.replies.pop_front();
        self.replies += u64::from(reply.is_some());
        reply.iter().for_each(budget::note_reply);
        reply
    }

    fn append(&mut self, batch: JournalBatch) {
        self.model.handed(&batch);
        self.threads.append(batch);
    }

    fn submit(&mut self, request: Request) {
        self.threads.submit(request);
    }

    fn verify(&mut self, guess: Guess) {
        self.verifier.submit(guess);
    }

    fn poll_verdict(&mut self) -> Option<Verdict> {
        let verdict = self.verifier.poll();
        self.replies += u64::from(verdict.is_some());
        verdict
    }
}
