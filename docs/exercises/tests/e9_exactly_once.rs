//! Checks exercise 9.

use std::collections::VecDeque;

use exercises::exactly_once::{Outbox, Room, Say};

/// Five lines over a connection that breaks after `breaks` steps each time; a step is a line that
/// arrives or a receipt that arrives. What is under way when it breaks is lost.
fn talk(breaks: &[usize]) -> Vec<String> {
    let (mut outbox, mut room) = (Outbox::default(), Room::default());
    let mut typed = (1..=5).map(|n| format!("line {n}"));
    let (mut lines, mut receipts): (VecDeque<Say>, VecDeque<u64>) = Default::default();
    let mut breaks = breaks.iter().copied();
    let mut left = breaks.next().unwrap_or(usize::MAX);
    loop {
        if left == 0 {
            receipts.clear();
            lines = outbox.reconnected().into();
            left = breaks.next().unwrap_or(usize::MAX);
            continue;
        }
        left -= 1;
        if let Some(text) = typed.next() {
            lines.push_back(outbox.say(&text));
        }
        // Receipts are slower than lines, so that some are always under way.
        if lines.len() > 1 || receipts.is_empty() {
            let Some(line) = lines.pop_front() else { break };
            receipts.push_back(room.receive(line));
        } else if let Some(id) = receipts.pop_front() {
            outbox.receipt(id);
        }
    }
    assert!(outbox.reconnected().is_empty(), "it keeps lines whose receipts have come");
    room.log
}

fn expected() -> Vec<String> {
    (1..=5).map(|n| format!("line {n}")).collect()
}

#[test]
fn a_connection_that_holds_says_every_line_once() {
    assert_eq!(talk(&[]), expected());
}

#[test]
fn wherever_it_breaks_every_line_is_said_once_and_in_order() {
    for first in 1..12 {
        for second in 1..12 {
            assert_eq!(talk(&[first, second]), expected(), "it broke after {first}, then {second}");
        }
    }
}

#[test]
fn the_same_words_twice_are_two_lines() {
    let (mut outbox, mut room) = (Outbox::default(), Room::default());
    let (first, second) = (outbox.say("yes"), outbox.say("yes"));
    room.receive(first);
    room.receive(second);
    assert_eq!(room.log, ["yes", "yes"]);
}
