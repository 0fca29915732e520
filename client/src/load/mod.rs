//! The load test: hundreds of sessions on one poll, in phases: everyone joins, one client talks
//! fast, then slowly, then files move while the room talks; on request, attackers are there too.
//! Prints what it measures; anything lost is an error.

pub mod attackers;
mod content;
mod crowd;
pub mod options;
mod report;
mod server;

use std::io::{self, Write};
use std::time::{Duration, Instant};

use bytesize::ByteSize;

use attackers::{Attackers, Tally};
use content::file_name;
use crowd::Crowd;
use options::{Attack, IN_FLIGHT, Plan};
use report::{Spread, cpu_each, grouped, per_second};
use server::Server;

use crate::terminal_env::takes_escapes;

/// How often progress is shown and the server's memory is read.
const TICK: Duration = Duration::from_millis(100);
/// Transfers that run at once.
const TRANSFERS_MAX: usize = 32;
/// From one line to the next while files move.
const PACE: Duration = Duration::from_millis(10);

/// Runs the whole test and prints what it found.
///
/// # Errors
/// One line that says what was lost, or what could not be done.
pub fn run(plan: &Plan) -> Result<(), String> {
    raise_descriptor_limit();
    let server = Server::open(plan)?;
    let crowd = Crowd::new(plan.clients)?;
    let mut test =
        Test { plan, server, crowd, attackers: None, said: 0, progress: Progress::default() };
    test.run()
}

struct Test<'a> {
    plan: &'a Plan,
    server: Server,
    crowd: Crowd,
    /// `None` before everyone has joined.
    attackers: Option<Attackers>,
    /// Lines said so far.
    said: usize,
    progress: Progress,
}

impl Test<'_> {
    fn run(&mut self) -> Result<(), String> {
        let plan = self.plan;
        self.join_all()?;
        let memory = self.server.memory();
        self.let_attackers_loose()?;
        self.talk("busy", plan.messages, IN_FLIGHT)?;
        self.talk("quiet", plan.messages / 10, 1)?;
        if plan.uploads > 0 {
            self.share("uploads", plan.uploads, |crowd, number, plan| {
                let uploader = number % crowd.len();
                crowd.upload(uploader, &file_name(number), plan.file_bytes)
            })?;
        }
        if plan.downloads > 0 && plan.uploads > 0 {
            // They are in the order in which their clients heard of it, not in that of the shelf.
            self.crowd.tally.uploaded.sort_unstable();
            let on_shelf = plan.uploads.min(self.crowd.shelf_items_max());
            self.share("downloads", plan.downloads, move |crowd, number, _| {
                let newest = crowd.tally.uploaded.len() - 1 - number % on_shelf;
                let (item, member) = (crowd.tally.uploaded[newest], number % crowd.len());
                crowd.download(member, item)
            })?;
        }
        self.say_of_attackers(memory);
        self.crowd.check_order(self.said)?;
        let lines = grouped(self.said as u64);
        let downloads = self.crowd.tally.downloaded;
        self.say_result(&format!(
            "checked    every client got all {lines} lines in the same order; \
             {downloads} downloads are byte-identical",
        ));
        Ok(())
    }

    fn join_all(&mut self) -> Result<(), String> {
        let empty = self.server.memory();
        let (begun, cpu) = (Instant::now(), self.server.cpu());
        let clients = self.plan.clients;
        while self.crowd.connect_more(self.server.address, || self.server.carrier())?
            || self.crowd.tally.told < clients
        {
            self.crowd.turn(TICK)?;
            let tally = &self.crowd.tally;
            self.progress.show(|| format!("{} of {clients} joined", tally.joined));
        }
        let (time, cpu) = (begun.elapsed(), since(cpu, self.server.cpu()));
        self.rest()?;
        self.say_result(&format!(
            "joined     {} clients, each told of all the others, in {:.3} s: {} joins/s, {}",
            grouped(clients as u64),
            time.as_secs_f64(),
            per_second(clients, time),
            cpu_each(cpu, clients),
        ));
        let memory = match (empty, self.server.memory()) {
            (Some(empty), Some(full)) => format!(
                "{} bytes per idle member, {} in total",
                grouped(full.saturating_sub(empty) / clients as u64),
                ByteSize(full).display().iec(),
            ),
            _ => "unknown".into(),
        };
        self.say_result(&format!("memory     {memory}"));
        Ok(())
    }

    /// Waits until all attackers that stay are connected.
    fn let_attackers_loose(&mut self) -> Result<(), String> {
        if self.plan.attack.is_empty() {
            return Ok(());
        }
        let attackers = Attackers::start(self.server.address, self.plan.attack)?;
        let attackers = self.attackers.insert(attackers);
        while !attackers.have_come() {
            self.crowd.turn(TICK)?;
            self.progress.show(|| "attackers are connecting".into());
        }
        self.rest()
    }

    /// Reports what became of the attackers, and what they cost.
    fn say_of_attackers(&mut self, memory_before: Option<u64>) {
        let Some(attackers) = &self.attackers else { return };
        let Tally { made, ended, .. } = attackers.tally();
        let Attack { slow, deaf, garbage } = self.plan.attack;
        let grown = growth(memory_before, self.server.memory());
        self.say_result(&format!(
            "attackers  {} slow, {} deaf, {} of garbage: {} connections, {} of them ended by the \
             server; {grown}",
            grouped(slow as u64),
            grouped(deaf as u64),
            grouped(garbage as u64),
            grouped(made as u64),
            grouped(ended as u64),
        ));
    }

    /// One client says `messages` lines, `in_flight` of them at once: the client that is served
    /// last opens the window.
    fn talk(&mut self, name: &str, messages: usize, in_flight: usize) -> Result<(), String> {
        if messages == 0 {
            return Ok(());
        }
        let clients = self.crowd.len();
        let before = (self.crowd.tally.deliveries, self.crowd.tally.received_by_last);
        self.crowd.tally.latencies_us.clear();
        let (begun, cpu) = (Instant::now(), self.server.cpu());
        let mut said = 0;
        while self.crowd.tally.deliveries - before.0 < messages * clients {
            while said < messages
                && said - (self.crowd.tally.received_by_last - before.1) < in_flight
            {
                self.crowd.say(0, self.plan.message_bytes)?;
                said += 1;
            }
            self.crowd.turn(TICK)?;
            let done = (self.crowd.tally.deliveries - before.0) / clients;
            self.progress.show(|| format!("{name}: {done} of {messages} lines"));
        }
        self.said += messages;
        let (time, cpu) = (begun.elapsed(), since(cpu, self.server.cpu()));
        let deliveries = messages * clients;
        let spread = Spread::of(std::mem::take(&mut self.crowd.tally.latencies_us));
        self.say_result(&format!(
            "{name:<10} {} lines of {} bytes, {in_flight} in flight: {} deliveries, {}/s, {}; {}",
            grouped(messages as u64),
            self.plan.message_bytes,
            grouped(deliveries as u64),
            per_second(deliveries, time),
            cpu_each(cpu, deliveries),
            spread.shown(),
        ));
        Ok(())
    }

    /// Starts `count` transfers; until they are over, everyone in turn says a line at a steady
    /// pace.
    fn share(
        &mut self,
        name: &str,
        count: usize,
        begin: impl Fn(&mut Crowd, usize, &Plan) -> Result<(), String>,
    ) -> Result<(), String> {
        self.rest()?;
        let (clients, memory_before) = (self.crowd.len(), self.server.memory());
        let bytes_before = self.crowd.tally.file_bytes;
        let ended_before = self.ended();
        let deliveries_before = self.crowd.tally.deliveries;
        self.crowd.tally.latencies_us.clear();
        let (begun, cpu) = (Instant::now(), self.server.cpu());
        let (mut started, mut said, mut peak) = (0, 0, memory_before);
        let mut line_due = begun;
        while self.ended() - ended_before < count
            || self.crowd.tally.deliveries - deliveries_before < said * clients
        {
            // The server would refuse many more at once.
            while started < count && started - (self.ended() - ended_before) < TRANSFERS_MAX {
                begin(&mut self.crowd, started, self.plan)?;
                started += 1;
            }
            if Instant::now() >= line_due && self.ended() - ended_before < count {
                self.crowd.say(said % clients, self.plan.message_bytes)?;
                said += 1;
                line_due += PACE;
            }
            self.crowd.turn(line_due.saturating_duration_since(Instant::now()).min(TICK))?;
            if self.progress.is_due() {
                peak = peak.max(self.server.memory());
            }
            let done = self.ended() - ended_before;
            self.progress.show(|| format!("{name}: {done} of {count} done"));
        }
        self.said += said;
        let (time, cpu) = (begun.elapsed(), since(cpu, self.server.cpu()));
        let bytes = self.crowd.tally.file_bytes - bytes_before;
        let rate = ByteSize((bytes as f64 / time.as_secs_f64()) as u64).display().iec();
        let spread = Spread::of(std::mem::take(&mut self.crowd.tally.latencies_us));
        let cpu_per_gib = match cpu {
            Some(cpu) if bytes > 0 => {
                let gib = bytes as f64 / (1u64 << 30) as f64;
                format!("{:.2} s of server CPU per GiB", cpu.as_secs_f64() / gib)
            }
            _ => "server CPU unknown".into(),
        };
        let grown = growth(memory_before, peak);
        self.say_result(&format!(
            "{name:<10} {count} of {} in {:.2} s: {rate}/s, {cpu_per_gib}, {grown}; \
             {said} lines meanwhile: {}",
            ByteSize(self.plan.file_bytes).display().iec(),
            time.as_secs_f64(),
            spread.shown(),
        ));
        Ok(())
    }

    /// The number of transfers that are over.
    fn ended(&self) -> usize {
        self.crowd.tally.uploaded.len() + self.crowd.tally.downloaded
    }

    /// Lets things settle, so that no phase pays for the one before.
    fn rest(&mut self) -> Result<(), String> {
        let until = Instant::now() + 3 * TICK;
        while Instant::now() < until {
            self.crowd.turn(TICK)?;
        }
        Ok(())
    }

    fn say_result(&mut self, line: &str) {
        self.progress.clear();
        let _ = writeln!(io::stdout(), "{line}");
    }
}

/// How much the server's memory has grown.
fn growth(before: Option<u64>, after: Option<u64>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => {
            format!("server memory +{}", ByteSize(after.saturating_sub(before)).display().iec())
        }
        _ => "server memory unknown".into(),
    }
}

fn since(before: Option<Duration>, after: Option<Duration>) -> Option<Duration> {
    after?.checked_sub(before?)
}

/// On a terminal one line that is overwritten, at most ten times a second; elsewhere a line every
/// two seconds.
struct Progress {
    due: Instant,
    /// It is one line of a terminal, which is drawn again and again.
    erases: bool,
    is_shown: bool,
}

impl Default for Progress {
    fn default() -> Self {
        let erases = takes_escapes(&io::stderr());
        Self { due: Instant::now(), erases, is_shown: false }
    }
}

impl Progress {
    fn is_due(&self) -> bool {
        Instant::now() >= self.due
    }

    fn show(&mut self, text: impl FnOnce() -> String) {
        if !self.is_due() {
            return;
        }
        if self.erases {
            let _ = write!(io::stderr(), "\r\x1b[K{}", text());
            self.is_shown = true;
            self.due = Instant::now() + TICK;
        } else {
            let _ = writeln!(io::stderr(), "{}", text());
            self.due = Instant::now() + 20 * TICK;
        }
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// Raises the limit of open files to the maximum: every client needs a descriptor.
#[cfg(unix)]
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(why) = setrlimit(Resource::Nofile, limit) {
        log::warn!("cannot raise the limit of open files: {why}");
    }
}

#[cfg(not(unix))]
fn raise_descriptor_limit() {}
