//! Malicious peers: nothing that they send acts on the terminal, and a server that breaks
//! the protocol is left with one sentence, never with a panic.

use chatshelf_common::id::{ItemId, MessageId, Seq, TransferId, UnixMillis};
use chatshelf_common::text::{Message, Note, Topic};
use chatshelf_common::wire::frame::{
    DownloadReady, Frame, Goodbye, Joined, Refused, Said, Say, ServerPing, SetTopic, Shelved, Tell,
    Told, TopicChanged, UploadOffer, UploadReady, UploadStored, Welcome,
};
use chatshelf_common::wire::header::{Header, data_head};
use chatshelf_common::wire::{ClientFrame, Code};
use chatshelf_testkit::fake_server::{FakeServer, Guest, JOINED_AT, said};
use chatshelf_testkit::files::names;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::{Ended, Program};
use chatshelf_testkit::samples::{item, nick};
use chatshelf_testkit::server_frames::{hello_ack, snapshot, welcome};

use crate::harness::room::{Room, client_of, client_with, joined_client, spoken};

/// Turns the text behind it around, and back.
const OVERRIDE: &str = "\u{202e}gpj.exe\u{202c}";

/// Checks that a client's output can do nothing but show text.
#[track_caller]
fn is_harmless(output: &str) {
    let acts = |c: char| {
        (c.is_control() && c != '\n' && c != '\t') || chatshelf_common::text::is_invisible_format(c)
    };
    assert!(!output.contains(acts), "{output:?}");
}

/// The frame with some of its bytes replaced by as many others, which no type could hold.
fn patched(frame: &impl Frame, old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = frame.to_bytes();
    let found = bytes.windows(old.len()).position(|part| part == old.as_bytes());
    let start = found.expect("the bytes to replace");
    bytes[start..start + old.len()].copy_from_slice(new.as_bytes());
    bytes
}

#[test]
fn text_that_reorders_its_neighbours_is_made_harmless() {
    let room = Room::open();
    let mut ada = room.join("ada");
    let mut peer = Peer::join(room.address(), "peer");
    let text = Message::new(OVERRIDE).unwrap();
    peer.say(OVERRIDE);
    peer.send(&SetTopic { topic: Topic::new(OVERRIDE).ok() });
    let to = nick("ada");
    peer.send(&Tell { id: MessageId(2), to, text });
    ada.shows("→ you]");
    ada.shows("set the topic");
    ada.types("/topic");
    ada.shows("-- topic: ");
    let ended = ada.leave();
    assert_eq!(ended.stdout.matches("\u{fffd}gpj.exe\u{fffd}").count(), 4, "{}", ended.stdout);
    is_harmless(&ended.stdout);
}

#[test]
fn escapes_of_a_peer_do_not_pass_the_server() {
    let room = Room::open();
    let ada = room.join("ada");
    let mut peer = Peer::join(room.address(), "peer");
    let text = Message::new("XX[2Jgone").unwrap();
    let say = Say { id: MessageId(1), text, style: None, repeat: None };
    for escape in ["\x1b\x1b", "\u{9b}", "\x07\x08"] {
        peer.send_bytes(&patched(&say, "XX", escape));
        assert_eq!(peer.refused().code, Code::TEXT_INVALID);
    }
    peer.say("after");
    let ended = ada.leave();
    assert!(!ended.stdout.contains("gone"));
    is_harmless(&ended.stdout);
}

/// Lets a client join a server that then misbehaves; how that ended.
#[track_caller]
fn met_with(misbehave: impl FnOnce(&mut Guest)) -> Ended {
    let dir = tempfile::tempdir().unwrap();
    let (ada, mut guest) = joined_client(&FakeServer::open(), dir.path());
    misbehave(&mut guest);
    let ended = ada.wait();
    assert_eq!(names(dir.path()).len(), 0, "no file is made");
    ended
}

/// Checks that a client that is sent these bytes says what is wrong and ends.
#[track_caller]
fn is_understood_as_broken(bytes: &[u8]) -> Ended {
    let ended = met_with(|guest| guest.send_bytes(bytes));
    ended.has_code(1);
    let complaint = ended.complaint();
    let expected = "the server sent something that cannot be understood";
    assert!(complaint.contains(expected), "{complaint}");
    is_harmless(&ended.stderr);
    is_harmless(&ended.stdout);
    ended
}

#[test]
fn a_download_that_is_not_what_the_shelf_shows_ends_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    for offered in [
        item(1, "f", 7, blake3::hash(b"another")),
        item(1, "f", 8, blake3::hash(b"content")),
        item(1, "other", 7, blake3::hash(b"content")),
    ] {
        let server = FakeServer::open();
        let (client, mut guest) = client_with(&server, dir.path(), &["download", "f"]);
        guest.welcome_to(vec![item(1, "f", 7, blake3::hash(b"content"))]);
        guest.begin_download(offered, b"content");
        let ended = client.wait();
        ended.has_code(1);
        assert!(ended.complaint().contains("another file than the shelf"), "{}", ended.stderr);
        assert_eq!((ended.stdout.as_str(), names(dir.path()).len()), ("", 0));
    }
}

#[test]
fn text_with_escapes_from_a_server_is_not_shown() {
    let at = UnixMillis(0);
    let seq = JOINED_AT.next();
    let escapes = "\x1b[2J";
    let from_to = |name: &str| Told {
        at,
        from: nick(name),
        to: nick("ada"),
        id: MessageId(1),
        text: Message::new("ZZZZ").unwrap(),
    };
    let shelved = Shelved { seq, at, item: item(1, "ZZZZ", 1, blake3::hash(b"")) };
    let topic = TopicChanged { seq, at, nick: nick("bob"), topic: Topic::new("ZZZZ").ok() };
    let detail = Some(Note::new("ZZZZ").unwrap());
    for bytes in [
        patched(&said(0, "ZZZZ"), "ZZZZ", escapes),
        patched(&from_to("bob"), "ZZZZ", escapes),
        patched(&Joined { seq, at, nick: nick("ZZZZ"), quiet: None }, "ZZZZ", escapes),
        patched(&Joined { seq, at, nick: nick("ZZZZ"), quiet: None }, "ZZZ", "\u{202e}"),
        patched(&shelved, "ZZZZ", escapes),
        patched(&shelved, "ZZZ", "\u{202e}"),
        patched(&shelved, "ZZZ", "../"),
        patched(&topic, "ZZZZ", escapes),
        patched(&Goodbye { detail, ..Goodbye::new(Code::SHUTTING_DOWN) }, "ZZZZ", escapes),
    ] {
        is_understood_as_broken(&bytes);
    }
}

#[test]
fn notes_of_a_server_are_shown_harmless() {
    let detail = Some(Note::new(OVERRIDE).unwrap());
    let ended = met_with(|guest| {
        guest.send(&Goodbye { detail, ..Goodbye::new(Code::SHUTTING_DOWN) });
    });
    ended.has_code(1);
    let complaint = ended.complaint();
    assert!(complaint.contains("shutting down: \u{fffd}gpj.exe\u{fffd}"), "{complaint}");
    is_harmless(&ended.stderr);
}

#[test]
fn a_code_of_later_versions_is_shown_by_its_number() {
    let ended = met_with(|guest| guest.send(&Goodbye::new(Code(999))));
    ended.has_code(1);
    assert!(ended.complaint().contains("999"), "{}", ended.stderr);
}

#[test]
fn a_server_that_breaks_the_protocol_is_left_with_one_sentence() {
    let header = |kind, length| Header { kind, flags: 0, length }.to_bytes().to_vec();
    let said_at = |seq| Said { seq: Seq(seq), ..said(0, "out of order") }.to_bytes();
    let (transfer, stored) = (TransferId(1), ItemId(1));
    let unasked = item(1, "f", 1, blake3::hash(b""));
    for (what, bytes) in [
        ("another protocol", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("a length over the limit", header(0xC0, u32::MAX)),
        ("data without content", header(0x20, 12)),
        ("a type that does not exist", header(0x7f, 0)),
        ("missing fields", header(0x82, 0)),
        ("a field cut short", [header(0x82, 3), vec![7, 0xff, 0xff]].concat()),
        ("a second HelloAck", hello_ack().to_bytes()),
        ("a second welcome", welcome(nick("ada"), JOINED_AT).to_bytes()),
        ("a second snapshot", snapshot(vec![nick("ada")], JOINED_AT).to_bytes()),
        ("a missing event", said_at(JOINED_AT.0 + 2)),
        ("missing history", [said_at(3), said_at(5)].concat()),
        ("an event twice", [said_at(JOINED_AT.0 + 1), said_at(JOINED_AT.0 + 1)].concat()),
        ("the last of all numbers", said_at(u64::MAX)),
        ("data nobody asked for", [&data_head(transfer, 0, 1)[..], b"x"].concat()),
        ("readiness for no upload", UploadReady { transfer, offset: 0, digest: None }.to_bytes()),
        ("no upload stored", UploadStored { transfer, item: stored }.to_bytes()),
        (
            "a download nobody asked for",
            DownloadReady { transfer, offset: 0, item: unasked }.to_bytes(),
        ),
        ("the refusal of no transfer", refusal_of(transfer).to_bytes()),
    ] {
        // Shown when it fails.
        println!("{what}");
        is_understood_as_broken(&bytes);
    }
}

fn refusal_of(transfer: TransferId) -> Refused {
    let (code, about, transfer) = (Code::STALLED, UploadOffer::KIND, Some(transfer));
    Refused { transfer, ..Refused::new(code, about) }
}

#[test]
fn a_server_that_is_not_chatshelf_is_recognised_before_the_join_too() {
    for bytes in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2\r\n"] {
        let dir = tempfile::tempdir().unwrap();
        let (ada, mut guest) = client_of(&FakeServer::open(), dir.path());
        guest.send_bytes(bytes);
        let ended = ada.wait();
        ended.has_code(1);
        assert!(ended.complaint().contains("cannot be understood"), "{}", ended.stderr);
    }
}

#[test]
fn a_stream_that_ends_inside_a_frame_is_a_lost_connection() {
    let bytes = said(0, "half of it").to_bytes();
    for end in [1, 5, 6, 20, bytes.len() - 1] {
        let dir = tempfile::tempdir().unwrap();
        let (ada, mut guest) = joined_client(&FakeServer::open(), dir.path());
        guest.send_bytes(&bytes[..end]);
        drop(guest);
        let ended = ada.wait();
        ended.has_code(1);
        assert!(ended.complaint().contains("lost the connection"), "{}", ended.stderr);
        assert_eq!(spoken(&ended.stdout).len(), 0);
    }
}

/// Lets a client ask for an item; `answer` has the number of the transfer.
fn downloads(answer: impl FnOnce(&mut Guest, TransferId)) -> (Ended, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let (mut ada, mut guest) = joined_client(&FakeServer::open(), dir.path());
    ada.types("/download 1");
    ada.close_input();
    let transfer = guest.download_asked();
    answer(&mut guest, transfer);
    let ended = ada.wait();
    (ended, names(dir.path()))
}

#[test]
fn content_with_another_digest_is_not_kept() {
    let (ended, names) = downloads(|guest, transfer| {
        let item = item(1, "f", 7, blake3::hash(b"content"));
        guest.send(&DownloadReady { transfer, offset: 0, item });
        guest.send_data(transfer, 0, b"corrupt");
        guest.see_off();
    });
    ended.has_code(1);
    assert!(ended.line("!! f not downloaded").contains("damaged"));
    assert_eq!(names.len(), 0);
}

#[test]
fn more_content_than_announced_is_not_kept() {
    let (ended, names) = downloads(|guest, transfer| {
        let item = item(1, "f", 7, blake3::hash(b"content"));
        guest.send(&DownloadReady { transfer, offset: 0, item });
        guest.send_data(transfer, 0, b"content and more");
    });
    ended.has_code(1);
    assert!(ended.complaint().contains("cannot be understood"), "{}", ended.stderr);
    assert_eq!(names.len(), 0);
}

#[test]
fn content_out_of_place_is_not_kept() {
    let (ended, names) = downloads(|guest, transfer| {
        let item = item(1, "f", 7, blake3::hash(b"content"));
        guest.send(&DownloadReady { transfer, offset: 0, item });
        guest.send_data(transfer, 3, b"tent");
    });
    ended.has_code(1);
    assert!(ended.complaint().contains("cannot be understood"), "{}", ended.stderr);
    assert_eq!(names.len(), 0);
}

#[test]
fn a_size_no_disk_holds_is_a_failure_like_any_other() {
    let (ended, names) = downloads(|guest, transfer| {
        let item = item(1, "f", u64::MAX, blake3::hash(b""));
        guest.send(&DownloadReady { transfer, offset: 0, item });
        guest.send_data(transfer, 0, b"begins");
        guest.wait(|frame| matches!(frame, ClientFrame::Cancel(_)).then_some(()));
        guest.send(&Goodbye::new(Code::SHUTTING_DOWN));
    });
    ended.has_code(1);
    ended.line("!! f not downloaded: it needs 18.4 EB, but ");
    assert_eq!(names.len(), 0);
}

/// A server that says what `greets` has it say, and then pings for ever: it is there, and does
/// nothing. How each command ends for which it does nothing.
fn does_nothing_for(commands: &[&[&str]], greets: fn(&mut Guest)) -> Vec<Ended> {
    let server = FakeServer::open();
    let dir = tempfile::tempdir().unwrap();
    let mut clients = Vec::new();
    for arguments in commands {
        let arguments = [&["--name", "ada"], *arguments].concat();
        let (client, mut guest) = client_with(&server, dir.path(), &arguments);
        let pings = std::thread::spawn(move || {
            greets(&mut guest);
            while guest.try_send(&ServerPing {}) {
                std::thread::sleep(std::time::Duration::from_millis(500));
            }
        });
        clients.push((client, pings));
    }
    let wait = |(client, pings): (Program, std::thread::JoinHandle<()>)| {
        let ended = client.wait_for(std::time::Duration::from_secs(120));
        pings.join().unwrap();
        ended
    };
    clients.into_iter().map(wait).collect()
}

#[test]
fn a_one_shot_command_does_not_wait_for_ever_to_join() {
    let commands: [&[&str]; 3] = [&["list"], &["send", "hi"], &["tail", "--follow"]];
    for ended in does_nothing_for(&commands, |_| {}) {
        ended.has_code(1);
        let complaint = ended.complaint();
        assert!(complaint.contains("did not let you into the room within 60 s"), "{complaint}");
    }
}

#[test]
fn a_script_does_not_wait_for_ever_for_a_server_that_does_nothing() {
    let commands: [&[&str]; 2] = [&["send", "hi"], &["tail"]];
    let ended = does_nothing_for(&commands, |guest| {
        let nick = nick("ada");
        guest.send(&hello_ack());
        // A line of history is announced, and never comes.
        guest.send(&Welcome { from: JOINED_AT, ..welcome(nick.clone(), JOINED_AT) });
        guest.send(&snapshot(vec![nick], JOINED_AT));
    });
    for ended in ended {
        ended.has_code(1);
        let told = ended.stderr.contains("has not done what was asked within 60 s");
        assert!(told, "{}", ended.stderr);
    }
}
