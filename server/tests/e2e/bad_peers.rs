//! Peers that break the rules, by accident or not, beside members who talk on undisturbed.

use std::net::Shutdown;
use std::time::Duration;

use chatshelf_common::id::ItemId;
use chatshelf_common::limits::{
    DATA_BYTES_MAX, FRAME_BYTES_MAX, FRAME_BYTES_MAX_BEFORE_JOIN, HISTORY_ALL,
};
use chatshelf_common::text::{FileName, Message, Nick};
use chatshelf_common::wire::field::Tag;
use chatshelf_common::wire::frame::{
    Goodbye, Hello, Join, Ping, Rename, Say, ServerPong, UploadDone, UploadOffer,
};
use chatshelf_common::wire::header::{DATA, DATA_PREFIX_BYTES};
use chatshelf_common::wire::{Code, Event, Frame};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::raw::{
    data, field, flagged_frame, frame, header, hello, hello_and_join, hello_of,
};

use crate::harness::Room;
use crate::harness::bystanders::beside_talk;

/// Sends bytes on a connection of its own and answers the farewell.
fn farewell_to(room: &Room, bytes: &[u8]) -> Goodbye {
    let mut peer = Peer::connect(room.address());
    peer.send_bytes(bytes);
    peer.goodbye()
}

#[test]
fn a_peer_that_does_not_speak_the_protocol_is_told_so() {
    let magic = field(Tag::MAGIC, b"CHSH");
    let old = field(Tag::VERSION_MIN, &[0, 1]);
    let wrong_magic = [field(Tag::MAGIC, b"chsh"), old.clone(), field(Tag::VERSION_MAX, &[0, 1])];
    beside_talk(&[], |room| {
        for bytes in [
            &[0xff; 4096][..],
            &[0; 4096],
            b"* OK IMAP4rev1 Service Ready\r\n",
            b"220 mail.example.org ESMTP\r\n",
            &frame(Hello::KIND, &wrong_magic.concat()),
            &Ping {}.to_bytes(),
            &hello_and_join("hasty", None)[hello().len()..],
            &frame(0x7e, b""),
        ] {
            assert_eq!(farewell_to(room, bytes).code, Code::NOT_CHATSHELF, "{bytes:?}");
        }
        for range in [(2, 9), (0, 0), (3, 1)] {
            let farewell = farewell_to(room, &hello_of(range.0, range.1));
            assert_eq!(farewell.code, Code::VERSION, "{range:?}");
            assert_eq!((farewell.version_min, farewell.version_max), (Some(1), Some(1)));
        }
        for fields in [
            [&magic[..], &old].concat(),
            [&magic[..], &old, &old, &field(Tag::VERSION_MAX, &[0, 1])].concat(),
            [&magic[..], &old, &field(Tag::VERSION_MAX, &[1])].concat(),
            [&hello()[6..], b"\x06\x00"].concat(),
        ] {
            let farewell = farewell_to(room, &frame(Hello::KIND, &fields));
            assert_eq!(farewell.code, Code::MALFORMED, "{fields:?}");
        }
        // A newer client that can speak the old version, with fields nobody knows yet.
        let newer = [&hello_of(1, 7)[6..], &field(Tag(99), b"new")].concat();
        let mut peer = Peer::connect(room.address());
        let join = &hello_and_join("newer", Some(0))[hello().len()..];
        peer.send_bytes(&[&frame(Hello::KIND, &newer)[..], join].concat());
        assert_eq!(peer.welcomed().nick.as_str(), "newer");
    });
}

#[test]
fn a_peer_that_breaks_a_rule_before_joining_is_told_which() {
    let limit = FRAME_BYTES_MAX_BEFORE_JOIN;
    beside_talk(&[], |room| {
        let farewell = farewell_to(room, &header(Hello::KIND, limit + 1));
        let told = (farewell.code, farewell.limit);
        assert_eq!(told, (Code::FRAME_TOO_LONG, Some(u64::from(limit))));
        for (bytes, code) in [
            (header(Join::KIND, limit + 1), Code::FRAME_TOO_LONG),
            (header(0x7e, u32::MAX), Code::FRAME_TOO_LONG),
            (frame(0x7e, b"?"), Code::UNKNOWN_TYPE),
            (ServerPong::KIND.to_be_bytes().repeat(6), Code::FRAME_TOO_LONG),
            (hello(), Code::UNEXPECTED),
            (data(1, 0, b"x"), Code::UNEXPECTED),
            (frame(Say::KIND, &field(Tag::MESSAGE_ID, &[0; 8])), Code::MALFORMED),
            (Rename { nick: Nick::new("x").unwrap() }.to_bytes(), Code::UNEXPECTED),
            (frame(Join::KIND, b""), Code::MALFORMED),
        ] {
            let bytes = [hello(), bytes].concat();
            assert_eq!(farewell_to(room, &bytes).code, code, "{bytes:?}");
        }
        let skippable = flagged_frame(0x7e, 1, b"from the future");
        let join = hello_and_join("skipper", Some(0));
        let (hello, join) = join.split_at(hello().len());
        let mut peer = Peer::connect(room.address());
        peer.send_bytes(&[hello, &skippable, join, &skippable].concat());
        peer.welcomed();
        peer.say_and_hear("skipped");
    });
}

/// A rule broken by a member: its name, the bytes, the farewell's code and limit.
type Broken = (&'static str, Vec<u8>, Code, Option<u64>);

fn broken_by_members() -> Vec<Broken> {
    let frame_limit = FRAME_BYTES_MAX;
    let data_limit = DATA_PREFIX_BYTES as u32 + DATA_BYTES_MAX;
    let offer = |transfer: u32| {
        let number = field(Tag::TRANSFER, &transfer.to_be_bytes());
        let size = field(Tag::SIZE, &10_u64.to_be_bytes());
        frame(UploadOffer::KIND, &[number, field(Tag::NAME, b"f"), size].concat())
    };
    let done = |transfer: u32| {
        let number = field(Tag::TRANSFER, &transfer.to_be_bytes());
        frame(UploadDone::KIND, &[number, field(Tag::DIGEST, &[0; 32])].concat())
    };
    let id = field(Tag::MESSAGE_ID, &[0; 8]);
    let text = field(Tag::TEXT, b"x");
    let say = |fields: &[&[u8]]| frame(Say::KIND, &fields.concat());
    let too_long = |limit: u32| (Code::FRAME_TOO_LONG, Some(u64::from(limit)));
    let rules = vec![
        ("a long frame", header(Say::KIND, frame_limit + 1), too_long(frame_limit)),
        ("the longest frame", header(Say::KIND, u32::MAX), too_long(frame_limit)),
        ("long data", header(DATA, data_limit + 1), too_long(data_limit)),
        ("no data", header(DATA, DATA_PREFIX_BYTES as u32), (Code::MALFORMED, None)),
        ("no prefix", header(DATA, 3), (Code::MALFORMED, None)),
        ("data for nothing", data(77, 0, b"x"), (Code::UNEXPECTED, None)),
        ("done with nothing", done(77), (Code::UNEXPECTED, None)),
        ("eager data", [offer(1), data(1, 0, b"x")].concat(), (Code::UNEXPECTED, None)),
        ("a number again", [offer(5), offer(5)].concat(), (Code::UNEXPECTED, None)),
        ("a number too low", [offer(5), offer(4)].concat(), (Code::UNEXPECTED, None)),
        ("a second hello", hello(), (Code::UNEXPECTED, None)),
        ("a second join", frame(Join::KIND, &field(Tag::NICK, b"x")), (Code::UNEXPECTED, None)),
        ("a frame of servers", frame(0xc0, b""), (Code::UNKNOWN_TYPE, None)),
        ("an unknown frame", frame(0x7e, b""), (Code::UNKNOWN_TYPE, None)),
        ("a missing field", say(&[&id]), (Code::MALFORMED, None)),
        ("a field twice", say(&[&id, &text, &text]), (Code::MALFORMED, None)),
        ("a short field", say(&[&field(Tag::MESSAGE_ID, &[0; 7]), &text]), (Code::MALFORMED, None)),
        ("bytes left over", say(&[&id, &text, &[1]]), (Code::MALFORMED, None)),
    ];
    rules.into_iter().map(|(name, bytes, (code, limit))| (name, bytes, code, limit)).collect()
}

#[test]
fn a_member_who_breaks_a_rule_is_told_which_and_leaves_for_that_reason() {
    let broken = broken_by_members();
    let view = beside_talk(&[], |room| {
        for (number, (name, bytes, code, limit)) in broken.iter().enumerate() {
            let mut peer = room.join(&format!("breaker{number}"));
            // What comes after it means nothing any more.
            peer.send_bytes(&[&bytes[..], &frame(Say::KIND, b"noise").repeat(1000)].concat());
            let farewell = peer.goodbye();
            assert_eq!((farewell.code, farewell.limit), (*code, *limit), "{name}");
        }
    });
    for (number, (name, _, expected, _)) in broken.iter().enumerate() {
        let nick = Nick::new(&format!("breaker{number}")).unwrap();
        let code = view.events().iter().find_map(|event| match event {
            Event::Left(left) if left.nick == nick => Some(left.code),
            _ => None,
        });
        assert_eq!(code, Some(*expected), "{name}");
    }
}

#[test]
fn data_for_a_download_is_refused() {
    beside_talk(&[], |room| {
        let mut peer = room.join("confused");
        let item = peer.upload("f", &[7; 3_000_000]);
        let transfer = peer.request(item, None);
        peer.download_ready(transfer).unwrap();
        peer.data(transfer, 0, b"x");
        assert_eq!(peer.goodbye().code, Code::UNEXPECTED);
        let mut peer = room.join("late");
        let transfer = peer.request(ItemId(99), None);
        assert_eq!(peer.download_ready(transfer).unwrap_err().code, Code::ITEM_UNKNOWN);
        // It has ended: what comes for it is discarded.
        peer.data(transfer, 5, b"x");
        peer.say_and_hear("still here");
    });
}

#[test]
fn one_byte_at_a_time_is_no_different() {
    beside_talk(&[], |room| {
        let mut slow = Peer::connect(room.address());
        let id = slow.next_id();
        let say = Say::new(id, Message::new("so slow").unwrap(), None).to_bytes();
        let offer = UploadOffer::new(slow.next_transfer(), FileName::new("f").unwrap(), 3);
        let bytes = [hello_and_join("slow", Some(0)), say, offer.to_bytes()].concat();
        send_slowly(&mut slow, &bytes);
        slow.welcomed();
        slow.try_echo(id).unwrap();
        slow.ready(offer.transfer);
        let digest = blake3::hash(b"abc").into();
        let done = UploadDone { transfer: offer.transfer, digest }.to_bytes();
        send_slowly(&mut slow, &[data(1, 0, b"abc"), done].concat());
        let item = slow.stored(offer.transfer).unwrap();
        assert_eq!(slow.download(item).size, 3);
    });
}

fn send_slowly(peer: &mut Peer, bytes: &[u8]) {
    for byte in bytes {
        peer.send_bytes(std::slice::from_ref(byte));
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_connection_that_ends_inside_a_frame_is_lost() {
    let view = beside_talk(&[], |room| {
        let whole = hello_and_join("cut", None);
        for end in 0..whole.len() {
            Peer::connect(room.address()).send_bytes(&whole[..end]);
        }
        let mut watcher = room.join("watcher");
        let mut peer = room.join("cut");
        peer.send_bytes(&header(Say::KIND, 100));
        peer.send_bytes(b"\x0c\x00");
        drop(peer);
        watcher.sees_leave("cut");
    });
    let (mut joined, mut left) = (0, 0);
    for event in view.events() {
        match event {
            Event::Joined(it) if it.nick.as_str() == "cut" => joined += 1,
            Event::Left(it) if it.nick.as_str() == "cut" => {
                assert_eq!(it.code, Code::CONNECTION_LOST);
                left += 1;
            }
            _ => {}
        }
    }
    assert_eq!((joined, left), (1, 1));
}

#[test]
fn a_peer_that_only_stops_sending_still_gets_what_is_due() {
    beside_talk(&[], |room| {
        let mut peer = Peer::connect(room.address());
        peer.stream().shutdown(Shutdown::Write).unwrap();
        assert_eq!(peer.goodbye().code, Code::CONNECTION_LOST);
        let mut peer = Peer::connect(room.address());
        let id = peer.next_id();
        let say = Say::new(id, Message::new("last words").unwrap(), None).to_bytes();
        peer.send_bytes(&[hello_and_join("halved", Some(HISTORY_ALL)), say].concat());
        peer.stream().shutdown(Shutdown::Write).unwrap();
        assert_eq!(peer.goodbye().code, Code::CONNECTION_LOST);
        let events = peer.view().events();
        assert!(events.iter().any(|event| matches!(event, Event::Said(it) if it.id == id)));
        // It might be back in a moment, so nobody is told yet that it left.
        assert!(
            !events
                .iter()
                .any(|event| matches!(event, Event::Left(left) if left.nick.as_str() == "halved"))
        );
        room.join("watcher").sees_leave("halved");
    });
}
