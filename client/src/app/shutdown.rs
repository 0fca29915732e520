//! The way out: when to leave, how long for the server's goodbye is waited, and with what exit code.

use std::time::{Duration, Instant};

use chatshelf_common::id::ItemId;
use chatshelf_common::text::FileName;

use super::format::count;
use super::state::Desk;
use super::{EXIT_DONE, EXIT_FAILED, EXIT_REFUSED};

/// How long the `Goodbye` is waited for after a signal, and after a `/quit`.
pub(super) const LEAVE_MAX_SIGNAL: Duration = Duration::from_secs(2);
const LEAVE_MAX: Duration = Duration::from_secs(5);

/// Uploads of which it is told at the end whether they are still on the shelf: the latest.
const UPLOADS_REMEMBERED_MAX: usize = 1000;
/// How many of them are named.
const GONE_NAMED_MAX: usize = 10;

/// `Leave` was said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    deadline: Instant,
    code: u8,
}

impl Desk {
    /// True once nothing more is carried out: we are leaving, or will as soon as all is done.
    pub(crate) fn is_leaving(&self) -> bool {
        self.quitting || self.leaving.is_some() || self.end.is_some()
    }

    /// The exit code to leave with once `Leave` was said.
    pub(super) fn leaving_code(&self) -> Option<u8> {
        self.leaving.map(|leaving| leaving.code)
    }

    pub(super) fn leaving_deadline(&self) -> Option<Instant> {
        self.leaving.map(|leaving| leaving.deadline)
    }

    /// True while something that was asked for is not done.
    pub(super) fn has_work(&self) -> bool {
        let session = self.link.session();
        let transfers = session.transfers_outstanding() + self.opening.len();
        transfers + session.outstanding() > 0 || self.held.is_some()
    }

    /// Transfers that leaving now would cut short.
    pub(crate) fn transfers_running(&self) -> usize {
        self.session().transfers().count() + self.opening.len()
    }

    /// Nothing more will be asked for: leaves when all is done.
    pub(crate) fn end_of_input(&mut self) {
        self.quitting = true;
        if !self.manner.script && self.has_work() && self.session().is_joined() {
            self.notice("leaving as soon as all is done; Ctrl-C leaves at once");
        }
    }

    /// Leaves now, whatever runs: who sits there has said so.
    pub(crate) fn quit_now(&mut self, now: Instant) {
        self.leave(now, LEAVE_MAX, false);
    }

    /// `/quit`: in a script leaves when all is done, else now, if need be after a warning.
    pub(super) fn quit(&mut self, warned: bool, now: Instant) {
        let running = self.transfers_running();
        if self.manner.script {
            self.quitting = true;
        } else if running > 0 && !warned && self.session().is_joined() {
            let running = count(running, "transfer is", "transfers are");
            self.notice(format!("{running} running; /quit again ends them and leaves"));
            self.quit_warned = true;
        } else {
            self.quit_now(now);
        }
    }

    /// Leaves with whatever is running, or was not even begun.
    pub(super) fn take_leave(&mut self, now: Instant, patience: Duration, unfinished: bool) {
        let running = self.has_work();
        self.leave(now, patience, running || unfinished);
    }

    /// Says `Leave` and waits a while for the `Goodbye`; at once where nobody can leave yet.
    fn leave(&mut self, now: Instant, patience: Duration, unfinished: bool) {
        if self.leaving.is_some() || self.end.is_some() {
            return;
        }
        self.say_what_is_gone();
        let code = if unfinished { EXIT_FAILED } else { self.code() };
        self.session_mut().leave();
        self.leaving = Some(Leaving { deadline: now + patience, code });
        self.collect(now);
        if self.session().is_over() {
            self.finish(Ok(code));
        }
    }

    /// The exit code by what was done so far: who sits there has seen it.
    fn code(&self) -> u8 {
        match (self.failed, self.refused) {
            _ if !self.manner.script => EXIT_DONE,
            (false, false) => EXIT_DONE,
            (false, true) if self.manner.single => EXIT_REFUSED,
            _ => EXIT_FAILED,
        }
    }

    /// Leaves if that was wanted and all is done.
    pub(super) fn quit_when_done(&mut self, now: Instant) {
        let session = self.link.session();
        let is_away = session.takes_commands() && session.is_offline();
        if !self.quitting || !(is_away || session.is_joined()) {
            return;
        }
        let has_work = self.has_work();
        // Only a script waits for the connection: elsewhere, who leaves has said so.
        if !has_work || (is_away && !self.manner.script) {
            self.leave(now, LEAVE_MAX, has_work && self.manner.script);
        }
    }

    /// Ends the wait for a `Goodbye` that does not come.
    pub(super) fn leave_in_time(&mut self, now: Instant) {
        if let Some(Leaving { deadline, code }) = self.leaving
            && now >= deadline
        {
            self.finish(Ok(code));
        }
    }

    /// Remembers an upload that was put on the shelf.
    pub(super) fn uploaded(&mut self, item: ItemId, name: FileName) {
        self.uploaded.push_back((item, name));
        if self.uploaded.len() > UPLOADS_REMEMBERED_MAX {
            self.uploaded.pop_front();
        }
    }

    /// Whoever put this item there has taken it off: that is no loss.
    pub(super) fn taken_off(&mut self, item: ItemId) {
        self.uploaded.retain(|(uploaded, _)| *uploaded != item);
    }

    /// Tells a script which of its uploads others, or its own, have pushed off the shelf. Who sits
    /// there has seen it.
    fn say_what_is_gone(&mut self) {
        let room = self.link.session().room();
        let is_gone = |(id, _): &&(ItemId, FileName)| room.item(*id).is_none();
        let gone: Vec<_> = self.uploaded.iter().filter(is_gone).collect();
        if !self.manner.script || gone.is_empty() {
            return;
        }
        let named = gone.iter().take(GONE_NAMED_MAX);
        let mut names: Vec<_> = named.map(|(id, name)| format!("{name} (number {id})")).collect();
        if gone.len() > names.len() {
            names.push(format!("{} more", gone.len() - names.len()));
        }
        let many = count(gone.len(), "upload is", "uploads are");
        let kept = self.link.session().limits().map_or(0, |limits| limits.shelf_items_max);
        let names = names.join(", ");
        let text = format!("{many} no longer on the shelf, which keeps {kept}: {names}");
        if self.manner.single { self.failure(text) } else { self.notice(text) }
    }

    /// Tells what of our own talk is lost by ending now.
    pub(super) fn say_what_is_lost(&mut self) {
        let session = self.link.session();
        let (unsent, unconfirmed) = (session.unsent(), session.outstanding() - session.unsent());
        if unsent > 0 {
            let lines = count(unsent, "line was", "lines were");
            self.failure(format!("{lines} not sent"));
        }
        if unconfirmed > 0 {
            let lines = count(unconfirmed, "line", "lines");
            self.failure(format!("{lines} may not have arrived"));
        }
    }
}
