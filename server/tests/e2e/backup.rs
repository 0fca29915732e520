//! Backups: a copy of a data directory, made by the commands of docs/OPERATIONS.md, "Backup and
//! restore", while its server is stopped or runs, is a room that another server opens elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use chatshelf_common::id::Seq;
use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::password::Password;
use chatshelf_common::text::Topic;
use chatshelf_common::wire::frame::{Action, Moderate, Op, SetTopic};
use chatshelf_common::wire::{Code, Event};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::{Server, is_installed};
use chatshelf_testkit::raw::hello_and_join;
use chatshelf_testkit::samples::{content, digest, nick};
use chatshelf_testkit::wait::eventually;

use crate::harness::Home;

const ALL: &[&str] = &["--history", "100000"];
/// What a backup consists of, in the order in which it is copied.
const PARTS: [&str; 6] = ["chatshelf.format", "key.pem", "certificate.pem", "bans", "log", "shelf"];
/// Programs that copy, with what makes them copy folders as they are. Not all are everywhere.
const COPIERS: [(&str, &[&str]); 2] = [("cp", &["-a"]), ("rsync", &["-a", "--delete"])];
/// Exit codes that say that a file vanished meanwhile: what is left of it is set aside or removed.
const VANISHED: [i32; 3] = [0, 1, 24];

/// Copies a data directory, stopped or not, into a new one.
fn back_up((program, options): (&str, &[&str]), data: &Path, backup: &Path) {
    fs::create_dir(backup).unwrap();
    let mut copy = Command::new(program);
    copy.args(options).args(PARTS.map(|part| data.join(part))).arg(backup);
    let status = copy.stderr(Stdio::null()).status().unwrap();
    assert!(status.code().is_some_and(|code| VANISHED.contains(&code)), "{copy:?}: {status}");
}

/// A server whose room has operators, of whom one has banned mallory.
fn start_with_a_ban(home: &Home) -> Server {
    let file = home.data_dir().with_file_name("operators");
    fs::write(&file, "mellon\n").unwrap();
    let options = [ALL, &["--operator-password-file", file.to_str().unwrap()]].concat();
    let server = home.start(&options);
    let mut operator = Peer::join(server.address(), "operator");
    operator.send(&Op { password: Password::new(b"mellon").unwrap() });
    operator.event(|event| matches!(event, Event::Moderated(_)).then_some(()));
    operator.send(&Moderate { to: Some(nick("mallory")), ..Moderate::new(Action::BAN) });
    let bans = home.data_dir().join("bans");
    eventually("the file of bans", || bans.exists().then_some(()));
    server
}

/// A member who has seen all of the room's history, of which somebody is kept out.
fn historian(home: &Home) -> (Peer, impl FnOnce()) {
    let server = home.start(ALL);
    let mut banned = Peer::connect(server.address());
    banned.send_bytes(&hello_and_join("mallory", None));
    assert_eq!(banned.goodbye().code, Code::BANNED);
    let mut peer = Peer::join_with(server.address(), "historian", Some(HISTORY_ALL));
    peer.say_and_hear("what was there?");
    (peer, || server.end_well())
}

/// Tries an act on a room with a topic, talk and a full shelf, with each program that copies.
fn with_each_copier(act: impl Fn(&Home, (&str, &[&str]))) {
    let found: Vec<_> = COPIERS.into_iter().filter(|(program, _)| is_installed(program)).collect();
    assert!(!found.is_empty(), "no program copies");
    for copier in found {
        let home = Home::new();
        let server = start_with_a_ban(&home);
        let mut ada = Peer::join(server.address(), "ada");
        ada.send(&SetTopic { topic: Some(Topic::new("copies").unwrap()) });
        for number in 0..7 {
            ada.say_and_hear(&format!("line {number}"));
            ada.upload(&format!("file {number}"), &content(number, 70_000));
        }
        drop(ada);
        server.end_well();
        act(&home, copier);
    }
}

#[test]
fn a_backup_of_a_stopped_server_is_the_same_room_elsewhere() {
    with_each_copier(|home, copier| {
        let elsewhere = Home::new();
        back_up(copier, &home.data_dir(), &elsewhere.data_dir());
        let ((old, end_old), (mut new, end_new)) = (historian(home), historian(&elsewhere));
        let seen = old.view().events().len() - 2;
        assert!(new.view().events()[..seen] == old.view().events()[..seen], "another history");
        let (here, there) = (old.view().state().clone(), new.view().state().clone());
        assert_eq!((here.topic, &here.items), (there.topic, &there.items));
        assert_eq!(here.items.len(), 5);
        here.items.iter().for_each(|item| drop(new.download(item.id)));
        drop((old, new));
        end_old();
        end_new();
    });
}

/// Talks and uploads until it is told to stop; the digest of each file that it has sent.
fn keeps_busy(mut peer: Peer, is_over: &AtomicBool) -> BTreeMap<String, String> {
    let mut sent = BTreeMap::new();
    for number in 100.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let content = content(number, 70_000);
        let name = format!("file {number}");
        peer.say_and_hear(&name);
        peer.upload(&name, &content);
        sent.insert(name, digest(&content).to_string());
    }
    sent
}

#[test]
fn a_backup_of_a_running_server_holds_what_was_there_when_it_began() {
    with_each_copier(|home, copier| {
        let server = home.start(ALL);
        let mut ada = Peer::join_with(server.address(), "ada", Some(HISTORY_ALL));
        let before: Seq = ada.say_and_hear("here it begins");
        let busy = Peer::join(server.address(), "busy");
        let is_over = AtomicBool::new(false);
        // What is copied differs each time, and so does what happens meanwhile.
        let mut backups: Vec<Home> = Vec::new();
        let mut sent = std::thread::scope(|threads| {
            let worker = threads.spawn(|| keeps_busy(busy, &is_over));
            for _ in 0..5 {
                let backup = Home::new();
                back_up(copier, &home.data_dir(), &backup.data_dir());
                backups.push(backup);
            }
            is_over.store(true, Ordering::Relaxed);
            worker.join().unwrap()
        });
        sent.extend((0..7).map(|number| {
            (format!("file {number}"), digest(&content(number, 70_000)).to_string())
        }));
        let events: Vec<Event> = ada.view().events().to_vec();
        drop(ada);
        server.end_well();
        for backup in &backups {
            let (mut peer, end) = historian(backup);
            let seen = peer.view().events().iter().take_while(|event| event.seq() <= before);
            let known = events.iter().take_while(|event| event.seq() <= before);
            assert!(seen.eq(known), "what was there before the copy began is another");
            assert_eq!(peer.view().gaps(), []);
            let items = peer.view().state().items.clone();
            assert!(!items.is_empty(), "the shelf is empty");
            for item in items {
                peer.download(item.id);
                assert_eq!(sent.get(item.name.as_str()), Some(&item.digest.to_string()));
            }
            drop(peer);
            end();
        }
    });
}
