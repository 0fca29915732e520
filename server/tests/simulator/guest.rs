//! Guests: those who put files on the shelf over HTTP, as curl does, without being members, and
//! fetch what they have put there by its link. Some send less than they say, say what is not so, or
//! do not know the password. What comes of each is decided by the answers, which `http_call` reads.

use std::rc::Rc;

use chatshelf_common::id::ItemId;
use chatshelf_common::password::Password;
use chatshelf_common::text::Nick;
use chatshelf_server::passwords::Realm;
use data_encoding::BASE64;
use ring::digest::{SHA256, SHA512, digest};

use super::clock::Clock;
use super::http_call::{Answer, Call, Outcome};
use super::model::Model;
use super::net::{Attempt, Net};
use super::plan::Plan;
use super::rng::Rng;
use super::server::Server;
use super::trace::{Trace, told};
use super::verifier;

/// What anyone may be told: that they are banned, have stopped sending or asked for too much; that
/// the disk fails, that too much is going on, that the disk is full.
const ANYONE: [u16; 6] = [403, 408, 429, 500, 503, 507];

/// One guest.
pub(crate) struct Guest {
    name: String,
    clock: Clock,
    trace: Trace,
    rng: Rng,
    plan: Plan,
    /// Files that it still puts on the shelf before everything is made good.
    files: u64,
    made: u64,
    errand: Option<Errand>,
    attempt: Option<Attempt>,
    call: Option<Call>,
    acts_at_ms: u64,
    is_healed: bool,
    is_over: bool,
}

/// A file on its way to the shelf.
struct Errand {
    content: Rc<Vec<u8>>,
    fault: Fault,
    /// What it has become.
    item: Option<ItemId>,
}

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Nothing.
    None,
    /// The content breaks off.
    Cut,
    /// The content has another digest than it says.
    OtherDigest,
    /// It says that it is larger than is allowed.
    TooLarge,
    /// The password is wrong.
    WrongPassword,
}

impl Fault {
    /// What is told of it, and of nothing else.
    fn statuses(self) -> &'static [u16] {
        match self {
            // Newer items may have taken its place before it is answered.
            Self::None => &[201, 404, 410],
            Self::Cut => &[],
            Self::OtherDigest => &[400],
            Self::TooLarge => &[413],
            Self::WrongPassword => &[401],
        }
    }
}

impl Guest {
    pub(crate) fn new(number: u64, plan: &Plan, clock: &Clock, trace: &Trace) -> Self {
        let mut rng = Rng::new(plan.seed, 3_000 + number);
        let acts_at_ms = clock.now_ms() + rng.below(plan.heals_at_ms / 2 + 1);
        Self {
            name: format!("guest{number}"),
            clock: clock.clone(),
            trace: trace.clone(),
            files: rng.between(1, 12),
            rng,
            plan: plan.clone(),
            made: 0,
            errand: None,
            attempt: None,
            call: None,
            acts_at_ms,
            is_healed: false,
            is_over: false,
        }
    }

    /// When something happens here.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        let is_done = self.is_over || (self.files == 0 && !self.is_healed);
        match (&self.attempt, &self.call) {
            (Some(attempt), _) => Some(attempt.due_ms),
            (None, Some(call)) => Some(call.due_ms(self.clock.now_ms())),
            (None, None) => (!is_done).then_some(self.acts_at_ms),
        }
    }

    /// Has nothing left to do.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// From now on everything works: one more file comes to the shelf.
    pub(crate) fn heal(&mut self) {
        self.is_healed = true;
        if self.errand.as_ref().is_some_and(|errand| errand.fault != Fault::None) {
            (self.errand, self.call) = (None, None);
        }
        self.acts_at_ms = self.clock.now_ms() + self.rng.below(1_000);
    }

    /// Does what is due.
    pub(crate) fn step(&mut self, net: &mut Net, server: &mut Server, model: &mut Model) {
        let now_ms = self.clock.now_ms();
        if self.due_ms().is_none_or(|due| due > now_ms) {
            return;
        }
        if let Some(attempt) = self.attempt.take() {
            let Some(end) = net.connect_over_http(attempt, server) else { return self.lose() };
            self.call = Some(Call::over(end));
            return self.put();
        }
        let Some(call) = &mut self.call else {
            if self.errand.is_none() {
                self.choose(model);
            }
            self.attempt = Some(net.attempt());
            return;
        };
        match call.go_on(now_ms) {
            Outcome::Pending => {}
            Outcome::Lost => self.lose(),
            Outcome::Answered(answer) => self.take(&answer, model),
        }
    }

    /// Chooses the next file, and what is wrong with its request.
    fn choose(&mut self, model: &mut Model) {
        let fault = match self.rng.below(10) {
            _ if self.is_healed => Fault::None,
            0 => Fault::Cut,
            1 => Fault::OtherDigest,
            2 => Fault::TooLarge,
            3 if self.plan.settings.asks_password => Fault::WrongPassword,
            _ => Fault::None,
        };
        let size = match self.plan.is_narrow() {
            true => self.rng.below(2_000),
            false => {
                let most = self.rng.pick(&[2_000, 70_000, 70_000, 300_000, 1_500_000]);
                self.rng.below(most)
            }
        };
        // The guest's name and a number make every file another.
        let mut content = format!("{} {}", self.name, self.made).into_bytes();
        content.extend(self.rng.bytes((size as usize).saturating_sub(content.len())));
        let content = Rc::new(content);
        if fault == Fault::None {
            model.shelf_mut().offered(&content);
        }
        self.made += 1;
        self.files = self.files.saturating_sub(1);
        self.errand = Some(Errand { content, fault, item: None });
    }

    /// Asks to put its file on the shelf.
    fn put(&mut self) {
        let (Some(errand), Some(call)) = (&self.errand, &mut self.call) else { return };
        let (rng, fault, content) = (&mut self.rng, errand.fault, &errand.content);
        let size = match fault {
            Fault::TooLarge => self.plan.settings.file_bytes_max + 1 + rng.below(1 << 40),
            _ => content.len() as u64,
        };
        let mut head = format!(
            "PUT /shelf/file%20{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n",
            rng.below(4)
        );
        if self.plan.settings.asks_password {
            let password = match fault {
                Fault::WrongPassword => verifier::wrong(rng),
                _ => verifier::password(Realm::Room),
            };
            head.push_str(&authorization(&password));
        }
        if fault == Fault::OtherDigest || rng.one_in(2) {
            let (name, algorithm) = rng.pick(&[("sha-256", &SHA256), ("sha-512", &SHA512)]);
            let told = if fault == Fault::OtherDigest { b"another" } else { &content[..] };
            let value = BASE64.encode(digest(algorithm, told).as_ref());
            head.push_str(&format!("Repr-Digest: {name}=:{value}:\r\n"));
        }
        let waits = rng.one_in(2);
        if waits {
            head.push_str("Expect: 100-continue\r\n");
        }
        head.push_str("\r\n");
        let sent = match fault {
            Fault::TooLarge => &[],
            Fault::Cut => &content[..rng.up_to(content.len() - 1)],
            _ => &content[..],
        };
        told!(self.trace, self.name, "puts {size} bytes on the shelf, {fault:?}");
        call.ask(head.into_bytes(), sent, waits, self.clock.now_ms());
        call.ends_when_sent = fault == Fault::Cut;
    }

    /// The connection has come to nothing.
    fn lose(&mut self) {
        self.call = None;
        let is_cut = self.errand.as_ref().is_some_and(|errand| errand.fault == Fault::Cut);
        if is_cut || self.errand.as_ref().is_some_and(|errand| errand.item.is_some()) {
            return self.finish();
        }
        self.put_off(0);
    }

    /// The errand is over.
    fn finish(&mut self) {
        (self.errand, self.call) = (None, None);
        self.is_over = self.is_healed;
        self.acts_at_ms = self.clock.now_ms() + self.rng.below(10_000);
    }

    /// Tries the same file again later, or lets it be.
    fn put_off(&mut self, wait_ms: u64) {
        self.call = None;
        if !self.is_healed && self.rng.one_in(2) {
            self.errand = None;
        }
        let most_ms = if self.is_healed { 1_000 } else { 10_000 };
        self.acts_at_ms = self.clock.now_ms() + wait_ms + self.rng.below(most_ms);
    }

    /// Takes an answer.
    fn take(&mut self, answer: &Answer, model: &Model) {
        let Some(errand) = &mut self.errand else { return };
        let status = answer.status;
        told!(self.trace, self.name, "is answered {status}");
        if let Some(id) = errand.item {
            let has_token = self.plan.settings.asks_password;
            match status {
                200 => assert!(answer.content == **errand.content, "{}: another file", self.name),
                // A token ends with its item.
                401 if has_token => assert!(model.shelf().was_gone(id), "{}: {id}", self.name),
                404 | 410 => assert!(model.shelf().was_gone(id), "{}: {id}", self.name),
                _ => assert!(ANYONE.contains(&status), "{}: {answer:?}", self.name),
            }
            return self.finish();
        }
        let is_own = errand.fault.statuses().contains(&status);
        assert!(
            is_own || ANYONE.contains(&status),
            "{}, {:?}: {answer:?}",
            self.name,
            errand.fault
        );
        if status != 201 {
            return match is_own {
                true => self.finish(),
                false => self.put_off(answer.retry_ms()),
            };
        }
        let (id, path) = answer.item();
        let item = model.shelf().item(id).unwrap_or_else(|| panic!("{id} was never stored"));
        assert_eq!(item.digest, blake3::hash(&errand.content).into(), "{item:?}");
        assert_eq!(item.nick, Nick::guest(), "{item:?}");
        assert_eq!(path.contains("?t="), self.plan.settings.asks_password, "{path}");
        errand.item = Some(id);
        let goes_on = answer.keeps_alive() && self.rng.one_in(2);
        match &mut self.call {
            Some(call) if goes_on => {
                let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
                call.ask(head.into_bytes(), &[], false, self.clock.now_ms());
            }
            _ => self.finish(),
        }
    }
}

/// The header that shows a password.
fn authorization(password: &Password) -> String {
    let shown = [b"guest:", password.as_bytes()].concat();
    format!("Authorization: Basic {}\r\n", BASE64.encode(&shown))
}
