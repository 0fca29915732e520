//! The picture of the README: the real client's real screen, in a room with a real server; and the
//! same in plain lines, for the report. Made by `make screenshots`.

use std::fs::{self, File};
use std::path::Path;

use chatshelf_testkit::programs::Program;
use chatshelf_testkit::wait::eventually;

use crate::harness::proxy::{Proxy, Way};
use crate::harness::room::Room;
use crate::harness::svg::svg;
use crate::harness::terminal::Terminal;

/// Rows and columns of the picture.
const SIZE: (u16, u16) = (22, 96);
/// A file that is on its way when the picture is taken, and how much of it the network passes on
/// before it stands still, in bytes; some more is on its way then.
const LECTURE_BYTES: u64 = 38_800_000;
const LECTURE_PASSED_BYTES: u64 = 17_000_000;

#[test]
#[ignore = "writes a picture: make screenshots"]
fn screenshots() {
    let room = Room::open();
    room.write("sorting-notes.pdf", vec![7; 2_300_000]);
    room.write("graph.svg", vec![7; 48_000]);
    File::create(room.path("lecture-7.mp4")).unwrap().set_len(LECTURE_BYTES).unwrap();
    let proxy = Proxy::open(room.address());
    proxy.hold_after(Way::ToServer, LECTURE_PASSED_BYTES);
    let mut grace = room.join("grace");
    let mut edsger = room.join("edsger");
    let command = room.command_through(proxy.address(), "ada");
    let mut ada = Terminal::start_sized(&command, SIZE);
    ada.shows("welcome, ada");
    // One after the other, as people do.
    let say = |who: &mut Program, text: &str, seen: &str| {
        who.types(text);
        ada.shows(seen);
    };
    say(&mut grace, "/topic exam on Friday, room 101", "topic: exam");
    say(&mut grace, "morning! does anybody have the notes on sorting?", "on sorting?");
    say(&mut edsger, "/upload sorting-notes.pdf", "sorting-notes.pdf on the shelf");
    say(&mut edsger, "just put them on the shelf", "just put them");
    say(&mut grace, "/upload graph.svg", "graph.svg on the shelf");
    say(&mut grace, "thank you! and that is the graph of last week", "of last week");
    ada.types("quicksort:\x1b\rthe pivot goes where it belongs,\x1b\rthe rest is recursion\r");
    ada.shows("the rest is recursion");
    edsger.types("ada: nicely put. Is the lecture coming, too?");
    ada.shows("coming, too?");
    ada.types("/upload lecture-7.mp4\r");
    let is_half_full = |screen: &str| screen.contains("ETA") && screen.contains("██████");
    eventually("a bar that is half full", || is_half_full(&ada.screen()).then_some(()));
    let picture = ada.look(svg);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    fs::write(docs.join("screen.svg"), picture).unwrap();
    println!("docs/screen.svg is the screen of:\n{}", ada.screen());
}

/// Rows and columns of the plain lines.
const PLAIN_SIZE: (u16, u16) = (18, 112);

#[test]
#[ignore = "writes a picture: make screenshots"]
fn screenshots_of_plain_lines() {
    let room = Room::open();
    room.write("sorting-notes.pdf", vec![7; 2_300_000]);
    room.write("graph.svg", vec![7; 48_000]);
    let mut grace = room.join("grace");
    let mut ada = Terminal::start_sized(room.command("ada").arg("--plain"), PLAIN_SIZE);
    ada.shows("/quit leaves");
    grace.types("morning! does anybody have the notes on sorting?");
    ada.shows("on sorting?");
    ada.types("/upload sorting-notes.pdf\r");
    ada.shows("sorting-notes.pdf on the shelf");
    ada.types("I have just put them on the shelf\r");
    ada.shows("ada  I have just put them");
    grace.types("/upload graph.svg");
    ada.shows("graph.svg on the shelf");
    ada.types("/download graph.svg drawings\r");
    ada.shows("downloaded to");
    ada.types("/files\r");
    ada.shows("on the shelf: 2 files");
    ada.types("thank you, that is the graph of las");
    ada.shows("graph of las");
    let picture = ada.look(svg);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    fs::write(docs.join("plain.svg"), picture).unwrap();
    println!("docs/plain.svg is the screen of:\n{}", ada.screen());
}
