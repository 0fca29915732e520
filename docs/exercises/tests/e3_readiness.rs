//! Checks exercise 3.

use exercises::readiness::{Read, Readiness};

/// Reads up to 10 bytes of what each socket holds; notes whose turn it was.
fn read(held: &mut [usize], order: &mut Vec<usize>, socket: usize) -> Read {
    order.push(socket);
    let bytes = held[socket].min(10);
    held[socket] -= bytes;
    if bytes == 0 { Read::WouldBlock } else { Read::Bytes(bytes) }
}

#[test]
fn everything_is_read_although_the_event_comes_once() {
    let (mut held, mut order) = ([95, 30], Vec::new());
    let mut readiness = Readiness::default();
    let mut turns = 1;
    let mut goes_on = readiness.turn(&[0, 1], 30, |it| read(&mut held, &mut order, it));
    while goes_on {
        goes_on = readiness.turn(&[], 30, |it| read(&mut held, &mut order, it));
        turns += 1;
        assert!(turns < 10, "it never sleeps");
    }
    assert_eq!(held, [0, 0], "bytes are left, and no event will come for them");
}

#[test]
fn nobody_waits_for_one_that_sends_without_end() {
    let (mut held, mut order) = ([1_000_000, 20], Vec::new());
    let mut readiness = Readiness::default();
    assert!(readiness.turn(&[0, 1], 30, |it| read(&mut held, &mut order, it)));
    assert_eq!(order, [0, 0, 0, 1, 1, 1]);
}

#[test]
fn an_event_for_a_socket_that_is_queued_gives_it_no_second_turn() {
    let (mut held, mut order) = ([100, 0], Vec::new());
    let mut readiness = Readiness::default();
    assert!(readiness.turn(&[0], 30, |it| read(&mut held, &mut order, it)));
    assert!(readiness.turn(&[0, 0], 30, |it| read(&mut held, &mut order, it)));
    assert_eq!(held[0], 40, "30 bytes in each turn");
}

#[test]
fn a_loop_with_nothing_to_do_sleeps_and_reads_nobody() {
    let (mut held, mut order) = ([5, 5], Vec::new());
    let mut readiness = Readiness::default();
    assert!(!readiness.turn(&[1], 30, |it| read(&mut held, &mut order, it)));
    assert!(!readiness.turn(&[], 30, |it| read(&mut held, &mut order, it)));
    assert_eq!((held, order), ([5, 0], vec![1, 1]), "read until it would block, then left alone");
}
