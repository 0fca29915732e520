//! The session over bytes in memory: server frames in, client frames and events out.

use std::time::{Duration, Instant};

use chatshelf_common::id::{Digest, ItemId, MessageId, Seq, TransferId, UnixMillis};
use chatshelf_common::text::{FileName, Message, Nick, Topic};
use chatshelf_common::wire::frame::*;
use chatshelf_common::wire::header::{FLAG_SKIPPABLE, data_head};
use chatshelf_common::wire::{ClientFrame, Code, Deframer, Frame, Header, Unit};

use super::*;

const FILE_BYTES_MAX: u64 = 10_000_000;

fn nick(name: &str) -> Nick {
    Nick::new(name).unwrap()
}

fn message(text: &str) -> Message {
    Message::new(text).unwrap()
}

fn name(text: &str) -> FileName {
    FileName::new(text).unwrap()
}

/// A session with the server's side played by the test.
struct Rig {
    session: Session,
    now: Instant,
    sent: Deframer,
}

/// What the client sent: control frames, and data as transfer, offset and bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sent {
    Frame(ClientFrame),
    Data(u32, u64, Vec<u8>),
}

impl Rig {
    fn new() -> Self {
        let now = Instant::now();
        let session = Session::new(Config { nick: nick("ada"), history: Some(20) }, now);
        Self { session, now, sent: Deframer::joined() }
    }

    /// Joined at seq 42, with bob; whatever that told and sent is forgotten.
    fn joined() -> Self {
        let mut rig = Self::new();
        for bytes in arrival(42, &[]) {
            rig.feed(&bytes).unwrap();
        }
        rig.events();
        rig.sent();
        rig
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        self.session.handle_bytes(bytes, self.now)
    }

    fn give(&mut self, frame: impl Frame) -> Result<(), SessionError> {
        self.feed(&frame.to_bytes())
    }

    fn data(&mut self, transfer: u32, offset: u64, bytes: &[u8]) -> Result<(), SessionError> {
        let head = data_head(TransferId(transfer), offset, bytes.len() as u32);
        self.feed(&[&head[..], bytes].concat())
    }

    fn events(&mut self) -> Vec<SessionEvent> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    fn requests(&mut self) -> Vec<FileRequest> {
        std::iter::from_fn(|| self.session.poll_file_request()).collect()
    }

    /// Everything there is to send, sent.
    fn sent(&mut self) -> Vec<Sent> {
        let mut frames = Vec::new();
        while self.session.has_output() {
            let bytes = self.session.output().concat();
            assert!(!bytes.is_empty());
            self.session.advance_output(bytes.len());
            let mut input = &bytes[..];
            while let Some(unit) = self.sent.next(&mut input).unwrap() {
                frames.push(match unit {
                    Unit::Control { header, value } => {
                        Sent::Frame(ClientFrame::decode(header.kind, value).unwrap())
                    }
                    Unit::Chunk { transfer, offset, bytes } => {
                        Sent::Data(transfer.0, offset, bytes.to_vec())
                    }
                });
            }
        }
        assert!(self.sent.is_between_frames());
        frames
    }

    fn reply(&mut self, reply: FileReply) {
        self.session.handle_file_reply(reply);
    }

    /// The outcome of the one transfer that ended.
    fn outcome(&mut self) -> Outcome {
        let mut ended: Vec<Outcome> = self
            .events()
            .into_iter()
            .filter_map(|event| match event {
                SessionEvent::TransferEnded(_, outcome) => Some(outcome),
                _ => None,
            })
            .collect();
        assert_eq!(ended.len(), 1, "{ended:?}");
        ended.remove(0)
    }

    fn ends(&mut self) -> usize {
        let is_end = |event: &SessionEvent| matches!(event, SessionEvent::TransferEnded(..));
        self.events().iter().filter(|event| is_end(event)).count()
    }
}

fn ack() -> HelloAck {
    HelloAck {
        version: 1,
        capabilities: None,
        software: None,
        file_bytes_max: FILE_BYTES_MAX,
        shelf_items_max: 5,
        transfers_max: 2,
        history_max: 1000,
    }
}

fn snapshot(seq: u64, part: Part, members: &[&str], items: &[Item]) -> Snapshot {
    let members = members.iter().map(|name| nick(name)).collect();
    Snapshot { seq: Seq(seq), part, topic: None, members, items: items.to_vec() }
}

const WHOLE: Part = Part { first: true, last: true };

/// What a server sends up to the whole snapshot at `seq`.
fn arrival(seq: u64, items: &[Item]) -> Vec<Vec<u8>> {
    let welcome = Welcome { nick: nick("ada"), seq: Seq(seq) };
    let snapshot = snapshot(seq, WHOLE, &["ada", "bob"], items);
    vec![ack().to_bytes(), welcome.to_bytes(), snapshot.to_bytes()]
}

fn joined(seq: u64, name: &str) -> Joined {
    Joined { seq: Seq(seq), at: UnixMillis(1), nick: nick(name) }
}

fn said(seq: u64, name: &str, id: u64) -> Said {
    let (at, nick, text) = (UnixMillis(1), nick(name), message("hi"));
    Said { seq: Seq(seq), at, nick, id: MessageId(id), text, style: None }
}

fn item(id: u64, content: &[u8]) -> Item {
    Item {
        id: ItemId(id),
        name: name("notes.txt"),
        size: content.len() as u64,
        digest: blake3::hash(content).into(),
        nick: nick("bob"),
        at: UnixMillis(1),
    }
}

fn shelved(seq: u64, item: Item) -> Shelved {
    Shelved { seq: Seq(seq), at: UnixMillis(1), item }
}

fn refused(code: Code, about: u8) -> Refused {
    Refused { code, about, limit: None, id: None, transfer: None, suggestion: None, detail: None }
}

fn refused_transfer(code: Code, transfer: u32) -> Refused {
    Refused { transfer: Some(TransferId(transfer)), ..refused(code, UploadOffer::KIND) }
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i % 251) as u8).collect()
}

fn digest(content: &[u8]) -> Digest {
    blake3::hash(content).into()
}

// Joining, and the stream itself.

#[test]
fn hello_and_join_are_sent_without_waiting() {
    let sent = Rig::new().sent();
    let [Sent::Frame(ClientFrame::Hello(hello)), Sent::Frame(ClientFrame::Join(join))] = &sent[..]
    else {
        panic!("{sent:?}")
    };
    assert_eq!((hello.magic, hello.version_min, hello.version_max), (MAGIC, 1, 1));
    assert_eq!((join.nick.as_str(), join.history), ("ada", Some(20)));
}

#[test]
fn where_the_servers_bytes_are_cut_makes_no_difference() {
    let mut bytes = arrival(42, &[item(7, b"x")]).concat();
    bytes.extend(said(42, "bob", 9).to_bytes());
    bytes.extend(joined(43, "eve").to_bytes());
    let run = |pieces: &[&[u8]]| {
        let mut rig = Rig::new();
        pieces.iter().for_each(|piece| rig.feed(piece).unwrap());
        let members: Vec<String> = rig.session.room().members().map(Nick::to_string).collect();
        (rig.events(), members)
    };
    let whole = run(&[&bytes]);
    assert_eq!((whole.0.len(), whole.1.len()), (4, 3));
    for cut in 0..=bytes.len() {
        let (a, b) = bytes.split_at(cut);
        assert_eq!(run(&[a, b]), whole, "cut at {cut}");
    }
    assert_eq!(run(&bytes.chunks(1).collect::<Vec<_>>()), whole);
}

#[test]
fn a_refused_nick_can_be_replaced_on_the_same_connection() {
    let mut rig = Rig::new();
    rig.sent();
    rig.give(ack()).unwrap();
    let taken = Refused { suggestion: Some(nick("ada2")), ..refused(Code::NICK_TAKEN, Join::KIND) };
    rig.give(taken).unwrap();
    let suggestion = Some(nick("ada2"));
    let refused =
        SessionEvent::NickRefused { nick: nick("ada"), code: Code::NICK_TAKEN, suggestion };
    assert_eq!(rig.events().last(), Some(&refused));
    rig.session.rejoin(nick("ada2"));
    let join = Join { nick: nick("ada2"), history: Some(20) };
    assert_eq!(rig.sent(), [Sent::Frame(join.into())]);
    rig.give(Welcome { nick: nick("ada2"), seq: Seq(1) }).unwrap();
    rig.give(snapshot(1, WHOLE, &["ada2"], &[])).unwrap();
    assert!(rig.session.is_joined());
    assert_eq!(rig.session.nick(), &nick("ada2"));
}

#[test]
fn commands_before_the_join_are_refused_here() {
    let mut rig = Rig::new();
    rig.sent();
    let not_joined = Err(CommandError::NotJoined);
    assert_eq!(rig.session.say(message("x"), Style::SPEECH), not_joined);
    assert_eq!(rig.session.upload(name("x"), 1).map(drop), not_joined.map(drop));
    assert!(!rig.session.has_output());
}

#[test]
fn a_ping_is_answered_by_one_pong() {
    let mut rig = Rig::joined();
    rig.give(ServerPing {}).unwrap();
    assert_eq!(rig.sent(), [Sent::Frame(Pong {}.into())]);
    rig.give(ServerPong {}).unwrap();
    assert_eq!(rig.sent(), []);
}

#[test]
fn a_silent_server_is_asked_and_then_given_up() {
    let mut rig = Rig::joined();
    let after = |rig: &Rig, seconds| rig.now + Duration::from_secs(seconds);
    assert_eq!(rig.session.poll_timeout(), Some(after(&rig, 60)));
    rig.session.handle_timeout(after(&rig, 59)).unwrap();
    assert_eq!(rig.sent(), []);
    rig.session.handle_timeout(after(&rig, 60)).unwrap();
    rig.session.handle_timeout(after(&rig, 61)).unwrap();
    assert_eq!(rig.sent(), [Sent::Frame(Ping {}.into())]);
    assert_eq!(rig.session.poll_timeout(), Some(after(&rig, 150)));
    let silent = rig.session.handle_timeout(after(&rig, 150));
    assert_eq!(silent, Err(SessionError::Silent { seconds: 150 }));
    let mut rig = Rig::new();
    assert!(rig.session.handle_timeout(after(&rig, 30)).is_err(), "no greeting");
}

#[test]
fn unknown_frames_are_skipped_when_they_say_so_and_refused_otherwise() {
    let frame = |kind, flags| {
        let value = [9, 0, 8, 0, 0, 0, 0, 0, 0, 0, 43];
        let header = Header { kind, flags, length: value.len() as u32 };
        [&header.to_bytes()[..], &value].concat()
    };
    let mut rig = Rig::joined();
    rig.feed(&frame(0x9f, FLAG_SKIPPABLE)).unwrap();
    // An unknown event takes its place in the log: here 43, so 44 is next.
    rig.feed(&frame(0xcf, FLAG_SKIPPABLE)).unwrap();
    rig.give(joined(44, "eve")).unwrap();
    assert_eq!(rig.events().len(), 1);
    for kind in [0x9f, 0xcf, Say::KIND] {
        let error = Rig::joined().feed(&frame(kind, 0));
        assert!(matches!(error, Err(SessionError::Decode(_))), "{kind:#x}");
    }
}

#[test]
fn what_breaks_the_protocol_is_an_error_and_never_a_panic() {
    let ready = UploadReady { transfer: TransferId(1), offset: 0 };
    let not_fields = Header { kind: Welcome::KIND, flags: 0, length: 2 }.to_bytes();
    let too_long = Header { kind: Said::KIND, flags: 0, length: 1 << 20 }.to_bytes();
    let gap = |from, to| Gap { from: Seq(from), to: Seq(to), nick: nick("ada") }.to_bytes();
    for (what, bytes) in [
        ("too long", too_long.to_vec()),
        ("not fields", [&not_fields[..], &[1, 2]].concat()),
        ("not chatshelf", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("second ack", ack().to_bytes()),
        ("second welcome", Welcome { nick: nick("ada"), seq: Seq(1) }.to_bytes()),
        ("snapshot", snapshot(42, WHOLE, &[], &[]).to_bytes()),
        ("upload never offered", ready.to_bytes()),
        ("stored", UploadStored { transfer: TransferId(9), item: ItemId(1) }.to_bytes()),
        ("refused", refused_transfer(Code::STALLED, 3).to_bytes()),
        ("data", [&data_head(TransferId(1), 0, 1)[..], b"x"].concat()),
        ("missing event", joined(45, "eve").to_bytes()),
        ("last of all events", joined(u64::MAX, "eve").to_bytes()),
        ("gap elsewhere", gap(45, 50)),
        ("gap backwards", gap(43, 42)),
        ("gap to the end", gap(44, u64::MAX)),
    ] {
        let mut rig = Rig::joined();
        assert!(rig.feed(&bytes).is_err(), "{what}");
        assert!(rig.session.is_over(), "{what}");
    }
    for bytes in [joined(1, "x").to_bytes(), snapshot(1, WHOLE, &[], &[]).to_bytes()] {
        assert!(Rig::new().feed(&bytes).is_err());
    }
}

#[test]
fn a_gap_up_to_the_last_number_is_an_error_not_an_overflow() {
    let mut rig = Rig::joined();
    rig.give(Gap { from: Seq(43), to: Seq(u64::MAX), nick: nick("ada") }).unwrap();
    assert!(rig.give(snapshot(u64::MAX, WHOLE, &["ada"], &[])).is_err());
}

// The room.

#[test]
fn history_is_shown_but_not_applied_and_live_events_are() {
    let mut rig = Rig::joined();
    rig.give(joined(41, "old")).unwrap();
    rig.give(said(42, "bob", 1)).unwrap();
    rig.give(joined(43, "eve")).unwrap();
    let whens: Vec<When> = rig
        .events()
        .iter()
        .map(|event| match event {
            SessionEvent::Happened { when, .. } => *when,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(whens, [When::History, When::History, When::Live]);
    let members: Vec<&str> = rig.session.room().members().map(Nick::as_str).collect();
    assert_eq!(members, ["ada", "bob", "eve"]);
}

#[test]
fn every_event_changes_the_room_as_it_says() {
    let mut rig = Rig::joined();
    let at = UnixMillis(1);
    let topic = Some(Topic::new("engines").unwrap());
    rig.give(TopicChanged { seq: Seq(43), at, nick: nick("bob"), topic }).unwrap();
    assert_eq!(rig.session.room().topic().unwrap().topic.as_str(), "engines");
    rig.give(TopicChanged { seq: Seq(44), at, nick: nick("bob"), topic: None }).unwrap();
    assert_eq!(rig.session.room().topic(), None);
    rig.give(shelved(45, item(7, b"a"))).unwrap();
    rig.give(shelved(46, item(8, b"b"))).unwrap();
    assert_eq!(rig.session.room().item_named("notes.txt").unwrap().id, ItemId(8), "the newest");
    rig.give(Dropped { seq: Seq(47), at, item: ItemId(7), name: name("notes.txt") }).unwrap();
    assert_eq!(rig.session.room().shelf().len(), 1);
    rig.give(Renamed { seq: Seq(48), at, nick: nick("bob"), to: nick("bo") }).unwrap();
    rig.give(Renamed { seq: Seq(49), at, nick: nick("ada"), to: nick("lovelace") }).unwrap();
    assert_eq!(rig.session.nick(), &nick("lovelace"));
    rig.give(Left { seq: Seq(50), at, nick: nick("bo"), code: Code::LEFT }).unwrap();
    assert_eq!(rig.session.room().members().count(), 1);
    assert_eq!(rig.session.room().seq(), Seq(50));
}

#[test]
fn a_snapshot_in_parts_is_whole_with_the_last() {
    let mut rig = Rig::new();
    rig.give(ack()).unwrap();
    rig.give(Welcome { nick: nick("ada"), seq: Seq(5) }).unwrap();
    let part = |first, last| Part { first, last };
    rig.give(snapshot(5, part(true, false), &["ada"], &[item(1, b"")])).unwrap();
    rig.give(snapshot(5, part(false, false), &["bob"], &[])).unwrap();
    assert!(!rig.session.is_joined());
    rig.give(snapshot(5, part(false, true), &["eve"], &[])).unwrap();
    assert!(rig.session.is_joined());
    assert_eq!(rig.session.room().members().count(), 3);
    assert_eq!(rig.session.room().shelf().len(), 1);
}

#[test]
fn a_private_receipt_counts_though_it_overtakes_our_new_name() {
    let mut rig = Rig::joined();
    rig.session.rename(nick("eve")).unwrap();
    let id = rig.session.tell(nick("bob"), message("hi")).unwrap();
    let told = |from| Told {
        at: UnixMillis(1),
        from: nick(from),
        to: nick("bob"),
        id,
        text: message("hi"),
    };
    rig.give(told("bob")).unwrap();
    assert_eq!(rig.session.outstanding(), 2, "another member's number is not ours");
    rig.give(told("eve")).unwrap();
    assert_eq!(rig.session.outstanding(), 1);
}

#[test]
fn a_gap_replaces_the_room_and_ends_the_wait_for_receipts() {
    let mut rig = Rig::joined();
    rig.session.say(message("x"), Style::SPEECH).unwrap();
    rig.session.rename(nick("lovelace")).unwrap();
    assert_eq!(rig.session.outstanding(), 2);
    rig.give(Gap { from: Seq(43), to: Seq(99), nick: nick("lovelace") }).unwrap();
    assert_eq!(rig.events(), [], "not before the snapshot");
    rig.give(snapshot(99, WHOLE, &["lovelace", "zoe"], &[item(3, b"")])).unwrap();
    let gap = SessionEvent::Gap { from: Seq(43), to: Seq(99), unconfirmed: 1 };
    assert_eq!(rig.events(), [gap]);
    assert_eq!(rig.session.outstanding(), 0);
    assert_eq!(rig.session.nick(), &nick("lovelace"), "renamed in the gap");
    rig.give(joined(100, "eve")).unwrap();
    assert_eq!(rig.session.room().members().count(), 3);
    assert!(rig.give(joined(100, "eve")).is_err(), "no event comes twice");
}

// Talking.

#[test]
fn a_receipt_is_our_nick_and_number_in_a_live_event() {
    let mut rig = Rig::joined();
    let id = rig.session.say(message("x"), Style::SPEECH).unwrap();
    rig.give(said(42, "ada", id.0)).unwrap();
    assert_eq!(rig.session.outstanding(), 1, "history is no receipt");
    rig.give(said(43, "bob", id.0)).unwrap();
    assert_eq!(rig.session.outstanding(), 1, "nor is another's");
    rig.give(said(44, "ada", id.0)).unwrap();
    assert_eq!(rig.session.outstanding(), 0);
}

#[test]
fn a_refusal_ends_the_wait_for_what_it_is_about() {
    let mut rig = Rig::joined();
    let id = rig.session.say(message("x"), Style::SPEECH).unwrap();
    rig.session.tell(nick("nobody"), message("x")).unwrap();
    rig.session.rename(nick("bob")).unwrap();
    rig.session.set_topic(None).unwrap();
    assert_eq!(rig.session.outstanding(), 4);
    rig.give(Refused { id: Some(id), ..refused(Code::TEXT_INVALID, Say::KIND) }).unwrap();
    rig.give(refused(Code::NO_SUCH_MEMBER, Tell::KIND)).unwrap();
    rig.give(refused(Code::NICK_TAKEN, Rename::KIND)).unwrap();
    rig.give(refused(Code::TEXT_INVALID, SetTopic::KIND)).unwrap();
    assert_eq!(rig.session.outstanding(), 0);
    assert_eq!(rig.events().len(), 4);
}

#[test]
fn leaving_ends_the_transfers_and_waits_for_goodbye() {
    let mut rig = Rig::joined();
    rig.session.upload(name("a"), 5).unwrap();
    rig.session.leave();
    assert_eq!(rig.outcome(), Outcome::Cancelled);
    assert!(matches!(rig.sent().last(), Some(Sent::Frame(ClientFrame::Leave(_)))));
    rig.give(UploadReady { transfer: TransferId(1), offset: 0 }).unwrap();
    let left = Left { seq: Seq(43), at: UnixMillis(1), nick: nick("ada"), code: Code::LEFT };
    rig.give(left).unwrap();
    let bye = Goodbye {
        code: Code::LEFT,
        limit: None,
        version_min: None,
        version_max: None,
        detail: None,
    };
    rig.give(bye.clone()).unwrap();
    assert_eq!(rig.events().last(), Some(&SessionEvent::Goodbye(bye)));
    assert!(rig.session.is_over() && rig.session.poll_timeout().is_none());
}

// Uploads.

/// Plays the file keeper for an upload of `content` until nothing more is asked for.
fn keep_upload(rig: &mut Rig, content: &[u8]) -> Vec<Sent> {
    let mut sent = Vec::new();
    loop {
        let requests = rig.requests();
        if requests.is_empty() {
            return sent;
        }
        let reads = requests.iter().filter(|r| matches!(r, FileRequest::Read { .. })).count();
        assert!(reads <= usize::from(BLOCKS_IN_FLIGHT_MAX));
        for request in requests {
            match request {
                FileRequest::Read { transfer, offset, length, buffer } => {
                    assert!(buffer.is_empty() && (1..=BLOCK_BYTES).contains(&length));
                    let block = content[offset as usize..offset as usize + length].to_vec();
                    rig.reply(FileReply::Block { transfer, block });
                }
                FileRequest::Hash { transfer } => {
                    rig.reply(FileReply::Hashed { transfer, digest: digest(content) });
                }
                other => panic!("{other:?}"),
            }
        }
        sent.extend(rig.sent());
    }
}

#[test]
fn an_upload_of_any_size_is_offered_sent_whole_and_done() {
    for size in [0, 1, 65_536, 65_537, BLOCK_BYTES, 3 * BLOCK_BYTES + 7] {
        let content = pattern(size);
        let mut rig = Rig::joined();
        let transfer = rig.session.upload(name("a"), size as u64).unwrap();
        let offer = UploadOffer { transfer, name: name("a"), size: size as u64 };
        assert_eq!(rig.sent(), [Sent::Frame(offer.into())]);
        assert_eq!(rig.requests(), [], "not before UploadReady");
        rig.give(UploadReady { transfer, offset: 0 }).unwrap();
        let mut sent = keep_upload(&mut rig, &content);
        sent.extend(rig.sent());
        let mut arrived = Vec::new();
        let done = sent.pop();
        for frame in sent {
            let Sent::Data(1, offset, bytes) = frame else { panic!("{frame:?}") };
            assert_eq!(offset, arrived.len() as u64);
            arrived.extend(bytes);
        }
        assert!(arrived == content, "{size}");
        let digest = digest(&content);
        assert_eq!(done, Some(Sent::Frame(UploadDone { transfer, digest }.into())));
        assert_eq!(rig.ends(), 0, "done is said only on UploadStored");
        rig.give(UploadStored { transfer, item: ItemId(7) }).unwrap();
        assert_eq!(rig.outcome(), Outcome::Uploaded(ItemId(7)));
        assert_eq!(rig.session.uploads_outstanding(), 1, "the room has not shown it");
        rig.give(shelved(43, item(7, &content))).unwrap();
        assert_eq!(rig.session.uploads_outstanding(), 0);
    }
}

#[test]
fn the_room_may_show_an_upload_before_it_is_said_to_be_stored() {
    let mut rig = Rig::joined();
    let transfer = rig.session.upload(name("a"), 0).unwrap();
    rig.give(UploadReady { transfer, offset: 0 }).unwrap();
    keep_upload(&mut rig, b"");
    rig.sent();
    rig.give(shelved(43, item(7, b""))).unwrap();
    assert_eq!(rig.session.uploads_outstanding(), 1);
    rig.give(UploadStored { transfer, item: ItemId(7) }).unwrap();
    assert_eq!(rig.session.uploads_outstanding(), 0);
}

#[test]
fn a_resumed_upload_begins_where_the_server_says() {
    let content = pattern(100_000);
    let mut rig = Rig::joined();
    let transfer = rig.session.upload(name("a"), 100_000).unwrap();
    rig.sent();
    rig.give(UploadReady { transfer, offset: 99_990 }).unwrap();
    let sent = keep_upload(&mut rig, &content);
    assert_eq!(sent[0], Sent::Data(1, 99_990, content[99_990..].to_vec()));
    let mut rig = Rig::joined();
    let transfer = rig.session.upload(name("a"), 5).unwrap();
    assert!(rig.give(UploadReady { transfer, offset: 6 }).is_err());
}

#[test]
fn what_the_server_would_not_take_is_not_offered() {
    let mut rig = Rig::joined();
    let too_large = rig.session.upload(name("a"), FILE_BYTES_MAX + 1);
    assert_eq!(too_large, Err(CommandError::FileTooLarge { limit: FILE_BYTES_MAX }));
    assert!(!rig.session.has_output());
    assert!(rig.session.upload(name("a"), FILE_BYTES_MAX).is_ok());
}

#[test]
fn a_refused_upload_ends_and_its_late_blocks_go_nowhere() {
    for after_ready in [false, true] {
        let mut rig = Rig::joined();
        let transfer = rig.session.upload(name("a"), 100).unwrap();
        rig.sent();
        if after_ready {
            rig.give(UploadReady { transfer, offset: 0 }).unwrap();
        }
        rig.give(refused_transfer(Code::STORAGE_FULL, 1)).unwrap();
        let Outcome::Refused(refused) = rig.outcome() else { panic!() };
        assert_eq!(refused.code, Code::STORAGE_FULL);
        assert_eq!(rig.requests().last(), Some(&FileRequest::Discard { transfer }));
        rig.reply(FileReply::Block { transfer, block: pattern(100) });
        rig.reply(FileReply::Hashed { transfer, digest: digest(b"") });
        assert_eq!(rig.sent(), [], "not even a Cancel");
    }
}

#[test]
fn a_cancelled_upload_stops_at_the_next_frame_and_tells_the_server() {
    let mut rig = Rig::joined();
    let transfer = rig.session.upload(name("a"), 300_000).unwrap();
    rig.sent();
    rig.give(UploadReady { transfer, offset: 0 }).unwrap();
    rig.reply(FileReply::Block { transfer, block: pattern(BLOCK_BYTES) });
    assert!(!rig.session.output()[0].is_empty());
    rig.session.advance_output(1);
    rig.session.cancel(transfer).unwrap();
    assert_eq!(rig.outcome(), Outcome::Cancelled);
    let head = data_head(transfer, 0, 65_536);
    assert!(rig.sent.next(&mut &head[..1]).unwrap().is_none());
    let sent = rig.sent();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(matches!(&sent[0], Sent::Data(1, 0, bytes) if bytes.len() == 65_536));
    assert_eq!(sent[1], Sent::Frame(Cancel { transfer }.into()));
    rig.give(refused_transfer(Code::CANCELLED, 1)).unwrap();
    assert_eq!(rig.ends(), 0, "it ended once");
    assert_eq!(rig.session.cancel(transfer), Err(CommandError::NoSuchTransfer));
}

#[test]
fn an_upload_that_is_done_can_not_be_called_back() {
    let mut rig = Rig::joined();
    let transfer = rig.session.upload(name("a"), 0).unwrap();
    rig.give(UploadReady { transfer, offset: 0 }).unwrap();
    keep_upload(&mut rig, b"");
    assert_eq!(rig.session.cancel(transfer), Err(CommandError::TooLate));
}

#[test]
fn a_file_that_fails_cancels_its_upload() {
    let mut rig = Rig::joined();
    let transfer = rig.session.upload(name("a"), 10).unwrap();
    rig.give(UploadReady { transfer, offset: 0 }).unwrap();
    rig.sent();
    rig.reply(FileReply::Failed { transfer, why: "it shrank".into() });
    assert_eq!(rig.outcome(), Outcome::Failed("it shrank".into()));
    assert_eq!(rig.sent(), [Sent::Frame(Cancel { transfer }.into())]);
}

#[test]
fn transfers_beyond_the_limit_wait_their_turn_in_order() {
    let mut rig = Rig::joined();
    let ids: Vec<TransferId> = (0..4).map(|_| rig.session.upload(name("a"), 5).unwrap()).collect();
    assert_eq!(rig.sent().len(), 2, "the server takes two");
    rig.session.cancel(ids[2]).unwrap();
    assert_eq!(rig.sent(), [], "a queued one is cancelled without a word");
    let ready = UploadReady { transfer: ids[3], offset: 0 };
    rig.give(refused_transfer(Code::STALLED, 1)).unwrap();
    let offer = UploadOffer { transfer: ids[3], name: name("a"), size: 5 };
    assert_eq!(rig.sent(), [Sent::Frame(offer.into())]);
    rig.give(ready).unwrap();
    assert_eq!(rig.session.transfers().count(), 2);
}

// Downloads.

/// A download of `content` that has begun; what that told and sent is forgotten.
fn begun(content: &[u8]) -> (Rig, TransferId) {
    let mut rig = Rig::joined();
    let transfer = rig.session.download(ItemId(7)).unwrap();
    let request = DownloadRequest { transfer, item: ItemId(7), offset: None };
    assert_eq!(rig.sent(), [Sent::Frame(request.into())]);
    let item = item(7, content);
    rig.give(DownloadReady { transfer, offset: 0, item: item.clone() }).unwrap();
    rig.events();
    (rig, transfer)
}

#[test]
fn a_download_of_any_size_is_handed_on_verified_and_kept() {
    for size in [0, 1, 65_536, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES] {
        let content = pattern(size);
        let (mut rig, transfer) = begun(&content);
        let mut written = Vec::new();
        let mut hashes = 0;
        for (place, bytes) in content.chunks(65_536).enumerate() {
            rig.data(1, place as u64 * 65_536, bytes).unwrap();
        }
        for request in rig.requests() {
            match request {
                FileRequest::Create { item, .. } => assert_eq!(item.size, size as u64),
                FileRequest::Write { block, .. } => written.extend(block),
                FileRequest::Hash { .. } => hashes += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(written == content && hashes == 1, "{size}");
        rig.reply(FileReply::Hashed { transfer, digest: digest(&content) });
        assert_eq!(rig.requests(), [FileRequest::Keep { transfer }]);
        assert_eq!(rig.ends(), 0, "not before it is kept");
        rig.reply(FileReply::Kept { transfer });
        assert_eq!(rig.outcome(), Outcome::Downloaded);
    }
}

#[test]
fn a_download_with_another_digest_is_not_kept() {
    let (mut rig, transfer) = begun(b"hello");
    rig.data(1, 0, b"hellO").unwrap();
    rig.requests();
    rig.reply(FileReply::Hashed { transfer, digest: digest(b"hellO") });
    assert_eq!(rig.outcome(), Outcome::DigestMismatch);
    assert_eq!(rig.requests(), [FileRequest::Discard { transfer }]);
}

#[test]
fn a_slow_file_stops_the_reading_of_the_socket() {
    let content = pattern(4 * BLOCK_BYTES);
    let (mut rig, transfer) = begun(&content);
    let mut fed = 0;
    while rig.session.wants_input() {
        rig.data(1, fed as u64, &content[fed..fed + 65_536]).unwrap();
        fed += 65_536;
    }
    assert_eq!(fed, 2 * BLOCK_BYTES, "two blocks are on their way");
    let hour = rig.now + Duration::from_secs(3600);
    rig.session.handle_timeout(hour).unwrap();
    rig.reply(FileReply::Written { transfer, buffer: Vec::new() });
    assert!(rig.session.wants_input());
}

#[test]
fn data_elsewhere_or_beyond_the_size_is_an_error() {
    for (offset, bytes) in [(1, &b"x"[..]), (0, b"hello!"), (u64::MAX, b"x")] {
        let (mut rig, _) = begun(b"hello");
        assert!(rig.data(1, offset, bytes).is_err(), "{offset} {bytes:?}");
    }
    let (mut rig, _) = begun(b"hello");
    rig.data(1, 0, b"hello").unwrap();
    assert!(rig.data(1, 5, b"x").is_err(), "beyond the end");
    let mut rig = Rig::joined();
    let transfer = rig.session.download(ItemId(7)).unwrap();
    assert!(rig.data(1, 0, b"x").is_err(), "before DownloadReady");
    let mut rig2 = Rig::joined();
    rig2.session.download(ItemId(7)).unwrap();
    let ready = DownloadReady { transfer, offset: 0, item: item(8, b"") };
    assert!(rig2.give(ready).is_err(), "another item");
}

#[test]
fn data_of_a_cancelled_download_is_discarded() {
    let (mut rig, transfer) = begun(b"hello");
    rig.data(1, 0, b"he").unwrap();
    rig.requests();
    rig.session.cancel(transfer).unwrap();
    assert_eq!(rig.outcome(), Outcome::Cancelled);
    assert_eq!(rig.sent(), [Sent::Frame(Cancel { transfer }.into())]);
    assert_eq!(rig.requests(), [FileRequest::Discard { transfer }]);
    rig.data(1, 2, b"llo").unwrap();
    rig.give(refused_transfer(Code::CANCELLED, 1)).unwrap();
    assert_eq!(rig.requests(), []);
    assert_eq!(rig.ends(), 0);
}

#[test]
fn a_dropped_item_is_refused_by_the_server() {
    let mut rig = Rig::joined();
    rig.session.download(ItemId(2)).unwrap();
    rig.give(refused_transfer(Code::ITEM_DROPPED, 1)).unwrap();
    assert!(matches!(rig.outcome(), Outcome::Refused(r) if r.code == Code::ITEM_DROPPED));
}

#[test]
fn a_file_that_can_not_be_written_cancels_its_download_while_it_runs() {
    let (mut rig, transfer) = begun(b"hello");
    rig.reply(FileReply::Failed { transfer, why: "disk full".into() });
    assert_eq!(rig.outcome(), Outcome::Failed("disk full".into()));
    assert_eq!(rig.sent(), [Sent::Frame(Cancel { transfer }.into())]);
}

#[test]
fn random_bytes_never_panic() {
    use proptest::prelude::*;
    proptest!(|(bytes: Vec<u8>, cut in 0_usize..500)| {
        // After a good beginning, so that more than the first header is met.
        let mut stream = arrival(42, &[item(7, b"x")]).concat();
        stream.truncate(cut);
        stream.extend(bytes);
        let mut rig = Rig::new();
        let _ = rig.feed(&stream);
        let _ = rig.events();
    });
}

#[test]
fn one_changed_byte_never_panics() {
    use proptest::prelude::*;
    let mut stream = arrival(42, &[item(7, b"x")]).concat();
    stream.extend(said(42, "bob", 1).to_bytes());
    stream.extend(shelved(43, item(8, b"y")).to_bytes());
    proptest!(|(place in 0..stream.len(), byte: u8)| {
        let mut stream = stream.clone();
        stream[place] = byte;
        let _ = Rig::new().feed(&stream);
    });
}
