//! Items: put on the shelf, read, removed, found again.

use std::io::ErrorKind;

use chatshelf_common::wire::field::FieldValue;

use super::*;
use crate::checksum::Checksum;
use crate::disk::fault_injection::Fault;
use crate::disk::readahead::MEMORY_FILE_BYTES_MAX;

#[test]
fn an_upload_becomes_an_item_that_reads_back_and_survives_a_restart() {
    let content = content(1, 300_000);
    let mut bench = Bench::new();
    assert!(bench.items.is_empty());
    bench.shelve(1, &content);
    let (download, mut got) = (transfer(9), Vec::new());
    bench.ask_one(Request::Open { download, item: ItemId(1), offset: 0 });
    for bytes in [MEMORY_FILE_BYTES_MAX, 300_000 - MEMORY_FILE_BYTES_MAX] {
        got.extend(bench.read(download, got.len() as u64, bytes));
    }
    assert_eq!(got, content);
    assert_eq!(bench.names("shelf/1"), ["content", "meta"]);
    assert_eq!(bench.reopen().items, [item(1, &content)]);
}

/// The order on which it rests that a crash, or a loss of power, leaves an item whole or not
/// there at all.
#[test]
fn content_and_meta_are_durable_before_the_item_is_visible() {
    let mut bench = Bench::new();
    bench.begin(1, Some(key(1)), 4);
    bench.write(1, b"item");
    let start = bench.files.done();
    assert!(matches!(bench.publish(1, item(1, b"item")), Reply::Published { .. }));
    let meta = ["remove_file", "create", "write", "sync", "rename", "sync_dir"];
    let expected = [&["sync"][..], &meta, &["rename", "sync_dir"]].concat();
    assert_eq!(bench.files.done_since(start), expected);
}

#[test]
fn wrong_content_is_refused_and_leaves_nothing() {
    let mut bench = Bench::new();
    for (number, key, item, expected) in [
        (1, None, item(1, b"other content"), Code::SIZE_MISMATCH),
        (2, None, item(2, b"contenT"), Code::DIGEST_MISMATCH),
        (3, Some(key(3)), item(3, b"contenT"), Code::DIGEST_MISMATCH),
    ] {
        bench.begin(number, key, item.size);
        bench.write(number, b"content");
        let reply = bench.publish(number, item);
        assert_eq!(code(&reply), Some(expected));
        let upload = transfer(number);
        assert!(matches!(bench.ask_one(Request::Discard { upload }), Reply::Ended { .. }));
    }
    assert_eq!(bench.names("uploads").len() + bench.names("shelf").len(), 0);
}

#[test]
fn a_removed_item_can_still_be_read_by_whoever_has_it_open() {
    let mut bench = Bench::new();
    bench.shelve(1, b"0123456789");
    let download = transfer(2);
    bench.ask_one(Request::Open { download, item: ItemId(1), offset: 4 });
    assert!(bench.ask(Request::Remove { item: ItemId(1) }).is_empty());
    assert_eq!(bench.read(download, 4, 6), b"456789");
    let reply = bench.ask_one(Request::Open { download: transfer(3), item: ItemId(1), offset: 0 });
    assert_eq!(code(&reply), Some(Code::STORAGE_FAILED));
    bench.ask_one(Request::Close { download });
    assert!(bench.store.downloads.is_empty());
    assert_eq!(bench.names("uploads").len(), 0);
    assert_eq!(bench.names("shelf/1"), ["dropped"], "for its number");
}

#[test]
fn the_newest_items_number_stays_until_there_is_a_newer_one() {
    let mut bench = Bench::new();
    for id in 1..=3 {
        bench.shelve(id, b"file");
    }
    for id in [1, 3] {
        assert!(bench.ask(Request::Remove { item: ItemId(id) }).is_empty());
    }
    assert_eq!(bench.names("shelf"), ["2", "3"]);
    for _ in 0..2 {
        bench = bench.reopen();
        assert_eq!(bench.items, [item(2, b"file")]);
        assert_eq!(bench.store.newest_item(), ItemId(3));
        assert_eq!(bench.names("shelf/3"), ["dropped"]);
    }
    assert!(bench.ask(Request::Remove { item: ItemId(2) }).is_empty());
    assert_eq!(bench.names("shelf"), ["3"]);
    let mut bench = bench.reopen();
    bench.shelve(4, b"file");
    assert_eq!(bench.names("shelf"), ["4"]);
    assert_eq!(bench.reopen().store.newest_item(), ItemId(4));
}

#[test]
fn a_number_stays_that_was_an_items_which_is_set_aside() {
    let mut bench = Bench::new();
    bench.shelve(7, b"file");
    cut(&bench.path("shelf/7/meta"), 5);
    for _ in 0..2 {
        bench = bench.reopen();
        assert_eq!(bench.names("shelf"), ["7.bad"]);
        assert_eq!(bench.store.newest_item(), ItemId(7));
    }
}

#[test]
fn a_folder_that_will_not_go_is_tried_again_until_it_does() {
    let mut bench = Bench::new();
    bench.shelve(1, b"0123456789");
    bench.shelve(2, b"newer");
    let download = transfer(3);
    bench.ask_one(Request::Open { download, item: ItemId(1), offset: 0 });
    bench.files.fail(Fault::From(bench.files.done()), ErrorKind::Other);
    bench.ask(Request::Remove { item: ItemId(1) });
    assert!(!bench.store.doomed[0].is_told, "a download may be the reason");
    bench.ask_one(Request::Close { download });
    assert_eq!(bench.store.doomed.len(), 1, "the disk still fails");
    assert!(bench.store.doomed[0].is_told, "and no download is the reason");
    assert!(bench.path("shelf/1/content").exists());
    bench.files.heal();
    bench.shelve(4, b"the disk works again");
    assert!(bench.store.doomed.is_empty() && !bench.path("shelf/1").exists());
    assert_eq!(bench.reopen().items.len(), 2, "nor is it an item again after a start");
}

#[test]
fn an_upload_that_failed_at_the_last_step_is_no_item_after_the_disk_works_again() {
    let mut bench = Bench::new();
    bench.begin(1, None, 4);
    bench.write(1, b"item");
    // The syncs of content and meta file, and the two renames, work: the shelf's sync is the first
    // that does not.
    let steps = ["sync", "remove_file", "create", "write", "sync", "rename", "sync_dir", "rename"];
    bench.files.fail(Fault::From(bench.files.done() + steps.len()), ErrorKind::Other);
    let reply = bench.publish(1, item(1, b"item"));
    assert_eq!(code(&reply), Some(Code::STORAGE_FAILED));
    assert_eq!(bench.names("shelf/1"), ["content", "meta"]);
    bench.files.heal();
    bench.shelve(2, b"the disk works again");
    assert_eq!(bench.reopen().items, [item(2, b"the disk works again")]);
}

#[test]
fn a_folder_that_someone_else_has_removed_is_not_looked_for_again() {
    let mut bench = Bench::new();
    bench.shelve(1, b"0123456789");
    bench.shelve(2, b"newer");
    fs::remove_dir_all(bench.path("shelf/1")).unwrap();
    bench.ask(Request::Remove { item: ItemId(1) });
    assert!(bench.store.doomed.is_empty());
}

#[test]
fn a_file_that_shrank_is_an_error_not_a_short_download() {
    let mut bench = Bench::new();
    bench.shelve(1, b"0123456789");
    fs::File::options()
        .write(true)
        .open(bench.path("shelf/1/content"))
        .unwrap()
        .set_len(3)
        .unwrap();
    let download = transfer(2);
    bench.ask_one(Request::Open { download, item: ItemId(1), offset: 0 });
    let extent = Extent::in_memory();
    let reply = bench.ask_one(Request::Read {
        download,
        offset: 0,
        bytes: 10,
        framing: Framing::frames(65_536),
        extent,
    });
    assert_eq!(code(&reply), Some(Code::STORAGE_FAILED));
    assert!(bench.reopen().items.is_empty());
}

#[test]
fn late_work_for_a_transfer_that_is_gone_gives_block_and_extent_back() {
    let mut bench = Bench::new();
    let reply = bench.ask_one(Request::Write { upload: transfer(1), block: vec![1] });
    assert!(matches!(reply, Reply::Wrote { block, .. } if block == [1]));
    let (download, extent) = (transfer(1), Extent::in_memory());
    let reply = bench.ask_one(Request::Read {
        download,
        offset: 0,
        bytes: 5,
        framing: Framing::frames(65_536),
        extent,
    });
    assert!(matches!(reply, Reply::Read { extent, .. } if extent.is_taken()));
    assert!(bench.ask(publish(1, item(1, b""))).is_empty());
    assert!(matches!(bench.suspend(1)[..], [Reply::Ended { .. }]));
}

#[test]
fn a_damaged_item_is_set_aside_with_all_that_is_in_it() {
    type Damage = fn(&Path);
    let damages: [Damage; 5] = [
        |dir| cut(&dir.join("meta"), 5),
        |dir| flip(&dir.join("meta"), 60),
        |dir| cut(&dir.join("content"), 3),
        |dir| fs::remove_file(dir.join("content")).unwrap(),
        |dir| fs::remove_file(dir.join("meta")).unwrap(),
    ];
    for (number, damage) in damages.iter().enumerate() {
        let mut bench = Bench::new();
        bench.shelve(1, b"good");
        bench.shelve(2, b"precious");
        let dir = bench.path("shelf/2");
        fs::write(dir.join("notes"), b"not ours").unwrap();
        damage(&dir);
        let damaged = names(&dir);
        let bench = bench.reopen();
        assert_eq!(bench.items, [item(1, b"good")], "damage {number}");
        assert_eq!(bench.names("shelf"), ["1", "2.bad"]);
        assert_eq!(bench.names("shelf/2.bad"), damaged);
        // Neither another start nor another item of that number touches it.
        let mut bench = bench.reopen();
        bench.shelve(2, b"another");
        damage(&bench.path("shelf/2"));
        assert_eq!(bench.reopen().names("shelf"), ["1", "2.2.bad", "2.bad"], "damage {number}");
    }
}

fn cut(path: &Path, bytes: u64) {
    fs::File::options().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x20;
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_is_not_ours_on_the_shelf_is_left_alone() {
    let mut bench = Bench::new();
    bench.shelve(1, b"good");
    let foreign =
        ["lost+found/f", "2024 photos/f", "007/content", "0/meta", "books.bad/f", "stray"];
    for path in foreign {
        let path = bench.path("shelf").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"precious").unwrap();
    }
    fs::create_dir(bench.path("shelf/7")).unwrap();
    let bench = bench.reopen();
    assert_eq!(bench.items, [item(1, b"good")]);
    for path in foreign {
        assert_eq!(fs::read(bench.path("shelf").join(path)).unwrap(), b"precious", "{path}");
    }
    assert!(!bench.path("shelf/7").exists(), "an empty folder is what a removal leaves");
}

#[test]
fn an_item_of_an_earlier_version_is_read() {
    let mut bench = Bench::new();
    bench.shelve(1, b"good");
    let mut old = Vec::new();
    item(1, b"good").put(&mut old);
    fs::write(bench.path("shelf/1/meta"), old).unwrap();
    assert_eq!(bench.reopen().items, [item(1, b"good")]);
}

#[test]
fn an_item_that_cannot_be_read_for_now_is_not_taken_for_gone() {
    let mut bench = Bench::new();
    bench.shelve(1, b"good");
    let Bench { files, settings, store, now, .. } = bench;
    drop(store);
    let start = files.done();
    drop(Store::open(files.clone(), files.path(), settings, now).unwrap());
    let operations = files.done_since(start);
    for name in ["open", "read", "size"] {
        let place = operations.iter().position(|done| *done == name).expect("it is looked at");
        files.fail(Fault::Once(files.done() + place), ErrorKind::Other);
        let why = Store::open(files.clone(), files.path(), settings, now).unwrap_err();
        let place = std::path::Path::new("shelf").join("1");
        assert!(why.to_string().contains(&*place.to_string_lossy()), "{name}: {why}");
        files.heal();
        let (_, items) = Store::open(files.clone(), files.path(), settings, now).unwrap();
        assert_eq!(items, [item(1, b"good")]);
    }
}

#[test]
fn the_note_of_a_dropped_item_that_cannot_be_read_for_now_is_no_damage() {
    let mut bench = Bench::new();
    bench.shelve(1, b"dropped");
    bench.store.remove_item(ItemId(1));
    let Bench { files, settings, store, now, .. } = bench;
    drop(store);
    let shelf = files.path().join("shelf");
    assert_eq!(chatshelf_testkit::files::names(&shelf.join("1")), ["dropped"]);
    let start = files.done();
    drop(Store::open(files.clone(), files.path(), settings, now).unwrap());
    let size = files.done_since(start).iter().position(|done| *done == "size").unwrap();
    files.fail(Fault::Once(files.done() + size), ErrorKind::Other);
    assert!(Store::open(files.clone(), files.path(), settings, now).is_err());
    files.heal();
    let (_, items) = Store::open(files.clone(), files.path(), settings, now).unwrap();
    assert_eq!((items, chatshelf_testkit::files::names(&shelf)), (vec![], vec!["1".to_owned()]));
}

#[test]
fn what_could_not_be_removed_is_tried_again_at_the_end() {
    let mut bench = Bench::new();
    bench.shelve(1, b"dropped");
    bench.files.fail(Fault::Once(bench.files.done()), ErrorKind::Other);
    bench.store.remove_item(ItemId(1));
    assert!(bench.path("shelf/1/meta").exists(), "a start would find the item again");
    bench.files.heal();
    let Bench { files, store, .. } = bench;
    store.finish();
    assert_eq!(chatshelf_testkit::files::names(&files.path().join("shelf/1")), ["dropped"]);
}

#[test]
fn a_removal_that_was_begun_is_finished_at_the_next_start() {
    let mut bench = Bench::new();
    bench.shelve(1, b"dropped, but its content would not go");
    fs::rename(bench.path("shelf/1/meta"), bench.path("shelf/1/dropped")).unwrap();
    let bench = bench.reopen();
    assert!(bench.items.is_empty());
    assert_eq!(bench.names("shelf/1"), ["dropped"]);
}

#[test]
fn a_kept_upload_on_the_shelf_would_be_no_item() {
    let mut bench = Bench::new();
    bench.interrupt(1, key(1), 7, b"content");
    fs::rename(bench.dir(1), bench.path("shelf/1")).unwrap();
    assert!(bench.reopen().items.is_empty());
}

#[test]
fn an_upload_of_which_no_digest_is_told_gets_that_of_what_has_come() {
    let mut bench = Bench::new();
    bench.begin(1, None, 5);
    bench.write(1, b"hel");
    bench.write(1, b"lo");
    let expected = item(1, b"hello");
    let Request::Publish { upload, item, .. } = publish(1, expected.clone()) else { panic!() };
    let reply = bench.ask_one(Request::Publish { upload, item, digest: None });
    assert!(matches!(reply, Reply::Published { ref item, .. } if *item == expected), "{reply:?}");
}

#[test]
fn a_content_that_does_not_meet_its_checksum_is_not_on_the_shelf() {
    let mut bench = Bench::new();
    let sums = [&b"hello"[..], b"hullo"].map(|it| ring::digest::digest(&ring::digest::SHA256, it));
    for (number, (sum, is_met)) in (1..).zip(sums.iter().zip([true, false])) {
        let checksum = Checksum::new("sha-256", sum.as_ref().to_vec());
        assert!(checksum.is_some());
        let (upload, at) = (transfer(number), bench.now);
        let (name, key, uploader) = (name(), None, UPLOADER);
        let create = Request::Create { upload, name, size: 5, key, uploader, checksum, at };
        assert!(matches!(bench.ask_one(create), Reply::Created { .. }));
        bench.write(number, b"hell");
        bench.write(number, b"o");
        let reply = bench.publish(number, item(number.into(), b"hello"));
        assert_eq!(matches!(reply, Reply::Published { .. }), is_met, "{reply:?}");
        let mismatch = matches!(reply, Reply::Failed { code: Code::DIGEST_MISMATCH, .. });
        assert_eq!(mismatch, !is_met, "{reply:?}");
    }
    assert_eq!((bench.names("shelf"), bench.names("uploads").len()), (vec!["1".into()], 0));
}
