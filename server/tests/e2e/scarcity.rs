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
/// Lines that take more than a segment of the journal, so that it needs another file.
const LINES: usize = 600;
const LINE_BYTES: usize = 8000;

/// A server that may have few files and connections open.
fn start_short_of_descriptors(home: &Home) -> Server {
    let script = format!("ulimit -n {DESCRIPTORS} && exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh", BINARY, "--bind", "127.0.0.1", "--port", "0"]);
    Server::run(command.arg("--data-dir").arg(home.data_dir()))
}

/// Descriptors in use of those that the limit leaves. (One that the server was born with may have a
/// higher number and does not count.)
fn descriptors(server: &Server) -> usize {
    vitals::descriptors(server.pid()).iter().filter(|&&number| number < DESCRIPTORS).count()
}

#[test]
fn beyond_the_last_descriptor_newcomers_wait_and_members_do_not_notice() {
    let home = Home::new();
    let server = start_short_of_descriptors(&home);
    let (mut ada, mut bob) =
        (Peer::join(server.address(), "ada"), Peer::join(server.address(), "bob"));
    let kept = ada.upload("kept", b"12345");
    let room_for = DESCRIPTORS - descriptors(&server);
    let mut newcomers: Vec<Peer> =
        (0..NEWCOMERS).map(|_| Peer::connect(server.address())).collect();
    newcomers.iter_mut().for_each(|peer| peer.send_bytes(&hello()));
    eventually("a server without descriptors", || {
        (descriptors(&server) == DESCRIPTORS).then_some(())
    });
    // A file needs a descriptor too; its refusal ends nothing else.
    assert_eq!(refused_upload(&mut ada), Code::STORAGE_FAILED);
    let transfer = bob.request(kept, None);
    assert_eq!(bob.download_ready(transfer).unwrap_err().code, Code::STORAGE_FAILED);
    for line in 0..LINES {
        ada.say_and_hear(&format!("line {line} {}", "x".repeat(LINE_BYTES)));
    }
    bob.say_and_hear("I have heard it all");
    assert_eq!((&ada.view().gaps[..], &bob.view().gaps[..]), (&[][..], &[][..]));
    assert!(newcomers.len() > room_for, "some of them are still waiting");
    all_enter_in_turn(newcomers, room_for);
    let item = ada.upload("f", b"12345");
    [item, kept].into_iter().for_each(|item| drop(bob.download(item)));
    ada.say_and_hear("and this is kept");
    drop((ada, bob));
    server.end_well();
    let server = home.start(&[]);
    let mut carol = Peer::join_with(server.address(), "carol", Some(1));
    carol.hear("and this is kept");
    assert_eq!(carol.view().item_ids(), [kept.0, item.0]);
    drop(carol);
    server.end_well();
}

fn refused_upload(peer: &mut Peer) -> Code {
    let transfer = peer.offer("f", 5);
    peer.stored(transfer).unwrap_err().code
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
