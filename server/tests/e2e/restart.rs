//! What is still there after a restart, and after a crash at any moment.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use chatshelf_common::id::{Digest, ItemId, Seq};
use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::text::Topic;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Item, Leave, SetTopic};

use crate::harness::peer::Peer;
use crate::harness::transfers::digest;
use crate::harness::{Home, content, names};

const ALL: &[&str] = &["--history", "100000"];

#[test]
fn an_orderly_restart_loses_nothing_and_goes_on_counting() {
    let home = Home::new();
    let mut seen = Vec::new();
    let (mut state, mut last) = (None, Seq(0));
    for round in 0..3 {
        let server = home.start(ALL);
        let mut ada = Peer::join_with(server.address(), "ada", Some(HISTORY_ALL));
        ada.say_and_hear(&format!("round {round}"));
        assert!(ada.view().seen.starts_with(&seen), "in round {round} the log is another");
        if let Some((topic, items)) = state {
            assert_eq!((&ada.view().state().topic, &ada.view().state().items), (&topic, &items));
        }
        assert!(ada.view().since > last);
        ada.send(&SetTopic { topic: Some(Topic::new(&format!("topic {round}")).unwrap()) });
        for number in 0..3 {
            ada.upload("f", &content(round * 10 + number, 1000 * number as usize));
        }
        last = ada.say_and_hear("that was it");
        seen = ada.view().seen.clone();
        state = Some((ada.view().state().topic.clone(), ada.view().state().items.clone()));
        drop(ada);
        server.end_well();
    }
    assert_eq!(state.unwrap().1.len(), 5);
}

/// What the peers have been told, over all rounds, and may rely on from then on.
#[derive(Default)]
struct Ledger {
    /// Every event anyone got, as it came, and when it came first.
    events: BTreeMap<Seq, (Vec<u8>, Instant)>,
    /// Items whose uploader was told that they are on the shelf.
    stored: BTreeMap<ItemId, Digest>,
    /// Events that were seen shortly before a crash and are lost.
    lost: usize,
}

/// What one peer was told in one round.
#[derive(Default)]
struct Told {
    events: Vec<(Seq, Vec<u8>, Instant)>,
    stored: Vec<(ItemId, Digest)>,
}

const ROUNDS: u64 = 12;
/// Every fourth round lasts longer than it may take a line to be safe on disk.
const LONG_ROUND_MS: u64 = 1_100;
const SAFE_AFTER: Duration = Duration::from_secs(1);

#[test]
fn a_crash_at_any_moment_leaves_whole_files_and_a_whole_log() {
    let home = Home::new();
    let mut ledger = Ledger::default();
    let mut killed = Instant::now();
    for round in 0..ROUNDS {
        let server = home.start(ALL);
        let mut auditor = Peer::join_with(server.address(), "auditor", Some(HISTORY_ALL));
        auditor.say_and_hear("audit");
        audit(&home, &mut auditor, &mut ledger, killed);
        let run = Duration::from_millis(
            random(round) % 250 + if round % 4 == 3 { LONG_ROUND_MS } else { 0 },
        );
        let told: Vec<Told> = std::thread::scope(|scope| {
            let address = server.address();
            let busy: Vec<_> =
                (0..4).map(|n| scope.spawn(move || be_busy(address, round * 10 + n))).collect();
            std::thread::sleep(run);
            server.kill();
            killed = Instant::now();
            busy.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        told.into_iter().for_each(|told| ledger.note(told));
    }
    let server = home.start(ALL);
    let mut auditor = Peer::join_with(server.address(), "auditor", Some(HISTORY_ALL));
    auditor.say_and_hear("audit");
    audit(&home, &mut auditor, &mut ledger, killed);
    let (events, items) = (ledger.events.len(), ledger.stored.len());
    drop(auditor);
    println!("{events} events, {items} items; {} late events lost", ledger.lost);
    assert!(items > ROUNDS as usize && events > 20 * ROUNDS as usize, "it was no test");
    server.end_well();
}

/// A number that looks random and is the same for the same seed.
fn random(seed: u64) -> u64 {
    let bytes = content(seed, 8);
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// Talks and uploads until the server is gone.
fn be_busy(address: SocketAddr, number: u64) -> Told {
    let mut told = Told::default();
    // The end of the connection is the end of the round.
    let _: io::Result<()> = talk_and_upload(address, number, &mut told);
    told
}

fn talk_and_upload(address: SocketAddr, number: u64, told: &mut Told) -> io::Result<()> {
    let mut peer = Peer::try_join(address, &format!("busy{number}"))?;
    for turn in 0.. {
        let id = peer.try_say(&format!("turn {turn} of {number}"))?;
        let echo = peer.try_echo(id);
        told.note_events(&peer);
        echo?;
        if number.is_multiple_of(2) {
            let sent = content(number << 32 | turn, random(turn) as usize % 400_000);
            let stored = peer.try_upload(&format!("{number}-{turn}"), &sent);
            told.note_events(&peer);
            told.stored.push((stored?.expect("the file is taken"), digest(&sent)));
        } else {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}

impl Told {
    /// Takes over what came since the last time.
    fn note_events(&mut self, peer: &Peer) {
        let now = Instant::now();
        let new = &peer.view().seen[self.events.len()..];
        self.events.extend(new.iter().map(|seen| (seen.event.seq(), seen.bytes.clone(), now)));
    }
}

impl Ledger {
    fn note(&mut self, told: Told) {
        for (seq, bytes, at) in told.events {
            let (known, _) = self.events.entry(seq).or_insert_with(|| (bytes.clone(), at));
            assert!(*known == bytes, "{seq} was told in two ways");
        }
        for (id, digest) in told.stored {
            assert_eq!(self.stored.insert(id, digest), None, "item {id} was stored twice");
        }
    }
}

/// Compares what a newcomer finds with what others were promised.
fn audit(home: &Home, auditor: &mut Peer, ledger: &mut Ledger, killed: Instant) {
    audit_log(auditor, ledger, killed);
    let items = auditor.view().state().items.clone();
    assert!(items.len() <= 5, "{items:?}");
    for item in &items {
        assert_eq!(auditor.download(item.id), *item);
    }
    for (&id, &digest) in &ledger.stored {
        match items.iter().find(|item| item.id == id) {
            Some(item) => assert_eq!(item.digest, digest, "{item:?}"),
            None => assert!(items.len() == 5 && id < items[0].id, "item {id} is lost: {items:?}"),
        }
    }
    home.wait_for_no_uploads();
    home.wait_for_items_on_disk(&auditor.view().item_ids());
}

/// The log is what was told, up to a place; what comes after it was told less than a second ago.
fn audit_log(auditor: &Peer, ledger: &mut Ledger, killed: Instant) {
    let seen = &auditor.view().seen;
    assert_eq!(seen[0].event.seq(), Seq(1), "the log begins where it began");
    let is_kept = |seq: Seq, bytes: &[u8]| {
        seen.get(seq.0 as usize - 1).is_some_and(|seen| seen.bytes == bytes)
    };
    let first_lost = ledger.events.iter().find(|(seq, (bytes, _))| !is_kept(**seq, bytes));
    let first_lost = first_lost.map_or(Seq(u64::MAX), |(seq, _)| *seq);
    for (seq, (bytes, at)) in ledger.events.split_off(&first_lost) {
        assert!(!is_kept(seq, &bytes), "{seq} is kept, and {first_lost} before it is not");
        assert!(killed - at < SAFE_AFTER, "{seq} is lost, {:?} after it came", killed - at);
        ledger.lost += 1;
    }
    for seen in seen {
        let entry = ledger.events.entry(seen.event.seq());
        entry.or_insert_with(|| (seen.bytes.clone(), Instant::now()));
    }
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
    let seen = ada.view().seen.clone();
    std::thread::sleep(SAFE_AFTER);
    // As if its last record was only half written.
    server.kill();
    append_to_log(&home.data_dir(), b"\0\0\0\x60torn");
    for attempt in 0..10 {
        let mut child = crate::harness::server::command(crate::harness::BINARY, &home.data_dir())
            .args(["--bind", "127.0.0.1"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(random(attempt) % 8_000));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let server = home.start(ALL);
    let mut ada = Peer::join_with(server.address(), "ada", Some(HISTORY_ALL));
    ada.say_and_hear("good morning");
    assert!(ada.view().seen[1..=seen.len()] == seen, "the log is another");
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
    let [.., dropped, left] = &ada.view().seen[..] else { panic!("more happened") };
    assert!(matches!(&dropped.event, Event::Dropped(it) if it.item == first), "{dropped:?}");
    (home, (dropped.bytes.len() + left.bytes.len() + 2 * RECORD_HEAD_BYTES) as u64)
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
fn a_drop_that_the_log_has_not_had_is_told_after_the_restart() {
    let (home, last_bytes) = home_with_a_dropped_item();
    // The item's folder is gone, and the event that says so was not written yet.
    let log = log_file(&home.data_dir());
    let length = log.metadata().unwrap().len();
    log.set_len(length - last_bytes).unwrap();
    let server = home.start(ALL);
    let mut bob = Peer::join_with(server.address(), "bob", Some(HISTORY_ALL));
    bob.say_and_hear("what happened?");
    let is_told = |event: &Event| matches!(event, Event::Dropped(it) if it.item == ItemId(1));
    assert!(bob.view().seen.iter().any(|seen| is_told(&seen.event)), "item 1 never leaves the log");
    assert_eq!(bob.view().item_ids(), [2, 3, 4, 5, 6]);
    drop(bob);
    server.end_well();
}
