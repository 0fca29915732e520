//! A disk that is really full: uploads that do not fit, a journal that can't grow, and a reserve
//! that stays free. Linux only: elsewhere nobody has a disk of their own to fill.

use std::fs;

use chatshelf_common::id::UploadKey;
use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::text::FileName;
use chatshelf_common::wire::frame::{Frame, UploadOffer};
use chatshelf_common::wire::{Code, Event};
use chatshelf_testkit::files::names;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::samples::{content, digest};
use chatshelf_testkit::wait::eventually;

use crate::harness::bystanders::Bystanders;
use crate::harness::small_disk::{SmallDisk, Watch};

const MIB: u64 = 1 << 20;
const NO_RESERVE: &[&str] = &["--min-free", "0"];
/// What the journal and the items' meta files may take while a test looks at something else.
const BESIDE: u64 = 128 * 1024;

/// Waits until so many bytes of uploads are on the disk.
fn wait_for_content(disk: &SmallDisk, bytes: u64) {
    let uploads = disk.data_dir().join("uploads");
    let written = || -> u64 {
        let content = |name: &String| fs::metadata(uploads.join(name).join("content"));
        names(&uploads).iter().map(|name| content(name).map_or(0, |it| it.len())).sum()
    };
    eventually("the upload's bytes on the disk", || (written() >= bytes).then_some(()));
}

#[test]
fn an_upload_that_does_not_fit_is_refused_and_harms_nothing_else() {
    let Some((disk, server)) = SmallDisk::start(12 * MIB, NO_RESERVE) else { return };
    let address = server.address();
    let company = Bystanders::join(address);
    let [mut carol, mut dave, mut eve] =
        ["carol", "dave", "eve"].map(|nick| Peer::join(address, nick));
    // One upload is half done and one download has begun when it happens.
    let kept = content(1, 2_000_000);
    let item = dave.upload("kept", &kept);
    let download = eve.request(item, None);
    eve.download_ready(download).unwrap();
    let whole = content(2, MIB as usize);
    let half = whole.len() / 2;
    let upload = dave.offer("half", MIB);
    dave.ready(upload);
    dave.data(upload, 0, &whole[..half]);
    wait_for_content(&disk, half as u64);
    // What can't fit is refused at once.
    let too_large = carol.offer("too large", 20 * MIB);
    let refused = carol.stored(too_large).unwrap_err();
    assert_eq!((refused.code, refused.about), (Code::STORAGE_FULL, UploadOffer::KIND));
    // What would have fitted is ended when someone else takes the space.
    let sent = content(3, 4_000_000);
    let ended = carol.offer("would fit", sent.len() as u64);
    carol.ready(ended);
    carol.data(ended, 0, &sent[..MIB as usize]);
    wait_for_content(&disk, half as u64 + MIB);
    disk.fill(MIB);
    carol.data(ended, MIB, &sent[MIB as usize..]);
    assert_eq!(carol.stored(ended).unwrap_err().code, Code::STORAGE_FULL);
    eventually("its space", || (disk.available() + BESIDE >= 2 * MIB).then_some(()));
    assert_eq!(disk.uploads().len(), 1, "only the other upload has files");
    // What fits is taken, and the others go on as if nothing had been.
    let small = carol.upload("small", &content(4, 300_000));
    dave.data(upload, half as u64, &whole[half..]);
    dave.done(upload, digest(&whole));
    let other = dave.stored(upload).unwrap();
    assert_eq!(eve.fetched(download), digest(&kept));
    [small, other].into_iter().for_each(|item| drop(eve.download(item)));
    assert_eq!(disk.uploads(), [""; 0]);
    company.end(&mut eve);
    server.end_well();
}

#[test]
fn a_disk_that_is_full_at_the_last_step_leaves_no_item() {
    let Some((disk, server)) = SmallDisk::start(8 * MIB, NO_RESERVE) else { return };
    let mut ada = Peer::join(server.address(), "ada");
    let sent = content(1, 2 * MIB as usize);
    let transfer = ada.offer("f", sent.len() as u64);
    ada.ready(transfer);
    ada.data(transfer, 0, &sent);
    wait_for_content(&disk, sent.len() as u64);
    disk.fill(0);
    ada.done(transfer, digest(&sent));
    assert_eq!(ada.stored(transfer).unwrap_err().code, Code::STORAGE_FULL);
    let is_free = || disk.available() >= sent.len() as u64;
    eventually("its space", || is_free().then_some(()));
    assert_eq!((disk.uploads(), names(&disk.data_dir().join("shelf"))), (vec![], vec![]));
    disk.clear();
    let item = ada.upload("f", &sent);
    ada.download(item);
    assert_eq!(ada.view().item_ids(), [item.0]);
    drop(ada);
    server.end_well();
}

#[test]
fn what_is_kept_of_interrupted_uploads_makes_room_for_others() {
    let Some((disk, server)) = SmallDisk::start(12 * MIB, NO_RESERVE) else { return };
    let mut ada = Peer::join(server.address(), "ada");
    let mut bob = Peer::join(server.address(), "bob");
    let (name, sent) = (FileName::new("kept").unwrap(), content(1, 6 * MIB as usize));
    let key = UploadKey([7; 16]);
    let transfer = bob.try_offer_keyed(key, name.clone(), sent.len() as u64).unwrap();
    bob.ready(transfer);
    bob.data(transfer, 0, &sent[..5 * MIB as usize]);
    wait_for_content(&disk, 5 * MIB);
    drop(bob);
    ada.sees_leave("bob");
    // It stays while there is room for both.
    let small = ada.upload("small", &content(2, MIB as usize));
    assert_eq!(disk.uploads().len(), 1);
    let large = ada.upload("large", &content(3, 7 * MIB as usize));
    assert_eq!(disk.uploads(), [""; 0]);
    [small, large].into_iter().for_each(|item| drop(ada.download(item)));
    drop(ada);
    server.end_well();
}

#[test]
fn a_journal_that_cannot_grow_does_not_stop_the_talk() {
    let options = [NO_RESERVE, &["--durability", "interval"]].concat();
    let Some((disk, server)) = SmallDisk::start(8 * MIB, &options) else { return };
    let mut ada = Peer::join(server.address(), "ada");
    let mut bob = Peer::join(server.address(), "bob");
    ada.say_and_hear("before");
    disk.fill(0);
    let filler = "x".repeat(4000);
    for line in 0..50 {
        let text = format!("meanwhile {line} {filler}");
        ada.say_and_hear(&text);
        bob.hear(&text);
    }
    disk.clear();
    let after = ada.say_and_hear("after");
    bob.hear("after");
    // What it has written by then is what a crash would leave.
    let home = disk.copy();
    drop((ada, bob));
    server.signal("TERM");
    let ended = server.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let said = ended.stderr.matches("cannot write the log to disk").count();
    assert_eq!(said, 1, "it is said once: {}", ended.stderr);
    let server = home.start(&[]);
    let mut carol = Peer::join_with(server.address(), "carol", Some(HISTORY_ALL));
    carol.say_and_hear("what was that?");
    let seen = carol.view().events();
    let seq_of = |line: &str| {
        let is_line = |event: &Event| matches!(event, Event::Said(it) if it.text.as_str() == line);
        seen.iter().find(|event| is_line(event)).map(Event::seq)
    };
    assert!(seq_of("before").is_some() && seq_of("after") == Some(after), "{seen:?}");
    // No number is missing, for the peer looks; what is lost is named.
    assert!(seen.iter().any(|event| matches!(event, Event::Forgotten(_))));
    drop(carol);
    server.end_well();
}

#[test]
fn a_journal_that_must_be_kept_and_cannot_be_ends_the_server_and_shows_nothing() {
    let options = [NO_RESERVE, &["--durability", "always"]].concat();
    let Some((disk, server)) = SmallDisk::start(8 * MIB, &options) else { return };
    let mut ada = Peer::join(server.address(), "ada");
    let mut bob = Peer::join(server.address(), "bob");
    ada.say_and_hear("before");
    disk.fill(0);
    // More than a page: the page that is begun may still take a little.
    let text = format!("too much {}", "x".repeat(8000));
    ada.say(&text);
    for peer in [&mut ada, &mut bob] {
        assert_eq!(peer.goodbye().code, Code::STORAGE_FAILED, "{}", peer.nick());
        let is_shown = |event: &Event| matches!(event, Event::Said(it) if it.text.as_str() == text);
        assert!(!peer.view().events().iter().any(is_shown), "{}", peer.nick());
    }
    let ended = server.wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let last = ended.stderr.lines().last().unwrap_or_default();
    let told = last.strip_prefix("chatshelf-server: ");
    assert!(told.is_some_and(|told| told.contains("cannot be written to disk")), "{last}");
    assert!(!last.contains("poll"), "{last}");
}

#[test]
fn uploads_leave_free_what_they_must() {
    const RESERVE: u64 = 4 * MIB;
    let options = ["--min-free", "4MiB", "--keep", "100"];
    let Some((disk, server)) = SmallDisk::start(16 * MIB, &options) else { return };
    let address = server.address();
    let watch = Watch::on(&disk);
    // Many at once want more than there is, then one alone takes what is left.
    let greedy = move |number: u64| {
        let mut peer = Peer::join(address, &format!("greedy{number}"));
        (0..3).filter(|n| is_taken(&mut peer, number * 10 + n, 2_000_000)).count()
    };
    let threads: Vec<_> = (1..5).map(|n| std::thread::spawn(move || greedy(n))).collect();
    let taken: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!((1..=6).contains(&taken), "{taken} files of 2 MB");
    let mut last = Peer::join(address, "last");
    while is_taken(&mut last, 99, 200_000) {}
    assert!(disk.available() < RESERVE + 200_000 + BESIDE);
    last.say_and_hear("not one more");
    let least = watch.end();
    assert!(least + BESIDE >= RESERVE, "only {least} bytes were free");
    assert_eq!(disk.uploads(), [""; 0]);
    drop(last);
    server.end_well();
}

#[test]
fn a_small_disk_takes_uploads_and_a_reserve_larger_than_it_is_named() {
    let Some((_disk, server)) = SmallDisk::start(16 * MIB, &[]) else { return };
    let mut ada = Peer::join(server.address(), "ada");
    ada.upload("small", b"six by");
    drop(ada);
    server.end_well();
    let Some((_disk, server)) = SmallDisk::start(16 * MIB, &["--min-free", "1GiB"]) else { return };
    let mut ada = Peer::join(server.address(), "ada");
    let refused = ada.try_upload("small", b"six by").expect("an answer").unwrap_err();
    let detail = refused.detail.expect("it says why");
    assert!(detail.as_str().contains("1.0 GiB of the disk free"), "{detail:?}");
    drop(ada);
    server.signal("TERM");
    let stderr = server.wait().stderr;
    for told in ["every upload will be refused", "uploads are refused", "(--min-free)"] {
        assert!(stderr.contains(told), "{stderr}");
    }
}

/// Uploads a file, or is refused because the disk is full.
fn is_taken(peer: &mut Peer, seed: u64, bytes: usize) -> bool {
    let answer = peer.try_upload("f", &content(seed, bytes)).expect("an answer");
    answer.map_err(|refused| assert_eq!(refused.code, Code::STORAGE_FULL)).is_ok()
}
