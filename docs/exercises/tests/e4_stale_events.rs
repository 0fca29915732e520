//! Checks exercise 4.

use exercises::stale_events::{Table, Token};

#[test]
fn a_connection_is_found_until_it_is_removed() {
    let mut table = Table::default();
    let (ada, bob) = (table.insert("ada"), table.insert("bob"));
    assert_eq!((table.get(ada), table.get(bob)), (Some("ada"), Some("bob")));
    table.remove(ada);
    assert_eq!((table.get(ada), table.get(bob)), (None, Some("bob")));
}

#[test]
fn a_late_event_does_not_reach_who_has_the_slot_now() {
    let mut table = Table::default();
    let ada = table.insert("ada");
    table.remove(ada);
    let bob = table.insert("bob");
    assert_eq!(table.slots(), 1, "the slot is used again");
    assert_eq!(table.get(ada), None);
    table.remove(ada);
    assert_eq!(table.get(bob), Some("bob"), "a late removal hits nobody");
}

#[test]
fn a_crowd_that_comes_and_goes_takes_no_more_slots_than_it_needs_at_once() {
    let mut table = Table::default();
    let mut gone: Vec<Token> = Vec::new();
    for round in 0..1000 {
        let both = [table.insert("x"), table.insert("y")];
        assert!(gone.iter().all(|&token| table.get(token).is_none()), "round {round}");
        both.iter().for_each(|&token| table.remove(token));
        table.remove(both[0]);
        gone.extend(both);
    }
    assert_eq!(table.slots(), 2);
}

#[test]
fn a_token_that_was_never_given_out_finds_nobody() {
    let mut table = Table::default();
    let ada = table.insert("ada");
    assert_eq!(table.get(Token(ada.0 ^ (1 << 63))), None);
    assert_eq!(table.get(Token(u64::MAX)), None);
}
