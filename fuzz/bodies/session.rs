//! The client's session, between a server that says anything and a user who asks for anything. It
//! holds a bounded amount, and sends only frames that a server can read, and no more of them than
//! it has cause to.

use std::time::{Duration, Instant};

use chatshelf_client::session::{
    Config, FileReply, FileRequest, KEEPALIVE, Privacy, Reconnect, Session, TransferHandle,
};
use chatshelf_common::id::{Attributes, ItemId, Seq, UploadKey};
use chatshelf_common::password::Password;
use chatshelf_common::text::{Message, Nick, Topic};
use chatshelf_common::wire::frame::{
    Action, CAPABILITY_OPERATORS, CAPABILITY_STATS, Frame, HelloAck, Join, Moderate, Snapshot,
    Style,
};
use chatshelf_common::wire::header::HEADER_BYTES;
use chatshelf_common::wire::{ClientFrame, Code, Deframer, Unit};
use chatshelf_testkit::samples::{digest, file_name, item, nick};
use chatshelf_testkit::server_frames::{hello_ack, snapshot, welcome};

use super::script::Script;

/// More than any script makes a session hold: rooms and events have the size of what came.
const HELD_BYTES_MAX: usize = 1 << 20;
/// What it sends for each byte that came, at most: a refusal is answered by another `Join`.
const SENT_PER_BYTE: usize = 8;
/// What it sends of its own accord for each step: a greeting, a ping, a command.
const SENT_PER_STEP: usize = 1024;
/// Content of every upload: it repeats this byte.
const FILLER: u8 = 7;
/// The newest event of the room that a session is let into.
const SEQ: Seq = Seq(42);
/// Steps of the clock, in milliseconds.
const TIMES_MS: [u64; 8] = [1, 100, 1_000, 5_000, 20_000, 61_000, 151_000, 3_600_000];

/// How the session begins; then steps.
pub(crate) fn run(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let setup = script.byte();
    let mut meeting = Meeting::new(setup, bytes);
    meeting.connect(setup & 8 != 0, setup & 32 != 0);
    while let Some(step) = script.next() {
        meeting.step(step, &mut script);
        meeting.check();
    }
    meeting.end();
}

struct Meeting {
    session: Session,
    now: Instant,
    is_connected: bool,
    /// Nobody else can read what is sent.
    is_private: bool,
    /// Reads what is sent.
    deframer: Deframer,
    /// Bytes that came, and those of frames that were sent; data is as long as files are.
    fed: usize,
    sent: usize,
    steps: usize,
    connections: usize,
    /// Requests that the file keeper has not answered, oldest first.
    requests: Vec<FileRequest>,
}

impl Meeting {
    fn new(setup: u8, bytes: &[u8]) -> Self {
        let now = Instant::now();
        let config = Config {
            nick: nick("ada"),
            history: [None, Some(0), Some(20), Some(u32::MAX)][usize::from(setup >> 1 & 3)],
            seed: bytes.len() as u64,
            reconnect: (setup & 1 == 0).then_some(Reconnect { give_up_after: None }),
            quiet: setup & 16 != 0,
            keepalive: KEEPALIVE,
        };
        Self {
            session: Session::new(config, now),
            now,
            is_connected: false,
            is_private: false,
            deframer: Deframer::joined(),
            fed: 0,
            sent: 0,
            steps: 0,
            connections: 0,
            requests: Vec::new(),
        }
    }

    /// Makes the connection that the session waits for, and lets it into the room if `admits`.
    fn connect(&mut self, admits: bool, is_private: bool) {
        let Some(due) = self.session.retry_at() else { return };
        self.now = self.now.max(due);
        self.session.handle_connecting();
        self.session.handle_connected(self.now);
        (self.is_connected, self.deframer) = (true, Deframer::joined());
        self.connections += 1;
        self.is_private = is_private;
        let privacy = if is_private { Privacy::Private } else { Privacy::Unconfirmed };
        self.session.note_privacy(privacy);
        if admits {
            let capabilities = Some(CAPABILITY_STATS | CAPABILITY_OPERATORS);
            let mut greeting = HelloAck { capabilities, ..hello_ack() }.to_bytes();
            welcome(nick("ada"), SEQ).encode(&mut greeting);
            let items = vec![item(1, "notes.txt", 5, digest(&[FILLER; 5]))];
            Snapshot { items, ..snapshot(vec![nick("ada")], SEQ) }.encode(&mut greeting);
            self.feed(&greeting);
        }
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        self.steps += 1;
        let arg = step >> 4;
        match step & 15 {
            0..=5 => self.feed(script.chunk()),
            6 => self.feed(&[arg].repeat(64 * usize::from(script.byte()))),
            7 => self.pass(TIMES_MS[usize::from(arg & 7)]),
            8 => self.lose(arg),
            9 => self.take_output(usize::from(script.byte()) * [1, 256][usize::from(arg & 1)]),
            10 => self.answer(arg),
            11 => self.connect(arg & 1 == 1, arg & 2 == 2),
            12 => while self.session.poll_event().is_some() {},
            _ => self.ask(arg, script.chunk()),
        }
    }

    /// Bytes from the server, while the session takes them.
    fn feed(&mut self, bytes: &[u8]) {
        if self.is_connected && self.session.wants_input() && !bytes.is_empty() {
            self.fed += bytes.len();
            let _ = self.session.handle_bytes(bytes, self.now);
        }
        self.close_if_done();
    }

    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        let _ = self.session.handle_timeout(self.now);
        let due = self.session.poll_timeout();
        assert!(due.is_some() || self.session.is_over(), "it waits for nothing");
        self.close_if_done();
    }

    fn lose(&mut self, arg: u8) {
        if std::mem::take(&mut self.is_connected) {
            self.session.handle_lost("the network broke it".into(), self.now);
        }
        if arg & 1 == 1 {
            self.session.reconnect_now(self.now);
        }
    }

    fn close_if_done(&mut self) {
        if self.session.is_over() || self.session.is_offline() {
            self.is_connected = false;
        }
    }

    /// Takes so many bytes of what there is to send: they are frames that a server can read.
    fn take_output(&mut self, mut most: usize) {
        while self.is_connected && most > 0 && self.session.has_output() {
            let bytes = self.session.output().concat();
            let count = bytes.len().min(most);
            let mut input = &bytes[..count];
            while let Some(unit) = self.deframer.next(&mut input).expect("frames within the limits")
            {
                if let Unit::Control { header, value } = unit {
                    let frame =
                        ClientFrame::decode(header.kind, value).expect("a frame of clients");
                    let is_secret = matches!(
                        frame,
                        ClientFrame::Op(_) | ClientFrame::Join(Join { password: Some(_), .. })
                    );
                    assert!(self.is_private || !is_secret, "others can read a password");
                    self.sent += HEADER_BYTES + value.len();
                }
            }
            self.session.advance_output(count, self.now);
            most -= count;
        }
    }

    /// The file keeper answers its oldest request: as it should, or otherwise.
    fn answer(&mut self, arg: u8) {
        self.requests.extend(std::iter::from_fn(|| self.session.poll_file_request()));
        if self.requests.is_empty() {
            return;
        }
        let reply = match self.requests.remove(0) {
            FileRequest::Create { transfer, .. } if arg == 15 => failed(transfer),
            FileRequest::Create { .. } => return,
            FileRequest::Discard { .. } | FileRequest::Suspend { .. } => return,
            FileRequest::Begin { transfer, .. }
            | FileRequest::Read { transfer, .. }
            | FileRequest::Write { transfer, .. }
            | FileRequest::Hash { transfer }
            | FileRequest::Keep { transfer }
                if arg == 15 =>
            {
                failed(transfer)
            }
            FileRequest::Begin { transfer, run, .. } if arg == 14 => {
                FileReply::Differs { transfer, run, key: Some(UploadKey([9; 16])) }
            }
            FileRequest::Begin { transfer, .. } | FileRequest::Read { transfer, .. }
                if arg == 13 =>
            {
                // What was asked before the change is never answered.
                self.requests.retain(|request| request.transfer() != transfer);
                let attributes = Attributes::default();
                FileReply::Changed { transfer, size: 3, attributes, key: None }
            }
            FileRequest::Begin { transfer, run, .. } => FileReply::Begun { transfer, run },
            FileRequest::Read { transfer, length, .. } => {
                FileReply::Block { transfer, block: vec![FILLER; length] }
            }
            FileRequest::Write { transfer, block } => {
                FileReply::Written { transfer, buffer: block }
            }
            FileRequest::Hash { transfer } => {
                let bytes = 5 + usize::from(arg == 12);
                FileReply::Hashed { transfer, digest: digest(&[FILLER; 6][..bytes]) }
            }
            FileRequest::Keep { transfer } => FileReply::Kept { transfer },
        };
        self.session.handle_file_reply(reply);
        self.close_if_done();
    }

    /// What a user does.
    fn ask(&mut self, what: u8, words: &[u8]) {
        let number = words.first().copied().unwrap_or(1);
        let session = &mut self.session;
        let name = Nick::from_bytes(words).unwrap_or_else(|_| nick("bob"));
        let text = Message::from_bytes(words).ok();
        let key = (number & 1 == 0).then_some(UploadKey([number; 16]));
        match (what, text) {
            (0, Some(text)) => drop(session.say(text, Style::SPEECH)),
            (1, Some(text)) => drop(session.tell(name, text)),
            (2, _) => drop(session.rename(name)),
            (3, _) => drop(session.set_topic(Topic::from_bytes(words).ok())),
            (4, _) => {
                let size = [0, 5, 300_000, 1 << 40][usize::from(number & 3)];
                drop(session.upload(file_name("up"), size, key));
            }
            (5, _) => drop(session.download(ItemId(number.into()), u64::from(number >> 4))),
            (6, _) => drop(session.drop_item(ItemId(number.into()), key)),
            (7, _) => drop(session.cancel(TransferHandle(number.into()))),
            (8, _) => drop(session.ask_stats()),
            (9, _) => session.rejoin(name),
            (10, _) => drop(session.other_nick(Code::NICK_TAKEN, None)),
            (11, _) => drop(Password::new(words).map(|password| session.give_password(password))),
            (12, _) => drop(Password::new(words).map(|password| session.op(password))),
            (13, _) => {
                let (to, seconds) = (Some(name), Some(number.into()));
                drop(session.moderate(Moderate { to, seconds, ..Moderate::new(Action(number)) }));
            }
            (14, _) => drop(session.ask_bans()),
            _ => session.leave(),
        }
        self.close_if_done();
    }

    fn check(&self) {
        let held = self.session.held_bytes();
        assert!(held <= HELD_BYTES_MAX + 64 * self.fed, "{held} bytes for {}", self.fed);
        let sent = self.sent + self.session.control_bytes();
        // What was not answered is said again on each connection.
        let sent_max = SENT_PER_BYTE * self.fed + SENT_PER_STEP * self.steps * self.connections;
        assert!(sent <= sent_max, "{sent} bytes sent for {}", self.fed);
    }

    /// Who leaves has left.
    fn end(mut self) {
        while self.session.poll_event().is_some() {}
        self.take_output(1 << 20);
        self.session.leave();
        self.lose(0);
        assert!(self.session.is_over(), "who has left does not come back");
        assert!(!self.session.has_output());
    }
}

fn failed(transfer: TransferHandle) -> FileReply {
    FileReply::Failed { transfer, why: "the disk is full".into() }
}
