//! A connection whose peer may be a visitor.

use super::Connection;
use crate::engine::Now;
use crate::engine::phase::{Phase, Step};
use crate::engine::transport::Transport;
use crate::engine::visitor::{Visit, Visitor};

impl<T: Transport> Connection<T> {
    /// Takes what the peer asks for, if it is a visitor or becomes one by asking.
    pub(in crate::engine) fn take_visit(&mut self, now_ms: u64) -> Option<Visit> {
        if !matches!(self.phase.step(), Step::Greeting | Step::Visiting) {
            return None;
        }
        let visit = self.transport.visitor()?.take_visit()?;
        self.phase.note_visit(now_ms);
        Some(visit)
    }

    /// Notes that a visitor has taken all of its answer: its time to ask again begins.
    #[inline] // Called in each flush; few connections are visitors'.
    pub(super) fn note_taken_answer(&mut self, now: Now) {
        if let Phase::Visiting { awaits_verdict: false, .. } = self.phase
            && !self.transport.has_pending()
        {
            self.phase.note_visit(now.mono_ms());
        }
    }

    /// Notes that a visitor has turned to the protocol, which its transport carries from now on.
    /// Returns true if it just has.
    #[inline] // Asked after each read.
    pub(in crate::engine) fn note_protocol(&mut self, now_ms: u64) -> bool {
        let has_turned = self.phase.step() == Step::Visiting && self.transport.visitor().is_none();
        if has_turned {
            self.phase.become_phase(Phase::Greeting { since_ms: now_ms });
        }
        has_turned
    }

    /// Tells a peer whose request has begun to arrive that the time for it is over.
    pub(in crate::engine) fn time_out(&mut self) {
        if matches!(self.phase.step(), Step::Greeting | Step::Visiting)
            && let Some(visitor) = self.transport.visitor()
        {
            visitor.time_out();
        }
    }

    /// Returns the peer as a visitor, if it is one.
    pub(in crate::engine) fn visitor(&mut self) -> Option<&mut dyn Visitor> {
        match self.phase.step() {
            Step::Visiting => self.transport.visitor(),
            _ => None,
        }
    }
}
