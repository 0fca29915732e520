//! All wires of the world, and how new ones are made.

use super::clock::Clock;
use super::end::End;
use super::layered::Habits;
use super::network::{Shared, Side, Speech, Wire};
use super::plan::{Plan, Weather};
use super::rng::Rng;
use super::sabotage::Sabotage;
use super::server::Server;
use super::trace::{Trace, told};

/// Of so many connections one goes through a layer; all do where layers lie.
const LAYERED_ONE_IN: u64 = 3;
/// Of so many of the others one speaks TLS.
const TLS_ONE_IN: u64 = 2;
/// Of so many, over TLS or not, one speaks WebSocket.
const WEB_ONE_IN: u64 = 3;
/// How long a connection is waited for.
const CONNECT_TIMEOUT_MS: u64 = 10_000;

/// The network of the world.
pub(crate) struct Net {
    clock: Clock,
    trace: Trace,
    rng: Rng,
    weather: Weather,
    /// Short reads and writes mean that there is no more, for all wires.
    is_short: bool,
    sabotage: Option<Sabotage>,
    /// Which connections go through a layer, and through which.
    layers: Rng,
    /// Which others speak WebSocket.
    webs: Rng,
    /// Which others speak TLS.
    encryption: Rng,
    wires: Vec<Shared>,
    made: u64,
    is_healed: bool,
}

/// A connection that is being made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) due_ms: u64,
    /// Nobody answers.
    is_lost: bool,
}

impl Net {
    pub(crate) fn new(
        plan: &Plan,
        clock: &Clock,
        trace: &Trace,
        sabotage: Option<Sabotage>,
    ) -> Self {
        Self {
            clock: clock.clone(),
            trace: trace.clone(),
            rng: Rng::new(plan.seed, 4),
            weather: plan.weather,
            is_short: plan.is_short,
            sabotage,
            layers: Rng::new(plan.seed, 6),
            encryption: Rng::new(plan.seed, 7),
            webs: Rng::new(plan.seed, 8),
            wires: Vec::new(),
            made: 0,
            is_healed: false,
        }
    }

    /// Begins to connect.
    pub(crate) fn attempt(&mut self) -> Attempt {
        let now_ms = self.clock.now_ms();
        let is_lost = !self.is_healed && self.weather.cuts_percent > 0 && self.rng.one_in(20);
        let wait_ms =
            if is_lost { CONNECT_TIMEOUT_MS } else { self.rng.below(self.weather.latency_ms + 1) };
        Attempt { due_ms: now_ms + wait_ms, is_lost }
    }

    /// What comes of an attempt: the client's end of a connection, or none.
    pub(crate) fn connect(&mut self, attempt: Attempt, server: &mut Server) -> Option<End> {
        self.make(attempt, server, Speech::Frames)
    }

    /// The same for who speaks HTTP.
    pub(crate) fn connect_over_http(
        &mut self,
        attempt: Attempt,
        server: &mut Server,
    ) -> Option<End> {
        self.make(attempt, server, Speech::Http)
    }

    fn make(&mut self, attempt: Attempt, server: &mut Server, mut speech: Speech) -> Option<End> {
        if attempt.is_lost || !server.is_up() {
            return None;
        }
        self.made += 1;
        let rng = Rng::new(self.rng.next(), 5);
        let wire = Wire::new(self.made, rng, self.trace.clone(), self.weather, self.is_short);
        if self.made % 3 == 1 && !self.is_healed {
            wire.borrow_mut().sabotage = self.sabotage.and_then(Sabotage::of_wires);
        }
        let lie = self.sabotage.and_then(Sabotage::of_layers);
        let is_layered = self.layers.one_in(LAYERED_ONE_IN) || lie.is_some();
        let habits = is_layered.then(|| Habits { lie, ..Habits::of(self.layers.next()) });
        // What is wrong on purpose is to be noticed by the model, not by TLS.
        let is_tls =
            habits.is_none() && self.sabotage.is_none() && self.encryption.one_in(TLS_ONE_IN);
        let may_be_web = habits.is_none() && self.sabotage.is_none() && speech == Speech::Frames;
        if may_be_web && self.webs.one_in(WEB_ONE_IN) {
            speech = Speech::WebSocket;
        }
        {
            let mut wire = wire.borrow_mut();
            (wire.habits, wire.is_tls, wire.speech) = (habits, is_tls, speech);
        }
        let layer = if is_tls { "TLS" } else { "no TLS" };
        told!(self.trace, "net", "wire {} is made, {layer}, {speech:?}, {habits:?}", self.made);
        server.connect(wire.clone());
        self.wires.push(wire.clone());
        Some(End::new(&wire, Side::Client, self.clock.clone()))
    }

    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.wires.iter().filter_map(|wire| wire.borrow().due_ms()).min()
    }

    pub(crate) fn step(&mut self) {
        self.wires.retain(|wire| !wire.borrow().is_over());
        for wire in &self.wires {
            let mut wire = wire.borrow_mut();
            if wire.due_ms().is_some_and(|due| due <= self.clock.now_ms()) {
                wire.step(self.clock.now_ms());
            }
        }
    }

    /// Does something to one wire, or to all.
    pub(crate) fn each(&mut self, all: bool, mut act: impl FnMut(&mut Wire, u64)) {
        let now_ms = self.clock.now_ms();
        let count = self.wires.len();
        let only = self.rng.below(count as u64) as usize;
        for (place, wire) in self.wires.iter().enumerate() {
            if all || place == only {
                act(&mut wire.borrow_mut(), now_ms);
            }
        }
    }

    /// The network is good from now on; wires that are silent stay so.
    pub(crate) fn heal(&mut self) {
        self.is_healed = true;
        self.weather.heal();
        self.each(true, Wire::heal);
    }
}
