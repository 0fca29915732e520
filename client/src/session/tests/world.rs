//! A session, its file keeper and the model of a server, with bytes that go between them up to a
//! cut. Time passes only while nothing else can happen.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::model::{Cut, Server};
use super::*;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    ToServer,
    ToClient,
}

/// After so many further bytes this way, the connection ends so.
pub(super) type Plan = Vec<(Way, usize, Cut)>;

pub(super) struct World {
    pub(super) session: Session,
    pub(super) server: Server,
    now: Instant,
    connected: bool,
    /// Cuts to come, the next one last.
    plan: Plan,
    /// Bytes that went each way since the last cut.
    pub(super) moved: [usize; 2],
    /// Content of uploads, and what has come of downloads.
    pub(super) files: HashMap<TransferHandle, Vec<u8>>,
    /// Answers of the file keeper on their way: they come when nothing else can happen.
    replies: VecDeque<FileReply>,
    pub(super) events: Vec<SessionEvent>,
    /// Bob says something whenever the client loses its connection.
    pub(super) away: usize,
    /// What is typed whenever the client loses its connection.
    pub(super) typed: Vec<String>,
    /// Each loss lets the server forget all but its last events.
    pub(super) trims_to: Option<u64>,
    pub(super) said: Vec<String>,
}

impl World {
    pub(super) fn new(plan: Plan, history: Option<u32>, server: Server) -> Self {
        let now = Instant::now();
        let reconnect = Some(Reconnect::default());
        let config = Config {
            nick: nick("ada"),
            history,
            seed: 3,
            reconnect,
            quiet: false,
            keepalive: crate::session::KEEPALIVE_MAX,
        };
        Self {
            session: Session::new(config, now),
            server,
            now,
            connected: false,
            plan: plan.into_iter().rev().collect(),
            moved: [0, 0],
            files: HashMap::new(),
            replies: VecDeque::new(),
            events: Vec::new(),
            away: 0,
            typed: Vec::new(),
            trims_to: None,
            said: Vec::new(),
        }
    }

    pub(super) fn say(&mut self, text: &str) {
        self.said.push(text.into());
        self.session.say(message(text), Style::SPEECH).unwrap();
    }

    pub(super) fn upload(&mut self, content: Vec<u8>, key: u8) -> TransferHandle {
        let (size, key) = (content.len() as u64, Some(UploadKey([key; 16])));
        let transfer = self.session.upload(name("up"), size, key).unwrap();
        self.files.insert(transfer, content);
        transfer
    }

    /// Lets all happen that can, until nothing is left to do.
    pub(super) fn run(&mut self) {
        for _ in 0..1_000_000 {
            if !self.step() {
                return;
            }
        }
        panic!("it never comes to rest: {:?}", self.events);
    }

    /// Lets all happen up to the first time in the room; false if it is never reached.
    pub(super) fn run_until_joined(&mut self) -> bool {
        while !self.session.takes_commands() && !self.session.is_over() {
            assert!(self.step(), "it waits for nothing");
        }
        !self.session.is_over()
    }

    fn step(&mut self) -> bool {
        self.events.extend(std::iter::from_fn(|| self.session.poll_event()));
        if let Some(request) = self.session.poll_file_request() {
            self.keep_files(request);
            return true;
        }
        if self.session.is_offline() && !self.connected {
            self.connect();
            return true;
        }
        if self.send() || self.receive() {
            return true;
        }
        let reply = self.replies.pop_front();
        let is_reply = reply.is_some();
        reply.into_iter().for_each(|reply| self.session.handle_file_reply(reply));
        is_reply
    }

    fn connect(&mut self) {
        self.now = self.session.retry_at().expect("it waits for its next attempt");
        assert!(self.session.wants_connection(self.now));
        self.session.handle_connecting();
        self.server.accept();
        self.session.handle_connected(self.now);
        self.connected = true;
    }

    /// How many of `count` bytes may go this way, and whether the connection ends behind them.
    fn allowed(&self, way: Way, count: usize) -> (usize, bool) {
        match self.plan.last() {
            Some((cut_way, at, _)) if *cut_way == way => {
                let left = at - self.moved[way as usize];
                (count.min(left), left <= count)
            }
            _ => (count, false),
        }
    }

    fn send(&mut self) -> bool {
        let bytes = self.session.output().concat();
        let (count, cut) = self.allowed(Way::ToServer, bytes.len());
        self.server.input(&bytes[..count]);
        self.session.advance_output(count, self.now);
        self.moved[Way::ToServer as usize] += count;
        if cut && self.connected {
            self.cut();
        }
        count > 0 || cut
    }

    fn receive(&mut self) -> bool {
        if !self.session.wants_input() {
            return false;
        }
        let Some(out) = self.server.output() else { return false };
        let waiting = out.len();
        let (count, cut) = self.allowed(Way::ToClient, waiting.min(97));
        let out = self.server.output().unwrap();
        let bytes: Vec<u8> = out.drain(..count).collect();
        self.session.handle_bytes(&bytes, self.now).unwrap();
        self.moved[Way::ToClient as usize] += count;
        if cut {
            self.cut();
        }
        count > 0 || cut
    }

    fn cut(&mut self) {
        let Some((_, _, cut)) = self.plan.pop() else { return };
        self.server.cut(cut);
        self.session.handle_lost("cut".into(), self.now);
        self.connected = false;
        self.moved = [0, 0];
        self.away += 1;
        self.server.bob_says(&format!("while away {}", self.away));
        if self.session.takes_commands()
            && let Some(text) = self.typed.pop()
        {
            self.say(&text);
        }
        if let Some(events) = self.trims_to {
            self.server.held_from = (self.server.log.len() as u64).saturating_sub(events).max(1);
        }
    }

    fn keep_files(&mut self, request: FileRequest) {
        let reply = match request {
            FileRequest::Begin { transfer, run, offset, digest: expected } => {
                let file = &self.files[&transfer];
                let is_same = expected.is_none_or(|it| it == digest(&file[..offset as usize]));
                let key = Some(UploadKey([run as u8 + 100; 16]));
                match is_same {
                    true => FileReply::Begun { transfer, run },
                    false => FileReply::Differs { transfer, run, key },
                }
            }
            FileRequest::Read { transfer, offset, length, .. } => {
                let file = &self.files[&transfer];
                let block = file[offset as usize..offset as usize + length].to_vec();
                FileReply::Block { transfer, block }
            }
            FileRequest::Create { transfer, held, .. } => {
                self.files.entry(transfer).or_default().truncate(held as usize);
                return;
            }
            FileRequest::Write { transfer, block } => {
                self.files.get_mut(&transfer).unwrap().extend(block);
                FileReply::Written { transfer, buffer: Vec::new() }
            }
            FileRequest::Hash { transfer } => {
                FileReply::Hashed { transfer, digest: digest(&self.files[&transfer]) }
            }
            FileRequest::Keep { transfer } => FileReply::Kept { transfer },
            FileRequest::Discard { .. } | FileRequest::Suspend { .. } => return,
        };
        self.replies.push_back(reply);
    }

    /// How the transfer ended, once.
    pub(super) fn outcome(&self, transfer: TransferHandle) -> &Outcome {
        let ended: Vec<&Outcome> = self
            .events
            .iter()
            .filter_map(|event| {
                let SessionEvent::TransferEnded(status, outcome) = event else { return None };
                (status.transfer == transfer).then_some(outcome)
            })
            .collect();
        assert_eq!(ended.len(), 1, "{:?}", self.events);
        ended[0]
    }

    /// What has happened, as it was told; numbers come again after a rewind only.
    pub(super) fn seen(&self) -> BTreeMap<Seq, &Event> {
        let mut seen = BTreeMap::new();
        let mut next = None;
        for event in &self.events {
            match event {
                SessionEvent::Happened { event, .. } => {
                    let seq = event.seq();
                    assert!(next.is_none_or(|next| next == seq), "{seq} where {next:?} is due");
                    next = Some(seq.next());
                    seen.insert(seq, event);
                }
                SessionEvent::Missed { from, to } => {
                    assert_eq!(next, Some(*from), "what is missed is what is due");
                    next = Some(to.next());
                }
                SessionEvent::Rewound { from } => {
                    assert!(next.is_some_and(|next| *from < next));
                    next = Some(*from);
                    seen.retain(|seq, _| seq < from);
                }
                _ => {}
            }
        }
        seen
    }
}
