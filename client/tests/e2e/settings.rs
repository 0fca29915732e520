//! Options from the environment and the configuration file: the real programs, with real files.

use std::fs;
use std::process::Command;

use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::{Ended, Program, command_of};
use tempfile::TempDir;

use crate::harness::programs;
use crate::harness::room::{Room, spoken};

/// A client whose configuration file says this; it is there as long as the folder.
fn configured(config: &str) -> (Command, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("chatshelf");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("config"), config).unwrap();
    let mut command = programs::client();
    command.env("XDG_CONFIG_HOME", dir.path()).env("APPDATA", dir.path());
    (command, dir)
}

fn run(command: &mut Command) -> Ended {
    Program::run(command, "")
}

#[test]
fn the_file_says_where_the_room_is_and_who_comes() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let port = room.address().port();
    let (mut command, _dir) =
        configured(&format!("# my room\nhost = 127.0.0.1\nport = {port}\n\nname = grace\n"));
    run(command.args(["send", "hi"])).has_code(0);
    peer.hear_any(|said| said.nick.as_str() == "grace");
    // It holds for who joins the talk as well.
    let (mut command, _dir) = configured(&format!("port = {port}\nname = grace\nplain = yes\n"));
    let ended = Program::run(&mut command, "hello\n");
    ended.has_code(0);
    assert_eq!(spoken(&ended.stdout).last(), Some(&"grace  hello"));
}

#[test]
fn a_host_may_include_its_port_and_be_a_link() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let port = room.address().port();
    for host in [format!("127.0.0.1:{port}"), format!("chatshelf://127.0.0.1:{port}/")] {
        let (mut command, _dir) = configured("port = 1\nname = grace\n");
        run(command.args(["--host", &host, "send", "by option"])).has_code(0);
        peer.hear("by option");
        let (mut command, _dir) = configured("port = 1\nname = grace\n");
        run(command.env("CHATSHELF_HOST", &host).args(["send", "by variable"])).has_code(0);
        peer.hear("by variable");
        let (mut command, _dir) = configured(&format!("host = {host}\nname = grace\n"));
        run(command.args(["send", "by file"])).has_code(0);
        peer.hear("by file");
    }
    let (mut command, _dir) = configured(&format!("host = lab:{port}\nport = 1\n"));
    let ended = run(command.arg("list"));
    ended.has_code(2);
    let told = format!(":2: port '1': the host already names port {port}");
    assert!(ended.complaint().ends_with(&told), "{}", ended.stderr);
}

#[test]
fn the_command_line_comes_before_the_environment_and_that_before_the_file() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let port = room.address().port().to_string();
    let (mut command, _dir) = configured("port = 1\nname = of-the-file\n");
    command.env("CHATSHELF_PORT", &port);
    run(command.args(["send", "one"])).has_code(0);
    peer.hear_any(|said| said.text.as_str() == "one" && said.nick.as_str() == "of-the-file");
    command.env("CHATSHELF_NAME", "of-the-environment");
    run(&mut command).has_code(0);
    peer.hear_any(|said| said.text.as_str() == "one" && said.nick.as_str() == "of-the-environment");
    run(command.args(["--name", "of-the-line"])).has_code(0);
    peer.hear_any(|said| said.text.as_str() == "one" && said.nick.as_str() == "of-the-line");
}

#[test]
fn a_mistake_is_one_line_that_names_its_place_and_exit_code_2() {
    for (config, told) in [
        ("port = 0", ":1: port '0': must be a number from 1 to 65535"),
        ("\n# x\nprot = 1", ":3: there is no option 'prot'"),
        ("host", ":1: 'host' is not a line like 'option = value'"),
        ("plain = perhaps", ":1: plain 'perhaps': must be yes or no"),
    ] {
        let (mut command, dir) = configured(config);
        let ended = run(command.arg("list"));
        ended.has_code(2);
        let file = dir.path().join("chatshelf").join("config");
        assert_eq!(ended.complaint(), format!("chatshelf: {}{told}", file.display()));
        // Who asks for help gets it.
        let (mut command, _dir) = configured(config);
        run(command.arg("--help")).has_code(0);
    }
    let ended = run(programs::client().arg("list").env("CHATSHELF_HISTORY", "some"));
    ended.has_code(2);
    let told = "chatshelf: CHATSHELF_HISTORY 'some': must be a number of lines, none or all";
    assert_eq!(ended.complaint(), told);
}

#[test]
fn the_server_is_told_by_its_environment() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = command_of(programs::server());
    server.current_dir(dir.path());
    server.env("CHATSHELF_SERVER_MAX_FILE_SIZE", "huge").env("CHATSHELF_SERVER_PORT", "x");
    let ended = run(server.args(["--port", "0"]));
    ended.has_code(2);
    let told = "chatshelf-server: CHATSHELF_SERVER_MAX_FILE_SIZE 'huge': must be a size such as \
                500MB or 1GiB";
    assert_eq!(ended.complaint(), told);
    // What is meant for the client is not for the server.
    server.env("CHATSHELF_SERVER_MAX_FILE_SIZE", "1MB").env("CHATSHELF_PORT", "x");
    server.env("CHATSHELF_SERVER_DATA_DIR", "a/b").env("CHATSHELF_SERVER_BIND", "192.0.2.1");
    let ended = run(&mut server);
    ended.has_code(1);
    assert!(ended.complaint().contains("try another --bind"), "{}", ended.stderr);
}
