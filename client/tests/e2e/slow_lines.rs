//! Talk beside transfers over a slow line, with the kernel's own queues between: how much of a file
//! is ahead of what is said.
//!
//! What is counted is bytes, which do not depend on how busy the machine is: what the line has
//! carried from the moment when something is said until it passes. The proxy has to know it when it
//! passes, so nothing is encrypted.

use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::wait::eventually;

use crate::harness::proxy::{Proxy, Way};
use crate::harness::room::{Room, joined};

/// More than the line carries while the test runs.
const SIZE: usize = 20_000_000;
/// By then the rate of the line is known.
const BEFORE: u64 = 120_000;
/// What may be ahead: a frame, what is unsent, and the line's own buffers at both ends. A frame of
/// 64 KiB with what a kernel likes to hold would be three times as much.
const AHEAD_MAX: u64 = 64_000;

fn room() -> (Room, Proxy) {
    let room = Room::open();
    let proxy = Proxy::slow(room.address());
    room.write("f", vec![7; SIZE]);
    (room, proxy)
}

#[track_caller]
fn has_moved(proxy: &Proxy, way: Way, bytes: u64) {
    eventually("a transfer on its way", || (proxy.moved(way) >= bytes).then_some(()));
}

#[test]
fn a_line_passes_what_the_same_member_uploads() {
    let (room, proxy) = room();
    let mut ada = joined(room.command_through(proxy.address(), "ada").arg("--no-tls"));
    ada.types("/upload f");
    has_moved(&proxy, Way::ToServer, BEFORE);
    proxy.look_for(Way::ToServer, "beside an upload");
    let before = proxy.moved(Way::ToServer);
    ada.types("beside an upload");
    let ahead = proxy.finds() - before;
    assert!(ahead < AHEAD_MAX, "{ahead} bytes were ahead of the line");
    ada.kill();
}

#[test]
fn a_line_passes_what_a_member_downloads() {
    let (room, proxy) = room();
    room.run("bob", "/upload f\n").has_code(0);
    let mut peer = Peer::join(room.address(), "peer");
    let mut ada = joined(room.command_through(proxy.address(), "ada").arg("--no-tls"));
    ada.types("/download 1");
    has_moved(&proxy, Way::ToClient, BEFORE);
    proxy.look_for(Way::ToClient, "beside a download");
    let before = proxy.moved(Way::ToClient);
    peer.say("beside a download");
    let ahead = proxy.finds() - before;
    assert!(ahead < AHEAD_MAX, "{ahead} bytes were ahead of the line");
    ada.kill();
}
