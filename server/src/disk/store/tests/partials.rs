//! Interrupted uploads: kept, and resumed.

use super::*;
use crate::disk::store::meta::tests::old_upload;
use crate::disk::store::meta::{Offer, UploadId};

/// More than one step reads back.
const LONG: usize = 9 << 20;

#[test]
fn an_interrupted_upload_can_be_resumed_even_after_a_restart() {
    for restart in [false, true] {
        let content = content(1, LONG);
        let (begun, rest) = content.split_at(LONG - 1000);
        let mut bench = Bench::new();
        bench.interrupt(1, key(1), LONG as u64, begun);
        if restart {
            bench = bench.reopen();
        }
        let kept = bench.go_on(2, key(1), LONG as u64);
        assert_eq!(kept, (begun.len() as u64, Some(digest(begun))));
        bench.write(2, rest);
        let reply = bench.publish(2, item(1, &content));
        assert!(matches!(reply, Reply::Published { .. }), "{reply:?}");
        assert_eq!(bench.names("shelf/1"), ["content", "meta"]);
        assert_eq!(fs::read(bench.path("shelf/1/content")).unwrap(), content);
        assert!(bench.names("uploads").is_empty());
        assert_eq!(bench.reopen().items, [item(1, &content)]);
    }
}

#[test]
fn an_upload_that_ran_when_the_server_was_killed_can_be_resumed() {
    let mut bench = Bench::new();
    bench.begin(1, Some(key(1)), 20);
    bench.write(1, b"0123456789");
    // It had run for longer than it would be kept.
    let mut bench = bench.reopen_after(5000);
    assert_eq!(bench.go_on(1, key(1), 20), (10, Some(digest(b"0123456789"))));
    let bench = bench.reopen_after(5000);
    // And it was found again at 11,000 at the latest: that counts from then on.
    let bench = bench.reopen_after(999);
    assert_eq!(bench.names("uploads").len(), 1);
    assert!(bench.reopen_after(1).names("uploads").is_empty());
}

#[test]
fn what_is_kept_is_durable_before_the_store_says_so() {
    let mut bench = Bench::new();
    bench.begin(1, Some(key(1)), 20);
    bench.write(1, b"0123456789");
    let start = bench.files.done();
    bench.suspend(1);
    let meta = ["remove_file", "create", "write", "sync", "rename", "sync_dir"];
    let expected = [&["sync"][..], &meta, &["sync_dir"]].concat();
    assert_eq!(bench.files.done_since(start), expected);
}

#[test]
fn a_long_upload_is_durable_while_it_runs() {
    let mut bench = Bench::new();
    bench.begin(1, Some(key(1)), 1 << 30);
    let block = vec![7; 3 << 20];
    let mut syncs = Vec::new();
    for _ in 0..15 {
        let start = bench.files.done();
        bench.write(1, &block);
        let done = bench.files.done_since(start);
        syncs.push(done.iter().filter(|name| name.starts_with("sync")).count());
    }
    // Content, meta, and the names in both folders; later on the content alone.
    assert_eq!(syncs, [0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
}

#[test]
fn a_half_written_meta_file_is_harmless() {
    let mut bench = Bench::new();
    bench.interrupt(1, key(1), 20, b"0123456789");
    let half = bench.dir(1).join("meta.new");
    fs::write(&half, b"half").unwrap();
    let mut bench = bench.reopen();
    assert_eq!(bench.go_on(2, key(1), 20).0, 10);
    fs::write(&half, b"half").unwrap();
    bench.write(2, b"0123456789");
    let reply = bench.publish(2, item(1, b"01234567890123456789"));
    assert!(matches!(reply, Reply::Published { .. }), "{reply:?}");
    assert_eq!(bench.names("shelf/1"), ["content", "meta"]);
}

#[test]
fn the_digest_is_of_what_the_disk_holds() {
    let mut bench = Bench::new();
    bench.interrupt(1, key(1), 20, b"0123456789");
    let path = bench.dir(1).join("content");
    fs::write(path, b"01234x").unwrap();
    assert_eq!(bench.go_on(2, key(1), 20), (6, Some(digest(b"01234x"))));
    bench.write(2, b"56789");
    let reply = bench.publish(2, item(1, b"0123456789"));
    assert_eq!(code(&reply), Some(Code::SIZE_MISMATCH));
}

#[test]
fn all_that_has_arrived_may_be_kept() {
    let mut bench = Bench::new();
    bench.interrupt(1, key(1), 4, b"full");
    assert_eq!(bench.go_on(2, key(1), 4), (4, Some(digest(b"full"))));
    assert!(matches!(bench.publish(2, item(1, b"full")), Reply::Published { .. }));
}

#[test]
fn another_name_or_size_starts_over() {
    let other = FileName::new("other").unwrap();
    for (name, size) in [(other, 20), (name(), 21)] {
        let mut bench = Bench::new();
        bench.interrupt(1, key(1), 20, b"0123456789");
        let (upload, key, at) = (transfer(2), Some(key(1)), bench.now);
        let uploader = UPLOADER;
        let reply = bench.ask_one(Request::Create {
            upload,
            name,
            size,
            key,
            uploader,
            checksum: None,
            at,
        });
        assert!(matches!(reply, Reply::Created { offset: 0, digest: None, .. }), "{reply:?}");
        bench.write(2, b"abc");
        assert_eq!(bench.names("uploads").len(), 1);
    }
}

#[test]
fn what_is_damaged_starts_over() {
    type Damage = fn(&Path);
    let damages: [Damage; 5] = [
        |dir| fs::write(dir.join("content"), vec![0; 21]).unwrap(),
        |dir| fs::write(dir.join("content"), b"").unwrap(),
        |dir| fs::remove_file(dir.join("content")).unwrap(),
        |dir| fs::write(dir.join("meta"), b"garbage").unwrap(),
        |dir| fs::remove_file(dir.join("meta")).unwrap(),
    ];
    for (number, damage) in damages.iter().enumerate() {
        let mut bench = Bench::new();
        bench.interrupt(1, key(1), 20, b"0123456789");
        damage(&bench.dir(1));
        let mut bench = bench.reopen();
        assert!(bench.names("uploads").is_empty(), "damage {number}");
        assert_eq!(bench.go_on(2, key(1), 20), (0, None));
    }
    // While the server runs, the meta file is not looked at again.
    for (number, damage) in damages[..3].iter().enumerate() {
        let mut bench = Bench::new();
        bench.interrupt(1, key(1), 20, b"0123456789");
        damage(&bench.dir(1));
        assert_eq!(bench.go_on(2, key(1), 20), (0, None), "damage {number}");
        bench.write(2, b"0123456789");
        bench.suspend(2);
        assert_eq!(bench.go_on(3, key(1), 20), (10, Some(digest(b"0123456789"))));
    }
}

#[test]
fn content_that_ends_while_it_is_read_back_starts_over() {
    let mut bench = Bench::new();
    bench.interrupt(1, key(1), 20, b"0123456789");
    assert!(bench.create(2, Some(key(1)), 20).is_empty());
    fs::write(bench.dir(1).join("content"), b"0").unwrap();
    let reply = bench.work();
    assert!(matches!(reply, Reply::Created { offset: 0, digest: None, .. }), "{reply:?}");
    bench.write(2, b"new");
    assert!(matches!(bench.publish(2, item(1, b"new")), Reply::Published { .. }));
}

#[test]
fn nothing_is_kept_without_a_key_or_a_byte_or_when_the_operator_forbids_it() {
    let never = StoreSettings { keep_partial_ms: 0, ..SETTINGS };
    for (settings, key, bytes) in
        [(SETTINGS, None, 10), (SETTINGS, Some(key(1)), 0), (never, Some(key(1)), 10)]
    {
        let mut bench = Bench::with(settings);
        bench.begin(1, key, 20);
        if bytes > 0 {
            bench.write(1, &vec![1; bytes]);
        }
        assert!(matches!(bench.suspend(1)[..], [Reply::Ended { .. }]));
        assert!(bench.names("uploads").is_empty());
    }
}

#[test]
fn what_is_cancelled_is_gone() {
    let mut bench = Bench::new();
    bench.interrupt(1, key(1), 20, b"0123456789");
    bench.go_on(2, key(1), 20);
    bench.ask_one(Request::Discard { upload: transfer(2) });
    assert!(bench.names("uploads").is_empty());
    assert_eq!(bench.go_on(3, key(1), 20), (0, None));
}

#[test]
fn reading_back_can_end_at_any_moment() {
    let content = content(1, LONG);
    for steps in 0..3 {
        let mut bench = Bench::new();
        bench.interrupt(1, key(1), 1 << 30, &content);
        assert!(bench.create(2, Some(key(1)), 1 << 30).is_empty());
        (0..steps).for_each(|_| bench.store.step(&mut |reply| panic!("{reply:?}")));
        assert!(matches!(bench.suspend(2)[..], [Reply::Ended { .. }, Reply::Expires { .. }]));
        assert!(!bench.store.has_work());
        assert!(bench.create(3, Some(key(1)), 1 << 30).is_empty());
        (0..steps).for_each(|_| bench.store.step(&mut |reply| panic!("{reply:?}")));
        assert!(matches!(
            bench.ask_one(Request::Discard { upload: transfer(3) }),
            Reply::Ended { .. }
        ));
        assert!(!bench.store.has_work() && bench.names("uploads").is_empty());
    }
}

#[test]
fn other_transfers_go_on_while_kept_content_is_read_back() {
    let mut bench = Bench::new();
    bench.interrupt(1, key(1), 1 << 30, &content(1, LONG));
    bench.interrupt(2, key(2), 20, b"0123456789");
    assert!(bench.create(3, Some(key(1)), 1 << 30).is_empty());
    assert!(bench.create(4, Some(key(2)), 20).is_empty());
    bench.store.step(&mut |reply| panic!("{reply:?}"));
    // A block that comes too early, and blocks of others.
    let reply = bench.ask_one(Request::Write { upload: transfer(3), block: vec![9] });
    assert!(matches!(reply, Reply::Wrote { .. }));
    bench.shelve(7, b"in between");
    let mut replies = Vec::new();
    bench.store.step(&mut |reply| replies.push(reply));
    let fourth = transfer(4);
    assert!(
        matches!(&replies[..], [Reply::Created { upload, offset: 10, .. }] if *upload == fourth),
        "the short one does not wait for the long one: {replies:?}"
    );
    let reply = bench.work();
    let expected = Some(digest(&content(1, LONG)));
    assert!(matches!(reply, Reply::Created { digest, .. } if digest == expected), "{reply:?}");
}

#[test]
fn a_key_in_use_is_taken_over_with_the_bytes_that_arrived() {
    let mut bench = Bench::new();
    bench.begin(1, Some(key(1)), 20);
    bench.write(1, b"01234");
    // Over the one that runs, then over the one that is read back.
    for number in [2, 3] {
        let replies = bench.create(number, Some(key(1)), 20);
        let [Reply::Failed { transfer: old, code, block: None, .. }] = replies[..] else {
            panic!("{replies:?}")
        };
        assert_eq!((old, code), (transfer(number - 1), Code::REPLACED));
    }
    let reply = bench.work();
    assert!(matches!(reply, Reply::Created { upload, offset: 5, .. } if upload == transfer(3)));
    // What the others still ask for does no harm.
    for number in [1, 2] {
        bench.write(number, b"xxxxx");
        let upload = transfer(number);
        assert!(bench.ask(publish(number, item(9, b"01234"))).is_empty());
        assert!(matches!(bench.suspend(number)[..], [Reply::Ended { .. }]));
        assert!(matches!(bench.ask_one(Request::Discard { upload }), Reply::Ended { .. }));
    }
    bench.write(3, b"56789");
    let reply = bench.publish(3, item(1, b"0123456789"));
    assert!(matches!(reply, Reply::Published { .. }), "{reply:?}");
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let mut bench = Bench::new();
    bench.interrupt(1, key(1), 20, b"x");
    let foreign = ["stray", "folder/f", "2024/photo.jpg", "007/content", "notes/content/f"];
    let key = format!("{}/thesis.tex", "ab".repeat(16));
    for path in foreign.iter().copied().chain([&key[..]]) {
        let path = bench.path("uploads").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"precious").unwrap();
    }
    fs::write(bench.path("uploads/77"), b"a file where we would have a folder").unwrap();
    let mut bench = bench.reopen();
    for path in foreign.iter().copied().chain([&key[..]]) {
        assert_eq!(fs::read(bench.path("uploads").join(path)).unwrap(), b"precious", "{path}");
    }
    assert!(bench.path("uploads/77").exists());
    assert_eq!(bench.go_on(1, super::key(1), 20).0, 1);
    // A number that is taken is in nobody's way either.
    bench.begin(2, None, 20);
    assert!(bench.path("uploads/2025/content").exists());
}

#[test]
fn what_earlier_versions_kept_under_its_key_can_be_resumed_and_loses_the_key() {
    for (renamed, interrupted) in [(false, None), (false, Some(UnixMillis(900))), (true, None)] {
        let bench = Bench::new();
        let offer = Offer { id: UploadId::of(&key(1)), name: name(), size: 20, uploader: None };
        let dir =
            if renamed { bench.dir(1) } else { bench.path("uploads").join(key(1).to_string()) };
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("content"), b"0123456789").unwrap();
        fs::write(dir.join("meta"), old_upload(key(1), &offer, interrupted)).unwrap();
        let mut bench = bench.reopen();
        assert_eq!(bench.names("uploads"), dirs([1]));
        let meta = fs::read(bench.dir(1).join("meta")).unwrap();
        assert!(!meta.windows(16).any(|bytes| bytes == key(1).0));
        assert_eq!(bench.go_on(1, key(1), 20), (10, Some(digest(b"0123456789"))));
    }
}
