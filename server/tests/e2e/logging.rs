//! The log: what is said at which level, in which form, and how little of it an attacker can cause.

use std::net::SocketAddr;

use chatshelf_common::id::ItemId;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Drop;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::{Ended, Program, Server, server_command};
use serde_json::Value;

use crate::harness::{Home, binary};

/// Lines of one kind within a minute (OPERATIONS.md, `PEER_LINES_MAX`).
#[cfg(unix)]
const PEER_LINES_MAX: usize = 120;

/// A talk and a file, somebody who breaks the rules, and the end.
fn live(home: &Home, options: &[&str]) -> (SocketAddr, Ended) {
    let server = home.start(options);
    let mut ada = Peer::join(server.address(), "ada");
    ada.say_and_hear("a secret");
    let item = ada.upload("notes.txt", b"hello shelf\n");
    ada.send(&Drop { item: ItemId(77), key: None });
    assert_eq!(ada.refused().code, Code::ITEM_UNKNOWN);
    let mut stranger = Peer::connect(server.address());
    stranger.send_bytes(b"is this a room?\r\n\r\n");
    assert_eq!(stranger.goodbye().code, Code::NOT_CHATSHELF);
    ada.send(&Drop { item, key: None });
    let mut bob = Peer::join(server.address(), "bob");
    ada.try_leave().unwrap();
    bob.sees_leave("ada");
    let address = server.address();
    (address, stopped(server))
}

fn stopped(server: Server) -> Ended {
    #[cfg(unix)]
    {
        server.ask_to_end();
        let ended = server.wait();
        ended.has_code(0);
        ended
    }
    #[cfg(not(unix))]
    server.kill()
}

/// The lines of a log in JSON, each parsed.
#[track_caller]
fn parsed(log: &str) -> Vec<Value> {
    let parse = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        for key in ["time", "level", "target", "message"] {
            assert!(value[key].is_string(), "no {key}: {line}");
        }
        value
    };
    log.lines().map(parse).collect()
}

/// The one line with this message.
#[track_caller]
fn line<'a>(log: &'a [Value], message: &str) -> &'a Value {
    let is_meant = |it: &&Value| it["message"].as_str().unwrap().contains(message);
    let found: Vec<_> = log.iter().filter(is_meant).collect();
    assert_eq!(found.len(), 1, "{message:?} in {log:#?}");
    found[0]
}

#[test]
fn at_info_there_is_a_line_for_each_thing_that_happens() {
    let home = Home::new();
    let (address, ended) = live(&home, &["--log-level", "info", "--log-format", "json"]);
    let log = parsed(&ended.stderr);
    assert!(log.iter().all(|line| line["level"] == "info"), "{log:#?}");
    let start = line(&log, "has started");
    assert_eq!(start["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(start["address"], address.to_string());
    assert_eq!(start["data_dir"], home.data_dir().to_str().unwrap());
    let joined = line(&log, "ada joined from 127.0.0.1:");
    assert_eq!(joined["nick"], "ada");
    assert!(joined["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{joined}");
    assert!(joined["target"].as_str().unwrap().starts_with("chatshelf_server::"), "{joined}");
    let shelved = line(&log, "item 1 is on the shelf: notes.txt, 12 bytes, from ada");
    let fields = (&shelved["item"], &shelved["name"], &shelved["size"], &shelved["nick"]);
    assert_eq!(fields, (&1.into(), &"notes.txt".into(), &12.into(), &"ada".into()));
    let refused = line(&log, "refused: ITEM_UNKNOWN (ada)");
    assert_eq!((&refused["code"], &refused["nick"]), (&"ITEM_UNKNOWN".into(), &"ada".into()));
    assert_eq!(refused["address"], joined["address"]);
    assert_eq!(line(&log, "closed: NOT_CHATSHELF")["code"], "NOT_CHATSHELF");
    let dropped = line(&log, "item 1 was dropped by ada: notes.txt");
    assert_eq!((&dropped["item"], &dropped["nick"]), (&1.into(), &"ada".into()));
    let left = line(&log, "ada left: LEFT");
    assert_eq!((&left["code"], &left["nick"]), (&"LEFT".into(), &"ada".into()));
    if cfg!(unix) {
        line(&log, "stopping on request");
        line(&log, "stopped; served: ");
    }
    assert!(!ended.stderr.contains("secret"), "talk is never logged");
    let members: Vec<_> = log.iter().filter(|it| it["nick"] == "bob").collect();
    assert_eq!(members.len(), 1, "at the end nobody is said to leave: {members:#?}");
}

#[test]
fn a_text_says_the_same_and_talk_is_not_logged_at_any_level() {
    let home = Home::new();
    let (_, ended) = live(&home, &["--log-level", "trace"]);
    for told in ["INFO ", "DEBUG", "] ada joined from 127.0.0.1:", "] ada left: LEFT"] {
        assert!(ended.stderr.contains(told), "{told:?} is not in {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
}

#[test]
fn by_default_a_room_that_is_well_logs_nothing() {
    let home = Home::new();
    let (_, ended) = live(&home, &[]);
    assert_eq!(ended.stderr, "");
}

/// What a server logs that has only started and stopped.
#[cfg(unix)]
fn log_of(home: &Home, options: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = server_command(binary(), &home.data_dir());
    command.args(["--bind", "127.0.0.1"]).args(options).envs(variables.iter().copied());
    stopped(Server::run(&mut command)).stderr
}

#[cfg(unix)]
#[test]
fn rust_log_overrides_every_level_but_that_of_the_command_line() {
    let home = Home::new();
    for (options, variables, is_logged) in [
        (&[][..], &[("CHATSHELF_SERVER_LOG_LEVEL", "info")][..], true),
        (&[], &[("CHATSHELF_SERVER_LOG_LEVEL", "info"), ("RUST_LOG", "warn")], false),
        (&["--log-level", "info"], &[("RUST_LOG", "warn")], true),
        (&["--log-level", "warn"], &[("RUST_LOG", "info")], false),
        (&[], &[("RUST_LOG", "info")], true),
        (&["--log-level", "info"], &[("CHATSHELF_SERVER_LOG_LEVEL", "error")], true),
        (&[], &[("CHATSHELF_SERVER_LOG_LEVEL", "info"), ("RUST_LOG", "")], true),
    ] {
        let log = log_of(&home, options, variables);
        assert_eq!(log.contains("has started"), is_logged, "{options:?} {variables:?}: {log}");
    }
}

#[cfg(unix)]
#[test]
fn level_and_form_can_change_while_it_runs() {
    use crate::harness::place::Place;
    let place = Place::with("bind = 127.0.0.1\nport = 0\ndata-dir = data\n");
    let server = Server::run(&mut place.server(&[]));
    Peer::join(server.address(), "ada").say_and_hear("unnoticed");
    place.write(
        "bind = 127.0.0.1\nport = 0\ndata-dir = data\nlog-level = info\nlog-format = json\n",
    );
    server.signal("HUP");
    server.logs("settings reloaded: ");
    Peer::join(server.address(), "bob").say_and_hear("noticed");
    server.logs("bob joined");
    let ended = stopped(server);
    let log = parsed(&ended.stderr);
    line(
        &log,
        "settings reloaded: log-format json instead of text, log-level info instead of warn",
    );
    line(&log, "bob joined");
    assert!(!ended.stderr.contains("ada joined"));
}

/// A path may contain what a nick or the name of an item may not.
#[cfg(unix)]
#[test]
fn nothing_can_forge_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data\n[2026-11-29T00:00:00Z ERROR forged] \u{1b}[2J\u{9b}1m");
    for (format, lines) in [("text", 3), ("json", 3)] {
        let mut command = server_command(binary(), &path);
        let options = ["--bind", "127.0.0.1", "--log-level", "info", "--log-format", format];
        let ended = stopped(Server::run(command.args(options)));
        assert_eq!(ended.stderr.lines().count(), lines, "{}", ended.stderr);
        assert!(ended.stderr.contains("forged"), "{}", ended.stderr);
        assert!(!ended.stderr.contains(|c: char| c.is_control() && c != '\n'));
        if format == "json" {
            let log = parsed(&ended.stderr);
            assert_eq!(line(&log, "has started")["data_dir"], path.to_str().unwrap());
        }
    }
}

#[test]
fn in_json_an_error_at_the_start_is_a_line_as_well() {
    let home = Home::new();
    std::fs::write(home.data_dir(), "a file, not a folder").unwrap();
    let mut command = server_command(binary(), &home.data_dir());
    let ended = Program::run(command.args(["--log-format", "json"]), "");
    ended.has_code(1);
    let log = parsed(&ended.stderr);
    assert_eq!(line(&log, "cannot use the data directory")["level"], "error");
    assert_eq!(log.len(), 1);
}

/// Lines of a log that say this.
#[cfg(unix)]
fn count(log: &str, what: &str) -> usize {
    log.lines().filter(|line| line.contains(what)).count()
}

#[cfg(unix)]
#[test]
fn a_flood_is_counted_and_hides_nothing_else() {
    const TIMES: usize = 300;
    let home = Home::new();
    let server = home.start(&["--log-level", "info"]);
    let mut ada = Peer::join(server.address(), "ada");
    for _ in 0..TIMES {
        ada.send(&Drop { item: ItemId(77), key: None });
        ada.refused();
    }
    // Beside that, others are still logged.
    let item = ada.upload("notes.txt", b"hello shelf\n");
    for number in 0..TIMES {
        let mut guest = Peer::join(server.address(), &format!("guest{number}"));
        guest.try_leave().unwrap();
        let mut stranger = Peer::connect(server.address());
        stranger.send_bytes(b"is this a room?\r\n\r\n");
        stranger.goodbye();
    }
    ada.download(item);
    drop(ada);
    let log = stopped(server).stderr;
    // Nothing is lost: what is not logged is counted. Each further minute brings as many lines.
    for (line, kind, times) in [
        ("refused: ", "refusals", TIMES),
        (" joined from ", "joins", TIMES + 1),
        (" left: LEFT", "leaves", TIMES),
        ("closed: NOT_CHATSHELF", "closed connections", TIMES),
    ] {
        let (logged, counted) = (count(&log, line), counted(&log, kind));
        assert!(logged >= PEER_LINES_MAX && counted > 0, "{line}: {logged}, {counted}");
        assert_eq!(logged + counted, times, "{line}");
    }
    assert_eq!(count(&log, "is on the shelf: notes.txt"), 1);
}

/// How many lines of a kind are said to be not logged.
#[cfg(unix)]
fn counted(log: &str, kind: &str) -> usize {
    let sums =
        log.lines().filter_map(|line| line.split_once("not logged one by one")?.1.split_once(": "));
    let parts = sums.flat_map(|(_, sum)| sum.split(", "));
    let numbers = parts.filter_map(|part| part.strip_suffix(kind)?.trim().parse::<usize>().ok());
    numbers.sum()
}
