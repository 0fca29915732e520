//! The reactor: the only loop that uses mio. It carries readiness, time and disk replies to the
//! engine, and the engine's requests to the sockets and the disk. It decides nothing.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chatshelf_common::id::UnixMillis;
use mio::event::Event;
use mio::{Events, Poll, Waker};

use super::carrier::{Carrier, Carriers};
use super::listener::{self, Incoming, Listener, Listeners};
use super::metrics::{self, Health, MetricsServer, Source};
use super::signals::{Intent, Signals};
use crate::disk::{Disk, DiskSettings, Found};
use crate::engine::{Engine, Now, Readiness, Secret, Settings, Stats, Threads, Turns};
use crate::token::Token;

const WAKER: mio::Token = mio::Token(usize::MAX - 1);
const SIGNALS: mio::Token = mio::Token(usize::MAX - 2);
/// From this value up, the poll's tokens do not name connections; the listeners come first.
const FIRST_OWN: usize = FIRST_METRICS - LISTENERS_MAX;
/// From this value up, they belong to the listener for metrics.
const FIRST_METRICS: usize = usize::MAX - 2 - metrics::TOKENS;
/// The most listeners there can be.
const LISTENERS_MAX: usize = 8;

/// Events read from one poll.
const EVENTS_MAX: usize = 1024;
/// Connections accepted in one turn.
const ACCEPTS_MAX: usize = 256;

/// How the disk threads wake the running loop.
#[derive(Clone, Debug)]
pub struct Handle {
    waker: Arc<Waker>,
}

impl Handle {
    /// Wakes the loop to read its queues.
    pub fn wake(&self) {
        // It fails only if the loop has ended, and then nobody needs waking.
        let _ = self.waker.wake();
    }
}

/// The poll and what it waits for.
#[derive(Debug)]
pub struct Reactor {
    poll: Poll,
    listeners: Listeners,
    metrics: Option<MetricsServer>,
    handle: Handle,
    /// The signals, once the loop listens for them.
    signals: Option<Signals>,
    started: Instant,
    /// Connections that may be open at once, as far as descriptors allow.
    connections_max: usize,
    /// Files that downloads may be sent from at once, as far as descriptors allow.
    windows_max: usize,
}

impl Reactor {
    /// Registers up to `LISTENERS_MAX` listeners, and the one for metrics; `descriptors` is the
    /// number the system allows.
    ///
    /// # Errors
    /// If the system cannot create a poll.
    pub fn new(
        listeners: Vec<Listener>,
        mut metrics: Option<MetricsServer>,
        descriptors: usize,
    ) -> io::Result<Self> {
        debug_assert!(listeners.len() <= LISTENERS_MAX);
        let poll = Poll::new()?;
        let token = |place| mio::Token(FIRST_OWN + place);
        let listeners = Listeners::register(listeners, poll.registry(), token)?;
        let mut for_metrics = 0;
        if let Some(metrics) = &mut metrics {
            metrics.register(poll.registry(), FIRST_METRICS)?;
            for_metrics = metrics::TOKENS;
        }
        let for_room = descriptors.saturating_sub(for_metrics);
        let handle = Handle { waker: Arc::new(Waker::new(poll.registry(), WAKER)?) };
        Ok(Self {
            poll,
            listeners,
            metrics,
            handle,
            signals: None,
            started: Instant::now(),
            connections_max: listener::connections_max(for_room),
            windows_max: listener::windows_max(descriptors),
        })
    }

    /// Returns a handle for other threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Makes SIGINT or SIGTERM (on Windows, the console's events) shut down the server gracefully,
    /// and a second one end the program at once. `hangup` is what SIGHUP asks for. SIGUSR1 writes
    /// the statistics to the log (Unix).
    ///
    /// # Errors
    /// If the system does not allow it.
    pub fn hear_signals(&mut self, hangup: Intent) -> io::Result<()> {
        let registry = self.poll.registry();
        self.signals = Some(Signals::hear(registry, SIGNALS, &self.handle.waker, hangup)?);
        Ok(())
    }

    /// Serves until a signal asks it to stop ([`Self::hear_signals`]), then tells all members and
    /// returns. `carriers` carries the connections. When a signal asks to reload, `reload` says
    /// which settings hold from then on.
    ///
    /// # Errors
    /// If the poll fails, or if the journal fails and the durability level does not let the room
    /// continue without it.
    pub fn run(
        mut self,
        settings: Settings,
        secret: Secret,
        mut threads: Threads,
        found: Found,
        carriers: &Rc<Carriers>,
        mut reload: impl FnMut() -> Option<(Settings, DiskSettings)>,
    ) -> io::Result<()> {
        let mut engine = Engine::<Carrier>::new(settings, secret, found, self.now());
        engine.limit_connections(self.connections_max);
        engine.allow_windows(self.windows_max);
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut turns = Turns::default();
        loop {
            self.wait(&mut events, &engine, carriers, turns.stop_by_ms())?;
            let now = self.now();
            let has_signals = events.iter().filter(|event| self.note(event)).count() > 0;
            if has_signals {
                for intent in self.signals.iter_mut().flat_map(Signals::take) {
                    match intent {
                        Intent::Stop => {
                            log::info!("stopping on request");
                            turns.ask_to_stop();
                        }
                        // Whoever asks must get an answer at the default level, too.
                        Intent::Report => {
                            log::warn!("so far: {}", stats(&engine, &threads.disk, carriers));
                        }
                        Intent::Reload => {
                            if let Some((settings, of_disk)) = reload() {
                                threads.disk.reconfigure(of_disk);
                                turns.reconfigure(settings);
                            }
                        }
                    }
                }
            }
            let before = engine.connections();
            let begun = Instant::now();
            carriers.site().begin_turn(now.at);
            let handshakes = carriers.tls().begin_turn().into_iter().map(resumed);
            let ready = handshakes.chain(events.iter().filter_map(readiness));
            turns.turn(&mut engine, now, ready, &mut threads);
            engine.note_turn(begun.elapsed().as_micros() as u64);
            if turns.are_over(&engine, now) {
                log::info!("stopped; served: {}", stats(&engine, &threads.disk, carriers));
                return if engine.has_journal_failed() {
                    Err(io::Error::other(
                        "the log cannot be written to disk, and --durability always requires that",
                    ))
                } else {
                    Ok(())
                };
            }
            if engine.connections() < before {
                self.listeners.resume();
            }
            self.accept(&mut engine, carriers, now);
            if let Some(metrics) = &mut self.metrics {
                let is_stopping = turns.stop_by_ms().is_some();
                let watched =
                    Watched { engine: &engine, disk: &threads.disk, carriers, is_stopping };
                metrics.serve(self.poll.registry(), now, &watched);
            }
        }
    }

    /// Returns the time by both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        let mono_us = self.started.elapsed().as_micros() as u64;
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono_us, at: UnixMillis(wall.as_millis() as u64) }
    }

    /// Polls until something is ready or due.
    fn wait(
        &mut self,
        events: &mut Events,
        engine: &Engine<Carrier>,
        carriers: &Carriers,
        stop_by_ms: Option<u64>,
    ) -> io::Result<()> {
        let now = self.now();
        let until = |at_ms: Option<u64>| at_ms.map(|at_ms| at_ms.saturating_sub(now.mono_ms()));
        let accept = self.listeners.due_ms().map(|at_ms| engine.opens_at_ms().max(Some(at_ms)));
        let metrics = self.metrics.as_ref().and_then(MetricsServer::due_ms);
        let handshakes = carriers.tls().has_waiting().then_some(0);
        let others = [accept.flatten(), stop_by_ms, metrics, handshakes].map(until);
        let due = others.into_iter().chain([engine.poll_timeout(now)]);
        let timeout = due.flatten().min().map(Duration::from_millis);
        match self.poll.poll(events, timeout) {
            // The turn that follows finds nothing new, and the next wait computes its timeout
            // again.
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            polled => {
                polled.map_err(|why| io::Error::new(why.kind(), format!("cannot poll: {why}")))
            }
        }
    }

    /// Notes an event that belongs to no connection. Returns true if signals may have arrived.
    fn note(&mut self, event: &Event) -> bool {
        match event.token() {
            SIGNALS => return true,
            // Where signals are not an event source, they wake the loop. Where they are, asking
            // would cost a system call for each reply of the disk.
            WAKER => return cfg!(not(unix)),
            mio::Token(word @ FIRST_METRICS..) => {
                if let Some(metrics) = &mut self.metrics {
                    metrics.note_ready(word - FIRST_METRICS);
                }
            }
            mio::Token(word @ FIRST_OWN..) => self.listeners.note_ready(word - FIRST_OWN),
            mio::Token(_) => {}
        }
        false
    }

    /// Accepts the waiting connections; last in the turn, so that no token is used twice in one
    /// turn.
    fn accept(&mut self, engine: &mut Engine<Carrier>, carriers: &Rc<Carriers>, now: Now) {
        for _ in 0..ACCEPTS_MAX {
            if engine.opens_at_ms().is_some() {
                return;
            }
            let incoming = self.listeners.poll_accept(now.mono_ms());
            let Some(Incoming { stream, peer }) = incoming else { return };
            let token = engine.make_way();
            match carriers.carry(stream, peer, self.poll.registry(), token) {
                Ok(carrier) => engine.adopt(carrier, peer),
                Err(why) => log::warn!("cannot poll the connection of {peer}: {why}"),
            }
        }
    }
}

/// The server, as seen by those who monitor it.
struct Watched<'a> {
    engine: &'a Engine<Carrier>,
    disk: &'a Disk,
    carriers: &'a Carriers,
    is_stopping: bool,
}

impl Source for Watched<'_> {
    fn health(&self) -> Health {
        match self.is_stopping {
            true => Health::Stopping,
            false if self.disk.stats().is_journal_failing => Health::DiskFailed,
            false => Health::Good,
        }
    }

    fn stats(&self) -> Stats {
        stats(self.engine, self.disk, self.carriers)
    }
}

/// Returns what the server has done and what it holds.
fn stats(engine: &Engine<Carrier>, disk: &Disk, carriers: &Carriers) -> Stats {
    Stats { disk: disk.stats(), handshakes: carriers.tls().counters(), ..engine.stats() }
}

/// Returns the readiness of a connection whose handshake has waited for this turn.
fn resumed(token: Token) -> (Token, Readiness) {
    (token, Readiness { readable: true, ..Readiness::default() })
}

/// Returns the connection an event is about and its readiness, if it is about one.
fn readiness(event: &Event) -> Option<(Token, Readiness)> {
    let mio::Token(word) = event.token();
    let ready = Readiness {
        readable: event.is_readable(),
        writable: event.is_writable(),
        read_closed: event.is_read_closed(),
    };
    (word < FIRST_OWN).then(|| (Token::from_mio(word), ready))
}
