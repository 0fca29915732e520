//! The way into the loop: poll and waker first, for a view's input needs them. Once a name is
//! known, the session is made and the first connection begun.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chatshelf_common::join_link::JoinLink;
use chatshelf_common::password::Password;
use chatshelf_common::text::Nick;
use mio::{Events, Poll, Token, Waker};

use super::exit::{EXIT_FAILED, EXIT_USAGE, Failure};
use super::filter::{Filter, Joins};
use super::manner::Manner;
use super::reactor::{LINK, Reactor};
use super::signals::Signals;
use super::state::App;
use super::transfers::Transfers;
use super::view::View;
use crate::files::Files;
use crate::link::{Carrier, Link, Route};
use crate::options::Options;
use crate::plain_error::plain_error;
use crate::session::{Config, Session};
use crate::trust::known_hosts::KnownHosts;
use crate::trust::{Authority, FirstContact, Trust};

const WAKE: Token = Token(0);

/// What the loop waits on.
pub(crate) struct Ground {
    poll: Poll,
    waker: Arc<Waker>,
    signals: Option<Signals>,
}

/// What to join, and how.
pub(crate) struct Plan {
    /// The server, and the fingerprint of its key if that is known beforehand.
    link: JoinLink,
    /// A key that is not known is trusted.
    accept_new: bool,
    /// The file of authorities whose word is taken, instead of the system's.
    ca: Option<PathBuf>,
    /// Nothing is encrypted.
    no_tls: bool,
    /// The nick to ask for.
    nick: Nick,
    /// Lines of history; absent leaves it to the server.
    history: Option<u32>,
    /// Where downloads go.
    download_dir: PathBuf,
    /// Downloads get the mode and time that their items had where they came from.
    preserve: bool,
    /// Whose words are not shown.
    ignore: Vec<Nick>,
    /// Which joins and leaves are shown.
    joins: Joins,
    /// Silence after which the server is asked for a sign of life.
    keepalive: Duration,
    /// How commands are carried out.
    manner: Manner,
    /// The room's password, if it was given.
    password: Option<Password>,
    /// That of its operators.
    op_password: Option<Password>,
}

impl Plan {
    /// What the command line says, under this nick.
    pub(crate) fn new(options: Options, nick: Nick, manner: Manner) -> Self {
        let Options { server, fingerprint, accept_new, ca, no_tls, .. } = options;
        let Options { history, download_dir, preserve, joins, ignore, keepalive, .. } = options;
        let Options { password, operator_password, .. } = options;
        let link = JoinLink { address: server, fingerprint };
        let joins = if manner.is_single() { Joins::All } else { Joins::shown(joins) };
        Self {
            link,
            accept_new,
            ca,
            no_tls,
            nick,
            history,
            download_dir,
            preserve,
            ignore,
            joins,
            keepalive,
            manner,
            password,
            op_password: operator_password,
        }
    }

    /// What carries the session. Nobody is there to answer a script's question.
    fn carrier(&self) -> Result<Carrier, Failure> {
        if self.no_tls {
            return Ok(Carrier::Plain);
        }
        let authority = match &self.ca {
            Some(file) => Authority::from_file(file).map_err(|why| {
                Failure::new(format!("--ca '{}': {why}", file.display()), EXIT_USAGE)
            })?,
            None => Authority::System,
        };
        let first_contact = match (self.accept_new, self.manner.is_script()) {
            (true, _) => FirstContact::Accept,
            (false, true) => FirstContact::Refuse,
            (false, false) => FirstContact::Ask,
        };
        let known_hosts = KnownHosts::of_user();
        let trust = Trust::new(&self.link, first_contact, authority, known_hosts);
        Ok(Carrier::Tls(Box::new(trust)))
    }
}

impl Ground {
    /// # Errors
    /// When the system gives no poll.
    pub(crate) fn new() -> Result<Self, Failure> {
        let poll = Poll::new().map_err(no_start)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE).map_err(no_start)?);
        Ok(Self { poll, waker, signals: None })
    }

    /// Ends the loop's wait: for whatever feeds a view from another thread.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Watches for signals from now on; else [`Ground::run`] does.
    ///
    /// # Errors
    /// When the system does not let us.
    pub(crate) fn watch_signals<V: View>(&mut self) -> Result<(), Failure> {
        self.signals = Some(Signals::watch::<V>(self.waker())?);
        Ok(())
    }

    /// Waits until the waker is used; false when a signal has asked for an end.
    pub(crate) fn wait(&mut self, view: &mut impl View) -> bool {
        let mut events = Events::with_capacity(1);
        match self.poll.poll(&mut events, None) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return false,
            _ => {}
        }
        let Some(signals) = &self.signals else { return true };
        signals.stop_if_asked(view);
        !signals.wants_end()
    }

    /// Joins the room and stays until the end; the exit code.
    ///
    /// # Errors
    /// Why it did not come about, or ended badly.
    pub(crate) fn run<V: View>(mut self, view: V, plan: Plan) -> Result<u8, Failure> {
        let (server, carrier) = (plan.link.address.to_string(), plan.carrier()?);
        let files = Files::start(self.waker(), server.clone(), plan.preserve).map_err(no_start)?;
        let signals = match self.signals.take() {
            Some(signals) => signals,
            None => Signals::watch::<V>(self.waker())?,
        };
        let now = Instant::now();
        let config = Config {
            nick: plan.nick,
            history: plan.history,
            seed: seed()?,
            reconnect: plan.manner.reconnect,
            quiet: plan.manner.is_single(),
            keepalive: plan.keepalive,
        };
        let mut session = Session::new(config, now);
        plan.password.into_iter().for_each(|password| session.set_password(password));
        let route = Route::to(&plan.link.address, self.waker());
        let link = Link::connect(route, carrier, session, self.poll.registry(), LINK, now)
            .map_err(|error| Failure::no_link(&server, &error))?;
        let filter = Filter::new(plan.ignore, plan.joins);
        let transfers = Transfers::new(files, plan.download_dir);
        let app = App::new(link, server, plan.manner, filter, transfers, plan.op_password);
        Reactor::new(self.poll, app, view, signals).run()
    }
}

/// The system does not give what a run needs.
pub(crate) fn no_start(error: io::Error) -> Failure {
    Failure::new(plain_error(&error), EXIT_FAILED)
}

/// A number that no other client has.
fn seed() -> Result<u64, Failure> {
    getrandom::u64().map_err(|error| Failure::new(format!("no randomness: {error}"), EXIT_FAILED))
}
