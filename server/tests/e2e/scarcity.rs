//! A server that the system gives no more descriptors. Linux only: it looks into /proc.

use std::process::Command;

use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{Join, Leave};
use chatshelf_common::wire::{Code, ServerFrame};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::proc_stats;
use chatshelf_testkit::programs::Server;
use chatshelf_testkit::raw::hello_and_join;
use chatshelf_testkit::wait::eventually;

use crate::harness::{Home, binary};

const DESCRIPTORS: usize = 40;
const NEWCOMERS: usize = 60;
/// Of 40 descriptors 16 are the server's own, 10 for files and 3 for those who have not joined; two
/// members are here.
const ROOM_FOR: usize = 9;
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
        binary(),
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
    proc_stats::descriptors(server.pid())
        .iter()
        .filter(|&&number| number < DESCRIPTORS as i32)
        .count()
}

#[test]
fn few_descriptors_are_shared_out_and_members_have_theirs() {
    let home = Home::new();
    let server = start_short_of_descriptors(&home);
    let mut ada = Peer::join(server.address(), "ada");
    let (mut bob, welcome) = Peer::try_join_as(server.address(), &join("bob")).unwrap();
    let mut others = Vec::new();
    let all = 0..NEWCOMERS;
    all.filter_map(|number| enter(&server, number)).for_each(|peer| others.push(peer));
    assert_eq!(others.len(), ROOM_FOR);
    let silent: Vec<Peer> = (0..NEWCOMERS).map(|_| Peer::connect(server.address())).collect();
    // Files and the journal's next segment need descriptors too, and have them.
    let items = [ada.upload("f", b"12345"), bob.upload("g", b"67890")];
    items.into_iter().for_each(|item| drop(ada.download(item)));
    for line in 0..LINES {
        ada.say_and_hear(&format!("line {line} {}", "x".repeat(LINE_BYTES)));
    }
    bob.say_and_hear("I have heard it all");
    assert_eq!((ada.view().gaps(), bob.view().gaps()), (&[][..], &[][..]));
    assert!(descriptors(&server) < DESCRIPTORS);
    // The room is full, others wait, and there is a way back.
    let again = Join { resume: Some(welcome.resume), ..join("bob") };
    let (mut again, _) = Peer::try_join_as(server.address(), &again).unwrap();
    again.say_and_hear("and this is kept");
    assert_eq!(bob.goodbye().code, Code::REPLACED);
    drop((silent, bob));
    for mut peer in others {
        peer.send(&Leave {});
        assert_eq!(peer.goodbye().code, Code::LEFT);
    }
    drop(eventually("a place in the room", || enter(&server, NEWCOMERS)));
    drop((ada, again));
    home.wait_for_no_uploads();
    server.end_well();
    let server = home.start(&[]);
    let mut carol = Peer::join_with(server.address(), "carol", Some(1));
    carol.hear("and this is kept");
    assert_eq!(carol.view().item_ids(), items.map(|item| item.0));
    drop(carol);
    server.end_well();
}

/// Asks for a place in the room; there is one, or the room is full.
fn enter(server: &Server, number: usize) -> Option<Peer> {
    let mut peer = Peer::connect(server.address());
    peer.send_bytes(&hello_and_join(&format!("newcomer{number}"), Some(0)));
    let goodbye = peer.frame(|frame| match frame {
        ServerFrame::Welcome(_) => Some(None),
        ServerFrame::Goodbye(goodbye) => Some(Some(goodbye.clone())),
        _ => None,
    });
    match goodbye {
        None => Some(peer),
        Some(goodbye) => {
            let limit = Some(ROOM_FOR as u64 + 2);
            assert_eq!((goodbye.code, goodbye.limit), (Code::ROOM_FULL, limit));
            None
        }
    }
}

fn join(name: &str) -> Join {
    Join::new(Nick::new(name).unwrap(), Some(0))
}
