//! Ending: when to leave, what is said before, and what a link that is lost means for the run. How
//! far the end has come is known by `shutdown`.

use std::time::{Duration, Instant};

use super::App;
use crate::app::exit::{EXIT_FAILED, Failure};
use crate::app::patience::Mark;
use crate::app::shutdown::{LEAVE_MAX, exit_code};
use crate::lang::tr;
use crate::link::LinkError;
use crate::session::{PendingCommand, Stage};

impl App {
    /// True once nothing more is carried out: we are leaving, or will as soon as all is done.
    pub(crate) fn is_leaving(&self) -> bool {
        self.shutdown.is_leaving()
    }

    /// True once the run is over.
    pub(in crate::app) fn is_over(&self) -> bool {
        self.shutdown.is_over()
    }

    /// True while something that was asked for is not done.
    fn has_work(&self) -> bool {
        let session = self.session();
        let transfers = session.transfers_outstanding() + self.transfers.lookups();
        let awaits_list = session.awaits_stats() || session.awaits_bans();
        transfers + session.outstanding() > 0 || awaits_list || self.held.is_some()
    }

    /// Transfers that leaving now would cut short.
    fn transfers_running(&self) -> usize {
        self.session().transfers().count() + self.transfers.lookups()
    }

    /// Nothing more will be asked for: leaves when all is done.
    pub(crate) fn end_of_input(&mut self) {
        self.shutdown.finish();
        if !self.manner.is_script() && self.has_work() && self.session().is_joined() {
            self.news.notice(tr!("leaving as soon as all is done; Ctrl-C leaves at once"));
        }
    }

    /// Leaves now, whatever runs: who sits there has said so.
    pub(crate) fn quit_now(&mut self, now: Instant) {
        self.leave(now, LEAVE_MAX, false);
    }

    /// The run is over, and badly.
    pub(crate) fn give_up(&mut self, failure: Failure) {
        self.shutdown.end(Err(failure));
    }

    /// The server's key is not the right one, or nobody says that it is: there is no connection.
    pub(crate) fn refuse_key(&mut self) {
        if let Some(why) = self.link.refuse_key() {
            self.check_link(Err(why));
        }
    }

    /// `/quit`: a script leaves when all is done, somebody who sits there at once. While transfers
    /// run, they are warned the first time.
    pub(super) fn quit(&mut self, was_warned: bool, now: Instant) {
        let running = self.transfers_running();
        if self.manner.is_script() {
            self.shutdown.finish();
        } else if running > 0 && !was_warned && self.session().is_joined() {
            self.news.notice(tr!(
                "{n} transfer is running; /quit again ends them and leaves",
                "{n} transfers are running; /quit again ends them and leaves",
                n = running,
            ));
            self.shutdown.warn();
        } else {
            self.quit_now(now);
        }
    }

    /// Leaves with whatever is running, or, if `is_unfinished`, was not even begun.
    pub(in crate::app) fn take_leave(
        &mut self,
        now: Instant,
        patience: Duration,
        is_unfinished: bool,
    ) {
        let has_work = self.has_work();
        self.leave(now, patience, has_work || is_unfinished);
    }

    /// Says `Leave` and waits a while for the `Goodbye`; at once where nobody can leave yet.
    fn leave(&mut self, now: Instant, patience: Duration, is_unfinished: bool) {
        if self.shutdown.has_left() {
            return;
        }
        if self.wants_key() {
            return self.refuse_key();
        }
        self.tell_gone();
        let code = match is_unfinished {
            true => EXIT_FAILED,
            false => exit_code(self.manner.mode, self.news.worst()),
        };
        self.shutdown.leave(now + patience, code);
        self.link.session_mut().leave();
        self.collect(now);
        if self.session().is_over() {
            self.shutdown.end(Ok(code));
        }
    }

    /// Leaves if that was asked for and all is done.
    pub(in crate::app) fn quit_when_done(&mut self, now: Instant) {
        let session = self.session();
        let is_away = session.takes_commands() && session.is_offline();
        if !self.shutdown.is_finishing() || !(is_away || session.is_joined()) {
            return;
        }
        let (has_work, is_script) = (self.has_work(), self.manner.is_script());
        // Only a script waits for the connection: elsewhere, who leaves has said so.
        if !has_work || (is_away && !is_script) {
            self.leave(now, LEAVE_MAX, has_work && is_script);
        }
    }

    /// Tells a script which of its uploads are no longer on the shelf. Who sits there has seen it.
    fn tell_gone(&mut self) {
        match self.transfers.tell_gone(self.items_kept(), self.session().room()) {
            Some(text) if self.manner.is_single() => self.news.failure(text),
            Some(text) if self.manner.is_script() => self.news.notice(text),
            _ => {}
        }
    }

    /// Looks how serving the link went.
    pub(super) fn check_link(&mut self, result: Result<(), LinkError>) {
        let Err(error) = result else { return };
        if let Some(code) = self.shutdown.leaving_code() {
            log::info!("while leaving: {error}");
            return self.shutdown.end(Ok(code));
        }
        self.shutdown.end(Err(Failure::no_link(&self.server, &error)));
    }

    /// The poll does not work any more.
    pub(in crate::app) fn lose_poll(&mut self, error: std::io::Error) {
        self.check_link(Err(LinkError::Lost(Some(error))));
    }

    /// Ends a script for which the server has done nothing for too long.
    pub(super) fn lose_patience(&mut self, now: Instant) {
        if let Some(waited) = self.patience.watch(self.mark(), now) {
            let (server, s) = (&self.server, waited.as_secs());
            let text = tr!("{server} has not done what was asked within {s} s", server, s);
            self.shutdown.end(Err(Failure::new(text, EXIT_FAILED)));
        }
    }

    /// How far everything is, while a script waits for the server. Being let in has a limit of its
    /// own, and so has leaving.
    fn mark(&self) -> Option<Mark> {
        let session = self.session();
        let awaits = self.has_work() || !session.room().is_caught_up();
        let is_here = self.nick.is_held() && !self.shutdown.has_left();
        let is_waiting = self.manner.is_script() && is_here && awaits;
        // The server has said when it takes more.
        let is_held = session.transfers().any(|it| matches!(it.stage, Stage::Held { .. }));
        let (transfers, mut commands) = (self.transfers_running(), session.pending_commands());
        let awaits_op = commands.any(|(it, _)| matches!(it, PendingCommand::Op(_)));
        (is_waiting && !is_held).then(|| Mark {
            commands: session.outstanding(),
            transfers,
            is_long: transfers > 0 || awaits_op,
            position: session.position(),
            moved: session.transfers().map(|status| status.moved).sum(),
        })
    }

    /// All has been done that will be: tells what is left to tell.
    pub(in crate::app) fn close(&mut self, now: Instant) {
        self.collect(now);
        self.flush_backfill();
        self.transfers.close(self.link.session_mut(), &mut self.news);
        let session = self.session();
        let (unsent, unconfirmed) = (session.unsent(), session.outstanding() - session.unsent());
        if unsent > 0 {
            self.news.failure(tr!("{n} line was not sent", "{n} lines were not sent", n = unsent));
        }
        if unconfirmed > 0 {
            self.news.failure(tr!(
                "{n} line may not have arrived",
                "{n} lines may not have arrived",
                n = unconfirmed,
            ));
        }
    }
}
