//! What the loop works on, composed of parts that know nothing of each other: the link with its
//! session, transfers, the nick, what is shown of the room, the way out. Owns the order in which
//! they are asked. `commands` and `files` carry out what is asked for, `session_events` takes in
//! what the session tells, `leaving` ends it.

mod commands;
mod files;
mod leaving;
mod passwords;
mod session_events;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chatshelf_common::password::Password;
use chatshelf_common::text::Nick;
use mio::Registry;
use mio::event::Event;

use super::backfill::Backfill;
use super::exit::{EXIT_DONE, Failure, fail};
use super::filter::Filter;
use super::manner::Manner;
use super::news::{News, NewsQueue};
use super::nick_choice::NickChoice;
use super::patience::Patience;
use super::rate::Rate;
use super::reconnect::Reconnection;
use super::shutdown::Shutdown;
use super::transcript::Transcript;
use super::transfers::Transfers;
use crate::command::Command;
use crate::link::{Encryption, Link};
use crate::session::{Session, Stage, TransferStatus};
use crate::trust::Notice;
use passwords::Wanted;

/// How often progress is looked at.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// The program around the session, for as long as it runs.
pub(crate) struct App {
    link: Link,
    /// `HOST:PORT`.
    server: String,
    manner: Manner,
    news: NewsQueue,
    nick: NickChoice,
    filter: Filter,
    backfill: Backfill,
    /// What was said, to be searched.
    transcript: Transcript,
    reconnection: Reconnection,
    transfers: Transfers,
    /// A command that waits for those ahead of it.
    held: Option<Command>,
    shutdown: Shutdown,
    patience: Patience,
    /// The operators' password, if it was given at the start.
    op_password: Option<Password>,
    /// The password that somebody is asked for.
    password_wanted: Option<Wanted>,
}

impl App {
    pub(super) fn new(
        link: Link,
        server: String,
        manner: Manner,
        filter: Filter,
        transfers: Transfers,
        op_password: Option<Password>,
    ) -> Self {
        let nick = NickChoice::new(link.session().nick().clone(), manner.any_nick);
        let patient = manner.reconnect.and_then(|reconnect| reconnect.give_up_after);
        Self {
            link,
            server,
            manner,
            news: NewsQueue::default(),
            nick,
            filter,
            backfill: Backfill::default(),
            transcript: Transcript::default(),
            reconnection: Reconnection::default(),
            transfers,
            held: None,
            shutdown: Shutdown::default(),
            patience: Patience::new(patient.unwrap_or_default()),
            op_password,
            password_wanted: None,
        }
    }

    // What a view sees and asks for.

    /// The session, to look at.
    pub(crate) fn session(&self) -> &Session {
        self.link.session()
    }

    /// `HOST:PORT` of the server.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Measures the round-trip time again.
    pub(crate) fn probe(&mut self, now: Instant) {
        self.link.session_mut().probe(now);
    }

    /// Running and queued transfers, those under way with their rate. What a queued one waits for
    /// is the connection while there is none, and only then.
    pub(crate) fn transfers(&self) -> impl Iterator<Item = (TransferStatus, Option<&Rate>)> {
        let is_joined = self.session().is_joined();
        self.session().transfers().map(move |status| {
            let stage = match status.stage {
                Stage::Queued | Stage::Held { .. } if !is_joined => Stage::Waiting,
                Stage::Waiting if is_joined => Stage::Queued,
                stage => stage,
            };
            let rate = self.transfers.rate(status.transfer);
            (TransferStatus { stage, ..status }, rate)
        })
    }

    /// Where downloads have gone since this was last asked.
    pub(crate) fn take_landed(&mut self) -> VecDeque<PathBuf> {
        self.transfers.take_landed()
    }

    /// True while another nick is awaited: [`App::rejoin`].
    pub(crate) fn wants_nick(&self) -> bool {
        self.nick.is_choosing() && !self.is_leaving()
    }

    /// Asks for another nick, after [`News::NickRefused`]; otherwise does nothing.
    pub(crate) fn rejoin(&mut self, nick: Nick) {
        if self.nick.choose() {
            self.link.session_mut().rejoin(nick);
        }
    }

    /// True while somebody is to say whether the server's key is the right one:
    /// [`App::accept_key`], [`App::refuse_key`].
    pub(crate) fn wants_key(&self) -> bool {
        self.link.question().is_some() && !self.is_leaving()
    }

    /// It is, after [`News::KeyUnknown`]: connects again.
    pub(crate) fn accept_key(&mut self, now: Instant) {
        self.link.accept_key(now);
    }

    /// How what is sent is protected, while there is a connection.
    pub(crate) fn encryption(&self) -> Option<Encryption> {
        self.link.encryption()
    }

    /// Tells that what a view was told did not work: a line that is no command, say.
    pub(crate) fn fail(&mut self, text: impl Into<String>, now: Instant) {
        self.collect(now);
        self.news.failure(text);
    }

    /// Tells that the server would refuse what a view was told.
    pub(crate) fn refuse(&mut self, text: impl Into<String>, now: Instant) {
        self.collect(now);
        self.news.refusal(text);
    }

    // The steps of a turn.

    /// The next thing to be shown.
    pub(super) fn poll_news(&mut self, now: Instant) -> Option<News> {
        self.collect(now);
        self.news.pop()
    }

    /// Notes what the poll says of the link's token.
    pub(super) fn handle_ready(&mut self, event: &Event) {
        self.link.handle_ready(event);
    }

    /// Takes in what the file thread has done.
    pub(super) fn take_file_replies(&mut self, now: Instant) {
        while let Some(reply) = self.transfers.poll_reply() {
            self.transfers.handle_reply(reply, self.link.session_mut(), &mut self.news);
            self.collect(now);
        }
    }

    /// Hands the session's requests to the file thread.
    pub(super) fn pass_file_requests(&mut self) {
        self.transfers.pass_requests(self.link.session_mut());
    }

    /// Takes in what has arrived, and reads no more of it than `scratch` holds at a time.
    pub(super) fn receive(&mut self, registry: &Registry, scratch: &mut [u8], now: Instant) {
        let was_asking = self.link.question().is_some();
        let received = self.link.receive(registry, scratch, now);
        self.news_of_key(was_asking);
        // The server may have said why it ends the connection.
        self.collect(now);
        self.check_link(received);
    }

    /// Tells what has become of the server's key.
    fn news_of_key(&mut self, was_asking: bool) {
        if let Some(key) = self.link.question()
            && !was_asking
        {
            self.news.push(News::KeyUnknown(key));
        }
        match self.link.take_notice() {
            // Nobody reads a script's notices.
            Some(Notice::Warning(text)) if self.manner.is_script() => {
                let _ = fail(&text, EXIT_DONE);
            }
            Some(Notice::Note(text) | Notice::Warning(text)) => self.news.notice(text),
            None => {}
        }
    }

    /// Sends what there is to send.
    pub(super) fn transmit(&mut self, registry: &Registry, scratch: &mut [u8], now: Instant) {
        let sent = self.link.transmit(registry, scratch, now);
        self.collect(now);
        self.check_link(sent);
    }

    /// True when there is work that no event will announce.
    pub(super) fn wants_turn(&self) -> bool {
        self.link.wants_turn()
    }

    /// When there is something to do at the latest, though nothing happens.
    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let progress = self.transfers.is_moving().then(|| now + PROGRESS_EVERY);
        let (link, leaving) = (self.link.poll_timeout(), self.shutdown.deadline());
        [link, progress, leaving, self.patience.deadline()].into_iter().flatten().min()
    }

    /// Looks at the clock: how far transfers are, and whether somebody has waited long enough.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.transfers.note_rates(self.link.session(), now);
        self.shutdown.handle_timeout(now);
        self.lose_patience(now);
        self.check();
    }

    /// How the run ended.
    pub(super) fn into_end(self) -> Result<u8, Failure> {
        self.shutdown.into_end()
    }

    /// What holds at the end of each turn.
    fn check(&self) {
        let session = self.session();
        debug_assert!(
            !(self.nick.is_choosing() && session.takes_commands()),
            "whoever is in the room has a nick"
        );
        debug_assert!(self.shutdown.is_over() || !session.is_over(), "a run ends with its session");
        debug_assert!(
            self.held.is_none() || self.nick.is_held(),
            "nothing is carried out before we are in the room"
        );
    }
}
