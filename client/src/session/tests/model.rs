//! A server in a few lines, for one client under test: a log, memberships, a shelf and uploads that
//! are kept, by the words of PROTOCOL.md. It says what a real one would, at once and in order.

use std::collections::{BTreeMap, HashMap};

use super::*;

/// What survives connections.
pub(super) struct Server {
    /// Event number n is at n - 1.
    pub(super) log: Vec<Event>,
    /// Events before this one are no longer held.
    pub(super) held_from: u64,
    pub(super) shelf: Vec<(Item, Vec<u8>)>,
    kept: HashMap<UploadKey, Vec<u8>>,
    members: Vec<Nick>,
    /// The membership of the client under test, while it stands.
    ada: Option<Nick>,
    /// Tokens of this run of the server are made of this.
    run: u8,
    clock: u64,
    /// Where the log ended at each restart.
    restarts: Vec<u64>,
    connection: Option<Connection>,
    pub(super) topic: Option<TopicState>,
}

struct Connection {
    deframer: Deframer,
    joined: bool,
    uploads: BTreeMap<TransferId, Upload>,
    out: Vec<u8>,
}

struct Upload {
    offer: UploadOffer,
    bytes: Vec<u8>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The server sees it, and the member leaves.
    Noticed,
    /// The server believes in it still.
    Unnoticed,
    /// The server has crashed, and these many events with it.
    Crash(usize),
}

/// For what is no event: each of those has a time of its own.
const AT: UnixMillis = UnixMillis(0);

impl Server {
    pub(super) fn new(shelf: Vec<(Item, Vec<u8>)>) -> Self {
        let bob = nick("bob");
        let log = vec![Joined { seq: Seq(1), at: AT, nick: bob.clone(), quiet: None }.into()];
        Self {
            log,
            held_from: 1,
            shelf,
            kept: HashMap::new(),
            members: vec![bob],
            ada: None,
            run: 1,
            clock: 0,
            restarts: Vec::new(),
            connection: None,
            topic: None,
        }
    }

    pub(super) fn accept(&mut self) {
        let (uploads, out) = (BTreeMap::new(), Vec::new());
        let deframer = Deframer::joined();
        self.connection = Some(Connection { deframer, joined: false, uploads, out });
    }

    pub(super) fn cut(&mut self, cut: Cut) {
        self.stop_uploads();
        self.connection = None;
        match cut {
            Cut::Noticed => self.leave(Code::CONNECTION_LOST),
            Cut::Unnoticed => {}
            Cut::Crash(events) => {
                self.log.truncate(self.log.len().saturating_sub(events).max(1));
                self.restarts.push(self.log.len() as u64);
                (self.ada, self.run) = (None, self.run + 1);
                self.members.retain(|member| *member == nick("bob"));
            }
        }
    }

    fn stop_uploads(&mut self) {
        for upload in self.connection.iter_mut().flat_map(|c| std::mem::take(&mut c.uploads)) {
            if let Some(key) = upload.1.offer.key {
                self.kept.insert(key, upload.1.bytes);
            }
        }
    }

    fn leave(&mut self, code: Code) {
        if let Some(nick) = self.ada.take() {
            self.members.retain(|member| *member != nick);
            self.record(|seq, at| Left { seq, at, nick, code, quiet: None }.into());
        }
    }

    /// Adds an event, and sends it to the client if it is in the room.
    pub(super) fn record(&mut self, event: impl FnOnce(Seq, UnixMillis) -> Event) {
        self.clock += 1;
        let event = event(Seq(self.log.len() as u64 + 1), UnixMillis(self.clock));
        if let Some(connection) = self.connection.as_mut().filter(|it| it.joined) {
            event.encode(&mut connection.out);
        }
        self.log.push(event);
    }

    pub(super) fn bob_says(&mut self, text: &str) {
        let text = message(text);
        self.record(|seq, at| {
            let (nick, id) = (nick("bob"), MessageId(seq.0));
            Said { seq, at, nick, id, text, style: None }.into()
        });
    }

    /// What is on its way to the client.
    pub(super) fn output(&mut self) -> Option<&mut Vec<u8>> {
        self.connection.as_mut().map(|connection| &mut connection.out)
    }

    pub(super) fn input(&mut self, mut bytes: &[u8]) {
        let Some(connection) = &mut self.connection else { return };
        let mut deframer = std::mem::replace(&mut connection.deframer, Deframer::joined());
        while let Some(unit) = deframer.next(&mut bytes).expect("frames") {
            match unit {
                Unit::Control { header, value } => {
                    self.frame(ClientFrame::decode(header.kind, value).expect("a frame"));
                }
                Unit::Chunk { transfer, offset, bytes } => self.data(transfer, offset, bytes),
            }
        }
        if let Some(connection) = &mut self.connection {
            connection.deframer = deframer;
        }
    }

    fn send(&mut self, frame: &impl Frame) {
        frame.encode(&mut self.connection.as_mut().expect("a connection").out);
    }

    fn data(&mut self, transfer: TransferId, offset: u64, bytes: &[u8]) {
        let connection = self.connection.as_mut().expect("a connection");
        if let Some(upload) = connection.uploads.get_mut(&transfer) {
            assert_eq!(offset, upload.bytes.len() as u64, "data goes on where it ended");
            upload.bytes.extend(bytes);
            assert!(upload.bytes.len() as u64 <= upload.offer.size);
        }
    }

    fn frame(&mut self, frame: ClientFrame) {
        let Some(me) = self.ada.clone().filter(|_| self.connection.as_ref().unwrap().joined) else {
            return match frame {
                ClientFrame::Hello(_) => self.send(&ack()),
                ClientFrame::Join(join) => self.join(join),
                other => panic!("{other:?} before the join"),
            };
        };
        match frame {
            ClientFrame::Say(say) => self.say(me, say),
            ClientFrame::Tell(Tell { id, to, text }) => {
                self.send(&Told { at: AT, from: me, to, id, text });
            }
            ClientFrame::Rename(Rename { nick: to }) => {
                self.members.retain(|member| *member != me);
                self.members.push(to.clone());
                self.ada = Some(to.clone());
                self.record(|seq, at| Renamed { seq, at, nick: me, to }.into());
            }
            ClientFrame::SetTopic(SetTopic { topic }) => {
                let nick = me.clone();
                self.topic = topic.clone().map(|topic| TopicState { topic, nick, at: AT });
                self.record(|seq, at| TopicChanged { seq, at, nick: me, topic }.into());
            }
            ClientFrame::UploadOffer(offer) => self.offered(offer),
            ClientFrame::UploadDone(done) => self.done(&me, &done),
            ClientFrame::DownloadRequest(request) => self.requested(&request),
            ClientFrame::Cancel(Cancel { transfer }) => {
                let uploads = &mut self.connection.as_mut().unwrap().uploads;
                if uploads.remove(&transfer).is_some() {
                    let refused = refused_transfer(Code::CANCELLED, transfer.0);
                    self.send(&Refused { about: Cancel::KIND, ..refused });
                }
            }
            ClientFrame::Leave(_) => {
                self.leave(Code::LEFT);
                self.send(&Goodbye::new(Code::LEFT));
            }
            ClientFrame::Ping(_) => self.send(&ServerPong {}),
            ClientFrame::Pong(_) => {}
            other => panic!("{other:?} in the room"),
        }
    }

    fn join(&mut self, join: Join) {
        let token = ResumeToken([self.run; 24]);
        let is_own = join.resume == Some(token);
        let me = match (&self.ada, is_own) {
            (Some(nick), true) => nick.clone(),
            _ if self.members.contains(&join.nick) => {
                let suggestion = Some(nick(&format!("{}2", join.nick)));
                let taken = refused(Code::NICK_TAKEN, Join::KIND);
                return self.send(&Refused { suggestion, ..taken });
            }
            _ => {
                let me = join.nick.clone();
                (self.ada, self.connection.as_mut().unwrap().joined) = (Some(me.clone()), false);
                self.members.push(me.clone());
                let nick = me.clone();
                self.record(|seq, at| Joined { seq, at, nick, quiet: None }.into());
                me
            }
        };
        let (seq, from) = (Seq(self.log.len() as u64), self.history_from(&join));
        self.send(&Welcome { nick: me, seq, from, resume: token });
        let items = self.shelf.iter().map(|(item, _)| item.clone()).collect();
        let (topic, members) = (self.topic.clone(), self.members.clone());
        let (first, rest) = members.split_at(1);
        let parts = |first, last| Part { first, last };
        let part = parts(true, false);
        self.send(&Snapshot { seq, part, topic, members: first.to_vec(), items });
        let (part, topic) = (parts(false, true), None);
        self.send(&Snapshot { seq, part, topic, members: rest.to_vec(), items: Vec::new() });
        let connection = self.connection.as_mut().unwrap();
        connection.joined = true;
        for event in &self.log[from.0 as usize - 1..] {
            event.encode(&mut connection.out);
        }
    }

    fn history_from(&self, join: &Join) -> Seq {
        let end = self.log.len() as u64 + 1;
        let from = match (join.since, join.since_at) {
            (Some(Seq(since)), Some(at)) => match self.log.get(since as usize - 1) {
                Some(event) if event.at() == at => since + 1,
                // Another event, or none any more: all that may be another.
                _ => self.restarts.iter().min().map_or(1, |end| end + 1),
            },
            _ => match join.history {
                Some(0) => end,
                lines => self.line_from_behind(lines.unwrap_or(50) as usize),
            },
        };
        Seq(from.max(self.held_from).min(end))
    }

    /// Where the last so many lines begin, or the log.
    fn line_from_behind(&self, lines: usize) -> u64 {
        let mut found = self.log.iter().filter(|event| event.is_line()).rev();
        found.nth(lines - 1).map_or(1, |event| event.seq().0)
    }

    fn say(&mut self, me: Nick, say: Say) {
        let Say { id, text, style, repeat } = say;
        let held = &self.log[self.held_from as usize - 1..];
        let is_it =
            |event: &Event| matches!(event, Event::Said(it) if it.id == id && it.text == text);
        if repeat.is_some() && held.iter().any(is_it) {
            return self.send(&Refused { id: Some(id), ..refused(Code::ALREADY_SAID, Say::KIND) });
        }
        self.record(|seq, at| Said { seq, at, nick: me, id, text, style }.into());
    }

    fn offered(&mut self, offer: UploadOffer) {
        let bytes = offer.key.and_then(|key| self.kept.remove(&key)).unwrap_or_default();
        let transfer = offer.transfer.0;
        let answer = if bytes.is_empty() { ready(transfer, 0) } else { ready_at(transfer, &bytes) };
        self.send(&answer);
        let uploads = &mut self.connection.as_mut().unwrap().uploads;
        uploads.insert(offer.transfer, Upload { offer, bytes });
    }

    fn done(&mut self, me: &Nick, done: &UploadDone) {
        let uploads = &mut self.connection.as_mut().unwrap().uploads;
        let Some(upload) = uploads.remove(&done.transfer) else { return };
        assert_eq!(upload.bytes.len() as u64, upload.offer.size);
        assert_eq!(digest(&upload.bytes), done.digest, "content and digest belong together");
        let id = ItemId(self.shelf.last().map_or(1, |(item, _)| item.id.0 + 1));
        let (name, size, digest) = (upload.offer.name, upload.offer.size, done.digest);
        let item = Item::new(id, name, size, digest, me.clone(), AT);
        self.shelf.push((item.clone(), upload.bytes));
        self.record(|seq, at| Shelved { seq, at, item }.into());
        self.send(&UploadStored { transfer: done.transfer, item: id });
    }

    fn requested(&mut self, request: &DownloadRequest) {
        let found = self.shelf.iter().find(|(item, _)| item.id == request.item).cloned();
        let (item, content) = found.expect("only items of the shelf are asked for");
        let (transfer, offset) = (request.transfer, request.offset.unwrap_or(0));
        self.send(&DownloadReady { transfer, offset, item });
        let connection = self.connection.as_mut().unwrap();
        let mut at = offset as usize;
        for chunk in content[at..].chunks(100) {
            connection.out.extend(data_head(transfer, at as u64, chunk.len() as u32));
            connection.out.extend(chunk);
            at += chunk.len();
        }
    }

    /// What was said by everyone but bob.
    pub(super) fn said_by_ada(&self) -> Vec<String> {
        let said = |event: &Event| match event {
            Event::Said(said) if said.nick != nick("bob") => Some(said.text.to_string()),
            _ => None,
        };
        self.log.iter().filter_map(said).collect()
    }
}
