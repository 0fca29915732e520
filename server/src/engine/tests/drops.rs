//! Dropping items from the shelf.

use chatshelf_common::id::{ItemId, UploadKey};
use chatshelf_common::wire::frame::{Drop, Join, Refused};
use chatshelf_common::wire::{Code, Event, Frame, ServerFrame};

use super::peer::{Peer, Seen, content, join};
use super::rig::{Rig, SETTINGS};
use super::uploads::{stored, upload};
use crate::engine::Settings;

const KEY: UploadKey = UploadKey([7; 16]);
const OTHER_KEY: UploadKey = UploadKey([8; 16]);

fn drop_item(rig: &mut Rig, peer: &Peer, item: u64, key: Option<UploadKey>) {
    peer.send(Drop { item: ItemId(item), key });
    rig.settle();
}

/// Asserts that a drop is refused, and that everything stays as it is.
fn is_refused(rig: &mut Rig, peer: &mut Peer, item: u64, key: Option<UploadKey>, code: Code) {
    let before = rig.engine.room.log().end();
    peer.take();
    drop_item(rig, peer, item, key);
    let refused = Refused { item: Some(ItemId(item)), ..Refused::new(code, Drop::KIND) };
    assert_eq!(peer.refusals(), [refused]);
    assert_eq!(rig.engine.room.log().end(), before);
}

fn upload_with_key(rig: &mut Rig, peer: &mut Peer, file: &[u8]) -> u64 {
    peer.offer_with_key(1, file.len() as u64, KEY);
    rig.settle();
    peer.data(1, 0, file, 65_536);
    peer.done(1, file);
    rig.settle();
    stored(&peer.take()).expect("not stored").0
}

/// The last drop that a peer saw: who dropped which item.
fn dropped(peer: &mut Peer) -> (u64, Option<String>) {
    match peer.take().pop() {
        Some(Seen::Event(Event::Dropped(dropped))) => {
            (dropped.item.0, dropped.nick.map(|nick| nick.to_string()))
        }
        other => panic!("{other:?}"),
    }
}

fn on_shelf(rig: &Rig) -> Vec<u64> {
    rig.engine.room.shelf().iter().map(|item| item.id.0).collect()
}

#[test]
fn its_uploader_takes_an_item_off_and_nobody_else() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    for number in 1..=3 {
        upload(&mut rig, &mut ada, number, b"file");
    }
    is_refused(&mut rig, &mut bob, 2, None, Code::NOT_YOURS);
    is_refused(&mut rig, &mut bob, 2, Some(KEY), Code::NOT_YOURS);
    is_refused(&mut rig, &mut ada, 9, None, Code::ITEM_UNKNOWN);
    ada.rename("lovelace");
    drop_item(&mut rig, &ada, 2, None);
    assert_eq!(dropped(&mut bob), (2, Some("lovelace".into())));
    assert_eq!(on_shelf(&rig), [1, 3]);
    assert!(!rig.disk.path().join("shelf/2").exists());
    is_refused(&mut rig, &mut ada, 2, None, Code::ITEM_DROPPED);
    assert_eq!(ada.state(), bob.state());
}

#[test]
fn a_nick_proves_nothing() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    upload(&mut rig, &mut ada, 1, b"file");
    ada.leave();
    rig.settle();
    rig.pass(10_000);
    let mut eve = rig.join("ada");
    is_refused(&mut rig, &mut eve, 1, None, Code::NOT_YOURS);
    let mut bob = rig.join("bob");
    eve.leave();
    rig.settle();
    bob.rename("ada");
    rig.settle();
    is_refused(&mut rig, &mut bob, 1, None, Code::NOT_YOURS);
    assert_eq!(on_shelf(&rig), [1]);
}

#[test]
fn a_resumed_membership_is_still_the_uploader() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    upload(&mut rig, &mut ada, 1, b"file");
    for _ in 0..2 {
        let again = rig.connect();
        again.hello();
        again.send(Join { resume: ada.resume(), ..join("ada", Some(0)) });
        rig.settle();
        ada = again;
        ada.take();
    }
    drop_item(&mut rig, &ada, 1, None);
    assert!(on_shelf(&rig).is_empty());
}

#[test]
fn an_uploader_that_has_left_is_known_by_its_token_when_it_joins_again() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    upload(&mut rig, &mut ada, 1, b"file");
    let resume = ada.resume();
    ada.leave();
    rig.settle();
    let mut again = rig.connect();
    again.hello();
    again.send(Join { resume, ..join("lovelace", Some(0)) });
    rig.settle();
    again.take();
    assert_eq!(again.resume(), resume);
    drop_item(&mut rig, &again, 1, None);
    assert!(on_shelf(&rig).is_empty());
}

#[test]
fn the_key_proves_it_to_the_end_over_restarts_and_under_any_nick() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let item = upload_with_key(&mut rig, &mut ada, b"secret");
    let mut rig = rig.restart(SETTINGS);
    let mut bob = rig.join("bob");
    is_refused(&mut rig, &mut bob, item, None, Code::NOT_YOURS);
    is_refused(&mut rig, &mut bob, item, Some(OTHER_KEY), Code::NOT_YOURS);
    drop_item(&mut rig, &bob, item, Some(KEY));
    assert_eq!(dropped(&mut bob), (item, Some("bob".into())));
    is_refused(&mut rig, &mut bob, item, Some(KEY), Code::ITEM_DROPPED);
    // The same file may be uploaded again, by the same key, as another item.
    assert_eq!(upload_with_key(&mut rig, &mut bob, b"secret"), item + 1);
}

#[test]
fn a_member_whose_repeated_offer_is_already_stored_is_its_uploader() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let item = upload_with_key(&mut rig, &mut ada, b"file");
    let mut again = rig.join("again");
    again.offer_with_key(1, 4, KEY);
    rig.settle();
    assert_eq!(stored(&again.take()), Some(ItemId(item)));
    drop_item(&mut rig, &again, item, None);
    assert!(on_shelf(&rig).is_empty());
}

#[test]
fn a_download_under_way_is_sent_whole_and_a_later_one_is_refused() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    let file = content(1_000_000);
    upload(&mut rig, &mut ada, 1, &file);
    bob.take();
    bob.allow(10_000);
    bob.request(1, 1, None);
    rig.settle();
    drop_item(&mut rig, &ada, 1, None);
    bob.allow(usize::MAX);
    rig.settle();
    let seen = bob.take();
    let bytes: usize = seen
        .iter()
        .map(|seen| match seen {
            Seen::Data { bytes, .. } => bytes.len(),
            _ => 0,
        })
        .sum();
    assert_eq!(bytes, file.len());
    assert!(!seen.iter().any(|seen| matches!(seen, Seen::Server(ServerFrame::Refused(_)))));
    bob.request(2, 1, None);
    rig.settle();
    assert_eq!(bob.refusal(), Code::ITEM_DROPPED);
}

#[test]
fn a_number_is_never_used_again_however_much_is_said_before_the_restart() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    for number in 1..=3 {
        upload(&mut rig, &mut ada, number, b"file");
    }
    for item in [2, 3] {
        drop_item(&mut rig, &ada, item, None);
    }
    // The log no longer has any event about these items.
    rig.journal.clear();
    let mut rig = rig.restart(SETTINGS);
    assert_eq!(on_shelf(&rig), [1]);
    let mut bob = rig.join("bob");
    is_refused(&mut rig, &mut bob, 3, None, Code::ITEM_DROPPED);
    assert_eq!(upload(&mut rig, &mut bob, 1, b"next"), 4);
    assert!(!rig.disk.path().join("shelf/3").exists(), "it was kept for its number only");
}

#[test]
fn what_is_dropped_makes_room_and_its_owner_is_forgotten() {
    let mut rig = Rig::with(Settings { keep: 2, ..SETTINGS });
    let mut ada = rig.join("ada");
    for number in 1..=2 {
        upload(&mut rig, &mut ada, number, b"file");
    }
    drop_item(&mut rig, &ada, 1, None);
    assert_eq!(upload(&mut rig, &mut ada, 3, b"file"), 3);
    assert_eq!(on_shelf(&rig), [2, 3], "nothing was dropped for it");
    upload(&mut rig, &mut ada, 4, b"file");
    assert_eq!(on_shelf(&rig), [3, 4]);
    is_refused(&mut rig, &mut ada, 2, None, Code::ITEM_DROPPED);
    assert_eq!(rig.engine.owners.len(), 2);
}
