//! What is sent from a file while the file is tampered with, or while many or slow ones read: the
//! bytes go from the system's cache to the socket, so the disk has a say until the last of them.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use chatshelf_common::id::{ItemId, TransferId};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::proc_stats::{descriptors, memory_kib};
use chatshelf_testkit::samples::{content, digest};
use chatshelf_testkit::wait::eventually;

use crate::harness::{Room, connect, in_a_room, rest};

/// More than the buffers between take, whatever is read ahead.
const LARGE: usize = 48_000_000;

fn content_of(room: &Room, item: ItemId) -> PathBuf {
    room.home.data_dir().join("shelf").join(item.to_string()).join("content")
}

/// Asks for an item as a visitor, and reads the beginning of the answer.
fn visit(room: &Room, item: ItemId) -> (TcpStream, Vec<u8>) {
    let mut stream = connect(room.address());
    write!(stream, "GET /item/{item}/f HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut begun = vec![0; 200_000];
    stream.read_exact(&mut begun).unwrap();
    assert!(begun.starts_with(b"HTTP/1.1 200 "));
    (stream, begun)
}

/// Asks for an item as a member, and reads until some of it has come.
fn begin(peer: &mut Peer, item: ItemId) -> TransferId {
    let transfer = peer.request(item, None);
    peer.download_ready(transfer).unwrap();
    transfer
}

/// A large file of Ada's, and a visitor and Bob, who have begun to fetch it.
struct Fetching {
    ada: Peer,
    bob: Peer,
    sent: Vec<u8>,
    item: ItemId,
    visitor: TcpStream,
    begun: Vec<u8>,
    transfer: TransferId,
}

fn fetching(room: &Room, seed: u64) -> Fetching {
    let (mut ada, mut bob) = (room.join("ada"), room.join("bob"));
    let sent = content(seed, LARGE);
    let item = ada.upload("f", &sent);
    let (visitor, begun) = visit(room, item);
    let transfer = begin(&mut bob, item);
    Fetching { ada, bob, sent, item, visitor, begun, transfer }
}

#[test]
fn a_file_that_is_cut_short_ends_its_downloads_and_nothing_else() {
    in_a_room(&[], |room| {
        let Fetching { mut ada, mut bob, item, mut visitor, begun, transfer, .. } =
            fetching(room, 1);
        File::options().write(true).open(content_of(room, item)).unwrap().set_len(1000).unwrap();
        let came = begun.len() + rest(&mut visitor).len();
        assert!(came < LARGE, "{came} bytes of a file that has 1,000");
        // A refusal where no frame has begun, or else the connection's end.
        let _ = bob.try_until(|bob| !bob.unread().is_empty());
        assert!(!bob.fetch(transfer).unwrap().is_complete());
        ada.say_and_hear("still here");
        room.join("cem").say_and_hear("and me");
    });
}

#[test]
fn a_file_that_is_removed_or_replaced_comes_as_it_was() {
    in_a_room(&[], |room| {
        let Fetching { mut bob, sent, item, mut visitor, begun, transfer, .. } = fetching(room, 2);
        let path = content_of(room, item);
        fs::remove_file(&path).unwrap();
        fs::write(&path, b"something else").unwrap();
        let whole = [begun, rest(&mut visitor)].concat();
        assert!(whole.ends_with(&sent));
        assert_eq!(bob.fetched(transfer), digest(&sent));
    });
}

#[test]
fn a_reader_that_stops_holds_nobody_up_and_gets_the_rest() {
    in_a_room(&[], |room| {
        let Fetching { mut ada, mut bob, sent, item, mut visitor, begun, transfer: stopped } =
            fetching(room, 3);
        ada.say_and_hear("anyone?");
        let before = memory_kib(room.server.pid()).unwrap();
        for _ in 0..3 {
            ada.download(item);
            ada.say_and_hear("more");
        }
        let grown = memory_kib(room.server.pid()).unwrap().saturating_sub(before);
        assert!(grown < 16 * 1024, "{grown} KiB more for what goes through");
        assert_eq!(bob.fetched(stopped), digest(&sent));
        assert!([begun, rest(&mut visitor)].concat().ends_with(&sent));
    });
}

#[test]
fn many_downloads_at_once_come_whole_and_give_their_descriptors_back() {
    in_a_room(&[], |room| {
        let mut peers: Vec<Peer> = (0..5).map(|n| room.join(&format!("peer-{n}"))).collect();
        let sent = content(4, 9_000_001);
        let item = peers[0].upload("f", &sent);
        let before = descriptors(room.server.pid()).len();
        let begun: Vec<Vec<_>> = peers
            .iter_mut()
            .map(|peer| (0..8).map(|_| peer.request(item, None)).collect())
            .collect();
        for (peer, transfers) in peers.iter_mut().zip(begun) {
            for transfer in transfers {
                peer.download_ready(transfer).unwrap();
                assert_eq!(peer.fetched(transfer), digest(&sent));
            }
        }
        eventually("closed files", || {
            (descriptors(room.server.pid()).len() <= before).then_some(())
        });
    });
}
