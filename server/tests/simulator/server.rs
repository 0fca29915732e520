//! The server: the real engine over the simulated network and disk, killed, cut from its power,
//! stopped and started again.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use chatshelf_common::wire::frame::Item;
use chatshelf_server::disk::Found;
use chatshelf_server::disk::readahead::WINDOWS_MAX;
use chatshelf_server::engine::{Engine, MemoryUse, Readiness, Secret, Stats, Turns};
use chatshelf_server::net::tls::{TlsContext, TlsTransport};
use chatshelf_server::net::web::WebTransport;
use chatshelf_server::net::web::site::{Caller, Site};
use chatshelf_server::net::websocket::WebSocketTransport;
use chatshelf_server::token::Token;
use chatshelf_server::web_mode::WebMode;

use super::budget;
use super::clock::Clock;
use super::disk::Disk;
use super::end::End;
use super::layered::{Layered, TestTransport};
use super::model::{Ending, Model};
use super::network::{Shared, Side, Speech};
use super::plan::Plan;
use super::replay::{Beginning, Ended};
use super::rng::Rng;
use super::sabotage::Sabotage;
use super::threads::{DATA, Threads};
use super::tls::{BaseEnd, server_config};
use super::trace::{Trace, told};
use super::verifier::Verifier;
use super::watched::Watched;
use super::web::{MemberEnd, ServerEnd};

/// Connections accepted in one turn.
const ACCEPTS_MAX: usize = 256;
/// Addresses that connections come from.
const HOSTS: u64 = 7;
/// Turns in which nothing came in, at one moment, after which an engine that wants another is
/// taken to spin.
const IDLE_TURNS_MAX: usize = 500;

/// The machine that the server runs on.
pub(crate) struct Server {
    clock: Clock,
    trace: Trace,
    rng: Rng,
    plan: Plan,
    sabotage: Option<Sabotage>,
    pub(crate) disk: Disk,
    process: Option<Process>,
    /// The last process, if it has ended in good order.
    ended: Option<Ended>,
    /// Connections that the system has taken and the server has not.
    backlog: VecDeque<Shared>,
    starts_at_ms: Option<u64>,
    /// How the last process ended, at worst, since one has been running.
    ending: Ending,
    /// How many disk operations had failed by then.
    failures: u64,
    /// What happens at the disk's crash point.
    pub(crate) dies_with_power: bool,
    is_healed: bool,
}

struct Process {
    engine: Engine<ServerEnd>,
    tls: Rc<TlsContext>,
    site: Rc<Site>,
    threads: Threads,
    verifier: Verifier,
    beginning: Beginning,
    wires: Vec<(Token, Shared)>,
    turns: Turns,
    /// When the reactor is woken by what has become ready.
    wakes_at_ms: Option<u64>,
    idle_turns: usize,
    idle_ms: u64,
    moved_bytes: u64,
}

impl Server {
    pub(crate) fn new(
        plan: &Plan,
        clock: &Clock,
        trace: &Trace,
        sabotage: Option<Sabotage>,
    ) -> Self {
        let lies = sabotage == Some(Sabotage::LyingSync);
        let rng = Rng::new(plan.seed, 3);
        Self {
            clock: clock.clone(),
            trace: trace.clone(),
            rng: Rng::new(plan.seed, 2),
            plan: plan.clone(),
            sabotage,
            disk: Disk::new(rng, trace.clone(), plan.is_windows, lies),
            process: None,
            ended: None,
            backlog: VecDeque::new(),
            starts_at_ms: Some(clock.now_ms()),
            ending: Ending::Stopped,
            failures: 0,
            dies_with_power: false,
            is_healed: false,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// True when there is no work that anyone waits for.
    pub(crate) fn is_idle(&self) -> bool {
        self.process.as_ref().is_some_and(|process| !process.threads.is_busy())
    }

    pub(crate) fn stats(&self) -> Option<Stats> {
        self.process.as_ref().map(|process| process.engine.stats())
    }

    /// The system takes a connection.
    pub(crate) fn connect(&mut self, wire: Shared) {
        self.backlog.push_back(wire);
    }

    /// From now on nothing goes wrong any more.
    pub(crate) fn heal(&mut self) {
        self.is_healed = true;
        self.set_pace(self.plan.disk_ms.min(5), self.plan.journal_ms.min(5));
        let now_ms = self.clock.now_ms();
        self.starts_at_ms = self.starts_at_ms.map(|at| at.min(now_ms + 1_000));
    }

    /// The longest that the disk takes for a piece of work, and for one of the journal.
    pub(crate) fn set_pace(&mut self, disk_ms: u64, journal_ms: u64) {
        if let Some(process) = &mut self.process {
            process.threads.disk_ms = disk_ms;
            process.threads.journal_ms = journal_ms;
        }
    }

    pub(crate) fn ask_to_stop(&mut self) {
        if let Some(process) = &mut self.process {
            told!(self.trace, "server", "is asked to stop");
            process.turns.ask_to_stop();
            process.wakes_at_ms = Some(self.clock.now_ms());
        }
    }

    pub(crate) fn kill(&mut self) {
        told!(self.trace, "server", "is killed");
        self.end(Ending::Killed);
    }

    pub(crate) fn cut_power(&mut self) {
        told!(self.trace, "server", "loses its power");
        if let Some(process) = &self.process {
            process.wires.iter().for_each(|(_, wire)| wire.borrow_mut().silence());
        }
        self.backlog.iter().for_each(|wire| wire.borrow_mut().silence());
        self.end(Ending::PowerCut);
        self.disk.cut_power();
    }

    fn end(&mut self, ending: Ending) {
        if self.process.take().is_some() {
            self.failures = self.disk.failures();
        }
        for wire in std::mem::take(&mut self.backlog) {
            drop(End::new(&wire, Side::Server, self.clock.clone()));
        }
        self.ending = self.ending.max(ending);
        let pause_ms = self.rng.pick(&[0, 100, 3_000, 20_000]);
        let at_ms = self.clock.now_ms() + self.rng.below(pause_ms + 1);
        self.starts_at_ms = Some(self.starts_at_ms.map_or(at_ms, |at| at.max(at_ms)));
    }

    /// When something happens here.
    pub(crate) fn due_ms(&mut self) -> Option<u64> {
        let now = self.clock.now();
        let Some(process) = &mut self.process else { return self.starts_at_ms };
        let opens_at_ms = process.engine.opens_at_ms().filter(|at| *at > now.mono_ms());
        let has_news = (!self.backlog.is_empty() && opens_at_ms.is_none())
            || !process.threads.replies.is_empty()
            || process.ready().next().is_some()
            || process.tls.has_waiting();
        if has_news && process.wakes_at_ms.is_none() {
            let pause_ms = self.rng.pick(&[0, 0, 0, 1, 5]);
            process.wakes_at_ms = Some(now.mono_ms() + pause_ms);
        }
        let timeout = process.engine.poll_timeout(now).map(|ms| now.mono_ms() + ms);
        let accept = opens_at_ms.filter(|_| !self.backlog.is_empty());
        let dues = [
            process.wakes_at_ms,
            timeout,
            process.turns.stop_by_ms(),
            process.threads.due_ms(),
            process.verifier.due_ms(),
            accept,
        ];
        dues.into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn step(&mut self, model: &mut Model) {
        let now = self.clock.now();
        if self.process.is_none() {
            if self.starts_at_ms.is_some_and(|at| at <= now.mono_ms()) {
                self.start(model);
                self.die_if_frozen();
            }
            return;
        }
        let Some(process) = &mut self.process else { return };
        process.threads.step(model);
        if self.die_if_frozen() {
            return;
        }
        let Some(process) = &mut self.process else { return };
        let is_woken = process.wakes_at_ms.is_some_and(|at| at <= now.mono_ms());
        let is_due = process.engine.poll_timeout(now) == Some(0)
            || process.verifier.due_ms().is_some_and(|at| at <= now.mono_ms())
            || (process.engine.opens_at_ms().is_some_and(|at| at <= now.mono_ms()))
            || process.turns.stop_by_ms().is_some_and(|by| by <= now.mono_ms());
        if is_woken || is_due {
            process.wakes_at_ms = None;
            if self.turn(model) {
                self.stop(model);
            }
        }
    }

    /// Dies if the disk has come to the operation for that.
    fn die_if_frozen(&mut self) -> bool {
        let is_frozen = self.disk.take_frozen();
        match (is_frozen, self.dies_with_power) {
            (true, true) => self.cut_power(),
            (true, false) => self.kill(),
            (false, _) => {}
        }
        is_frozen
    }

    fn start(&mut self, model: &mut Model) {
        let now = self.clock.now();
        let rng = Rng::new(self.plan.seed, 100 + model.starts);
        let opened =
            Threads::open(&self.plan, &self.clock, &self.trace, &self.disk, rng, self.sabotage);
        let (threads, found) = match opened {
            _ if self.disk.is_frozen() => return,
            Ok(opened) => opened,
            Err(why) => {
                told!(self.trace, "server", "can't start: {why}");
                assert!(!self.is_healed, "the server can't start: {why}");
                self.starts_at_ms = Some(now.mono_ms() + 2_000);
                return;
            }
        };
        self.starts_at_ms = None;
        told!(self.trace, "server", "starts with {} items", found.past.items.len());
        // A segment that can't be read is set aside.
        let is_damaged = self.disk.failures() > self.failures;
        let safety = self.disk.safety(&Path::new(DATA).join("log"));
        let ending = std::mem::replace(&mut self.ending, Ending::Stopped);
        self.check_found(&found, model);
        let ended = self.ended.take().filter(|_| ending == Ending::Stopped && !is_damaged);
        if let Some(ended) = ended {
            ended.check(&found.past.events, self.sabotage);
        }
        model.restarted(&found, ending, safety, is_damaged);
        let verifier_rng = Rng::new(self.plan.seed, 10_000 + model.starts);
        let mut secret = [0; 32];
        secret.copy_from_slice(&self.rng.bytes(32));
        let (past, keep) = (found.past.clone(), self.plan.settings.keep);
        let is_topic_locked = found.bans.is_topic_locked;
        let mut engine = Engine::new(self.plan.settings.clone(), Secret::new(secret), found, now);
        engine.allow_windows(WINDOWS_MAX);
        engine.limit_connections(self.plan.connections_max);
        self.process = Some(Process {
            engine,
            tls: TlsContext::new(server_config()),
            site: Rc::new(Site::new(WebMode::Https, None, "server".to_owned(), None)),
            threads,
            verifier: Verifier::new(&self.clock, verifier_rng, HOSTS, self.sabotage),
            beginning: Beginning { past, keep, is_topic_locked, at: now.at },
            wires: Vec::new(),
            turns: Turns::default(),
            wakes_at_ms: Some(now.mono_ms()),
            idle_turns: 0,
            idle_ms: 0,
            moved_bytes: 0,
        });
        if self.is_healed {
            self.heal();
        }
    }

    fn check_found(&self, found: &Found, model: &mut Model) {
        model.shelf_mut().found(&found.past.items, &found.past.events);
        found.past.items.iter().for_each(|item| self.check_content(item, model));
    }

    /// An item's content on disk is what was uploaded.
    pub(crate) fn check_content(&self, item: &Item, model: &Model) {
        let path = Path::new(DATA).join("shelf").join(item.id.to_string()).join("content");
        let content = self.disk.content(&path);
        let file = model.shelf().file(item.digest);
        assert!(content.as_ref() == file.map(AsRef::as_ref), "item {} is damaged", item.id);
    }

    /// One turn of the reactor; true when the server's run is over.
    fn turn(&mut self, model: &mut Model) -> bool {
        let now = self.clock.now();
        let Some(process) = &mut self.process else { return false };
        budget::begin_turn();
        let connections = process.engine.connections();
        let mut happened = process.ready().count() as u64;
        let mut ready = process.take_ready(&mut self.rng);
        for token in process.tls.begin_turn() {
            ready.push((token, Readiness { readable: true, ..Readiness::default() }));
            happened += 1;
        }
        let Process { engine, threads, verifier, turns, .. } = process;
        let mut storage = Watched { threads, verifier, model, replies: 0 };
        turns.turn(engine, now, ready, &mut storage);
        happened += storage.replies;
        if turns.are_over(engine, now) {
            return true;
        }
        let accepted = process.accept(&mut self.backlog, &self.clock, &self.trace);
        happened += accepted as u64;
        budget::end_turn(connections + accepted, happened);
        process.check(happened > 0, now.mono_ms());
        false
    }

    /// The server's run is over in good order: its threads finish.
    fn stop(&mut self, model: &mut Model) {
        if let Some(Process { engine, threads, beginning, .. }) = self.process.take() {
            self.ended = Some(Ended { beginning, room: engine.into_room() });
            threads.finish(model);
            self.failures = self.disk.failures();
        }
        if self.die_if_frozen() {
            return;
        }
        assert_eq!(self.disk.open_files(), Vec::<PathBuf>::new(), "files are left open");
        told!(self.trace, "server", "has ended");
        self.end(Ending::Stopped);
    }
}

impl Process {
    /// Connections that something has happened to.
    fn ready(&self) -> impl Iterator<Item = &Shared> {
        self.wires.iter().map(|(_, wire)| wire).filter(|wire| {
            let mut wire = wire.borrow_mut();
            wire.is_ready(Side::Server) && !wire.is_closed(Side::Server)
        })
    }

    /// What is ready, in any order, and now and then something that is not.
    fn take_ready(&mut self, rng: &mut Rng) -> Vec<(Token, Readiness)> {
        self.wires.retain(|(_, wire)| !wire.borrow_mut().is_closed(Side::Server));
        if rng.one_in(8) {
            rng.shuffle(&mut self.wires);
        }
        let mut all = Vec::new();
        for (token, wire) in &self.wires {
            let ready = wire.borrow_mut().take_ready(Side::Server);
            if ready != Readiness::default() {
                all.push((*token, ready));
            } else if rng.one_in(50) {
                all.push((*token, Readiness { readable: true, ..ready }));
            }
        }
        all
    }

    fn accept(&mut self, backlog: &mut VecDeque<Shared>, clock: &Clock, trace: &Trace) -> usize {
        let mut count = 0;
        while count < ACCEPTS_MAX
            && self.engine.opens_at_ms().is_none()
            && let Some(wire) = backlog.pop_front()
        {
            count += 1;
            let token = self.engine.make_way();
            // Some share an address.
            let host = 1 + (wire.borrow().number % HOSTS) as u8;
            let peer = SocketAddr::from(([192, 0, 2, host], 4_000));
            told!(trace, "server", "accepts wire {} as {token:?}", wire.borrow().number);
            let end = End::new(&wire, Side::Server, clock.clone());
            let habits = wire.borrow().habits;
            let (is_tls, speech) = (wire.borrow().is_tls, wire.borrow().speech);
            let base = match habits {
                Some(habits) => BaseEnd::This(TestTransport::That(Layered::over(end, habits))),
                None if is_tls => {
                    let tls = TlsTransport::new(end, &self.tls, token, &[]).unwrap();
                    BaseEnd::That(tls)
                }
                None => BaseEnd::This(TestTransport::This(end)),
            };
            let transport = match speech {
                Speech::WebSocket => {
                    let websocket = WebSocketTransport::new(base, &[], &[]);
                    ServerEnd::This(MemberEnd::That(websocket))
                }
                Speech::Http => {
                    // As far as HTTP can tell, all are on this machine, so that it serves them.
                    let peer = SocketAddr::from(([127, 0, 0, 1], 4_000));
                    let caller = Caller { peer, is_encrypted: is_tls, may_be_plain: true };
                    ServerEnd::That(WebTransport::new(base, &self.site, caller, &[]))
                }
                Speech::Frames => ServerEnd::This(MemberEnd::This(base)),
            };
            self.engine.adopt(transport, peer);
            self.wires.push((token, wire));
        }
        count
    }

    /// What holds after every turn.
    fn check(&mut self, has_news: bool, now_ms: u64) {
        self.engine.assert_sound();
        let stats = self.engine.stats();
        // A layer hands out what it has read ahead by portions, each in a turn of its own.
        let moved_bytes = stats.counters.bytes_in + stats.counters.bytes_out;
        let is_idle = !has_news && self.idle_ms == now_ms && self.moved_bytes == moved_bytes;
        self.idle_turns = if is_idle { self.idle_turns + 1 } else { 0 };
        (self.idle_ms, self.moved_bytes) = (now_ms, moved_bytes);
        assert!(self.idle_turns < IDLE_TURNS_MAX, "the engine spins");
        let usage = stats.memory;
        let bytes_max = MemoryUse::bytes_max(usage.connections);
        assert!(usage.bytes() <= bytes_max, "{} of {bytes_max} bytes: {usage:?}", usage.bytes());
        assert!(stats.slowest_bytes <= usage.log_bytes as u64, "a cursor outside the log: {stats}");
    }
}
