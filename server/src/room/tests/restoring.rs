//! Startup: restoring the room from what the previous run left on disk.

use chatshelf_common::wire::frame::TopicChanged;

use super::*;

/// Restores a room from these events and items and makes the proposals; also returns the items
/// whose files are to be removed.
fn restored(events: &[Event], items: Vec<Item>) -> (Bench, Vec<ItemId>) {
    let topic = events.iter().rev().find_map(|event| match event {
        Event::TopicChanged(event) => Some(event.clone()),
        _ => None,
    });
    let past = Past { events: events.to_vec(), topic, items, newest_item: ItemId(0) };
    let Restored { room, proposals, gone } = Room::restore(past, WINDOW_BYTES, KEEP, AT);
    let mut bench = Bench { room };
    proposals.into_iter().for_each(|proposal| bench.propose(proposal).unwrap());
    (bench, gone)
}

/// A room in which six items were shelved and the first was dropped.
fn six_items() -> Bench {
    let mut bench = Bench::with(&["ada"]);
    bench.set_topic("ada", topic("engines")).unwrap();
    (1..=6).for_each(|id| bench.shelve(id).unwrap());
    bench.drop(1).unwrap();
    bench
}

#[test]
fn the_room_is_restored_from_the_log_without_members() {
    let before = six_items();
    let (after, gone) = restored(&before.events(), (2..=6).map(item).collect());
    assert_eq!((after.items(), after.events()), (before.items(), before.events()));
    assert_eq!((after.topic(), gone), (before.topic(), vec![]));
    assert_eq!((before.room.members_len(), after.room.members_len()), (1, 0));
}

#[test]
fn what_the_log_does_not_know_is_proposed() {
    let past = six_items().events();
    // Item 1 was dropped but its file is still there; item 2 vanished without an event; item 7 was
    // complete but not announced.
    let (after, gone) = restored(&past, [1, 3, 4, 5, 6, 7].map(item).to_vec());
    assert_eq!((after.items(), gone), (vec![3, 4, 5, 6, 7], vec![ItemId(1)]));
    let now = after.events();
    assert_eq!(now[..past.len()], past);
    let [Event::Shelved(shelved), Event::Dropped(dropped)] = &now[past.len()..] else {
        panic!("{now:?}");
    };
    assert_eq!((&shelved.item, dropped.item), (&item(7), ItemId(2)));
}

#[test]
fn items_from_before_the_window_return_to_the_shelf_without_an_event() {
    let mut events = six_items().events();
    events.retain(|event| event.seq() > Seq(5));
    let earlier = |id| Item { at: UnixMillis(AT.0 - 1), ..item(id) };
    let items = vec![earlier(1), earlier(2), earlier(3), item(4), item(5), item(6)];
    let (after, gone) = restored(&events, items);
    assert_eq!((after.items(), gone), (vec![2, 3, 4, 5, 6], vec![ItemId(1)]));
    assert_eq!(after.events(), events, "nothing had to be proposed");
}

#[test]
fn an_item_whose_announcement_is_lost_is_announced_and_has_its_place() {
    let mut events = six_items().events();
    events.retain(|event| !matches!(event, Event::Shelved(event) if event.item.id == ItemId(3)));
    let (after, _) = restored(&events, (2..=6).map(item).collect());
    assert_eq!(after.items(), [2, 3, 4, 5, 6]);
    assert!(matches!(after.events().last(), Some(Event::Shelved(event)) if event.item == item(3)));
}

#[test]
fn a_topic_from_before_the_log_stays_until_it_is_changed() {
    let set = TopicChanged { seq: Seq(7), at: AT, nick: nick("ada"), topic: topic("engines") };
    let restored = |topic| {
        let past = Past { topic: Some(topic), ..Past::default() };
        Bench { room: Room::restore(past, WINDOW_BYTES, KEEP, AT).room }
    };
    let mut bench = restored(set.clone());
    let state = bench.room.topic().unwrap();
    assert_eq!((state.topic.as_str(), &state.nick, state.at), ("engines", &nick("ada"), AT));
    bench.join("bob").unwrap();
    bench.set_topic("bob", None).unwrap();
    assert_eq!(bench.topic(), None);
    assert_eq!(restored(TopicChanged { topic: None, ..set }).topic(), None);
}

#[test]
fn events_the_disk_has_lost_in_between_are_announced_as_forgotten() {
    let mut before = Bench::with(&["ada"]);
    for text in ["one", "two", "three"] {
        before.set_topic("ada", topic(text)).unwrap();
    }
    let mut past = before.events();
    past.drain(1..3);
    let (mut after, _) = restored(&past, vec![]);
    let now = after.events();
    assert!(now.iter().map(|event| event.seq().0).eq(1..=4));
    assert_eq!((&now[0], &now[3]), (&past[0], &past[1]));
    assert!(now[1..3].iter().all(|event| matches!(event, Event::Forgotten(_))));
    assert_eq!(after.topic(), Some("three"));
    after.join("bob").unwrap();
    assert_eq!(after.room.log().last_seq(), Seq(5));
}

#[test]
fn numbers_of_dropped_items_are_not_used_again() {
    let mut bench = Bench::new();
    (1..=6).for_each(|id| bench.shelve(id).unwrap());
    (1..=6).for_each(|id| bench.drop(id).unwrap());
    let (after, _) = restored(&bench.events(), vec![]);
    assert_eq!(after.room.shelf().newest(), ItemId(6));
    assert_eq!(after.room.shelf().find(ItemId(3)), Err(Code::ITEM_DROPPED));
    let newest_item = ItemId(9);
    let found = Past { newest_item, ..Past::default() };
    let room = Room::restore(found, WINDOW_BYTES, KEEP, AT).room;
    assert_eq!(room.shelf().newest(), ItemId(9));
}
