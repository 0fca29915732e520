//! The load test's program, at a small scale: it measures, checks, and fails when it should.

use std::process::Command;

use chatshelf_testkit::fake_server::Nowhere;
use chatshelf_testkit::programs::{Ended, Program};

use crate::harness::programs;
use crate::harness::room::Room;

const SMALL: &str = "--clients 20 --messages 200 --uploads 6 --downloads 6 --file-size 100KiB";

fn command(options: &str) -> Command {
    let mut command = programs::load();
    command.args(options.split_whitespace());
    command
}

fn against(room: &Room, options: &str) -> Command {
    let mut command = command(options);
    let address = room.address();
    command.args(["--host", &address.ip().to_string(), "--port", &address.port().to_string()]);
    command
}

#[track_caller]
fn has_measured_all(ended: &Ended) {
    ended.has_code(0);
    let heads: Vec<&str> =
        ended.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let expected = ["joined", "memory", "busy", "quiet", "uploads", "downloads", "checked"];
    assert_eq!(heads, expected, "{}", ended.stdout);
    assert!(ended.line("joined").contains("20 clients"));
    assert!(ended.line("busy").contains("4,000 deliveries"));
    assert!(ended.line("checked").contains("6 downloads are byte-identical"));
}

#[test]
fn a_small_run_with_a_server_of_its_own_measures_and_checks_everything() {
    has_measured_all(&Program::run(&mut command(SMALL), ""));
}

#[test]
fn a_server_that_is_named_is_loaded_and_left_running() {
    let room = Room::open();
    has_measured_all(&Program::run(&mut against(&room, SMALL), ""));
    room.run("ada", "does it still serve?\n").has_code(0);
}

#[test]
fn clients_come_over_websocket_with_and_without_tls() {
    for options in ["--web", "--web --no-tls"] {
        has_measured_all(&Program::run(&mut command(&format!("{options} {SMALL}")), ""));
    }
    let room = Room::open_with(&["--web", "off"]);
    let ended = Program::run(&mut against(&room, "--web --no-tls --clients 1"), "");
    ended.has_code(1);
    assert!(ended.stderr.contains("client 0: the server closed it"), "{}", ended.stderr);
}

#[test]
fn attackers_are_counted_and_the_clients_beside_them_lose_nothing() {
    let options = format!("{SMALL} --slow 20 --deaf 5 --garbage 5");
    let ended = Program::run(&mut command(&options), "");
    ended.has_code(0);
    let line = ended.line("attackers");
    assert!(line.contains("20 slow, 5 deaf, 5 of garbage"), "{line}");
    let counts: Vec<usize> =
        line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    // 25 stay, and those of garbage are thrown out at once.
    assert!(counts[3] >= 30 && counts[4] >= 5, "{line}");
    assert!(ended.line("checked").contains("6 downloads are byte-identical"));
}

#[cfg(unix)]
#[test]
fn a_server_that_dies_meanwhile_is_a_failure_in_one_line() {
    let room = Room::open();
    let options = "--clients 20 --messages 10000000 --uploads 0";
    let mut load = Program::start(&mut against(&room, options));
    load.shows("memory");
    room.server.signal("KILL");
    let ended = load.wait();
    ended.has_code(1);
    let complaints: Vec<&str> =
        ended.stderr.lines().filter(|line| line.starts_with("chatshelf-load: ")).collect();
    assert_eq!(complaints.len(), 1, "{}", ended.stderr);
    assert!(!ended.stdout.contains("checked"));
}

#[test]
fn a_server_that_is_not_there_is_a_failure_in_one_line() {
    let nowhere = Nowhere::reserve();
    let options = format!("{SMALL} --host 127.0.0.1 --port {}", nowhere.address().port());
    let ended = Program::run(&mut command(&options), "");
    ended.has_code(1);
    assert!(ended.stderr.contains("chatshelf-load: "), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_mistake_on_its_command_line_is_one_line_and_exit_code_2() {
    for (options, named) in [("--clients 0", "clients"), ("--bogus", "bogus"), ("stray", "stray")] {
        let ended = Program::run(&mut command(options), "");
        ended.has_code(2);
        assert!(ended.complaint().contains(named), "{}", ended.stderr);
    }
}
