//! What is due for a connection by the clock.

use chatshelf_common::wire::Code;

use super::Connection;
use crate::engine::Deadlines;
use crate::engine::deadlines::{Due, Look};
use crate::engine::limits::{CLOSE_MS, GUESS_WAIT_MS, LINGER_MS, VISIT_GONE_MS, VISIT_IDLE_MS};
use crate::engine::phase::{Guest, Phase};

impl<T> Connection<T> {
    /// Returns what is due because of its phase or of blocked output. `is_busy` says that a
    /// visitor's answer is under way.
    pub(in crate::engine) fn output_due(
        &self,
        look: &mut Look,
        deadlines: &Deadlines,
        is_busy: bool,
    ) -> Option<Due> {
        let (since_ms, allowed_ms, due) = match self.phase {
            Phase::Greeting { since_ms } => {
                (since_ms, deadlines.hello_ms, Due::Close(Code::NOT_JOINED_IN_TIME))
            }
            Phase::Greeted(Guest { since_ms, .. }) | Phase::Contending(Guest { since_ms, .. }) => {
                (since_ms, deadlines.join_ms, Due::Close(Code::NOT_JOINED_IN_TIME))
            }
            Phase::Closing { since_ms } => (since_ms, CLOSE_MS, Due::Drop),
            Phase::Lingering { since_ms } => (since_ms, LINGER_MS, Due::Drop),
            Phase::Visiting { .. } if is_busy => {
                look.has_passed(look.now_ms(), VISIT_IDLE_MS);
                return self.stall_due(look, deadlines);
            }
            // It may close its side once it has asked. Whoever then has to wait has mostly gone.
            Phase::Visiting { since_ms, awaits_verdict: true } if self.is_read_closed() => {
                (since_ms, VISIT_GONE_MS, Due::Close(Code::CONNECTION_LOST))
            }
            Phase::Visiting { since_ms, awaits_verdict } => {
                let allowed_ms = if awaits_verdict { GUESS_WAIT_MS } else { VISIT_IDLE_MS };
                (since_ms, allowed_ms, Due::Close(Code::LEFT))
            }
            Phase::Entering(_) | Phase::Joined(_) => return self.stall_due(look, deadlines),
            Phase::Dead => return None,
        };
        match look.has_passed(since_ms, allowed_ms) {
            true => Some(due),
            false => self.stall_due(look, deadlines),
        }
    }

    fn stall_due(&self, look: &mut Look, deadlines: &Deadlines) -> Option<Due> {
        let since_ms = self.blocked.since_ms().filter(|_| self.is_listening())?;
        look.has_passed(since_ms, deadlines.output_ms).then_some(Due::Close(Code::TOO_SLOW))
    }

    /// Returns what is due because the peer is silent, if it is a member.
    pub(in crate::engine) fn silence_due(
        &self,
        look: &mut Look,
        deadlines: &Deadlines,
    ) -> Option<Due> {
        self.phase.member()?;
        let mut liveness = self.liveness;
        // Input that was not read yet is a sign of life.
        if self.latches.readable {
            liveness.forgive(look.now_ms());
        }
        liveness.due(look, deadlines)
    }
}
