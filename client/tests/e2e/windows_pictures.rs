//! The pictures of the programs for Windows in docs/TESTING.md: both under Wine, each on a terminal
//! of its own. Made by `make screenshots-windows`. There is none of the full screen: the console of
//! Wine does not move its cursor where the client wants it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use chatshelf_testkit::programs::{is_for_windows, server_command};

use crate::harness::programs::{self, client_is_for_windows};
use crate::harness::room::{client_command, joined};
use crate::harness::svg::svg;
use crate::harness::terminal::Terminal;

/// Rows and columns.
const SERVER_SIZE: (u16, u16) = (6, 96);
const CLIENT_SIZE: (u16, u16) = (22, 96);

#[test]
#[ignore = "writes pictures: make screenshots-windows"]
fn pictures_of_windows() {
    assert!(client_is_for_windows() && is_for_windows(Path::new(programs::server())));
    let home = tempfile::tempdir().unwrap();
    let mut command = server_command(programs::server(), &home.path().join("data"));
    command.args(["--bind", "127.0.0.1"]).current_dir(home.path());
    let server = Terminal::start_sized(&command, SERVER_SIZE);
    server.shows("in a browser: ");
    let screen = server.screen();
    let url = screen.rsplit_once("https://127.0.0.1:").unwrap().1;
    let port = url.trim_end().trim_end_matches('/').parse().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let join = |name: &str, options: &[&str]| {
        let mut command = client_command(address, home.path());
        command.args(["--name", name]).args(options);
        command.env("CHATSHELF_STATE_DIR", home.path().join("state"));
        command
    };
    fs::write(home.path().join("notes.pdf"), vec![7; 2_300_000]).unwrap();
    let mut grace = joined(&mut join("grace", &[]));
    let mut plain = Terminal::start_sized(&join("ada", &["--plain"]), CLIENT_SIZE);
    plain.shows("/help lists the commands");
    for (line, seen) in [
        ("/topic exam on Friday, room 101", "exam on Friday"),
        ("morning! are the notes of last week here yet?", "here yet?"),
    ] {
        grace.types(line);
        plain.shows(seen);
    }
    plain.types("/upload notes.pdf\r");
    plain.shows("uploaded as number 1");
    plain.types("they are on the shelf now, with the graph: żółw ☕\r");
    plain.shows("ada  they are on the shelf now");
    grace.types("thank you, ada!");
    plain.shows("thank you");
    plain.types("/download 1 copy.pdf\r");
    plain.shows("copy.pdf: ");
    plain.types("/files\r");
    plain.shows("on the shelf: 1 file");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    for (name, terminal) in [("server", &server), ("client", &plain)] {
        fs::write(docs.join(format!("windows-{name}.svg")), terminal.look(svg)).unwrap();
        println!("docs/windows-{name}.svg:\n{}", terminal.screen());
    }
}
