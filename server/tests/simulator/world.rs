//! The world of one run: everybody in it, the order in which things happen, and the end, when all
//! is made good and everything must come right.

use super::clock::Clock;
use super::disk::Faults;
use super::guest::Guest;
use super::hostile::Hostile;
use super::model::Model;
use super::net::Net;
use super::network::Wire;
use super::plan::{Plan, Trouble};
use super::sabotage::Sabotage;
use super::server::Server;
use super::trace::{Trace, told};
use super::user::User;

/// Things that happen in one run, at most.
const STEPS_MAX: u64 = 400_000;

/// All there is.
pub(crate) struct World {
    pub(super) plan: Plan,
    pub(super) clock: Clock,
    pub(super) trace: Trace,
    pub(super) net: Net,
    pub(super) server: Server,
    pub(super) model: Model,
    pub(super) users: Vec<User>,
    pub(super) guests: Vec<Guest>,
    hostiles: Vec<Hostile>,
    begins_ms: u64,
    next_trouble: usize,
    /// When troubles that last for a while are over.
    faults_end_ms: Option<u64>,
    full_ends_ms: Option<u64>,
    slow_ends_ms: Option<u64>,
    steps: u64,
}

impl World {
    pub(crate) fn new(
        plan: Plan,
        clock: &Clock,
        trace: &Trace,
        sabotage: Option<Sabotage>,
    ) -> Self {
        told!(trace, "plan", "{plan:?}");
        Self {
            net: Net::new(&plan, clock, trace, sabotage),
            server: Server::new(&plan, clock, trace, sabotage),
            model: Model::new(&plan, clock, trace),
            users: (0..plan.users).map(|it| User::new(it, &plan, clock, trace)).collect(),
            guests: (0..plan.guests).map(|it| Guest::new(it, &plan, clock, trace)).collect(),
            hostiles: (0..plan.hostiles).map(|it| Hostile::new(it, &plan, clock, trace)).collect(),
            begins_ms: clock.now_ms(),
            clock: clock.clone(),
            trace: trace.clone(),
            plan,
            next_trouble: 0,
            faults_end_ms: None,
            full_ends_ms: None,
            slow_ends_ms: None,
            steps: 0,
        }
    }

    /// The time of troubles, until everything is made good.
    pub(crate) fn go_through_troubles(&mut self) {
        let heals_at_ms = self.begins_ms + self.plan.heals_at_ms;
        while self.step(heals_at_ms) {
            if self.next_trouble_ms().is_some_and(|at| at <= self.clock.now_ms()) {
                self.bring_trouble();
            }
            self.end_troubles(false);
        }
    }

    fn next_trouble_ms(&self) -> Option<u64> {
        self.plan.troubles.get(self.next_trouble).map(|(at_ms, _)| self.begins_ms + at_ms)
    }

    /// Everything is made good.
    pub(crate) fn heal(&mut self) {
        told!(self.trace, "world", "is made good");
        self.end_troubles(true);
        self.net.heal();
        self.server.heal();
        self.users.iter_mut().for_each(User::heal);
        self.guests.iter_mut().for_each(Guest::heal);
        self.hostiles.iter_mut().for_each(Hostile::heal);
    }

    /// Does what happens next, if it happens before `end_ms`; else the clock stands there.
    pub(crate) fn step(&mut self, end_ms: u64) -> bool {
        self.steps += 1;
        assert!(self.steps < STEPS_MAX, "it comes to no end");
        let users = self.users.iter_mut().filter_map(User::due_ms).min();
        let hostiles = self.hostiles.iter().filter_map(Hostile::due_ms).min();
        let troubles =
            [self.next_trouble_ms(), self.faults_end_ms, self.full_ends_ms, self.slow_ends_ms];
        let guests = self.guests.iter().filter_map(Guest::due_ms).min();
        let others = [self.net.due_ms(), self.server.due_ms(), users, guests, hostiles];
        let due_ms = troubles.into_iter().chain(others).flatten().min();
        let Some(due_ms) = due_ms.filter(|due| *due < end_ms) else {
            self.clock.advance_to(end_ms);
            return false;
        };
        self.clock.advance_to(due_ms);
        self.net.step();
        self.server.step(&mut self.model);
        for user in &mut self.users {
            if user.due_ms().is_some_and(|due| due <= self.clock.now_ms()) {
                user.step(&mut self.net, &mut self.server, &mut self.model);
            }
        }
        for guest in &mut self.guests {
            guest.step(&mut self.net, &mut self.server, &mut self.model);
        }
        for hostile in &mut self.hostiles {
            hostile.step(&mut self.net, &mut self.server);
        }
        true
    }

    fn bring_trouble(&mut self) {
        let Some(&(_, trouble)) = self.plan.troubles.get(self.next_trouble) else { return };
        self.next_trouble += 1;
        told!(self.trace, "trouble", "{trouble:?}");
        let now_ms = self.clock.now_ms();
        match trouble {
            Trouble::Kill => self.server.kill(),
            Trouble::PowerCut => self.server.cut_power(),
            Trouble::Crash { after, with_power } => {
                self.server.disk.set_faults(Faults { crash: after, ..Faults::default() });
                self.server.dies_with_power = with_power;
            }
            Trouble::Stop => self.server.ask_to_stop(),
            Trouble::DiskFaults { per_mille, for_ms } => {
                self.server.disk.set_faults(Faults { per_mille, ..Faults::default() });
                self.faults_end_ms = Some(now_ms + for_ms);
            }
            Trouble::DiskFault { after } => {
                self.server.disk.set_faults(Faults { next: after, ..Faults::default() });
            }
            Trouble::DiskFull { free, for_ms } => {
                self.server.disk.set_free(Some(free));
                self.full_ends_ms = Some(now_ms + for_ms);
            }
            Trouble::SlowDisk { ms, for_ms } => {
                self.server.set_pace(ms, ms);
                self.slow_ends_ms = Some(now_ms + for_ms);
            }
            Trouble::Reset { all } => self.net.each(all, Wire::reset),
            Trouble::Silence { all } => self.net.each(all, |wire, _| wire.silence()),
            Trouble::Stall { for_ms } => {
                self.net.each(true, |wire, now_ms| wire.stall_until(now_ms + for_ms));
            }
            Trouble::Sleep { ms } => self.clock.advance_to(now_ms + ms),
            Trouble::SetWall { by_ms } => self.clock.set_wall(by_ms),
        }
    }

    /// Troubles that last for a while come to their end.
    fn end_troubles(&mut self, all: bool) {
        let now_ms = self.clock.now_ms();
        let is_due = |at: &mut u64| all || *at <= now_ms;
        if self.faults_end_ms.take_if(is_due).is_some() || all {
            self.server.disk.set_faults(Faults::default());
        }
        if self.full_ends_ms.take_if(is_due).is_some() {
            self.server.disk.set_free(None);
        }
        if self.slow_ends_ms.take_if(is_due).is_some() {
            self.server.set_pace(self.plan.disk_ms, self.plan.journal_ms);
        }
        if all {
            self.next_trouble = self.plan.troubles.len();
        }
    }
}
