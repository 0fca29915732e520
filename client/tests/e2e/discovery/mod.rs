//! Rooms on the local network: found while they are announced and no longer, by ours and by another
//! implementation, on one machine and between two; and no reason to trust anyone.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_testkit::files::write_secret;
use chatshelf_testkit::proc_stats;
use chatshelf_testkit::programs::{Ended, Program, Server, command_of};
use chatshelf_testkit::wait::eventually;
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use serde_json::Value;

#[cfg(target_os = "linux")]
use crate::harness::network::Network;
use crate::harness::programs;
use crate::harness::terminal::Terminal;

/// A server that announces its room.
fn announced(data_dir: &Path, port: u16) -> (Server, Fingerprint) {
    let mut command = announcing(data_dir, port);
    let mut server = Server::run(command.args(["--bind", "0.0.0.0"]));
    let key = server.prints("chatshelf-server: its key is ");
    (server, key.split(';').next().unwrap().parse().unwrap())
}

fn announcing(data_dir: &Path, port: u16) -> Command {
    let mut command = command_of(programs::server());
    command.args(["--announce", "--port", &port.to_string(), "--data-dir"]).arg(data_dir);
    command
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// The room of this port, among those that are found.
fn find(command: &mut Command, port: u16) -> Option<Value> {
    let Ended { code, stdout, stderr } = Program::run(command.args(["find", "--json"]), "");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let rooms: Value = serde_json::from_str(&stdout).unwrap();
    rooms.as_array().unwrap().iter().find(|room| room["port"] == port).cloned()
}

#[test]
fn a_room_is_found_while_it_is_announced() {
    let dir = tempfile::tempdir().unwrap();
    let (server, key) = announced(dir.path(), 0);
    let port = server.address().port();
    let room = eventually("the room", || find(&mut programs::client(), port));
    assert_eq!(room["key"], key.short());
    assert!(room["name"].as_str().unwrap().ends_with(&format!(" {port}")), "{room}");
    let shown = eventually("the room in the table", || {
        let ended = Program::run(programs::client().arg("find"), "");
        let is_of_room = |line: &&str| line.contains(&key.short());
        ended.stdout.lines().find(is_of_room).map(str::to_owned)
    });
    // Another test's room may have a longer address, and make the column wider.
    assert!(shown.contains(&format!(":{port} ")) && shown.contains(" key "), "{shown}");
    server.end_well();
    assert_eq!(find(&mut programs::client(), port), None, "its end was told");
}

/// A message with records that nobody has asked for, of names that nobody has.
fn invented(from: u32, count: u16) -> Vec<u8> {
    let mut message = [0, 0x8400, 0, count, 0, 0].map(u16::to_be_bytes).concat();
    for number in from..from + u32::from(count) {
        let label = format!("x{number}");
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
        message.extend(b"\x02_a\x04_tcp\x05local\0");
        // SRV, IN, a time to live of 68 years, and the place h.local.
        message.extend(b"\0\x21\0\x01\x7f\xff\xff\xff\0\x0f\0\0\0\0\0\x09\x01h\x05local\0");
    }
    message
}

#[cfg(target_os = "linux")]
#[test]
fn records_that_others_invent_take_no_memory_of_the_server() {
    const MESSAGES: u32 = 2_000;
    const GROWTH_KIB_MAX: u64 = 4 * 1024;
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = announced(dir.path(), 0);
    let port = server.address().port();
    eventually("the room", || find(&mut programs::client(), port));
    let before = proc_stats::memory_kib(server.pid()).unwrap();
    let socket = UdpSocket::bind(("0.0.0.0", 0)).unwrap();
    for number in 0..MESSAGES {
        let message = invented(number * 40, 40);
        socket.send_to(&message, ("224.0.0.251", 5353)).unwrap();
        if number % 20 == 0 {
            // Or they would be lost on the way.
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    eventually("the room", || find(&mut programs::client(), port));
    let growth = proc_stats::memory_kib(server.pid()).unwrap().saturating_sub(before);
    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB for {} records", MESSAGES * 40);
    server.end_well();
}

#[cfg(unix)]
#[test]
fn a_key_that_is_read_again_is_announced() {
    let dir = tempfile::tempdir().unwrap();
    let write = |key: &KeyPair| {
        let cert = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let cert = cert.self_signed(key).unwrap();
        std::fs::write(dir.path().join("cert.pem"), cert.pem()).unwrap();
        write_secret(&dir.path().join("key.pem"), &key.serialize_pem());
        Fingerprint::of(&PublicKeyData::subject_public_key_info(key)).short()
    };
    let first = write(&KeyPair::generate().unwrap());
    let mut command = announcing(&dir.path().join("data"), 0);
    command.args(["--bind", "0.0.0.0", "--tls-cert"]).arg(dir.path().join("cert.pem"));
    let server = Server::run(command.arg("--tls-key").arg(dir.path().join("key.pem")));
    let port = server.address().port();
    let is_announced = |key: &str| {
        let room = find(&mut programs::client(), port);
        room.filter(|room| room["key"] == key).map(drop)
    };
    eventually("the first key", || is_announced(&first));
    let second = write(&KeyPair::generate().unwrap());
    server.signal("HUP");
    eventually("the second key", || is_announced(&second));
    server.end_well();
}

#[test]
fn what_only_this_machine_reaches_is_not_announced() {
    let dir = tempfile::tempdir().unwrap();
    let ended = Program::run(announcing(dir.path(), 0).args(["--bind", "127.0.0.1"]), "");
    ended.has_code(1);
    assert!(ended.complaint().contains("only this machine can reach it"), "{}", ended.stderr);
}

/// A client that nobody has told of a server, once it shows what it has found: the number and the
/// address of the room with this key.
fn offered(dir: &Path, here: u16, key: &Fingerprint) -> (Terminal, String, SocketAddr) {
    let mut command = programs::client();
    command.args(["--port", &here.to_string(), "--name", "ada", "--plain"]);
    command.current_dir(dir).env("CHATSHELF_STATE_DIR", dir.join("state"));
    let screen = Terminal::start(&command);
    screen.shows("No server answers on this machine");
    screen.shows("Join which? [1]");
    let shown = screen.screen();
    let line = shown.lines().find(|line| line.contains(&key.short()));
    let line = line.unwrap_or_else(|| panic!("{key} is not in {shown}"));
    let number = line.split_whitespace().next().unwrap().to_owned();
    let address = line.split_whitespace().find_map(|word| word.parse().ok());
    (screen, number, address.unwrap_or_else(|| panic!("no address in {line}")))
}

/// Says yes to the key, if it is asked about: it is not on this machine, whose servers are trusted.
fn goes_in(screen: &mut Terminal) {
    let is_asked = eventually("a question or the room", || {
        let shown = screen.screen();
        let is_in = shown.contains("welcome, ada");
        (is_in || shown.contains("Type yes or no:")).then_some(!is_in)
    });
    if is_asked {
        screen.types("yes\r");
    }
    screen.shows("welcome, ada");
    screen.types("/quit\r");
    assert_eq!(screen.wait(), 0);
}

#[test]
fn who_names_no_host_is_offered_what_is_found_and_a_pin_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (server, key) = announced(&dir.path().join("one"), 0);
    let port = server.address().port();
    let (mut screen, number, address) = offered(dir.path(), free_port(), &key);
    screen.types("x\r");
    screen.shows("Type a number from 1 to ");
    screen.types(&format!("{number}\r"));
    goes_in(&mut screen);
    server.end_well();

    let (impostor, other_key) = announced(&dir.path().join("two"), port);
    let (mut screen, number, other_address) = offered(dir.path(), free_port(), &other_key);
    if other_address != address {
        // A machine has several, and which of them answers first is chance.
        let known_hosts = dir.path().join("state/known_hosts");
        let mut known_hosts = OpenOptions::new().append(true).open(known_hosts).unwrap();
        writeln!(known_hosts, "{other_address} tls {key}").unwrap();
    }
    screen.types(&format!("{number}\r"));
    screen.shows("has changed");
    assert_eq!(screen.wait(), 3);
    impostor.end_well();
}

/// The Python that has the other implementation; none, with a word about it, where there is none.
fn python() -> Option<Command> {
    let python = std::env::var_os("CHATSHELF_TEST_PYTHON").filter(|it| !it.is_empty());
    let python = python.unwrap_or("python3".into());
    let mut asked = command_of(&python);
    let is_here =
        asked.args(["-c", "import zeroconf"]).output().is_ok_and(|it| it.status.success());
    if !is_here {
        println!("Python has no zeroconf, so this test checks nothing (make tools)");
        return None;
    }
    let mut command = command_of(python);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/discovery/independent.py");
    command.arg(script);
    Some(command)
}

#[test]
fn another_implementation_finds_our_rooms_and_we_find_its() {
    let (Some(mut browser), Some(mut announcer)) = (python(), python()) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut browser = Program::start(browser.arg("browse"));
    let (server, key) = announced(dir.path(), 0);
    let port = server.address().port();
    browser.shows(&format!(" {port}: {port} fp={} txtvers=1 v=1", key.short()));
    server.end_well();
    browser.shows(&format!("gone {}", own_name(port)));
    browser.close_input();
    browser.wait().has_code(0);

    let port = free_port();
    let name = format!("an independent one {port}");
    let mut announcer = Program::start(announcer.args(["announce", &name, &port.to_string()]));
    announcer.shows("announced");
    let room = eventually("the room", || find(&mut programs::client(), port));
    let expected = serde_json::json!({
        "name": name, "host": "198.51.100.7", "port": port, "key": "SHA256:AbCdEfGhIjKl",
    });
    assert_eq!(room, expected);
    announcer.close_input();
    announcer.wait().has_code(0);
}

/// What a server on this port calls its room.
fn own_name(port: u16) -> String {
    let name = Program::run(command_of("uname").arg("-n"), "").stdout;
    format!("{} {port}", name.trim().split('.').next().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn a_room_is_found_and_joined_from_another_machine() {
    let Some(network) = Network::make() else { return };
    let dir = tempfile::tempdir().unwrap();
    let command = announcing(&dir.path().join("data"), 9000);
    let mut server = Server::run(&mut network.on(0, &command));
    let key = server.prints("chatshelf-server: its key is ");
    let link = key.split_once("link: ").unwrap().1.trim().to_owned();
    assert!(link.starts_with("chatshelf://198.18.0.1:9000#"), "the best address: {link}");
    let room = eventually("the room", || find(&mut network.on(1, &programs::client()), 9000));
    assert_eq!(room["host"], "198.18.0.1");
    let say = |host: &str| {
        let mut client = programs::client();
        client.args(["--host", host, "send", "hello from there"]);
        client.env("CHATSHELF_STATE_DIR", dir.path().join("state"));
        Program::run(&mut network.on(1, &client), "")
    };
    say("198.18.0.1").has_code(3);
    say(&link).has_code(0);
    server.end_well();
}
