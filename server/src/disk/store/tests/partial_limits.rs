//! Interrupted uploads are kept for a time, and only so many of them.

use super::*;
use crate::disk::store::PARTIALS_MAX;

/// When the next upload expires, as the newest reply says.
fn next_expiry(replies: &[Reply]) -> Option<u64> {
    match replies {
        [.., Reply::Expires { at }] => at.map(|at| at.0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_kept_expires() {
    let mut bench = Bench::new();
    for number in 1..=3 {
        bench.now = UnixMillis(1000 + 100 * u64::from(number));
        bench.interrupt(number.into(), key(number), 20, b"x");
    }
    for (at, next, left) in
        [(2099, Some(2100), 3), (2100, Some(2200), 2), (2299, Some(2300), 1), (9999, None, 0)]
    {
        let replies = bench.ask(Request::Expire { at: UnixMillis(at) });
        assert_eq!((next_expiry(&replies), bench.names("uploads").len()), (next, left), "at {at}");
    }
}

#[test]
fn a_start_removes_what_has_expired_and_what_has_no_key() {
    let mut bench = Bench::new();
    bench.interrupt(1, key(1), 20, b"x");
    bench.now = UnixMillis(1500);
    bench.interrupt(2, key(2), 20, b"x");
    bench.begin(3, None, 20);
    bench.write(3, b"x");
    let mut bench = bench.reopen_after(500);
    assert!(bench.items.is_empty());
    assert_eq!(bench.names("uploads"), dirs([2]));
    let replies = bench.ask(Request::Expire { at: bench.now });
    assert_eq!(next_expiry(&replies), Some(2500));
}

#[test]
fn a_wrong_clock_keeps_nothing_for_ever() {
    let mut bench = Bench::new();
    bench.now = UnixMillis(u64::MAX);
    bench.interrupt(1, key(1), 20, b"x");
    bench.now = UnixMillis(5000);
    let mut bench = bench.reopen();
    let replies = bench.ask(Request::Expire { at: bench.now });
    assert_eq!(next_expiry(&replies), Some(6000));
}

#[test]
fn beyond_the_limit_the_oldest_go() {
    let mut bench = Bench::new();
    for number in 0..=PARTIALS_MAX as u8 {
        bench.now = UnixMillis(1500 - u64::from(number % 50));
        bench.interrupt(number.into(), key(number), 20, b"x");
    }
    let names = bench.names("uploads");
    assert_eq!(names.len(), PARTIALS_MAX);
    assert!(!names.contains(&dirs([49])[0]), "the oldest is the one of 1451");
}

#[test]
fn beyond_the_limit_whoever_has_most_loses_the_smallest() {
    let mut bench = Bench::new();
    bench.interrupt_of(7, 200, 500);
    bench.interrupt_of(8, 201, 10);
    // All of these are newer, and more than there may be.
    for number in 0..=PARTIALS_MAX as u8 {
        bench.now.0 += 1;
        bench.interrupt_of(1, number, 100 + usize::from(number));
    }
    // Who began what is known after a restart, too.
    let mut bench = bench.reopen();
    bench.interrupt_of(1, 65, 300);
    let names = bench.names("uploads");
    assert_eq!(names.len(), PARTIALS_MAX);
    assert!(dirs([200, 201, 4, 64, 65]).iter().all(|name| names.contains(name)));
    assert!(dirs([0, 1, 2, 3]).iter().all(|name| !names.contains(name)), "of theirs the smallest");
}

#[test]
fn beyond_the_byte_limit_whoever_has_most_loses_the_oldest() {
    let mut bench = Bench::with(StoreSettings { partial_bytes_max: 1000, ..SETTINGS });
    for (uploader, number, bytes) in [(1, 1, 400), (2, 2, 300), (2, 3, 300), (3, 4, 100)] {
        bench.now.0 += 1;
        bench.interrupt_of(uploader, number, bytes);
    }
    assert_eq!(bench.names("uploads"), dirs([1, 3, 4]));
}

#[test]
fn too_little_is_not_worth_keeping() {
    let mut bench = Bench::with(StoreSettings { partial_bytes_min: 100, ..SETTINGS });
    for (number, bytes, kept) in [(1, 99, false), (2, 100, true)] {
        bench.interrupt_of(1, number, bytes);
        assert_eq!(bench.names("uploads").contains(&dirs([number])[0]), kept, "{bytes} bytes");
    }
    // Nor after a crash.
    bench.begin(3, Some(key(3)), 200);
    bench.write(3, &[1; 99]);
    assert_eq!(bench.reopen().names("uploads"), dirs([2]));
}

#[test]
fn a_resumed_upload_counts_for_whoever_resumed_it() {
    let mut bench = Bench::with(StoreSettings { partial_bytes_max: 1000, ..SETTINGS });
    bench.interrupt_of(1, 1, 400);
    let (upload, key, at) = (transfer(2), Some(key(1)), bench.now);
    let (name, uploader) = (name(), Uploader(2));
    bench.ask(Request::Create { upload, name, size: 1 << 20, key, uploader, checksum: None, at });
    bench.work();
    bench.suspend(2);
    bench.now.0 += 1;
    bench.interrupt_of(2, 3, 100);
    bench.interrupt_of(1, 4, 450);
    bench.interrupt_of(2, 5, 100);
    assert_eq!(bench.names("uploads"), dirs([3, 4, 5]));
}

#[test]
fn beyond_the_byte_limit_the_oldest_go_even_at_a_start() {
    let settings = StoreSettings { partial_bytes_max: 100, ..SETTINGS };
    let mut bench = Bench::with(settings);
    for (number, bytes) in [(1, 40), (2, 40), (3, 20), (4, 30)] {
        bench.now = UnixMillis(1000 + u64::from(number));
        bench.interrupt(number.into(), key(number), 200, &vec![1; bytes]);
    }
    assert_eq!(bench.names("uploads"), dirs([2, 3, 4]));
    // One that alone is too large costs the others nothing.
    bench.begin(5, Some(key(5)), 200);
    bench.write(5, &[1; 101]);
    assert!(matches!(bench.suspend(5)[..], [Reply::Ended { .. }]));
    assert_eq!(bench.names("uploads").len(), 3);
    bench.settings.partial_bytes_max = 50;
    assert_eq!(bench.reopen().names("uploads"), dirs([3, 4]));
}

#[test]
fn what_runs_does_not_count() {
    let settings = StoreSettings { partial_bytes_max: 10, ..SETTINGS };
    let mut bench = Bench::with(settings);
    bench.interrupt(1, key(1), 20, b"0123456789");
    bench.go_on(2, key(1), 20);
    bench.interrupt(3, key(3), 20, b"0123456789");
    bench.write(2, b"0123456789");
    assert!(matches!(bench.publish(2, item(1, b"01234567890123456789")), Reply::Published { .. }));
    assert_eq!(bench.names("uploads"), dirs([3]));
}
