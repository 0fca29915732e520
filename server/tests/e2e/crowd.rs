//! A crowd that comes, reads nothing and leaves: the memory that it took is given back. Linux only:
//! elsewhere the system does not tell.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use chatshelf_common::wire::Event;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::proc_stats;
use chatshelf_testkit::programs::Server;
use chatshelf_testkit::raw::hello_and_join;
use chatshelf_testkit::wait::eventually;
use socket2::{Domain, Socket, Type};

use crate::harness::in_a_room;

/// By how much each member of a crowd may leave the server larger. What they took is freed, but in
/// pieces, among others that are still used: the system's allocator keeps some of that, for the
/// next crowd.
const LEFT_KIB_EACH_MAX: u64 = 3;
/// By how much a second crowd of the same size may: the log has more to hold, and that is all.
const GROWN_KIB_MAX: u64 = 6 * 1024;
/// What a member who reads nothing may take, at most: their connection, and what their snapshot
/// does not share with others. A snapshot is 170 KiB in a crowd of 5,000; what is beyond 130 or so
/// finds no place in the system's buffers.
const EACH_KIB_MAX: u64 = 5;

/// Has so many join with long nicks, none of whom reads, and leave again, twice; sees what it
/// costs, and that what the first crowd left serves the second.
pub(crate) fn crowds_in_and_out(server: &Server, count: u64) {
    let first = crowd_in_and_out(server, count);
    let second = crowd_in_and_out(server, count);
    assert!(second <= first + GROWN_KIB_MAX, "{first} KiB after one crowd, {second} after two");
}

/// The memory that is taken afterwards, in KiB.
fn crowd_in_and_out(server: &Server, count: u64) -> u64 {
    let memory = || proc_stats::memory_kib(server.pid()).expect("the server runs");
    let mut watcher = Peer::join(server.address(), "watcher");
    let before = memory();
    let descriptors = proc_stats::descriptors(server.pid()).len();
    let mut crowd = Vec::new();
    for number in 0..count {
        let nick = format!("one-of-a-large-crowd-{number:011}");
        let mut stream = connect(server.address());
        stream.write_all(&hello_and_join(&nick, Some(0))).expect("the server reads");
        crowd.push(stream);
        // Each in a turn of its own: so each has another snapshot.
        let is_it = |event: &Event| matches!(event, Event::Joined(it) if it.nick.as_str() == nick);
        watcher.event(|event| is_it(event).then_some(()));
    }
    let full = memory();
    drop(crowd);
    eventually("the descriptors of the crowd", || {
        (proc_stats::descriptors(server.pid()).len() <= descriptors).then_some(())
    });
    let last = format!("one-of-a-large-crowd-{:011}", count - 1);
    watcher.sees_leave(&last);
    // The tables shrink when those who might have come back are given up.
    let after = eventually("memory that is given back", || {
        watcher.say_and_hear("is anyone here?");
        let now = memory();
        (now <= before + count * LEFT_KIB_EACH_MAX).then_some(now)
    });
    println!("{count} who read nothing: {before} KiB before, {full} with them, {after} after");
    assert!(full <= before + count * EACH_KIB_MAX, "{full} KiB with {count}, {before} before");
    watcher.try_leave().expect("the server answers");
    after
}

/// A connection over which little gets through that is not read.
fn connect(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a socket");
    socket.connect(&address.into()).expect("the server listens");
    socket.into()
}

#[test]
fn a_crowd_that_reads_nothing_costs_little_and_leaves_nothing_behind() {
    in_a_room(&[], |room| crowds_in_and_out(&room.server, 5000));
}
