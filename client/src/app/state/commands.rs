//! Commands, carried out: whether they can be taken now, and in a script what must wait for the
//! ones ahead of it.

use std::time::Instant;

use chatshelf_common::text::{Message, Nick};
use chatshelf_common::wire::frame::{Action, Moderate, Style};

use super::App;
use crate::app::clock::Clock;
use crate::app::exit::{EXIT_FAILED, Failure};
use crate::app::news::{Answer, News};
use crate::command::{self, Command, Download, LineRef, looks_like_address};
use crate::item::{Found, ItemError, Shelf};
use crate::lang::tr;
use crate::search::Words;
use crate::session::{CommandError, Direction, Session, TransferHandle, TransferStatus};

/// Commands that may wait for their receipts before further ones are taken.
const OUTSTANDING_MAX: usize = 128;
/// Unsent bytes of commands before further ones wait.
const CONTROL_BYTES_MAX: usize = 64 * 1024;

impl App {
    /// True while a command would be carried out (or kept) now.
    pub(crate) fn takes_commands(&self) -> bool {
        !self.is_leaving() && self.held.is_none() && self.has_room_for_commands()
    }

    fn has_room_for_commands(&self) -> bool {
        let session = self.session();
        let may_wait = session.is_joined() || self.manner.is_script();
        // Who sits there and types without a connection is told how much can be kept.
        let is_ahead = may_wait
            && (session.outstanding() >= OUTSTANDING_MAX
                || session.control_bytes() >= CONTROL_BYTES_MAX);
        session.takes_commands() && !is_ahead
    }

    /// Carries a command out, now or when what it depends on is done; to be called while
    /// [`App::takes_commands`].
    pub(crate) fn carry_out(&mut self, command: Command, now: Instant) {
        debug_assert!(self.held.is_none());
        if self.must_wait(&command) {
            self.held = Some(command);
            return;
        }
        // What it tells comes behind what has happened before, and what it causes behind that.
        self.collect(now);
        let is_op = matches!(command, Command::Op);
        match self.execute(command, now) {
            // What follows needs an operator.
            Err(error) if is_op && self.manner.is_single() => {
                self.give_up(Failure::new(error.to_string(), EXIT_FAILED));
            }
            Err(error) => self.news.failure(error.to_string()),
            Ok(()) => {}
        }
        self.collect(now);
    }

    /// Carries out the command that had to wait, if it no longer needs to. The input may have ended
    /// behind it.
    pub(in crate::app) fn retry_held(&mut self, now: Instant) {
        if !self.shutdown.has_left()
            && self.has_room_for_commands()
            && let Some(command) = self.held.take()
        {
            self.carry_out(command, now);
        }
    }

    /// In a script, what depends on the commands ahead waits for them. Elsewhere only a `/cancel`
    /// does, for the moment it takes to open a file.
    fn must_wait(&self, command: &Command) -> bool {
        let (session, uploads) = (self.session(), self.uploads_begun());
        match command {
            Command::Cancel(_) => self.transfers.lookups() > 0,
            _ if !self.manner.is_script() => false,
            // What was so when the connection broke is no answer.
            Command::Who
            | Command::ShowTopic
            | Command::Files
            | Command::Link(_)
            | Command::Stats
            | Command::Op
            | Command::Moderate(_)
            | Command::Redact(_)
            | Command::Bans
                if !session.is_joined() =>
            {
                true
            }
            Command::Who
            | Command::ShowTopic
            | Command::Find(_)
            | Command::Moderate(_)
            | Command::Redact(_)
            | Command::Bans => session.outstanding() > 0,
            Command::Files => uploads > 0 || session.outstanding() > 0,
            Command::Download(_) | Command::Drop(_) | Command::Link(_) if uploads == 0 => false,
            Command::Link(item) => {
                may_mean_an_upload(Shelf::of(session.room()).item(item), uploads, session)
            }
            Command::Download(Download::Typed(line)) => {
                let found = Shelf::of(session.room()).item_and_path(line);
                may_mean_an_upload(found, uploads, session)
            }
            Command::Download(Download::Items { items, .. }) | Command::Drop(items) => {
                let shelf = Shelf::of(session.room());
                items.iter().any(|item| may_mean_an_upload(shelf.item(item), uploads, session))
            }
            _ => false,
        }
    }

    fn execute(&mut self, command: Command, now: Instant) -> Result<(), CommandError> {
        let was_warned = self.shutdown.take_warning();
        let session = self.link.session_mut();
        match command {
            Command::Say(text) => return self.say(text, Style::SPEECH),
            Command::Act(text) => return self.say(text, Style::ACTION),
            Command::Tell { to, text } => return session.tell(to, text).map(drop),
            Command::Rename(nick) => return self.rename(nick),
            Command::SetTopic(topic) => return session.set_topic(topic),
            Command::Cancel(transfer) => return self.cancel(transfer),
            Command::Download(wanted) => return self.download(wanted),
            Command::Reconnect => return self.reconnect(now),
            Command::Stats => self.ask_stats(now)?,
            Command::Op => return self.become_operator(),
            Command::Moderate(order) => return self.moderate(order),
            Command::Redact(line) => return self.redact(&line),
            Command::Bans => return session.ask_bans(),
            Command::Drop(items) => self.drop_items(&items),
            Command::Link(item) => self.show_link(&item),
            Command::Upload(upload) => self.upload(upload),
            Command::Find(words) => self.find(&words),
            Command::Joins(on) => {
                let answer = self.filter.joins(on);
                self.news.notice(answer);
            }
            Command::Ignore(nick) => self.ignore(nick),
            Command::Unignore(nick) => {
                let answer = self.filter.unignore(&nick);
                self.notice_or_failure(answer);
            }
            Command::ShowTopic => self.answer(Answer::Topic),
            Command::Who => self.answer(Answer::Members),
            Command::Files => self.answer(Answer::Shelf),
            Command::Mouse(on) => self.answer(Answer::Mouse(on)),
            Command::Copy(wanted) => self.answer(Answer::Copy(wanted)),
            Command::Waiting => self.answer(Answer::Waiting),
            Command::Help => self.answer(Answer::Help),
            Command::Clear => self.answer(Answer::Clear),
            Command::Notify(level) => self.answer(Answer::Notify(level)),
            Command::Quit => self.quit(was_warned, now),
        }
        Ok(())
    }

    fn say(&mut self, text: Message, style: Style) -> Result<(), CommandError> {
        self.link.session_mut().say(text, style)?;
        if !self.session().is_joined() && !self.manner.is_script() && self.reconnection.keep() {
            self.news.notice(tr!("kept; it will be sent when the connection is back"));
        }
        Ok(())
    }

    fn rename(&mut self, nick: Nick) -> Result<(), CommandError> {
        match self.link.session_mut().rename(nick) {
            Err(CommandError::SameNick) => {
                self.news.notice(tr!("that is your name already"));
                Ok(())
            }
            result => result,
        }
    }

    fn ignore(&mut self, nick: Option<Nick>) {
        let answer = match nick {
            Some(nick) => self.filter.ignore(nick, self.link.session().nick()),
            None => Ok(self.filter.ignored()),
        };
        self.notice_or_failure(answer);
    }

    fn notice_or_failure(&mut self, answer: Result<String, String>) {
        match answer {
            Ok(text) => self.news.notice(text),
            Err(why) => self.news.failure(why),
        }
    }

    /// Shows what of all that is held has these words.
    fn find(&mut self, words: &Words) {
        for line in self.transcript.find(words, &Clock::local()) {
            self.news.notice(line);
        }
    }

    /// Shows what is known without asking the server.
    fn answer(&mut self, answer: Answer) {
        if answer.is_of_the_room() {
            self.tell_if_out_of_date();
        }
        self.news.push(News::Answer(answer));
    }

    /// Says, if it is so, that the server may have changed since what is shown next.
    pub(super) fn tell_if_out_of_date(&mut self) {
        if !self.session().is_joined() {
            self.news.notice(tr!("not connected; this is how it was when the connection broke:"));
        }
    }

    /// `/reconnect`: the next attempt at once, or a new connection in place of one that stands.
    fn reconnect(&mut self, now: Instant) -> Result<(), CommandError> {
        if !self.session().takes_commands() {
            return Err(CommandError::NotJoined);
        }
        if self.manner.reconnect.is_none() {
            self.news.failure(tr!(
                "this client does not reconnect when its connection ends (--reconnect 0)"
            ));
        } else if self.session().retry_at().is_some() {
            self.news.notice(tr!("trying now"));
            self.link.session_mut().reconnect_now(now);
        } else if self.link.is_connected() {
            self.reconnection.renew();
            let renewed = self.link.reconnect(now);
            self.check_link(renewed);
        } else {
            self.news.notice(tr!("a connection is being made already"));
        }
        Ok(())
    }

    /// `/stats`: asks the server, or shows what is known without it.
    fn ask_stats(&mut self, now: Instant) -> Result<(), CommandError> {
        let session = self.link.session_mut();
        // Its answer comes before the one that is shown.
        session.probe(now);
        let asked = session.ask_stats();
        if asked.is_err() {
            self.answer(Answer::Stats);
        }
        asked
    }

    /// What operators do. Only a member may have a name that looks like an address.
    fn moderate(&mut self, order: Moderate) -> Result<(), CommandError> {
        let session = self.link.session_mut();
        if let Some(whom) = &order.to
            && order.action == Action::BAN
            && looks_like_address(whom.as_str())
            && !session.room().members().any(|member| member.is_same(whom))
        {
            let refused = command::CommandError::BanAddress(whom.to_string());
            self.news.failure(refused.to_string());
            return Ok(());
        }
        session.moderate(order)
    }

    /// `/redact`: of a line that was seen here, or by its number.
    fn redact(&mut self, line: &LineRef) -> Result<(), CommandError> {
        let found = match line {
            LineRef::Number(seq) => Some(*seq),
            LineRef::Of { nick, nth } => self.transcript.line_of(nick, *nth),
        };
        let Some(line) = found else {
            self.news.failure(tr!("no such line was seen here"));
            return Ok(());
        };
        let order = Moderate { line: Some(line), ..Moderate::new(Action::REDACT) };
        self.link.session_mut().moderate(order)
    }

    fn cancel(&mut self, transfer: Option<TransferHandle>) -> Result<(), CommandError> {
        let latest = || self.session().transfers().map(|status| status.transfer).max();
        let transfer = transfer.or_else(latest).ok_or(CommandError::NoSuchTransfer)?;
        self.link.session_mut().cancel(transfer)
    }
}

/// True while what a command asks for may be one of our `uploads` that the shelf does not show.
fn may_mean_an_upload(found: Result<Found, ItemError>, uploads: usize, session: &Session) -> bool {
    let item = match found {
        Ok(found) => session.room().item(found.item),
        Err(error) if error.is_absence() => None,
        Err(_) => return false,
    };
    let Some(item) = item else { return true };
    let sent = |status: &TransferStatus| status.direction == Direction::Upload;
    let running: Vec<TransferStatus> = session.transfers().filter(sent).collect();
    // Of those that do not run, the name is not known yet or any more.
    running.len() < uploads || running.iter().any(|it| it.name.as_ref() == Some(&item.name))
}
