//! Today's session, told to do what a recorded client did, against what the recorded server said.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use chatshelf_client::session::{
    Config, FileReply, FileRequest, Outcome, Reconnect, Session, SessionEvent, TransferHandle,
};
use chatshelf_common::id::{Attributes, MessageId, TransferId};
use chatshelf_common::wire::ClientFrame;
use chatshelf_common::wire::frame::{Join, Style};
use chatshelf_testkit::recording::kind::{DATA, GOODBYE, JOIN, PING, PONG};
use chatshelf_testkit::recording::tag::{MESSAGE_ID, SEQ, UPLOAD_KEY};
use chatshelf_testkit::recording::{
    DATA_HEAD, Step, Way, What, all, as_of_a_later_version, assert_says, field, is_event,
    take_frame, with_field,
};

/// Fields that the session chooses at random.
const CHOSEN: [u8; 2] = [MESSAGE_ID, UPLOAD_KEY];

/// Today's session in the place of a recorded client.
struct Player {
    session: Session,
    now: Instant,
    /// The bytes that the session sends, and the frames among them that no step has matched.
    stream: Vec<u8>,
    sent: VecDeque<Vec<u8>>,
    /// For each recorded message id, that of the session.
    ids: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Content of the recorded client's uploads by name, and of files by transfer.
    contents: BTreeMap<String, Vec<u8>>,
    files: BTreeMap<TransferHandle, Vec<u8>>,
    outcomes: Vec<Outcome>,
    last_seq: u64,
    is_later: bool,
}

fn decode(frame: &[u8]) -> ClientFrame {
    ClientFrame::decode(frame[0], &frame[6..]).expect("a frame of a client")
}

/// What a recorded client has uploaded, by the names of the files.
fn contents(steps: &[&Step]) -> BTreeMap<String, Vec<u8>> {
    let (mut contents, mut names) = (BTreeMap::new(), BTreeMap::new());
    for Step { connection, what, .. } in steps {
        let What::Sent(Way::ToServer, frame) = what else { continue };
        if frame.len() < DATA_HEAD && frame[0] == DATA {
            continue; // the network has cut it short
        } else if frame[0] == DATA {
            let (head, body) = frame.split_at(DATA_HEAD);
            let transfer = TransferId(u32::from_be_bytes(head[6..10].try_into().unwrap()));
            let offset = u64::from_be_bytes(head[10..].try_into().unwrap()) as usize;
            let name: &String = &names[&(*connection, transfer)];
            let file: &mut Vec<u8> = contents.get_mut(name).expect("it was offered");
            file[offset..offset + body.len()].copy_from_slice(body);
        } else if let ClientFrame::UploadOffer(offer) = decode(frame) {
            names.insert((*connection, offer.transfer), offer.name.to_string());
            contents.entry(offer.name.to_string()).or_insert(vec![0; offer.size as usize]);
        }
    }
    contents
}

impl Player {
    fn new(steps: &[&Step], is_later: bool) -> Self {
        let join = steps.iter().find_map(|step| match &step.what {
            What::Sent(Way::ToServer, frame) if frame[0] == JOIN => match decode(frame) {
                ClientFrame::Join(join) => Some(join),
                _ => None,
            },
            _ => None,
        });
        let Join { nick, history, quiet, .. } = join.expect("a client that joins");
        let (quiet, keepalive) = (quiet.is_some(), Duration::from_secs(20));
        let reconnect = Some(Reconnect::default());
        let config = Config { nick, history, seed: 7, reconnect, quiet, keepalive };
        let now = Instant::now();
        Self {
            session: Session::new(config, now),
            now,
            stream: Vec::new(),
            sent: VecDeque::new(),
            ids: BTreeMap::new(),
            contents: contents(steps),
            files: BTreeMap::new(),
            outcomes: Vec::new(),
            last_seq: 0,
            is_later,
        }
    }

    fn play(&mut self, what: &What) {
        match what {
            What::Connected(_) => {
                self.now = self.session.retry_at().expect("it wants a connection");
                self.session.handle_connecting();
                self.session.handle_connected(self.now);
            }
            What::Broken => {
                self.session.handle_lost("broken".into(), self.now);
                self.stream.clear();
                self.sent.clear();
            }
            What::Sent(Way::ToClient, frame) => self.receive(frame),
            What::Sent(Way::ToServer, frame) if frame[0] == DATA => {}
            What::Sent(Way::ToServer, frame) => self.send(frame),
        }
        self.settle();
    }

    /// Lets it do all that it can now.
    fn settle(&mut self) {
        loop {
            while let Some(event) = self.session.poll_event() {
                if let SessionEvent::TransferEnded(_, outcome) = event {
                    self.outcomes.push(outcome);
                }
            }
            if let Some(request) = self.session.poll_file_request() {
                self.keep(request);
            } else if self.session.has_output() {
                let bytes = self.session.output().concat();
                self.stream.extend_from_slice(&bytes);
                self.session.advance_output(bytes.len(), self.now);
            } else {
                break;
            }
        }
        while let Some(frame) = take_frame(&mut self.stream) {
            if !matches!(frame[0], DATA | PING | PONG) {
                self.sent.push_back(frame);
            }
        }
    }

    fn receive(&mut self, frame: &[u8]) {
        let mut frame = frame.to_vec();
        if frame[0] != DATA
            && let Some(ours) = field(&frame, MESSAGE_ID).and_then(|id| self.ids.get(&id))
        {
            frame = with_field(&frame, MESSAGE_ID, ours);
        }
        if is_event(frame[0]) {
            let seq = field(&frame, SEQ).expect("an event has a place");
            self.last_seq = u64::from_be_bytes(seq.try_into().unwrap());
        }
        if self.is_later {
            frame = as_of_a_later_version(&frame);
        }
        let taken = self.session.handle_bytes(&frame, self.now);
        assert!(taken.is_ok(), "{taken:?}: {frame:02x?}");
    }

    /// Does what the recorded client did, unless the session has done it by itself.
    fn send(&mut self, recorded: &[u8]) {
        // A driver's clock brings these about, not what was asked for.
        if matches!(recorded[0], PING | PONG) {
            return;
        }
        if self.sent.front().is_none_or(|frame| frame[0] != recorded[0]) {
            self.ask_for(&decode(recorded));
            self.settle();
        }
        let frame = self.sent.pop_front().expect("the session sends something");
        assert_says(&frame, recorded, &CHOSEN);
        if let (Some(theirs), Some(ours)) = (field(recorded, MESSAGE_ID), field(&frame, MESSAGE_ID))
        {
            self.ids.insert(theirs, ours);
        }
    }

    fn ask_for(&mut self, frame: &ClientFrame) {
        let session = &mut self.session;
        let asked: Result<MessageId, _> = match frame.clone() {
            ClientFrame::Say(say) => session.say(say.text, say.style.unwrap_or(Style::SPEECH)),
            ClientFrame::Tell(tell) => session.tell(tell.to, tell.text),
            ClientFrame::Rename(rename) => session.rename(rename.nick).map(|()| MessageId(0)),
            ClientFrame::SetTopic(topic) => session.set_topic(topic.topic).map(|()| MessageId(0)),
            ClientFrame::Drop(drop) => {
                session.drop_item(drop.item, drop.key).map(|()| MessageId(0))
            }
            ClientFrame::Leave(_) => {
                session.leave();
                Ok(MessageId(0))
            }
            ClientFrame::UploadOffer(offer) => {
                let attributes = Attributes { mode: offer.mode, modified: offer.modified };
                let content = self.contents[offer.name.as_str()].clone();
                session.upload_file(offer.name, offer.size, offer.key, attributes).map(|transfer| {
                    self.files.insert(transfer, content);
                    MessageId(0)
                })
            }
            ClientFrame::DownloadRequest(request) => {
                session.download(request.item, request.offset.unwrap_or(0)).map(|transfer| {
                    self.files.insert(transfer, Vec::new());
                    MessageId(0)
                })
            }
            other => panic!("the session does not say by itself: {other:?}"),
        };
        assert!(asked.is_ok(), "{asked:?}: {frame:?}");
    }

    /// The files, as a disk would have them.
    fn keep(&mut self, request: FileRequest) {
        let reply = match request {
            FileRequest::Begin { transfer, run, offset, digest } => {
                let beginning = &self.files[&transfer][..offset as usize];
                let is_same = digest.is_none_or(|it| it == blake3::hash(beginning).into());
                assert!(is_same, "the server has another beginning");
                FileReply::Begun { transfer, run }
            }
            FileRequest::Read { transfer, offset, length, .. } => {
                let block = self.files[&transfer][offset as usize..][..length].to_vec();
                FileReply::Block { transfer, block }
            }
            FileRequest::Write { transfer, block } => {
                self.files.get_mut(&transfer).expect("it was created").extend(block);
                FileReply::Written { transfer, buffer: Vec::new() }
            }
            FileRequest::Hash { transfer } => {
                let digest = blake3::hash(&self.files[&transfer]).into();
                FileReply::Hashed { transfer, digest }
            }
            FileRequest::Keep { transfer } => FileReply::Kept { transfer },
            FileRequest::Create { .. }
            | FileRequest::Discard { .. }
            | FileRequest::Suspend { .. } => return,
        };
        self.session.handle_file_reply(reply);
    }

    fn assert_ended_well(&self, what: &str) {
        assert!(self.session.is_over(), "{what}: the session is not over");
        assert_eq!(self.session.position().0, self.last_seq, "{what}: not all events were seen");
        let is_good = |outcome| matches!(outcome, &Outcome::Uploaded(_) | &Outcome::Downloaded);
        assert!(self.outcomes.iter().all(is_good), "{what}: {:?}", self.outcomes);
        assert_eq!(self.outcomes.len(), self.files.len(), "{what}: transfers that have not ended");
        assert!(self.sent.is_empty(), "{what}: it says more: {:02x?}", self.sent);
    }
}

/// The steps of each run of a client program: from its first connection to its last.
fn by_client(steps: &[Step]) -> Vec<Vec<&Step>> {
    let (mut clients, mut running) = (Vec::<Vec<&Step>>::new(), BTreeMap::new());
    let mut of_connection = BTreeMap::new();
    for step in steps {
        if let What::Connected(name) = &step.what {
            let client = *running.entry(name).or_insert_with(|| {
                clients.push(Vec::new());
                clients.len() - 1
            });
            of_connection.insert(step.connection, (name, client));
        }
        let (name, client) = of_connection[&step.connection];
        clients[client].push(step);
        // After its goodbye a program ends; another one may take its name.
        if matches!(&step.what, What::Sent(Way::ToClient, frame) if frame[0] == GOODBYE) {
            running.remove(name);
        }
    }
    clients
}

fn play_all(is_later: bool) {
    let mut played = 0;
    for (path, steps) in all() {
        for client in by_client(&steps) {
            let mut player = Player::new(&client, is_later);
            client.iter().for_each(|step| player.play(&step.what));
            player.assert_ended_well(&format!("{}", path.display()));
            played += 1;
        }
    }
    assert!(played >= 6, "{played} clients");
}

#[test]
fn todays_session_understands_servers_of_this_version() {
    play_all(false);
}

#[test]
fn todays_session_skips_what_a_later_server_adds() {
    play_all(true);
}
