//! What is still there after a restart, and what a start makes of what a crash has left. (Crashes
//! at any moment are in `crashes`.)

use std::fs::{self, File};
use std::io;
use std::path::Path;

use chatshelf_common::id::{ItemId, Seq};
use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::text::Topic;
#[cfg(unix)]
use chatshelf_common::wire::Code;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Item, Leave, SetTopic};
use chatshelf_testkit::files::names;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::Server;
use chatshelf_testkit::rng::Rng;
use chatshelf_testkit::samples::{content, event_bytes};

use crate::harness::{Home, binary};

const ALL: &[&str] = &["--history", "100000"];

#[test]
fn an_orderly_restart_loses_nothing_and_continues_the_numbers() {
    let home = Home::new();
    let mut seen = Vec::new();
    let (mut state, mut last) = (None, Seq(0));
    for round in 0..3 {
        let server = home.start(ALL);
        let mut ada = Peer::join_with(server.address(), "ada", Some(HISTORY_ALL));
        ada.say_and_hear(&format!("round {round}"));
        assert!(ada.view().events().starts_with(&seen), "in round {round} the log is another");
        if let Some((topic, items)) = state {
            assert_eq!((&ada.view().state().topic, &ada.view().state().items), (&topic, &items));
        }
        assert!(ada.view().since() > last);
        ada.send(&SetTopic { topic: Some(Topic::new(&format!("topic {round}")).unwrap()) });
        for number in 0..3 {
            ada.upload("f", &content(round * 10 + number, 1000 * number as usize));
        }
        last = ada.say_and_hear("that was it");
        seen = ada.view().events().to_vec();
        state = Some((ada.view().state().topic.clone(), ada.view().state().items.clone()));
        drop(ada);
        server.end_well();
    }
    assert_eq!(state.unwrap().1.len(), 5);
}

/// A server that was killed while it started has changed nothing.
#[test]
fn a_crash_in_the_start_changes_nothing() {
    let home = Home::new();
    let server = home.start(ALL);
    let mut ada = Peer::join(server.address(), "ada");
    let sent: Vec<Vec<u8>> = (0..5).map(|n| content(n, 100_000)).collect();
    let ids: Vec<ItemId> = sent.iter().map(|content| ada.upload("f", content)).collect();
    let transfer = ada.offer("unfinished", 1000);
    ada.ready(transfer);
    ada.say_and_hear("good night");
    let seen = ada.view().events().to_vec();
    // As if its last record was only half written.
    server.kill();
    append_to_log(&home.data_dir(), b"\0\0\0\x60torn");
    let mut random = Rng::from_environment("START_SEED");
    for _ in 0..10 {
        home.kill_in_the_start(&mut random);
    }
    let server = home.start(ALL);
    let mut ada = Peer::join_with(server.address(), "ada", Some(HISTORY_ALL));
    ada.say_and_hear("good morning");
    assert!(ada.view().events()[1..=seen.len()] == seen, "the log is another");
    let items = ada.view().state().items.clone();
    assert!(items.iter().map(|item| item.id).eq(ids));
    items.iter().for_each(|item: &Item| drop(ada.download(item.id)));
    drop(ada);
    home.wait_for_no_uploads();
    server.end_well();
}

/// The newest segment of the log.
fn log_file(data_dir: &Path) -> File {
    let dir = data_dir.join("log");
    let name = names(&dir).pop().unwrap();
    File::options().append(true).open(dir.join(name)).unwrap()
}

fn append_to_log(data_dir: &Path, bytes: &[u8]) {
    io::Write::write_all(&mut log_file(data_dir), bytes).unwrap();
}

/// A home whose server has ended after six uploads, with a copy of the item that was dropped; and
/// how many bytes at the end of its log say that it was and that the uploader left.
fn home_with_a_dropped_item() -> (Home, u64) {
    const RECORD_HEAD_BYTES: usize = 8;
    let home = Home::new();
    let server = home.start(ALL);
    let mut ada = Peer::join(server.address(), "ada");
    let first = ada.upload("f", &content(0, 1000));
    let (item, copy) = (home.data_dir().join("shelf/1"), home.data_dir().join("copy of 1"));
    fs::create_dir(&copy).unwrap();
    for name in names(&item) {
        fs::copy(item.join(&name), copy.join(&name)).unwrap();
    }
    for n in 1..6 {
        ada.upload("f", &content(n, 1000));
    }
    home.wait_for_items_on_disk(&[2, 3, 4, 5, 6]);
    ada.send(&Leave {});
    ada.goodbye();
    server.end_well();
    let [.., dropped, left] = ada.view().events() else { panic!("more happened") };
    assert!(matches!(dropped, Event::Dropped(it) if it.item == first), "{dropped:?}");
    (home, (event_bytes(dropped) + event_bytes(left) + 2 * RECORD_HEAD_BYTES) as u64)
}

#[test]
fn a_removal_that_a_crash_has_cut_short_is_finished_at_the_next_start() {
    let (home, _) = home_with_a_dropped_item();
    // One of them was on its way out, the other not even begun.
    let (uploads, shelf) = (home.data_dir().join("uploads"), home.data_dir().join("shelf"));
    fs::create_dir(uploads.join("3")).unwrap();
    fs::write(uploads.join("3/content"), b"leftover").unwrap();
    fs::rename(home.data_dir().join("copy of 1"), shelf.join("1")).unwrap();
    let server = home.start(ALL);
    home.wait_for_items_on_disk(&[2, 3, 4, 5, 6]);
    home.wait_for_no_uploads();
    let bob = Peer::join(server.address(), "bob");
    assert_eq!(bob.view().item_ids(), [2, 3, 4, 5, 6]);
    drop(bob);
    server.end_well();
}

#[test]
fn a_drop_that_the_log_lost_is_announced_after_the_restart() {
    let (home, last_bytes) = home_with_a_dropped_item();
    // The item's folder is gone, and the event that says so was not written yet.
    let log = log_file(&home.data_dir());
    let length = log.metadata().unwrap().len();
    log.set_len(length - last_bytes).unwrap();
    let server = home.start(ALL);
    let mut bob = Peer::join_with(server.address(), "bob", Some(HISTORY_ALL));
    bob.say_and_hear("what happened?");
    let is_told = |event: &Event| matches!(event, Event::Dropped(it) if it.item == ItemId(1));
    assert!(bob.view().events().iter().any(is_told), "item 1 never leaves the log");
    assert_eq!(bob.view().item_ids(), [2, 3, 4, 5, 6]);
    drop(bob);
    server.end_well();
}

#[test]
fn a_topic_stays_however_much_is_said_after_it() {
    let home = Home::new();
    let server = home.start(ALL);
    let mut ada = Peer::join(server.address(), "ada");
    let topic = Topic::new("engines, and nothing else").unwrap();
    ada.send(&SetTopic { topic: Some(topic.clone()) });
    // Three segments of 4 MiB, of which two stay.
    let filler = "x".repeat(8000);
    for line in 0..1600 {
        ada.say_and_hear(&format!("{line} {filler}"));
    }
    drop(ada);
    server.end_well();
    for _ in 0..2 {
        let server = home.start(ALL);
        let mut bob = Peer::join_with(server.address(), "bob", Some(HISTORY_ALL));
        bob.say_and_hear("what is it about?");
        let is_change = |event: &Event| matches!(event, Event::TopicChanged(_));
        assert!(!bob.view().events().iter().any(is_change), "it is in the log");
        let state = bob.view().state().topic.clone().expect("there is a topic");
        assert_eq!((state.topic, state.nick.as_str()), (topic.clone(), "ada"));
        drop(bob);
        server.kill();
    }
}

/// 260 characters are all that Windows takes of programs that do not ask for more.
#[test]
fn a_data_directory_may_have_a_path_longer_than_260_characters() {
    let home = Home::new();
    let data_dir = home.data_dir().join(["a-folder-with-a-rather-long-name"; 10].join("/"));
    fs::create_dir_all(&data_dir).unwrap();
    let server = Server::start(binary(), &data_dir, &[]);
    let item = Peer::join(server.address(), "ada").upload("notes.txt", b"hello shelf\n");
    server.end_well();
    let server = Server::start(binary(), &data_dir, &[]);
    Peer::join(server.address(), "bob").download(item);
    server.end_well();
}

#[cfg(unix)]
#[test]
fn a_data_directory_that_is_removed_under_a_server_ends_it_where_all_must_be_safe() {
    for level in ["always", "interval", "none"] {
        let home = Home::new();
        let server = home.start(&["--durability", level]);
        let mut ada = Peer::join(server.address(), "ada");
        ada.say_and_hear("safe");
        fs::remove_dir_all(home.data_dir()).unwrap();
        if level == "always" {
            ada.say("lost");
            assert_eq!(ada.goodbye().code, Code::STORAGE_FAILED);
            let ended = server.wait();
            assert_eq!(ended.code, Some(1), "{ended:?}");
            assert!(ended.stderr.contains("was removed or moved away"), "{ended:?}");
            continue;
        }
        let refused = ada.try_upload("f", b"content").expect("an answer").unwrap_err();
        assert_eq!(refused.code, Code::STORAGE_FAILED);
        std::thread::sleep(std::time::Duration::from_millis(1100));
        for line in 0..3 {
            ada.say_and_hear(&format!("the talk goes on, {line}"));
        }
        drop(ada);
        server.ask_to_end();
        let ended = server.wait();
        let told = ended.stderr.matches("cannot write the log to disk").count();
        assert_eq!((ended.code, told), (Some(0), 1), "{level}: {ended:?}");
        assert!(ended.stderr.contains("was removed or moved away"), "{level}: {ended:?}");
        assert!(!ended.stderr.contains("again"), "{level}: {ended:?}");
        assert!(!home.data_dir().exists(), "it is not made again");
    }
}
