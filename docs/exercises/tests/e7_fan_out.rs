//! Checks exercise 7.

use exercises::fan_out::{Gap, Log};

#[test]
fn a_member_is_sent_what_follows_its_cursor_in_one_slice() {
    let mut log = Log::new(100);
    assert_eq!((log.end(), log.after(0)), (0, Ok(&b""[..])));
    log.append(b"one ");
    let bob = log.end();
    log.append(b"two ");
    log.append(b"three ");
    assert_eq!(log.after(0), Ok(&b"one two three "[..]));
    assert_eq!(log.after(bob), Ok(&b"two three "[..]));
    assert_eq!(log.after(log.end()), Ok(&b""[..]));
}

#[test]
fn every_member_that_keeps_up_sees_the_same_bytes() {
    let mut log = Log::new(50);
    let mut members: Vec<(u64, Vec<u8>)> = vec![(0, vec![]); 4];
    let mut said = Vec::new();
    for n in 0..400 {
        let event = format!("<{n}>");
        log.append(event.as_bytes());
        said.extend(event.bytes());
        for (at, (cursor, seen)) in members.iter_mut().enumerate() {
            if n % (at + 1) == 0 {
                seen.extend(log.after(*cursor).unwrap());
                *cursor = log.end();
            }
        }
    }
    for (cursor, mut seen) in members {
        seen.extend(log.after(cursor).unwrap());
        assert!(seen == said);
    }
}

#[test]
fn one_who_never_reads_costs_no_memory_and_is_told_what_it_missed() {
    let mut log = Log::new(100);
    for _ in 0..1000 {
        log.append(b"ten bytes.");
        assert!(log.held_bytes() <= 200, "{}", log.held_bytes());
    }
    assert_eq!(log.end(), 10_000);
    assert_eq!(log.after(0), Err(Gap { missed: 10_000 }));
    assert_eq!(log.after(9_900).map(<[u8]>::len), Ok(100), "the newest window is always held");
}

#[test]
fn bytes_are_moved_once_in_a_window_and_not_each_time() {
    let mut log = Log::new(1000);
    let mut moves = 0;
    for _ in 0..10_000 {
        let before = log.held_bytes();
        log.append(b"ten bytes.");
        moves += usize::from(log.held_bytes() < before + 10);
    }
    assert!(moves <= 110, "{moves} moves for 100 windows");
}
