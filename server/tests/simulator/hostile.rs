//! Hostile peers: what comes from them breaks every rule, and nobody may suffer for it.

use std::io::{Read, Write};

use chatshelf_common::id::{ItemId, MessageId, Seq, TransferId, UploadKey};
use chatshelf_common::limits::{VERSION_MAX, VERSION_MIN};
use chatshelf_common::text::{Nick, Topic};
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::{
    Action, BansRequest, CAPABILITY_PASSWORD, DownloadRequest, Drop, Hello, Join, Moderate, Op,
    Ping, Rename, Say, SetTopic, StatsRequest, Tell, UploadOffer,
};
use chatshelf_server::passwords::Realm;
use chatshelf_testkit::raw;
use chatshelf_testkit::samples::{file_name, message, nick};

use super::clock::Clock;
use super::moderation_model::STRANGER;
use super::net::{Attempt, Net};
use super::network::Speech;
use super::plan::Plan;
use super::rng::Rng;
use super::server::Server;
use super::tls;
use super::trace::{Trace, told};
use super::verifier;
use super::web::ClientEnd;

/// One hostile peer, which comes again and again.
pub(crate) struct Hostile {
    name: String,
    clock: Clock,
    trace: Trace,
    rng: Rng,
    attempt: Option<Attempt>,
    socket: Option<ClientEnd>,
    /// What is still to be sent, and how much of it at once.
    script: Vec<u8>,
    step_bytes: usize,
    step_ms: u64,
    reads: bool,
    act_at_ms: u64,
    ends_at_ms: u64,
    is_over: bool,
}

impl Hostile {
    pub(crate) fn new(number: u64, plan: &Plan, clock: &Clock, trace: &Trace) -> Self {
        let mut rng = Rng::new(plan.seed, 2_000 + number);
        let act_at_ms = clock.now_ms() + rng.below(plan.heals_at_ms);
        Self {
            name: format!("hostile{number}"),
            clock: clock.clone(),
            trace: trace.clone(),
            rng,
            attempt: None,
            socket: None,
            script: Vec::new(),
            step_bytes: 0,
            step_ms: 0,
            reads: false,
            act_at_ms,
            ends_at_ms: 0,
            is_over: false,
        }
    }

    pub(crate) fn due_ms(&self) -> Option<u64> {
        (!self.is_over).then(|| self.attempt.map_or(self.act_at_ms, |attempt| attempt.due_ms))
    }

    pub(crate) fn heal(&mut self) {
        (self.is_over, self.socket) = (true, None);
    }

    pub(crate) fn step(&mut self, net: &mut Net, server: &mut Server) {
        let now_ms = self.clock.now_ms();
        if self.due_ms().is_none_or(|due| due > now_ms) {
            return;
        }
        if let Some(attempt) = self.attempt.take() {
            let end = net.connect(attempt, server);
            let is_tls = end.as_ref().is_some_and(|end| end.wire().borrow().is_tls);
            let is_web =
                end.as_ref().is_some_and(|end| end.wire().borrow().speech == Speech::WebSocket);
            // What is random below WebSocket is not the server's fault either.
            let is_raw = (is_tls && self.rng.one_in(2)) || (is_web && self.rng.one_in(4));
            self.socket = end.map(if is_raw { ClientEnd::raw } else { ClientEnd::over });
            self.begin(is_raw && is_tls);
        } else if self.socket.is_none() {
            self.attempt = Some(net.attempt());
        } else {
            self.go_on();
        }
    }

    /// Chooses what to do on a new connection.
    fn begin(&mut self, is_raw_tls: bool) {
        let now_ms = self.clock.now_ms();
        self.script = self.choose_script();
        if is_raw_tls && self.rng.one_in(2) {
            // A good hello, or a part of it, and then what is none.
            let hello = tls::hello();
            let count = self.rng.pick(&[hello.len(), hello.len() / 2, 5]);
            self.script.splice(0..0, hello[..count].iter().copied());
        }
        self.step_bytes = self.rng.pick(&[1, 7, 1_000, 1_000_000]);
        self.step_ms = self.rng.pick(&[0, 10, 500, 3_000]) + u64::from(self.step_bytes < 100) * 10;
        self.reads = self.rng.one_in(3);
        self.ends_at_ms = now_ms + self.rng.pick(&[100, 5_000, 200_000]);
        self.act_at_ms = now_ms + 1;
        told!(self.trace, self.name, "sends {} bytes", self.script.len());
    }

    fn choose_script(&mut self) -> Vec<u8> {
        let mut script = Vec::new();
        let rng = &mut self.rng;
        if rng.one_in(6) {
            let count = rng.up_to(10_000);
            return rng.bytes(count);
        }
        script.extend(hello(rng));
        if rng.one_in(6) {
            refused_joins(rng, &mut script);
        }
        let (name, password) = match rng.one_in(3) {
            true => (format!("{}{STRANGER}", self.name), verifier::wrong(rng)),
            false => (self.name.clone(), verifier::password(Realm::Room)),
        };
        let join = Join::new(nick(&name), Some(u32::MAX));
        Join { password: Some(password), ..join }.encode(&mut script);
        match rng.below(9) {
            7 => orders(rng, &mut script),
            0 => (0..20_000).for_each(|_| Ping {}.encode(&mut script)),
            1 => (0..rng.below(60)).for_each(|number| say(number).encode(&mut script)),
            2 => tells(rng, &mut script),
            3 => files(rng, &mut script),
            4 => script.extend(rng.bytes(5_000)),
            5 => renames(rng, &mut script),
            6 => topics(rng, &mut script),
            _ => {}
        }
        if rng.one_in(2) {
            let count = rng.up_to(script.len());
            script.truncate(count);
        }
        if rng.one_in(3) && !script.is_empty() {
            for _ in 0..=rng.below(3) {
                let place = rng.up_to(script.len() - 1);
                script[place] ^= 1 << rng.below(8);
            }
        }
        script
    }

    fn go_on(&mut self) {
        let now_ms = self.clock.now_ms();
        let Some(socket) = &mut self.socket else { return };
        let count = self.script.len().min(self.step_bytes);
        // Whatever comes of it: it is not here to behave.
        if count > 0
            && let Ok(sent) = socket.write(&self.script[..count])
        {
            self.script.drain(..sent);
        }
        let _ = socket.push();
        if self.reads {
            let _ = socket.read(&mut [0; 4096]);
        }
        self.act_at_ms = now_ms + self.step_ms.max(1);
        if self.script.is_empty() && !self.reads {
            self.act_at_ms = self.ends_at_ms.max(now_ms + 1);
        }
        if self.ends_at_ms <= now_ms {
            self.socket = None;
            self.act_at_ms = now_ms + self.rng.below(30_000);
        }
    }
}

fn say(number: u64) -> Say {
    Say::new(MessageId(number), message(&"noise".repeat(1 + number as usize * 20)), None)
}

/// The greeting of a client that knows passwords, or of one that does not.
fn hello(rng: &mut Rng) -> Vec<u8> {
    if rng.one_in(4) {
        return raw::hello();
    }
    let capabilities = Some(CAPABILITY_PASSWORD);
    Hello { capabilities, ..Hello::new(VERSION_MIN, VERSION_MAX) }.to_bytes()
}

/// What only operators may ask for, and passwords that are none.
fn orders(rng: &mut Rng, script: &mut Vec<u8>) {
    for _ in 0..rng.below(300) {
        match rng.below(5) {
            0 => Op { password: verifier::wrong(rng) }.encode(script),
            1 => BansRequest {}.encode(script),
            2 => {
                let line = Some(Seq(rng.below(100)));
                Moderate { line, ..Moderate::new(Action::REDACT) }.encode(script);
            }
            _ => {
                let to = Some(nick_of_a_user(rng));
                Moderate { to, ..Moderate::new(Action(rng.below(9) as u8)) }.encode(script);
            }
        }
    }
}

/// Asks for nicks that others have, until the server has had enough of it.
fn refused_joins(rng: &mut Rng, script: &mut Vec<u8>) {
    for _ in 0..rng.below(3_000) {
        Join::new(nick_of_a_user(rng), None).encode(script);
    }
}

/// The same for members, of whom it never has.
fn renames(rng: &mut Rng, script: &mut Vec<u8>) {
    for _ in 0..rng.below(3_000) {
        Rename { nick: nick_of_a_user(rng) }.encode(script);
    }
}

/// Sets the topic to what it is already, mostly, and asks for items that nobody has.
fn topics(rng: &mut Rng, script: &mut Vec<u8>) {
    for _ in 0..rng.below(3_000) {
        if rng.one_in(100) {
            let topic = Topic::new(&format!("noise {}", rng.below(3))).ok();
            SetTopic { topic }.encode(script);
        }
        SetTopic { topic: None }.encode(script);
        StatsRequest {}.encode(script);
        Drop { item: ItemId(rng.next()), key: None }.encode(script);
    }
}

fn nick_of_a_user(rng: &mut Rng) -> Nick {
    nick(&format!("user{}", rng.below(4)))
}

fn tells(rng: &mut Rng, script: &mut Vec<u8>) {
    for number in 0..rng.below(300) {
        let to = nick_of_a_user(rng);
        Tell { id: MessageId(number), to, text: message(&"!".repeat(1_000)) }.encode(script);
    }
}

/// Offers that are never kept, data that nobody asked for, requests for what is not there.
fn files(rng: &mut Rng, script: &mut Vec<u8>) {
    for number in 1..=rng.below(30) as u32 {
        let transfer = TransferId(number);
        let item = ItemId(rng.below(10));
        match rng.below(4) {
            0 => DownloadRequest { transfer, item, offset: None }.encode(script),
            1 => {
                let name = file_name("noise");
                UploadOffer::new(transfer, name, rng.below(40 << 20)).encode(script);
            }
            2 => {
                let key = Some(UploadKey([rng.below(3) as u8; 16]));
                let offer = UploadOffer::new(transfer, file_name("kept noise"), 100);
                UploadOffer { key, ..offer }.encode(script);
            }
            _ if rng.one_in(4) => {
                script.extend(raw::data(number, 0, &rng.bytes(50)));
            }
            _ => {}
        }
    }
}
