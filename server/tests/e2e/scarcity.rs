//! A server that the system gives no more descriptors. Linux only: it looks into /proc.

use std::path::Path;
use std::process::Command;

use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{Join, Leave};
use chatshelf_common::wire::{Code, ServerFrame};

use crate::harness::bytes::hello;
use crate::harness::peer::Peer;
use crate::harness::server::{Server, eventually};
use crate::harness::transfers::digest;
use crate::harness::{BINARY, Home, names};

const DESCRIPTORS: usize = 40;
const NEWCOMERS: usize = 60;

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
    let names = names(Path::new(&format!("/proc/{}/fd", server.pid())));
    names.iter().filter(|name| name.parse::<usize>().is_ok_and(|fd| fd < DESCRIPTORS)).count()
}

#[test]
fn beyond_the_last_descriptor_newcomers_wait_and_members_do_not_notice() {
    let home = Home::new();
    let server = start_short_of_descriptors(&home);
    let (mut ada, mut bob) =
        (Peer::join(server.address(), "ada"), Peer::join(server.address(), "bob"));
    ada.say_and_hear("the log is open now");
    let room_for = DESCRIPTORS - descriptors(&server);
    let mut newcomers: Vec<Peer> =
        (0..NEWCOMERS).map(|_| Peer::connect(server.address())).collect();
    newcomers.iter_mut().for_each(|peer| peer.send_bytes(&hello()));
    eventually("a server without descriptors", || {
        (descriptors(&server) == DESCRIPTORS).then_some(())
    });
    for line in 0..20 {
        ada.say_and_hear(&format!("line {line}"));
        bob.hear(&format!("line {line}"));
    }
    // A file needs a descriptor too; its refusal ends nothing else.
    let transfer = ada.offer("f", 5);
    let refused = ada.stored(transfer).unwrap_err();
    assert_eq!(refused.code, Code::STORAGE_FAILED);
    // Those who came first are in; as they leave, the next take their place, to the last.
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
    let transfer = ada.offer("f", 5);
    ada.ready(transfer);
    ada.data(transfer, 0, b"12345");
    ada.done(transfer, digest(b"12345"));
    let item = ada.stored(transfer).unwrap();
    bob.download(item);
    drop((ada, bob));
    server.end_well();
}

fn is_greeted(peer: &mut Peer) {
    peer.frame(|frame| matches!(frame, ServerFrame::HelloAck(_)).then_some(()));
}

fn nick(number: usize) -> Nick {
    Nick::new(&format!("newcomer{number}")).unwrap()
}
