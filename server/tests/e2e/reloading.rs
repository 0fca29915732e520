//! SIGHUP: what a running server takes up from its configuration file, and what becomes of those
//! who know the old settings.

use std::process::Command;

use chatshelf_common::id::ItemId;
use chatshelf_common::limits::{VERSION_MAX, VERSION_MIN};
use chatshelf_common::wire::frame::Hello;
use chatshelf_common::wire::{Code, Event, ServerFrame};
use chatshelf_testkit::files::names;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::Server;
use chatshelf_testkit::raw::hello_and_join;
use chatshelf_testkit::samples::{content, digest, file_name};
use chatshelf_testkit::wait::eventually;

use crate::harness::place::Place;

/// The settings of each of these servers, before those that a test is about.
const BASE: &str = "bind = 127.0.0.1\nport = 0\ndata-dir = data\n";

/// A server whose settings change while it runs.
struct Changing {
    place: Place,
    server: Server,
    /// How often it has reloaded.
    reloads: usize,
}

impl Changing {
    fn start(settings: &str) -> Self {
        let place = Place::with(format!("{BASE}{settings}"));
        let mut command: Command = place.server(&[]);
        let server = Server::run(command.env("RUST_LOG", "info"));
        Self { place, server, reloads: 0 }
    }

    /// Makes it reload its file, which now has these settings, and answers what it logs of that.
    #[track_caller]
    fn reload(&mut self, settings: &str) -> String {
        self.place.write(&format!("{BASE}{settings}"));
        self.server.signal("HUP");
        self.reloads += 1;
        let last = || {
            let log = self.server.logs("settings reloaded: ");
            let mut lines = log.lines().filter(|line| line.contains("settings reloaded: "));
            lines.nth(self.reloads - 1).map(str::to_owned)
        };
        eventually("a line that says what was reloaded", last)
    }

    fn join(&self, nick: &str) -> Peer {
        Peer::join(self.server.address(), nick)
    }
}

#[test]
fn a_refusal_names_the_new_size_to_whoever_knows_the_old_one() {
    let mut room = Changing::start("max-file-size = 10\n");
    let mut ada = room.join("ada");
    let line = room.reload("max-file-size = 5\n");
    assert!(line.contains("settings reloaded: max-file-size 5 instead of 10"), "{line}");
    let refused = ada.try_upload("notes", b"1234567").unwrap().unwrap_err();
    assert_eq!((refused.code, refused.limit), (Code::FILE_TOO_LARGE, Some(5)));
    room.reload("max-file-size = 20\n");
    ada.upload("notes", b"123456789012345");
    let refused = ada.try_upload("more", &[0; 21]).unwrap().unwrap_err();
    assert_eq!((refused.code, refused.limit), (Code::FILE_TOO_LARGE, Some(20)));
    drop(ada);
    room.server.end_well();
}

#[test]
fn what_has_begun_may_end_under_the_old_limits() {
    let mut room = Changing::start("");
    let mut ada = room.join("ada");
    let whole = content(1, 300_000);
    let transfer = ada.offer("begun", whole.len() as u64);
    ada.ready(transfer);
    ada.data(transfer, 0, &whole[..100_000]);
    room.reload("max-file-size = 1000\nkeep-partial = 0\nmin-free = 0\n");
    ada.data(transfer, 100_000, &whole[100_000..]);
    ada.done(transfer, digest(&whole));
    let item = ada.stored(transfer).unwrap();
    room.join("bob").download(item);
    drop(ada);
    room.server.end_well();
}

#[test]
fn a_smaller_shelf_drops_the_oldest_and_says_which() {
    let mut room = Changing::start("keep = 4\n");
    let mut ada = room.join("ada");
    let items: Vec<ItemId> =
        (1..=4).map(|number| ada.upload(&format!("file {number}"), b"hello")).collect();
    room.reload("keep = 2\n");
    for item in &items[..2] {
        let by = ada.event(|event| match event {
            Event::Dropped(dropped) if dropped.item == *item => Some(dropped.nick.clone()),
            _ => None,
        });
        assert_eq!(by, None, "the server drops it");
        room.server.logs(&format!("item {item} was dropped to make room: file {item}"));
    }
    let shelf = room.place.path().join("data/shelf");
    eventually("two folders", || (names(&shelf) == ["3", "4"]).then_some(()));
    room.reload("keep = 3\n");
    ada.upload("file 5", b"hello");
    for item in &items[2..] {
        ada.download(*item);
    }
    drop(ada);
    room.server.end_well();
}

#[test]
fn a_smaller_room_keeps_its_members_and_turns_away_newcomers() {
    let mut room = Changing::start("max-members = 3\n");
    let (mut ada, mut bob) = (room.join("ada"), room.join("bob"));
    room.reload("max-members = 1\n");
    let mut eve = Peer::connect(room.server.address());
    eve.send_bytes(&hello_and_join("eve", None));
    let farewell = eve.goodbye();
    assert_eq!((farewell.code, farewell.limit), (Code::ROOM_FULL, Some(1)));
    ada.say_and_hear("we stay");
    bob.hear("we stay");
    room.reload("max-members = 3\n");
    room.join("eve").say_and_hear("now");
    drop((ada, bob));
    room.server.end_well();
}

#[test]
fn interrupted_uploads_are_no_longer_kept_when_the_file_says_so() {
    let mut room = Changing::start("");
    let mut ada = room.join("ada");
    let key = chatshelf_common::id::UploadKey([7; 16]);
    let transfer = ada.try_offer_keyed(key, file_name("begun"), 1 << 20).unwrap();
    ada.ready(transfer);
    ada.data(transfer, 0, &content(1, 200_000));
    ada.say_and_hear("this much");
    drop(ada);
    let uploads = room.place.path().join("data/uploads");
    room.join("bob").say_and_hear("still here");
    assert_eq!(names(&uploads).len(), 1, "it is kept");
    room.reload("keep-partial = 0\n");
    eventually("an empty folder of uploads", || names(&uploads).is_empty().then_some(()));
    room.server.end_well();
}

#[test]
fn what_needs_a_restart_is_said_and_stays() {
    let mut room = Changing::start("history = 10\n");
    let address = room.server.address();
    room.place.write("");
    let line = room.reload("history = 20\ndurability = always\n");
    assert!(line.ends_with("settings reloaded: history 20 instead of 10"), "{line}");
    let told = "durability changed from interval to always: restart to apply";
    assert!(room.server.logs(told).contains("WARN"));
    // It is said again each time, until the server is restarted.
    let line = room.reload("history = 20\ndurability = always\n");
    assert!(line.ends_with("settings reloaded: no change"), "{line}");
    assert_eq!(room.server.logs(told).matches(told).count(), 2);
    room.place.write("bind = 127.0.0.1\nport = 9000\ndata-dir = elsewhere\n");
    room.server.signal("HUP");
    room.server.logs("port changed from 0 to 9000: restart to apply");
    room.server.logs("data-dir changed from data to elsewhere: restart to apply");
    Peer::join(address, "ada").say_and_hear("still here");
    room.server.end_well();
    assert_eq!(names(room.place.path()), ["data", "room.conf"]);
}

#[test]
fn a_mistake_changes_nothing() {
    let mut room = Changing::start("max-file-size = 10\n");
    let mut ada = room.join("ada");
    for (text, told) in [
        ("max-file-size = 5\nkeep = many\n", ":5: keep 'many': must be a number from 1 to 1000"),
        ("max-file-size = 5\nkep = 1\n", ":5: there is no option 'kep'"),
    ] {
        room.place.write(&format!("{BASE}{text}"));
        room.server.signal("HUP");
        let log = room.server.logs(told);
        let line = log.lines().find(|line| line.contains(told)).unwrap();
        assert!(line.contains("ERROR") && line.contains("nothing was reloaded: "), "{line}");
    }
    std::fs::remove_file(room.place.file()).unwrap();
    room.server.signal("HUP");
    room.server.logs(&format!("nothing was reloaded: cannot read {}", room.place.shown()));
    ada.upload("notes", b"1234567890");
    let line = room.reload("max-file-size = 5\n");
    assert!(line.ends_with("settings reloaded: max-file-size 5 instead of 10"), "{line}");
    drop(ada);
    room.server.end_well();
}

#[test]
fn whoever_comes_next_is_told_how_links_begin_now() {
    let mut room = Changing::start("");
    let told = |room: &Changing| {
        let mut peer = Peer::connect(room.server.address());
        peer.send(&Hello::new(VERSION_MIN, VERSION_MAX));
        peer.frame(|frame| match frame {
            ServerFrame::HelloAck(ack) => ack.link_base.as_ref().map(|it| it.as_str().to_owned()),
            _ => None,
        })
    };
    assert_eq!(told(&room), "https:");
    room.reload("public-url = https://room.example.org\n");
    assert_eq!(told(&room), "https://room.example.org");
    room.reload("web = off\n");
    assert_eq!(told(&room), "");
    room.server.end_well();
}

#[test]
fn a_password_that_stays_until_a_restart_keeps_plain_http_off_until_then() {
    let place = Place::with(format!("{BASE}password-file = password\n"));
    std::fs::write(place.path().join("password"), "sesame\n").unwrap();
    let server = Server::run(&mut place.server(&[]));
    place.write(&format!("{BASE}web = http\n"));
    server.signal("HUP");
    server.logs("nothing was reloaded: --web http would show the room's password");
    server.end_well();
}

#[test]
fn signals_that_ask_to_reload_never_end_it() {
    let room = Changing::start("");
    let mut ada = room.join("ada");
    for _ in 0..50 {
        room.server.signal("HUP");
    }
    ada.say_and_hear("still here");
    drop(ada);
    room.server.end_well();
}
