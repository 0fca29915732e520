//! Who gets a slot, whatever greedy members do.

use chatshelf_common::id::TransferId;

use super::*;

/// A server's slots, and the members who request them.
#[derive(Default)]
struct Crowd {
    slots: Slots,
    last: u32,
}

impl Crowd {
    /// Tries to take one; returns the limit that forbids it.
    fn ask(&mut self, address: u8, member: usize, way: Way) -> Result<TransferKey, usize> {
        let connection = Token::new(member, 1);
        let origin = Origin::from(std::net::SocketAddr::from(([10, 0, 0, address], 4000)));
        let running = self.slots.count(|transfer, _| transfer.connection == connection);
        let asker = Asker { connection, origin, running };
        if let Some(limit) = self.slots.limit_reached(asker, way) {
            return Err(limit);
        }
        self.last += 1;
        let transfer = TransferKey { connection, transfer: TransferId(self.last) };
        self.slots.take(transfer, origin, way);
        Ok(transfer)
    }

    /// Makes this many members of an address take all the slots they get, one after another.
    fn grab(&mut self, address: u8, members: usize, way: Way) -> usize {
        let first = 1000 * usize::from(address);
        let all = |crowd: &mut Self, member| {
            std::iter::repeat_with(|| crowd.ask(address, member, way))
                .take_while(Result::is_ok)
                .count()
        };
        (first..first + members).map(|member| all(self, member)).sum()
    }
}

#[test]
fn sixteen_greedy_members_of_one_address_leave_slots_to_those_who_have_none() {
    for way in [Way::Up, Way::Down] {
        let mut crowd = Crowd::default();
        let taken = crowd.grab(1, 16, way);
        assert!(taken > 60, "a lone member may have most: {taken}");
        assert!(crowd.slots.are_scarce(way));
        for (member, other) in [(1, Way::Up), (2, Way::Down)] {
            assert!(crowd.ask(1, member, other).is_ok(), "a newcomer behind the same address");
            assert!(crowd.ask(2, 10 + member, other).is_ok(), "one from elsewhere");
        }
    }
}

#[test]
fn any_number_of_greedy_members_of_one_address_leaves_slots_to_other_addresses() {
    let mut crowd = Crowd::default();
    crowd.grab(1, 1000, Way::Up);
    crowd.grab(1, 1000, Way::Down);
    assert_eq!(TRANSFERS_MAX - crowd.slots.taken(), NEWCOMER_FREE_SLOTS_MIN);
    for address in 2..2 + NEWCOMER_FREE_SLOTS_MIN as u8 {
        assert!(crowd.ask(address, address.into(), Way::Down).is_ok(), "address {address}");
    }
    assert_eq!(crowd.ask(99, 99, Way::Down), Err(TRANSFERS_MAX));
}

#[test]
fn a_class_behind_one_address_has_most_of_the_slots() {
    let mut crowd = Crowd::default();
    let students = (0..300).filter(|&student| crowd.ask(1, student, Way::Up).is_ok()).count();
    assert_eq!(students, UPLOADS_MAX - NEWCOMER_FREE_SLOTS_MIN);
}

#[test]
fn uploads_leave_slots_for_downloads() {
    let mut crowd = Crowd::default();
    let uploads: usize = (1..=200).map(|address| crowd.grab(address, 1, Way::Up)).sum();
    assert_eq!(uploads, UPLOADS_MAX);
    assert_eq!(crowd.ask(201, 1, Way::Up), Err(UPLOADS_MAX));
    let download = |address: &u8| crowd.ask(*address, usize::from(*address), Way::Down).is_ok();
    let downloads = (1..=200).filter(download).count();
    assert_eq!(downloads, TRANSFERS_MAX - UPLOADS_MAX);
    // With none free, the limit of all applies.
    assert_eq!(crowd.ask(201, 1, Way::Down), Err(TRANSFERS_MAX));
    assert_eq!(crowd.ask(201, 1, Way::Up), Err(TRANSFERS_MAX));
}

#[test]
fn the_limit_that_is_named_is_the_one_in_the_way() {
    let mut crowd = Crowd::default();
    assert_eq!(crowd.grab(1, 1, Way::Up), MEMBER_TRANSFERS_MAX);
    assert_eq!(crowd.ask(1, 1000, Way::Down), Err(MEMBER_TRANSFERS_MAX));
    // An address may have four times what is free.
    crowd.grab(1, 1000, Way::Down);
    crowd.ask(2, 2000, Way::Down).unwrap();
    let free = TRANSFERS_MAX - crowd.slots.taken();
    assert!(free > 1);
    assert_eq!(crowd.ask(1, 9999, Way::Down), Err(ORIGIN_SHARE * free));
    // A member may have what is free.
    crowd.grab(2, 1, Way::Down);
    let free = TRANSFERS_MAX - crowd.slots.taken();
    assert_eq!(crowd.ask(2, 2000, Way::Down), Err(free));
}

#[test]
fn a_member_who_just_ended_their_only_transfer_is_still_a_newcomer() {
    let mut crowd = Crowd::default();
    crowd.grab(1, 16, Way::Up);
    let ended = crowd.ask(1, 1, Way::Down).unwrap();
    let origin = crowd.slots.taken[&ended].origin;
    let asker = Asker { connection: ended.connection, origin, running: 0 };
    assert_eq!(crowd.slots.limit_reached(asker, Way::Up), None);
    assert!(crowd.slots.limit_reached(Asker { running: 1, ..asker }, Way::Up).is_some());
}

#[test]
fn an_ended_transfer_counts_until_the_disk_has_let_go_of_it() {
    let mut crowd = Crowd::default();
    let connection = Token::new(1, 1);
    let origin = Origin::from(std::net::SocketAddr::from(([10, 0, 0, 1], 4000)));
    // This member has cancelled everything it began.
    let asker = Asker { connection, origin, running: 0 };
    let transfer = |n| TransferKey { connection, transfer: TransferId(n) };
    let mut taken = 0;
    while crowd.slots.limit_reached(asker, Way::Up).is_none() {
        taken += 1;
        crowd.slots.take(transfer(taken), origin, Way::Up);
    }
    assert_eq!(taken as usize, MEMBER_SLOTS_MAX);
    assert_eq!(crowd.slots.limit_reached(asker, Way::Up), Some(MEMBER_SLOTS_MAX));
    crowd.slots.free(transfer(3));
    assert_eq!(crowd.slots.limit_reached(asker, Way::Up), None);
}
