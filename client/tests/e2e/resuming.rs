//! Transfers that are interrupted and resume where they were: by a broken connection, by the end of
//! the server, by the end of the client.

use std::fs;
use std::path::PathBuf;

use chatshelf_testkit::files::names;
use chatshelf_testkit::programs::Program;
use chatshelf_testkit::samples::content;
use chatshelf_testkit::wait::eventually;

use crate::harness::proxy::{Proxy, Way};
use crate::harness::room::{Room, joined};

const MIB: u64 = 1024 * 1024;
/// Size of what is moved, and how much of it before it is interrupted. What is on its way then is
/// lost, but never so much as [`LOST_MAX`].
const SIZE: u64 = 12 * MIB;
const BEFORE: u64 = 8 * MIB;
const LOST_MAX: u64 = 6 * MIB;

/// A room that ada reaches over a proxy, and a file in her folder.
fn room() -> (Room, Proxy, Vec<u8>) {
    let room = Room::open();
    let proxy = Proxy::open(room.address());
    let bytes = content(1, SIZE as usize);
    room.write("f", &bytes);
    (room, proxy, bytes)
}

/// Checks that what the newest connection has moved is the rest of the file, not all of it.
#[track_caller]
fn has_moved_the_rest(proxy: &Proxy, way: Way) {
    let moved = proxy.moved(way);
    assert!(moved < SIZE - BEFORE + LOST_MAX, "{moved} bytes went over the last connection");
}

/// Checks that the only item of the shelf is the file, by fetching it.
#[track_caller]
fn is_on_the_shelf(room: &Room, bytes: &[u8]) {
    fs::create_dir(room.path("check")).unwrap();
    let ended = room.run("checker", "/files\n/download f check\n");
    ended.has_code(0);
    ended.line("-- on the shelf: 1 file");
    assert!(room.read("check/f") == bytes);
}

/// Waits until the proxy holds the connection and most of what it has passed on is on the server's
/// disk. Only that outlives a connection: a server that is busy may not have read the rest.
#[track_caller]
fn most_has_arrived(room: &Room, proxy: &Proxy) {
    proxy.is_holding();
    let size = |dir: PathBuf| fs::metadata(dir.join("content")).map_or(0, |content| content.len());
    let arrived = || {
        let uploads = fs::read_dir(room.data().join("uploads")).expect("the server's folder");
        uploads.flatten().map(|entry| size(entry.path())).sum::<u64>()
    };
    eventually("most of the upload", || (arrived() > BEFORE - LOST_MAX).then_some(()));
}

/// The same, with the file on the shelf and a folder to download it to.
fn room_with_item() -> (Room, Proxy, Vec<u8>) {
    let (room, proxy, bytes) = room();
    room.run("bob", "/upload f\n").has_code(0);
    fs::create_dir(room.path("down")).unwrap();
    (room, proxy, bytes)
}

/// Ada uploads the file until the proxy holds her connection and most has arrived.
#[track_caller]
fn uploads_until_held(room: &Room, proxy: &Proxy) -> Program {
    let mut ada = room.join_through(proxy.address(), "ada");
    proxy.hold_after(Way::ToServer, BEFORE);
    ada.types("/upload f");
    most_has_arrived(room, proxy);
    ada
}

/// The upload continues where the server has it, and comes to its end.
#[track_caller]
fn resumes_the_upload(mut ada: Program, room: &Room, proxy: &Proxy, bytes: &[u8]) {
    ada.shows("-- resuming f at ");
    ada.shows("-- f uploaded as number 1");
    has_moved_the_rest(proxy, Way::ToServer);
    ada.leave();
    is_on_the_shelf(room, bytes);
}

/// The download continues in the same file, and comes to its end.
#[track_caller]
fn resumes_the_download(mut ada: Program, room: &Room, proxy: &Proxy, bytes: &[u8]) {
    ada.shows("-- resuming f at ");
    ada.shows("-- f downloaded to ");
    has_moved_the_rest(proxy, Way::ToClient);
    ada.leave();
    assert_eq!(names(&room.path("down")), ["f"]);
    assert!(room.read("down/f") == bytes);
}

/// The size of the one file that ends so, if there is one.
fn part_size(room: &Room, folder: &str) -> u64 {
    fs::metadata(room.path(folder).join("f.part")).map_or(0, |metadata| metadata.len())
}

#[test]
fn an_upload_resumes_after_a_break_where_the_server_has_it() {
    let (room, proxy, bytes) = room();
    let mut ada = uploads_until_held(&room, &proxy);
    proxy.cut(false);
    ada.shows("-- connection lost: ");
    resumes_the_upload(ada, &room, &proxy, &bytes);
    assert_eq!(proxy.connections(), 2);
}

#[test]
fn an_upload_resumes_though_the_server_does_not_see_the_break() {
    let (room, proxy, bytes) = room();
    let ada = uploads_until_held(&room, &proxy);
    proxy.desert();
    resumes_the_upload(ada, &room, &proxy, &bytes);
}

#[cfg(unix)]
#[test]
fn an_upload_resumes_after_the_server_was_killed() {
    let (mut room, proxy, bytes) = room();
    let mut ada = uploads_until_held(&room, &proxy);
    room.kill_server();
    proxy.cut(false);
    ada.shows("-- connection lost: ");
    room.restart_server();
    resumes_the_upload(ada, &room, &proxy, &bytes);
}

#[test]
fn a_download_resumes_after_a_break_in_the_same_file() {
    let (room, proxy, bytes) = room_with_item();
    let mut ada = room.join_through(proxy.address(), "ada");
    proxy.cut_after(Way::ToClient, BEFORE);
    ada.types("/download f down");
    ada.shows("-- connection lost: ");
    resumes_the_download(ada, &room, &proxy, &bytes);
}

#[test]
fn the_upload_of_a_killed_client_is_resumed_by_the_next() {
    let (room, proxy, bytes) = room();
    let ada = uploads_until_held(&room, &proxy);
    ada.kill();
    proxy.cut(false);
    let mut ada = room.join_through(proxy.address(), "ada2");
    ada.types("/upload f");
    resumes_the_upload(ada, &room, &proxy, &bytes);
}

#[test]
fn a_file_that_has_changed_meanwhile_is_uploaded_from_its_start() {
    let (room, proxy, _) = room();
    let ada = uploads_until_held(&room, &proxy);
    ada.kill();
    proxy.cut(false);
    let bytes = content(2, SIZE as usize);
    room.write("f", &bytes);
    let mut ada = room.join_through(proxy.address(), "ada2");
    ada.types("/upload f");
    ada.shows("-- f uploaded as number 1");
    assert!(!ada.leave().stdout.contains("resuming"));
    is_on_the_shelf(&room, &bytes);
}

#[test]
fn the_download_of_a_killed_client_is_resumed_by_the_next() {
    let (room, proxy, bytes) = room_with_item();
    let mut ada = room.join_through(proxy.address(), "ada");
    proxy.hold_after(Way::ToClient, BEFORE);
    ada.types("/download f down");
    proxy.is_holding();
    eventually("most of the file", || (part_size(&room, "down") > 4 * MIB).then_some(()));
    ada.kill();
    proxy.cut(false);
    let mut ada = room.join_through(proxy.address(), "ada2");
    ada.types("/download 1 down");
    resumes_the_download(ada, &room, &proxy, &bytes);
}

#[test]
fn an_interrupted_download_says_how_to_resume_and_a_changed_part_is_not_kept() {
    let (room, proxy, bytes) = room_with_item();
    let mut command = room.command_through(proxy.address(), "ada");
    let mut ada = joined(command.args(["--reconnect", "0"]));
    proxy.cut_after(Way::ToClient, BEFORE);
    ada.types("/download f down");
    let ended = ada.wait();
    ended.has_code(1);
    let line = ended.line("-- f not downloaded: ");
    assert!(line.ends_with("% of it is kept, /download 1 resumes it"), "{line}");
    let mut part = room.read("down/f.part");
    part[1000] ^= 1;
    room.write("down/f.part", part);
    let ended = room.run("ada", "/download 1 down\n");
    ended.has_code(1);
    assert!(ended.line("!! f not downloaded: ").contains("damaged"), "{}", ended.stdout);
    assert_eq!(names(&room.path("down")).len(), 0);
    room.run("ada", "/download 1 down\n").has_code(0);
    assert!(room.read("down/f") == bytes);
}

#[test]
fn a_transfer_that_waits_for_the_connection_says_so_and_can_be_cancelled() {
    let (room, proxy, _) = room();
    let mut ada = room.join_through(proxy.address(), "ada");
    proxy.hold_after(Way::ToServer, BEFORE);
    ada.types("/upload f");
    proxy.is_holding();
    proxy.cut(true);
    ada.shows("MB, waiting for the connection");
    ada.types("/cancel");
    ada.shows("-- f cancelled, not uploaded");
    proxy.admit();
    ada.shows("-- back as ada");
    ada.types("/files");
    assert!(!ada.leave().stdout.contains("f uploaded"));
}

#[test]
fn a_file_that_is_rewritten_while_it_is_sent_arrives_in_one_state() {
    const BYTES: usize = 30_000_000;
    let room = Room::open();
    let proxy = Proxy::open(room.address());
    room.write("db", vec![b'A'; BYTES]);
    proxy.hold_after(Way::ToServer, BEFORE);
    let mut ada = room.join_through(proxy.address(), "ada");
    ada.types("/upload db");
    proxy.is_holding();
    // In place, and as long as before.
    let mut db = fs::OpenOptions::new().write(true).open(room.path("db")).unwrap();
    std::io::Write::write_all(&mut db, &vec![b'B'; BYTES]).unwrap();
    proxy.release();
    ada.shows("-- db starts over: the file was changed while it was sent");
    ada.shows("-- db uploaded as number 1");
    ada.leave();
    fs::create_dir(room.path("down")).unwrap();
    room.once(&["download", "db", "-o", "down"], "").has_code(0);
    assert!(room.read("down/db") == vec![b'B'; BYTES]);
}
