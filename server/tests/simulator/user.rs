//! A user: what someone does with the real client's session, whose process they start, kill and
//! start again, and what they check of all they are shown.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use chatshelf_client::session::{Config, Privacy, Reconnect, Session, TransferHandle};
use chatshelf_common::id::{ItemId, UploadKey};
use chatshelf_common::password::Password;
use chatshelf_common::text::FileName;
use chatshelf_common::wire::frame::Item;
use chatshelf_server::passwords::Realm;
use chatshelf_testkit::samples::nick;

use super::clock::Clock;
use super::files::{FileThread, Local};
use super::link::Link;
use super::model::{Model, View};
use super::net::{Attempt, Net};
use super::plan::Plan;
use super::rights::Rights;
use super::rng::Rng;
use super::server::Server;
use super::trace::{Trace, told};
use super::verifier;

/// One user.
pub(crate) struct User {
    pub(super) name: String,
    pub(super) clock: Clock,
    pub(super) trace: Trace,
    pub(super) rng: Rng,
    pub(super) plan: Plan,
    pub(super) process: Option<Process>,
    starts_at_ms: Option<u64>,
    /// When something is done next, and how often still.
    pub(super) deed_at_ms: u64,
    pub(super) deeds: u64,
    pub(super) lines: u64,
    pub(super) tasks: Vec<Task>,
    /// Parts of downloads that another process left.
    pub(super) parts: BTreeMap<ItemId, (Item, Vec<u8>)>,
    pub(super) is_healed: bool,
    /// Nobody is banned any more, as far as this user has to see to that.
    pub(super) bans_are_lifted: bool,
    /// Does not come back.
    is_leaving: bool,
}

/// The client's process.
pub(crate) struct Process {
    pub(super) link: Link,
    pub(super) files: FileThread,
    attempt: Option<Attempt>,
    /// Until when nothing is read.
    pub(super) deaf_until_ms: u64,
    /// The lines that were said, in order.
    pub(super) said: Vec<String>,
    /// Lines that were shown, and how often.
    pub(super) shown: BTreeMap<String, u64>,
    pub(super) rights: Rights,
    /// Which of the user's files an upload is.
    pub(super) uploads: BTreeMap<TransferHandle, usize>,
}

/// A file that is to be put on the shelf.
pub(crate) struct Task {
    pub(super) content: Rc<Vec<u8>>,
    pub(super) name: FileName,
    pub(super) key: Rc<Cell<UploadKey>>,
    pub(super) has_key: bool,
    pub(super) state: TaskState,
    /// What it became, once it is on the shelf.
    pub(super) item: Option<ItemId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskState {
    Running,
    /// It is to be offered again.
    Interrupted,
    Over,
}

impl Process {
    pub(super) fn takes_commands(&self) -> bool {
        self.link.session.takes_commands()
    }
}

impl User {
    pub(crate) fn new(number: u64, plan: &Plan, clock: &Clock, trace: &Trace) -> Self {
        let mut rng = Rng::new(plan.seed, 1_000 + number);
        let starts_ms = rng.below(plan.heals_at_ms / 2 + 1);
        let starts_at_ms = clock.now_ms() + if number == 0 { 0 } else { starts_ms };
        let deeds = rng.between(1, plan.deeds);
        Self {
            name: format!("user{number}"),
            clock: clock.clone(),
            trace: trace.clone(),
            rng,
            plan: plan.clone(),
            process: None,
            starts_at_ms: Some(starts_at_ms),
            deed_at_ms: 0,
            deeds,
            lines: 0,
            tasks: Vec::new(),
            parts: BTreeMap::new(),
            is_healed: false,
            bans_are_lifted: false,
            is_leaving: false,
        }
    }

    /// When something happens here.
    pub(crate) fn due_ms(&mut self) -> Option<u64> {
        let now_ms = self.clock.now_ms();
        let Some(process) = &mut self.process else { return self.starts_at_ms };
        let is_deaf = process.deaf_until_ms > now_ms;
        let ready = (process.link.is_ready() && !is_deaf).then_some(now_ms);
        let wakes = is_deaf.then_some(process.deaf_until_ms);
        let deed = (self.deeds > 0 && !self.is_healed).then_some(self.deed_at_ms);
        let files = process.files.due_ms(now_ms, &mut self.rng);
        let attempt = process.attempt.map(|attempt| attempt.due_ms);
        let dues = [ready, wakes, deed, files, attempt, process.link.due_ms()];
        dues.into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn step(&mut self, net: &mut Net, server: &mut Server, model: &mut Model) {
        let now_ms = self.clock.now_ms();
        if self.process.is_none() && self.starts_at_ms.is_some_and(|at| at <= now_ms) {
            self.start();
        }
        let Some(process) = &mut self.process else { return };
        let now = self.clock.instant();
        if process.link.session.wants_connection(now) {
            process.link.session.handle_connecting();
            process.attempt = Some(net.attempt());
        }
        if let Some(attempt) = process.attempt.take_if(|attempt| attempt.due_ms <= now_ms) {
            match net.connect(attempt, server) {
                Some(end) => process.link.connected(end, model.starts),
                None => process.link.refused("nobody answers"),
            }
        }
        self.step_files(model);
        if self.deeds > 0 && !self.is_healed && self.deed_at_ms <= now_ms {
            self.act(model);
        }
        self.serve(model);
        let takes_commands = self.process.as_ref().is_some_and(Process::takes_commands);
        if self.is_healed && takes_commands && !self.is_leaving {
            self.go_on_with_files(model);
            if self.may_moderate() {
                self.lift_bans();
            }
        }
    }

    fn start(&mut self) {
        told!(self.trace, self.name, "starts a client");
        let config = Config {
            nick: nick(&self.name),
            history: self.rng.pick(&[None, Some(0), Some(3), Some(u32::MAX)]),
            seed: self.rng.next(),
            reconnect: Some(Reconnect { give_up_after: None }),
            quiet: self.rng.one_in(4),
            keepalive: chatshelf_client::session::KEEPALIVE,
        };
        let least = if self.is_healed || self.plan.is_flood { 4_096 } else { 0 };
        let scratch_bytes = self.rng.pick(&[10, 1_000, 262_144]).max(least);
        let mut session = Session::new(config, self.clock.instant());
        session.note_privacy(Privacy::Private);
        if self.plan.settings.asks_password {
            session.set_password(self.room_password());
        }
        self.process = Some(Process {
            link: Link::new(session, &self.clock, scratch_bytes),
            files: FileThread::default(),
            attempt: None,
            deaf_until_ms: 0,
            said: Vec::new(),
            shown: BTreeMap::new(),
            rights: Rights::default(),
            uploads: BTreeMap::new(),
        });
        self.starts_at_ms = None;
        self.deed_at_ms = self.clock.now_ms() + self.rng.below(2_000);
    }

    /// The room's password, or what this user takes for it.
    pub(super) fn room_password(&mut self) -> Password {
        let is_wrong = !self.is_healed && self.rng.one_in(4);
        if is_wrong { verifier::wrong(&mut self.rng) } else { verifier::password(Realm::Room) }
    }

    fn step_files(&mut self, model: &mut Model) {
        let Some(process) = &mut self.process else { return };
        let now_ms = self.clock.now_ms();
        let mut local = Vec::new();
        if let Some(reply) = process.files.step(now_ms, &mut self.rng, &mut local) {
            process.link.session.handle_file_reply(reply);
        }
        self.take(local, model);
    }

    /// Takes what the file thread leaves.
    fn take(&mut self, local: Vec<Local>, model: &Model) {
        for file in local {
            match file {
                Local::Kept(item, bytes) => {
                    told!(self.trace, self.name, "has item {}", item.id);
                    let content = model.shelf().file(item.digest).expect("somebody has sent it");
                    assert!(**content == bytes, "{}: item {} is another", self.name, item.id);
                }
                Local::Part(item, bytes) => drop(self.parts.insert(item.id, (item, bytes))),
            }
        }
    }

    fn serve(&mut self, model: &mut Model) {
        let now_ms = self.clock.now_ms();
        let Some(process) = &mut self.process else { return };
        process.link.serve(process.deaf_until_ms > now_ms);
        self.hear(model);
        let Some(process) = &mut self.process else { return };
        let session = &process.link.session;
        if session.is_joined() {
            let room = session.room();
            model.views(process.link.start, room.seq(), view(session));
        }
        if session.is_over() {
            return self.end(model);
        }
        while let Some(request) = process.link.session.poll_file_request() {
            process.files.ask(request);
        }
    }

    /// The session is over; another may come.
    fn end(&mut self, model: &mut Model) {
        // What the session still wanted of the file thread.
        while let Some(process) = &mut self.process {
            if let Some(request) = process.link.session.poll_file_request() {
                process.files.ask(request);
            } else if process.files.is_idle() {
                break;
            }
            let mut local = Vec::new();
            process.files.due_ms(0, &mut self.rng);
            process.files.step(u64::MAX, &mut self.rng, &mut local);
            self.take(local, model);
        }
        told!(self.trace, self.name, "is out of the room");
        self.process = None;
        if !self.is_leaving {
            let pause_ms = if self.is_healed { 1_000 } else { 10_000 };
            self.starts_at_ms = Some(self.clock.now_ms() + self.rng.below(pause_ms));
        }
    }

    /// The client's process is killed.
    pub(super) fn kill(&mut self, model: &Model) {
        let Some(process) = self.process.take() else { return };
        told!(self.trace, self.name, "kills the client");
        for &task in process.uploads.values() {
            let task = &mut self.tasks[task];
            if task.state == TaskState::Running {
                task.state = TaskState::Interrupted;
            }
        }
        let local = process.files.kill();
        drop(process.link);
        self.take(local, model);
        self.starts_at_ms = Some(self.clock.now_ms() + self.rng.below(20_000));
    }

    pub(crate) fn heal(&mut self) {
        self.is_healed = true;
        let now_ms = self.clock.now_ms();
        self.starts_at_ms = self.starts_at_ms.map(|at| at.min(now_ms + 1_000));
        if let Some(process) = &mut self.process {
            process.deaf_until_ms = 0;
        }
    }

    /// Leaves, for good.
    pub(crate) fn leave(&mut self) {
        self.is_leaving = true;
        if let Some(process) = &mut self.process {
            process.link.session.leave();
            process.link.close_if_done();
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.process.is_none()
    }

    /// In the room, with nothing that is waited for.
    pub(crate) fn is_settled(&self) -> bool {
        let Some(process) = &self.process else { return false };
        let session = &process.link.session;
        let is_wanted = |task: &Task| task.state != TaskState::Over;
        session.is_joined()
            && session.outstanding() == 0
            && session.transfers_outstanding() == 0
            && process.files.is_idle()
            && !self.tasks.iter().any(is_wanted)
            && (self.bans_are_lifted || !self.may_moderate())
    }

    /// What is still waited for, for whoever wants to know why it takes so long.
    pub(crate) fn state(&self) -> String {
        let Some(process) = &self.process else { return format!("{}: no process", self.name) };
        let session = &process.link.session;
        format!(
            "{}: joined: {}, connected: {}, commands: {}, transfers: {:?} and {}, files idle: {}, seq {}, start {}",
            self.name,
            session.is_joined(),
            process.link.is_connected(),
            session.outstanding(),
            session.transfers().collect::<Vec<_>>(),
            session.transfers_outstanding(),
            process.files.is_idle(),
            session.room().seq(),
            process.link.start,
        )
    }

    /// The room as this user sees it.
    pub(crate) fn view(&self) -> Option<View> {
        self.process.as_ref().map(|process| view(&process.link.session))
    }

    /// True when this user has seen all that there is to see.
    pub(crate) fn is_up_to_date(&self, model: &Model) -> bool {
        self.process.as_ref().is_some_and(|Process { link, .. }| {
            link.start == model.starts && link.session.room().seq() == model.newest()
        })
    }

    /// Every line that was taken is in the log, once and in order.
    pub(crate) fn check_lines(&self, model: &Model) {
        let Some(process) = &self.process else { return };
        let mut last = None;
        for line in &process.said {
            let place = model.place_of(line);
            if model.is_forgotten(line) {
                let is_there = place.is_some() || process.shown.contains_key(line);
                assert!(is_there, "{line} was lost before it was echoed");
                continue;
            }
            assert!(place.is_some(), "{}: {line} never came", self.name);
            assert!(last < place, "{}: {line} is out of order", self.name);
            last = place;
        }
    }

    /// No file whose upload can be resumed was put on the shelf twice.
    pub(crate) fn check_copies(&self, model: &Model) {
        for (number, task) in self.tasks.iter().enumerate().filter(|(_, task)| task.has_key) {
            assert!(
                !model.shelf().was_doubled(&task.content),
                "{}: file {number} came twice",
                self.name
            );
        }
    }
}

fn view(session: &Session) -> View {
    let room = session.room();
    let mut members: Vec<String> = room.members().map(|nick| nick.as_str().to_owned()).collect();
    members.sort();
    let topic = room.topic().map(|topic| topic.topic.as_str().to_owned());
    View { members, items: room.shelf().to_vec(), topic }
}
