//! A server that the system gives no more descriptors. Linux only: it looks into /proc.

use std::process::Command;

use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{Join, Leave};
use chatshelf_common::wire::{Code, ServerFrame};

use crate::harness::bytes::hello;
use crate::harness::peer::Peer;
use crate::harness::server::{Server, eventually};
use crate::harness::vitals;
use crate::harness::{BINARY, Home};

const DESCRIPTORS: usize = 40;
const NEWCOMERS: usize = 60;
/// Of 40 descriptors 16 are the server's own and 10 for files; two members are here.
const ROOM_FOR: usize = 12;
/// Lines that take more than a segment of the journal, so that it needs another file.
const LINES: usize = 600;
const LINE_BYTES: usize = 8000;

/// A server that may have few files and connections open.
fn start_short_of_descriptors(home: &Home) -> Server {
    let script = format!("ulimit -n {DESCRIPTORS} && exec \"$@\"");
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &script,
        "sh",
        BINARY,
        "--bind",
        "127.0.0.1",
        "--port",
        "0",
        "--durability",
        "always",
    ]);
    Server::run(command.arg("--data-dir").arg(home.data_dir()))
}

/// Descriptors in use of those that the limit leaves. (One that the server was born with may have a
/// higher number and does not count.)
fn descriptors(server: &Server) -> usize {
    vitals::descriptors(server.pid()).iter().filter(|&&number| number < DESCRIPTORS).count()
}

#[test]
fn newcomers_wait_for_descriptors_and_leave_members_theirs() {
    let home = Home::new();
    let server = start_short_of_descriptors(&home);
    let (mut ada, mut bob) =
        (Peer::join(server.address(), "ada"), Peer::join(server.address(), "bob"));
    let before = descriptors(&server);
    let mut newcomers: Vec<Peer> =
        (0..NEWCOMERS).map(|_| Peer::connect(server.address())).collect();
    newcomers.iter_mut().for_each(|peer| peer.send_bytes(&hello()));
    eventually("as many connections as there may be", || {
        (descriptors(&server) >= before + ROOM_FOR).then_some(())
    });
    // Files and the journal's next segment need descriptors too, and have them.
    let items = [ada.upload("f", b"12345"), bob.upload("g", b"67890")];
    items.into_iter().for_each(|item| drop(ada.download(item)));
    for line in 0..LINES {
        ada.say_and_hear(&format!("line {line} {}", "x".repeat(LINE_BYTES)));
    }
    bob.say_and_hear("I have heard it all");
    assert_eq!((&ada.view().gaps[..], &bob.view().gaps[..]), (&[][..], &[][..]));
    assert!(descriptors(&server) < DESCRIPTORS);
    all_enter_in_turn(newcomers, ROOM_FOR);
    ada.say_and_hear("and this is kept");
    drop((ada, bob));
    home.wait_for_no_uploads();
    server.end_well();
    let server = home.start(&[]);
    let mut carol = Peer::join_with(server.address(), "carol", Some(1));
    carol.hear("and this is kept");
    assert_eq!(carol.view().item_ids(), items.map(|item| item.0));
    drop(carol);
    server.end_well();
}

/// Those who came first are in; as they leave, the next take their place, to the last.
fn all_enter_in_turn(mut newcomers: Vec<Peer>, room_for: usize) {
    let mut entered = 0;
    while !newcomers.is_empty() {
        let rest = newcomers.split_off(room_for.min(newcomers.len()));
        for mut peer in std::mem::replace(&mut newcomers, rest) {
            is_greeted(&mut peer);
            entered += 1;
            peer.send(&Join::new(nick(entered), None));
            peer.welcomed();
            peer.send(&Leave {});
            assert_eq!(peer.goodbye().code, Code::LEFT);
        }
    }
    assert_eq!(entered, NEWCOMERS);
}

fn is_greeted(peer: &mut Peer) {
    peer.frame(|frame| matches!(frame, ServerFrame::HelloAck(_)).then_some(()));
}

fn nick(number: usize) -> Nick {
    Nick::new(&format!("newcomer{number}")).unwrap()
}
