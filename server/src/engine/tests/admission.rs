//! Who is admitted when there are many: a full room, connections that do not join, few descriptors.

use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{Goodbye, Join};

use super::peer::{Peer, join};
use super::rig::{Rig, SETTINGS};
use crate::engine::Settings;

#[test]
fn a_full_room_turns_away_until_someone_goes() {
    let mut rig = Rig::with(Settings { members_max: 2, ..SETTINGS });
    let (ada, _bob) = (rig.join("ada"), rig.join("bob"));
    let mut third = rig.connect();
    third.hello();
    rig.settle();
    assert_eq!(third.farewell(), None, "it has not requested a place yet");
    third.join("third", None);
    rig.settle();
    third.take();
    let Some(Goodbye { code: Code::ROOM_FULL, limit: Some(2), .. }) = third.goodbye() else {
        panic!("{:?}", third.goodbye())
    };
    third.end();
    ada.leave();
    ada.end();
    rig.settle();
    assert_eq!(rig.engine.connections(), 1);
    rig.join("third");
}

#[test]
fn only_members_take_places_in_the_room() {
    let mut rig = Rig::with(Settings { members_max: 2, ..SETTINGS });
    let _ada = rig.join("ada");
    let silent: Vec<Peer> = (0..100).map(|_| rig.connect()).collect();
    silent.iter().skip(50).for_each(Peer::hello);
    // One that was refused and one that has left stay connected to receive it.
    let (refused, gone) = (rig.connect(), rig.join("gone"));
    refused.send_raw(b"GET / HTTP/1.1\r\n\r\n");
    gone.allow(0);
    gone.leave();
    rig.settle();
    assert_eq!(rig.engine.connections(), 103);
    let bob = rig.join("bob");
    drop((silent, refused, gone, bob));
}

#[test]
fn a_member_can_return_to_a_full_room() {
    let mut rig = Rig::with(Settings { members_max: 2, ..SETTINGS });
    let (ada, _bob) = (rig.join("ada"), rig.join("bob"));
    for _ in 0..3 {
        let mut again = rig.connect();
        again.hello();
        again.send(Join { resume: ada.resume(), ..join("ada", None) });
        rig.settle();
        again.take();
        assert_eq!(again.goodbye(), None);
        assert_eq!(again.members(), ["ada", "bob"]);
    }
}

#[test]
fn beyond_the_limit_the_oldest_that_has_not_joined_gives_way() {
    let mut rig = Rig::with(Settings { members_max: 1, ..SETTINGS });
    let mut crowd: Vec<Peer> = (0..1000).map(|_| rig.connect()).collect();
    crowd.iter().skip(1).for_each(Peer::hello);
    rig.settle();
    assert!(crowd.iter_mut().all(|peer| peer.farewell().is_none()));
    let mut ada = rig.join("ada");
    assert_eq!(crowd[0].farewell(), Some(Code::TOO_MANY_CONNECTIONS));
    assert_eq!(crowd[0].goodbye().unwrap().limit, Some(1000));
    for _ in 0..6 {
        crowd.extend((0..500).map(|_| rig.connect()));
        rig.settle();
    }
    assert_eq!(rig.engine.connections(), 1 + 1000 + 1000, "leaving connections are bounded too");
    assert!(crowd[..3000].iter_mut().all(|peer| peer.farewell().is_some()), "all were told");
    assert!(crowd[3000..].iter_mut().all(|peer| peer.farewell().is_none()));
    rig.pass(2_000);
    assert_eq!(rig.engine.connections(), 1 + 1000);
    ada.say("undisturbed");
    rig.settle();
    assert_eq!(ada.lines(), ["undisturbed"]);
}

#[test]
fn newcomers_wait_while_earlier_ones_have_hardly_had_time_to_join() {
    let mut rig = Rig::new();
    let crowd: Vec<Peer> = (0..999).map(|_| rig.connect()).collect();
    assert_eq!(rig.engine.opens_at_ms(), None);
    let last = rig.connect();
    let now_ms = rig.now.mono_ms();
    assert_eq!(rig.engine.opens_at_ms(), Some(now_ms + 500));
    // Once one of them has joined, or was connected long enough, the next may come.
    last.hello();
    last.join("last", None);
    rig.settle();
    assert_eq!(rig.engine.opens_at_ms(), None);
    rig.connect();
    rig.pass(499);
    assert_eq!(rig.engine.opens_at_ms(), Some(now_ms + 500));
    rig.pass(1);
    assert_eq!(rig.engine.opens_at_ms(), None);
    drop(crowd);
}

#[test]
fn with_few_descriptors_fewer_members_fit_and_members_can_always_return() {
    let mut rig = Rig::new();
    assert_eq!(rig.engine.limit_connections(14), 11);
    let members: Vec<Peer> = (0..11).map(|n| rig.join(&format!("peer-{n}"))).collect();
    let mut crowd = Vec::new();
    for _ in 0..20 {
        crowd.push(rig.connect());
        rig.settle();
    }
    assert_eq!(rig.engine.connections(), 14);
    let told = |peer: &mut Peer| peer.farewell() == Some(Code::TOO_MANY_CONNECTIONS);
    assert!(crowd[..17].iter_mut().all(told), "even those dropped at once are told why");
    let mut again = rig.connect();
    again.hello();
    again.send(Join { resume: members[3].resume(), ..join("peer-3", None) });
    rig.settle();
    again.take();
    assert_eq!(again.members().len(), 11);
    let mut twelfth = rig.connect();
    twelfth.hello();
    twelfth.join("twelfth", None);
    rig.settle();
    assert_eq!(twelfth.farewell(), Some(Code::ROOM_FULL));
    assert_eq!(twelfth.goodbye().unwrap().limit, Some(11));
}
